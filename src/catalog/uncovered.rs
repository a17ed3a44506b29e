//! What the database holds and is not dumped: said at every dump, so that nobody finds out at the restore.

use super::kinds::Query;
use super::{Error, Results};
use crate::pg::Version;

const UNCOVERED: &str = "uncovered";

/// Everything of users that no kind in the registry covers, as pg_identify_object names it.
pub(super) fn query(version: Version) -> Query {
    let range_cast = "EXISTS (SELECT FROM pg_catalog.pg_depend d
                              WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype IN ('e', 'i'))";
    let multirange = if version.major() >= 14 { "'r', 'm'" } else { "'r'" };
    let sql = format!(
        "
        WITH objects (class, oid) AS (
            SELECT 1247::pg_catalog.oid, t.oid FROM pg_catalog.pg_type t
            WHERE NOT t.typisdefined
               OR (t.typtype NOT IN ('c', 'd', 'e', {multirange})
                   AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid))
               OR (t.typtype = 'r'
                   AND EXISTS (SELECT FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid AND r.rngcanonical <> 0))
            UNION ALL SELECT 2617, oid FROM pg_catalog.pg_operator
            UNION ALL SELECT 2616, oid FROM pg_catalog.pg_opclass
            UNION ALL SELECT 2753, oid FROM pg_catalog.pg_opfamily
            UNION ALL SELECT 2605, oid FROM pg_catalog.pg_cast
            UNION ALL SELECT 3456, oid FROM pg_catalog.pg_collation
            UNION ALL SELECT 2607, oid FROM pg_catalog.pg_conversion
            UNION ALL SELECT 3601, oid FROM pg_catalog.pg_ts_parser
            UNION ALL SELECT 3600, oid FROM pg_catalog.pg_ts_dict
            UNION ALL SELECT 3764, oid FROM pg_catalog.pg_ts_template
            UNION ALL SELECT 3602, oid FROM pg_catalog.pg_ts_config
            UNION ALL SELECT 3576, oid FROM pg_catalog.pg_transform
            UNION ALL SELECT 2601, oid FROM pg_catalog.pg_am
            UNION ALL SELECT 2328, oid FROM pg_catalog.pg_foreign_data_wrapper
            UNION ALL SELECT 1417, oid FROM pg_catalog.pg_foreign_server
            UNION ALL SELECT 1418, umid FROM pg_catalog.pg_user_mappings
            UNION ALL SELECT 1259, oid FROM pg_catalog.pg_class WHERE relkind = 'f'
            UNION ALL SELECT 3466, oid FROM pg_catalog.pg_event_trigger
            UNION ALL SELECT 6104, oid FROM pg_catalog.pg_publication
            UNION ALL SELECT 2612, oid FROM pg_catalog.pg_language
        ),
        privileges (class, oid, acl) AS (
            SELECT 1259::pg_catalog.oid, oid, relacl FROM pg_catalog.pg_class WHERE relkind NOT IN ('i', 'I', 't')
            UNION ALL SELECT 1255, oid, proacl FROM pg_catalog.pg_proc
            UNION ALL SELECT 1247, oid, typacl FROM pg_catalog.pg_type
            UNION ALL SELECT 2612, oid, lanacl FROM pg_catalog.pg_language
            UNION ALL SELECT 2615, oid, nspacl FROM pg_catalog.pg_namespace
                      WHERE nspname <> 'public' AND nspname !~ '^pg_(toast|temp)'
        )
        SELECT i.type || ' ' || i.identity AS line
        FROM objects o CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.class, o.oid, 0) i
        WHERE o.oid >= 16384 AND i.identity IS NOT NULL AND COALESCE(i.schema, '') !~ '^pg_temp' AND NOT {range_cast}
        UNION ALL
        SELECT 'privileges on ' || i.type || ' ' || i.identity
        FROM privileges o
        LEFT JOIN pg_catalog.pg_init_privs p ON p.classoid = o.class AND p.objoid = o.oid AND p.objsubid = 0
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.class, o.oid, 0) i
        WHERE o.acl IS DISTINCT FROM p.initprivs AND i.identity IS NOT NULL
          AND i.schema IS DISTINCT FROM 'information_schema' AND i.identity <> 'information_schema'
          AND (o.oid < 16384
               OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                          WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e'))
        UNION ALL
        SELECT 'subscription ' || s.subname FROM pg_catalog.pg_subscription s
        WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
        UNION ALL
        SELECT pg_catalog.count(*) || ' large objects' FROM pg_catalog.pg_largeobject_metadata
        HAVING pg_catalog.count(*) > 0
        UNION ALL
        SELECT 'configuration rows of extension ' || e.extname || ' in ' || t.oid::pg_catalog.regclass
        FROM pg_catalog.pg_extension e CROSS JOIN LATERAL pg_catalog.unnest(e.extconfig) t (oid)
        WHERE e.oid >= 16384
        ORDER BY line"
    );
    Query { name: UNCOVERED, sql }
}

/// The lines of the query, sorted as it gives them.
pub(super) fn read(results: &Results) -> Result<Vec<String>, Error> {
    results.rows(UNCOVERED).iter().map(|row| Ok(row.text("line")?.to_owned())).collect()
}
