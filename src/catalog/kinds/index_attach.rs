//! INDEX ATTACH: a partition's index becomes a part of the partitioned table's.

use super::index::USABLE;
use super::relation::{OF_USERS, SCHEMA, relation_id};
use super::{Kind, Query};
use crate::catalog::{Draft, Error, ObjectId, Results, Section};
use crate::pg::Version;
use crate::sql;

/// Attachments of indexes.
pub(super) const INDEX_ATTACH: Kind = Kind { tag: "INDEX ATTACH", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "SELECT x.oid, n.nspname AS schema, x.relname AS name, i.indrelid AS table_oid,
                p.oid AS parent_oid, pn.nspname AS parent_schema, p.relname AS parent_name, pi.indrelid AS parent_table_oid
           FROM pg_catalog.pg_inherits h
           JOIN pg_catalog.pg_class x ON x.oid = h.inhrelid
           JOIN pg_catalog.pg_index i ON i.indexrelid = x.oid
           JOIN pg_catalog.pg_class c ON c.oid = i.indrelid {SCHEMA}
           JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
           JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
           JOIN pg_catalog.pg_index pi ON pi.indexrelid = p.oid
          WHERE c.relkind IN ('r', 'p') AND {OF_USERS} AND {USABLE}
          ORDER BY n.nspname, x.relname"
    );
    vec![Query { name: "index_attach", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for row in results.rows("index_attach") {
        let (schema, name) = (row.text("schema")?, row.text("name")?);
        let id = relation_id(row.oid("oid")?);
        let mut draft =
            Draft::new(id.with_sub(ObjectId::ATTACH), "INDEX ATTACH", Some(schema), name, Section::PostData);
        draft.requires.push(id);
        // The tables stand here so that nothing else that locks them runs at the same time.
        for column in ["parent_oid", "table_oid", "parent_table_oid"] {
            draft.requires.push(relation_id(row.oid(column)?));
        }
        let parent = sql::qualified(row.text("parent_schema")?, row.text("parent_name")?);
        draft.create =
            vec![format!("ALTER INDEX {parent} ATTACH PARTITION {}", sql::qualified(schema, name)).into()];
        drafts.push(draft);
    }
    Ok(drafts)
}
