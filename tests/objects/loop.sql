-- Every loop that catalogs can hold between these kinds.
CREATE TABLE public.base (id integer PRIMARY KEY, body text);
INSERT INTO public.base VALUES (1, 'one');
-- A view that groups by the primary key, and everything that reads it.
CREATE VIEW public.a_grouped AS SELECT id, body, count(*) AS n FROM public.base GROUP BY id;
CREATE VIEW public.a_on_grouped AS SELECT * FROM public.a_grouped;
CREATE MATERIALIZED VIEW public.a_mat AS SELECT id, body FROM public.base GROUP BY id;
CREATE MATERIALIZED VIEW public.a_mat_on_view AS SELECT * FROM public.a_on_grouped;
CREATE UNIQUE INDEX ON public.a_mat (id);
CREATE VIEW public.a_on_mat AS SELECT * FROM public.a_mat;
CREATE FUNCTION public.of_grouped(public.a_grouped) RETURNS integer LANGUAGE sql AS 'SELECT $1.id';
GRANT SELECT ON public.a_grouped TO PUBLIC;
COMMENT ON VIEW public.a_grouped IS 'created twice';
-- A default and a check that need the table.
CREATE FUNCTION public.next_id() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE TABLE public.looped (id integer DEFAULT public.next_id(), body text);
CREATE FUNCTION public.row_is_good(public.looped) RETURNS boolean LANGUAGE sql AS 'SELECT true';
ALTER TABLE public.looped ADD CONSTRAINT good CHECK (public.row_is_good(looped));
COMMENT ON CONSTRAINT good ON public.looped IS 'stands alone';
CREATE FUNCTION public.from_row(public.looped) RETURNS text LANGUAGE sql AS 'SELECT $1.body';
ALTER TABLE public.looped ALTER COLUMN body SET DEFAULT public.from_row(NULL::public.looped);
INSERT INTO public.looped VALUES (1, 'one');
-- A serial column: the default needs the sequence, the sequence goes with the table.
CREATE TABLE public.counted (id serial, more bigserial);
-- Views in a circle.
CREATE VIEW public.circle_a AS SELECT 1 AS x;
CREATE VIEW public.circle_b AS SELECT x FROM public.circle_a;
CREATE FUNCTION public.reads_b(public.circle_b) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE OR REPLACE VIEW public.circle_a AS SELECT public.reads_b(NULL::public.circle_b) AS x;
-- A domain's check through a function of the domain, in a table.
CREATE DOMAIN public.positive AS integer;
CREATE FUNCTION public.is_positive(integer, public.positive[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
ALTER DOMAIN public.positive ADD CHECK (public.is_positive(VALUE, NULL));
CREATE TABLE public.of_domain (p public.positive);
INSERT INTO public.of_domain VALUES (3);
-- Two views that read one another, with a collation and an odd name.
CREATE VIEW public.left_one AS SELECT 1 AS a, NULL::text COLLATE "C" AS "B b";
CREATE VIEW public.right_one AS SELECT a, "B b" FROM public.left_one;
CREATE OR REPLACE VIEW public.left_one AS SELECT a, "B b" FROM public.right_one;
