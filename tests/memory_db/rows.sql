-- Rows of the smaller tables, from the number of insights in memory.rows. No random(): the same number gives the
-- same rows on every server.
SET TIME ZONE 'UTC';

INSERT INTO public.l0_raw (session_id, role, content, payload, raw, received_at)
SELECT md5((i / 20)::text)::uuid, (ARRAY['user', 'assistant', 'tool'])[i % 3 + 1],
    repeat('message ' || i || E'\twith a tab, a \\ and a line\n', i % 5 + 1) || md5(i::text),
    CASE WHEN i % 4 > 0 THEN jsonb_build_object('turn', i % 20, 'hash', md5(i::text), 'ok', i % 7 = 0, 'none', NULL) END,
    CASE WHEN i % 11 = 0 THEN decode(repeat(md5(i::text), i % 50), 'hex') END,
    '2025-01-01'::timestamptz + i * interval '31 seconds'
FROM generate_series(1, current_setting('memory.rows')::integer * 2) AS i;

-- Two values of 2 MB: larger than a block, out of line, one compressible.
INSERT INTO public.l0_raw (session_id, content, raw, received_at)
SELECT md5('large')::uuid, repeat('large ', 350000), NULL, '2025-04-01'::timestamptz
UNION ALL
SELECT md5('large')::uuid, 'noise', (SELECT decode(string_agg(md5(n::text), '' ORDER BY n), 'hex') FROM generate_series(1, 131072) AS n),
    '2025-04-01'::timestamptz;

INSERT INTO public.ground_truth (query, insight_id, expected, seen_in, also_seen_in, verdicts)
SELECT 'What about ' || i || '?', CASE WHEN i % 9 > 0 THEN i END,
    CASE i % 5 WHEN 0 THEN 'empty' WHEN 1 THEN NULL ELSE public.score_range(i * 0.5, i * 0.75, '[]') END,
    CASE WHEN i % 6 > 0 THEN ROW('file', 'a "quoted", uri', nullif(i % 3, 0))::public.source_ref END,
    ARRAY[ROW('web', NULL, i)::public.source_ref, NULL], ARRAY['{"a": [1, 2]}', 'null', NULL]::jsonb[]
FROM generate_series(1, greatest(current_setting('memory.rows')::integer / 20, 5)) AS i;

INSERT INTO public.episode_memory (title, cost, spent, origin, area, flags, kinds, "Größe in ""Zoll""", closed_on)
SELECT 'Episode ' || i, i * 1.0625, i * interval '1 month 3 days 00:00:00.000001', ('10.0.' || i % 256 || '.0/24')::inet,
    box(point(i, i), point(i + 1, -i)), (i % 8)::bit(3)::bit varying, enum_range(NULL::public.event_kind, 'decided'),
    CASE i % 4 WHEN 0 THEN 'NaN' WHEN 1 THEN 1e-30 WHEN 2 THEN 1e40 END,
    CASE i % 3 WHEN 0 THEN 'infinity' WHEN 1 THEN date '0044-03-15 BC' + i END
FROM generate_series(1, greatest(current_setting('memory.rows')::integer / 20, 5)) AS i;

INSERT INTO public.working_memory (id, slot, item, episode_id, importance, valid)
SELECT md5(id::text)::uuid, (id - 1000) / 5 % 4000, 'item of ' || title, id, (id % 100) / 100.0,
    tstzrange('2025-01-01'::timestamptz + id * interval '1 hour', '2025-01-01'::timestamptz + (id + 1) * interval '1 hour')
FROM public.episode_memory;
UPDATE public.episode_memory SET opened_by = md5(id::text)::uuid WHERE id % 10 = 0;

INSERT INTO public.events (happened_at, kind, importance, tags, amount, episode_id, note)
SELECT '2024-12-20'::timestamptz + i % 150 * interval '1 day' + i * interval '1 millisecond',
    (enum_range(NULL::public.event_kind))[i % 5 + 1], (i % 101) / 100.0, ARRAY['t' || i % 7, NULL, 'with "quote"'], i,
    CASE WHEN i % 3 = 0 THEN 1000 + i % 5 * 5 END, CASE WHEN i % 4 > 0 THEN 'note ' || i END
FROM generate_series(1, current_setting('memory.rows')::integer * 10) AS i;

INSERT INTO audit.grave_changes (id, relation, operation, changed_at, reason)
SELECT i, 'l0_raw', 'TRUNCATE', '2025-02-03 04:05:06.789+00', 'reason ' || i FROM generate_series(1, 5) AS i;
INSERT INTO audit.scratch VALUES ('a', '{"b":  [1 ,2]}'), ('', NULL);
INSERT INTO "Odd ""Name"""."Table.With.Dots" VALUES (1, E'a\\b\t\n\r\b\f\v', ''), (NULL, NULL, '\N'), (2, '\.', 'é');
INSERT INTO "Odd ""Name""".no_columns DEFAULT VALUES;

REFRESH MATERIALIZED VIEW public.topic_cache;
