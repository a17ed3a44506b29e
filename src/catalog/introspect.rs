//! Asks the server: every catalog query, in one go, and what the answers amount to.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio_postgres::types::Type;

use super::inventory;
use super::kinds::{KINDS, Query, passwords_query};
use super::{Error, Inventory, Results, Row, Value};
use crate::pg::{Session, column};

/// What is read where not everything is dumped.
pub struct Scope<'a> {
    /// Whether the value of a sequence is read, by schema, name, and whether it belongs to an extension's configuration. Those of
    /// a table that is locked are, whatever it says.
    pub reads_sequence: &'a (dyn Fn(&str, &str, bool) -> bool + Sync),
}

/// Everything that is in the session's database, or with a `scope` at least what is in that.
///
/// `locked` are the relations under ACCESS SHARE: definitions come from functions that look past the snapshot, so that a
/// table that is not locked could change under them. With a scope, tables that are not locked come without what belongs to them.
/// `passwords` says whether those of roles are read.
///
/// # Errors
///
/// [`Error::Server`] if a query fails, [`Error::Row`] if its result is not what is known of the catalog, [`Error::Passwords`], and
/// without a scope [`Error::Unlocked`].
pub async fn introspect(
    session: &Session,
    locked: &BTreeSet<u32>,
    scope: Option<&Scope<'_>>,
    passwords: bool,
) -> Result<Inventory, Error> {
    let version = session.version();
    let mut queries: Vec<Query> =
        KINDS.iter().flat_map(|kind| (kind.queries)(version)).chain(inventory::queries(version)).collect();
    if passwords {
        refuse_without_right(session).await?;
        queries.push(passwords_query());
    }
    let mut results = Results::default();
    ask(session, queries, &mut results).await?;
    if let Some(scope) = scope {
        narrow(&mut results, locked, scope)?;
    }
    let mut follow_ups = Vec::new();
    for follow_up in KINDS.iter().filter_map(|kind| kind.follow_up) {
        follow_ups.extend(follow_up(&results)?);
    }
    ask(session, follow_ups, &mut results).await?;
    inventory::inventory(&results, version, locked)
}

/// Parts of tables that go by the table's OID. Other parts have it beside their own.
const NAMESAKES: [&str; 3] = ["table_data", "table_attach", "row_security"];

/// Takes out what a scope leaves out and may not be read: parts of tables that are not locked, and values of sequences.
fn narrow(results: &mut Results, locked: &BTreeSet<u32>, scope: &Scope<'_>) -> Result<(), Error> {
    let mut unlocked = BTreeSet::new();
    let mut locked_names = BTreeSet::new();
    for row in results.rows("table").iter() {
        let oid = row.oid("oid")?;
        if locked.contains(&oid) {
            locked_names.insert((row.text("schema")?.to_owned(), row.text("name")?.to_owned()));
        } else if row.text("relkind")? != "f" {
            unlocked.insert(oid);
        }
    }
    let mut owned = BTreeSet::new();
    for row in results.rows("sequence_owned_by") {
        if locked.contains(&row.oid("table_oid")?) {
            owned.insert(row.oid("oid")?);
        }
    }
    for row in results.rows("sequence") {
        if let (Some(schema), Some(name)) = (row.opt_text("table_schema")?, row.opt_text("table_name")?)
            && locked_names.contains(&(schema.to_owned(), name.to_owned()))
        {
            owned.insert(row.oid("oid")?);
        }
    }
    results.retain(|query, row| {
        // Only parts of relations have this column. A sequence can be wanted without its table.
        if query == "sequence_owned_by" {
            return Ok(true);
        }
        if let Ok(table) = row.oid("table_oid") {
            return Ok(!unlocked.contains(&table));
        }
        if NAMESAKES.contains(&query) {
            return Ok(!unlocked.contains(&row.oid("oid")?));
        }
        if query == "sequence_set" {
            let (schema, name) = (row.text("schema")?, row.text("name")?);
            let is_read = owned.contains(&row.oid("oid")?)
                || (scope.reads_sequence)(schema, name, row.bool("of_configuration")?);
            return Ok(is_read);
        }
        Ok(true)
    })
}

async fn refuse_without_right(session: &Session) -> Result<(), Error> {
    let sql =
        "SELECT pg_catalog.has_column_privilege('pg_catalog.pg_authid', 'rolpassword', 'SELECT') AS may_read";
    for row in session.query("asking for the right to read role passwords", sql, &[]).await? {
        if !column::<bool>(&row, "may_read")? {
            return Err(Error::Passwords);
        }
    }
    Ok(())
}

/// Runs the queries; the connection pipelines them.
async fn ask(session: &Session, queries: Vec<Query>, results: &mut Results) -> Result<(), Error> {
    let answers = join_all(queries.iter().map(|query| async move {
        let what = format!("reading the catalog ({})", query.name);
        let rows = session.query(&what, &query.sql, &[]).await?;
        convert(query.name, &rows)
    }));
    let mut failure = None;
    for (query, answer) in queries.iter().zip(answers.await) {
        match answer {
            Ok(rows) => results.insert(query.name, rows),
            // A query that fails takes the transaction with it: the others only say that it has ended.
            Err(error) if failure.is_none() || !error.is_aftermath() => failure = Some(error),
            Err(_) => {}
        }
    }
    failure.map_or(Ok(()), Err)
}

fn convert(query: &'static str, rows: &[tokio_postgres::Row]) -> Result<Vec<Row>, Error> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let columns: Arc<[String]> = first.columns().iter().map(|column| column.name().to_owned()).collect();
    rows.iter()
        .map(|row| {
            let values = (0..columns.len()).map(|at| {
                value(row, at).map_err(|problem| Error::Row {
                    query: query.to_owned(),
                    column: columns[at].clone(),
                    problem,
                })
            });
            Ok(Row::new(query, Arc::clone(&columns), values.collect::<Result<_, _>>()?))
        })
        .collect()
}

/// One value of a row, by its type.
fn value(row: &tokio_postgres::Row, at: usize) -> Result<Value, String> {
    let value = match *row.columns()[at].type_() {
        Type::BOOL => row.try_get::<_, Option<bool>>(at).map(|value| value.map(Value::Bool)),
        Type::INT2 => row.try_get::<_, Option<i16>>(at).map(|value| value.map(|int| Value::Int(int.into()))),
        Type::INT4 => row.try_get::<_, Option<i32>>(at).map(|value| value.map(|int| Value::Int(int.into()))),
        Type::INT8 => row.try_get::<_, Option<i64>>(at).map(|value| value.map(Value::Int)),
        Type::OID => row.try_get::<_, Option<u32>>(at).map(|value| value.map(|oid| Value::Int(oid.into()))),
        Type::TEXT | Type::NAME | Type::VARCHAR => {
            row.try_get::<_, Option<String>>(at).map(|value| value.map(Value::Text))
        }
        Type::CHAR => row.try_get::<_, Option<i8>>(at).map(|value| value.map(char_text)),
        Type::TEXT_ARRAY | Type::NAME_ARRAY => {
            row.try_get::<_, Option<Vec<String>>>(at).map(|value| value.map(Value::List))
        }
        ref other => return Err(format!("is of type {other}, which is not read here")),
    };
    value.map(|value| value.unwrap_or(Value::Null)).map_err(|error| error.to_string())
}

/// A value of the type "char", which is one byte; the empty one is zero.
fn char_text(char: i8) -> Value {
    let byte = char.cast_unsigned();
    Value::Text(if byte == 0 { String::new() } else { char::from(byte).to_string() })
}
