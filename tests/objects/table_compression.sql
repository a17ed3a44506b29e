-- min: 14
-- Column compression.
CREATE SCHEMA compr;
CREATE TABLE compr.t (a text COMPRESSION pglz, b text);
CREATE TABLE compr.child (c text) INHERITS (compr.t);
ALTER TABLE compr.child ALTER a SET COMPRESSION default;
CREATE MATERIALIZED VIEW compr.m AS SELECT a, b FROM compr.t;
ALTER MATERIALIZED VIEW compr.m ALTER COLUMN b SET COMPRESSION pglz;
