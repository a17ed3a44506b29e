-- Values that are OIDs of other objects, alone, in arrays, composites, domains and ranges: other OIDs elsewhere.
DO $$ BEGIN CREATE ROLE "pgsnap's role"; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA "Odd one";
CREATE TYPE "Odd one"."Mood's" AS ENUM ('a', 'b');
CREATE COLLATION "Odd one"."Plain" FROM "C";
CREATE FUNCTION "Odd one"."f "(integer, "Odd one"."Mood's"[]) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION "Odd one".alone() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION "Odd one".same("Odd one"."Mood's", "Odd one"."Mood's") RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR "Odd one".=== (FUNCTION = "Odd one".same, LEFTARG = "Odd one"."Mood's", RIGHTARG = "Odd one"."Mood's");
CREATE TEXT SEARCH DICTIONARY "Odd one"."Dict" (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION "Odd one"."Config" (COPY = simple);
CREATE TABLE "Odd one"."A table" (n integer);
CREATE TABLE "Odd one".of_one (c regclass, t regtype, p regproc, pa regprocedure, o regoper, oa regoperator, tc regconfig, td regdictionary,
    co regcollation, r regrole, s regnamespace, a aclitem);
INSERT INTO "Odd one".of_one VALUES
    ('"Odd one"."A table"', '"Odd one"."Mood''s"[]', '"Odd one".alone', '"Odd one"."f "(integer, "Odd one"."Mood''s"[])', '"Odd one".===',
     '"Odd one".===("Odd one"."Mood''s", "Odd one"."Mood''s")', '"Odd one"."Config"', '"Odd one"."Dict"', '"Odd one"."Plain"', '"pgsnap''s role"',
     '"Odd one"', '"pgsnap''s role"=r*w/"pgsnap''s role"'),
    ('pg_class', 'integer', 'pi', 'int4pl(integer, integer)', '^@', '+(integer,integer)', 'english', 'simple', '"C"', 'pg_monitor', 'public', '=X/"pgsnap''s role"'),
    ('-', '-', '-', '-', '0', '0', '-', '-', '-', '-', '-', NULL),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TYPE "Odd one".pair AS (name text, object regclass);
CREATE DOMAIN "Odd one".classes AS regclass[];
CREATE TYPE "Odd one".class_range AS RANGE (subtype = regclass, subtype_opclass = oid_ops);
CREATE TABLE "Odd one".of_many (p "Odd one".pair, ps "Odd one".pair[], d "Odd one".classes, n integer);
INSERT INTO "Odd one".of_many VALUES
    ('(x,"""Odd one"".""A table""")', ARRAY['(y,pg_class)'::"Odd one".pair, NULL], ARRAY['"Odd one"."A table"'::regclass, NULL], 1),
    (NULL, '{}', '{}', 2);
CREATE TABLE "Odd one".vectors (i int2vector, o oidvector, q tsquery); INSERT INTO "Odd one".vectors VALUES ('', '', ''), ('1 -2', '1 4294967295', 'a'), (NULL, NULL, NULL);
