//! Restore: an archive into an empty database, which it may have to make, in parallel.
//!
//! What rows need is made first, in batches; then a graph of tasks (load, read back, index, constraint ...) runs; then
//! ACLs and what needs them, in order. N sessions do it all.

mod clean;
mod definitions;
mod error;
mod globals;
mod large_object;
mod left_out;
mod load;
mod marker;
mod memory;
mod options;
mod outline;
mod pipe;
mod plan;
mod preflight;
mod privileges;
mod schedule;
mod statements;
mod tally;
mod target;
mod watch;
mod workers;

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::Xxh3;

pub use error::Error;
pub use left_out::{LeftOut, Verdict};
pub use options::{Blocks, Clean, OnError, RestoreOptions};
pub use outline::{Outline, Phase, outline};

use crate::archive::{Archive, Catalog, Entry, Index, SequentialReader, Table, TableIndex};
use crate::pg::{self, CancelHandle, ConnectConfig, Purpose, Session};
use crate::progress::{Counts, Event, Monitor};
use crate::selection::{Choice, map_roles, references};
use crate::sql;
use crate::verify;
use globals::Made;
use left_out::AllLeftOut;
use marker::Begun;
use memory::Budget;
use pipe::Pipe;
use plan::{Action, Plan, References, Rows, Streams};
use watch::Running;
use workers::Data;

/// Entries that call functions which came with PostgreSQL 18.
const STATISTICS_DATA: &str = "STATISTICS DATA";
const TAKES_STATISTICS: u32 = 18;
/// How many of the slowest tasks a summary names.
const SLOWEST: usize = 10;

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
    /// What was not restored, the worst first: for want of lost rows, because the server does not know a setting, or because of
    /// an error that was passed over.
    pub not_restored: Vec<LeftOut>,
    /// What of the archive was left out although it belongs to something selected, each with the reason.
    pub left_out: Vec<String>,
    /// What the source held and the archive does not.
    pub uncovered: Vec<String>,
    /// The tasks that took longest, the longest first.
    pub slowest: Vec<(String, Duration)>,
    /// Whether it went on with what another restore had begun.
    pub resumed: bool,
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
    /// How tables are loaded when the note does not say it.
    streams: Streams,
    /// What the target's note says of this restore, if it keeps one.
    begun: Option<Begun>,
    /// Whether another restore has begun it.
    resumes: bool,
    /// Tasks to be noted with the next transaction.
    to_note: Mutex<Vec<String>>,
    left_out: Mutex<AllLeftOut>,
    /// Tasks and how long they took, the longest first.
    slowest: Mutex<Vec<(String, Duration)>>,
    /// The tasks under way, by their places in the graph.
    running: Mutex<BTreeMap<usize, Running>>,
    /// What is done of the graph.
    counts: Mutex<Counts>,
}

/// Ends the statements of all sessions.
type Cancels = Arc<Mutex<Vec<CancelHandle>>>;

/// Where the sessions of a restore come from.
struct Server {
    config: ConnectConfig,
    role: Option<String>,
    cancels: Cancels,
    /// Whether triggers and foreign keys do not act.
    replica: bool,
}

impl Server {
    fn new(config: &ConnectConfig, options: &RestoreOptions) -> Self {
        Server {
            config: config.clone(),
            role: options.role.clone(),
            cancels: Cancels::default(),
            replica: options.disable_triggers,
        }
    }

    /// A session in the database of the configuration, or in the one of this name.
    async fn connect(&self, database: Option<&str>) -> Result<Session, Error> {
        let named = database.map(|name| self.config.with_database(name));
        let session =
            Session::connect(named.as_ref().unwrap_or(&self.config), Purpose::Restore, "pgsnap").await?;
        locked(&self.cancels).push(session.cancel_handle());
        if self.replica {
            session.execute("SET session_replication_role = replica").await?;
        }
        if let Some(role) = &self.role {
            session.execute(&format!("SET ROLE {}", sql::ident(role))).await?;
        }
        Ok(session)
    }

