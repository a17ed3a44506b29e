//! What the kinds around pg_class share: pieces of queries, names, options.

use std::collections::BTreeMap;

use crate::catalog::class::{PG_CLASS, PG_TYPE};
use crate::catalog::{Draft, Error, ObjectId, Row, Section, Statement};
#[cfg(test)]
use crate::catalog::{Results, Value};
use crate::sql;

/// Selected of a relation `c` that is an object of its own. A dangling owner reads as NULL, which `relation_draft` refuses.
pub(super) const RELATION: &str = "c.oid, n.nspname AS schema, c.relname AS name, \
    (SELECT o.rolname FROM pg_catalog.pg_roles o WHERE o.oid = c.relowner) AS owner";

/// Selected of the relation `c` that an object belongs to.
pub(super) const TABLE_OF: &str = "c.oid AS table_oid, n.nspname AS schema, c.relname AS table_name";

/// Joins the schema `n` of the relation `c`.
pub(super) const SCHEMA: &str = "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";

/// True of relations that users made: neither the system's nor temporary nor TOAST.
pub(super) const OF_USERS: &str = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'";

/// Selects the names of the extensions without which the object cannot stay (`DEPENDS ON EXTENSION`).
pub(super) fn extensions_of(class: u32, oid: &str) -> String {
    format!(
        "ARRAY(SELECT e.extname::text FROM pg_catalog.pg_depend ed
                 JOIN pg_catalog.pg_extension e ON ed.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                      AND e.oid = ed.refobjid
                WHERE ed.classid = {class} AND ed.objid = {oid} AND ed.deptype = 'x' ORDER BY 1) AS extensions"
    )
}

/// `ALTER object DEPENDS ON EXTENSION` for each of the row's extensions.
pub(super) fn depends_on_extensions(row: &Row, object: &str) -> Result<Vec<Statement>, Error> {
    let extensions = row.list("extensions")?;
    Ok(extensions
        .iter()
        .map(|name| format!("ALTER {object} DEPENDS ON EXTENSION {}", sql::ident(name)).into())
        .collect())
}

/// The relation `oid` as an identity.
pub(super) const fn relation_id(oid: u32) -> ObjectId {
    ObjectId::new(PG_CLASS, oid)
}

/// The quoted qualified name in a row with [`RELATION`].
pub(super) fn relation_name(row: &Row) -> Result<String, Error> {
    Ok(sql::qualified(row.text("schema")?, row.text("name")?))
}

/// The quoted qualified name in a row with [`TABLE_OF`].
pub(super) fn table_name(row: &Row) -> Result<String, Error> {
    Ok(sql::qualified(row.text("schema")?, row.text("table_name")?))
}

/// A relation's draft from a row with [`RELATION`]. `words` is what its statements call it: `MATERIALIZED VIEW`; GRANT
/// calls it `granted`.
pub(super) fn relation_draft(row: &Row, words: &'static str, granted: &str) -> Result<Draft, Error> {
    let name = relation_name(row)?;
    let object = format!("{words} {name}");
    let id = relation_id(row.oid("oid")?);
    let mut draft = Draft::new(id, words, Some(row.text("schema")?), row.text("name")?, Section::PreData);
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.drop = vec![format!("DROP {object}")];
    draft.owned = Some(object.clone());
    draft.comment_on = Some(object);
    draft.acl_on = Some(format!("{granted} {name}"));
    Ok(draft)
}

/// The draft of what belongs to the table in a row with [`TABLE_OF`]; `name` is that of the object alone.
pub(super) fn draft_on_table(
    row: &Row,
    id: ObjectId,
    kind: &'static str,
    name: &str,
    section: Section,
) -> Result<Draft, Error> {
    let tag = format!("{} {name}", row.text("table_name")?);
    Ok(Draft::new(id, kind, Some(row.text("schema")?), &tag, section))
}

/// The draft of what is part of a relation and goes by its name (its rows, its attaching), in a row with [`RELATION`].
pub(super) fn part_draft(row: &Row, kind: &'static str, sub: i32, section: Section) -> Result<Draft, Error> {
    let id = relation_id(row.oid("oid")?);
    let mut draft = Draft::new(id.with_sub(sub), kind, Some(row.text("schema")?), row.text("name")?, section);
    draft.requires = vec![id];
    Ok(draft)
}

