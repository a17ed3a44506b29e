-- Triggers: kinds, states, transition tables, partitions.
CREATE SCHEMA trg;
CREATE FUNCTION trg.act() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE trg.t (a int, b text, "C c" int);
CREATE VIEW trg.v AS SELECT a FROM trg.t;
CREATE TRIGGER "T's ""trigger""" BEFORE INSERT OR UPDATE OF a, "C c" ON trg.t FOR EACH ROW
    WHEN (NEW.a > 0 AND NEW.b <> 'it''s') EXECUTE FUNCTION trg.act('arg', 'it''s \ "x"', '');
CREATE TRIGGER statement_level AFTER TRUNCATE ON trg.t EXECUTE FUNCTION trg.act();
CREATE TRIGGER transition AFTER UPDATE ON trg.t REFERENCING OLD TABLE AS "Old rows" NEW TABLE AS newrows
    FOR EACH STATEMENT EXECUTE FUNCTION trg.act();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON trg.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trg.act();
CREATE TRIGGER instead INSTEAD OF INSERT ON trg.v FOR EACH ROW EXECUTE FUNCTION trg.act();
CREATE TRIGGER off BEFORE DELETE ON trg.t FOR EACH ROW EXECUTE FUNCTION trg.act();
CREATE TRIGGER always BEFORE DELETE ON trg.t FOR EACH ROW EXECUTE FUNCTION trg.act();
CREATE TRIGGER replica BEFORE DELETE ON trg.t FOR EACH ROW EXECUTE FUNCTION trg.act();
ALTER TABLE trg.t DISABLE TRIGGER off, ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER replica;
COMMENT ON TRIGGER "T's ""trigger""" ON trg.t IS 'a trigger''s comment';
INSERT INTO trg.t VALUES (1, 'b', 3);

CREATE TABLE trg.parts (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE trg.part1 PARTITION OF trg.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE trg.part2 PARTITION OF trg.parts FOR VALUES FROM (10) TO (20) PARTITION BY LIST (b);
CREATE TABLE trg.part2a PARTITION OF trg.part2 FOR VALUES IN (1);
CREATE TRIGGER cloned AFTER INSERT ON trg.parts FOR EACH ROW EXECUTE FUNCTION trg.act();
CREATE TRIGGER "cloned too" AFTER UPDATE ON trg.parts FOR EACH ROW EXECUTE FUNCTION trg.act();
CREATE TRIGGER own AFTER INSERT ON trg.part1 FOR EACH ROW EXECUTE FUNCTION trg.act();
ALTER TABLE trg.part1 DISABLE TRIGGER cloned;
ALTER TABLE trg.part2a ENABLE ALWAYS TRIGGER "cloned too";
ALTER TABLE trg.parts DISABLE TRIGGER "cloned too";
ALTER TABLE trg.part1 ENABLE TRIGGER "cloned too";
ALTER TRIGGER always ON trg.t DEPENDS ON EXTENSION plpgsql;

-- The names are in the wrong order on purpose: the state of a leaf's copy comes after the trigger at the root.
CREATE TABLE public.zz_root (a int) PARTITION BY LIST (a);
CREATE TABLE public.yy_middle (a int) PARTITION BY LIST (a);
CREATE TABLE public.aa_leaf (a int);
ALTER TABLE public.zz_root ATTACH PARTITION public.yy_middle FOR VALUES IN (1);
ALTER TABLE public.yy_middle ATTACH PARTITION public.aa_leaf FOR VALUES IN (1);
CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER three_levels AFTER INSERT ON public.zz_root FOR EACH ROW EXECUTE FUNCTION public.nothing();
ALTER TABLE public.aa_leaf DISABLE TRIGGER three_levels;
