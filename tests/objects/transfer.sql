-- Columns of every shape: which tables travel in binary, and what survives either way.
CREATE TYPE public.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN public.small AS integer CHECK (VALUE < 100);
CREATE TYPE public.pair AS (a integer, m public.mood);
CREATE TYPE public.nested AS (p public.pair, ps public.pair[], s public.small);
CREATE TYPE public.pair_range AS RANGE (subtype = public.pair);
CREATE TABLE public.shapes (id integer, moods public.mood[], p public.pair, ps public.pair[], n public.nested, smalls public.small[], r public.pair_range);
INSERT INTO public.shapes VALUES
    (1, '{sad,ok,NULL}', '(1,ok)', '{"(1,sad)","(2,)"}', ROW(ROW(1, 'ok'), '{"(3,sad)"}', 7), '{1,2}', '["(1,sad)","(2,ok)")'),
    (2, NULL, NULL, '{}', NULL, '[3:4]={5,6}', 'empty');
CREATE TABLE public.as_text (c regclass, t regtype[], v int2vector);
INSERT INTO public.as_text VALUES ('public.shapes', '{public.mood,integer}', ''), ('pg_catalog.pg_class', '{}', '1 2');
CREATE TABLE public.simple (b boolean, i smallint, l bigint, f real, d date, t timestamp, z timestamptz, u uuid, j jsonb, x bytea);
INSERT INTO public.simple VALUES (true, 1, 2, 'NaN', '2020-01-01', 'infinity', '-infinity', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1}', '\x00ff');
