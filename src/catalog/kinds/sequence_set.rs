//! SEQUENCE SET: the values of sequences.

use std::collections::BTreeMap;

use super::relation::{OF_USERS, RELATION, SCHEMA, part_draft, relation_name};
use super::table_data::CONFIGURATION;
use super::{Kind, Query};
use crate::catalog::{Draft, Error, ObjectId, Results, Section};
use crate::pg::Version;
use crate::sql;

/// Values of sequences.
pub(super) const SEQUENCE_SET: Kind =
    Kind { tag: "SEQUENCE SET", queries, follow_up: Some(follow_up), assemble };

/// How many sequences one statement reads: far below what the server's stack allows for a UNION ALL, and not many locks.
const BATCH: usize = 100;

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "SELECT {RELATION}, x.oid IS NOT NULL AS of_configuration FROM pg_catalog.pg_class c {SCHEMA} {CONFIGURATION}
          WHERE c.relkind = 'S' AND {OF_USERS} AND NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())
          ORDER BY n.nspname, c.relname"
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
    let mut values = BTreeMap::new();
    for row in results.rows("sequence_set_value") {
        values.insert(row.oid("oid")?, (row.int("last_value")?, row.bool("is_called")?));
    }
    let mut drafts = Vec::new();
    for row in results.rows("sequence_set") {
        let name = relation_name(row)?;
        let Some((value, called)) = values.get(&row.oid("oid")?) else {
            return Err(Error::Row {
                query: "sequence_set_value".to_owned(),
                column: "last_value".to_owned(),
                problem: format!("is missing for sequence {name}"),
            });
        };
        let mut draft = part_draft(row, "SEQUENCE SET", ObjectId::DATA, Section::Data)?;
        draft.of_configuration = row.bool("of_configuration")?;
        let name = sql::literal(&name);
        draft.create = vec![format!("SELECT pg_catalog.setval({name}, {value}, {called})").into()];
        drafts.push(draft);
    }
    Ok(drafts)
}

#[cfg(test)]
mod tests {
    use super::super::relation::{rows, text};
    use super::*;
    use crate::catalog::Value::{Bool, Int};

    #[test]
    fn every_sequence_is_read_in_batches() -> Result<(), Error> {
        let mut results = Results::default();
        for oid in 0..=BATCH {
            let name = format!("It's {oid}");
            let oid = Int(20000 + i64::try_from(oid).unwrap_or(0));
            let values = [oid, text("s"), text(&name), text("o"), Bool(false)];
            let columns = ["oid", "schema", "name", "owner", "of_configuration"];
            rows(&mut results, "sequence_set", &columns, &[&values]);
        }
        let queries = follow_up(&results)?;
        assert_eq!(queries.len(), 2);
        assert_eq!(queries[0].sql.matches("UNION ALL").count(), BATCH - 1);
        assert_eq!(
            queries[1].sql,
            format!(
                "SELECT {}::pg_catalog.oid AS oid, last_value, is_called FROM s.\"It's {BATCH}\"",
                20000 + BATCH
            )
        );
        Ok(())
    }

    #[test]
    fn a_value_is_set_as_it_was_read_and_must_have_been() -> Result<(), Error> {
        let mut results = Results::default();
        let columns = ["oid", "schema", "name", "owner", "of_configuration"];
        let values = [Int(20001), text("s"), text("It's 1"), text("o"), Bool(false)];
        rows(&mut results, "sequence_set", &columns, &[&values]);
        assert!(assemble(&results).is_err());
        rows(
            &mut results,
            "sequence_set_value",
            &["oid", "last_value", "is_called"],
            &[&[Int(20001), Int(-5), Bool(false)]],
        );
        let drafts = assemble(&results)?;
        assert_eq!(drafts.len(), 1);
        let sql = drafts[0].create[0].render(&std::collections::BTreeSet::new());
        assert_eq!(sql, "SELECT pg_catalog.setval('s.\"It''s 1\"', -5, false)");
        Ok(())
    }
}
