DO $$ BEGIN CREATE ROLE pgsnap_owner SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE pgsnap_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA "Odd one";
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER "Far away" FOREIGN DATA WRAPPER nowhere;
CREATE FUNCTION public.fired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FOREIGN TABLE "Odd one"."T t" (
    a integer OPTIONS ("column name" 'A', x 'it''s') NOT NULL,
    "B b" text COLLATE "C" DEFAULT 'it''s',
    c numeric(10, 2) CONSTRAINT positive CHECK (c > 0),
    d integer GENERATED ALWAYS AS (a * 2) STORED
) SERVER "Far away" OPTIONS (schema_name 'x', "Odd" '''');
ALTER FOREIGN TABLE "Odd one"."T t" ALTER COLUMN a SET STATISTICS 7;
ALTER FOREIGN TABLE "Odd one"."T t" ALTER COLUMN "B b" SET (n_distinct = -0.5);
ALTER FOREIGN TABLE "Odd one"."T t" ADD CONSTRAINT later CHECK (a > 0) NOT VALID;
COMMENT ON FOREIGN TABLE "Odd one"."T t" IS 'it''s far';
COMMENT ON COLUMN "Odd one"."T t"."B b" IS 'a column';
GRANT SELECT ON "Odd one"."T t" TO pgsnap_reader;
GRANT UPDATE ("B b") ON "Odd one"."T t" TO pgsnap_reader;
ALTER FOREIGN TABLE "Odd one"."T t" OWNER TO pgsnap_owner;
CREATE TRIGGER fired BEFORE INSERT ON "Odd one"."T t" FOR EACH ROW EXECUTE FUNCTION public.fired();
CREATE TABLE public.parent (a integer, b text);
CREATE FOREIGN TABLE public.child (c integer) INHERITS (public.parent) SERVER "Far away";
CREATE TABLE public.parted (a integer, b text) PARTITION BY LIST (a);
CREATE FOREIGN TABLE public.part1 PARTITION OF public.parted FOR VALUES IN (1) SERVER "Far away" OPTIONS (o 'v');
CREATE TABLE public.part2 PARTITION OF public.parted FOR VALUES IN (2);
INSERT INTO public.parted VALUES (2, 'here');
INSERT INTO public.parent VALUES (1, 'here');
CREATE FOREIGN TABLE public.nothing () SERVER "Far away";
CREATE VIEW public.v AS SELECT a, "B b" FROM "Odd one"."T t";
CREATE FUNCTION public.of_rows(public.child[]) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE TABLE public.holder (t "Odd one"."T t");
