//! STATISTICS DATA: what ANALYZE has found, for each table with its indexes.
//!
//! Restored by `pg_restore_relation_stats` and `pg_restore_attribute_stats`, which came with PostgreSQL 18; what they take
//! was seen on 18.

use super::relation::{OF_USERS, RELATION, SCHEMA, part_draft, relation_id, rows_by};
use super::{Kind, Query};
use crate::catalog::{Draft, Error, Lock, ObjectId, Pass, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Planner statistics.
pub(super) const STATISTICS_DATA: Kind = Kind { tag: "STATISTICS DATA", queries, follow_up: None, assemble };

/// How many functions one statement calls: a SELECT has at most 1,664 values, a table 1,600 columns, each perhaps twice.
const BATCH: usize = 100;

/// The kinds of statistics of a column: the columns of pg_stats that have the same names as the function's arguments, and
/// these arguments' types.
const ATTRIBUTE: [(&str, &str); 14] = [
    ("null_frac", "real"),
    ("avg_width", "integer"),
    ("n_distinct", "real"),
    ("most_common_vals", "text"),
    ("most_common_freqs", "real[]"),
    ("histogram_bounds", "text"),
    ("correlation", "real"),
    ("most_common_elems", "text"),
    ("most_common_elem_freqs", "real[]"),
    ("elem_count_histogram", "real[]"),
    ("range_length_histogram", "text"),
    ("range_empty_frac", "real"),
    ("range_bounds_histogram", "text"),
    ("inherited", "boolean"),
];

fn queries(version: Version) -> Vec<Query> {
    let all_frozen = if version.major() >= 18 { "r.relallfrozen" } else { "NULL::pg_catalog.int4" };
    // What was never analyzed has nothing to say: sizes and counts are there too when an index has been built.
    let relations = format!(
        "SELECT {RELATION}, c.relkind = 'm' AS is_refreshed, r.oid AS of_oid, r.relname AS of_name,
                r.relpages AS pages, r.reltuples::pg_catalog.text AS rows, r.relallvisible AS all_visible,
                {all_frozen} AS all_frozen, pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS version
           FROM pg_catalog.pg_class c {SCHEMA}
           JOIN (SELECT t.oid AS table_oid, t.oid AS of FROM pg_catalog.pg_class t
                 UNION ALL SELECT i.indrelid, i.indexrelid FROM pg_catalog.pg_index i WHERE i.indisvalid) b
                ON b.table_oid = c.oid
           JOIN pg_catalog.pg_class r ON r.oid = b.of
          WHERE c.relkind IN ('r', 'p', 'm', 'f') AND {OF_USERS}
                AND (n.nspname, c.relname) IN (SELECT s.schemaname, s.tablename FROM pg_catalog.pg_stats s)
          ORDER BY n.nspname, c.relname, r.oid <> c.oid, r.relname"
    );
    let values = ATTRIBUTE.iter().map(|(name, _)| match version.major() {
        ..17 if name.starts_with("range_") => format!("NULL::pg_catalog.text AS {name}"),
        _ => format!("s.{name}::pg_catalog.text AS {name}"),
    });
    // The view shows what the role may read. Bytes of no encoding cannot travel in statements.
    let attributes = format!(
        "SELECT c.oid, a.attnum AS number, a.attname AS name, c.relkind IN ('i', 'I') AS of_index, {}
           FROM pg_catalog.pg_stats s
           JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname
           JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
           JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
          WHERE {OF_USERS} AND pg_catalog.current_setting('server_encoding') <> 'SQL_ASCII'
          ORDER BY c.oid, a.attnum, s.inherited",
        values.collect::<Vec<_>>().join(", ")
    );
    vec![
        Query { name: "statistics_data", sql: relations },
        Query { name: "statistics_data_of_columns", sql: attributes },
    ]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let columns = rows_by(results.rows("statistics_data_of_columns"), "oid")?;
    let mut drafts: Vec<Draft> = Vec::new();
    for row in results.rows("statistics_data") {
        let (table, of) = (relation_id(row.oid("oid")?), relation_id(row.oid("of_oid")?));
        if table == of {
            let mut draft = part_draft(row, "STATISTICS DATA", ObjectId::STATISTICS, Section::PostData)?;
            draft.lock = Lock::Exclusive;
            draft.requires.push(table.with_sub(ObjectId::DATA));
            if row.bool("is_refreshed")? {
                draft.pass = Pass::PostAcl;
            }
            drafts.push(draft);
        }
        let id = table.with_sub(ObjectId::STATISTICS);
        let Some(draft) = drafts.last_mut().filter(|draft| draft.id == id) else { continue };
        if table != of {
            // Building an index counts the table's rows anew: all of them come before.
            draft.requires.push(of);
        }
        let mut calls = vec![relation_call(row)?];
        for column in columns.get(&of.oid).into_iter().flatten() {
            calls.push(attribute_call(row, column)?);
        }
        draft
            .create
            .extend(calls.chunks(BATCH).map(|calls| format!("SELECT {}", calls.join(",\n    ")).into()));
    }
    Ok(drafts)
}

/// The arguments that say which relation is meant and where its statistics come from.
fn relation_arguments(row: &Row) -> Result<String, Error> {
    let (schema, name) = (sql::literal(row.text("schema")?), sql::literal(row.text("of_name")?));
    Ok(format!("'version', {}, 'schemaname', {schema}, 'relname', {name}", row.int("version")?))
}

fn relation_call(row: &Row) -> Result<String, Error> {
    let (version, rows) = (row.int("version")?, row.text("rows")?);
    // Before 14 a count of 0 may mean that nobody has counted, which 18 writes as -1.
    let rows = if version < 140_000 && rows == "0" { "-1" } else { rows };
    let mut call = format!(
        "pg_catalog.pg_restore_relation_stats({}, 'relpages', {}, 'reltuples', {}::pg_catalog.float4, 'relallvisible', {}",
        relation_arguments(row)?,
        row.int("pages")?,
        sql::literal(rows),
        row.int("all_visible")?,
    );
    if let Some(frozen) = row.opt_int("all_frozen")? {
        call += &format!(", 'relallfrozen', {frozen}");
    }
    Ok(call + ")")
}

fn attribute_call(row: &Row, column: &Row) -> Result<String, Error> {
    let mut call = format!("pg_catalog.pg_restore_attribute_stats({}", relation_arguments(row)?);
    // Columns of an index go by number: theirs are generated names.
    if column.bool("of_index")? {
        call += &format!(", 'attnum', {}::pg_catalog.int2", column.int("number")?);
    } else {
        call += &format!(", 'attname', {}", sql::literal(column.text("name")?));
    }
    for (name, data_type) in ATTRIBUTE {
        if let Some(value) = column.opt_text(name)? {
            call += &format!(", '{name}', {}::{data_type}", sql::literal(value));
        }
    }
    Ok(call + ")")
}

#[cfg(test)]
mod tests {
    use super::super::relation::{rows, text};
    use super::*;
    use crate::catalog::Value::{self, Bool, Int, Null};

    /// The statistics of a table and its index, as a server of that version counts them.
    fn analyzed(version: i64, count: &str, is_refreshed: bool) -> Results {
        let mut results = Results::default();
        let columns = [
            "oid",
            "schema",
            "name",
            "owner",
            "is_refreshed",
            "of_oid",
            "of_name",
            "pages",
            "rows",
            "all_visible",
            "all_frozen",
            "version",
        ];
        let row = |of, name: &'static str, all_frozen| {
            let start = [Int(1), text("s"), text("It's"), text("o"), Bool(is_refreshed), Int(of), text(name)];
            let counts = [Int(7), text(count), Int(2), all_frozen, Int(version)];
            [start.to_vec(), counts.to_vec()].concat()
        };
        rows(&mut results, "statistics_data", &columns, &[&row(1, "It's", Null), &row(2, "i", Int(3))]);
        results
    }

    fn column(number: i64, of_index: bool) -> Vec<Value<'static>> {
        let values = ATTRIBUTE.map(|(name, _)| match name {
            "null_frac" => text("0.5"),
            "most_common_vals" => text("{\"it's\"}"),
            _ => Null,
        });
        [vec![Int(1 + i64::from(of_index)), Int(number), text("c"), Bool(of_index)], values.to_vec()].concat()
    }

    fn created(results: &Results) -> Result<Vec<String>, Error> {
        let drafts = assemble(results)?;
        assert_eq!(drafts.len(), 1);
        Ok(drafts[0].create.iter().map(|statement| statement.render(&Default::default())).collect())
    }

    #[test]
    fn a_table_and_its_indexes_are_one_entry_behind_all_of_them() -> Result<(), Error> {
        let mut results = analyzed(180_000, "12", false);
        let names: Vec<&str> = ["oid", "number", "name", "of_index"]
            .into_iter()
            .chain(ATTRIBUTE.map(|(name, _)| name))
            .collect();
        rows(&mut results, "statistics_data_of_columns", &names, &[&column(4, false), &column(1, true)]);
        assert_eq!(
            created(&results)?,
            [
                "SELECT pg_catalog.pg_restore_relation_stats('version', 180000, 'schemaname', 's', 'relname', 'It''s', 'relpages', 7, \
                 'reltuples', '12'::pg_catalog.float4, 'relallvisible', 2),\n    \
                 pg_catalog.pg_restore_attribute_stats('version', 180000, 'schemaname', 's', 'relname', 'It''s', 'attname', 'c', \
                 'null_frac', '0.5'::real, 'most_common_vals', '{\"it''s\"}'::text)",
                "SELECT pg_catalog.pg_restore_relation_stats('version', 180000, 'schemaname', 's', 'relname', 'i', 'relpages', 7, \
                 'reltuples', '12'::pg_catalog.float4, 'relallvisible', 2, 'relallfrozen', 3),\n    \
                 pg_catalog.pg_restore_attribute_stats('version', 180000, 'schemaname', 's', 'relname', 'i', 'attnum', 1::pg_catalog.int2, \
                 'null_frac', '0.5'::real, 'most_common_vals', '{\"it''s\"}'::text)",
            ]
        );
        let drafts = assemble(&results)?;
        let draft = &drafts[0];
        assert_eq!((draft.pass, draft.lock), (Pass::Main, Lock::Exclusive));
        let table = relation_id(1);
        assert_eq!(draft.requires, [table, table.with_sub(ObjectId::DATA), relation_id(2)]);
        assert_eq!(assemble(&analyzed(180_000, "12", true))?[0].pass, Pass::PostAcl);
        Ok(())
    }

    #[test]
    fn many_columns_are_several_statements() -> Result<(), Error> {
        let mut results = analyzed(180_000, "12", false);
        let names: Vec<&str> = ["oid", "number", "name", "of_index"]
            .into_iter()
            .chain(ATTRIBUTE.map(|(name, _)| name))
            .collect();
        let columns: Vec<_> = (1..=100).map(|number| column(number, false)).collect();
        let columns: Vec<&[Value]> = columns.iter().map(Vec::as_slice).collect();
        rows(&mut results, "statistics_data_of_columns", &names, &columns);
        let calls: Vec<usize> =
            created(&results)?.iter().map(|statement| statement.matches("_stats(").count()).collect();
        assert_eq!(calls, [100, 1, 1]);
        Ok(())
    }

    #[test]
    fn no_rows_before_14_may_be_rows_that_nobody_counted() -> Result<(), Error> {
        assert!(created(&analyzed(130_022, "0", false))?[0].contains("'reltuples', '-1'"));
        assert!(created(&analyzed(140_000, "0", false))?[0].contains("'reltuples', '0'"));
        Ok(())
    }
}
