//! DEFAULT: column defaults. Most stand inside CREATE TABLE.

use super::relation::{OF_USERS, SCHEMA, TABLE_OF, draft_on_table, relation_id, table_name};
use super::{Kind, Query};
use crate::catalog::class::PG_ATTRDEF;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Column defaults. Generation expressions are none: they cannot be set later.
pub(super) const DEFAULT: Kind = Kind { tag: "DEFAULT", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "SELECT {TABLE_OF}, d.oid, a.attname AS name, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression,
                c.relkind IN ('r', 'p', 'f') AND (a.attislocal OR c.relispartition) AS inline
           FROM pg_catalog.pg_attrdef d
           JOIN pg_catalog.pg_class c ON c.oid = d.adrelid {SCHEMA}
           JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
          WHERE c.relkind IN ('r', 'p', 'f', 'v') AND a.attgenerated = '' AND {OF_USERS}
          ORDER BY n.nspname, c.relname, a.attnum"
    );
    vec![Query { name: "default", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("default").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let table_oid = relation_id(row.oid("table_oid")?);
    let id = ObjectId::new(PG_ATTRDEF, row.oid("oid")?);
    let mut draft = draft_on_table(row, id, "DEFAULT", row.text("name")?, Section::PreData)?;
    draft.inline_in = row.bool("inline")?.then_some(table_oid);
    draft.requires = vec![table_oid];
    let column = format!("{} ALTER COLUMN {}", table_name(row)?, sql::ident(row.text("name")?));
    draft.create = vec![format!("ALTER TABLE ONLY {column} SET DEFAULT {}", row.text("expression")?).into()];
    draft.drop = vec![format!("ALTER TABLE {column} DROP DEFAULT")];
    Ok(draft)
}
