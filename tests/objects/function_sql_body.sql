-- min: 14
CREATE TABLE public.events (id integer PRIMARY KEY, body text DEFAULT 'x');
CREATE FUNCTION public.bodied(a integer, b integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT a + b; SELECT a * b; END;
CREATE FUNCTION public.returns_it(a integer) RETURNS integer LANGUAGE sql RETURN a + 1;
CREATE FUNCTION public.reads(n integer) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT body FROM public.events WHERE id = n; END;
-- Groups by the primary key, which comes after the data: so must the function, and the view that calls it.
CREATE FUNCTION public.a_late() RETURNS SETOF text LANGUAGE sql
    BEGIN ATOMIC SELECT body FROM public.events GROUP BY id; END;
CREATE VIEW public.a_late_view AS SELECT * FROM public.a_late() AS l;
CREATE PROCEDURE public.writes(i integer, OUT o integer) LANGUAGE sql BEGIN ATOMIC INSERT INTO public.events VALUES (i); SELECT i; END;
INSERT INTO public.events VALUES (1, 'one');
