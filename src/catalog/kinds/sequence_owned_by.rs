//! SEQUENCE OWNED BY: the column a sequence goes away with (serial columns).

use super::relation::{OF_USERS, RELATION, SCHEMA, part_draft, relation_id, relation_name};
use super::{Kind, Query};
use crate::catalog::class::PG_CLASS;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Ownership of sequences by columns.
pub(super) const SEQUENCE_OWNED_BY: Kind =
    Kind { tag: "SEQUENCE OWNED BY", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "SELECT {RELATION}, t.oid AS table_oid, tn.nspname AS table_schema, t.relname AS table_name,
                a.attname AS column_name
           FROM pg_catalog.pg_class c {SCHEMA}
           JOIN pg_catalog.pg_depend d ON d.classid = {PG_CLASS} AND d.objid = c.oid AND d.objsubid = 0
                AND d.refclassid = {PG_CLASS} AND d.refobjsubid > 0 AND d.deptype = 'a'
           JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
           JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
           JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
          WHERE c.relkind = 'S' AND {OF_USERS}
          ORDER BY n.nspname, c.relname"
    );
    vec![Query { name: "sequence_owned_by", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("sequence_owned_by").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let mut draft = part_draft(row, "SEQUENCE OWNED BY", ObjectId::OWNED_BY, Section::PreData)?;
    draft.requires.push(relation_id(row.oid("table_oid")?));
    let table = sql::qualified(row.text("table_schema")?, row.text("table_name")?);
    let column = sql::ident(row.text("column_name")?);
    draft.create = vec![format!("ALTER SEQUENCE {} OWNED BY {table}.{column}", relation_name(row)?).into()];
    Ok(draft)
}
