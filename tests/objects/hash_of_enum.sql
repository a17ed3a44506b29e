-- rows move
-- Rows that go by the hash of an enum, which is that of its OID: they belong into other partitions in another database.
CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE public.direct (id integer, m public.mood) PARTITION BY HASH (id, m);
CREATE TABLE public.direct0 PARTITION OF public.direct FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE public.direct1 PARTITION OF public.direct FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO public.direct VALUES (1, 'sad'), (2, 'ok'), (3, 'happy');
CREATE DOMAIN public.moods AS public.mood[];
CREATE TABLE public.reached (m public.moods) PARTITION BY HASH (m);
CREATE TABLE public.reached0 PARTITION OF public.reached FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE public.expression (m public.mood[]) PARTITION BY HASH ((m[1]));
CREATE TABLE public.expression0 PARTITION OF public.expression FOR VALUES WITH (MODULUS 1, REMAINDER 0);
-- Of a leaf's ancestors one is enough.
CREATE TABLE public.above (id integer, m public.mood) PARTITION BY HASH (m);
CREATE TABLE public.below PARTITION OF public.above FOR VALUES WITH (MODULUS 1, REMAINDER 0) PARTITION BY RANGE (id);
CREATE TABLE public."Low est" PARTITION OF public.below DEFAULT;
-- The hash of an integer is the same everywhere, and an enum in a list or beside the key does no harm.
CREATE TABLE public.harmless (id integer, m public.mood) PARTITION BY HASH (id);
CREATE TABLE public.harmless0 PARTITION OF public.harmless FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE public.listed (m public.mood) PARTITION BY LIST (m);
CREATE TABLE public.listed_ok PARTITION OF public.listed FOR VALUES IN ('ok');
-- Columns that stand in another order in the partition.
CREATE TABLE public.ordered (m public.mood, id integer, note text) PARTITION BY HASH (m);
CREATE TABLE public.ordered0 (note text, gone integer, id integer, m public.mood);
ALTER TABLE public.ordered0 DROP COLUMN gone;
ALTER TABLE public.ordered ATTACH PARTITION public.ordered0 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
INSERT INTO public.ordered VALUES ('sad', 1, 'a note'), ('ok', 2, NULL);
-- Many rows, with what must wait for all of them.
CREATE TABLE public.many (m public.mood, id integer, note text) PARTITION BY HASH (m);
CREATE TABLE public.many0 PARTITION OF public.many FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE public.many1 PARTITION OF public.many FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE public.many2 PARTITION OF public.many FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO public.many SELECT (ARRAY['sad', 'ok', 'happy']::public.mood[])[1 + i % 3], i, 'note ' || i FROM generate_series(1, 1000) i;
CREATE INDEX many_id ON public.many (id);
CREATE FUNCTION public.never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'never'; END $$;
CREATE TRIGGER never BEFORE INSERT ON public.many0 FOR EACH ROW EXECUTE FUNCTION public.never();
-- Only a part of the tree goes by the hash of an enum: the rest is loaded, and read back, by itself.
CREATE TABLE public.mixed (id integer, m public.mood) PARTITION BY LIST (id);
CREATE TABLE public.mixed1 PARTITION OF public.mixed FOR VALUES IN (1) PARTITION BY HASH (m);
CREATE TABLE public.mixed1a PARTITION OF public.mixed1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE public.mixed1b PARTITION OF public.mixed1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE public.mixed2 PARTITION OF public.mixed FOR VALUES IN (2);
INSERT INTO public.mixed VALUES (1, 'sad'), (1, 'ok'), (1, 'happy'), (2, 'ok'), (2, 'sad');
