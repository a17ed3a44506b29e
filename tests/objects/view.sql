-- Views: options, check options, column defaults, odd names, views on views, a loop through GROUP BY.
CREATE SCHEMA views;
CREATE TABLE views.t (id int PRIMARY KEY, "Name" text COLLATE "C", ok bool, amount numeric(8, 2));
INSERT INTO views.t VALUES (1, 'a', true, 1.5);
CREATE VIEW views.plain AS SELECT * FROM views.t;
CREATE VIEW views."Odd ""v"" ünï" ("Col ""1""", "select") AS SELECT id, "Name" FROM views.t WHERE "Name" <> 'it''s; "x"';
COMMENT ON VIEW views."Odd ""v"" ünï" IS 'odd';
COMMENT ON COLUMN views."Odd ""v"" ünï"."select" IS 'a column';
CREATE VIEW views.barrier WITH (security_barrier) AS SELECT id FROM views.t WHERE ok;
CREATE VIEW views.local_check WITH (security_barrier = false) AS SELECT id, ok FROM views.t WHERE ok WITH LOCAL CHECK OPTION;
CREATE VIEW views.cascaded AS SELECT id, ok FROM views.local_check WHERE id > 0 WITH CASCADED CHECK OPTION;
CREATE VIEW views.with_default AS SELECT id, "Name" FROM views.t;
ALTER VIEW views.with_default ALTER COLUMN "Name" SET DEFAULT 'from the view''s default';
CREATE VIEW views.no_columns AS SELECT;
CREATE VIEW views.types AS SELECT NULL::int[] AS a, 1::numeric(5, 1) AS n, 'x'::text COLLATE "C" AS c,
    (SELECT t FROM views.t LIMIT 1) AS row_value, ARRAY(SELECT t FROM views.t) AS row_values, 'unknown' AS u;
CREATE VIEW views.on_row_type AS SELECT (p).id FROM (SELECT plain AS p FROM views.plain) s;
CREATE RECURSIVE VIEW views.counting (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 5;
DO $$ BEGIN CREATE ROLE pgsnap_view_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
ALTER VIEW views.barrier OWNER TO pgsnap_view_owner;
GRANT SELECT ON views.plain TO pgsnap_view_owner;
