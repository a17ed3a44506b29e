-- Rows that go by the hash of an enum, which is that of its OID: they belong into other partitions in another database.
-- uncovered: rows of table public.direct0 cannot be restored: hash partitioned by an enum
-- uncovered: rows of table public.direct1 cannot be restored: hash partitioned by an enum
-- uncovered: rows of table public.reached0 cannot be restored: hash partitioned by an enum
-- uncovered: rows of table public.expression0 cannot be restored: hash partitioned by an enum
-- uncovered: rows of table public."Low est" cannot be restored: hash partitioned by an enum
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