    async fn cancel_all(&self) {
        let cancels = std::mem::take(&mut *locked(&self.cancels));
        pg::cancel_all(cancels).await;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn left_out(&self) -> MutexGuard<'_, AllLeftOut> {
        locked(&self.left_out)
    }

    /// Whether an entry of the catalog is restored.
    fn wants(&self, entry: &Entry) -> bool {
        self.choice.contains(entry.id as usize - 1)
    }

    /// The entry whose rows the table with this number has.
    fn entry_of(&self, number: u32) -> &Entry {
        &self.catalog.entries[self.catalog.tables[number as usize].entry as usize - 1]
    }

    /// Whether the rows of the table with this number are loaded.
    fn loads(&self, number: u32) -> bool {
        self.wants(self.entry_of(number))
    }

    fn step(&self, step: &str) {
        self.monitor.report(Event::Step(step.to_owned()));
    }

    /// The statement that begins a transaction, unless there is only one.
    fn begin(&self) -> Option<&'static str> {
        (!self.options.single_transaction).then_some("BEGIN")
    }

    fn commit(&self) -> Option<&'static str> {
        (!self.options.single_transaction).then_some("COMMIT")
    }

    /// Whether the target keeps a note of what is done.
    fn notes(&self) -> bool {
        self.begun.is_some()
    }

    /// Whether the task was done by the restore that this one goes on with.
    fn is_done(&self, task: &str) -> bool {
        self.begun.as_ref().is_some_and(|begun| begun.done.contains(task))
    }

    /// The statement that notes these tasks, and those that waited for it.
    fn note(&self, tasks: impl Iterator<Item = String>) -> Option<String> {
        let mut noted = std::mem::take(&mut *locked(&self.to_note));
        noted.extend(tasks);
        (self.notes() && !noted.is_empty()).then(|| marker::note(noted.into_iter()))
    }

    /// Notes a task with the next transaction of any session: to do it again would only take time.
    fn note_soon(&self, task: Option<String>) {
        locked(&self.to_note).extend(task);
    }

    /// Remembers a task if it is one of the slowest.
    fn took(&self, task: String, time: Duration) {
        let mut slowest = locked(&self.slowest);
        let at = slowest.partition_point(|(_, other)| *other >= time);
        if at < SLOWEST {
            slowest.insert(at, (task, time));
            slowest.truncate(SLOWEST);
        }
    }

    /// What tasks that are alike are called.
    fn label<'a>(&self, mut tasks: impl ExactSizeIterator<Item = &'a Action> + Clone) -> String {
        let of_table = |number: u32| self.catalog.tables[number as usize].label();
        let of_entry = |entry: usize| self.catalog.entries[entry].label();
        let all = tasks.clone();
        match (tasks.next(), all.len()) {
            (Some(Action::Execute(entries)), _) => {
                let first = entries.first().map(|entry| of_entry(*entry)).unwrap_or_default();
                match all.map(|task| task.entries().len()).sum() {
                    1 => first,
                    count => format!("{count} objects from {first}"),
                }
            }
            (Some(Action::Load { table, .. }), 1) => format!("rows of {}", of_table(*table)),
            (Some(Action::Load { table, .. }), count) => {
                format!("rows of {count} tables from {}", of_table(*table))
            }
            (Some(Action::Verify { table, .. }), 1) => format!("comparison of {}", of_table(*table)),
            (Some(Action::Verify { table, .. }), count) => {
                format!("comparison of {count} tables from {}", of_table(*table))
            }
            (None, _) => String::new(),
        }
    }

    /// A digest of what is asked for, of how many blocks the rows come in, and of everything that sessions in the database will
    /// run.
    fn statements(&self, blocks: usize) -> String {
        let mut digest = Xxh3::new();
        let RestoreOptions { selection, map_roles, disable_triggers, .. } = &self.options;
        let is_incomplete = self.options.blocks == Blocks::Incomplete;
        let asked = (selection.options(), map_roles, disable_triggers, is_incomplete, blocks);
        digest.update(format!("{asked:?}").as_bytes());
        for entry in self.catalog.entries.iter().filter(|entry| self.wants(entry)) {
            for statement in statements::statements(self, entry) {
                digest.update(statement.as_bytes());
                digest.update(b"\0");
            }
        }
        format!("{:032x}", digest.digest128())
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
    let server = Server::new(config, options);
    let mut interrupt = std::pin::pin!(interrupt);
    let checked = tokio::select! {
        checked = check(&server, input, options, monitor) => checked,
        () = &mut interrupt => Err(Error::Interrupted),
    };
    let Checked { shared, source, sessions } = checked?;
    let made = tokio::select! {
        made = globals::make(&shared, &server, &sessions) => made,
        () = &mut interrupt => {
            let makes = options.create && !options.resume;
            Err(match globals::database(&shared.catalog).filter(|_| makes) {
                Some(database) => {
                    Error::InterruptedEarly { database: database.name.clone(), drops: options.clean != Clean::No }
                }
                None => Error::Interrupted,
            })
        }
    };
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            server.cancel_all().await;
            return Err(error);
        }
    };
    let restored = tokio::select! {
        restored = restore(&shared, &server, &made, source, sessions) => restored,
        _ = watch::watch(&shared, &server, made.database.as_deref()) => Err(Error::Interrupted),
        () = interrupt => Err(Error::Interrupted),
    };
    let index = match restored {
        Ok(index) => index,
        Err(error) => {
            server.cancel_all().await;
            return Err(unfinished(&shared, &made, error));
        }
    };
    let restored = || shared.catalog.entries.iter().filter(|entry| shared.wants(entry));
    let left_out = std::mem::take(&mut *shared.left_out());
    let slowest = std::mem::take(&mut *locked(&shared.slowest));
    let loaded = loaded(&shared, &index);
    Ok(RestoreSummary {
        objects: restored().count() + made.objects - left_out.entries(),
        tables: loaded.clone().count(),
        rows: loaded.clone().map(|table| table.rows).sum(),
        bytes: loaded.clone().map(|table| table.raw_bytes).sum(),
        verified: options.verify,
        needs_analyze: loaded.clone().any(|table| table.rows > 0)
            && !restored().any(|entry| entry.kind == STATISTICS_DATA),
        kept_roles: made.kept_roles,
        not_restored: left_out.into_sorted(),
        left_out: shared.choice.left_out.clone(),
        uncovered: shared.catalog.source.uncovered.clone(),
        slowest,
        resumed: shared.resumes,
        elapsed: started.elapsed(),
    })
}

