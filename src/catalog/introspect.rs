//! Asks the server: every catalog query, in one go, and what the answers amount to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{self, StreamExt as _};
use tokio_postgres::types::Type;

use super::dependencies::DEPENDENCIES;
use super::kinds::{KINDS, Kind, Query, passwords_query};
use super::{Columns, Error, Inventory, Packed, Results, Roles, Row, Value};
use super::{inventory, transfer};
use crate::pg::{Session, column};

/// What is read where not everything is dumped.
pub struct Scope<'a> {
    /// Whether objects of a kind are read at all, by its tag.
    pub reads_kind: &'a (dyn Fn(&str) -> bool + Sync),
    /// Whether the value of a sequence is read, by schema, name, and whether it belongs to an extension's configuration. Those of
    /// a table that is locked are, whatever it says.
    pub reads_sequence: &'a (dyn Fn(&str, &str, bool) -> bool + Sync),
}

/// How many queries a session has under way: none waits for the network then.
const UNDER_WAY: usize = 4;
/// The same for those that lock what they read.
const FOLLOW_UPS: usize = 2;
/// What takes the server longest comes first, so that no session waits for the other in the end. The first ones have the server
/// open every table: as many as are under way, and so on one session, which opens it once.
const SLOW: [&str; UNDER_WAY + 2] =
    ["table_column", "table_check", "default", "constraint", "index", DEPENDENCIES];

/// Everything that is in the session's database, or with a `scope` at least what is in that.
///
/// `helper` is another session on the same snapshot, which takes a part of the work. `locked` are the relations under
/// ACCESS SHARE: definitions come from functions that look past the snapshot, so that a
/// table that is not locked could change under them. With a scope, tables that are not locked come without what belongs to them.
///
/// # Errors
///
/// [`Error::Server`] if a query fails, [`Error::Row`] if its result is not what is known of the catalog, [`Error::Passwords`], and
/// without a scope [`Error::Unlocked`].
pub async fn introspect(
    session: &Session,
    helper: &Session,
    locked: &BTreeSet<u32>,
    scope: Option<&Scope<'_>>,
    roles: Roles,
) -> Result<Inventory, Error> {
    let version = session.version();
    let kinds: Vec<&Kind> =
        KINDS.iter().filter(|kind| scope.is_none_or(|scope| (scope.reads_kind)(kind.tag))).collect();
    let of_kinds = kinds.iter().flat_map(|kind| (kind.queries)(version));
    let mut queries: Vec<Query> = of_kinds.chain(inventory::queries(version)).collect();
    if kinds.iter().any(|kind| kind.tag == TABLE_DATA) {
        queries.extend(transfer::queries(version));
    }
    if roles.passwords {
        refuse_without_right(session).await?;
        queries.push(passwords_query());
    }
    queries.sort_by_key(|query| SLOW.iter().position(|name| *name == query.name).unwrap_or(SLOW.len()));
    let mut results = Results::default();
    ask(session, helper, &queries, UNDER_WAY, &mut results).await?;
    if let Some(scope) = scope {
        narrow(&mut results, locked, scope)?;
    }
    let mut follow_ups = Vec::new();
    for follow_up in kinds.iter().filter_map(|kind| kind.follow_up) {
        follow_ups.extend(follow_up(&results)?);
    }
    // Reading a sequence locks it, and the server has room for a limited number of locks: they are given back.
    tokio::try_join!(session.give_back_locks(), helper.give_back_locks())?;
    for some in follow_ups.chunks(2 * FOLLOW_UPS) {
        ask(session, helper, some, FOLLOW_UPS, &mut results).await?;
        tokio::try_join!(session.give_back_locks(), helper.give_back_locks())?;
    }
    if !kinds.iter().any(|kind| kind.tag == TABLE_DATA) {
        return inventory::inventory(results, version, locked, roles);
    }
    // The server looks at several files for each table while this thread puts together what it has said.
    let assembled = async { inventory::inventory(results, version, locked, roles) };
    let (sizes, mut inventory) = tokio::try_join!(measure(session, locked), assembled)?;
    let relations = inventory.objects.iter_mut().filter_map(|object| object.data.as_mut());
    for relation in relations.filter(|relation| relation.large_objects.is_empty()) {
        if let Some(size) = sizes.get(&relation.oid) {
            (relation.bytes, relation.pages) = *size;
        }
    }
    Ok(inventory)
}

/// Bytes and pages of tables, by OID.
async fn measure(session: &Session, tables: &BTreeSet<u32>) -> Result<BTreeMap<u32, (u64, u32)>, Error> {
    // In the text, since a parameter would cost a round trip, and after it nobody is there to send the rest.
    let oids: Vec<String> = tables.iter().map(u32::to_string).collect();
    let sql = format!(
        "SELECT c.oid, s.heap + COALESCE(pg_catalog.pg_relation_size(NULLIF(c.reltoastrelid, 0)), 0) AS bytes,
                s.heap / pg_catalog.current_setting('block_size')::pg_catalog.int8 AS pages
           FROM pg_catalog.pg_class c
           CROSS JOIN LATERAL (VALUES (COALESCE(pg_catalog.pg_relation_size(c.oid), 0))) s (heap)
          WHERE c.oid = ANY ('{{{}}}'::pg_catalog.oid[])",
        oids.join(",")
    );
    let mut sizes = BTreeMap::new();
    for row in session.ask("measuring the tables", &sql).await? {
        let [bytes, pages]: [i64; 2] = [column(&row, "bytes")?, column(&row, "pages")?];
        // Block numbers have 32 bits.
        sizes.insert(
            column::<u32>(&row, "oid")?,
            (bytes.unsigned_abs(), u32::try_from(pages).unwrap_or(u32::MAX)),
        );
    }
    Ok(sizes)
}

