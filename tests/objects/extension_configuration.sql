CREATE SCHEMA "Odd one";
CREATE EXTENSION pgsnap_configured SCHEMA "Odd one";
INSERT INTO "Odd one"."Z kinds" (name) VALUES ('mine'), ('it''s');
INSERT INTO "Odd one".settings
    SELECT i, CASE WHEN i % 2 = 0 THEN 'mine' ELSE 'built in' END, 'value ' || i FROM generate_series(1, 100) i;
INSERT INTO "Odd one".not_dumped VALUES (2);
SELECT setval('"Odd one".numbers', 42);
SELECT setval('"Odd one".numbers_not_dumped', 42);
-- What is added to members is no member.
CREATE TRIGGER "added, here" AFTER INSERT ON "Odd one".settings FOR EACH ROW EXECUTE FUNCTION "Odd one".touched();
COMMENT ON TRIGGER "added, here" ON "Odd one".settings IS 'of a user';
-- The rows are there before it, and it must not see them.
CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.value := 'stamped'; RETURN NEW; END$$;
CREATE TRIGGER "stamped, here" BEFORE INSERT ON "Odd one".settings FOR EACH ROW EXECUTE FUNCTION public.stamp();
-- Needs rows that the extension does not make.
CREATE TABLE public.uses (kind text REFERENCES "Odd one"."Z kinds");
INSERT INTO public.uses VALUES ('mine'), ('it''s');
ALTER TABLE "Odd one".settings DISABLE TRIGGER switched_off;
CREATE RULE "added, here" AS ON UPDATE TO "Odd one"."Z kinds" DO ALSO NOTIFY changed;
CREATE POLICY "added, here" ON "Odd one".settings FOR UPDATE USING (id > 10);
COMMENT ON POLICY "added, here" ON "Odd one".settings IS 'also of a user';
COMMENT ON RULE "added, here" ON "Odd one"."Z kinds" IS 'of a user';
