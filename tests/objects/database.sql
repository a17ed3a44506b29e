DO $$ BEGIN CREATE ROLE pgsnap_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
SELECT pg_catalog.quote_ident(pg_catalog.current_database()) AS database \gset
ALTER DATABASE :database SET work_mem = '8MB';
ALTER DATABASE :database SET search_path = public, "$user";
ALTER ROLE pgsnap_owner IN DATABASE :database SET statement_timeout = '1min';
ALTER DATABASE :database CONNECTION LIMIT 20;
ALTER DATABASE :database OWNER TO pgsnap_owner;
COMMENT ON DATABASE :database IS 'a database''s
comment';
REVOKE CONNECT ON DATABASE :database FROM PUBLIC;
GRANT CREATE ON DATABASE :database TO pgsnap_owner WITH GRANT OPTION;
