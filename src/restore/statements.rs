//! The statements of entries, in transactions that also note what is done: all of a batch or nothing.

use std::borrow::Cow;

use futures_util::future::join_all;

use super::{Error, Shared, marker};
use crate::archive::{Entry, Section};
use crate::pg::{self, Session};
use crate::progress::Event;
use crate::selection::Options;
use crate::sql;

/// How often something is tried that another session may have made fail.
pub const TRIES: usize = 5;
/// deadlock_detected
pub const DEADLOCK: &str = "40P01";
const UNIQUE_VIOLATION: &str = "23505";
/// Entries in one transaction, of those that run in order.
const BATCH: usize = 16;

/// Restores entries in order, some in each transaction.
pub async fn in_order(shared: &Shared, session: &Session, places: &[usize]) -> Result<(), Error> {
    for places in places.chunks(BATCH) {
        execute(shared, session, places).await?;
    }
    Ok(())
}

/// Restores entries in order, in one transaction; those that are done are passed over.
pub async fn execute(shared: &Shared, session: &Session, places: &[usize]) -> Result<(), Error> {
    let is_open = |place: &usize| !shared.is_done(&marker::of_entry(shared, *place));
    let places: Vec<usize> = places.iter().copied().filter(is_open).collect();
    if places.is_empty() { Ok(()) } else { transact(shared, session, None, &places).await }
}

/// Restores the last entries, in the transaction that takes the note away, and after it everything is on the disk.
pub async fn finish(shared: &Shared, session: &Session, places: &[usize]) -> Result<(), Error> {
    // Commits did not wait for the disk until now. This one does, and takes all earlier ones along.
    session.batch("SET synchronous_commit = on").await?;
    let first = match shared.notes() {
        true => marker::end(),
        false => "SELECT pg_catalog.pg_logical_emit_message(true, 'pgsnap', 'restored')".to_owned(),
    };
    transact(shared, session, Some(&first), places).await?;
    if shared.options.single_transaction {
        session.batch("COMMIT").await?;
    }
    Ok(())
}

/// `first` is a statement of our own, of the last transaction, which notes nothing.
async fn transact(
    shared: &Shared,
    session: &Session,
    first: Option<&str>,
    places: &[usize],
) -> Result<(), Error> {
    // A deadlock ends the whole transaction.
    let tries = if shared.options.single_transaction { 1 } else { TRIES };
    let is_race = |error: &Error| places.iter().any(|place| is_race(error, &shared.catalog.entries[*place]));
    for _ in 1..tries {
        match try_once(shared, session, first, places).await {
            Err(error) if is_race(&error) => tracing::debug!("tried again: {error}"),
            result => return result,
        }
    }
    try_once(shared, session, first, places).await
}

async fn try_once(
    shared: &Shared,
    session: &Session,
    first: Option<&str>,
    places: &[usize],
) -> Result<(), Error> {
    if shared.may_leave_out() {
        return one_by_one(shared, session, first, places).await;
    }
    at_once(shared, session, first, places).await
}

/// Whether it may be another session that made an entry fail, and not for ever: a deadlock; or a name of a type, since the
/// array type of a table `x` is called `_x` until a table is.
fn is_race(error: &Error, entry: &Entry) -> bool {
    let Error::Statement { source, .. } = error else { return false };
    match source.sqlstate() {
        Some(DEADLOCK) => true,
        Some(UNIQUE_VIOLATION) => entry.section == Section::PreData,
        _ => false,
    }
}

/// Sends everything without waiting for an answer. The server answers in order, so that an error is that of the first entry
/// that failed; what came behind it has failed too, and COMMIT has rolled back.
async fn at_once(
    shared: &Shared,
    session: &Session,
    first: Option<&str>,
    places: &[usize],
) -> Result<(), Error> {
    let entries = &shared.catalog.entries;
    let own = |statement: &str| (None, Cow::Owned(statement.to_owned()));
    let mut sent = Vec::new();
    sent.extend(shared.begin().map(own));
    sent.extend(first.map(own));
    let mut are_set = [None, None];
    for place in places {
        let entry = &entries[*place];
        for (is_set, setting) in are_set.iter_mut().zip(settings(shared, entry)) {
            if setting.is_some() && setting != *is_set {
                is_set.clone_from(&setting);
                sent.extend(setting.map(|statement| (Some(entry), Cow::Owned(statement))));
            }
        }
        sent.extend(creation(shared, entry).map(|statement| (Some(entry), statement)));
    }
    if first.is_none() {
        sent.extend(
            shared.note(places.iter().map(|place| marker::of_entry(shared, *place))).as_deref().map(own),
        );
    }
    sent.extend(shared.commit().map(own));
    let executed = sent.iter().map(async |(entry, statement)| {
        session.execute(statement).await.map_err(|source| match entry {
            Some(entry) => Error::Statement { object: entry.label(), source },
            None => Error::Server(source),
        })
    });
    all(executed).await?;
    let done = |place: &usize| shared.monitor.report(Event::Done(entries[*place].label()));
    places.iter().for_each(done);
    Ok(())
}

/// Waits for all that is sent at once: the error is that of the first that failed, whatever the server says of those behind it.
pub async fn all<E>(sent: impl Iterator<Item = impl Future<Output = Result<(), E>>>) -> Result<(), E> {
    join_all(sent).await.into_iter().collect()
}

