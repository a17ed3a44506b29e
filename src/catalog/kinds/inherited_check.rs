//! COMMENT of CHECKs that a table has from its parents only: they come with those, and nothing else is left to be made.

use super::relation::{OF_USERS, SCHEMA, TABLE_OF, relation_id, table_name};
use super::{Kind, Query};
use crate::catalog::class::PG_CONSTRAINT;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Comments on inherited CHECKs.
pub(super) const INHERITED_CHECK: Kind = Kind { tag: "COMMENT", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    // A row for each ancestor that has the CHECK of its own: where that is not valid, it is made behind the data.
    let sql = format!(
        "WITH RECURSIVE above AS (
            SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i
            UNION
            SELECT a.inhrelid, i.inhparent FROM above a JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.inhparent)
         SELECT {TABLE_OF}, k.oid, k.conname AS name, m.description AS comment, o.oid AS origin_oid
           FROM pg_catalog.pg_constraint k
           JOIN pg_catalog.pg_description m ON m.classoid = {PG_CONSTRAINT} AND m.objoid = k.oid
           JOIN pg_catalog.pg_class c ON c.oid = k.conrelid {SCHEMA}
           JOIN above a ON a.inhrelid = c.oid
           JOIN pg_catalog.pg_constraint o ON o.conrelid = a.inhparent AND o.contype = 'c' AND o.conname = k.conname
                AND o.conislocal
          WHERE k.contype = 'c' AND NOT k.conislocal AND {OF_USERS}
          ORDER BY n.nspname, c.relname, k.conname, k.oid, o.oid"
    );
    vec![Query { name: "inherited_check", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results
        .rows("inherited_check")
        .chunk_by(|one, other| one.oid("oid").ok() == other.oid("oid").ok())
        .map(draft)
        .collect()
}

fn draft(rows: &[Row]) -> Result<Draft, Error> {
    let row = &rows[0];
    let name = row.text("name")?;
    // A partition's statement holds the CHECK itself, which goes by its identity there.
    let id = ObjectId::new(PG_CONSTRAINT, row.oid("oid")?).with_sub(ObjectId::COMMENT);
    let tag = format!("CONSTRAINT {} {name}", row.text("table_name")?);
    let mut draft = Draft::new(id, "COMMENT", Some(row.text("schema")?), &tag, Section::PostData);
    draft.requires = vec![relation_id(row.oid("table_oid")?)];
    for row in rows {
        draft.requires.push(ObjectId::new(PG_CONSTRAINT, row.oid("origin_oid")?));
    }
    let (check, table) = (sql::ident(name), table_name(row)?);
    let comment = sql::literal(row.text("comment")?);
    draft.create = vec![format!("COMMENT ON CONSTRAINT {check} ON {table} IS {comment}").into()];
    Ok(draft)
}
