-- Privileges on what others bring: the system's relations and the members of extensions, whole and by column.
-- uncovered: privileges on table pg_catalog.pg_class
-- uncovered: privileges on table column pg_catalog.pg_class.relname
-- uncovered: privileges on table column pg_catalog.pg_subscription.subname
-- uncovered: privileges on table public.member
-- uncovered: privileges on table column public.member."B b"
DO $$ BEGIN CREATE ROLE pgsnap_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT INSERT ON pg_catalog.pg_class TO pgsnap_reader;
GRANT UPDATE (relname) ON pg_catalog.pg_class TO pgsnap_reader;
-- Taken away, too.
REVOKE SELECT (subname) ON pg_catalog.pg_subscription FROM PUBLIC;
CREATE EXTENSION citext;
CREATE TABLE public.member (a integer, "B b" integer, c integer);
GRANT SELECT (c) ON public.member TO pgsnap_reader;
ALTER EXTENSION citext ADD TABLE public.member;
GRANT SELECT ON public.member TO pgsnap_reader;
GRANT UPDATE ("B b") ON public.member TO pgsnap_reader;
