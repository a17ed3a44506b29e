//! Restore: an archive into an empty database, which it may have to make, in parallel.
//!
//! Pre-data runs in order on one session; then a graph of tasks (load, read back, index, constraint ...) runs on N; then
//! ACLs and what needs them, in order again.

mod error;
mod globals;
mod large_object;
mod load;
mod memory;
mod options;
mod pipe;
mod plan;
mod preflight;
mod schedule;
mod target;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinSet;

pub use error::Error;
pub use options::{Blocks, RestoreOptions};

use crate::archive::{Archive, Catalog, Entry, Index, SequentialReader, Table, TableIndex};
use crate::pg::{self, CancelHandle, ConnectConfig, Purpose, Session};
use crate::progress::{Event, Monitor};
use crate::selection::{Choice, Options, references};
use crate::sql;
use crate::verify;
use globals::Made;
use memory::Budget;
use pipe::Pipe;
use plan::{Action, References, Rows, Task};
use schedule::Schedule;

/// How often a statement that the server sacrificed to break a deadlock is tried.
const DEADLOCK_TRIES: usize = 5;
/// How many entries are sent to the server without waiting for the answer about the first.
const ENTRIES_AHEAD: usize = 100;
/// What maintenance_work_mem may be, in kB (PostgreSQL 13 to 18).
const LEAST_KILOBYTES: u64 = 1 << 10;
const MOST_KILOBYTES: u64 = i32::MAX as u64;
/// pgvector's notice of an HNSW graph (0.5 to 0.8; it has no translations).
const GRAPH_TOO_LARGE: &str = "no longer fits into maintenance_work_mem";
/// disk_full, out_of_memory: parallel workers share memory that the system has to have at once; /dev/shm of a container has 64 MB.
const NO_ROOM: [&str; 2] = ["53100", "53200"];
/// deadlock_detected
const DEADLOCK: &str = "40P01";
/// Entries that call functions which came with PostgreSQL 18.
const STATISTICS_DATA: &str = "STATISTICS DATA";
const TAKES_STATISTICS: u32 = 18;
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
    /// Whether rows were restored, and nothing of what the planner should know of them.
    pub needs_analyze: bool,
    /// Roles that the archive has and that were there: they are as they were.
    pub kept_roles: Vec<String>,
    /// Entries that lost rows have kept from being restored, and settings that the server does not know, each with the reason.
    pub not_restored: Vec<String>,
    /// What of the archive was left out although it belongs to something selected, each with the reason.
    pub left_out: Vec<String>,
    /// What the source held and the archive does not.
    pub uncovered: Vec<String>,
    /// Wall-clock time.
    pub elapsed: Duration,
}

/// Where an archive comes from.
pub enum Input {
    /// A file.
    File(Arc<Archive>),
    /// A pipe, from which nothing has been read yet.
    Pipe(Box<dyn Read + Send>),
}

/// An archive as far as it is known before the first change.
enum Source {
    File(Arc<Archive>),
    Pipe(Box<Pipe>),
}

/// What all workers share.
struct Shared {
    catalog: Arc<Catalog>,
    /// What sessions in the database restore.
    choice: Choice,
    /// The places of entries that are restored by other means.
    outside: Vec<usize>,
    options: RestoreOptions,
    monitor: Arc<dyn Monitor>,
    /// Entries that could not be restored for want of lost rows.
    left_out: Mutex<LeftOut>,
}

/// Entries that were not restored: their ids, and why.
#[derive(Default)]
struct LeftOut {
    ids: BTreeSet<u32>,
    reasons: Vec<String>,
}

/// Ends the statements of all sessions.
type Cancels = Arc<Mutex<Vec<CancelHandle>>>;

async fn connect(config: &ConnectConfig, cancels: &Cancels) -> Result<Session, Error> {
    let session = Session::connect(config, Purpose::Restore, "pgsnap").await?;
    cancels.lock().unwrap_or_else(PoisonError::into_inner).push(session.cancel_handle());
    Ok(session)
}

impl Shared {
    fn left_out(&self) -> MutexGuard<'_, LeftOut> {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a statement may have failed because rows are lost.
    fn may_leave_out(&self, error: &pg::Error) -> bool {
        self.options.blocks == Blocks::Incomplete
            && error.sqlstate().is_some_and(|state| state.starts_with(INTEGRITY_CONSTRAINT))
    }

