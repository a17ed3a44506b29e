-- min: 18
-- Statistics of a materialized view that waits for the data: they wait for its refresh.
CREATE TABLE public.base (id integer PRIMARY KEY, body text);
INSERT INTO public.base SELECT i, 'b' || i FROM generate_series(1, 100) i;
CREATE MATERIALIZED VIEW public.late AS SELECT id, body, count(*) AS n FROM public.base GROUP BY id;
CREATE INDEX ON public.late (n);
CREATE MATERIALIZED VIEW public.early AS SELECT id FROM public.base;
ANALYZE public.base, public.late, public.early;
