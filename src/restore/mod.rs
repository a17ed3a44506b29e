//! Restore: an archive into an empty database, in parallel.
//!
//! Pre-data runs in order on one session; then a graph of tasks (load, read back, index, constraint ...) runs on N; then
//! ACLs and what needs them, in order again.

mod error;
mod load;
mod options;
mod plan;
mod preflight;
mod schedule;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

pub use error::Error;
pub use options::{Blocks, RestoreOptions};

use crate::archive::check::{self, Depth};
use crate::archive::{Archive, Entry, Pass};
use crate::pg::{self, CancelHandle, ConnectConfig, Purpose, Session};
use crate::progress::{Event, Monitor};
use crate::sql;
use plan::{Action, Task};
use schedule::Schedule;

/// How often a statement that the server sacrificed to break a deadlock is tried.
const DEADLOCK_TRIES: usize = 5;
/// deadlock_detected
const DEADLOCK: &str = "40P01";
/// The class of integrity_constraint_violation: foreign_key_violation and the like.
const INTEGRITY_CONSTRAINT: &str = "23";

/// What a restore has done.
#[derive(Debug, Clone)]
pub struct RestoreSummary {
    /// Entries restored.
    pub objects: usize,
    /// Tables loaded.
    pub tables: usize,
    /// Rows loaded.
    pub rows: u64,
    /// Bytes of COPY data loaded.
    pub bytes: u64,
    /// Whether rows and digests of all tables were compared with the archive.
    pub verified: bool,
    /// Entries that lost rows have kept from being restored, each with the reason.
    pub not_restored: Vec<String>,
    /// What the source held and the archive does not.
    pub uncovered: Vec<String>,
    /// Wall-clock time.
    pub elapsed: Duration,
}

/// What all workers share.
struct Shared {
    archive: Arc<Archive>,
    options: RestoreOptions,
    monitor: Arc<dyn Monitor>,
    /// Ends the statements of all sessions.
    cancels: Mutex<Vec<CancelHandle>>,
    /// Entries that could not be restored for want of lost rows.
    left_out: Mutex<LeftOut>,
}

/// Entries that were not restored: their ids, and why.
#[derive(Default)]
struct LeftOut {
    ids: BTreeSet<u32>,
    reasons: Vec<String>,
}

impl Shared {
    async fn connect(&self, config: &ConnectConfig) -> Result<Session, Error> {
        let session = Session::connect(config, Purpose::Restore, "pgsnap").await?;
        self.cancels.lock().unwrap_or_else(PoisonError::into_inner).push(session.cancel_handle());
        Ok(session)
    }

    fn left_out(&self) -> MutexGuard<'_, LeftOut> {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a statement may have failed because rows are lost.
    fn may_leave_out(&self, error: &pg::Error) -> bool {
        self.options.blocks == Blocks::Incomplete
            && error.sqlstate().is_some_and(|state| state.starts_with(INTEGRITY_CONSTRAINT))
    }

    fn step(&self, step: &str) {
        self.monitor.report(Event::Step(step.to_owned()));
    }
}

/// Restores an archive into an empty database. `interrupt` ends it early. Needs a multi-threaded tokio runtime.
///
/// # Errors
///
/// [`Error::Unfinished`] once something was changed; after any other error the target is as it was.
pub async fn run(
    config: &ConnectConfig,
    archive: Arc<Archive>,
    options: &RestoreOptions,
    monitor: Arc<dyn Monitor>,
    interrupt: impl Future<Output = ()>,
) -> Result<RestoreSummary, Error> {
    let started = Instant::now();
    let shared = Arc::new(Shared {
        archive,
        options: options.clone(),
        monitor,
        cancels: Mutex::default(),
        left_out: Mutex::default(),
    });
    let mut interrupt = std::pin::pin!(interrupt);
    let checked = tokio::select! {
        checked = check(config, &shared) => checked,
        () = &mut interrupt => Err(Error::Interrupted),
    };
    let (session, workers) = checked?;
    let restored = tokio::select! {
        restored = restore(&shared, session, workers) => restored,
        () = interrupt => Err(Error::Interrupted),
    };
    if let Err(error) = restored {
        let cancels = std::mem::take(&mut *shared.cancels.lock().unwrap_or_else(PoisonError::into_inner));
        pg::cancel_all(cancels).await;
        return Err(Error::Unfinished(Box::new(error)));
    }
    let tables = &shared.archive.index().tables;
    let entries = &shared.archive.catalog().entries;
    let not_restored = std::mem::take(&mut shared.left_out().reasons);
    Ok(RestoreSummary {
        objects: entries.iter().filter(|entry| wanted(entry, options)).count() - not_restored.len(),
        tables: tables.len(),
        rows: tables.iter().map(|table| table.rows).sum(),
        bytes: tables.iter().map(|table| table.raw_bytes).sum(),
        verified: options.verify,
        not_restored,
        uncovered: shared.archive.catalog().source.uncovered.clone(),
        elapsed: started.elapsed(),
    })
}

/// Everything that can be known before the first change: the archive, the target, and that there are connections enough.
async fn check(config: &ConnectConfig, shared: &Arc<Shared>) -> Result<(Session, Vec<Session>), Error> {
    if shared.options.blocks == Blocks::Unchecked {
        check_blocks(shared).await?;
    }
    shared.step("checking the target");
    let session = shared.connect(config).await?;
    preflight::check(&session, shared.archive.catalog(), &shared.options).await?;
    let mut workers = Vec::new();
    for _ in 0..shared.options.jobs {
        workers.push(shared.connect(config).await?);
    }
    Ok((session, workers))
}

