/*
 * Two providers of security labels that accept every label. PostgreSQL's own test module for this is in no package, and
 * the servers come without headers: what is declared here is all that a library has to say (PostgreSQL 13 to 18, fmgr.h and
 * seclabel.h). MAJOR is the server's major version.
 */
struct magic {
	int length;
	int version;
	int max_arguments;
	int max_index_keys;
	int name_length;
	int float8_by_value;
#if MAJOR >= 15
	char abi[32];
#endif
#if MAJOR >= 18
	const char *name;
	const char *library_version;
#endif
};

const struct magic *Pg_magic_func(void);
const struct magic *Pg_magic_func(void)
{
	static const struct magic values = {
		.length = sizeof(struct magic),
		.version = MAJOR * 100,
		.max_arguments = 100,
		.max_index_keys = 32,
		.name_length = 64,
		.float8_by_value = 1,
#if MAJOR >= 15
		.abi = "PostgreSQL",
#endif
	};
	return &values;
}

void register_label_provider(const char *name, void (*check)(const void *object, const char *label));

static void accept(const void *object, const char *label)
{
	(void) object;
	(void) label;
}

void _PG_init(void);
void _PG_init(void)
{
	register_label_provider("pgsnap", accept);
	register_label_provider("Odd \"one\"", accept);
}
