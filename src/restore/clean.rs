//! The first transaction of a restore: drops what is in the way, if it may, and notes that a restore has begun.

use super::statements::all;
use super::{Clean, Error, Shared, first, marker};
use crate::archive::Entry;
use crate::pg::Session;

/// undefined_table, undefined_column, undefined_object, undefined_function, invalid_schema_name
const IS_NOT_THERE: [&str; 5] = ["42P01", "42703", "42704", "42883", "3F000"];

/// Drops all or nothing. When it fails the database is as it was.
pub async fn begin(shared: &Shared, sessions: &[Session]) -> Result<(), Error> {
    if shared.resumes {
        return Ok(());
    }
    let session = first(sessions)?;
    let drops = shared.options.clean != Clean::No && !shared.options.create;
    if drops || shared.notes() || shared.options.single_transaction {
        session.execute("BEGIN").await?;
    }
    if drops {
        shared.step("dropping what the archive brings");
        let entries = shared.catalog.entries.iter().rev().filter(|entry| shared.wants(entry));
        drop_all(shared, session, entries).await?;
        // By now the event triggers are gone that an unfinished restore cannot have made, but an earlier one may have.
        session.execute(&marker::end()).await?;
    }
    if let Some(begun) = &shared.begun {
        for statement in begun.statements() {
            session.execute(&statement).await?;
        }
    }
    if let (true, Some(commit)) = (drops || shared.notes(), shared.commit()) {
        session.execute(commit).await?;
    }
    Ok(())
}

async fn drop_all<'a>(
    shared: &Shared,
    session: &Session,
    entries: impl Iterator<Item = &'a Entry>,
) -> Result<(), Error> {
    let drops = entries.flat_map(|entry| entry.drop.iter().map(move |statement| (entry, statement)));
    let failed = |entry: &Entry, source| Error::Drop { object: entry.label(), source };
    if shared.options.clean == Clean::All {
        let dropped = drops.map(async |(entry, statement)| {
            session.execute(statement).await.map_err(|source| failed(entry, source))
        });
        return all(dropped).await;
    }
    for (entry, statement) in drops {
        let within = ["SAVEPOINT entry", statement, "RELEASE SAVEPOINT entry"];
        match all(within.into_iter().map(|statement| session.execute(statement))).await {
            Err(source) if source.sqlstate().is_some_and(|state| IS_NOT_THERE.contains(&state)) => {
                session.execute("ROLLBACK TO SAVEPOINT entry").await?;
            }
            dropped => dropped.map_err(|source| failed(entry, source))?,
        }
    }
    Ok(())
}
