-- min: 17
CREATE COLLATION public.utf8 (provider = builtin, locale = 'C.UTF-8');
CREATE COLLATION public."plain C" (provider = builtin, locale = 'C');
CREATE TABLE public.t (a text COLLATE public.utf8, b text COLLATE pg_c_utf8, c text COLLATE public."plain C");
CREATE INDEX ON public.t (a);
INSERT INTO public.t VALUES ('a', 'B', 'ç');
