DO $$ BEGIN CREATE ROLE pgsnap_super SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
-- Nobody listens there, and nobody may try.
CREATE SUBSCRIPTION pgsnap_sub CONNECTION 'host=192.0.2.1 dbname=''no where'' password=''it\''s''' PUBLICATION "P one", two
    WITH (connect = false, slot_name = NONE);
CREATE SUBSCRIPTION "pgsnap Sub" CONNECTION 'host=192.0.2.1' PUBLICATION one
    WITH (connect = false, slot_name = 'odd_slot', synchronous_commit = 'remote_apply');
COMMENT ON SUBSCRIPTION pgsnap_sub IS 'it''s silent';
ALTER SUBSCRIPTION pgsnap_sub OWNER TO pgsnap_super;
