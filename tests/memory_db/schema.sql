-- The database of an agent's memory: the shape pgsnap is most used on, with one of almost everything that a
-- schema grows in a few years of use. Plain SQL for every supported major; what a server lacks is left out by the
-- DO blocks. An embedding is vector(1536) when the extension vector was created before this, real[] otherwise.

-- Roles belong to the cluster: another database may have made them, perhaps this very moment.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['memory_owner', 'memory_reader', 'memory_writer', 'memory_auditor'] LOOP
        BEGIN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;
    CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
EXCEPTION WHEN feature_not_supported OR undefined_file THEN
    RAISE NOTICE 'without btree_gist and pg_trgm: this server has no contrib extensions';
END
$$;

CREATE SCHEMA audit AUTHORIZATION memory_owner;
CREATE SCHEMA "Odd ""Name""";
COMMENT ON SCHEMA audit IS 'Who changed what; kept for a year';
COMMENT ON SCHEMA "Odd ""Name""" IS 'It''s quoted everywhere';

-- Types

CREATE TYPE public.event_kind AS ENUM ('observed', 'said', 'decided', 'forgot');
CREATE DOMAIN public.importance AS real DEFAULT 0.5
    CONSTRAINT importance_is_a_share CHECK (VALUE >= 0 AND VALUE <= 1);
CREATE DOMAIN public.label AS text NOT NULL CHECK (VALUE <> '');
CREATE TYPE public.source_ref AS (kind text, uri text, line integer);
CREATE TYPE public.score_range AS RANGE (subtype = double precision, subtype_diff = float8mi);
COMMENT ON TYPE public.event_kind IS 'What happened';
COMMENT ON DOMAIN public.importance IS 'Between 0 and 1';
COMMENT ON COLUMN public.source_ref.uri IS 'Where it came from';

-- Sequences with settings of their own

CREATE SEQUENCE public.episode_number AS integer START 1000 INCREMENT 5 MINVALUE 10 MAXVALUE 2000000000 CACHE 7 CYCLE;
CREATE SEQUENCE audit.countdown INCREMENT -1 MINVALUE -1000000 MAXVALUE -1 START -1;
CREATE SEQUENCE "Odd ""Name""".unused;
COMMENT ON SEQUENCE audit.countdown IS 'Backwards';

-- Functions that tables use

CREATE FUNCTION public.normalise(content text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT lower(btrim(content)) $$;

CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$function$;

CREATE FUNCTION audit.record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO audit.changes (relation, operation, changed_at) VALUES (TG_TABLE_NAME, TG_OP, now());
    RETURN NULL;
END
$$;

CREATE FUNCTION public.add_weight(state double precision, score real) RETURNS double precision
    LANGUAGE sql IMMUTABLE AS 'SELECT state + coalesce(score, 0)::double precision';

CREATE AGGREGATE public.total_weight (real) (
    SFUNC = public.add_weight, STYPE = double precision, INITCOND = '0', PARALLEL = SAFE, COMBINEFUNC = float8pl
);
COMMENT ON FUNCTION public.normalise(text) IS 'Used by an index: never change it without REINDEX';
COMMENT ON AGGREGATE public.total_weight(real) IS 'Sum, with NULL as zero';

-- Tables

CREATE TABLE public.l0_raw (
    id bigserial PRIMARY KEY,
    session_id uuid NOT NULL,
    role text NOT NULL DEFAULT 'user',
    content text NOT NULL,
    payload jsonb,
    raw bytea,
    received_at timestamptz NOT NULL,
    CONSTRAINT l0_raw_role CHECK (role IN ('user', 'assistant', 'tool'))
) WITH (autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_enabled = true);

CREATE TABLE public.l2_insights (
    id bigserial PRIMARY KEY,
    content text NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    source_ids bigint[],
    score public.importance,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz,
    search tsvector GENERATED ALWAYS AS (to_tsvector('pg_catalog.english', content)) STORED
) WITH (fillfactor = 90);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'vector') THEN
        ALTER TABLE public.l2_insights ADD COLUMN embedding vector(1536);
    ELSE
        ALTER TABLE public.l2_insights ADD COLUMN embedding real[];
    END IF;
    IF current_setting('server_version_num')::integer >= 140000 THEN
        EXECUTE 'ALTER TABLE public.l0_raw ALTER COLUMN content SET COMPRESSION pglz';
    END IF;
