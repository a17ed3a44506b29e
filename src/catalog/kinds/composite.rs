//! TYPE ... AS (...): composite types that stand alone. Row types of tables come with their tables.

use super::types;
use super::{Kind, Query};
use crate::catalog::class::PG_CLASS;
use crate::catalog::{Draft, Error, ObjectId, Results};
use crate::pg::Version;
use crate::sql;
use std::collections::BTreeMap;

pub(super) const COMPOSITE: Kind = Kind { tag: "TYPE", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let composites = format!(
        "
        SELECT {}, t.typrelid
        FROM pg_catalog.pg_type t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
        WHERE t.typtype = 'c' AND c.relkind = 'c' AND {}",
        types::COLUMNS,
        types::OF_USERS
    );
    let attributes = "
        SELECT a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
               cn.nspname AS collation_schema, co.collname AS collation
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation AND a.attcollation <> t.typcollation
        LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
        WHERE c.relkind = 'c' AND c.oid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attrelid, a.attnum"
        .to_owned();
    vec![
        Query { name: "composites", sql: composites },
        Query { name: "composite attributes", sql: attributes },
    ]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut attributes: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for row in results.rows("composite attributes") {
        let mut text = format!("\n    {} {}", sql::ident(row.text("attname")?), row.text("type")?);
        if let Some(collation) = types::qualified(row, "collation_schema", "collation")? {
            text.push_str(&format!(" COLLATE {collation}"));
        }
        attributes.entry(row.oid("attrelid")?).or_default().push(text);
    }
    let mut drafts = Vec::new();
    for row in results.rows("composites") {
        let mut draft = types::draft(row, "TYPE")?;
        let name = sql::qualified(row.text("nspname")?, row.text("typname")?);
        let relation = row.oid("typrelid")?;
        let list = attributes.remove(&relation).unwrap_or_default().join(",");
        draft.create = vec![format!("CREATE TYPE {name} AS ({list}\n)").into()];
        // Comments on attributes hang on the type's row in pg_class.
        draft.aliases.push(ObjectId::new(PG_CLASS, relation));
        draft.columns_of = Some(name);
        drafts.push(draft);
    }
    Ok(drafts)
}
