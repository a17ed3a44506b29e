DO $$ BEGIN CREATE ROLE pgsnap_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA "Odd schema";
CREATE TYPE public.float_range AS RANGE (subtype = double precision, subtype_diff = float8mi);
CREATE FUNCTION "Odd schema"."Diff of"(text, text) RETURNS double precision LANGUAGE sql IMMUTABLE
    AS 'SELECT (length($1) - length($2))::double precision';
CREATE TYPE "Odd schema"."Text ""range""" AS RANGE (subtype = text, subtype_opclass = text_pattern_ops,
    collation = "C", subtype_diff = "Odd schema"."Diff of");
CREATE FUNCTION public.takes_range("Odd schema"."Text ""range""") RETURNS text LANGUAGE sql AS 'SELECT lower($1)';
ALTER TYPE public.float_range OWNER TO pgsnap_owner;
COMMENT ON TYPE public.float_range IS 'a range';
REVOKE USAGE ON TYPE public.float_range FROM PUBLIC;
