-- Defaults: inside the table, and the ones a loop forces out of it.
CREATE SCHEMA defs;
CREATE FUNCTION defs.today() RETURNS date LANGUAGE sql AS 'SELECT current_date';
CREATE TABLE defs.t (a date DEFAULT defs.today(), "B b" text DEFAULT 'it''s "so"; \', c text DEFAULT CURRENT_USER,
    d timestamp DEFAULT LOCALTIMESTAMP(2), e text[] DEFAULT ARRAY['a', NULL]);
INSERT INTO defs.t DEFAULT VALUES;
