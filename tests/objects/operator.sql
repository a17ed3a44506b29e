DO $$ BEGIN CREATE ROLE pgsnap_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA "Odd one";
CREATE TYPE "Odd one".pair AS (a integer, b integer);
CREATE FUNCTION "Odd one".lt("Odd one".pair, "Odd one".pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.a < $2.a';
CREATE FUNCTION "Odd one".le("Odd one".pair, "Odd one".pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.a <= $2.a';
CREATE FUNCTION "Odd one".eq("Odd one".pair, "Odd one".pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.a = $2.a';
CREATE FUNCTION "Odd one".ne("Odd one".pair, "Odd one".pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.a <> $2.a';
CREATE FUNCTION "Odd one".ge("Odd one".pair, "Odd one".pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.a >= $2.a';
CREATE FUNCTION "Odd one".gt("Odd one".pair, "Odd one".pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.a > $2.a';
CREATE FUNCTION "Odd one"."c mp"("Odd one".pair, "Odd one".pair) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1.a - $2.a';
CREATE FUNCTION "Odd one".cmp_int("Odd one".pair, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1.a - $2';
CREATE FUNCTION "Odd one".lt_int("Odd one".pair, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.a < $2';
CREATE FUNCTION "Odd one".hash("Odd one".pair) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1.a';
CREATE FUNCTION "Odd one".distance(point, point) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 1.0::float8';
CREATE OPERATOR "Odd one".< (FUNCTION = "Odd one".lt, LEFTARG = "Odd one".pair, RIGHTARG = "Odd one".pair,
    COMMUTATOR = OPERATOR("Odd one".>), NEGATOR = OPERATOR("Odd one".>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR "Odd one".<= (FUNCTION = "Odd one".le, LEFTARG = "Odd one".pair, RIGHTARG = "Odd one".pair);
CREATE OPERATOR "Odd one".= (FUNCTION = "Odd one".eq, LEFTARG = "Odd one".pair, RIGHTARG = "Odd one".pair,
    COMMUTATOR = OPERATOR("Odd one".=), NEGATOR = OPERATOR("Odd one".<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR "Odd one".<> (FUNCTION = "Odd one".ne, LEFTARG = "Odd one".pair, RIGHTARG = "Odd one".pair,
    NEGATOR = OPERATOR("Odd one".=));
CREATE OPERATOR "Odd one".>= (FUNCTION = "Odd one".ge, LEFTARG = "Odd one".pair, RIGHTARG = "Odd one".pair,
    NEGATOR = OPERATOR("Odd one".<));
CREATE OPERATOR "Odd one".> (FUNCTION = "Odd one".gt, LEFTARG = "Odd one".pair, RIGHTARG = "Odd one".pair,
    COMMUTATOR = OPERATOR("Odd one".<));
CREATE OPERATOR public.!%& (FUNCTION = "Odd one".hash, RIGHTARG = "Odd one".pair);
CREATE OPERATOR public.< (FUNCTION = "Odd one".lt_int, LEFTARG = "Odd one".pair, RIGHTARG = integer);
CREATE OPERATOR public.<~> (FUNCTION = "Odd one".distance, LEFTARG = point, RIGHTARG = point);
COMMENT ON OPERATOR public.!%& (NONE, "Odd one".pair) IS 'it''s a prefix';
ALTER OPERATOR public.< ("Odd one".pair, integer) OWNER TO pgsnap_owner;

CREATE OPERATOR FAMILY "Odd one"."by a" USING btree;
CREATE OPERATOR CLASS "Odd one"."pair ops" DEFAULT FOR TYPE "Odd one".pair USING btree FAMILY "Odd one"."by a" AS
    OPERATOR 1 "Odd one".<, OPERATOR 2 "Odd one".<=, OPERATOR 3 "Odd one".=, OPERATOR 4 "Odd one".>=, OPERATOR 5 "Odd one".>,
    FUNCTION 1 "Odd one"."c mp"("Odd one".pair, "Odd one".pair);
-- Members that belong to no class.
ALTER OPERATOR FAMILY "Odd one"."by a" USING btree ADD
    OPERATOR 1 public.< ("Odd one".pair, integer),
    FUNCTION 1 ("Odd one".pair, integer) "Odd one".cmp_int("Odd one".pair, integer);
CREATE OPERATOR CLASS public.hashed FOR TYPE "Odd one".pair USING hash AS
    OPERATOR 1 "Odd one".=, FUNCTION 1 "Odd one".hash("Odd one".pair);
CREATE OPERATOR CLASS public.empty FOR TYPE point USING gist AS STORAGE point;
CREATE OPERATOR CLASS public.boxed FOR TYPE point USING gist AS
    OPERATOR 15 public.<~> (point, point) FOR ORDER BY pg_catalog.float_ops, STORAGE box;
CREATE OPERATOR FAMILY public.alone USING gin;
COMMENT ON OPERATOR CLASS "Odd one"."pair ops" USING btree IS 'it''s ordered';
COMMENT ON OPERATOR FAMILY "Odd one"."by a" USING btree IS 'it''s a family';
ALTER OPERATOR CLASS public.hashed USING hash OWNER TO pgsnap_owner;
ALTER OPERATOR FAMILY public.alone USING gin OWNER TO pgsnap_owner;
CREATE TABLE public.t (p "Odd one".pair, q "Odd one".pair, EXCLUDE USING hash (q public.hashed WITH OPERATOR("Odd one".=)));
CREATE INDEX t_p ON public.t (p);
CREATE INDEX t_p_hashed ON public.t USING hash (p public.hashed);
CREATE VIEW public.less AS SELECT p OPERATOR(public.<) 5 AS l FROM public.t;
INSERT INTO public.t VALUES (ROW(1, 2), ROW(3, 4)), (NULL, ROW(4, 4));
