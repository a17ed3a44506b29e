//! What is outside a database: roles, and the database itself. A restore makes it only when it is asked to, and never changes a
//! role that is there.
//!
//! Roles are made in one transaction, and the database beside it before that commits: either all of it is made or nothing.

use std::collections::BTreeSet;

use super::statements::{execute_one, owner};
use super::{Clean, Error, RestoreOptions, Server, Shared, Verdict, first, preflight};
use crate::archive::{Catalog, Entry, Pass};
use crate::pg::{self, Session};
use crate::progress::Event;
use crate::selection::{Choice, Place, place, role};
use crate::sql;

/// undefined_object, invalid_parameter_value: what a server says of a setting, or of a value, that it does not know (any more).
const UNKNOWN_SETTING: [&str; 2] = ["42704", "22023"];

/// The names of the roles among the entries that an entry needs.
pub fn roles_of<'a>(catalog: &'a Catalog, entry: &'a Entry) -> impl Iterator<Item = &'a str> {
    let needed = entry.dependencies.iter().map(|id| &catalog.entries[*id as usize - 1]);
    needed.filter(|needed| needed.kind == "ROLE").map(|role| role.name.as_str())
}

/// The entry that makes the database.
pub fn database(catalog: &Catalog) -> Option<&Entry> {
    catalog.entries.iter().find(|entry| entry.kind == "DATABASE")
}

/// Takes what is outside the database out of what sessions inside restore. Returns the places of what is restored by other means,
/// if it is asked for: roles, the database, and the settings under which the sessions in it work.
pub fn take(catalog: &Catalog, choice: &mut Choice, options: &RestoreOptions) -> Vec<usize> {
    let mut taken = Vec::new();
    for (at, entry) in
        catalog.entries.iter().enumerate().filter(|(at, _)| choice.contains(*at)).collect::<Vec<_>>()
    {
        let comes_first =
            entry.kind == "DATABASE" || (entry.kind == "DATABASE PROPERTIES" && entry.pass == Pass::Main);
        let asked_for = match place(&catalog.entries, entry) {
            Place::Inside => continue,
            Place::Database if options.create && !comes_first => continue,
            Place::Database => options.create,
            Place::Role => options.roles,
            Place::Tablespace => false,
        };
        choice.leave_out(at);
        taken.extend(asked_for.then_some(at));
    }
    taken
}

/// What was made outside the database.
#[derive(Debug, Default)]
pub struct Made {
    /// Entries restored.
    pub objects: usize,
    /// How many roles.
    pub roles: usize,
    /// Roles that were there and are as they were.
    pub kept_roles: Vec<String>,
    /// The database.
    pub database: Option<String>,
}

impl Made {
    /// What follows an error: where the restored part of the archive is, and what else has come into being.
    pub fn place(&self) -> String {
        let roles = match self.roles {
            0 => String::new(),
            number => format!("{number} roles were made and are whole; "),
        };
        match &self.database {
            Some(name) => format!("{roles}the database {name}, which this restore made,"),
            None => format!("{roles}the target database"),
        }
    }
}

/// Makes the missing roles and the database, as far as they are asked for. `session` is outside the database, if that is to be
/// made; it is in a transaction afterwards if there are roles.
///
/// When it fails nothing was changed, or the database is dropped, which the error says.
pub async fn make(shared: &Shared, server: &Server, sessions: &[Session]) -> Result<Made, Error> {
    let session = first(sessions)?;
    let mut made = Made::default();
    if shared.options.roles {
        shared.step("creating roles");
        make_roles(shared, session, &mut made).await?;
    }
    if let (true, Some(entry)) = (shared.options.create, database(&shared.catalog)) {
        if !shared.options.resume || is_missing(session, entry).await? {
            make_database(shared, server, entry).await?;
        }
        shared.monitor.report(Event::Done(entry.label()));
        made.database = Some(entry.name.clone());
        // Those that enter() will restore.
        made.objects += of(shared, Place::Database).count();
    }
    Ok(made)
}

async fn is_missing(session: &Session, database: &Entry) -> Result<bool, Error> {
    let absent =
        preflight::absent(session, [database.name.as_str()].into(), "pg_database", "datname").await?;
    Ok(!absent.is_empty())
}

/// A session in the database of the archive, if this is to be made and is there.
pub async fn existing_database(
    catalog: &Catalog,
    options: &RestoreOptions,
    server: &Server,
    session: &Session,
) -> Result<Option<Session>, Error> {
    match database(catalog).filter(|_| options.create) {
        Some(entry) if !is_missing(session, entry).await? => {
            Ok(Some(server.connect(Some(&entry.name)).await?))
        }
        _ => Ok(None),
    }
}

/// Makes the database, and drops the one of that name before, if that is asked for.
async fn make_database(shared: &Shared, server: &Server, entry: &Entry) -> Result<(), Error> {
    let outside = server.connect(None).await?;
    let drops = shared.options.clean != Clean::No && !is_missing(&outside, entry).await?;
    if drops {
        shared.step("dropping the database");
        let dropped = execute_one(&outside, &format!("DROP DATABASE {}", sql::ident(&entry.name))).await;
        dropped.map_err(|source| Error::Drop { object: entry.label(), source })?;
    }
    shared.step("creating the database");
    let tablespace =
        entry.tablespace.as_deref().filter(|_| !shared.options.selection.options().no_tablespaces);
    for statement in create_database(&shared.catalog, entry, tablespace, outside.version().major()) {
        let made = execute_one(&outside, &statement).await;
        made.map_err(|source| match failed(entry, source) {
            error if drops => Error::Dropped { cause: Box::new(error), database: entry.name.clone() },
            error => error,
        })?;
    }
    Ok(())
}