/// The row type and its array type: pg_depend speaks of them where a relation is used as a type.
pub(super) fn row_types(row: &Row) -> Result<Vec<ObjectId>, Error> {
    let types = [row.oid("row_type")?, row.oid("row_array_type")?];
    Ok(types.into_iter().filter(|oid| *oid != 0).map(|oid| ObjectId::new(PG_TYPE, oid)).collect())
}

/// Selected of a relation `c` with a row type, for [`row_types`].
pub(super) const ROW_TYPES: &str = "c.reltype AS row_type, \
    COALESCE((SELECT y.typarray FROM pg_catalog.pg_type y WHERE y.oid = c.reltype), 0::pg_catalog.oid) AS row_array_type";

/// Selected of a relation `c` with storage: tablespace (empty: the database's default), access method, options.
pub(super) const STORAGE: &str = "COALESCE((SELECT s.spcname::text FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace), '') AS tablespace, \
    (SELECT m.amname FROM pg_catalog.pg_am m WHERE m.oid = c.relam) AS access_method, c.reloptions AS options, \
    (SELECT z.reloptions FROM pg_catalog.pg_class z WHERE z.oid = c.reltoastrelid) AS toast_options";

/// `name='value', ...` from the catalog's `name=value`, every name with `prefix`.
fn option_items<'a>(options: &'a [&'a str], prefix: &'a str) -> impl Iterator<Item = String> + 'a {
    options.iter().map(move |option| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        format!("{prefix}{}={}", sql::ident(name), sql::literal(value))
    })
}

/// The inside of SET (...) or WITH (...).
pub(super) fn option_list(options: &[&str]) -> String {
    option_items(options, "").collect::<Vec<_>>().join(", ")
}

/// A WITH clause on a line of its own, or nothing.
pub(super) fn with_clause(options: &[&str], toast_options: &[&str]) -> String {
    let items: Vec<_> = option_items(options, "").chain(option_items(toast_options, "toast.")).collect();
    if items.is_empty() { String::new() } else { format!("\nWITH ({})", items.join(", ")) }
}

/// `REPLICA IDENTITY NOTHING` or `FULL`; the default needs no statement, an index's is said with the index.
pub(super) fn replica_identity(table: &str, code: &str) -> Option<Statement> {
    let word = match code {
        "n" => "NOTHING",
        "f" => "FULL",
        _ => return None,
    };
    Some(format!("ALTER TABLE ONLY {table} REPLICA IDENTITY {word}").into())
}

/// A definition function's text as one statement or a part of one: without the semicolon and the blanks at its ends.
pub(super) fn bare(definition: &str) -> &str {
    let text = definition.trim();
    text.strip_suffix(';').unwrap_or(text).trim_end()
}

/// The rows by the OID in `column`, in their order.
pub(super) fn rows_by<'a>(rows: &'a [Row], column: &str) -> Result<BTreeMap<u32, Vec<&'a Row>>, Error> {
    let mut groups: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.oid(column)?).or_default().push(row);
    }
    Ok(groups)
}

/// A text for tests.
#[cfg(test)]
pub(super) fn text(value: &str) -> Value<'_> {
    Value::Text(value)
}

/// Results for tests: a query's name, its columns, its rows.
#[cfg(test)]
pub(super) fn rows(results: &mut Results, query: &'static str, columns: &[&str], rows: &[&[Value]]) {
    let columns = crate::catalog::Columns::new(query, columns.iter().copied());
    results.insert(query, rows.iter().map(|values| Row::of(&columns, values)).collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_quoted_and_toast_options_prefixed() {
        assert_eq!(with_clause(&[], &[]), "");
        assert_eq!(
            with_clause(&["fillfactor=70", "user=it's=so"], &["autovacuum_enabled=false"]),
            "\nWITH (fillfactor='70', \"user\"='it''s=so', toast.autovacuum_enabled='false')"
        );
    }

    #[test]
    fn definitions_lose_their_semicolon() {
        assert_eq!(bare(" SELECT 1;\n"), "SELECT 1");
        assert_eq!(bare("SELECT ';'"), "SELECT ';'");
    }
}