END
$$;

CREATE TABLE public.ground_truth (
    id integer GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 10) PRIMARY KEY,
    query text NOT NULL,
    query_normalised text GENERATED ALWAYS AS (public.normalise(query)) STORED,
    insight_id bigint REFERENCES public.l2_insights (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    expected public.score_range,
    seen_in public.source_ref,
    also_seen_in public.source_ref[],
    verdicts jsonb[],
    UNIQUE (query, insight_id)
);

CREATE TABLE public.working_memory (
    id uuid PRIMARY KEY,
    slot smallint NOT NULL,
    item public.label,
    episode_id integer,
    importance public.importance,
    valid tstzrange NOT NULL,
    updated_at timestamptz,
    EXCLUDE USING gist (valid WITH &&)
);

CREATE TABLE public.episode_memory (
    id integer PRIMARY KEY DEFAULT nextval('public.episode_number'),
    title varchar(80) COLLATE "C" NOT NULL,
    opened_by uuid,
    cost numeric(12, 4),
    spent interval,
    origin inet,
    area box,
    flags bit varying(16),
    kinds public.event_kind[] NOT NULL DEFAULT '{observed}',
    "Größe in ""Zoll""" numeric,
    dropped_later text,
    closed_on date
);
ALTER TABLE public.episode_memory DROP COLUMN dropped_later;
ALTER SEQUENCE public.episode_number OWNED BY public.episode_memory.id;

ALTER TABLE public.working_memory ADD CONSTRAINT working_memory_episode
    FOREIGN KEY (episode_id) REFERENCES public.episode_memory (id) ON UPDATE CASCADE DEFERRABLE;
ALTER TABLE public.episode_memory ADD CONSTRAINT episode_memory_opened_by
    FOREIGN KEY (opened_by) REFERENCES public.working_memory (id) ON DELETE CASCADE;

CREATE TABLE public.events (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    happened_at timestamptz NOT NULL,
    kind public.event_kind NOT NULL DEFAULT 'observed',
    importance public.importance NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    amount integer NOT NULL,
    doubled bigint GENERATED ALWAYS AS (amount::bigint * 2) STORED,
    episode_id integer REFERENCES public.episode_memory (id),
    note text,
    PRIMARY KEY (id, happened_at)
) PARTITION BY RANGE (happened_at);
CREATE TABLE public.events_2025_01 PARTITION OF public.events
    FOR VALUES FROM ('2025-01-01 00:00:00+00') TO ('2025-02-01 00:00:00+00');
CREATE TABLE public.events_2025_02 PARTITION OF public.events
    FOR VALUES FROM ('2025-02-01 00:00:00+00') TO ('2025-03-01 00:00:00+00') WITH (fillfactor = 80);
CREATE TABLE public.events_2025_03 PARTITION OF public.events
    FOR VALUES FROM ('2025-03-01 00:00:00+00') TO ('2025-04-01 00:00:00+00') PARTITION BY HASH (id);
CREATE TABLE public.events_2025_03_even PARTITION OF public.events_2025_03 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE public.events_2025_03_odd PARTITION OF public.events_2025_03 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
-- Made on its own, with the columns in another order, and attached.
CREATE TABLE public.events_later (
    note text,
    happened_at timestamptz NOT NULL,
    id bigint NOT NULL,
    kind public.event_kind NOT NULL DEFAULT 'decided',
    episode_id integer,
    tags text[] NOT NULL DEFAULT '{}',
    amount integer NOT NULL,
    doubled bigint GENERATED ALWAYS AS (amount::bigint * 2) STORED,
    importance public.importance NOT NULL
);
ALTER TABLE public.events ATTACH PARTITION public.events_later DEFAULT;

