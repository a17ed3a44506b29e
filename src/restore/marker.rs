//! What a restore has done so far, noted in the target in the transactions that do it, so that one that was ended can go on where
//! it was, and nobody takes a part of an archive for all of it. The note goes with the last transaction.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::plan::{Action, Streams};
use super::{Error, Shared};
use crate::archive::ArchiveId;
use crate::pg::{Session, column};
use crate::progress::{Event, Monitor};
use crate::sql::{self, RESTORE_NOTE as SCHEMA};

/// What the note says of the restore that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The id of the archive.
    pub archive: String,
    /// The version of pgsnap.
    pub pgsnap: String,
    /// When it began, as the server writes it.
    pub at: String,
    /// They decide which blocks are loaded together.
    pub streams: Streams,
    /// Whether it came from a file; what came through a pipe cannot be read again.
    pub from_file: bool,
    /// A digest of the statements that it runs: they depend on its options.
    pub statements: String,
    /// The ids of the entries that it restores.
    pub entries: BTreeSet<u32>,
    /// The tasks that are done.
    pub done: BTreeSet<String>,
}

impl Begun {
    /// The note of a restore that is about to begin, of which it is not yet known what it restores.
    pub fn new(archive: &ArchiveId, streams: Streams, from_file: bool) -> Self {
        Begun {
            archive: archive.to_string(),
            pgsnap: env!("CARGO_PKG_VERSION").to_owned(),
            at: String::new(),
            streams,
            from_file,
            statements: String::new(),
            entries: BTreeSet::new(),
            done: BTreeSet::new(),
        }
    }

    /// The note in the database of this session, when no session of another restore is at work there; none when there is none.
    pub async fn read_when_alone(
        session: &Session,
        monitor: &Arc<dyn Monitor>,
    ) -> Result<Option<Self>, Error> {
        if Begun::read(session).await?.is_none() {
            return Ok(None);
        }
        wait_for_others(session, monitor).await?;
        Begun::read(session).await
    }

    async fn read(session: &Session) -> Result<Option<Self>, Error> {
        let what = "looking for an unfinished restore";
        let there = session.ask(what, &format!("SELECT 1 AS one WHERE {IS_THERE}")).await?;
        if there.is_empty() {
            return Ok(None);
        }
        let sql = format!(
            "SELECT archive, pgsnap, begun::pg_catalog.text AS at, jobs, skips_wal, from_file, statements, entries FROM {SCHEMA}.restore"
        );
        let rows = session.ask(what, &sql).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let jobs: i32 = column(row, "jobs")?;
        let entries: Vec<i32> = column(row, "entries")?;
        let mut begun = Begun {
            archive: column(row, "archive")?,
            pgsnap: column(row, "pgsnap")?,
            at: column(row, "at")?,
            streams: Streams {
                jobs: usize::try_from(jobs).unwrap_or(1).max(1),
                skips_wal: column(row, "skips_wal")?,
            },
            from_file: column(row, "from_file")?,
            statements: column(row, "statements")?,
            entries: entries.into_iter().map(i32::cast_unsigned).collect(),
            done: BTreeSet::new(),
        };
        for row in session.ask(what, &format!("SELECT task FROM {SCHEMA}.done")).await? {
            begun.done.insert(column(&row, "task")?);
        }
        Ok(Some(begun))
    }

    /// Whether a restore that begins with this note can go on with what another one has left.
    ///
    /// # Errors
    ///
    /// [`Error::CannotResume`]
    pub fn goes_on_with(&self, left: &Begun) -> Result<(), Error> {
        self.differs(left).map_or(Ok(()), |reason| Err(Error::CannotResume { at: left.at.clone(), reason }))
    }

    /// The same, when it is known what this one restores.
    ///
    /// # Errors
    ///
    /// [`Error::CannotResume`]
    pub fn goes_on_with_options_of(&self, left: &Begun) -> Result<(), Error> {
        if self.statements == left.statements {
            return Ok(());
        }
        Err(Error::CannotResume {
            at: left.at.clone(),
            reason: "it was begun with other options: repeat those".to_owned(),
        })
    }

    /// The error of a restore that begins with this note where another one has left a part.
    pub fn is_in_the_way(&self, left: &Begun) -> Error {
        let advice = match self.differs(left) {
            None => "go on with it (--resume), or begin again (--clean --if-exists, of all that it restores)"
                .to_owned(),
            Some(reason) => {
                format!(
                    "this command could not go on with it: {reason}. To begin again, restore into a new database"
                )
            }
        };
        Error::HalfRestored { at: left.at.clone(), advice }
    }

    fn differs(&self, left: &Begun) -> Option<String> {
        let Begun { archive, pgsnap, from_file, .. } = left;
        if *archive != self.archive {
            Some(format!("it is of another archive, {archive}"))
        } else if !from_file || !self.from_file {
            Some("rows that come through a pipe are loaded by one restore or not at all".to_owned())
        } else if *pgsnap != self.pgsnap {
            Some(format!("pgsnap {pgsnap} has begun it"))
        } else {
            None
        }
    }

