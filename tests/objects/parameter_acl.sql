-- min: 15
DO $$ BEGIN
    CREATE ROLE pgsnap_setter;
    GRANT SET ON PARAMETER log_statement TO pgsnap_setter;
    GRANT SET, ALTER SYSTEM ON PARAMETER "pgsnap.Odd" TO pgsnap_setter WITH GRANT OPTION;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
CREATE TABLE public.owned (id integer);
ALTER TABLE public.owned OWNER TO pgsnap_setter;
