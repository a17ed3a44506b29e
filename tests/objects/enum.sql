DO $$ BEGIN CREATE ROLE pgsnap_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA s;
CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'it''s "happy" \ ', 'ünïcode', 'new
line');
ALTER TYPE public.mood ADD VALUE 'between' BEFORE 'ok';
CREATE TYPE s."Odd ""enum""" AS ENUM ();
CREATE TYPE s."select" AS ENUM ('A');
ALTER TYPE s."select" OWNER TO pgsnap_owner;
COMMENT ON TYPE s."select" IS 'comment';
REVOKE USAGE ON TYPE s."select" FROM PUBLIC;
GRANT USAGE ON TYPE public.mood TO pgsnap_owner WITH GRANT OPTION;
