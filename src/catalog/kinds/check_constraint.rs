//! CHECK CONSTRAINT of tables, and what stands next to it: NOT NULL constraints that are objects of their own (18).

use std::collections::BTreeMap;

use super::relation::{OF_USERS, SCHEMA, TABLE_OF, draft_on_table, relation_id, rows_by, table_name};
use super::{Kind, Query};
use crate::catalog::class::PG_CONSTRAINT;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// CHECKs, which mostly stand inside CREATE TABLE, and NOT NULLs that are not valid or have a comment.
pub(super) const CHECK_CONSTRAINT: Kind =
    Kind { tag: "CHECK CONSTRAINT", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    // CREATE TABLE has asked for the definition of a valid CHECK.
    let sql = format!(
        "SELECT {TABLE_OF}, k.oid, k.conname AS name, k.contype::text AS type, k.convalidated AS validated,
                CASE WHEN NOT k.convalidated THEN pg_catalog.pg_get_constraintdef(k.oid) END AS definition
           FROM pg_catalog.pg_constraint k
           JOIN pg_catalog.pg_class c ON c.oid = k.conrelid {SCHEMA}
          WHERE c.relkind IN ('r', 'p', 'f') AND {OF_USERS}
                AND (k.conislocal AND (k.contype = 'c' OR k.contype = 'n' AND NOT k.convalidated)
                     OR k.contype = 'n' AND k.convalidated AND {NAME_COMES_BACK} AND EXISTS (
                        SELECT FROM pg_catalog.pg_description m WHERE m.classoid = {PG_CONSTRAINT} AND m.objoid = k.oid))
          ORDER BY n.nspname, c.relname, k.conname"
    );
    vec![Query { name: "check_constraint", sql }]
}

/// Whether the NOT NULL `k` has its name in a restored table `c`, too: it stands there, or it is inherited and is named as
/// those that it is inherited from. A table that has left the parent which gave the name is not so.
const NAME_COMES_BACK: &str = "(k.conislocal OR c.relispartition OR NOT EXISTS (
    SELECT FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.attrelid
    JOIN pg_catalog.pg_attribute pa ON pa.attrelid = i.inhparent AND pa.attname = a.attname
    JOIN pg_catalog.pg_constraint pk ON pk.conrelid = i.inhparent AND pk.contype = 'n' AND pk.convalidated
         AND pk.conkey = ARRAY[pa.attnum]
    WHERE a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum] AND pk.conname <> k.conname))";

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let known = rows_by(results.rows("table_check"), "oid")?;
    results.rows("check_constraint").iter().map(|row| draft(row, &known)).collect()
}

fn draft(row: &Row, known: &BTreeMap<u32, Vec<&Row>>) -> Result<Draft, Error> {
    let (name, table) = (sql::ident(row.text("name")?), table_name(row)?);
    let (check, validated) = (row.text("type")? == "c", row.bool("validated")?);
    // A NOT NULL that is valid has come with its table: only its comment is left.
    let section = if !check && validated { Section::PreData } else { Section::PostData };
    let kind = if check { "CHECK CONSTRAINT" } else { "CONSTRAINT" };
    let id = ObjectId::new(PG_CONSTRAINT, row.oid("oid")?);
    let table_id = relation_id(row.oid("table_oid")?);
    let mut draft = draft_on_table(row, id, kind, row.text("name")?, section)?;
    draft.requires = vec![table_id];
    draft.comment_on = Some(format!("CONSTRAINT {name} ON {table}"));
    if check && validated {
        draft.inline_in = Some(table_id);
    }
    if check || !validated {
        // Without ONLY: the children get it from here.
        let known = known.get(&row.oid("oid")?).and_then(|rows| rows.first());
        let definition = known.unwrap_or(&row).text("definition")?;
        draft.create = vec![format!("ALTER TABLE {table} ADD CONSTRAINT {name} {definition}").into()];
        draft.drop = vec![format!("ALTER TABLE {table} DROP CONSTRAINT {name}")];
    }
    Ok(draft)
}
