-- min: 18
DO $$ BEGIN CREATE ROLE pgsnap_keeper; EXCEPTION WHEN duplicate_object THEN END $$;
SELECT lo_from_bytea(5000, 'made before');
ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE pgsnap_keeper REVOKE UPDATE ON LARGE OBJECTS FROM pgsnap_keeper;
SELECT lo_from_bytea(5001, 'made behind');
