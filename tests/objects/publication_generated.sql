-- min: 18
CREATE TABLE public.t (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED);
CREATE PUBLICATION stored FOR TABLE public.t WITH (publish_generated_columns = stored);
CREATE PUBLICATION plain FOR TABLE public.t;
INSERT INTO public.t VALUES (1);