/// What an error means for the target.
fn unfinished(shared: &Shared, made: &Made, error: Error) -> Error {
    let cause = Box::new(match error {
        Error::NothingLoaded { .. } => return error,
        Error::NotBegun { .. } if made.database.is_none() => return error,
        error => error,
    });
    if shared.options.single_transaction && made.database.is_none() {
        let is_lost = matches!(*cause, Error::Server(pg::Error::Lost { .. }));
        return Error::RolledBack { cause, roles: made.roles, is_lost };
    }
    // What was read back once and is not the same will not be by reading it again.
    let goes_on = shared.begun.as_ref().is_some_and(|begun| begun.from_file)
        && !matches!(*cause, Error::Different { .. });
    Error::Unfinished { cause, place: made.place(), goes_on, holds_others: holds_others(shared, made) }
}

/// Whether the entry of this id, which a note in the target may have wrong, is to be restored.
fn is_chosen(choice: &Choice, id: u32) -> bool {
    (id as usize).checked_sub(1).is_some_and(|place| choice.contains(place))
}

/// Whether the target may hold what this restore has not made.
fn holds_others(shared: &Shared, made: &Made) -> bool {
    let may_hold = shared.choice.is_partial() || shared.options.clean != Clean::No || shared.resumes;
    made.database.is_none() && may_hold
}

/// What the index says of the tables that are loaded.
fn loaded<'a>(shared: &'a Shared, index: &'a Index) -> impl Iterator<Item = &'a TableIndex> + Clone {
    (0u32..).zip(&index.tables).filter(|(number, _)| shared.loads(*number)).map(|(_, table)| table)
}

/// What is ready when the first change may be made.
struct Checked {
    shared: Arc<Shared>,
    source: Source,
    /// The workers; only the first one, and that one outside the database, if this is to be made.
    sessions: Vec<Session>,
}

