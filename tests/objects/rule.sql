-- Rules on tables and views.
CREATE SCHEMA rules;
CREATE TABLE rules.t (a int, b text);
CREATE TABLE rules.log (a int, what text);
CREATE VIEW rules.v AS SELECT a, b FROM rules.t;
INSERT INTO rules.t VALUES (1, 'one');
CREATE RULE "R's ""rule""" AS ON INSERT TO rules.t DO ALSO INSERT INTO rules.log VALUES (NEW.a, 'it''s; in');
CREATE RULE several AS ON UPDATE TO rules.t WHERE OLD.a <> NEW.a
    DO ALSO (INSERT INTO rules.log VALUES (NEW.a, 'new'); INSERT INTO rules.log VALUES (OLD.a, 'old'));
CREATE RULE nothing AS ON DELETE TO rules.t DO INSTEAD NOTHING;
CREATE RULE v_insert AS ON INSERT TO rules.v DO INSTEAD INSERT INTO rules.t VALUES (NEW.a, NEW.b) RETURNING a, b;
CREATE RULE noticed AS ON UPDATE TO rules.log DO ALSO NOTIFY "Odd channel";
COMMENT ON RULE "R's ""rule""" ON rules.t IS 'a rule''s comment';
ALTER TABLE rules.t DISABLE RULE nothing, ENABLE ALWAYS RULE several, ENABLE REPLICA RULE "R's ""rule""";
