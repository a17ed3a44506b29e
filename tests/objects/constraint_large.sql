-- Keys of a large table: their indexes are built beside its other ones.
CREATE SCHEMA large;
CREATE TABLE large.t (id int NOT NULL, a int, b text, "C c" int NOT NULL, filler text) WITH (fillfactor = 10);
INSERT INTO large.t SELECT i, i, 'b' || i, i, repeat('x', 700) FROM generate_series(1, 1200) i;
ALTER TABLE large.t
    ADD PRIMARY KEY (id) INCLUDE (a) WITH (fillfactor = 77),
    ADD CONSTRAINT "U's" UNIQUE (a, "C c") DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT deferred UNIQUE (b) DEFERRABLE,
    ADD CONSTRAINT "C c" UNIQUE ("C c"),
    ADD CONSTRAINT excluded EXCLUDE USING btree (abs(id) WITH =);
CREATE INDEX other ON large.t (filler);
COMMENT ON CONSTRAINT "U's" ON large.t IS 'unique';
COMMENT ON INDEX large."U's" IS 'the index';
ALTER TABLE large.t CLUSTER ON "U's";
ALTER TABLE large.t REPLICA IDENTITY USING INDEX "C c";
CREATE TABLE large.refers (id int REFERENCES large.t, c int REFERENCES large.t ("C c"));
CREATE TABLE large.child (more int) INHERITS (large.t) WITH (fillfactor = 10);
INSERT INTO large.child SELECT i, i, 'b' || i, i, repeat('x', 700), i FROM generate_series(1, 1200) i;
ALTER TABLE large.child ADD PRIMARY KEY (id), ADD UNIQUE ("C c");
CREATE TABLE large.parts (id int, part int, filler text, PRIMARY KEY (id, part), UNIQUE (part, id)) PARTITION BY LIST (part);
CREATE TABLE large.one PARTITION OF large.parts FOR VALUES IN (1) WITH (fillfactor = 10);
INSERT INTO large.parts SELECT i, 1, repeat('x', 700) FROM generate_series(1, 1200) i;
ANALYZE large.t, large.child, large.parts, large.one;