async fn check_blocks(shared: &Arc<Shared>) -> Result<(), Error> {
    shared.step("checking the archive");
    let checking = Arc::clone(shared);
    let checked = tokio::task::spawn_blocking(move || {
        let threads = available_parallelism().map_or(1, usize::from);
        check::check(&checking.archive, Depth::Full, threads, &mut |_, _| ())
    });
    match checked.await.map_err(|_| Error::Panicked("checking the archive"))? {
        Ok(()) => Ok(()),
        Err(damages) => Err(Error::Damaged { damages: damages.iter().map(ToString::to_string).collect() }),
    }
}

async fn restore(shared: &Arc<Shared>, session: Session, workers: Vec<Session>) -> Result<(), Error> {
    let (catalog, index) = (shared.archive.catalog(), shared.archive.index());
    let options = &shared.options;
    let plan = plan::plan(catalog, index, options.jobs, options.verify, |entry| wanted(entry, options));
    shared.step("creating objects");
    execute_all(shared, &session, &plan.pre_data).await?;
    shared.step("loading rows, building indexes and constraints");
    shared.monitor.report(Event::Total(index.tables.iter().map(|table| table.raw_bytes).sum()));
    run_tasks(shared, workers, plan.tasks).await?;
    shared.step("restoring privileges");
    execute_all(shared, &session, &plan.acls).await?;
    shared.step("refreshing materialized views");
    execute_all(shared, &session, &plan.last).await?;
    // Commits did not wait for the disk until now. This one does, and takes all earlier ones along.
    session.batch("SET synchronous_commit = on").await?;
    session.batch("SELECT pg_catalog.pg_logical_emit_message(true, 'pgsnap', 'restored')").await?;
    Ok(())
}

/// Whether the options let an entry through.
fn wanted(entry: &Entry, options: &RestoreOptions) -> bool {
    options.privileges || entry.pass != Pass::Acl
}

async fn execute_all(shared: &Shared, session: &Session, places: &[usize]) -> Result<(), Error> {
    for place in places {
        execute(shared, session, *place).await?;
    }
    Ok(())
}

/// Restores an entry. When rows are lost it may be left out: because a constraint misses them, or because it needs an entry
/// that was left out.
async fn execute(shared: &Shared, session: &Session, place: usize) -> Result<(), Error> {
    let entry = &shared.archive.catalog().entries[place];
    let missing = entry.dependencies.iter().find(|id| shared.left_out().ids.contains(id));
    let reason = match missing {
        Some(id) => {
            let needed = shared.archive.catalog().entries[*id as usize - 1].label();
            format!("{}: it needs {needed}, which was not restored", entry.label())
        }
        None => match execute_entry(shared, session, entry).await {
            Err(Error::Statement { object, source }) if shared.may_leave_out(&source) => {
                format!("{object}: {source}")
            }
            result => return result,
        },
    };
    let mut left_out = shared.left_out();
    left_out.ids.insert(entry.id);
    left_out.reasons.push(reason);
    Ok(())
}

/// Runs the statements of an entry.
async fn execute_entry(shared: &Shared, session: &Session, entry: &Entry) -> Result<(), Error> {
    let failed = |source| Error::Statement { object: entry.label(), source };
    if let Some(tablespace) = &entry.tablespace {
        let statement = format!("SET default_tablespace = {}", sql::literal(tablespace));
        session.execute(&statement).await.map_err(failed)?;
    }
    if let Some(method) = &entry.access_method {
        let statement = format!("SET default_table_access_method = {}", sql::literal(method));
        session.execute(&statement).await.map_err(failed)?;
    }
    for statement in &entry.create {
        execute_one(session, statement).await.map_err(failed)?;
    }
    if let (true, Some(owned), Some(owner)) = (shared.options.owners, &entry.owned, &entry.owner) {
        let statement = format!("ALTER {owned} OWNER TO {}", sql::ident(owner));
        execute_one(session, &statement).await.map_err(failed)?;
    }
    shared.monitor.report(Event::Done(entry.label()));
    Ok(())
}

/// Runs a statement, again when the server chose it to break a deadlock: the plan knows most locks, not those that the server
/// takes on partitions and referenced tables.
async fn execute_one(session: &Session, statement: &str) -> Result<(), pg::Error> {
    for _ in 1..DEADLOCK_TRIES {
        match session.execute(statement).await {
            Err(error) if error.sqlstate() == Some(DEADLOCK) => continue,
            result => return result,
        }
    }
    session.execute(statement).await
}

/// Carries out the graph with the workers; the first error ends it.
async fn run_tasks(shared: &Arc<Shared>, mut idle: Vec<Session>, tasks: Vec<Task>) -> Result<(), Error> {
    let mut schedule = Schedule::new(tasks);
    let mut running = JoinSet::new();
    while !schedule.is_done() {
        while let Some(session) = idle.pop() {
            let Some((place, task)) = schedule.start() else {
                idle.push(session);
                break;
            };
            running.spawn(run_task(Arc::clone(shared), session, place, task));
        }
        let ended = running.join_next().await.unwrap_or(Ok(Err(Error::Panicked("the plan"))));
        let (place, session) = ended.unwrap_or(Err(Error::Panicked("a worker")))?;
        schedule.finish(place);
        idle.push(session);
    }
    Ok(())
}

async fn run_task(
    shared: Arc<Shared>,
    mut session: Session,
    place: usize,
    task: Task,
) -> Result<(usize, Session), Error> {
    session.reset_client_encoding().await?;
    match task.action {
        Action::Execute(entry) => execute(&shared, &session, entry).await?,
        Action::Load { table, blocks, alone } => {
            load::load(&shared, &mut session, table, blocks, alone).await?
        }
        Action::Verify { table } => load::verify(&shared, &mut session, table).await?,
    }
    Ok((place, session))
}
