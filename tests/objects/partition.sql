-- Partitioned tables: every strategy, levels, odd column orders, indexes and keys that are attached.
CREATE SCHEMA part;
CREATE TABLE part.events (id bigint NOT NULL, at timestamptz NOT NULL, kind text DEFAULT 'none', payload jsonb,
    CONSTRAINT sane CHECK (id > 0)) PARTITION BY RANGE (at);
CREATE TABLE part."events 2024" PARTITION OF part.events FOR VALUES FROM ('2024-01-01Z') TO ('2025-01-01Z');
CREATE TABLE part.events_open PARTITION OF part.events FOR VALUES FROM ('2025-01-01Z') TO (MAXVALUE)
    PARTITION BY LIST (kind);
CREATE TABLE part.events_open_a PARTITION OF part.events_open FOR VALUES IN ('a', 'it''s', NULL);
CREATE TABLE part.events_open_rest PARTITION OF part.events_open DEFAULT WITH (fillfactor = 60);
-- Attached with columns in another order, with dropped ones, with a default and a CHECK of its own.
CREATE TABLE part.events_old (payload jsonb, x int, kind text DEFAULT 'old', at timestamptz NOT NULL, id bigint NOT NULL,
    CONSTRAINT sane CHECK (id > 0), CONSTRAINT own CHECK (kind <> ''));
ALTER TABLE part.events_old DROP COLUMN x;
ALTER TABLE part.events ATTACH PARTITION part.events_old FOR VALUES FROM (MINVALUE) TO ('2024-01-01Z');
INSERT INTO part.events VALUES (1, '2024-05-05Z', 'a', '{}'), (2, '2025-05-05Z', 'a', NULL), (3, '2026-05-05Z', 'q', '[1]'),
    (4, '2020-01-01Z', 'k', NULL);
ALTER TABLE part.events ADD CONSTRAINT "events PK" PRIMARY KEY (id, at, kind);
CREATE INDEX events_kind ON part.events (kind, (id + 1));
CREATE INDEX "only 2024" ON part."events 2024" USING brin (at);
-- Incomplete: an index on the partitioned table that not every partition has.
CREATE INDEX incomplete ON ONLY part.events (payload);
CREATE INDEX incomplete_2024 ON part."events 2024" (payload);
ALTER INDEX part.incomplete ATTACH PARTITION part.incomplete_2024;
COMMENT ON TABLE part."events 2024" IS 'a partition';
COMMENT ON INDEX part.events_kind IS 'a partitioned index';

CREATE TABLE part.hashed (k int, v text) PARTITION BY HASH (k, lower(v));
CREATE TABLE part.hashed0 PARTITION OF part.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part.hashed1 PARTITION OF part.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO part.hashed SELECT g, 'v' || g FROM generate_series(1, 20) g;
CREATE TABLE part.multi (a int, b text COLLATE "C", c date) PARTITION BY RANGE (a, b COLLATE "C" text_pattern_ops);
CREATE TABLE part.multi1 PARTITION OF part.multi FOR VALUES FROM (1, MINVALUE) TO (5, 'm');
CREATE TABLE part.empty (a int) PARTITION BY LIST ((a % 7));
CREATE UNIQUE INDEX multi_unique ON part.multi (a, b);
ALTER TABLE part.multi REPLICA IDENTITY FULL;

-- Foreign keys to and from partitioned tables.
CREATE TABLE part.target (id int PRIMARY KEY, t text) PARTITION BY RANGE (id);
CREATE TABLE part.target1 PARTITION OF part.target FOR VALUES FROM (0) TO (10);
CREATE TABLE part.target2 PARTITION OF part.target FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id);
CREATE TABLE part.target2a PARTITION OF part.target2 FOR VALUES IN (10, 11);
INSERT INTO part.target VALUES (1, 'a'), (10, 'b');
CREATE TABLE part.refers (a int, b int) PARTITION BY LIST (a);
CREATE TABLE part.refers1 PARTITION OF part.refers FOR VALUES IN (1);
INSERT INTO part.refers VALUES (1, 1);
ALTER TABLE part.refers ADD CONSTRAINT refers_fk FOREIGN KEY (a) REFERENCES part.target;
ALTER TABLE part.refers1 ADD CONSTRAINT own_fk FOREIGN KEY (b) REFERENCES part.target ON DELETE CASCADE;
CREATE TABLE part.plain_refers (t int REFERENCES part.target DEFERRABLE);
