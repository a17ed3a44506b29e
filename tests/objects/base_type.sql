DO $$ BEGIN CREATE ROLE pgsnap_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE pgsnap_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA "Odd one";
CREATE TYPE "Odd one"."Whole number";
CREATE FUNCTION "Odd one"."read it"(cstring) RETURNS "Odd one"."Whole number" LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION "Odd one"."show it"("Odd one"."Whole number") RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE FUNCTION "Odd one".recv(internal) RETURNS "Odd one"."Whole number" LANGUAGE internal IMMUTABLE STRICT AS 'int4recv';
CREATE FUNCTION "Odd one".send("Odd one"."Whole number") RETURNS bytea LANGUAGE internal IMMUTABLE STRICT AS 'int4send';
CREATE TYPE "Odd one"."Whole number" (INPUT = "Odd one"."read it", OUTPUT = "Odd one"."show it", RECEIVE = "Odd one".recv,
    SEND = "Odd one".send, INTERNALLENGTH = 4, PASSEDBYVALUE, ALIGNMENT = int4, DEFAULT = '7', CATEGORY = 'N', PREFERRED = true,
    DELIMITER = ';');
CREATE TYPE public.words;
CREATE FUNCTION public.words_in(cstring, oid, integer) RETURNS public.words LANGUAGE internal IMMUTABLE STRICT AS 'varcharin';
CREATE FUNCTION public.words_out(public.words) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'varcharout';
CREATE FUNCTION public.words_typmod_in(cstring[]) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'varchartypmodin';
CREATE FUNCTION public.words_typmod_out(integer) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'varchartypmodout';
CREATE FUNCTION public.words_analyze(internal) RETURNS boolean LANGUAGE internal STRICT AS 'array_typanalyze';
CREATE TYPE public.words (INPUT = public.words_in, OUTPUT = public.words_out, TYPMOD_IN = public.words_typmod_in,
    TYPMOD_OUT = public.words_typmod_out, ANALYZE = public.words_analyze, INTERNALLENGTH = variable, STORAGE = extended,
    COLLATABLE = true);
CREATE TYPE public.two_floats;
CREATE FUNCTION public.two_in(cstring) RETURNS public.two_floats LANGUAGE internal IMMUTABLE STRICT AS 'point_in';
CREATE FUNCTION public.two_out(public.two_floats) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'point_out';
CREATE TYPE public.two_floats (INPUT = public.two_in, OUTPUT = public.two_out, INTERNALLENGTH = 16, ALIGNMENT = double, ELEMENT = float8,
    CATEGORY = 'G');
-- Nobody has filled it.
DO $$ BEGIN CREATE ROLE pgsnap_shell; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE TYPE public.shell_only;
ALTER TYPE public.shell_only OWNER TO pgsnap_shell;
-- Older servers refuse that.
DO $$ BEGIN REVOKE ALL ON TYPE public.shell_only FROM PUBLIC; EXCEPTION WHEN undefined_object THEN NULL; END $$;
CREATE FUNCTION public.of_shell(public.shell_only) RETURNS integer LANGUAGE internal STRICT AS 'int4out';
COMMENT ON TYPE "Odd one"."Whole number" IS 'it''s a number';
ALTER TYPE "Odd one"."Whole number" OWNER TO pgsnap_owner;
REVOKE USAGE ON TYPE public.two_floats FROM PUBLIC;
GRANT USAGE ON TYPE public.two_floats TO pgsnap_reader;
CREATE FUNCTION public.plus("Odd one"."Whole number", "Odd one"."Whole number") RETURNS "Odd one"."Whole number"
    LANGUAGE internal IMMUTABLE STRICT AS 'int4pl';
CREATE TABLE public.t (a "Odd one"."Whole number" DEFAULT '3', b public.words(20), c public.two_floats, d "Odd one"."Whole number"[],
    e public.words[]);
CREATE CAST (integer AS "Odd one"."Whole number") WITHOUT FUNCTION AS IMPLICIT;
CREATE DOMAIN public.dom AS public.words;
INSERT INTO public.t VALUES ('1', 'two words', '(1,2)', '{4;5}', '{a,"b c"}'), (NULL, NULL, NULL, NULL, NULL);
