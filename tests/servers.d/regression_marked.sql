-- Every object of a database commented, owned by one of three roles and granted to another. What cannot have a comment, an owner or
-- privileges is passed over.
SET client_min_messages = error;
SET session_replication_role = replica;
-- Superusers: a materialized view's owner must be able to refresh it.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['pgsnap_mark_a', 'pgsnap_mark_b', 'pgsnap_mark "c"'] LOOP
        BEGIN EXECUTE format('CREATE ROLE %I SUPERUSER', name); EXCEPTION WHEN duplicate_object THEN NULL; END;
    END LOOP;
END $$;
CREATE TEMPORARY TABLE object AS
    SELECT row_number() OVER (ORDER BY d.classid, d.objid, d.objsubid) AS number, d.*, i.type, i.identity
    FROM (SELECT refclassid AS classid, refobjid AS objid, refobjsubid AS objsubid FROM pg_catalog.pg_depend
          UNION SELECT classid, objid, objsubid FROM pg_catalog.pg_depend
          UNION SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, attrelid, attnum FROM pg_catalog.pg_attribute WHERE attnum > 0 AND NOT attisdropped
          UNION SELECT tableoid, oid, 0 FROM pg_catalog.pg_am
          UNION SELECT tableoid, oid, 0 FROM pg_catalog.pg_cast
          UNION SELECT tableoid, oid, 0 FROM pg_catalog.pg_event_trigger
          UNION SELECT tableoid, oid, 0 FROM pg_catalog.pg_foreign_data_wrapper
          UNION SELECT tableoid, oid, 0 FROM pg_catalog.pg_publication
          UNION SELECT tableoid, oid, 0 FROM pg_catalog.pg_transform) d
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) i
    WHERE d.objid >= 16384 AND i.identity IS NOT NULL AND COALESCE(i.schema, i.identity) !~ '^pg_t(oast|emp)'
      -- Columns that come back in another order, and names that come back as those of the parents.
      AND i.identity !~ '^public\.(b_star|c_star|cc2|d_star|e_star|f_star|renamecolumnanother|renamecolumnchild|test_type_diff_c)\.'
      AND i.identity NOT IN ('constr_parent2_a_not_null on public.constr_child3', 'nn3 on public.notnull_part1_3_upg');
DO $$
DECLARE
    it record;
    word text;
    target text;
    roles text[] := ARRAY['pgsnap_mark_a', 'pgsnap_mark_b', 'pgsnap_mark "c"'];
BEGIN
    FOR it IN SELECT * FROM object ORDER BY number LOOP
        word := CASE WHEN it.type LIKE '% column' THEN 'COLUMN'
                     WHEN it.type LIKE '% constraint' THEN 'CONSTRAINT'
                     WHEN it.type = 'statistics object' THEN 'STATISTICS'
                     WHEN it.type = 'composite type' THEN 'TYPE'
                     WHEN it.type = 'foreign-data wrapper' THEN 'FOREIGN DATA WRAPPER'
                     ELSE upper(it.type) END;
        target := CASE it.type WHEN 'domain constraint' THEN replace(it.identity, ' on ', ' on domain ')
                               WHEN 'transform' THEN replace(it.identity, ' on language ', ' language ')
                               ELSE it.identity END;
        BEGIN
            EXECUTE format('COMMENT ON %s %s IS %L', word, target, it.type || ' ' || it.identity);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        BEGIN
            EXECUTE format('ALTER %s %s OWNER TO %I', word, target, roles[it.number % 3 + 1]);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        word := CASE WHEN word IN ('VIEW', 'MATERIALIZED VIEW', 'FOREIGN TABLE') THEN 'TABLE'
                     WHEN word = 'SERVER' THEN 'FOREIGN SERVER'
                     WHEN word = 'AGGREGATE' THEN 'FUNCTION'
                     ELSE word END;
        BEGIN
            IF word = 'COLUMN' THEN
                EXECUTE (SELECT format('GRANT SELECT (%I) ON %s TO %I', attname, attrelid::pg_catalog.regclass, roles[it.number % 3 + 1])
                           FROM pg_catalog.pg_attribute WHERE attrelid = it.objid AND attnum = it.objsubid);
            ELSE
                EXECUTE format('GRANT ALL ON %s %s TO %I WITH GRANT OPTION', word, target, roles[(it.number + 1) % 3 + 1]);
                EXECUTE format('REVOKE ALL ON %s %s FROM PUBLIC', word, target);
            END IF;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $$;
