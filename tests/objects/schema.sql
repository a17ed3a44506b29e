DO $$ BEGIN CREATE ROLE pgsnap_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE "pgsnap_Odd ""role"""; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA plain AUTHORIZATION pgsnap_owner;
CREATE SCHEMA "Odd ""schema"" with 'quotes' and ünïcode";
CREATE SCHEMA "new
line";
CREATE SCHEMA "select" AUTHORIZATION "pgsnap_Odd ""role""";
COMMENT ON SCHEMA "select" IS 'It''s a \ backslash
and a new line';
GRANT USAGE ON SCHEMA plain TO "pgsnap_Odd ""role""" WITH GRANT OPTION;
GRANT CREATE ON SCHEMA plain TO PUBLIC;
SET SESSION AUTHORIZATION "pgsnap_Odd ""role""";
GRANT USAGE ON SCHEMA plain TO PUBLIC;
RESET SESSION AUTHORIZATION;
REVOKE ALL ON SCHEMA "select" FROM "pgsnap_Odd ""role""";
ALTER SCHEMA public OWNER TO pgsnap_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
COMMENT ON SCHEMA public IS NULL;
