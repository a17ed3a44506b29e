//! Tests of tables' statements on hand-made rows.

use std::collections::BTreeSet;

use super::super::relation::{rows, text};
use super::*;
use crate::catalog::Value::{self, Bool, Int, List, Null};

const TABLE_COLUMNS: [&str; 20] = [
    "oid",
    "schema",
    "name",
    "owner",
    "row_type",
    "row_array_type",
    "tablespace",
    "access_method",
    "options",
    "toast_options",
    "relkind",
    "persistence",
    "is_partition",
    "replica_identity",
    "force_row_security",
    "of_type",
    "partition_key",
    "server",
    "option_names",
    "option_values",
];

const COLUMN_COLUMNS: [&str; 21] = [
    "table_oid",
    "name",
    "type",
    "local",
    "default_oid",
    "expression",
    "generated",
    "same_generated",
    "lacks_default",
    "not_null",
    "not_null_name",
    "not_null_no_inherit",
    "not_null_local",
    "collation_schema",
    "collation_name",
    "storage",
    "compression",
    "statistics",
    "options",
    "option_names",
    "option_values",
];

fn table(results: &mut Results, oid: i64, name: &str, is_partition: bool) {
    let values = [
        Int(oid),
        text("s"),
        text(name),
        text("o"),
        Int(oid + 1),
        Int(oid + 2),
        text(""),
        text("heap"),
        Null,
        Null,
        text("r"),
        text("p"),
        Bool(is_partition),
        text("d"),
        Bool(false),
        Null,
        Null,
        Null,
        Null,
        Null,
    ];
    rows(results, "table", &TABLE_COLUMNS, &[&values]);
}

/// A column int; `change` sets single values by their names.
fn column(results: &mut Results, table: i64, name: &str, local: bool, change: &[(&str, Value)]) {
    let mut values = [
        Int(table),
        text(name),
        text("integer"),
        Bool(local),
        Null,
        Null,
        text(""),
        Bool(false),
        Bool(false),
        Bool(false),
        Null,
        Bool(false),
        Bool(true),
        Null,
        Null,
        Null,
        Null,
        Null,
        Null,
        Null,
        Null,
    ];
    for (changed, value) in change {
        if let Some(at) = COLUMN_COLUMNS.iter().position(|column| column == changed) {
            values[at] = value.clone();
        }
    }
    rows(results, "table_column", &COLUMN_COLUMNS, &[&values]);
}

fn parent(results: &mut Results, child: i64, parent: i64, name: &str) {
    let values = [Int(child), Int(parent), text("s"), text(name)];
    rows(results, "table_parent", &["table_oid", "parent_oid", "schema", "name"], &[&values]);
}

fn check(results: &mut Results, table: i64, oid: i64, local: bool) {
    let values = [Int(table), Int(oid), text("ck"), Bool(local), text("CHECK ((a > 0))")];
    rows(results, "table_check", &["table_oid", "oid", "name", "local", "definition"], &[&values]);
}

/// The statements of the table of that OID, each on one line.
fn said(results: &Results, oid: u32, separate: &[ObjectId]) -> Result<Vec<String>, Error> {
    let separate: BTreeSet<_> = separate.iter().copied().collect();
    let drafts = assemble(results)?;
    let statements = drafts.iter().filter(|draft| draft.id.oid == oid).flat_map(|draft| &draft.create);
    let line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(statements.map(|statement| line(statement.render(&separate))).collect())
}

#[test]
fn parts_can_be_taken_out() -> Result<(), Error> {
    let mut results = Results::default();
    table(&mut results, 10, "T", false);
    column(
        &mut results,
        10,
        "a",
        true,
        &[("default_oid", Int(77)), ("expression", text("1")), ("not_null", Bool(true))],
    );
    check(&mut results, 10, 88, true);
    let (default, check) = (ObjectId::new(PG_ATTRDEF, 77), ObjectId::new(PG_CONSTRAINT, 88));
    assert_eq!(
        said(&results, 10, &[])?,
        ["CREATE TABLE s.\"T\" ( a integer DEFAULT 1 NOT NULL, CONSTRAINT ck CHECK ((a > 0)) )"]
    );
    assert_eq!(said(&results, 10, &[default, check])?, ["CREATE TABLE s.\"T\" ( a integer NOT NULL )"]);
    Ok(())
}

