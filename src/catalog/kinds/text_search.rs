//! What the kinds of text search have in common.

use super::Query;
use super::relation::OF_USERS;
use crate::catalog::{Draft, Error, ObjectId, Row, Section};
use crate::sql;

/// The query `name` for the objects of a catalog `o` of text search whose names begin with `prefix`; `columns` are selected
/// beside OID, schema and name.
pub(super) fn query(name: &'static str, catalog: &str, prefix: &str, columns: &str) -> Query {
    let sql = format!(
        "
        SELECT o.oid, n.nspname AS schema, o.{prefix}name AS name, {columns}
        FROM pg_catalog.{catalog} o
        JOIN pg_catalog.pg_namespace n ON n.oid = o.{prefix}namespace
        WHERE o.oid >= 16384 AND {OF_USERS}"
    );
    Query { name, sql }
}

/// Selects the owner of an `o`.
pub(super) fn owner(column: &str) -> String {
    format!("(SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = o.{column}) AS owner")
}

/// Selects the function in a column of an `o`, NULL for none.
pub(super) fn function(column: &str) -> String {
    format!("CASE WHEN o.{column} <> 0 THEN o.{column}::pg_catalog.regproc::text END AS {column}")
}

/// The draft of an object with these options in its CREATE statement.
pub(super) fn draft(row: &Row, class: u32, kind: &'static str, options: &[String]) -> Result<Draft, Error> {
    let (schema, name) = (row.text("schema")?, row.text("name")?);
    let object = format!("{kind} {}", sql::qualified(schema, name));
    let mut draft =
        Draft::new(ObjectId::new(class, row.oid("oid")?), kind, Some(schema), name, Section::PreData);
    draft.create = vec![format!("CREATE {object} (\n    {}\n)", options.join(",\n    ")).into()];
    draft.drop = vec![format!("DROP {object}")];
    draft.comment_on = Some(object);
    Ok(draft)
}

/// `OPTION = function` for each pair of an option and a column with a [`function`] that is not NULL.
pub(super) fn functions(row: &Row, options: &[(&str, &str)]) -> Result<Vec<String>, Error> {
    let mut given = Vec::new();
    for (option, column) in options {
        if let Some(function) = row.opt_text(column)? {
            given.push(format!("{option} = {function}"));
        }
    }
    Ok(given)
}
