DO $$ BEGIN CREATE ROLE pgsnap_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA "Odd schema";
CREATE TYPE public.nothing AS ();
CREATE TYPE "Odd schema"."Pair ""x""" AS (a integer, "B b" text COLLATE "C", c numeric(10, 2), gone integer, "new
line" timestamp(3) with time zone[]);
ALTER TYPE "Odd schema"."Pair ""x""" DROP ATTRIBUTE gone;
CREATE TYPE public.a_needs_b AS (p "Odd schema"."Pair ""x""", ps "Odd schema"."Pair ""x"""[]);
COMMENT ON TYPE public.a_needs_b IS 'the type';
COMMENT ON COLUMN public.a_needs_b.p IS 'an attribute';
COMMENT ON COLUMN "Odd schema"."Pair ""x"""."B b" IS 'another';
ALTER TYPE public.a_needs_b OWNER TO pgsnap_owner;
GRANT USAGE ON TYPE public.a_needs_b TO PUBLIC;
REVOKE USAGE ON TYPE public.nothing FROM PUBLIC;
