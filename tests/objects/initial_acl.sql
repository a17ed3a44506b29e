-- Privileges on what others bring: the system's relations and the members of extensions, whole and by column.
DO $$ BEGIN CREATE ROLE pgsnap_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT INSERT ON pg_catalog.pg_class TO pgsnap_reader;
GRANT UPDATE (relname) ON pg_catalog.pg_class TO pgsnap_reader;
-- Taken away, too.
REVOKE SELECT (subname) ON pg_catalog.pg_subscription FROM PUBLIC;
REVOKE SELECT ON pg_catalog.pg_language FROM PUBLIC;
GRANT SELECT (tableoid, lanname) ON pg_catalog.pg_language TO PUBLIC;
CREATE EXTENSION citext;
CREATE EXTENSION pg_stat_statements;
GRANT EXECUTE ON FUNCTION public.citext_eq(citext, citext) TO pgsnap_reader WITH GRANT OPTION;
REVOKE EXECUTE ON FUNCTION public.citext_ne(citext, citext) FROM PUBLIC;
REVOKE ALL ON public.pg_stat_statements FROM PUBLIC;
REVOKE USAGE ON TYPE public.citext FROM PUBLIC;
GRANT USAGE ON TYPE public.citext TO pgsnap_reader;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text) TO pgsnap_reader;
REVOKE EXECUTE ON FUNCTION pg_catalog.now() FROM PUBLIC;
GRANT CREATE ON SCHEMA pg_catalog TO pgsnap_reader;
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
GRANT SELECT (query, userid) ON public.pg_stat_statements TO pgsnap_reader;