    /// Whether an entry of the catalog is restored.
    fn wants(&self, entry: &Entry) -> bool {
        self.choice.contains(entry.id as usize - 1)
    }

    /// Whether the rows of the table with this number are loaded.
    fn loads(&self, number: u32) -> bool {
        self.catalog
            .tables
            .get(number as usize)
            .is_some_and(|table| self.choice.contains(table.entry as usize - 1))
    }

    fn step(&self, step: &str) {
        self.monitor.report(Event::Step(step.to_owned()));
    }
}

/// Restores an archive into an empty database, or into a new one while `config` names another one to connect to. `interrupt`
/// ends it early. Needs a multi-threaded tokio runtime.
///
/// # Errors
///
/// [`Error::Unfinished`], [`Error::NothingLoaded`] or [`Error::InterruptedEarly`] once something was changed; after any other
/// error the target is as it was.
pub async fn run(
    config: &ConnectConfig,
    input: Input,
    options: &RestoreOptions,
    monitor: Arc<dyn Monitor>,
    interrupt: impl Future<Output = ()>,
) -> Result<RestoreSummary, Error> {
    let started = Instant::now();
    let cancels = Cancels::default();
    let mut interrupt = std::pin::pin!(interrupt);
    let checked = tokio::select! {
        checked = check(config, input, options, monitor, &cancels) => checked,
        () = &mut interrupt => Err(Error::Interrupted),
    };
    let Checked { shared, source, session, workers } = checked?;
    let cancel = async || {
        let cancels = std::mem::take(&mut *cancels.lock().unwrap_or_else(PoisonError::into_inner));
        pg::cancel_all(cancels).await;
    };
    let made = tokio::select! {
        made = globals::make(&shared, config, &cancels, &session) => made,
        () = &mut interrupt => Err(match globals::database(&shared.catalog).filter(|_| options.create) {
            Some(database) => Error::InterruptedEarly { database: database.name.clone() },
            None => Error::Interrupted,
        }),
    };
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            cancel().await;
            return Err(error);
        }
    };
    let restored = tokio::select! {
        restored = restore(&shared, config, &cancels, &made, source, session, workers) => restored,
        () = interrupt => Err(Error::Interrupted),
    };
    let index = match restored {
        Ok(index) => index,
        Err(error) => {
            cancel().await;
            return Err(match error {
                Error::NothingLoaded { .. } => error,
                error => Error::Unfinished { cause: Box::new(error), place: made.place() },
            });
        }
    };
    let restored = || shared.catalog.entries.iter().filter(|entry| shared.wants(entry));
    let left_out = std::mem::take(&mut *shared.left_out());
    let loaded = loaded(&shared, &index);
    Ok(RestoreSummary {
        objects: restored().count() + made.objects - left_out.ids.len(),
        tables: loaded.clone().count(),
        rows: loaded.clone().map(|table| table.rows).sum(),
        bytes: loaded.clone().map(|table| table.raw_bytes).sum(),
        verified: options.verify,
        needs_analyze: loaded.clone().any(|table| table.rows > 0)
            && !restored().any(|entry| entry.kind == STATISTICS_DATA),
        kept_roles: made.kept_roles,
        not_restored: left_out.reasons,
        left_out: shared.choice.left_out.clone(),
        uncovered: shared.catalog.source.uncovered.clone(),
        elapsed: started.elapsed(),
    })
}

/// What the index says of the tables that are loaded.
fn loaded<'a>(shared: &'a Shared, index: &'a Index) -> impl Iterator<Item = &'a TableIndex> + Clone {
    (0u32..).zip(&index.tables).filter(|(number, _)| shared.loads(*number)).map(|(_, table)| table)
}

/// What is ready when the first change may be made.
struct Checked {
    shared: Arc<Shared>,
    source: Source,
    session: Session,
    workers: Vec<Session>,
}

