//! COMMENT on what the server copies to partitions and inheritance children: CHECKs, foreign keys, triggers. The copies are
//! no objects here, since they come with what they are copied from; pg_dump leaves their comments out.

use super::relation::{OF_USERS, SCHEMA, TABLE_OF, draft_on_table, relation_id, table_name};
use super::{Kind, Query};
use crate::catalog::class::{PG_CONSTRAINT, PG_TRIGGER};
use crate::catalog::{Draft, Error, Lock, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const COPIED_COMMENT: Kind = Kind { tag: "COMMENT", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    // A CHECK is that of the same name. A copied foreign key comes back with the name of the declared one, or with one that
    // the server chooses. A trigger with a state of its own is an object, and
    // those of foreign keys have other names elsewhere.
    let sql = format!(
        "SELECT {TABLE_OF}, d.classoid AS class, d.objoid AS oid, o.name, d.description, o.originals
           FROM (SELECT {PG_CONSTRAINT} AS class, k.oid, k.conrelid AS relation, k.conname AS name,
                        ARRAY(WITH RECURSIVE up (relation) AS (
                                  SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = k.conrelid
                                  UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN up ON i.inhrelid = up.relation)
                              SELECT p.oid::pg_catalog.text FROM up
                              JOIN pg_catalog.pg_constraint p ON p.conrelid = up.relation AND p.contype = 'c'
                                   AND p.conname = k.conname) AS originals
                   FROM pg_catalog.pg_constraint k
                  WHERE k.contype = 'c' AND NOT k.conislocal
                 UNION ALL
                 SELECT {PG_CONSTRAINT}, k.oid, k.conrelid, k.conname, ARRAY[r.oid::pg_catalog.text]
                   FROM pg_catalog.pg_constraint k
                  CROSS JOIN LATERAL (
                        WITH RECURSIVE up AS (
                            SELECT p.oid, p.conparentid, p.conrelid, p.conname
                            FROM pg_catalog.pg_constraint p WHERE p.oid = k.conparentid
                            UNION ALL
                            SELECT p.oid, p.conparentid, p.conrelid, p.conname
                            FROM up JOIN pg_catalog.pg_constraint p ON p.oid = up.conparentid)
                        SELECT up.oid, up.conrelid, up.conname FROM up WHERE up.conparentid = 0) r
                  WHERE k.contype = 'f' AND r.conname = k.conname AND r.conrelid <> k.conrelid
                 UNION ALL
                 SELECT {PG_TRIGGER}, t.oid, t.tgrelid, t.tgname,
                        ARRAY(WITH RECURSIVE up (oid) AS (
                                  SELECT t.tgparentid
                                  UNION SELECT a.tgparentid FROM pg_catalog.pg_trigger a JOIN up ON a.oid = up.oid)
                              SELECT up.oid::pg_catalog.text FROM up WHERE up.oid <> 0)
                   FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_trigger p ON p.oid = t.tgparentid
                  WHERE t.tgenabled = p.tgenabled AND NOT EXISTS (
                        SELECT FROM pg_catalog.pg_constraint k WHERE k.oid = t.tgconstraint AND k.contype = 'f')) o
           JOIN pg_catalog.pg_description d ON d.classoid = o.class AND d.objoid = o.oid
           JOIN pg_catalog.pg_class c ON c.oid = o.relation {SCHEMA}
          WHERE {OF_USERS}
          ORDER BY n.nspname, c.relname, o.name"
    );
    vec![Query { name: "copied_comment", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("copied_comment").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let (class, name) = (row.oid("class")?, row.text("name")?);
    let word = if class == PG_TRIGGER { "TRIGGER" } else { "CONSTRAINT" };
    let id = ObjectId::new(class, row.oid("oid")?).with_sub(ObjectId::COMMENT);
    // A partition's statement holds a CHECK itself, which goes by its identity there.
    // Not before post-data: the original may be made there.
    let mut draft = draft_on_table(row, id, "COMMENT", name, Section::PostData)?;
    draft.name = format!("{word} {}", draft.name);
    draft.lock = Lock::None;
    draft.requires = vec![relation_id(row.oid("table_oid")?)];
    for original in row.list("originals")? {
        let oid = original.parse().map_err(|_| row.problem("originals", "is no list of OIDs"))?;
        draft.requires.push(ObjectId::new(class, oid));
    }
    let text = sql::literal(row.text("description")?);
    draft.create =
        vec![format!("COMMENT ON {word} {} ON {} IS {text}", sql::ident(name), table_name(row)?).into()];
    Ok(draft)
}
