//! What the database holds and is not dumped: said at every dump, so that nobody finds out at the restore.

use std::collections::BTreeSet;

use super::kinds::Query;
use super::{Error, ObjectId, Results, transfer};
use crate::pg::Version;

const UNCOVERED: &str = "uncovered";
const UNSTABLE_HASHES: &str = "hash partitions";

/// What [`read`] and [`objects`] read.
pub(super) fn queries(version: Version) -> [Query; 2] {
    [uncovered(version), unstable_hashes(version)]
}

/// Everything of users that no kind in the registry covers, as pg_identify_object names it. Objects have a class and an OID.
fn uncovered(version: Version) -> Query {
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
        privileges (class, oid, sub, acl) AS (
            SELECT 1259::pg_catalog.oid, oid, 0, relacl FROM pg_catalog.pg_class WHERE relkind NOT IN ('i', 'I', 't')
            UNION ALL SELECT 1259, attrelid, attnum, attacl FROM pg_catalog.pg_attribute WHERE NOT attisdropped
            UNION ALL SELECT 1255, oid, 0, proacl FROM pg_catalog.pg_proc
            UNION ALL SELECT 1247, oid, 0, typacl FROM pg_catalog.pg_type
            UNION ALL SELECT 2612, oid, 0, lanacl FROM pg_catalog.pg_language
            UNION ALL SELECT 2615, oid, 0, nspacl FROM pg_catalog.pg_namespace
                      WHERE nspname <> 'public' AND nspname !~ '^pg_(toast|temp)'
        )
        SELECT o.class, o.oid, i.type || ' ' || i.identity AS line
        FROM objects o CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.class, o.oid, 0) i
        WHERE o.oid >= 16384 AND i.identity IS NOT NULL AND COALESCE(i.schema, '') !~ '^pg_temp' AND NOT {range_cast}
        UNION ALL
        SELECT NULL, NULL, 'privileges on ' || i.type || ' ' || i.identity
        FROM privileges o
        LEFT JOIN pg_catalog.pg_init_privs p ON p.classoid = o.class AND p.objoid = o.oid AND p.objsubid = o.sub
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.class, o.oid, o.sub) i
        WHERE o.acl IS DISTINCT FROM p.initprivs AND i.identity IS NOT NULL
          AND i.schema IS DISTINCT FROM 'information_schema' AND i.identity <> 'information_schema'
          AND (o.oid < 16384
               OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                          WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e'))
        UNION ALL
        SELECT NULL, NULL, 'subscription ' || s.subname FROM pg_catalog.pg_subscription s
        WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
        UNION ALL
        SELECT NULL, NULL, pg_catalog.count(*) || ' large objects' FROM pg_catalog.pg_largeobject_metadata
        HAVING pg_catalog.count(*) > 0
        UNION ALL
        SELECT NULL, NULL, 'configuration rows of extension ' || e.extname || ' in ' || t.oid::pg_catalog.regclass
        FROM pg_catalog.pg_extension e CROSS JOIN LATERAL pg_catalog.unnest(e.extconfig) t (oid)
        WHERE e.oid >= 16384
        ORDER BY line"
    );
    Query { name: UNCOVERED, sql }
}

/// The tables whose rows cannot be loaded in another database: the hash of an enum is that of its OID, which sends them
/// into other partitions there. An expression's type is not in the catalog; only its operator class tells of an enum.
fn unstable_hashes(version: Version) -> Query {
    let parts_of = transfer::parts_of(version);
    let sql = format!(
        "
        WITH RECURSIVE reached (relation, oid) AS (
            SELECT p.partrelid, a.atttypid
            FROM pg_catalog.pg_partitioned_table p
            JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs::int2[])
            WHERE p.partstrat = 'h' AND a.attnum > 0
            UNION
            SELECT s.relation, n.oid FROM reached s JOIN pg_catalog.pg_type t ON t.oid = s.oid {parts_of}
        ),
        by_enum (relation) AS (
            SELECT s.relation FROM reached s JOIN pg_catalog.pg_type t ON t.oid = s.oid WHERE t.typtype = 'e'
            UNION
            SELECT p.partrelid
            FROM pg_catalog.pg_partitioned_table p
            JOIN pg_catalog.pg_opclass k ON k.oid = ANY (p.partclass::pg_catalog.oid[])
            WHERE p.partstrat = 'h' AND k.opcintype = 'pg_catalog.anyenum'::pg_catalog.regtype
        )
        SELECT DISTINCT 'rows of table ' || l.oid::pg_catalog.regclass ||
               ' cannot be restored: hash partitioned by an enum' AS line
        FROM by_enum h
        JOIN pg_catalog.pg_class c ON c.oid = h.relation AND c.relpersistence <> 't'
        CROSS JOIN LATERAL pg_catalog.pg_partition_tree(c.oid) p
        JOIN pg_catalog.pg_class l ON l.oid = p.relid AND l.relkind = 'r'
        ORDER BY line"
    );
    Query { name: UNSTABLE_HASHES, sql }
}

/// A line for each thing that is not dumped.
pub(super) fn read(results: &Results, version: Version) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    for row in results.rows(UNCOVERED).iter().chain(results.rows(UNSTABLE_HASHES)) {
        lines.push(row.text("line")?.to_owned());
    }
    if version.major() > Version::NEWEST_MAJOR {
        lines.push(format!(
            "whatever PostgreSQL {} has that this pgsnap, made for up to {}, does not know",
            version.major(),
            Version::NEWEST_MAJOR
        ));
    }
    Ok(lines)
}

/// The objects among what is not dumped.
pub(super) fn objects(results: &Results) -> Result<BTreeSet<ObjectId>, Error> {
    let mut objects = BTreeSet::new();
    for row in results.rows(UNCOVERED) {
        if row.opt_int("oid")?.is_some() {
            objects.insert(ObjectId::new(row.oid("class")?, row.oid("oid")?));
        }
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_version_holds_what_nobody_knows() -> Result<(), Error> {
        assert!(read(&Results::default(), Version::new(180_004))?.is_empty());
        let newer = (Version::NEWEST_MAJOR + 1) * 10_000;
        assert_eq!(read(&Results::default(), Version::new(newer))?.len(), 1);
        Ok(())
    }
}
