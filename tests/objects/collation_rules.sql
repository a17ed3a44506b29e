-- min: 16
CREATE COLLATION public.ruled (provider = icu, locale = 'und', rules = '&V << w <<< W & ''x'' < y');
CREATE COLLATION public."Ru led" (provider = icu, locale = 'de', deterministic = false, rules = E'&a < \u00e4');
CREATE TABLE public.t (a text COLLATE public.ruled, b text COLLATE public."Ru led");
CREATE INDEX ON public.t (a);
INSERT INTO public.t VALUES ('w', 'ä'), ('V', 'a');
