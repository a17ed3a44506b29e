DO $$ BEGIN CREATE ROLE pgsnap_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE pgsnap_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA "Odd schema";
CREATE FUNCTION public.plain() RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION "Odd schema"."F ""f"" 'q'"("A b" integer, OUT x text, INOUT "select" text DEFAULT 'it''s \ ', VARIADIC rest text[] DEFAULT '{}')
    RETURNS record LANGUAGE plpgsql AS $$ BEGIN x := '$function$'; END $$;
CREATE FUNCTION public.everything(a integer, b integer DEFAULT 1 + 1) RETURNS SETOF integer LANGUAGE sql
    STABLE STRICT SECURITY DEFINER LEAKPROOF PARALLEL SAFE COST 7 ROWS 42
    SET search_path TO "Odd schema", 'it''s', pg_temp SET work_mem TO '7MB' SET "my.setting" TO 'x y'
    AS $$ SELECT a UNION ALL SELECT b $$;
CREATE FUNCTION public.as_table(IN n integer) RETURNS TABLE ("Col 1" integer, c2 text) LANGUAGE sql
    AS $$ SELECT n, 'x' $$;
CREATE FUNCTION public.internal_one(integer) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'int4abs';
CREATE FUNCTION public.windowed(anyelement) RETURNS anyelement LANGUAGE internal WINDOW AS 'window_first_value';
CREATE FUNCTION public.helped(integer) RETURNS boolean LANGUAGE plpgsql SUPPORT pg_catalog.generate_series_int4_support
    AS 'BEGIN RETURN $1 > 0; END';
CREATE PROCEDURE "Odd schema".do_it(a integer, INOUT b text) LANGUAGE plpgsql SET work_mem FROM CURRENT
    AS $_$ BEGIN b := '$$'; COMMIT; END $_$;
CREATE FUNCTION public.overloaded(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.overloaded(text) RETURNS integer LANGUAGE sql AS 'SELECT 2';
-- Arguments of a table's row type, results of a type that sorts behind the function.
CREATE TABLE public.rows (id integer);
CREATE FUNCTION public.of_rows(public.rows) RETURNS SETOF public.rows LANGUAGE sql AS 'SELECT $1';
ALTER FUNCTION public.overloaded(text) OWNER TO pgsnap_owner;
COMMENT ON FUNCTION public.overloaded(text) IS 'the second';
COMMENT ON PROCEDURE "Odd schema".do_it(integer, text) IS 'a procedure';
REVOKE EXECUTE ON FUNCTION public.overloaded(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.overloaded(text) TO pgsnap_reader WITH GRANT OPTION;
REVOKE ALL ON FUNCTION public.plain() FROM PUBLIC, CURRENT_USER;
GRANT EXECUTE ON PROCEDURE "Odd schema".do_it(integer, text) TO pgsnap_owner;
