//! TABLE DATA: the rows of plain tables, partitions among them. Partitioned tables have none of their own.

use super::relation::{OF_USERS, RELATION, SCHEMA, part_draft, rows_by};
use super::{Kind, Query};
use crate::catalog::{Attribute, Draft, Error, ObjectId, Relation, Results, Row, Section, Shape, ValueKind};
use crate::pg::Version;

/// Rows of tables.
pub(super) const TABLE_DATA: Kind = Kind { tag: "TABLE DATA", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let data = format!(
        "SELECT {RELATION}, COALESCE(m.amname = 'heap', false) AS is_heap,
                COALESCE(pg_catalog.pg_relation_size(c.oid), 0) AS heap_bytes,
                COALESCE(pg_catalog.pg_total_relation_size(NULLIF(c.reltoastrelid, 0)), 0) AS toast_bytes,
                COALESCE(pg_catalog.pg_relation_size(c.oid), 0)
                    / pg_catalog.current_setting('block_size')::pg_catalog.int8 AS pages
           FROM pg_catalog.pg_class c {SCHEMA}
           LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
          WHERE c.relkind = 'r' AND {OF_USERS}
          ORDER BY n.nspname, c.relname"
    );
    let column = format!(
        "SELECT a.attrelid AS table_oid, a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type
           FROM pg_catalog.pg_attribute a
           JOIN pg_catalog.pg_class c ON c.oid = a.attrelid {SCHEMA}
          WHERE c.relkind = 'r' AND {OF_USERS} AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
          ORDER BY a.attrelid, a.attnum"
    );
    vec![Query { name: "table_data", sql: data }, Query { name: "table_data_columns", sql: column }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let columns = rows_by(results.rows("table_data_columns"), "table_oid")?;
    let mut drafts = Vec::new();
    for row in results.rows("table_data") {
        let oid = row.oid("oid")?;
        let attributes = columns.get(&oid).into_iter().flatten().map(|column| attribute(column));
        let mut draft = part_draft(row, "TABLE DATA", ObjectId::DATA, Section::Data)?;
        draft.data = Some(Relation {
            oid,
            schema: row.text("schema")?.to_owned(),
            name: row.text("name")?.to_owned(),
            heap_bytes: row.int("heap_bytes")?.unsigned_abs(),
            toast_bytes: row.int("toast_bytes")?.unsigned_abs(),
            // A relation has fewer than 2^32 blocks: block numbers are 32 bits wide.
            pages: row.oid("pages")?,
            is_heap: row.bool("is_heap")?,
            columns: attributes.collect::<Result<_, _>>()?,
            text_reason: None,
        });
        drafts.push(draft);
    }
    Ok(drafts)
}

/// How its values compare and travel is not known here.
fn attribute(row: &Row) -> Result<Attribute, Error> {
    Ok(Attribute {
        name: row.text("name")?.to_owned(),
        type_name: row.text("type")?.to_owned(),
        value: ValueKind::Opaque,
        shape: Shape::Plain,
    })
}