const TABLE_DATA: &str = "TABLE DATA";
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

/// Runs the queries on both sessions, so many at a time on each.
async fn ask(
    session: &Session,
    helper: &Session,
    queries: &[Query],
    under_way: usize,
    results: &mut Results,
) -> Result<(), Error> {
    let next = AtomicUsize::new(0);
    let mut answers: Vec<Option<Vec<Row>>> = Vec::new();
    answers.resize_with(queries.len(), || None);
    let (own, helped) = tokio::join!(
        ask_some(session, queries, under_way, &next),
        ask_some(helper, queries, under_way, &next)
    );
    let mut failure = None;
    for (at, answer) in own {
        match answer {
            Ok(rows) => answers[at] = Some(rows),
            // A query that fails takes the transaction with it: the others only say that it has ended.
            Err(error) if failure.is_none() || !error.is_aftermath() => failure = Some(error),
            Err(_) => {}
        }
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    for (at, answer) in helped {
        answers[at] = answer.ok();
    }
    for (query, answer) in queries.iter().zip(answers) {
        // The helper waits for locks only briefly; the session has those that matter.
        let rows = match answer {
            Some(rows) => rows,
            None => read(session, query).await?,
        };
        results.insert(query.name, rows);
    }
    Ok(())
}

/// Runs one of the queries after the other, whichever are left; some are under way at a time.
async fn ask_some(
    session: &Session,
    queries: &[Query],
    under_way: usize,
    next: &AtomicUsize,
) -> Vec<(usize, Result<Vec<Row>, Error>)> {
    let left = std::iter::from_fn(|| {
        let at = next.fetch_add(1, Ordering::Relaxed);
        queries.get(at).map(|query| async move { (at, read(session, query).await) })
    });
    stream::iter(left).buffered(under_way).collect().await
}

async fn read(session: &Session, query: &Query) -> Result<Vec<Row>, Error> {
    let what = format!("reading the catalog ({})", query.name);
    let mut columns: Option<Arc<Columns>> = None;
    let mut rows = Vec::new();
    let mut failure = None;
    let mut values = Packed::default();
    let each = |row: &tokio_postgres::Row| {
        let names = row.columns().iter().map(tokio_postgres::Column::name);
        let columns = columns.get_or_insert_with(|| Columns::new(query.name, names));
        values.clear();
        for (at, column) in row.columns().iter().enumerate() {
            if let Err(problem) = read_value(row, at, &mut values) {
                let (query, column) = (query.name.to_owned(), column.name().to_owned());
                failure = Some(Error::Row { query, column, problem });
            }
        }
        rows.push(Row::new(columns, &values));
    };
    session.query_each(&what, &query.sql, each).await?;
    failure.map_or(Ok(rows), Err)
}

/// Adds one value of a row, by its type.
fn read_value(row: &tokio_postgres::Row, at: usize, values: &mut Packed) -> Result<(), String> {
    let mut char = [0; 4];
    let value = match *row.columns()[at].type_() {
        Type::BOOL => row.try_get::<_, Option<bool>>(at).map(|value| value.map(Value::Bool)),
        Type::INT2 => row.try_get::<_, Option<i16>>(at).map(|value| value.map(|int| Value::Int(int.into()))),
        Type::INT4 => row.try_get::<_, Option<i32>>(at).map(|value| value.map(|int| Value::Int(int.into()))),
        Type::INT8 => row.try_get::<_, Option<i64>>(at).map(|value| value.map(Value::Int)),
        Type::OID => row.try_get::<_, Option<u32>>(at).map(|value| value.map(|oid| Value::Int(oid.into()))),
        Type::TEXT | Type::NAME | Type::VARCHAR => {
            row.try_get::<_, Option<&str>>(at).map(|value| value.map(Value::Text))
        }
        Type::CHAR => row
            .try_get::<_, Option<i8>>(at)
            .map(|value| value.map(|byte| Value::Text(char_text(byte.cast_unsigned(), &mut char)))),
        Type::TEXT_ARRAY | Type::NAME_ARRAY => {
            row.try_get::<_, Option<Vec<&str>>>(at).map(|value| value.map(Value::List))
        }
        ref other => return Err(format!("is of type {other}, which is not read here")),
    };
    let value = value.map_err(|error| error.to_string())?;
    values.push(&value.unwrap_or(Value::Null));
    Ok(())
}

/// A value of the type "char", which is one byte; the empty one is zero.
fn char_text(byte: u8, buffer: &mut [u8; 4]) -> &str {
    if byte == 0 { "" } else { char::from(byte).encode_utf8(buffer) }
}