/// Everything that can be known before the first change: the archive, the target, and that there are connections enough.
async fn check(
    config: &ConnectConfig,
    input: Input,
    options: &RestoreOptions,
    monitor: Arc<dyn Monitor>,
    cancels: &Cancels,
) -> Result<Checked, Error> {
    let step = |step: &str| monitor.report(Event::Step(step.to_owned()));
    let (source, catalog) = match input {
        Input::File(archive) => {
            if options.blocks == Blocks::Unchecked {
                step("checking the archive");
                check_file(&archive).await?;
            }
            let (catalog, _) = archive.shared();
            (Source::File(archive), catalog)
        }
        Input::Pipe(from) => {
            step("waiting for the catalog of the archive");
            let opened = tokio::task::spawn_blocking(|| SequentialReader::open(from)).await;
            let pipe = opened.map_err(|_| Error::Panicked("reading the archive"))??;
            let catalog = Arc::clone(pipe.catalog());
            (Source::Pipe(Box::new(pipe)), catalog)
        }
    };
    let mut choice = options.selection.choose(&catalog)?;
    let outside = globals::take(&catalog, &mut choice, options);
    let catalog = choice.with_selected_roots(catalog);
    step("checking the target");
    let from_pipe = matches!(source, Source::Pipe(_));
    let session = connect(config, cancels).await?;
    preflight::check(&session, &catalog, options, &mut choice, from_pipe).await?;
    if session.version().major() < TAKES_STATISTICS {
        let statistics =
            catalog.entries.iter().enumerate().filter(|(_, entry)| entry.kind == STATISTICS_DATA);
        statistics.for_each(|(place, _)| choice.leave_out(place));
    }
    let options = options.clone();
    let shared = Shared { catalog, choice, outside, options, monitor, left_out: Mutex::default() };
    let mut workers = Vec::new();
    for _ in 0..shared.options.jobs {
        workers.push(connect(config, cancels).await?);
    }
    if shared.options.create {
        // There are connections enough; the workers will be in the new database.
        workers.clear();
    }
    Ok(Checked { shared: Arc::new(shared), source, session, workers })
}

async fn check_file(archive: &Arc<Archive>) -> Result<(), Error> {
    verify::check_archive(archive).await.map_err(|error| match error {
        verify::Error::Damaged { damages } => Error::Damaged { damages },
        error => Error::ReadBack(error),
    })
}

async fn restore(
    shared: &Arc<Shared>,
    config: &ConnectConfig,
    cancels: &Cancels,
    made: &Made,
    source: Source,
    session: Session,
    workers: Vec<Session>,
) -> Result<Arc<Index>, Error> {
    let (session, mut workers) = globals::enter(shared, config, cancels, made, session, workers).await?;
    let definitions = plan::definitions(&shared.catalog, |entry| shared.wants(entry));
    shared.step("creating objects");
    execute_all(shared, &session, &definitions).await?;
    let (archive, index, rows) = match source {
        Source::File(archive) => {
            let (_, index) = archive.shared();
            (Some(archive), index, Rows::InArchive { jobs: shared.options.jobs })
        }
        Source::Pipe(pipe) => {
            shared.step("loading rows as they arrive");
            let loaded = pipe::load(shared, *pipe, workers).await;
            let (index, sessions) = loaded
                .map_err(|error| Error::NothingLoaded { cause: Box::new(error), place: made.place() })?;
            for session in &sessions {
                session.batch("COMMIT").await?;
            }
            workers = sessions;
            (None, Arc::new(index), Rows::Loaded)
        }
    };
    let verify = shared.options.verify;
    let references = match plan::loads_into_existing(&shared.catalog, &|place| shared.choice.contains(place))
    {
        true => references(&shared.catalog, |_| true),
        false => References::new(),
    };
    let budget = budget(&session, &shared.options).await?;
    let memory = |statement: &str, table: &Table, rows: &TableIndex| budget.share(statement, table, rows);
    let wants = |entry: &Entry| shared.wants(entry);
    let plan = plan::plan(&shared.catalog, &index, rows, verify, &references, &memory, wants);
    match &archive {
        Some(_) => {
            shared.step("loading rows, building indexes and constraints");
            shared.monitor.report(Event::Total(loaded(shared, &index).map(|table| table.raw_bytes).sum()));
        }
        None => shared.step("building indexes and constraints"),
    }
    run_tasks(shared, &Data { archive, index: Arc::clone(&index) }, workers, plan.tasks, &budget).await?;
    shared.step("restoring privileges");
    execute_all(shared, &session, &plan.acls).await?;
    shared.step("refreshing materialized views");
    set_as_in_source(shared, &session).await?;
    // Each may take long: none is sent before the one ahead of it has ended well.
    for place in &plan.last {
        execute(shared, &session, *place).await?;
    }
    // Commits did not wait for the disk until now. This one does, and takes all earlier ones along.
    session.batch("SET synchronous_commit = on").await?;
    session.batch("SELECT pg_catalog.pg_logical_emit_message(true, 'pgsnap', 'restored')").await?;
    Ok(index)
}

