-- min: 18
-- Planner statistics of every kind: common values, histograms, elements of arrays, ranges, inherited ones, of indexes on
-- expressions, of a materialized view, of tables that were never analyzed or are empty.
CREATE SCHEMA "planner's";
CREATE TABLE "planner's"."A table" (id int PRIMARY KEY, dropped int, "kind'of" text, tags text[], span int4range, spread float8, none text);
ALTER TABLE "planner's"."A table" DROP COLUMN dropped;
INSERT INTO "planner's"."A table"
SELECT g, CASE WHEN g % 3 = 0 THEN 'it''s "quoted", \ and {braced}' ELSE 'k' || g % 7 END, ARRAY['t' || g % 5, 't' || g % 3],
       int4range(g, g + g % 10), g / 3.0, NULL
  FROM generate_series(1, 500) g;
CREATE INDEX "An index" ON "planner's"."A table" (lower("kind'of"), (id % 10));
CREATE TABLE "planner's".parent (a int, b date) PARTITION BY RANGE (a);
CREATE TABLE "planner's".child_1 PARTITION OF "planner's".parent FOR VALUES FROM (0) TO (100);
CREATE TABLE "planner's".child_2 PARTITION OF "planner's".parent FOR VALUES FROM (100) TO (200);
CREATE INDEX ON "planner's".parent (b);
INSERT INTO "planner's".parent SELECT g, date '2026-01-01' + g FROM generate_series(0, 199) g;
CREATE TABLE "planner's".ancestor (a int);
CREATE TABLE "planner's".heir (b int) INHERITS ("planner's".ancestor);
INSERT INTO "planner's".heir SELECT g, -g FROM generate_series(1, 50) g;
CREATE TABLE "planner's".empty (a int);
CREATE TABLE "planner's".protected (a int);
INSERT INTO "planner's".protected SELECT generate_series(1, 30);
ALTER TABLE "planner's".protected ENABLE ROW LEVEL SECURITY;
CREATE MATERIALIZED VIEW "planner's".summary AS SELECT "kind'of", count(*) AS times FROM "planner's"."A table" GROUP BY 1;
CREATE UNIQUE INDEX ON "planner's".summary ("kind'of");
CREATE STATISTICS "planner's".extended (dependencies) ON a, b FROM "planner's".parent;
VACUUM ANALYZE;
CREATE TABLE "planner's".never_analyzed (a int);
INSERT INTO "planner's".never_analyzed SELECT generate_series(1, 100);
CREATE INDEX ON "planner's".never_analyzed (a);
