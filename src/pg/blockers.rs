//! Who keeps a session from a lock. The answer only helps a message, so a failure to get it is no failure.

use std::collections::BTreeSet;

use super::Error;
use super::session::Session;

/// The error of a statement that waited for too long, with the names of the relations and the sessions that hold or wait for a lock that
/// excludes reading them. The relations are among `oids`, or may be any that the session sees. `otherwise` stands for
/// them where none is locked any more.
pub(super) async fn lock_timeout(
    session: &Session,
    what: &str,
    oids: Option<&[u32]>,
    otherwise: impl Fn() -> String,
    waited_ms: u128,
) -> Error {
    // Relations that all databases share have no database.
    let rows = session
        .query(
            "finding out who holds the locks",
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, l.pid \
             FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' \
               AND ($1::pg_catalog.oid[] IS NULL OR l.relation = ANY ($1)) \
               AND c.relpersistence <> 't' \
               AND l.database IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))",
            &[&oids],
        )
        .await
        .unwrap_or_default();
    let names: BTreeSet<String> = rows.iter().filter_map(|row| row.try_get("name").ok()).collect();
    let blockers: BTreeSet<i32> = rows.iter().filter_map(|row| row.try_get("pid").ok()).collect();
    Error::LockTimeout {
        what: what.to_owned(),
        relation: if names.is_empty() { otherwise() } else { Vec::from_iter(names).join(", ") },
        blockers: blockers.into_iter().collect(),
        waited_ms,
    }
}