/// Gives the session the settings that the values of materialized views depend on (`made::date` on TimeZone) as the source had
/// them. What this server does not know stays its own.
async fn set_as_in_source(shared: &Shared, session: &Session) -> Result<(), Error> {
    const OF_SOURCE: [&str; 4] = ["TimeZone", "DateStyle", "IntervalStyle", "default_text_search_config"];
    session.batch("RESET extra_float_digits; RESET bytea_output; RESET xmlbinary; RESET lc_monetary").await?;
    for name in OF_SOURCE {
        let Some((_, value)) = shared.catalog.source.settings.iter().find(|(set, _)| set == name) else {
            continue;
        };
        if let Err(error) = session.execute(&format!("SET {name} = {}", sql::literal(value))).await {
            if session.is_closed() {
                return Err(error.into());
            }
            tracing::warn!("materialized views are refreshed without the source's {name}: {error}");
            session.batch(&format!("RESET {name}")).await?;
        }
    }
    Ok(())
}

/// Executes entries in order. The server answers in order too, so that an error is that of the first entry that failed; by then
/// it has got the statements of later ones. Where an entry may be left out, it is known before the next one is sent.
async fn execute_all(shared: &Shared, session: &Session, places: &[usize]) -> Result<(), Error> {
    let ahead = if shared.options.blocks == Blocks::Incomplete { 1 } else { ENTRIES_AHEAD };
    let executed = stream::iter(places).map(|place| async move {
        match ahead {
            1 => execute(shared, session, *place).await,
            _ => send_entry(shared, session, &shared.catalog.entries[*place]).await,
        }
    });
    executed.buffered(ahead).try_collect().await
}

/// Runs the statements of an entry, all sent at once.
async fn send_entry(shared: &Shared, session: &Session, entry: &Entry) -> Result<(), Error> {
    let statements = statements(shared, entry);
    let executed = try_join_all(statements.iter().map(|statement| session.execute(statement))).await;
    executed.map_err(|source| Error::Statement { object: entry.label(), source })?;
    shared.monitor.report(Event::Done(entry.label()));
    Ok(())
}

