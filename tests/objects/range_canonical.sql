CREATE SCHEMA "Odd one";
CREATE TYPE "Odd one"."Days";
CREATE FUNCTION "Odd one".canonical("Odd one"."Days") RETURNS "Odd one"."Days" LANGUAGE internal IMMUTABLE STRICT AS 'daterange_canonical';
CREATE TYPE "Odd one"."Days" AS RANGE (SUBTYPE = date, CANONICAL = "Odd one".canonical, SUBTYPE_DIFF = daterange_subdiff);
CREATE TABLE public.t (d "Odd one"."Days");
INSERT INTO public.t VALUES ('[2020-01-01,2020-01-05]'), ('empty'), (NULL);
