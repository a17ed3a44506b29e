//! What the database holds and is not dumped: said at every dump, so that nobody finds out at the restore.

use super::kinds::{MAY_READ_SUBSCRIPTIONS, MAY_READ_USER_MAPPINGS, Query};
use super::{Error, Results};
use crate::pg::Version;

const UNCOVERED: &str = "uncovered";

/// Everything of users that no kind in the registry covers, as pg_identify_object names it.
pub(super) fn query() -> Query {
    let sql = format!(
        "
        SELECT 'subscription ' || s.subname || ', which only superusers may read' AS line
        FROM pg_catalog.pg_subscription s
        WHERE NOT {MAY_READ_SUBSCRIPTIONS} AND s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
        UNION ALL
        SELECT 'options of the user mapping for ' || m.usename || ' on server ' || m.srvname
               || ', which this role may not see, if there are any'
        FROM pg_catalog.pg_user_mappings m JOIN pg_catalog.pg_foreign_server s ON s.oid = m.srvid
        WHERE NOT {MAY_READ_USER_MAPPINGS}
              AND NOT CASE WHEN m.umuser = 0 THEN pg_catalog.pg_has_role(s.srvowner, 'USAGE')
                           ELSE m.usename = current_user
                                AND (pg_catalog.pg_has_role(s.srvowner, 'USAGE')
                                     OR pg_catalog.has_server_privilege(s.oid, 'USAGE')) END
        UNION ALL
        SELECT 'rule \"_RETURN\" on ' || w.ev_class::pg_catalog.regclass
               || ', which no server creates under that name: ALTER RULE ... RENAME gives it another one'
        FROM pg_catalog.pg_rewrite w WHERE w.rulename = '_RETURN' AND w.ev_type <> '1'
        ORDER BY line"
    );
    Query { name: UNCOVERED, sql }
}

/// A line for each thing that is not dumped.
pub(super) fn read(results: &Results, version: Version) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    for row in results.rows(UNCOVERED).iter() {
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
