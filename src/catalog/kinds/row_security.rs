//! ROW SECURITY: the switch of a table. FORCE belongs to the table, policies are objects of their own.

use super::relation::{OF_USERS, RELATION, SCHEMA, part_draft, relation_name};
use super::{Kind, Query};
use crate::catalog::{Draft, Error, ObjectId, Results, Section};
use crate::pg::Version;

/// Row level security switched on.
pub(super) const ROW_SECURITY: Kind = Kind { tag: "ROW SECURITY", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "SELECT {RELATION} FROM pg_catalog.pg_class c {SCHEMA}
          WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND {OF_USERS}
          ORDER BY n.nspname, c.relname"
    );
    vec![Query { name: "row_security", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for row in results.rows("row_security") {
        let mut draft = part_draft(row, "ROW SECURITY", ObjectId::ROW_SECURITY, Section::PostData)?;
        let table = relation_name(row)?;
        draft.create = vec![format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY").into()];
        draft.drop = vec![format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")];
        drafts.push(draft);
    }
    Ok(drafts)
}