    /// The statements that write the note, in which no task is done yet.
    pub fn statements(&self) -> Vec<String> {
        let Begun {
            archive,
            pgsnap,
            streams: Streams { jobs, skips_wal },
            from_file,
            statements,
            entries,
            ..
        } = self;
        let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
        vec![
            format!("CREATE SCHEMA {SCHEMA}"),
            format!(
                "COMMENT ON SCHEMA {SCHEMA} IS 'This database holds a part of an archive: pgsnap restore --resume goes on'"
            ),
            format!(
                "CREATE TABLE {SCHEMA}.restore (archive pg_catalog.text NOT NULL, pgsnap pg_catalog.text NOT NULL, \
                 begun pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(), jobs pg_catalog.int4 NOT NULL, skips_wal pg_catalog.bool NOT NULL, \
                 from_file pg_catalog.bool NOT NULL, statements pg_catalog.text NOT NULL, entries pg_catalog.int4[] NOT NULL)"
            ),
            // Nothing is done twice, whoever else is at work.
            format!("CREATE TABLE {SCHEMA}.done (task pg_catalog.text PRIMARY KEY)"),
            format!(
                "INSERT INTO {SCHEMA}.restore (archive, pgsnap, jobs, skips_wal, from_file, statements, entries) \
                 VALUES ({}, {}, {jobs}, {skips_wal}, {from_file}, {}, '{{{}}}')",
                sql::literal(archive),
                sql::literal(pgsnap),
                sql::literal(statements),
                entries.join(",")
            ),
        ]
    }
}

/// Whether the note is there, as a condition.
const IS_THERE: &str = "pg_catalog.to_regclass('pgsnap_restore.restore') IS NOT NULL";

/// Whether the target can keep a note. It is a schema, and not every role may make one.
pub async fn may_be_kept(shared: &Shared, target: Option<&Session>) -> Result<bool, Error> {
    if shared.options.single_transaction {
        return Ok(false);
    }
    // Whoever makes a database owns it.
    let Some(target) = target else { return Ok(true) };
    let sql = "SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may";
    let rows = target.ask("looking at privileges on the database", sql).await?;
    let may = rows.first().map_or(Ok(false), |row| column(row, "may"))?;
    if !may {
        tracing::warn!(
            "the role may not create schemas in this database, where the restore would note what is done: if it is ended it \
             cannot be gone on with (--resume)"
        );
    }
    Ok(may)
}

/// The key of a lock that every session of a restore shares: two restores would load rows twice.
const LOCK: &str = "7065772938471";
/// How often, and how long apart, the lock is asked for: the server notices within some seconds that a client has gone.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// Lets the sessions share the lock. They give it back when they end.
pub async fn hold(sessions: &[Session]) -> Result<(), Error> {
    for session in sessions {
        session.execute(&format!("SELECT pg_catalog.pg_advisory_lock_shared({LOCK})")).await?;
    }
    Ok(())
}

/// Waits until no session of another restore is at work in the database.
async fn wait_for_others(session: &Session, monitor: &Arc<dyn Monitor>) -> Result<(), Error> {
    let what = "looking for the sessions of an unfinished restore";
    let sql = format!("SELECT pg_catalog.pg_try_advisory_lock({LOCK}) AS alone");
    for attempt in 0..TRIES {
        let alone = match session.ask(what, &sql).await?.first() {
            Some(row) => column::<bool>(row, "alone")?,
            None => true,
        };
        if alone {
            // From now on it shares the lock with the workers of its own restore.
            session.execute(&format!("SELECT pg_catalog.pg_advisory_lock_shared({LOCK})")).await?;
            session.execute(&format!("SELECT pg_catalog.pg_advisory_unlock({LOCK})")).await?;
            return Ok(());
        }
        if attempt == 0 {
            monitor.report(Event::Step("waiting for the sessions of another restore to end".to_owned()));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(Error::Running)
}

/// The statement that takes the note away.
pub fn end() -> String {
    format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
}

/// The statement that notes these tasks.
pub fn note<'a>(tasks: impl Iterator<Item = String> + 'a) -> String {
    let values: Vec<String> = tasks.map(|task| format!("({})", sql::literal(&task))).collect();
    format!("INSERT INTO {SCHEMA}.done (task) VALUES {}", values.join(", "))
}

/// The name of the task that restores an entry.
pub fn of_entry(shared: &Shared, place: usize) -> String {
    format!("entry {}", shared.catalog.entries[place].id)
}

/// The name of a task of the graph that is not made of entries.
pub fn of_rows(action: &Action) -> Option<String> {
    match action {
        Action::Execute(_) => None,
        Action::Load { table, blocks, .. } => Some(format!("rows {table} {}-{}", blocks.start, blocks.end)),
        Action::Verify { table, .. } => Some(format!("compared {table}")),
    }
}
