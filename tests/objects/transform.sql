CREATE TYPE public."Odd one" AS (a integer);
CREATE FUNCTION public.from_it(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'prsd_lextype';
CREATE FUNCTION public."to it"(internal) RETURNS public."Odd one" LANGUAGE internal IMMUTABLE AS 'int4recv';
CREATE TRANSFORM FOR public."Odd one" LANGUAGE plpgsql (FROM SQL WITH FUNCTION public.from_it(internal), TO SQL WITH FUNCTION public."to it"(internal));
CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal));
COMMENT ON TRANSFORM FOR integer LANGUAGE sql IS 'it''s one way';
