-- What needs an object that is not dumped fails at the restore.
-- uncovered: collation public."by C"
-- uncovered: TABLE public.col needs something that is not dumped: its restore will fail
-- uncovered: VIEW public.of_col needs something that is not dumped: its restore will fail
-- uncovered: text search configuration public.cfg
-- uncovered: INDEX public.docs_body needs something that is not dumped: its restore will fail
-- uncovered: foreign-data wrapper nowhere
-- uncovered: server nobody
-- uncovered: foreign table public.far
-- uncovered: VIEW public.of_far needs something that is not dumped: its restore will fail
-- uncovered: FUNCTION public.of_rows(public.far[]) needs something that is not dumped: its restore will fail
CREATE COLLATION public."by C" FROM "C";
CREATE TABLE public.col (a integer, b text COLLATE public."by C");
CREATE TEXT SEARCH CONFIGURATION public.cfg (COPY = pg_catalog.simple);
CREATE TABLE public.docs (body text);
CREATE INDEX docs_body ON public.docs USING gin (to_tsvector('public.cfg'::regconfig, body));
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nobody FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE public.far (id integer, t text) SERVER nobody;
CREATE VIEW public.of_far AS SELECT id FROM public.far;
CREATE FUNCTION public.of_rows(public.far[]) RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- A column of a view has its collation itself; what only needs the table is not listed.
CREATE VIEW public.of_table AS SELECT a FROM public.col;
CREATE VIEW public.of_col AS SELECT b FROM public.col;
