-- Contents: none, a byte, all byte values, a whole piece of the archive, one byte more, holes before, between and behind.
DO $$ BEGIN CREATE ROLE pgsnap_keeper; EXCEPTION WHEN duplicate_object THEN END $$;
DO $$ BEGIN CREATE ROLE "pgsnap Odd ""reader"""; EXCEPTION WHEN duplicate_object THEN END $$;
SELECT lo_create(7);
SELECT lo_from_bytea(16384, '\x00');
SELECT lo_from_bytea(16385, decode(string_agg(lpad(to_hex(i % 256), 2, '0'), ''), 'hex')) FROM generate_series(0, 5000) i;
SELECT lo_from_bytea(20000, decode(repeat('61', 1048576), 'hex'));
SELECT lo_from_bytea(20001, decode(repeat('62', 1048577), 'hex'));
SELECT lo_from_bytea(20002, decode(repeat('00', 1048576), 'hex'));
SELECT lo_create(20003), lo_put(20003, 3000001, 'behind a hole');
SELECT lo_from_bytea(20004, 'a'), lo_put(20004, 2200000, 'z');
BEGIN;
SELECT lo_truncate64(lo_open(lo_from_bytea(20005, 'before a hole'), 131072), 2100000);
COMMIT;
SELECT lo_from_bytea(4294967295, 'the last OID');
ALTER LARGE OBJECT 7 OWNER TO pgsnap_keeper;
ALTER LARGE OBJECT 20001 OWNER TO pgsnap_keeper;
GRANT SELECT ON LARGE OBJECT 7 TO PUBLIC;
GRANT ALL ON LARGE OBJECT 16384 TO pgsnap_keeper WITH GRANT OPTION;
GRANT UPDATE ON LARGE OBJECT 16385 TO "pgsnap Odd ""reader""";
REVOKE ALL ON LARGE OBJECT 20000 FROM CURRENT_USER;
SET SESSION AUTHORIZATION pgsnap_keeper;
GRANT SELECT ON LARGE OBJECT 16384 TO "pgsnap Odd ""reader""";
RESET SESSION AUTHORIZATION;
COMMENT ON LARGE OBJECT 7 IS 'It''s \ empty';
COMMENT ON LARGE OBJECT 4294967295 IS 'the last one';
-- A column of OIDs is an ordinary column.
CREATE TABLE documents (id integer, content oid);
INSERT INTO documents VALUES (1, 7), (2, 4294967295);
