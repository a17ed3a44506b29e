-- min: 14
-- Bodies that the catalog knows tie functions to what they read, and what they read to them.
CREATE TABLE public.base (id integer PRIMARY KEY, body text);
INSERT INTO public.base VALUES (1, 'one');
-- Table, its CHECK, a function, a view of the table.
CREATE VIEW public.of_base AS SELECT id FROM public.base;
CREATE FUNCTION public.is_known(integer) RETURNS boolean LANGUAGE sql
    BEGIN ATOMIC SELECT count(*) >= 0 FROM public.of_base WHERE id <> $1; END;
ALTER TABLE public.base ADD CONSTRAINT known CHECK (public.is_known(id));
COMMENT ON CONSTRAINT known ON public.base IS 'behind the data';
-- Table, its default, a function that reads the table.
CREATE FUNCTION public.next_id() RETURNS integer LANGUAGE sql
    BEGIN ATOMIC SELECT (coalesce(max(id), 0) + 1)::integer FROM public.base; END;
ALTER TABLE public.base ALTER COLUMN id SET DEFAULT public.next_id();
-- Domain, its CHECK, a function, a table with a column of the domain.
CREATE DOMAIN public.code AS text;
CREATE TABLE public.codes (c public.code);
CREATE FUNCTION public.is_code(text) RETURNS boolean LANGUAGE sql
    BEGIN ATOMIC SELECT count(*) >= 0 FROM public.codes WHERE c = $1; END;
ALTER DOMAIN public.code ADD CONSTRAINT is_code CHECK (public.is_code(VALUE));
INSERT INTO public.codes VALUES ('a');
-- A function that waits for the data, and all that waits for it: views, a materialized view, another function, a
-- default, a CHECK.
CREATE FUNCTION public.late() RETURNS bigint LANGUAGE sql
    BEGIN ATOMIC SELECT count(*) FROM (SELECT id, body FROM public.base GROUP BY id) g; END;
CREATE VIEW public.a_late AS SELECT public.late() AS n;
CREATE VIEW public.b_late AS SELECT n FROM public.a_late;
CREATE MATERIALIZED VIEW public.m_late AS SELECT n FROM public.b_late;
CREATE INDEX ON public.m_late (n);
CREATE FUNCTION public.later() RETURNS bigint LANGUAGE sql RETURN public.late() + 1;
CREATE TABLE public.defaulted (id integer, n bigint DEFAULT public.later(), CONSTRAINT late CHECK (n <> public.later() + 7));
INSERT INTO public.defaulted VALUES (1, 1);
CREATE PROCEDURE public.call_it() LANGUAGE sql BEGIN ATOMIC SELECT * FROM public.m_late; END;
-- Two functions cannot call one another; a view and a function can read one another.
CREATE VIEW public.seen AS SELECT 1 AS x;
CREATE FUNCTION public.sees() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT x FROM public.seen; END;
CREATE OR REPLACE VIEW public.seen AS SELECT CASE WHEN false THEN public.sees() ELSE 1 END AS x;
