DO $$ BEGIN CREATE ROLE pgsnap_super SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA "Odd one";
-- Would end every later statement of a restore, were it there before the end.
CREATE FUNCTION "Odd one"."no more"() RETURNS event_trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no more of %', tg_tag; END $$;
CREATE FUNCTION public.noted() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE TABLE public.t (a integer PRIMARY KEY);
CREATE MATERIALIZED VIEW public.m AS SELECT a FROM public.t;
INSERT INTO public.t VALUES (1);
CREATE EVENT TRIGGER "A noted" ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE') EXECUTE FUNCTION public.noted();
CREATE EVENT TRIGGER replica ON table_rewrite EXECUTE FUNCTION public.noted();
ALTER EVENT TRIGGER replica ENABLE REPLICA;
CREATE EVENT TRIGGER always ON sql_drop EXECUTE FUNCTION public.noted();
ALTER EVENT TRIGGER always ENABLE ALWAYS;
ALTER EVENT TRIGGER always OWNER TO pgsnap_super;
COMMENT ON EVENT TRIGGER "A noted" IS 'it''s noted';
CREATE EVENT TRIGGER off ON ddl_command_start WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION "Odd one"."no more"();
ALTER EVENT TRIGGER off DISABLE;
