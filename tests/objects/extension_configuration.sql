CREATE SCHEMA "Odd one";
CREATE EXTENSION pgsnap_configured SCHEMA "Odd one";
INSERT INTO "Odd one"."Z kinds" (name) VALUES ('mine'), ('it''s');
INSERT INTO "Odd one".settings
    SELECT i, CASE WHEN i % 2 = 0 THEN 'mine' ELSE 'built in' END, 'value ' || i FROM generate_series(1, 100) i;
INSERT INTO "Odd one".not_dumped VALUES (2);
SELECT setval('"Odd one".numbers', 42);
SELECT setval('"Odd one".numbers_not_dumped', 42);
