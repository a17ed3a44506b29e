-- CHECKs: inside the table, not valid, named oddly, with functions.
CREATE SCHEMA checks;
CREATE FUNCTION checks.is_good(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
CREATE TABLE checks.t (a int CHECK (a > 0), b text CONSTRAINT "B's ""check""" CHECK (b <> ';''"'), c int,
    CHECK (a < c OR b IS NULL), CONSTRAINT by_function CHECK (checks.is_good(c)));
COMMENT ON CONSTRAINT "B's ""check""" ON checks.t IS 'a CHECK''s comment';
CREATE TABLE checks.late (a int);
INSERT INTO checks.late VALUES (-1);
ALTER TABLE checks.late ADD CONSTRAINT "not yet" CHECK (a > 0) NOT VALID;
ALTER TABLE checks.late ADD CONSTRAINT fine CHECK (a < 100);
COMMENT ON CONSTRAINT "not yet" ON checks.late IS 'not valid';
