-- Foreign keys: every clause, to itself, in a circle, not valid.
CREATE SCHEMA fks;
CREATE TABLE fks.target (a int, b int, PRIMARY KEY (a, b), "U u" int UNIQUE);
INSERT INTO fks.target VALUES (1, 1, 1), (2, 2, 2);
CREATE TABLE fks.source (a int, b int, u int, v int,
    CONSTRAINT "F's" FOREIGN KEY (a, b) REFERENCES fks.target (a, b) MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL,
    FOREIGN KEY (u) REFERENCES fks.target ("U u") ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT second FOREIGN KEY (v) REFERENCES fks.target ("U u") ON DELETE SET DEFAULT ON UPDATE RESTRICT DEFERRABLE);
INSERT INTO fks.source VALUES (1, 1, 2, NULL);
COMMENT ON CONSTRAINT "F's" ON fks.source IS 'a foreign key''s comment';
CREATE TABLE fks."Self" (id int PRIMARY KEY, parent int REFERENCES fks."Self");
INSERT INTO fks."Self" VALUES (1, 2), (2, 1);
CREATE TABLE fks.circle_a (id int PRIMARY KEY, b int);
CREATE TABLE fks.circle_b (id int PRIMARY KEY, a int REFERENCES fks.circle_a);
ALTER TABLE fks.circle_a ADD FOREIGN KEY (b) REFERENCES fks.circle_b;
INSERT INTO fks.source VALUES (NULL, NULL, NULL, NULL);
CREATE TABLE fks.late (x int);
INSERT INTO fks.late VALUES (42);
ALTER TABLE fks.late ADD CONSTRAINT not_yet FOREIGN KEY (x) REFERENCES fks.target ("U u") NOT VALID;
-- References an index that no constraint has made.
CREATE TABLE fks.by_index (k int);
CREATE UNIQUE INDEX by_index_k ON fks.by_index (k);
CREATE TABLE fks.to_index (k int REFERENCES fks.by_index (k));
