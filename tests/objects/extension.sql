CREATE SCHEMA "Ext schema";
CREATE EXTENSION hstore WITH SCHEMA "Ext schema";
CREATE EXTENSION citext;
COMMENT ON EXTENSION citext IS 'another comment';
-- What uses members comes after the extension.
CREATE FUNCTION public.uses_hstore(h "Ext schema".hstore) RETURNS citext LANGUAGE sql AS $$ SELECT 'x'::public.citext $$;
CREATE DOMAIN public.short_text AS citext CHECK (length(VALUE::text) < 10);
