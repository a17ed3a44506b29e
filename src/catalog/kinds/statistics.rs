//! STATISTICS: extended statistics objects. Their contents are the server's to collect.

use super::relation::{OF_USERS, relation_id};
use super::{Kind, Query};
use crate::catalog::class::PG_STATISTIC_EXT;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Extended statistics.
pub(super) const STATISTICS: Kind = Kind { tag: "STATISTICS", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    // The target is -1 for the default before 17, NULL since.
    let sql = format!(
        "SELECT s.oid, n.nspname AS schema, s.stxname AS name, s.stxrelid AS table_oid,
                (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = s.stxowner) AS owner,
                pg_catalog.pg_get_statisticsobjdef(s.oid) AS definition,
                COALESCE(s.stxstattarget, -1)::pg_catalog.int4 AS target
           FROM pg_catalog.pg_statistic_ext s
           JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
          WHERE {OF_USERS}
          ORDER BY n.nspname, s.stxname"
    );
    vec![Query { name: "statistics", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("statistics").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let (schema, name) = (row.text("schema")?, row.text("name")?);
    let object = format!("STATISTICS {}", sql::qualified(schema, name));
    let id = ObjectId::new(PG_STATISTIC_EXT, row.oid("oid")?);
    let mut draft = Draft::new(id, "STATISTICS", Some(schema), name, Section::PostData);
    draft.requires = vec![relation_id(row.oid("table_oid")?)];
    draft.create = vec![row.text("definition")?.to_owned().into()];
    let target = row.int("target")?;
    if target >= 0 {
        draft.create.push(format!("ALTER {object} SET STATISTICS {target}").into());
    }
    draft.drop = vec![format!("DROP {object}")];
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(object.clone());
    draft.comment_on = Some(object);
    Ok(draft)
}
