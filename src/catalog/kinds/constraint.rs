//! CONSTRAINT: primary keys, unique and exclusion constraints, with the index that each has. ADD CONSTRAINT locks the table for
//! itself for as long as it builds the index, so that nothing else can be built on it: for a large table with other indexes the
//! index is an entry of its own, built as CREATE INDEX is, side by side with the others, and the constraint takes it over.

use super::index::{INDEX_DETAILS, index_details};
use super::relation::{OF_USERS, SCHEMA, TABLE_OF, draft_on_table, relation_id, table_name, with_clause};
use super::{Kind, Query};
use crate::catalog::class::PG_CONSTRAINT;
use crate::catalog::{Draft, Error, Lock, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Primary keys, unique and exclusion constraints.
pub(super) const CONSTRAINT: Kind = Kind { tag: "CONSTRAINT", queries, follow_up: None, assemble };

/// A table of fewer pages has its keys within the time of a statement more.
const LARGE_PAGES: u32 = 1024;

fn queries(version: Version) -> Vec<Query> {
    // Such an index can be under a primary key, and newer servers refuse to put it there. From PostgreSQL 18 on a primary key that
    // takes over an index gives its table NOT NULL constraints of its own, where a child or a partition had inherited ones.
    let nulls = if version.major() >= 15 { "AND NOT i.indnullsnotdistinct" } else { "" };
    let sql = format!(
        "SELECT {TABLE_OF}, k.oid, k.conname AS name, k.contype::text AS type, k.condeferrable AS deferrable,
                k.condeferred AS deferred, pg_catalog.pg_get_constraintdef(k.oid) AS definition,
                k.conindid AS index_oid, x.relname AS index_name, x.reloptions AS options, x.relispartition AS attached, {INDEX_DETAILS},
                CASE WHEN k.contype IN ('p', 'u') AND c.relkind = 'r' AND c.relpages >= {LARGE_PAGES} AND i.indisvalid {nulls}
                      AND k.conname = x.relname
                      AND NOT (k.contype = 'p' AND EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid))
                      AND EXISTS (SELECT FROM pg_catalog.pg_am m WHERE m.oid = x.relam AND m.amname = 'btree')
                      AND EXISTS (SELECT FROM pg_catalog.pg_index o
                                   WHERE o.indrelid = c.oid AND o.indexrelid <> i.indexrelid)
                     THEN pg_catalog.pg_get_indexdef(k.conindid) END AS built_before
           FROM pg_catalog.pg_constraint k
           JOIN pg_catalog.pg_class c ON c.oid = k.conrelid {SCHEMA}
           JOIN pg_catalog.pg_class x ON x.oid = k.conindid
           JOIN pg_catalog.pg_index i ON i.indexrelid = k.conindid
          WHERE k.contype IN ('p', 'u', 'x') AND {OF_USERS}
          ORDER BY n.nspname, c.relname, k.conname"
    );
    vec![Query { name: "constraint", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for row in results.rows("constraint") {
        let index = index_draft(row)?;
        drafts.push(draft(row, index.as_ref())?);
        drafts.extend(index);
    }
    Ok(drafts)
}

/// The index that is built before its constraint.
fn index_draft(row: &Row) -> Result<Option<Draft>, Error> {
    let Some(definition) = row.opt_text("built_before")? else { return Ok(None) };
    let id = relation_id(row.oid("index_oid")?).with_sub(ObjectId::KEY_INDEX);
    let mut draft =
        Draft::new(id, "INDEX", Some(row.text("schema")?), row.text("index_name")?, Section::PostData);
    draft.requires = vec![relation_id(row.oid("table_oid")?)];
    draft.lock = Lock::Share;
    draft.tablespace = Some(row.text("tablespace")?.to_owned());
    draft.create = vec![definition.to_owned().into()];
    if !row.bool("attached")? {
        // It goes with its constraint, unless a restore has ended between the two.
        let name = sql::qualified(row.text("schema")?, row.text("index_name")?);
        draft.drop = vec![format!("DROP INDEX IF EXISTS {name}")];
    }
    Ok(Some(draft))
}

fn draft(row: &Row, index: Option<&Draft>) -> Result<Draft, Error> {
    let (name, table) = (sql::ident(row.text("name")?), table_name(row)?);
    let id = ObjectId::new(PG_CONSTRAINT, row.oid("oid")?);
    let mut draft = draft_on_table(row, id, "CONSTRAINT", row.text("name")?, Section::PostData)?;
    draft.aliases = vec![relation_id(row.oid("index_oid")?)];
    draft.requires = vec![relation_id(row.oid("table_oid")?)];
    draft.requires.extend(index.map(|index| index.id));
    draft.tablespace = Some(row.text("tablespace")?.to_owned());
    draft.comment_on = Some(format!("CONSTRAINT {name} ON {table}"));
    let definition = definition(row, index.is_some())?;
    draft.create = vec![format!("ALTER TABLE ONLY {table} ADD CONSTRAINT {name} {definition}").into()];
    draft.create.extend(index_details(row, &table, row.text("index_name")?)?);
    if !row.bool("attached")? {
        draft.drop = vec![format!("ALTER TABLE ONLY {table} DROP CONSTRAINT {name}")];
    }
    Ok(draft)
}

/// The server's text with the index's options, which that leaves out for keys: WITH stands before DEFERRABLE. Of a constraint
/// that takes over an index, only what this does not say.
fn definition(row: &Row, takes_over: bool) -> Result<String, Error> {
    let text = row.text("definition")?;
    let (kind, options) = (row.text("type")?, row.list("options")?);
    if !takes_over && (kind == "x" || options.is_empty()) {
        return Ok(text.to_owned());
    }
    let mut timing = String::new();
    if row.bool("deferrable")? {
        timing.push_str(" DEFERRABLE");
    }
    if row.bool("deferred")? {
        timing.push_str(" INITIALLY DEFERRED");
    }
    if takes_over {
        let kind = if kind == "p" { "PRIMARY KEY" } else { "UNIQUE" };
        return Ok(format!("{kind} USING INDEX {}{timing}", sql::ident(row.text("index_name")?)));
    }
    let columns = text.strip_suffix(&timing).unwrap_or(text);
    Ok(format!("{columns}{}{timing}", with_clause(&options, &[])))
}

#[cfg(test)]
mod tests {
    use super::super::relation::{rows, text};
    use super::*;
    use crate::catalog::Value::{Bool, List};

    fn said(kind: &str, deferrable: bool, deferred: bool, server: &str) -> Result<String, Error> {
        let mut results = Results::default();
        let values =
            [text(kind), Bool(deferrable), Bool(deferred), text(server), List(vec!["fillfactor=70"])];
        rows(
            &mut results,
            "constraint",
            &["type", "deferrable", "deferred", "definition", "options"],
            &[&values],
        );
        Ok(definition(&results.rows("constraint")[0], false)?.replace('\n', " "))
    }

    #[test]
    fn options_of_the_index_stand_before_the_timing() -> Result<(), Error> {
        assert_eq!(said("p", false, false, "PRIMARY KEY (a)")?, "PRIMARY KEY (a) WITH (fillfactor='70')");
        assert_eq!(
            said("u", true, true, "UNIQUE (a) INCLUDE (b) DEFERRABLE INITIALLY DEFERRED")?,
            "UNIQUE (a) INCLUDE (b) WITH (fillfactor='70') DEFERRABLE INITIALLY DEFERRED"
        );
        // The server's text of an exclusion constraint has them already.
        let exclusion = "EXCLUDE USING gist (a WITH &&) WITH (fillfactor='70') DEFERRABLE";
        assert_eq!(said("x", true, false, exclusion)?, exclusion);
        Ok(())
    }
}