#[test]
fn a_child_says_what_is_its_own() -> Result<(), Error> {
    let mut results = Results::default();
    table(&mut results, 10, "p", false);
    column(&mut results, 10, "a", true, &[]);
    column(&mut results, 10, "b", true, &[]);
    table(&mut results, 20, "c", false);
    parent(&mut results, 20, 10, "p");
    column(&mut results, 20, "a", false, &[("lacks_default", Bool(true)), ("not_null", Bool(true))]);
    column(
        &mut results,
        20,
        "b",
        false,
        &[("not_null", Bool(true)), ("not_null_name", text("nn")), ("statistics", Int(5))],
    );
    column(&mut results, 20, "own", true, &[]);
    check(&mut results, 20, 88, false);
    assert_eq!(
        said(&results, 20, &[])?,
        [
            "CREATE TABLE s.c ( CONSTRAINT nn NOT NULL b, own integer ) INHERITS (s.p)",
            "ALTER TABLE ONLY s.c ALTER COLUMN a SET DEFAULT NULL",
            "ALTER TABLE ONLY s.c ALTER COLUMN a SET NOT NULL",
            "ALTER TABLE ONLY s.c ALTER COLUMN b SET STATISTICS 5",
        ]
    );
    Ok(())
}

#[test]
fn a_partition_says_everything() -> Result<(), Error> {
    let mut results = Results::default();
    table(&mut results, 20, "part", true);
    column(&mut results, 20, "a", false, &[("not_null", Bool(true)), ("not_null_local", Bool(false))]);
    check(&mut results, 20, 88, false);
    let expected = ["CREATE TABLE s.part ( a integer NOT NULL, CONSTRAINT ck CHECK ((a > 0)) )"];
    assert_eq!(said(&results, 20, &[ObjectId::new(PG_CONSTRAINT, 88)])?, expected);
    Ok(())
}

#[test]
fn columns_keep_an_order_that_inherits_would_change() -> Result<(), Error> {
    let child = |names: [&str; 3], local: bool| -> Result<Vec<String>, Error> {
        let mut results = Results::default();
        table(&mut results, 10, "p", false);
        column(&mut results, 10, "a", true, &[]);
        column(&mut results, 10, "b", true, &[]);
        table(&mut results, 20, "c", false);
        parent(&mut results, 20, 10, "p");
        for name in names {
            column(&mut results, 20, name, local || name == "own", &[]);
        }
        said(&results, 20, &[])
    };
    assert_eq!(
        child(["b", "own", "a"], true)?,
        ["CREATE TABLE s.c ( b integer, own integer, a integer )", "ALTER TABLE ONLY s.c INHERIT s.p"]
    );
    assert_eq!(
        child(["a", "b", "own"], true)?,
        ["CREATE TABLE s.c ( a integer, b integer, own integer ) INHERITS (s.p)"]
    );
    // ALTER TABLE ... INHERIT would make inherited columns local ones.
    assert_eq!(child(["a", "own", "b"], false)?, ["CREATE TABLE s.c ( own integer ) INHERITS (s.p)"]);
    Ok(())
}

#[test]
fn typed_tables_name_all_columns() -> Result<(), Error> {
    let mut results = Results::default();
    let mut values = vec![
        Int(10),
        text("s"),
        text("t"),
        text("o"),
        Int(11),
        Int(12),
        text(""),
        text("heap"),
        List(vec!["fillfactor=70"]),
        List(vec!["autovacuum_enabled=false"]),
        text("r"),
        text("u"),
        Bool(false),
        text("f"),
        Bool(true),
        text("s.pair"),
        Null,
        Null,
        Null,
        Null,
    ];
    rows(&mut results, "table", &TABLE_COLUMNS, &[&values]);
    column(&mut results, 10, "x", true, &[("not_null", Bool(true))]);
    column(&mut results, 10, "y", true, &[]);
    assert_eq!(
        said(&results, 10, &[])?,
        [
            "CREATE UNLOGGED TABLE s.t OF s.pair ( x WITH OPTIONS NOT NULL, y WITH OPTIONS ) \
             WITH (fillfactor='70', toast.autovacuum_enabled='false')",
            "ALTER TABLE ONLY s.t REPLICA IDENTITY FULL",
            "ALTER TABLE ONLY s.t FORCE ROW LEVEL SECURITY",
        ]
    );
    values[15] = Null;
    let mut empty = Results::default();
    rows(&mut empty, "table", &TABLE_COLUMNS, &[&values]);
    assert!(said(&empty, 10, &[])?[0].starts_with("CREATE UNLOGGED TABLE s.t ( ) WITH"));
    Ok(())
}
