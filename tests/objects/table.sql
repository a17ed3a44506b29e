-- Plain tables with every attribute that a column or a table can have.
CREATE SCHEMA tabs;
CREATE SCHEMA "Odd ""tabs"" Ünïcode";
DO $$ BEGIN CREATE ROLE "pgsnap_table ""owner"""; EXCEPTION WHEN duplicate_object THEN NULL; END $$;

CREATE TABLE tabs.zero ();
CREATE TABLE tabs."select" ("from" int, "User" text, "a""b" varchar(10), "with space" numeric(10, 2), "ünï" char(3), "$dollar$" bit(4));
INSERT INTO tabs."select" VALUES (1, 'é', 'x', 1.50, 'abc', B'1010'), (NULL, NULL, NULL, NULL, NULL, NULL);
COMMENT ON TABLE tabs."select" IS 'a table''s comment';
COMMENT ON COLUMN tabs."select"."a""b" IS 'a column''s comment';

CREATE TYPE "Odd ""tabs"" Ünïcode"."Mood's" AS ENUM ('sad', 'it''s "fine"');
CREATE TABLE "Odd ""tabs"" Ünïcode"."T ""1""" (
    m "Odd ""tabs"" Ünïcode"."Mood's" DEFAULT 'sad' NOT NULL,
    ms "Odd ""tabs"" Ünïcode"."Mood's"[],
    ts timestamp(3) with time zone DEFAULT now() NOT NULL,
    iv interval day to second(2),
    arr int[][] DEFAULT '{{1,2},{3,4}}',
    txt text COLLATE "C" DEFAULT 'quote '' and \ backslash',
    posix text COLLATE "POSIX" NOT NULL,
    j jsonb DEFAULT '{"a": [1, 2]}',
    expr int DEFAULT ((1 + 2) * 3),
    neg int DEFAULT -1,
    nul int DEFAULT NULL,
    r int4range DEFAULT '[1,5)');
INSERT INTO "Odd ""tabs"" Ünïcode"."T ""1""" (posix) VALUES ('p');
ALTER TABLE "Odd ""tabs"" Ünïcode"."T ""1""" OWNER TO "pgsnap_table ""owner""";

-- Dropped columns vanish; a column added later has a missing value.
CREATE TABLE tabs.dropped (a int, b text, c int DEFAULT 5, d int);
INSERT INTO tabs.dropped VALUES (1, 'b', 3, 4);
ALTER TABLE tabs.dropped DROP COLUMN b, ADD COLUMN e text DEFAULT 'later' NOT NULL;
ALTER TABLE tabs.dropped DROP COLUMN a;
INSERT INTO tabs.dropped VALUES (30, 40, 'now');
CREATE TABLE tabs.all_dropped (a int);
INSERT INTO tabs.all_dropped VALUES (1), (2);
ALTER TABLE tabs.all_dropped DROP COLUMN a;

-- Generated columns.
CREATE FUNCTION tabs.twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE TABLE tabs.generated (
    a int, g int GENERATED ALWAYS AS (a * 2 + 1) STORED NOT NULL, z int GENERATED ALWAYS AS (tabs.twice(a)) STORED, b text,
    t text COLLATE "C" GENERATED ALWAYS AS (b || '''s') STORED);
INSERT INTO tabs.generated (a, b) VALUES (1, 'x'), (2, 'y');

-- Storage, statistics, options.
CREATE TABLE tabs.attributes (a text, b text, c text, d int, e bytea, "F f" text);
ALTER TABLE tabs.attributes ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE MAIN, ALTER c SET STORAGE PLAIN;
ALTER TABLE tabs.attributes ALTER a SET STATISTICS 500, ALTER d SET STATISTICS 0, ALTER "F f" SET STATISTICS 10;
ALTER TABLE tabs.attributes ALTER d SET (n_distinct = -0.25), ALTER "F f" SET (n_distinct = 12, n_distinct_inherited = 5);
CREATE UNLOGGED TABLE tabs.options (a int, b text)
    WITH (fillfactor = 70, autovacuum_enabled = false, parallel_workers = 3, toast.autovacuum_enabled = off,
          toast.autovacuum_vacuum_threshold = 99);
INSERT INTO tabs.options VALUES (1, repeat('toast', 1000));

ALTER TABLE tabs.attributes REPLICA IDENTITY FULL;
ALTER TABLE tabs.dropped REPLICA IDENTITY NOTHING;

-- Typed tables: with nothing of their own, with constraints, with a CHECK only.
CREATE TYPE tabs.pair AS (x int, "Y y" text, z numeric);
CREATE TABLE tabs.typed OF tabs.pair;
CREATE TABLE tabs.typed_more OF tabs.pair (x WITH OPTIONS NOT NULL DEFAULT 7, "Y y" UNIQUE, PRIMARY KEY (x), CHECK (z > 0));
CREATE TABLE tabs.typed_check OF tabs.pair (CONSTRAINT "always" CHECK (true));
INSERT INTO tabs.typed_more VALUES (1, 'y', 2);

-- Row types of other tables as columns.
CREATE TABLE tabs.uses_row_type (one tabs.dropped, many tabs.generated[]);
INSERT INTO tabs.uses_row_type VALUES (ROW(1, 2, 'e'), NULL);
