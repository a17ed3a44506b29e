-- The tablespaces stay in the server, as roles do.
SET allow_in_place_tablespaces = on;
\set ON_ERROR_STOP off
CREATE TABLESPACE pgsnap_space LOCATION '';
CREATE TABLESPACE "pgsnap ""Odd"" space" LOCATION '';
\set ON_ERROR_STOP on
CREATE TABLE public.here (a integer PRIMARY KEY USING INDEX TABLESPACE "pgsnap ""Odd"" space", b text UNIQUE, c int4range) TABLESPACE pgsnap_space;
CREATE TABLE public.there (a integer, b text);
CREATE INDEX "I 1" ON public.there (a) TABLESPACE pgsnap_space;
ALTER TABLE public.here ADD EXCLUDE USING gist (c WITH &&) USING INDEX TABLESPACE pgsnap_space;
CREATE MATERIALIZED VIEW public.mat TABLESPACE pgsnap_space AS SELECT a FROM public.here;
CREATE INDEX ON public.mat (a) TABLESPACE "pgsnap ""Odd"" space";
CREATE TABLE public.parted (a integer, b integer) PARTITION BY LIST (a) TABLESPACE pgsnap_space;
CREATE TABLE public.part1 PARTITION OF public.parted FOR VALUES IN (1);
CREATE TABLE public.part2 PARTITION OF public.parted FOR VALUES IN (2) TABLESPACE "pgsnap ""Odd"" space";
CREATE INDEX parted_b ON public.parted (b) TABLESPACE pgsnap_space;
CREATE UNLOGGED TABLE public.unlogged (a integer) TABLESPACE pgsnap_space;
INSERT INTO public.here VALUES (1, 'one', '[1,2)');
INSERT INTO public.parted VALUES (1, 1), (2, 2);
