//! CONVERSION between encodings.

use super::relation::OF_USERS;
use super::{Kind, Query};
use crate::catalog::class::PG_CONVERSION;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Conversions.
pub(super) const CONVERSION: Kind = Kind { tag: "CONVERSION", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "
        SELECT c.oid, n.nspname AS schema, c.conname AS name, c.condefault AS is_default,
               pg_catalog.pg_encoding_to_char(c.conforencoding) AS source,
               pg_catalog.pg_encoding_to_char(c.contoencoding) AS target,
               c.conproc::pg_catalog.regproc::text AS function,
               (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = c.conowner) AS owner
        FROM pg_catalog.pg_conversion c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
        WHERE c.oid >= 16384 AND {OF_USERS}"
    );
    vec![Query { name: "conversions", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("conversions").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let (schema, name) = (row.text("schema")?, row.text("name")?);
    let object = format!("CONVERSION {}", sql::qualified(schema, name));
    let id = ObjectId::new(PG_CONVERSION, row.oid("oid")?);
    let mut draft = Draft::new(id, "CONVERSION", Some(schema), name, Section::PreData);
    let default = if row.bool("is_default")? { "DEFAULT " } else { "" };
    draft.create = vec![
        format!(
            "CREATE {default}{object} FOR {} TO {} FROM {}",
            sql::literal(row.text("source")?),
            sql::literal(row.text("target")?),
            row.text("function")?
        )
        .into(),
    ];
    draft.drop = vec![format!("DROP {object}")];
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(object.clone());
    draft.comment_on = Some(object);
    Ok(draft)
}