async fn make_roles(shared: &Shared, session: &Session, made: &mut Made) -> Result<(), Error> {
    let entries = &shared.catalog.entries;
    let names: BTreeSet<&str> = of(shared, Place::Role)
        .filter(|entry| entry.kind == "ROLE")
        .map(|entry| entry.name.as_str())
        .collect();
    session.batch("BEGIN").await?;
    let missing = preflight::absent(session, names.clone(), "pg_roles", "rolname").await?;
    made.kept_roles = names.into_iter().filter(|name| !missing.contains(*name)).map(str::to_owned).collect();
    made.roles = missing.len();
    for entry in of(shared, Place::Role).filter(|entry| missing.contains(role(entries, entry))) {
        execute(shared, session, entry).await?;
        made.objects += 1;
    }
    Ok(())
}

/// The entries of a place that were taken out.
fn of(shared: &Shared, wanted: Place) -> impl Iterator<Item = &Entry> {
    let entries = &shared.catalog.entries;
    let taken = shared.outside.iter().map(|at| &entries[*at]);
    taken.filter(move |entry| place(entries, entry) == wanted)
}

/// The statements that make a database. A server since 15 would take the locale provider of its template, where an older one
/// had no other than libc.
fn create_database(catalog: &Catalog, entry: &Entry, tablespace: Option<&str>, major: u32) -> Vec<String> {
    let mut statements = entry.create.clone();
    if let Some(create) = statements.first_mut() {
        if catalog.source.server_version_num < 150_000 && major >= 15 {
            create.push_str(" LOCALE_PROVIDER = libc");
        }
        if let Some(tablespace) = tablespace {
            create.push_str(&format!(" TABLESPACE = {}", sql::ident(tablespace)));
        }
    }
    statements
}

/// Completes what [`make`] began, and connects to the database if it was made.
pub async fn enter(
    shared: &Shared,
    server: &Server,
    made: &Made,
    sessions: Vec<Session>,
) -> Result<Vec<Session>, Error> {
    let session = first(&sessions)?;
    if shared.options.roles {
        session.batch("COMMIT").await?;
    }
    let Some(name) = &made.database else { return Ok(sessions) };
    session.batch("BEGIN").await?;
    for entry in of(shared, Place::Database) {
        if entry.kind == "DATABASE" {
            if let Some(statement) = owner(shared, entry) {
                execute_one(session, &statement).await.map_err(|source| failed(entry, source))?;
            }
        } else {
            execute(shared, session, entry).await?;
        }
    }
    session.batch("COMMIT").await?;
    drop(sessions);
    let mut sessions = Vec::new();
    for _ in 0..shared.options.jobs {
        sessions.push(server.connect(Some(name)).await?);
    }
    Ok(sessions)
}

/// Runs the statements of an entry, inside a transaction. What the server does not know as a setting is left out and told: a newer
/// one lacks some, and nobody could change the archive.
async fn execute(shared: &Shared, session: &Session, entry: &Entry) -> Result<(), Error> {
    let sets = matches!(entry.kind.as_str(), "ROLE PROPERTIES" | "DATABASE PROPERTIES" | "PARAMETER ACL");
    for statement in &entry.create {
        session.batch("SAVEPOINT entry").await?;
        match execute_one(session, statement).await {
            Err(error) if sets && error.sqlstate().is_some_and(|state| UNKNOWN_SETTING.contains(&state)) => {
                session.batch("ROLLBACK TO SAVEPOINT entry").await?;
                shared.tell_left_out(Verdict::NotHere, format!("{}: {error}", entry.label()));
            }
            result => result.map_err(|source| failed(entry, source))?,
        }
    }
    shared.monitor.report(Event::Done(entry.label()));
    Ok(())
}

fn failed(entry: &Entry, source: pg::Error) -> Error {
    Error::Statement { object: entry.label(), source }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::archive::{Lock, Section, Source};

    /// An entry of pre-data.
    pub fn entry(id: u32, kind: &str, name: &str, dependencies: &[u32]) -> Entry {
        Entry {
            id,
            kind: kind.to_owned(),
            schema: None,
            name: name.to_owned(),
            owner: None,
            section: Section::PreData,
            pass: Pass::Main,
            lock: Lock::None,
            create: vec![format!("CREATE {kind} {name}")],
            drop: Vec::new(),
            owned: None,
            tablespace: None,
            access_method: None,
            dependencies: dependencies.to_vec(),
            table: None,
        }
    }

    fn catalog(entries: Vec<Entry>) -> Catalog {
        let source = Source { server_version_num: 140_000, ..Source::default() };
        Catalog { source, entries, tables: Vec::new() }
    }

    #[test]
    fn a_database_of_an_older_server_is_made_with_libc() {
        let catalog = catalog(vec![entry(1, "DATABASE", "d", &[])]);
        let create =
            |tablespace, major| create_database(&catalog, &catalog.entries[0], tablespace, major).concat();
        assert_eq!(create(None, 14), "CREATE DATABASE d");
        assert_eq!(
            create(Some("Fast space"), 15),
            "CREATE DATABASE d LOCALE_PROVIDER = libc TABLESPACE = \"Fast space\""
        );
    }
}
