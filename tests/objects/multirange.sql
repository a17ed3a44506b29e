-- min: 14
CREATE SCHEMA "Odd schema";
CREATE TYPE public.spans AS RANGE (subtype = date, multirange_type_name = "Odd schema"."Many spans");
CREATE TABLE public.holds (id integer, spans public.spans, many "Odd schema"."Many spans", more "Odd schema"."Many spans"[]);
INSERT INTO public.holds VALUES (1, '[2020-01-01,2020-02-01)', '{[2020-01-01,2020-02-01)}', '{"{[2020-01-01,2020-02-01)}"}');
