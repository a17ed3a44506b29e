//! RULE: all but the `_RETURN` rules, which are the views themselves. No server creates another rule of that name.

use super::relation::{OF_USERS, SCHEMA, TABLE_OF, bare, draft_on_table, relation_id, table_name};
use super::{Kind, Query};
use crate::catalog::class::PG_REWRITE;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Rules.
pub(super) const RULE: Kind = Kind { tag: "RULE", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "SELECT {TABLE_OF}, w.oid, w.rulename AS name, w.ev_enabled::text AS enabled,
                pg_catalog.pg_get_ruledef(w.oid) AS definition
           FROM pg_catalog.pg_rewrite w
           JOIN pg_catalog.pg_class c ON c.oid = w.ev_class {SCHEMA}
          WHERE w.rulename <> '_RETURN' AND c.relkind IN ('r', 'p', 'v', 'm') AND {OF_USERS}
          ORDER BY n.nspname, c.relname, w.rulename"
    );
    vec![Query { name: "rule", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("rule").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let (name, table) = (sql::ident(row.text("name")?), table_name(row)?);
    let id = ObjectId::new(PG_REWRITE, row.oid("oid")?);
    let mut draft = draft_on_table(row, id, "RULE", row.text("name")?, Section::PostData)?;
    draft.requires = vec![relation_id(row.oid("table_oid")?)];
    draft.create = vec![bare(row.text("definition")?).to_owned().into()];
    let state = match row.text("enabled")? {
        "A" => Some("ENABLE ALWAYS"),
        "R" => Some("ENABLE REPLICA"),
        "D" => Some("DISABLE"),
        _ => None,
    };
    if let Some(state) = state {
        draft.create.push(format!("ALTER TABLE {table} {state} RULE {name}").into());
    }
    draft.comment_on = Some(format!("RULE {name} ON {table}"));
    draft.drop = vec![format!("DROP RULE {name} ON {table}")];
    Ok(draft)
}
