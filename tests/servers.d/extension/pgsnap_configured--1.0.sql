-- The rows that the extension makes itself are not dumped, those that users add are; the second table needs the first.
CREATE TABLE "Z kinds" (name text PRIMARY KEY, made_by_user boolean NOT NULL DEFAULT true);
CREATE TABLE settings (id integer PRIMARY KEY, kind text REFERENCES "Z kinds", value text);
CREATE TABLE tree (id integer PRIMARY KEY, parent integer REFERENCES tree, note text);
CREATE TABLE not_dumped (a integer);
CREATE SEQUENCE numbers;
CREATE SEQUENCE numbers_not_dumped;
INSERT INTO "Z kinds" VALUES ('built in', false);
INSERT INTO not_dumped VALUES (1);
SELECT pg_catalog.pg_extension_config_dump('"Z kinds"', 'WHERE made_by_user OR name = ''it''''s''');
SELECT pg_catalog.pg_extension_config_dump('settings', '');
SELECT pg_catalog.pg_extension_config_dump('tree', '');
SELECT pg_catalog.pg_extension_config_dump('numbers', '');

-- Not dumped, unless somebody changes them.
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER "made by the extension" BEFORE UPDATE ON settings FOR EACH ROW EXECUTE FUNCTION touched();
CREATE TRIGGER switched_off BEFORE UPDATE ON settings FOR EACH ROW EXECUTE FUNCTION touched();
CREATE RULE "made by the extension" AS ON DELETE TO not_dumped DO INSTEAD NOTHING;
CREATE POLICY "made by the extension" ON settings FOR SELECT USING (id > 0);
