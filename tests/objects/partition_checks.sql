CREATE TABLE public.targets (id int PRIMARY KEY);
CREATE TABLE public.parts (id int, target int, stamp int) PARTITION BY LIST (stamp);
CREATE TABLE public.parts_1 PARTITION OF public.parts FOR VALUES IN (1) PARTITION BY LIST (id);
CREATE TABLE public.parts_1_1 PARTITION OF public.parts_1 DEFAULT;
CREATE TABLE public.parts_2 PARTITION OF public.parts FOR VALUES IN (2);
INSERT INTO public.targets SELECT n FROM pg_catalog.generate_series(1, 1000) n;
INSERT INTO public.parts SELECT n, n % 1000 + 1, n % 2 + 1 FROM pg_catalog.generate_series(1, 20000) n;
ALTER TABLE public.parts ADD FOREIGN KEY (target) REFERENCES public.targets;
-- What it does to rows must not happen again at the restore.
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no more rows'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON public.parts FOR EACH ROW EXECUTE FUNCTION public.refuse();
