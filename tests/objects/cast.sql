CREATE SCHEMA "Odd one";
CREATE TYPE public.mood AS ENUM ('sad', 'ok');
CREATE TYPE "Odd one"."Pair of" AS (a integer, b integer);
CREATE FUNCTION "Odd one"."to mood"(integer) RETURNS public.mood LANGUAGE sql IMMUTABLE AS
    $$ SELECT CASE $1 WHEN 0 THEN 'sad'::public.mood ELSE 'ok' END $$;
CREATE FUNCTION public.pair(text, integer, boolean) RETURNS "Odd one"."Pair of" LANGUAGE sql IMMUTABLE AS
    $$ SELECT ROW($2, $2)::"Odd one"."Pair of" $$;
CREATE CAST (integer AS public.mood) WITH FUNCTION "Odd one"."to mood"(integer) AS ASSIGNMENT;
CREATE CAST (text AS "Odd one"."Pair of") WITH FUNCTION public.pair(text, integer, boolean);
CREATE CAST (public.mood AS text) WITH INOUT AS IMPLICIT;
CREATE DOMAIN public.year AS integer;
CREATE TYPE public.a_row AS (x integer);
CREATE CAST (money AS bigint) WITHOUT FUNCTION AS ASSIGNMENT;
COMMENT ON CAST (integer AS public.mood) IS 'a number''s mood';
CREATE TABLE public.t (a integer, m public.mood DEFAULT 1);
CREATE VIEW public.as_mood AS SELECT a::public.mood AS m FROM public.t;
INSERT INTO public.t VALUES (0, 0), (1, 1);
