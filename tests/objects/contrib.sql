-- Every extension that the server can load; of each of their types a table with some values, and of each of their operator classes an
-- index.
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT a.name FROM pg_catalog.pg_available_extensions a ORDER BY 1 LOOP
        -- Languages whose interpreter the machine does not have.
        BEGIN EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I CASCADE', name); EXCEPTION WHEN OTHERS THEN NULL; END;
    END LOOP;
END $$;
CREATE SCHEMA of_types;
CREATE SCHEMA of_classes;
CREATE TYPE of_classes.mood AS ENUM ('glad', 'sad');
DO $$
DECLARE
    it record;
    value text;
BEGIN
    FOR it IN SELECT t.typname AS name, pg_catalog.format_type(t.oid, NULL) AS type, t.typarray <> 0 AS has_array
                FROM pg_catalog.pg_type t
                JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e'
                LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
               WHERE t.typtype IN ('b', 'c', 'd', 'e', 'r') AND COALESCE(c.relkind, 'c') = 'c' AND t.typcategory <> 'A' LOOP
        EXECUTE format('CREATE TABLE of_types.%I (a %s%s)', it.name, it.type,
                       CASE WHEN it.has_array THEN format(', more %s[]', it.type) ELSE '' END);
        -- What a type does not take as its value another one does.
        FOREACH value IN ARRAY ARRAY['1', 'a', '(1,2)', '(1,2),(3,4)', 'a=>1, b=>NULL', '0-393-04002-X', '9780393040029', '2049-3630', 'M-01-23-45-9',
                                     '036000291452', '1 .. 2', 'Top.A.B', '*.A.*', 'A & B', '1 & 2', '[1,2,3]', '{1:1,3:2}/3', '{1,2}'] LOOP
            BEGIN
                EXECUTE format('INSERT INTO of_types.%I (a) VALUES (%L)', it.name, value);
                IF it.has_array THEN
                    EXECUTE format('INSERT INTO of_types.%I (more) VALUES (ARRAY[%L, NULL]::%s[])', it.name, value, it.type);
                END IF;
            EXCEPTION WHEN OTHERS THEN NULL;
            END;
        END LOOP;
    END LOOP;
    FOR it IN SELECT c.opcname || ' by ' || am.amname AS name, am.amname, n.nspname, c.opcname, t.typname, pg_catalog.format_type(t.oid, NULL) AS type
                FROM pg_catalog.pg_opclass c
                JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_opclass'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
                JOIN pg_catalog.pg_type t ON t.oid = c.opcintype
                JOIN pg_catalog.pg_am am ON am.oid = c.opcmethod
                JOIN pg_catalog.pg_namespace n ON n.oid = c.opcnamespace LOOP
        EXECUTE format('CREATE TABLE of_classes.%I (a %s)', it.name, CASE
            WHEN it.typname = 'anyarray' THEN 'integer[]' WHEN it.typname = 'anyenum' THEN 'of_classes.mood'
            WHEN it.typname IN ('vector', 'halfvec', 'sparsevec') THEN it.type || '(3)'
            WHEN it.typname = 'bit' AND it.amname IN ('ivfflat', 'hnsw') THEN 'bit(3)' ELSE it.type END);
        EXECUTE format('CREATE INDEX ON of_classes.%I USING %I (a %I.%I)', it.name, it.amname, it.nspname, it.opcname);
    END LOOP;
END $$;
