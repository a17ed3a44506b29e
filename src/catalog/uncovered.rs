//! What the database holds and is not dumped: said at every dump, so that nobody finds out at the restore.

use super::kinds::{MAY_READ_SUBSCRIPTIONS, Query};
use super::{Error, Results, transfer};
use crate::pg::Version;

const UNCOVERED: &str = "uncovered";
const UNSTABLE_HASHES: &str = "hash partitions";

/// What [`read`] and [`objects`] read.
pub(super) fn queries(version: Version) -> [Query; 2] {
    [uncovered(), unstable_hashes(version)]
}

/// Everything of users that no kind in the registry covers, as pg_identify_object names it.
fn uncovered() -> Query {
    let sql = format!(
        "
        SELECT 'subscription ' || s.subname || ', which only superusers may read' AS line
        FROM pg_catalog.pg_subscription s
        WHERE NOT {MAY_READ_SUBSCRIPTIONS} AND s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
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
