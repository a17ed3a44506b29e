DO $$ BEGIN
    CREATE ROLE "pgsnap_Odd ""member""" LOGIN NOINHERIT CONNECTION LIMIT 3 VALID UNTIL '2040-01-01';
    CREATE ROLE pgsnap_group;
    ALTER ROLE "pgsnap_Odd ""member""" SET search_path = "$user", "Odd, schema", public;
    COMMENT ON ROLE pgsnap_group IS 'It''s a \ backslash, a "quote",
a new line';
    GRANT pgsnap_group TO "pgsnap_Odd ""member""" WITH ADMIN OPTION;
    GRANT pg_monitor TO pgsnap_group;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
CREATE TABLE public.owned (id integer);
ALTER TABLE public.owned OWNER TO pgsnap_group;
