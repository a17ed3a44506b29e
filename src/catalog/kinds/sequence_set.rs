//! SEQUENCE SET: the values of sequences.

use super::relation::{OF_USERS, RELATION, SCHEMA, part_draft, relation_name};
use super::{Kind, Query};
use crate::catalog::{Draft, Error, ObjectId, Results, Section};
use crate::pg::Version;
use crate::sql;

/// Values of sequences.
pub(super) const SEQUENCE_SET: Kind =
    Kind { tag: "SEQUENCE SET", queries, follow_up: Some(follow_up), assemble };

/// How many sequences one statement reads: far below what the server's stack allows for a UNION ALL.
const BATCH: usize = 200;

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "SELECT {RELATION} FROM pg_catalog.pg_class c {SCHEMA}
          WHERE c.relkind = 'S' AND {OF_USERS} ORDER BY n.nspname, c.relname"
    );
    vec![Query { name: "sequence_set", sql }]
}

/// Reads the sequences themselves. Nothing else tells the value of every version exactly: pg_sequences and
/// pg_sequence_last_value() show NULL for every sequence with `is_called` false, whatever it was set to, and
/// pg_get_sequence_data() came with 18.
fn follow_up(results: &Results) -> Result<Vec<Query>, Error> {
    let mut queries = Vec::new();
    for rows in results.rows("sequence_set").chunks(BATCH) {
        let mut reads = Vec::new();
        for row in rows {
            reads.push(format!(
                "SELECT {}::pg_catalog.oid AS oid, last_value, is_called FROM {}",
                row.oid("oid")?,
                relation_name(row)?
            ));
        }
        queries.push(Query { name: "sequence_set_value", sql: reads.join("\nUNION ALL ") });
    }
    Ok(queries)
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut values = std::collections::BTreeMap::new();
    for row in results.rows("sequence_set_value") {
        values.insert(row.oid("oid")?, (row.int("last_value")?, row.bool("is_called")?));
    }
    let mut drafts = Vec::new();
    for row in results.rows("sequence_set") {
        let mut draft = part_draft(row, "SEQUENCE SET", ObjectId::DATA, Section::Data)?;
        if let Some((value, called)) = values.get(&row.oid("oid")?) {
            let name = sql::literal(&relation_name(row)?);
            draft.create = vec![format!("SELECT pg_catalog.setval({name}, {value}, {called})").into()];
            drafts.push(draft);
        }
    }
    Ok(drafts)
}
