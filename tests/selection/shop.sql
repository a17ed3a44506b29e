-- A database of which parts are dumped and restored. What -t brings here beyond pg_dump (statistics objects) is in no case's table.
DO $$ BEGIN CREATE ROLE pgsnap_shop; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE pgsnap_reader; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
CREATE SCHEMA app;
COMMENT ON SCHEMA app IS 'what is sold';
GRANT USAGE ON SCHEMA app TO pgsnap_reader, pgsnap_shop;
CREATE SCHEMA "App 2";
CREATE SCHEMA other;
CREATE EXTENSION hstore WITH SCHEMA other;
CREATE EXTENSION pgsnap_configured WITH SCHEMA other;
INSERT INTO other."Z kinds" (name) VALUES ('mine');
INSERT INTO other.settings VALUES (1, 'mine', 'value');
SELECT setval('other.numbers', 42);
CREATE TYPE app.mood AS ENUM ('sad', 'ok');
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE CAST (app.mood AS integer) WITH INOUT;
CREATE TABLE app.customers (id serial PRIMARY KEY, name text NOT NULL DEFAULT 'nobody', mood app.mood);
CREATE TABLE app.orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer integer CONSTRAINT orders_customer REFERENCES app.customers,
    before integer CONSTRAINT orders_before REFERENCES app.orders,
    amount numeric CHECK (amount > 0)
);
ALTER TABLE app.orders OWNER TO pgsnap_shop;
COMMENT ON TABLE app.orders IS 'what was sold';
COMMENT ON CONSTRAINT orders_customer ON app.orders IS 'who';
GRANT SELECT ON app.orders TO pgsnap_reader;
CREATE INDEX orders_amount ON app.orders (amount);
COMMENT ON INDEX app.orders_amount IS 'how much';
CREATE TRIGGER touch BEFORE UPDATE ON app.orders FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE RULE noted AS ON DELETE TO app.orders DO ALSO NOTHING;
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.orders TO pgsnap_shop USING (customer > 0);
INSERT INTO app.customers (name, mood) SELECT 'customer ' || i, 'ok' FROM generate_series(1, 100) i;
INSERT INTO app.orders (customer, before, amount) SELECT i % 100 + 1, nullif(i - 1, 0), i FROM generate_series(1, 500) i;
CREATE TABLE app.events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE INDEX ON app.events (at);
CREATE TABLE app.events_2025 PARTITION OF app.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE "App 2"."Events" PARTITION OF app.events DEFAULT PARTITION BY LIST (what);
CREATE TABLE "App 2"."Events rest" PARTITION OF "App 2"."Events" DEFAULT;
INSERT INTO app.events SELECT date '2024-06-01' + i, 'day ' || i FROM generate_series(1, 700) i;
CREATE TABLE app.log (id bigserial, line text);
INSERT INTO app.log (line) SELECT repeat('x', 100) FROM generate_series(1, 200);
CREATE VIEW app.totals AS SELECT customer, sum(amount) FROM app.orders GROUP BY customer;
CREATE MATERIALIZED VIEW app.best AS SELECT * FROM app.totals;
CREATE UNIQUE INDEX ON app.best (customer);
CREATE SEQUENCE app.numbers START 7;
SELECT nextval('app.numbers'), nextval('app.numbers');
ALTER DEFAULT PRIVILEGES IN SCHEMA "App 2" GRANT SELECT ON TABLES TO pgsnap_reader;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO pgsnap_reader;
CREATE TABLE other.uses_hstore (h other.hstore, customer integer);
INSERT INTO other.uses_hstore VALUES ('a => 1', 1);
CREATE STATISTICS app.orders_statistics ON customer, amount FROM app.orders;
CREATE TABLE other.late (customer integer CONSTRAINT late_customer REFERENCES app.customers);
CREATE PUBLICATION everything FOR TABLE app.customers;
