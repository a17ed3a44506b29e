-- Indexes: methods, expressions, options, what ALTER sets, the ones that are not to be dumped.
CREATE SCHEMA idx;
CREATE FUNCTION idx.fold(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.lower($1)';
CREATE TABLE idx.t (a int NOT NULL, b text, c int[], d point, "E e" text COLLATE "C", f jsonb);
INSERT INTO idx.t (a, b) VALUES (1, 'x'), (2, 'y');
CREATE INDEX ON idx.t (a);
CREATE UNIQUE INDEX "Odd ""index"" ünï" ON idx.t (a DESC NULLS LAST, "E e" COLLATE "POSIX" text_pattern_ops) INCLUDE (b);
CREATE INDEX partial ON idx.t (b) WHERE a > 0 AND b <> 'it''s';
CREATE INDEX expressions ON idx.t ((a + 1), idx.fold(b), (b || 'x')) WITH (fillfactor = 50);
ALTER INDEX idx.expressions ALTER COLUMN 1 SET STATISTICS 400;
ALTER INDEX idx.expressions ALTER COLUMN 3 SET STATISTICS 0;
CREATE INDEX gin_index ON idx.t USING gin (c) WITH (fastupdate = off);
CREATE INDEX gin_json ON idx.t USING gin (f jsonb_path_ops);
CREATE INDEX gist_index ON idx.t USING gist (d);
CREATE INDEX gist_options ON idx.t USING gist (to_tsvector('pg_catalog.english', b) tsvector_ops (siglen = 100));
CREATE INDEX spgist_index ON idx.t USING spgist (d);
CREATE INDEX hash_index ON idx.t USING hash (b);
CREATE INDEX brin_index ON idx.t USING brin (a) WITH (pages_per_range = 4, autosummarize = on);
CREATE INDEX "select" ON idx.t ("E e");
COMMENT ON INDEX idx."select" IS 'an index''s comment';
CREATE UNIQUE INDEX ident ON idx.t (a);
ALTER TABLE idx.t REPLICA IDENTITY USING INDEX ident;
ALTER TABLE idx.t CLUSTER ON "select";
ALTER INDEX idx.hash_index DEPENDS ON EXTENSION plpgsql;
-- A leftover of a failed CREATE INDEX CONCURRENTLY is not dumped.
CREATE INDEX invalid ON idx.t (a, b);
UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = 'idx.invalid'::regclass;
