-- Materialized views: populated and not, on one another, through views, with indexes and options.
CREATE SCHEMA mats;
CREATE TABLE mats.t (id int PRIMARY KEY, v text);
INSERT INTO mats.t SELECT g, 'v' || g FROM generate_series(1, 10) g;
CREATE MATERIALIZED VIEW mats.z_first WITH (fillfactor = 80, toast.autovacuum_enabled = false) AS SELECT id, v FROM mats.t;
CREATE UNIQUE INDEX ON mats.z_first (id);
CREATE VIEW mats.between AS SELECT id FROM mats.z_first WHERE id > 5;
CREATE MATERIALIZED VIEW mats."A second, it's" AS SELECT count(*) AS "How many" FROM mats.between;
CREATE MATERIALIZED VIEW mats.third AS SELECT * FROM mats."A second, it's", mats.z_first;
CREATE MATERIALIZED VIEW mats.not_populated AS SELECT id FROM mats.t WITH NO DATA;
CREATE MATERIALIZED VIEW mats.no_columns AS SELECT;
CREATE MATERIALIZED VIEW mats.empty AS SELECT id FROM mats.t WHERE false;
-- Filled, then what it reads is emptied: a refresh would fail.
CREATE MATERIALIZED VIEW mats.m_source AS SELECT id FROM mats.t;
CREATE MATERIALIZED VIEW mats.a_reader AS SELECT id FROM mats.m_source;
REFRESH MATERIALIZED VIEW mats.m_source WITH NO DATA;
CREATE INDEX odd_index ON mats.third ("How many", id);
CLUSTER mats.z_first USING z_first_id_idx;
ALTER MATERIALIZED VIEW mats.z_first ALTER COLUMN v SET STATISTICS 77, ALTER COLUMN v SET STORAGE EXTERNAL,
    ALTER COLUMN id SET (n_distinct = -1);
COMMENT ON MATERIALIZED VIEW mats.z_first IS 'a materialized view';
COMMENT ON COLUMN mats.z_first.v IS 'its column';
ALTER MATERIALIZED VIEW mats.empty DEPENDS ON EXTENSION plpgsql;
