DO $$ BEGIN CREATE ROLE pgsnap_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA "Odd schema";
CREATE DOMAIN public.plain AS integer;
CREATE DOMAIN public.all_of_it AS character varying(20) COLLATE "C" DEFAULT 'it''s \ ' || 'x'
    CONSTRAINT "Not empty" CHECK (VALUE <> '') CONSTRAINT short CHECK (length(VALUE) < 15) NOT NULL;
COMMENT ON CONSTRAINT short ON DOMAIN public.all_of_it IS 'inside the domain';
CREATE DOMAIN "Odd schema"."D ""d""" AS public.plain CHECK (VALUE > 0);
ALTER DOMAIN "Odd schema"."D ""d""" ADD CONSTRAINT later CHECK (VALUE < 1000) NOT VALID;
COMMENT ON CONSTRAINT later ON DOMAIN "Odd schema"."D ""d""" IS 'after the data';
COMMENT ON DOMAIN "Odd schema"."D ""d""" IS 'a domain over a domain';
CREATE DOMAIN public.matrix AS numeric(4, 1)[][] DEFAULT '{}';
-- A constraint that needs the domain itself cannot stand inside it.
CREATE DOMAIN public.looped AS integer;
CREATE FUNCTION public.is_good(integer, public.looped[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
ALTER DOMAIN public.looped ADD CONSTRAINT good CHECK (public.is_good(VALUE, NULL));
COMMENT ON CONSTRAINT good ON DOMAIN public.looped IS 'stands alone';
ALTER DOMAIN public.plain OWNER TO pgsnap_owner;
REVOKE USAGE ON TYPE public.plain FROM PUBLIC;
GRANT USAGE ON TYPE public.plain TO pgsnap_owner WITH GRANT OPTION;
