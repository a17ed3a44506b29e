//! FK CONSTRAINT: those that were declared; what the server makes of them for partitions comes by itself.

use super::relation::{OF_USERS, SCHEMA, TABLE_OF, draft_on_table, relation_id, rows_by, table_name};
use super::{Kind, Query};
use crate::catalog::class::PG_CONSTRAINT;
use crate::catalog::{Draft, Error, ObjectId, Results, Section};
use crate::pg::Version;
use crate::sql;

/// Foreign keys.
pub(super) const FK_CONSTRAINT: Kind = Kind { tag: "FK CONSTRAINT", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let key = format!(
        "SELECT {TABLE_OF}, k.oid, k.conname AS name, c.relkind::text AS relkind, k.conindid AS index_oid,
                k.confrelid AS referenced_oid, pg_catalog.pg_get_constraintdef(k.oid) AS definition
           FROM pg_catalog.pg_constraint k
           JOIN pg_catalog.pg_class c ON c.oid = k.conrelid {SCHEMA}
          WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relkind IN ('r', 'p') AND {OF_USERS}
          ORDER BY n.nspname, c.relname, k.conname"
    );
    let attached = "WITH RECURSIVE part AS (
            SELECT DISTINCT k.conindid AS index_oid, i.inhrelid AS part_oid
              FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_inherits i ON i.inhparent = k.conindid
             WHERE k.contype = 'f' AND k.conparentid = 0
            UNION
            SELECT p.index_oid, i.inhrelid FROM part p JOIN pg_catalog.pg_inherits i ON i.inhparent = p.part_oid)
         SELECT index_oid, part_oid FROM part ORDER BY index_oid, part_oid";
    vec![
        Query { name: "foreign_key", sql: key },
        Query { name: "foreign_key_attached_index", sql: attached.to_owned() },
    ]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let attached = rows_by(results.rows("foreign_key_attached_index"), "index_oid")?;
    let mut drafts = Vec::new();
    for row in results.rows("foreign_key") {
        let (name, table) = (sql::ident(row.text("name")?), table_name(row)?);
        let id = ObjectId::new(PG_CONSTRAINT, row.oid("oid")?);
        let mut draft = draft_on_table(row, id, "FK CONSTRAINT", row.text("name")?, Section::PostData)?;
        let index_oid = row.oid("index_oid")?;
        draft.requires = ["table_oid", "referenced_oid"]
            .into_iter()
            .map(|column| Ok(relation_id(row.oid(column)?)))
            .collect::<Result<_, Error>>()?;
        draft.requires.push(relation_id(index_oid));
        // A partitioned table's key is valid, and can be referenced, only when every partition's index is attached.
        for part in attached.get(&index_oid).into_iter().flatten() {
            draft.requires.push(relation_id(part.oid("part_oid")?).with_sub(ObjectId::ATTACH));
        }
        draft.comment_on = Some(format!("CONSTRAINT {name} ON {table}"));
        // The partitions of a partitioned table need it too, and ONLY would be refused.
        let only = if row.text("relkind")? == "p" { "" } else { "ONLY " };
        draft.create = vec![
            format!("ALTER TABLE {only}{table} ADD CONSTRAINT {name} {}", row.text("definition")?).into(),
        ];
        draft.drop = vec![format!("ALTER TABLE {only}{table} DROP CONSTRAINT {name}")];
        drafts.push(draft);
    }
    Ok(drafts)
}
