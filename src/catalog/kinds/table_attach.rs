//! TABLE ATTACH: partitions are made stand-alone and attached afterwards, so that columns keep their order and a partition
//! can be restored alone.

use super::relation::{OF_USERS, RELATION, SCHEMA, part_draft, relation_id, relation_name};
use super::{Kind, Query};
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Attachments of partitions.
pub(super) const TABLE_ATTACH: Kind = Kind { tag: "TABLE ATTACH", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "SELECT {RELATION}, p.oid AS parent_oid, pn.nspname AS parent_schema, p.relname AS parent_name,
                pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound
           FROM pg_catalog.pg_class c {SCHEMA}
           JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
           JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
           JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
          WHERE c.relispartition AND c.relkind IN ('r', 'p', 'f') AND {OF_USERS}
          ORDER BY n.nspname, c.relname"
    );
    vec![Query { name: "table_attach", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("table_attach").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let mut draft = part_draft(row, "TABLE ATTACH", ObjectId::ATTACH, Section::PreData)?;
    draft.requires.push(relation_id(row.oid("parent_oid")?));
    let parent = sql::qualified(row.text("parent_schema")?, row.text("parent_name")?);
    let statement =
        format!("ALTER TABLE ONLY {parent} ATTACH PARTITION {} {}", relation_name(row)?, row.text("bound")?);
    draft.create = vec![statement.into()];
    Ok(draft)
}