/// Restores each entry within a savepoint. One that fails may be left out, and with it what needs it.
async fn one_by_one(
    shared: &Shared,
    session: &Session,
    first: Option<&str>,
    places: &[usize],
) -> Result<(), Error> {
    for statement in shared.begin().into_iter().chain(first) {
        session.execute(statement).await?;
    }
    let mut done = Vec::new();
    for place in places {
        let entry = &shared.catalog.entries[*place];
        if shared.needs_what_is_left_out(entry) {
            continue;
        }
        match within_savepoint(shared, session, entry).await {
            Ok(()) => {
                shared.monitor.report(Event::Done(entry.label()));
                done.push(marker::of_entry(shared, *place));
            }
            Err(error) if is_race(&error, entry) && shared.commit().is_some() => {
                // Locks that entries before it have taken may be a part of the deadlock.
                session.execute("ROLLBACK").await?;
                return Err(error);
            }
            Err(error) => shared.leave_out(entry, error)?,
        }
    }
    let note = if first.is_none() { shared.note(done.into_iter()) } else { None };
    for statement in note.as_deref().into_iter().chain(shared.commit()) {
        session.execute(statement).await?;
    }
    Ok(())
}

async fn within_savepoint(shared: &Shared, session: &Session, entry: &Entry) -> Result<(), Error> {
    let mut statements = statements(shared, entry);
    statements.insert(0, Cow::Borrowed("SAVEPOINT entry"));
    statements.push(Cow::Borrowed("RELEASE SAVEPOINT entry"));
    let executed = all(statements.iter().map(|statement| session.execute(statement))).await;
    let Err(source) = executed else { return Ok(()) };
    if session.is_closed() {
        return Err(source.into());
    }
    session.execute("ROLLBACK TO SAVEPOINT entry").await?;
    Err(Error::Statement { object: entry.label(), source })
}

/// Runs a statement by itself, again when the server chose it to break a deadlock: the plan knows most locks, not those that
/// the server takes on partitions and referenced tables.
pub async fn execute_one(session: &Session, statement: &str) -> Result<(), pg::Error> {
    for _ in 1..TRIES {
        match session.execute(statement).await {
            Err(error) if error.sqlstate() == Some(DEADLOCK) => continue,
            result => return result,
        }
    }
    session.execute(statement).await
}

/// The statements that restore an entry.
pub fn statements<'a>(shared: &Shared, entry: &'a Entry) -> Vec<Cow<'a, str>> {
    let settings = settings(shared, entry).into_iter().flatten().map(Cow::Owned);
    settings.chain(creation(shared, entry)).collect()
}

/// The statements for what an entry's object takes from settings: its tablespace and its access method. They hold until others come.
fn settings(shared: &Shared, entry: &Entry) -> [Option<String>; 2] {
    let Options { no_tablespaces, .. } = shared.options.selection.options();
    let tablespace = entry.tablespace.as_ref().filter(|_| !no_tablespaces);
    let method = entry.access_method.as_ref();
    [
        tablespace.map(|name| format!("SET default_tablespace = {}", sql::literal(name))),
        method.map(|name| format!("SET default_table_access_method = {}", sql::literal(name))),
    ]
}

/// The statements that make an entry's object and give it to its owner.
fn creation<'a>(shared: &Shared, entry: &'a Entry) -> impl Iterator<Item = Cow<'a, str>> {
    let create = entry.create.iter().map(|statement| Cow::Borrowed(statement.as_str()));
    // The role that grants is that of the session again after RESET SESSION AUTHORIZATION, and no other.
    let resets = |statement: &String| statement.starts_with("RESET SESSION AUTHORIZATION");
    let role = shared.options.role.as_ref().filter(|_| entry.create.iter().any(resets));
    let role = role.map(|role| format!("SET ROLE {}", sql::ident(role)));
    create.chain(owner(shared, entry).into_iter().chain(role).map(Cow::Owned))
}

/// The statement that gives an entry's object to its owner.
pub fn owner(shared: &Shared, entry: &Entry) -> Option<String> {
    let Options { no_owner, .. } = shared.options.selection.options();
    match (no_owner, &entry.owned, &entry.owner) {
        (false, Some(owned), Some(owner)) => Some(format!("ALTER {owned} OWNER TO {}", sql::ident(owner))),
        _ => None,
    }
}

/// Gives the session the settings that the values of materialized views depend on (`made::date` on TimeZone) as the source had
/// them. What this server does not know stays its own.
pub async fn set_as_in_source(shared: &Shared, session: &Session) -> Result<(), Error> {
    const OF_SOURCE: [&str; 4] = ["TimeZone", "DateStyle", "IntervalStyle", "default_text_search_config"];
    session.batch("RESET extra_float_digits; RESET bytea_output; RESET xmlbinary; RESET lc_monetary").await?;
    let (begin, end) = match shared.begin() {
        Some(_) => ("BEGIN", "COMMIT"),
        None => ("SAVEPOINT setting", "RELEASE SAVEPOINT setting"),
    };
    let undo = if shared.begin().is_some() { "ROLLBACK" } else { "ROLLBACK TO SAVEPOINT setting" };
    for name in OF_SOURCE {
        let Some((_, value)) = shared.catalog.source.settings.iter().find(|(set, _)| set == name) else {
            continue;
        };
        session.batch(begin).await?;
        match session.execute(&format!("SET {name} = {}", sql::literal(value))).await {
            Ok(()) => session.batch(end).await?,
            Err(error) if session.is_closed() => return Err(error.into()),
            Err(error) => {
                tracing::warn!("materialized views are refreshed without the source's {name}: {error}");
                session.batch(&format!("{undo}; RESET {name}")).await?;
            }
        }
    }
    Ok(())
}
