//! PUBLICATION TABLE: that a publication has a table, which of its columns and which of its rows.

use super::relation::{SCHEMA, TABLE_OF, relation_id, table_name};
use super::{Kind, Query};
use crate::catalog::class::{PG_PUBLICATION, PG_PUBLICATION_REL};
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Tables of publications.
pub(super) const PUBLICATION_TABLE: Kind =
    Kind { tag: "PUBLICATION TABLE", queries, follow_up: None, assemble };

fn queries(version: Version) -> Vec<Query> {
    let (columns, filter) = if version.major() >= 15 {
        (
            "ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
                   WHERE a.attrelid = m.prrelid AND a.attnum = ANY (m.prattrs::int2[]) ORDER BY a.attnum)",
            "pg_catalog.pg_get_expr(m.prqual, m.prrelid)",
        )
    } else {
        ("NULL::text[]", "NULL::text")
    };
    let sql = format!(
        "
        SELECT {TABLE_OF}, m.oid, p.oid AS publication_oid, p.pubname AS publication,
               {columns} AS columns, {filter} AS filter
        FROM pg_catalog.pg_publication_rel m
        JOIN pg_catalog.pg_publication p ON p.oid = m.prpubid
        JOIN pg_catalog.pg_class c ON c.oid = m.prrelid {SCHEMA}"
    );
    vec![Query { name: "tables of publications", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("tables of publications").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let (publication, table) = (row.text("publication")?, row.text("table_name")?);
    let id = ObjectId::new(PG_PUBLICATION_REL, row.oid("oid")?);
    let name = format!("{publication} {table}");
    let mut draft = Draft::new(id, "PUBLICATION TABLE", Some(row.text("schema")?), &name, Section::PostData);
    draft.requires =
        vec![relation_id(row.oid("table_oid")?), ObjectId::new(PG_PUBLICATION, row.oid("publication_oid")?)];
    let (publication, table) = (sql::ident(publication), table_name(row)?);
    let mut add = format!("ALTER PUBLICATION {publication} ADD TABLE ONLY {table}");
    let columns: Vec<String> = row.list("columns")?.iter().map(|column| sql::ident(column)).collect();
    if !columns.is_empty() {
        add.push_str(&format!(" ({})", columns.join(", ")));
    }
    if let Some(filter) = row.opt_text("filter")? {
        add.push_str(&format!(" WHERE ({filter})"));
    }
    draft.create = vec![add.into()];
    draft.drop = vec![format!("ALTER PUBLICATION {publication} DROP TABLE ONLY {table}")];
    Ok(draft)
}