/// Everything that can be known before the first change: the archive, the target, and that there are connections enough.
async fn check(
    server: &Server,
    input: Input,
    options: &RestoreOptions,
    monitor: Arc<dyn Monitor>,
) -> Result<Checked, Error> {
    let step = |step: &str| monitor.report(Event::Step(step.to_owned()));
    let (source, catalog, archive) = match input {
        Input::File(archive) => {
            if options.blocks == Blocks::Unchecked {
                step("checking the archive");
                check_file(&archive).await?;
            }
            let (catalog, _) = archive.shared();
            let id = archive.header().id;
            (Source::File(archive), catalog, id)
        }
        Input::Pipe(from) => {
            step("waiting for the catalog of the archive");
            let opened = tokio::task::spawn_blocking(|| SequentialReader::open(from)).await;
            let pipe = opened.map_err(|_| Error::Panicked("reading the archive"))??;
            let (catalog, id) = (Arc::clone(pipe.catalog()), pipe.header().id);
            (Source::Pipe(Box::new(pipe)), catalog, id)
        }
    };
    let mut choice = options.selection.choose(&catalog)?;
    let outside = globals::take(&catalog, &mut choice, options);
    let catalog = map_roles(choice.with_selected_roots(catalog), &options.map_roles)?;
    step("checking the target");
    let (session, second) = (server.connect(None).await?, server.connect(None).await?);
    session.refuse_pooler(&second).await?;
    // The database to restore into, unless it is still to be made.
    let found = match options.resume {
        true => globals::existing_database(&catalog, options, server, &session).await?,
        false => None,
    };
    let target = if options.create { found.as_ref() } else { Some(&session) };
    let left = match target {
        Some(target) => Begun::read_when_alone(target, &monitor).await?,
        None => None,
    };
    let from_file = matches!(source, Source::File(_));
    let streams = Streams { jobs: options.jobs, skips_wal: workers::skips_wal(&session).await? };
    let mut begins = Begun::new(&archive, streams, from_file);
    let resumes = options.resume && left.is_some();
    if let Some(left) = &left {
        match (options.resume, options.clean) {
            (true, _) => begins.goes_on_with(left)?,
            (false, Clean::All | Clean::IfExists)
                if begins.archive == left.archive
                    && left.entries.iter().all(|id| is_chosen(&choice, *id)) => {}
            (false, _) => return Err(begins.is_in_the_way(left)),
        }
    }
    if let Some(left) = left.as_ref().filter(|_| resumes) {
        let others = catalog.entries.iter().filter(|entry| !left.entries.contains(&entry.id));
        others.for_each(|entry| choice.leave_out(entry.id as usize - 1));
    }
    let asked = preflight::Asked { from_file, unfinished: left.is_some() };
    preflight::check(&session, target, &catalog, options, &mut choice, asked).await?;
    if session.version().major() < TAKES_STATISTICS {
        let statistics =
            catalog.entries.iter().enumerate().filter(|(_, entry)| entry.kind == STATISTICS_DATA);
        statistics.for_each(|(place, _)| choice.leave_out(place));
    }
    let mut shared = Shared {
        catalog,
        choice,
        outside,
        options: options.clone(),
        monitor,
        streams,
        begun: None,
        resumes,
        to_note: Mutex::default(),
        left_out: Mutex::default(),
        slowest: Mutex::default(),
        running: Mutex::default(),
        counts: Mutex::default(),
    };
    begins.statements = shared.statements(match &source {
        Source::File(archive) => archive.index().tables.iter().map(|table| table.blocks.len()).sum(),
        Source::Pipe(_) => 0,
    });
    begins.entries =
        shared.catalog.entries.iter().filter(|entry| shared.wants(entry)).map(|entry| entry.id).collect();
    shared.begun = match left {
        Some(left) if resumes => {
            begins.goes_on_with_options_of(&left)?;
            Some(left)
        }
        _ => marker::may_be_kept(&shared, target).await?.then_some(begins),
    };
    drop(found);
    let mut sessions = vec![session, second];
    for _ in 2..shared.options.jobs {
        sessions.push(server.connect(None).await?);
    }
    sessions.truncate(shared.options.jobs);
    if shared.options.create {
        // There are connections enough; the workers will be in the new database.
        sessions.truncate(1);
    }
    Ok(Checked { shared: Arc::new(shared), source, sessions })
}

