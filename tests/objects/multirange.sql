-- min: 14
CREATE SCHEMA "Odd schema";
CREATE TYPE public.spans AS RANGE (subtype = date, multirange_type_name = "Odd schema"."Many spans");
CREATE TABLE public.holds (id integer, spans public.spans, many "Odd schema"."Many spans", more "Odd schema"."Many spans"[]);
INSERT INTO public.holds VALUES (1, '[2020-01-01,2020-02-01)', '{[2020-01-01,2020-02-01)}', '{"{[2020-01-01,2020-02-01)}"}');
-- Until 16 a multirange type has privileges of its own, which pg_dump leaves out.
DO $$ BEGIN CREATE ROLE pgsnap_multirange; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE TYPE public.guarded AS RANGE (subtype = int, multirange_type_name = public.guarded_multirange);
REVOKE ALL ON TYPE public.guarded FROM PUBLIC;
DO $$ BEGIN
    GRANT USAGE ON TYPE public.guarded_multirange TO pgsnap_multirange;
EXCEPTION WHEN invalid_grant_operation THEN NULL;
END $$;
