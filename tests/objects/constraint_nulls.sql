-- min: 15
-- NULLS NOT DISTINCT, also under a primary key.
CREATE SCHEMA nulls;
CREATE TABLE nulls.t (a int, b int NOT NULL, CONSTRAINT nd UNIQUE NULLS NOT DISTINCT (a) INCLUDE (b) WITH (fillfactor = 90));
-- Newer servers refuse such an index under a primary key.
DO $$ BEGIN
    CREATE UNIQUE INDEX pk ON nulls.t (b) NULLS NOT DISTINCT;
    ALTER TABLE nulls.t ADD CONSTRAINT pk PRIMARY KEY USING INDEX pk;
EXCEPTION WHEN feature_not_supported OR wrong_object_type OR invalid_table_definition THEN
    RAISE NOTICE '%', SQLERRM;
END $$;
CREATE UNIQUE INDEX ndi ON nulls.t (b, a) NULLS NOT DISTINCT WHERE a > 0;
CREATE TABLE nulls.fk (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE nulls.refers (a int, b int,
    CONSTRAINT some_columns FOREIGN KEY (a, b) REFERENCES nulls.fk ON DELETE SET NULL (b));
