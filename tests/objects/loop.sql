-- Objects that need one another in a circle, or something of a later section.
CREATE SCHEMA loops;
-- A function that takes the table's row type: a loop unless the CHECK comes later.
CREATE TABLE loops.looped (a int, b int);
CREATE FUNCTION loops.row_is_good(loops.looped) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a < ($1).b';
INSERT INTO loops.looped VALUES (1, 2);
ALTER TABLE loops.looped ADD CONSTRAINT by_row CHECK (loops.row_is_good(looped));
-- A default that counts the table itself.
CREATE TABLE loops.counted (a int, n bigint);
CREATE FUNCTION loops.size_of(loops.counted) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
ALTER TABLE loops.counted ALTER n SET DEFAULT loops.size_of(NULL);
CREATE TABLE loops.t (id int PRIMARY KEY, "Name" text COLLATE "C", v text);
INSERT INTO loops.t VALUES (1, 'a', 'v');
-- Needs the primary key, which comes after the data.
CREATE VIEW loops.grouped AS SELECT id, "Name", count(*) AS n FROM loops.t GROUP BY id;
CREATE VIEW loops.on_grouped AS SELECT n, id FROM loops.grouped;
CREATE MATERIALIZED VIEW loops.grouped_rows AS SELECT id, v, count(*) AS n FROM loops.t GROUP BY id;
CREATE UNIQUE INDEX ON loops.grouped_rows (id);
-- Two views that read one another.
CREATE VIEW loops.left_one AS SELECT 1 AS a, NULL::text COLLATE "C" AS "B b";
CREATE VIEW loops.right_one AS SELECT a, "B b" FROM loops.left_one;
CREATE OR REPLACE VIEW loops.left_one AS SELECT a, "B b" FROM loops.right_one;
