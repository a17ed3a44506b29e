-- min: 18
-- NOT NULL as a constraint: names, NO INHERIT, NOT VALID, comments, inheritance; virtual columns; NOT ENFORCED.
CREATE SCHEMA nn;
CREATE TABLE nn.named (a int CONSTRAINT "A's not null" NOT NULL, b int NOT NULL NO INHERIT, c int, d int NOT NULL,
    CONSTRAINT named_c_not_null NOT NULL c NO INHERIT);
COMMENT ON CONSTRAINT "A's not null" ON nn.named IS 'commented';
COMMENT ON CONSTRAINT named_d_not_null ON nn.named IS 'commented too';
CREATE TABLE nn.invalid (a int, b int);
INSERT INTO nn.invalid VALUES (NULL, 1);
ALTER TABLE nn.invalid ADD CONSTRAINT a_later NOT NULL a NOT VALID;
COMMENT ON CONSTRAINT a_later ON nn.invalid IS 'not valid yet';
CREATE TABLE nn.parent (a int NOT NULL, b int, c int);
CREATE TABLE nn.child (CONSTRAINT b_here NOT NULL b, x int) INHERITS (nn.parent);
CREATE TABLE nn.invalid_parent (a int);
CREATE TABLE nn.valid_child () INHERITS (nn.invalid_parent);
ALTER TABLE nn.valid_child ADD CONSTRAINT vc NOT NULL a;
INSERT INTO nn.invalid_parent VALUES (NULL);
ALTER TABLE nn.invalid_parent ADD CONSTRAINT vc NOT NULL a NOT VALID;
CREATE TABLE nn.new_child () INHERITS (nn.invalid_parent);
COMMENT ON CONSTRAINT vc ON nn.new_child IS 'valid, and inherited from one that is not';
CREATE TABLE nn.commented_child () INHERITS (nn.parent);
COMMENT ON CONSTRAINT parent_a_not_null ON nn.commented_child IS 'inherited';
CREATE TABLE nn.part (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE TABLE nn.part1 PARTITION OF nn.part (b CONSTRAINT "b only here" NOT NULL) FOR VALUES FROM (0) TO (10);
COMMENT ON CONSTRAINT "b only here" ON nn.part1 IS 'of a partition';
COMMENT ON CONSTRAINT part_a_not_null ON nn.part1 IS 'inherited by a partition';
CREATE TABLE nn.pk (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE nn.virtual (a int, v int GENERATED ALWAYS AS (a * 3) VIRTUAL, s int GENERATED ALWAYS AS (a + 1) STORED);
INSERT INTO nn.virtual (a) VALUES (1);
CREATE TABLE nn.virtual_child (w int) INHERITS (nn.virtual);
CREATE TABLE nn.not_enforced (a int, CONSTRAINT soft CHECK (a > 0) NOT ENFORCED, p int);
INSERT INTO nn.not_enforced VALUES (-1, 99);
ALTER TABLE nn.not_enforced ADD CONSTRAINT soft_fk FOREIGN KEY (a, p) REFERENCES nn.pk NOT ENFORCED;
CREATE TABLE nn.temporal (id int4range, during daterange, CONSTRAINT temporal_pk PRIMARY KEY (id, during WITHOUT OVERLAPS));
CREATE TABLE nn.temporal_fk (id int4range, during daterange, ref int4range,
    CONSTRAINT per FOREIGN KEY (ref, PERIOD during) REFERENCES nn.temporal (id, PERIOD during));
