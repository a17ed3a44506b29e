-- Inheritance: merged columns, own defaults, own NOT NULLs, several parents, an order of its own.
CREATE SCHEMA inh;
CREATE TABLE inh.base (a int DEFAULT 1, b text NOT NULL, c int, CONSTRAINT positive CHECK (a > 0),
    CONSTRAINT alone CHECK (c > 0) NO INHERIT);
CREATE TABLE inh.child (d int) INHERITS (inh.base);
CREATE TABLE inh."Grand child" (e int, CONSTRAINT own CHECK (e > a)) INHERITS (inh.child);
INSERT INTO inh.base VALUES (1, 'base', 1);
INSERT INTO inh.child VALUES (2, 'child', 3, 4);
INSERT INTO inh."Grand child" VALUES (3, 'grand', 3, 4, 5);
-- Merged: local and inherited.
CREATE TABLE inh.merged (b text DEFAULT 'own', a int, f int) INHERITS (inh.base);
-- Differences that only ALTER can make.
ALTER TABLE inh.child ALTER a SET DEFAULT 99, ALTER c SET NOT NULL;
ALTER TABLE inh."Grand child" ALTER a DROP DEFAULT, ALTER c SET DEFAULT 5;
ALTER TABLE inh.child ALTER b SET STATISTICS 42, ALTER b SET STORAGE EXTERNAL;
ALTER TABLE inh.child ADD CONSTRAINT "child's" CHECK (d <> 0);
CREATE TABLE inh.other ("O" int, c int);
CREATE TABLE inh.two_parents (x int) INHERITS (inh.other, inh.base);
CREATE TABLE inh.two_the_other_way () INHERITS (inh.base, inh.other);
-- Joined later: the columns stand in another order than INHERITS would give.
CREATE TABLE inh.joined (z int DEFAULT 26, c int, b text NOT NULL, a int, CONSTRAINT positive CHECK (a > 0));
ALTER TABLE inh.joined INHERIT inh.base;
INSERT INTO inh.joined VALUES (26, 3, 'b', 1);
-- Dropped columns on both sides.
CREATE TABLE inh.p2 (a int, gone int, b int);
CREATE TABLE inh.c2 (own_gone int, own int) INHERITS (inh.p2);
ALTER TABLE inh.p2 DROP COLUMN gone;
ALTER TABLE inh.c2 DROP COLUMN own_gone;
-- Generated columns come down.
CREATE TABLE inh.gen (a int, g int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE inh.gen_child (b int) INHERITS (inh.gen);
INSERT INTO inh.gen_child (a, b) VALUES (1, 2);
-- A CHECK that is not valid, on a parent with children.
INSERT INTO inh.other VALUES (-1, -1);
ALTER TABLE inh.other ADD CONSTRAINT late CHECK ("O" > 0) NOT VALID;
COMMENT ON CONSTRAINT late ON inh.other IS 'not yet';
COMMENT ON CONSTRAINT positive ON inh.base IS 'inline';