async fn check_file(archive: &Arc<Archive>) -> Result<(), Error> {
    verify::check_archive(archive).await.map_err(|error| match error {
        verify::Error::Damaged { damages } => Error::Damaged { damages },
        error => Error::ReadBack(error),
    })
}

async fn restore(
    shared: &Arc<Shared>,
    server: &Server,
    made: &Made,
    source: Source,
    sessions: Vec<Session>,
) -> Result<Arc<Index>, Error> {
    let mut sessions = globals::enter(shared, server, made, sessions).await?;
    marker::hold(&sessions).await?;
    clean::begin(shared, &sessions).await.map_err(|cause| Error::NotBegun { cause: Box::new(cause) })?;
    shared.step("creating objects");
    let definitions = definitions::definitions(&shared.catalog, |entry| shared.wants(entry));
    let mut data = Data { archive: None, index: None };
    sessions = workers::run(shared, &data, sessions, definitions, 0).await?;
    let index = match source {
        Source::File(archive) => {
            let (_, index) = archive.shared();
            data.archive = Some(archive);
            index
        }
        Source::Pipe(pipe) => {
            shared.step("loading rows as they arrive");
            let loaded = pipe::load(shared, *pipe, sessions).await;
            let (index, workers) = loaded.map_err(|error| Error::NothingLoaded {
                cause: Box::new(error),
                place: made.place(),
                holds_others: holds_others(shared, made),
            })?;
            if let Some(commit) = shared.commit() {
                for session in &workers {
                    session.batch(commit).await?;
                }
            }
            sessions = workers;
            Arc::new(index)
        }
    };
    data.index = Some(Arc::clone(&index));
    let budget = workers::budget(first(&sessions)?, &shared.options).await?;
    let plan = prepare(shared, &index, data.archive.is_some(), &budget);
    match &data.archive {
        Some(_) => {
            shared.step("loading rows, building indexes and constraints");
            shared.monitor.report(Event::Total(loaded(shared, &index).map(|table| table.raw_bytes).sum()));
        }
        None => shared.step("building indexes and constraints"),
    }
    sessions = workers::run(shared, &data, sessions, plan.tasks, budget.bytes).await?;
    let session = first(&sessions)?;
    shared.step("restoring privileges");
    statements::in_order(shared, session, &plan.acls).await?;
    shared.step("refreshing materialized views");
    statements::set_as_in_source(shared, session).await?;
    // Each may take long: none is sent before the one ahead of it has ended well.
    for place in &plan.last {
        let started = Instant::now();
        statements::execute(shared, session, &[*place]).await?;
        shared.took(shared.catalog.entries[*place].label(), started.elapsed());
    }
    statements::finish(shared, session, &plan.events).await?;
    Ok(index)
}

/// The plan for what comes behind the definitions.
fn prepare(shared: &Shared, index: &Index, from_file: bool, budget: &Budget) -> Plan {
    // A restore that goes on loads the same blocks together as the one that began.
    let streams = shared.begun.as_ref().map_or(shared.streams, |begun| begun.streams);
    let rows = if from_file { Rows::InArchive(streams) } else { Rows::Loaded };
    let existing = plan::loads_into_existing(&shared.catalog, &|place| shared.choice.contains(place));
    let references = if existing { references(&shared.catalog, |_| true) } else { References::new() };
    let memory = |statement: &str, table: &Table, rows: &TableIndex| budget.share(statement, table, rows);
    let wants = |entry: &Entry| shared.wants(entry);
    plan::plan(&shared.catalog, index, rows, shared.options.verify, &references, &memory, wants)
}

/// The session for what runs in order. There is one for each job, and a job at least.
fn first(sessions: &[Session]) -> Result<&Session, Error> {
    sessions.first().ok_or(Error::Panicked("every worker"))
}
