//! What happens to a database while a snapshot of it is held: definitions change, and what nobody else needs piles up.

use std::collections::BTreeMap;

use super::Result;
use super::config::ConnectConfig;
use super::session::{Session, column};
use super::settings::Purpose;
use super::snapshot::{APPLICATION, Snapshot};
use crate::sql;

/// What definitions are printed from, of the rows of the catalogs that a condition is true for: a version of what is in the row; of
/// what is only named in others, the name.
fn definitions(condition: &str) -> String {
    const OWN: [&str; 7] = [
        "pg_rewrite",
        "pg_proc",
        "pg_constraint",
        "pg_trigger",
        "pg_policy",
        "pg_statistic_ext",
        "pg_attrdef",
    ];
    const NAMED: [(&str, &str); 6] = [
        ("pg_class", "relnamespace || ' ' || relname"),
        ("pg_type", "typnamespace || ' ' || typname"),
        ("pg_operator", "oprnamespace || ' ' || oprname"),
        ("pg_collation", "collnamespace || ' ' || collname"),
        ("pg_opclass", "opcnamespace || ' ' || opcname"),
        ("pg_namespace", "nspname::text"),
    ];
    let own = OWN.map(|catalog| (catalog, "xmin::text"));
    let parts = own.iter().chain(&NAMED).map(|(catalog, version)| {
        format!(
            "SELECT 'pg_catalog.{catalog}'::pg_catalog.regclass::pg_catalog.oid AS catalog, oid, {version} AS version \
             FROM pg_catalog.{catalog} WHERE {condition}"
        )
    });
    parts.collect::<Vec<_>>().join(" UNION ALL ")
}

impl Snapshot {
    /// Objects in the snapshot that are no longer what they were in it, by name. Functions of the server that print definitions do so as
    /// things are now: what they have said of such an object, and of what names it, may be of no moment at all.
    ///
    /// # Errors
    ///
    /// As [`Session::connect`] and [`Session::query`].
    pub async fn changes(&self, config: &ConnectConfig) -> Result<Vec<String>> {
        const WHAT: &str = "looking for changed definitions";
        let now = Session::connect(config, Purpose::Dump, APPLICATION).await?;
        let recent = format!(
            "pg_catalog.age(xmin) BETWEEN 0 AND pg_catalog.age({}::pg_catalog.xid8::pg_catalog.xid)",
            sql::literal(self.oldest())
        );
        let name = "pg_catalog.pg_describe_object(d.catalog, d.oid, 0)";
        let statement = format!("SELECT d.*, {name} AS name FROM ({}) d", definitions(&recent));
        let changed = now.query(WHAT, &statement, &[]).await?;
        let mut names = BTreeMap::new();
        let mut oids: Vec<u32> = Vec::new();
        for row in &changed {
            let (catalog, oid): (u32, u32) = (column(row, "catalog")?, column(row, "oid")?);
            let version: String = column(row, "version")?;
            let name: Option<String> = column(row, "name")?;
            names.insert((catalog, oid), (version, name));
            oids.push(oid);
        }
        if oids.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for row in self.leader().query(WHAT, &definitions("oid = ANY ($1)"), &[&oids]).await? {
            let version: String = column(&row, "version")?;
            let id = (column(&row, "catalog")?, column(&row, "oid")?);
            if let Some((_, name)) = names.get(&id).filter(|(now, _)| *now != version) {
                found.push(name.clone().unwrap_or_else(|| format!("an object with OID {}", id.1)));
            }
        }
        Ok(found)
    }

    /// How many transactions have begun since the oldest that the snapshot sees as running: what they updated or deleted cannot be
    /// cleaned up while it is held. Asked on a connection of its own.
    ///
    /// # Errors
    ///
    /// As [`Session::connect`] and [`Session::query`].
    pub async fn age(&self, config: &ConnectConfig) -> Result<i32> {
        let session = Session::connect(config, Purpose::Dump, APPLICATION).await?;
        let sql = "SELECT pg_catalog.age(a.backend_xmin) AS age FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1";
        let rows = session.query("asking for the age of the snapshot", sql, &[&self.leader().pid()]).await?;
        rows.first().map_or(Ok(0), |row| column(row, "age"))
    }
}
