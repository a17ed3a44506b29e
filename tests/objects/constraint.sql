-- Primary keys, unique and exclusion constraints.
CREATE SCHEMA cons;
CREATE TABLE cons.keys (id int PRIMARY KEY, a int, b text, "C c" int,
    CONSTRAINT "U's" UNIQUE (a, "C c") INCLUDE (b) WITH (fillfactor = 55) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT deferrable_key UNIQUE (b) DEFERRABLE, CONSTRAINT plain UNIQUE (a));
COMMENT ON CONSTRAINT "U's" ON cons.keys IS 'unique''s comment';
COMMENT ON INDEX cons.plain IS 'the comment of a constraint''s index';
INSERT INTO cons.keys VALUES (1, 1, 'x', 1), (2, 2, 'y', 2);
ALTER TABLE cons.keys CLUSTER ON plain;
CREATE TABLE cons.identity (k int NOT NULL, CONSTRAINT k_key UNIQUE (k));
ALTER TABLE cons.identity REPLICA IDENTITY USING INDEX k_key;
CREATE TABLE cons.excluded (r int4range, c circle,
    CONSTRAINT no_overlap EXCLUDE USING gist (r WITH &&, c WITH &&) WITH (fillfactor = 66) WHERE (NOT isempty(r)) DEFERRABLE,
    EXCLUDE USING btree (abs(lower(r)) WITH =));
CREATE TABLE cons."by index" (a int NOT NULL, b int);
CREATE UNIQUE INDEX made_first ON cons."by index" (a) INCLUDE (b) WITH (fillfactor = 44);
ALTER TABLE cons."by index" ADD CONSTRAINT "The pk" PRIMARY KEY USING INDEX made_first;
CREATE TABLE cons.composite (a int, b int, PRIMARY KEY (b, a));
