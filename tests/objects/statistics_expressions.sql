-- min: 14
CREATE TABLE public.texts (t text, n numeric);
CREATE STATISTICS public.one_expression ON (pg_catalog.lower(t)) FROM public.texts;
CREATE STATISTICS public.several (ndistinct, mcv) ON t, (n * 2), (pg_catalog.upper(t)) FROM public.texts;
