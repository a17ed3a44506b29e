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

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

pub use error::Error;
pub use options::RestoreOptions;

use crate::archive::{Archive, Entry, Pass};
use crate::pg::{self, ConnectConfig, Purpose, Session};
use crate::progress::{Event, Monitor};
use crate::sql;
use plan::{Action, Task};
use schedule::Schedule;

/// How often a statement that the server sacrificed to break a deadlock is tried.
const DEADLOCK_TRIES: usize = 5;
/// deadlock_detected
const DEADLOCK: &str = "40P01";
/// How long the clean-up after a failure waits for the server to take a cancel request.
const CANCEL_PATIENCE: Duration = Duration::from_secs(2);

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
    /// Wall-clock time.
    pub elapsed: Duration,
}

/// What all workers share.
struct Shared {
    archive: Arc<Archive>,
    options: RestoreOptions,
    monitor: Arc<dyn Monitor>,
}

/// Restores an archive into an empty database. `interrupt` ends it early. Needs a multi-threaded tokio runtime.
pub async fn run(
    config: &ConnectConfig,
    archive: Arc<Archive>,
    options: &RestoreOptions,
    monitor: Arc<dyn Monitor>,
    interrupt: impl Future<Output = ()>,
) -> Result<RestoreSummary, Error> {
    let shared = Arc::new(Shared { archive, options: options.clone(), monitor });
    tokio::select! {
        result = restore(config, &shared) => result,
        () = interrupt => Err(Error::Interrupted),
    }
}

async fn restore(config: &ConnectConfig, shared: &Arc<Shared>) -> Result<RestoreSummary, Error> {
    let started = Instant::now();
    let step = |text: &str| shared.monitor.report(Event::Step(text.to_owned()));
    let archive = &shared.archive;
    let (catalog, index) = (archive.catalog(), archive.index());
    let session = connect(config).await?;
    step("checking the target");
    preflight::check(&session, catalog, &shared.options).await?;
    let plan = plan::plan(catalog, index, shared.options.jobs, shared.options.verify, |entry| {
        wanted(entry, &shared.options)
    });

    step("creating objects");
    execute_all(shared, &session, &plan.pre_data).await?;
    step("loading rows, building indexes and constraints");
    let rows: u64 = index.tables.iter().map(|table| table.rows).sum();
    let bytes: u64 = index.tables.iter().map(|table| table.raw_bytes).sum();
    shared.monitor.report(Event::Total(bytes));
    let tasks = plan.tasks.len();
    run_tasks(config, shared, plan.tasks).await?;
    step("restoring privileges");
    execute_all(shared, &session, &plan.acls).await?;
    step("refreshing materialized views");
    execute_all(shared, &session, &plan.last).await?;
    tracing::debug!(tasks, "all tasks of the plan are done");
    Ok(RestoreSummary {
        objects: catalog.entries.iter().filter(|entry| wanted(entry, &shared.options)).count(),
        tables: catalog.tables.len(),
        rows,
        bytes,
        verified: shared.options.verify,
        elapsed: started.elapsed(),
    })
}

/// Whether the options let an entry through.
fn wanted(entry: &Entry, options: &RestoreOptions) -> bool {
    options.privileges || entry.pass != Pass::Acl
}

async fn connect(config: &ConnectConfig) -> Result<Session, Error> {
    Ok(Session::connect(config, Purpose::Restore, "pgsnap").await?)
}

async fn execute_all(shared: &Shared, session: &Session, places: &[usize]) -> Result<(), Error> {
    for place in places {
        execute(shared, session, *place).await?;
    }
    Ok(())
}

/// Runs the statements of an entry.
async fn execute(shared: &Shared, session: &Session, place: usize) -> Result<(), Error> {
    let entry = &shared.archive.catalog().entries[place];
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

/// Carries out the graph with the workers; the first error stops all of them.
async fn run_tasks(config: &ConnectConfig, shared: &Arc<Shared>, tasks: Vec<Task>) -> Result<(), Error> {
    let mut idle = Vec::new();
    let mut cancels = Vec::new();
    for _ in 0..shared.options.jobs.min(tasks.len()) {
        let session = connect(config).await?;
        cancels.push(session.cancel_handle());
        idle.push(session);
    }
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
        match ended.unwrap_or(Err(Error::Panicked("a worker"))) {
            Ok((place, session)) => {
                schedule.finish(place);
                idle.push(session);
            }
            Err(error) => {
                for cancel in &cancels {
                    // A server that cannot be reached has no statement of ours to cancel.
                    let _ = tokio::time::timeout(CANCEL_PATIENCE, cancel.cancel()).await;
                }
                running.shutdown().await;
                return Err(error);
            }
        }
    }
    Ok(())
}

async fn run_task(
    shared: Arc<Shared>,
    mut session: Session,
    place: usize,
    task: Task,
) -> Result<(usize, Session), Error> {
    match task.action {
        Action::Execute(_) => session.reset_client_encoding().await?,
        // Rows travel in the encoding they were dumped in; the server converts.
        _ => session.set_client_encoding(&shared.archive.catalog().source.encoding).await?,
    }
    match task.action {
        Action::Execute(entry) => execute(&shared, &session, entry).await?,
        Action::Load { table, blocks, alone } => load::load(&shared, &session, table, blocks, alone).await?,
        Action::Verify { table } => load::verify(&shared, &session, table).await?,
    }
    Ok((place, session))
}