CREATE TABLE audit.changes (
    id integer GENERATED ALWAYS AS IDENTITY,
    relation name NOT NULL,
    operation text NOT NULL,
    changed_at timestamptz NOT NULL,
    ticket integer DEFAULT nextval('audit.countdown')
);
CREATE TABLE audit.grave_changes (reason text NOT NULL) INHERITS (audit.changes);
CREATE UNLOGGED TABLE audit.scratch (key text PRIMARY KEY, value json);
CREATE TABLE "Odd ""Name"""."Table.With.Dots" ("select" integer, "back\slash" text, "new
line" text);
CREATE TABLE "Odd ""Name""".no_columns ();

ALTER TABLE audit.changes OWNER TO memory_owner;
ALTER TABLE audit.grave_changes OWNER TO memory_owner;
ALTER SEQUENCE audit.countdown OWNER TO memory_owner;
ALTER FUNCTION audit.record() OWNER TO memory_owner;

-- Settings of tables and columns

ALTER TABLE public.l0_raw ALTER COLUMN raw SET STORAGE EXTERNAL;
ALTER TABLE public.l2_insights ALTER COLUMN content SET STATISTICS 500;
ALTER TABLE public.l2_insights ALTER COLUMN metadata SET (n_distinct = -0.5);
ALTER TABLE public.episode_memory REPLICA IDENTITY FULL;
ALTER TABLE public.ground_truth REPLICA IDENTITY USING INDEX ground_truth_pkey;
CREATE STATISTICS public.events_kind_amount (dependencies, ndistinct) ON kind, amount FROM public.events_later;
COMMENT ON STATISTICS public.events_kind_amount IS 'They go together';

-- Indexes

CREATE INDEX l0_raw_session ON public.l0_raw (session_id, received_at DESC NULLS LAST) INCLUDE (role);
CREATE INDEX l0_raw_payload ON public.l0_raw USING gin (payload jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX l0_raw_tools ON public.l0_raw (received_at) WHERE role = 'tool';
CREATE INDEX l2_insights_normalised ON public.l2_insights (md5(public.normalise(content)), (metadata ->> 'topic') COLLATE "C");
CREATE INDEX l2_insights_search ON public.l2_insights USING gin (search);
CREATE INDEX l2_insights_created ON public.l2_insights USING brin (created_at) WITH (pages_per_range = 16);
CREATE INDEX l2_insights_sources ON public.l2_insights USING gin (source_ids);
CREATE UNIQUE INDEX episode_memory_title ON public.episode_memory (title text_pattern_ops);
CREATE INDEX episode_memory_area ON public.episode_memory USING gist (area);
CREATE INDEX events_kind ON public.events (kind, importance);
CREATE INDEX events_2025_02_note ON public.events_2025_02 USING hash (note);
ALTER INDEX public.l2_insights_normalised ALTER COLUMN 1 SET STATISTICS 250;
ALTER TABLE public.episode_memory CLUSTER ON episode_memory_title;
COMMENT ON INDEX public.l2_insights_search IS 'Full text';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'btree_gist') THEN
        ALTER TABLE public.working_memory ADD CONSTRAINT one_item_per_slot
            EXCLUDE USING gist (slot WITH =, valid WITH &&) WHERE (slot > 0);
        CREATE INDEX l2_insights_trigrams ON public.l2_insights USING gin (left(content, 60) gin_trgm_ops);
    END IF;
END
$$;

-- Views

CREATE VIEW public.recent_insights AS
    SELECT id, content, metadata ->> 'topic' AS topic, score, created_at FROM public.l2_insights
    WHERE created_at >= '2025-02-01 00:00:00+00' WITH LOCAL CHECK OPTION;
CREATE VIEW public.topics WITH (security_barrier = true) AS
    SELECT topic, count(*) AS insights, public.total_weight(score::real) AS weight, max(created_at) AS last_at
    FROM public.recent_insights GROUP BY topic;
CREATE VIEW audit.top_topics AS
    SELECT t.topic, t.insights, (SELECT count(*) FROM public.events) AS events FROM public.topics t
    ORDER BY t.insights DESC, t.topic LIMIT 10;
CREATE MATERIALIZED VIEW public.topic_cache AS SELECT * FROM public.topics WITH NO DATA;
CREATE UNIQUE INDEX topic_cache_topic ON public.topic_cache (topic);
COMMENT ON VIEW public.topics IS 'A view on a view';
COMMENT ON COLUMN public.topics.weight IS 'Not normalised';
COMMENT ON MATERIALIZED VIEW public.topic_cache IS 'Refreshed every hour';

-- Triggers, rules, policies

CREATE TRIGGER touch BEFORE UPDATE OF content, metadata ON public.l2_insights
    FOR EACH ROW WHEN (OLD.content IS DISTINCT FROM NEW.content) EXECUTE FUNCTION public.touch();
CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON public.ground_truth
    FOR EACH STATEMENT EXECUTE FUNCTION audit.record();
CREATE CONSTRAINT TRIGGER record_late AFTER DELETE ON public.episode_memory
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER event_guard AFTER UPDATE ON public.events FOR EACH ROW EXECUTE FUNCTION audit.record();
ALTER TABLE public.working_memory ADD CONSTRAINT slot_is_small CHECK (slot < 5000) NOT VALID;
CREATE TRIGGER touch BEFORE UPDATE ON public.working_memory FOR EACH ROW EXECUTE FUNCTION public.touch();
ALTER TABLE public.working_memory DISABLE TRIGGER touch;
COMMENT ON TRIGGER record ON public.ground_truth IS 'For the auditor';
COMMENT ON CONSTRAINT slot_is_small ON public.working_memory IS 'Old rows are not checked';

CREATE RULE keep_changes AS ON DELETE TO audit.changes WHERE OLD.operation = 'DELETE' DO INSTEAD NOTHING;
CREATE RULE add_topic AS ON INSERT TO audit.top_topics
    DO INSTEAD INSERT INTO audit.scratch (key, value) VALUES (NEW.topic, 'null');

ALTER TABLE public.working_memory ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_slots ON public.working_memory FOR SELECT TO memory_reader USING (slot > 0);
CREATE POLICY write_slots ON public.working_memory AS RESTRICTIVE TO memory_writer
    USING (true) WITH CHECK (slot BETWEEN 1 AND 4000);
COMMENT ON POLICY own_slots ON public.working_memory IS 'Slot 0 is private';

CREATE PROCEDURE public.forget(before timestamptz, INOUT gone bigint DEFAULT 0)
    LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM public.l0_raw WHERE received_at < before;
    GET DIAGNOSTICS gone = ROW_COUNT;
END
$$;

-- Privileges

ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO memory_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE memory_owner IN SCHEMA audit GRANT SELECT, INSERT ON TABLES TO memory_auditor WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE memory_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT USAGE ON SCHEMA audit TO memory_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO memory_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.l0_raw, public.events TO memory_writer;
GRANT SELECT (id, content, created_at), UPDATE (content) ON public.l2_insights TO memory_writer;
GRANT USAGE, SELECT ON SEQUENCE public.l0_raw_id_seq TO memory_writer WITH GRANT OPTION;
REVOKE ALL ON FUNCTION public.normalise(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.normalise(text) TO memory_reader, memory_writer;
GRANT EXECUTE ON PROCEDURE public.forget(timestamptz, bigint) TO memory_owner;
REVOKE USAGE ON TYPE public.score_range FROM PUBLIC;
GRANT USAGE ON TYPE public.score_range TO memory_writer;

COMMENT ON TABLE public.l2_insights IS E'What was understood.\nOne row per insight; "embedding" may be missing.';
COMMENT ON COLUMN public.l2_insights.embedding IS '1536 numbers, normalised';
COMMENT ON TABLE public.l0_raw IS 'What came in, as it came';
COMMENT ON TABLE public.events IS 'By month';
COMMENT ON COLUMN public.episode_memory."Größe in ""Zoll""" IS '東京 — naïve café 🙂';

-- Last: a new value cannot be used in the transaction that adds it.
ALTER TYPE public.event_kind ADD VALUE 'dreamt' BEFORE 'forgot';
