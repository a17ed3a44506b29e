-- min: 15
CREATE SCHEMA "Odd one";
CREATE TABLE "Odd one"."T t" (a integer PRIMARY KEY, "B b" text, c integer);
CREATE TABLE public.dropped (x integer, a integer, b integer);
ALTER TABLE public.dropped DROP COLUMN x;
CREATE PUBLICATION filtered FOR TABLE "Odd one"."T t" ("B b", a) WHERE (a > 5 AND "B b" <> 'it''s'), public.dropped (b);
ALTER PUBLICATION filtered SET (publish = 'insert');
CREATE PUBLICATION schemas FOR TABLES IN SCHEMA "Odd one", TABLE public.dropped;