/// Restores an entry. When rows are lost it may be left out: because a constraint misses them, or because it needs an entry
/// that was left out.
async fn execute(shared: &Shared, session: &Session, place: usize) -> Result<(), Error> {
    let entry = &shared.catalog.entries[place];
    let missing = entry.dependencies.iter().find(|id| shared.left_out().ids.contains(id));
    let reason = match missing {
        Some(id) => {
            let needed = shared.catalog.entries[*id as usize - 1].label();
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

/// Runs the statements of an entry one by one.
async fn execute_entry(shared: &Shared, session: &Session, entry: &Entry) -> Result<(), Error> {
    for statement in statements(shared, entry) {
        let executed = execute_one(session, &statement).await;
        executed.map_err(|source| Error::Statement { object: entry.label(), source })?;
    }
    shared.monitor.report(Event::Done(entry.label()));
    Ok(())
}

/// The statements that restore an entry.
fn statements<'a>(shared: &Shared, entry: &'a Entry) -> Vec<Cow<'a, str>> {
    let Options { no_tablespaces, .. } = shared.options.selection.options();
    let tablespace = entry.tablespace.as_ref().filter(|_| !no_tablespaces);
    let tablespace = tablespace.map(|name| format!("SET default_tablespace = {}", sql::literal(name)));
    let method = entry.access_method.as_ref();
    let method = method.map(|name| format!("SET default_table_access_method = {}", sql::literal(name)));
    let settings = tablespace.into_iter().chain(method).map(Cow::Owned);
    let create = entry.create.iter().map(|statement| Cow::Borrowed(statement.as_str()));
    settings.chain(create).chain(owner(shared, entry).map(Cow::Owned)).collect()
}

/// The statement that gives an entry's object to its owner.
fn owner(shared: &Shared, entry: &Entry) -> Option<String> {
    let Options { no_owner, .. } = shared.options.selection.options();
    match (no_owner, &entry.owned, &entry.owner) {
        (false, Some(owned), Some(owner)) => Some(format!("ALTER {owned} OWNER TO {}", sql::ident(owner))),
        _ => None,
    }
}

/// The memory for builds of indexes on this server.
async fn budget(session: &Session, options: &RestoreOptions) -> Result<Budget, Error> {
    let sql = "SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) AS own,
                      pg_catalog.pg_size_bytes(pg_catalog.current_setting('effective_cache_size')) AS cached";
    let rows = session.ask("asking for the server's memory settings", sql).await?;
    let bytes = |name: &str| match rows.first() {
        Some(row) => pg::column::<i64>(row, name).map(i64::unsigned_abs),
        None => Ok(0),
    };
    Ok(Budget::new(options.memory, bytes("own")?, bytes("cached")?, options.jobs))
}

/// Restores an entry that builds an index, with so many bytes of memory.
async fn build(shared: &Shared, session: &Session, place: usize, memory: u64) -> Result<(), Error> {
    let kilobytes = (memory >> 10).clamp(LEAST_KILOBYTES, MOST_KILOBYTES);
    session
        .batch(&format!("SET maintenance_work_mem = '{kilobytes}kB'; SET client_min_messages = 'notice'"))
        .await?;
    session.take_notices();
    match execute(shared, session, place).await {
        Err(Error::Statement { source, object })
            if source.sqlstate().is_some_and(|state| NO_ROOM.contains(&state)) =>
        {
            tracing::info!("{object} is built again, without parallel workers: {source}");
            session.batch("SET max_parallel_maintenance_workers = 0").await?;
            execute(shared, session, place).await?;
            session.batch("RESET max_parallel_maintenance_workers").await?;
        }
        built => built?,
    }
    session.batch("SET client_min_messages = 'warning'").await?;
    if let Some(notice) = session.take_notices().into_iter().find(|notice| notice.contains(GRAPH_TOO_LARGE)) {
        shared.monitor.report(Event::Warning(format!(
            "{}: {notice}. The index is whole, but was built slowly, with {} MB; --memory gives more",
            shared.catalog.entries[place].label(),
            kilobytes >> 10
        )));
    }
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

/// What the tasks load and what they compare with.
#[derive(Clone)]
struct Data {
    /// None when the rows are loaded.
    archive: Option<Arc<Archive>>,
    index: Arc<Index>,
}

/// Carries out the graph with the workers; the first error ends it.
async fn run_tasks(
    shared: &Arc<Shared>,
    data: &Data,
    mut idle: Vec<Session>,
    tasks: Vec<Task>,
    budget: &Budget,
) -> Result<(), Error> {
    let mut schedule = Schedule::new(tasks, budget.bytes);
    let mut running = JoinSet::new();
    while !schedule.is_done() {
        while let Some(session) = idle.pop() {
            let Some((place, task)) = schedule.start() else {
                idle.push(session);
                break;
            };
            running.spawn(run_task(Arc::clone(shared), data.clone(), session, place, task));
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
    data: Data,
    mut session: Session,
    place: usize,
    task: Task,
) -> Result<(usize, Session), Error> {
    session.reset_client_encoding().await?;
    match (task.action, &data.archive) {
        (Action::Execute(entry), _) => match task.memory {
            Some(memory) => build(&shared, &session, entry, memory).await?,
            None => execute(&shared, &session, entry).await?,
        },
        (Action::Load { table, blocks, freeze }, Some(archive)) => {
            load::load(&shared, archive, &mut session, table, blocks, freeze).await?
        }
        (Action::Load { .. }, None) => return Err(Error::Panicked("the plan")),
        (Action::Verify { table, others }, _) => {
            load::verify(&shared, &data.index, &mut session, table, &others).await?
        }
    }
    Ok((place, session))
}
