//! Dump: one consistent snapshot of a database into one archive file.
//!
//! `run` coordinates: locks and snapshot, catalog, plan, then N workers that read and encode, and one writer.

mod budget;
mod buffers;
mod convert;
mod disk;
mod encode;
mod error;
mod neighbour;
mod options;
mod plan;
mod publish;
mod worker;
mod writer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

pub use error::Error;
pub use options::{DumpOptions, Output};
pub use publish::{PARTIAL, Unpublished};

use crate::archive::{self, ArchiveId, Header, Source, Stats};
use crate::catalog::{self, Inventory, Object, Relation};
use crate::pg::{
    self, CancelHandle, Candidate, ConnectConfig, Purpose, Session, Snapshot, SnapshotOptions, Wanted,
};
use crate::progress::{Event, Monitor};
use crate::selection::{Choice, Selection};
use crate::sql;
use budget::Budget;
use buffers::Buffers;
use disk::Disk;
use encode::EncoderPool;
use neighbour::Rate;
use plan::Split;
use publish::storage;
use worker::{BLOCK_BYTES, Work, locked};
use writer::{ToWriter, Writer};

/// Bytes of rows on their way from the server to the file, per worker.
const BUDGET_PER_JOB: usize = 4 * BLOCK_BYTES;
/// So many large objects are named in an error.
const NAMED: usize = 10;
/// The kinds that take long to read of many tables and that definitions alone do without.
const OF_ROWS: [&str; 3] = ["TABLE DATA", "SEQUENCE SET", "STATISTICS DATA"];
/// How often the catalog is read because definitions change meanwhile.
const TRIES: usize = 3;
/// The last look at the snapshot may take this long; a session that does not answer is lost.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(30);

/// What a dump has done.
#[derive(Debug, Clone)]
pub struct DumpSummary {
    /// Where the archive is.
    pub archive: Output,
    /// Entries in the archive.
    pub objects: usize,
    /// Tables with rows to dump.
    pub tables: usize,
    /// Rows.
    pub rows: u64,
    /// Bytes of COPY data read.
    pub bytes_in: u64,
    /// Bytes of the archive file.
    pub bytes_out: u64,
    /// Wall-clock time.
    pub elapsed: Duration,
    /// Tables whose rows travelled as text, each with the reason.
    pub text_tables: Vec<(String, String)>,
    /// What connects something selected with something that is not, and is left out for that.
    pub left_out: Vec<String>,
    /// What selected objects need and the archive does not hold, because it is not selected.
    pub needs_outside: Vec<String>,
    /// What the database holds and the archive does not, though it is selected.
    pub uncovered: Vec<String>,
}

/// Dumps a database. `interrupt` ends it early and leaves nothing behind. Needs a multi-threaded tokio runtime.
///
/// # Errors
///
/// Nothing stands under the archive's name then that was not there before; what went to standard output has no footer and
/// is no archive.
pub async fn run(
    config: &ConnectConfig,
    options: &DumpOptions,
    monitor: Arc<dyn Monitor>,
    interrupt: impl Future<Output = ()>,
) -> Result<DumpSummary, Error> {
    // Before anything happens on the server: a place that cannot be written to is known now.
    match &options.output {
        Output::File(path) => {
            let unpublished = Unpublished::create(path, options.force)?;
            let started = Instant::now();
            let mut summary = write(config, options, monitor, unpublished.file(), interrupt).await?;
            unpublished.publish(options.force)?;
            summary.elapsed = started.elapsed();
            Ok(summary)
        }
        Output::Stdout => {
            let stdout = stdout().map_err(storage("open", options.output.path()))?;
            write(config, options, monitor, &stdout, interrupt).await
        }
    }
}

/// As [`run`], into a file that is open: `options` say only what it is called. It is whole and durable then, and has no name of
/// its own.
///
/// # Errors
///
/// What is in the file then is no archive.
pub async fn write(
    config: &ConnectConfig,
    options: &DumpOptions,
    monitor: Arc<dyn Monitor>,
    file: &File,
    interrupt: impl Future<Output = ()>,
) -> Result<DumpSummary, Error> {
    let started = Instant::now();
    let cancels = Arc::default();
    let written = tokio::select! {
        written = write_archive(config, options, &monitor, file, &cancels) => written,
        () = interrupt => Err(Error::Interrupted),
        error = too_long(options.max_duration) => Err(error),
    };
    match written {
        Ok(summary) => Ok(DumpSummary { elapsed: started.elapsed(), ..summary }),
        Err(error) => {
            let cancels = std::mem::take(&mut *locked(&cancels));
            pg::cancel_all(cancels).await;
            Err(error)
        }
    }
}

/// The databases of a server that can be dumped: all that take connections and are no templates.
///
/// # Errors
///
/// As those of a connection.
pub async fn databases(config: &ConnectConfig) -> Result<Vec<String>, pg::Error> {
    let session = Session::connect(config, Purpose::Dump, "pgsnap").await?;
    let sql = "SELECT datname::pg_catalog.text AS name FROM pg_catalog.pg_database \
               WHERE datallowconn AND NOT datistemplate ORDER BY datname";
    let rows = session.ask("listing the databases", sql).await?;
    rows.iter().map(|row| pg::column(row, "name")).collect()
}

/// The error of a dump that takes longer than it may, after that time.
async fn too_long(limit: Option<Duration>) -> Error {
    match limit {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            Error::TooLong { limit }
        }
        None => std::future::pending().await,
    }
}

/// Standard output without the buffer that cuts it into lines.
fn stdout() -> std::io::Result<File> {
    Ok(File::from(std::io::stdout().as_fd().try_clone_to_owned()?))
}

/// Writes the whole archive into the file and makes it durable.
async fn write_archive(
    config: &ConnectConfig,
    options: &DumpOptions,
    monitor: &Arc<dyn Monitor>,
    file: &File,
    cancels: &Arc<Mutex<Vec<CancelHandle>>>,
) -> Result<DumpSummary, Error> {
    let step = |text: &str| monitor.report(Event::Step(text.to_owned()));
    let selection = &options.selection;
    let (mut snapshot, helper, inventory) = look(config, options, &step, cancels).await?;
    refuse_half_restored(&inventory)?;
    let source = source(&snapshot, &inventory, selection).await?;
    let encoding = snapshot.leader().server_encoding().to_owned();
    snapshot.set_leader_encoding(&encoding).await?;
    let splittable = snapshot.leader().version().major() >= 14;
    let header = Header::new(ArchiveId::random()?, source.snapshot_time);
    let oids: Vec<u32> = inventory.objects.iter().map(|object| object.id.oid).collect();
    let (catalog, relations) = convert::catalog(source, inventory);
    let choice = selection.choose(&catalog)?;
    refuse_unlocked(&catalog, &choice, &oids, snapshot.locked())?;
    let needs_outside = needs_outside(&catalog, &choice);
    let (catalog, numbers) = selection.prune(catalog, &choice);
    let mut by_number: Vec<_> = relations.into_iter().map(Some).collect();
    let relations: Vec<_> = numbers.iter().filter_map(|number| by_number[*number as usize].take()).collect();
    let catalog = Arc::new(catalog);
    refuse_unreadable(&relations)?;
    let measures: Vec<plan::Measure<'_>> = relations
        .iter()
        .map(|relation| plan::Measure {
            bytes: relation.bytes,
            split: if !relation.large_objects.is_empty() {
                Split::LargeObjects(&relation.large_objects)
            } else if splittable && relation.is_heap && relation.condition.is_none() {
                Split::Pages(relation.pages)
            } else {
                Split::Never
            },
        })
        .collect();
    let chunks = plan::chunks(&measures, options.split_above);
    let oids = relations.iter().map(|relation| relation.oid).collect();

    step("dumping rows");
    monitor.report(Event::Total(measures.iter().map(|measure| measure.bytes).sum()));
    drop(relations);
    let path = options.output.path();
    let open = || file.try_clone().map_err(storage("open", path));
    let jobs = options.jobs.min(chunks.len());
    let buffers = Arc::new(Buffers::new(jobs));
    let to = match options.output {
        Output::File(_) => Disk::past_the_cache(open()?),
        Output::Stdout => Disk::cached(open()?),
    };
    let (writer, blocks) = Writer::start(to, Arc::clone(&buffers), path.to_owned(), &header, &catalog)?;
    let work = Arc::new(Work {
        config: config.clone(),
        snapshot,
        joined: Mutex::new((jobs > 1).then_some(helper)),
        encoding,
        oids,
        refused: Mutex::default(),
        cancels: Arc::clone(cancels),
        left: Mutex::new(chunks_per_table(&chunks, catalog.tables.len())),
        chunks: Mutex::new(VecDeque::from(chunks)),
        rate: options.rate_limit.map(Rate::new),
        budget: Budget::new((jobs + 1) * BUDGET_PER_JOB),
        buffers: Arc::clone(&buffers),
        encoders: Arc::new(EncoderPool::new(
            Arc::clone(&catalog),
            Arc::clone(&buffers),
            header.id,
            options.level,
        )?),
        catalog: Arc::clone(&catalog),
        stopped: AtomicBool::new(false),
        monitor: Arc::clone(monitor),
    });
    let read = tokio::select! {
        read = read_tables(&work, jobs, blocks) => read,
        () = neighbour::watch_snapshot(&work, options.warn_snapshot_age) => Err(Error::Interrupted),
    };
    let stats = outcome(read, writer.join().await)?;
    // A pipe has no disk.
    if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        step("making the archive durable");
        let (file, path) = (open()?, path.to_owned());
        let synced =
            tokio::task::spawn_blocking(move || file.sync_all().map_err(storage("make durable", &path)));
        synced.await.unwrap_or(Err(Error::Panicked("syncing the archive")))?;
    }
    Ok(DumpSummary {
        archive: options.output.clone(),
        objects: catalog.entries.len(),
        tables: catalog.tables.len(),
        rows: stats.rows,
        bytes_in: stats.raw_bytes,
        bytes_out: stats.file_bytes,
        elapsed: Duration::ZERO,
        text_tables: text_tables(&catalog),
        left_out: choice.left_out,
        needs_outside,
        uncovered: catalog.source.uncovered.clone(),
    })
}

/// Takes a snapshot and reads the catalog in it; again, when something was changed that no lock protects.
async fn look(
    config: &ConnectConfig,
    options: &DumpOptions,
    step: &(dyn Fn(&str) + Sync),
    cancels: &Mutex<Vec<CancelHandle>>,
) -> Result<(Snapshot, Session, Inventory), Error> {
    let selection = &options.selection;
    let wants_table = |table: &Candidate, path: &[String]| {
        let names: Vec<_> =
            table.names.iter().map(|(schema, name)| (schema.as_str(), name.as_str())).collect();
        selection.wants_table(&names, table.extension.as_deref(), path)
    };
    let some: Option<&Wanted> = if selection.is_partial() { Some(&wants_table) } else { None };
    let locking =
        SnapshotOptions { lock_wait_timeout: options.lock_wait_timeout, moment: options.moment.clone() };
    let mut attempt = 1;
    loop {
        step("locking tables and taking the snapshot");
        let snapshot = Snapshot::take(config, &locking, some).await?;
        locked(cancels).push(snapshot.leader().cancel_handle());
        step("reading the catalog");
        let helper = snapshot.join(config).await?;
        locked(cancels).push(helper.cancel_handle());
        let read = async {
            let inventory = introspect(&snapshot, &helper, options).await?;
            let changed = snapshot.changes(config).await?;
            if changed.is_empty() { Ok(inventory) } else { Err(Error::Changing { objects: changed }) }
        };
        let trouble = match read.await {
            Ok(inventory) => return Ok((snapshot, helper, inventory)),
            Err(error) if attempt < TRIES && error.may_be_a_race() => error,
            Err(Error::Catalog(catalog::Error::Server(error))) => {
                return Err(snapshot.explain(config, error).await.into());
            }
            Err(error) => return Err(error),
        };
        tracing::info!("attempt {attempt} to read the catalog: {trouble}");
        attempt += 1;
    }
}

/// Reads the catalog; where only a part is wanted, without asking for what a role may not be allowed to read in others.
async fn introspect(
    snapshot: &Snapshot,
    helper: &Session,
    options: &DumpOptions,
) -> Result<Inventory, Error> {
    let (leader, locked) = (snapshot.leader(), snapshot.locked());
    let DumpOptions { selection, roles, .. } = options;
    if !selection.is_partial() {
        return Ok(catalog::introspect(leader, helper, locked, None, *roles).await?);
    }
    let path = snapshot.search_path();
    let reads_sequence = |schema: &str, name: &str, of_configuration: bool| {
        (of_configuration && !selection.options().extensions.is_empty())
            || selection.wants_table(&[(schema, name)], None, path)
    };
    let reads_kind = |kind: &str| !(selection.options().schema_only && OF_ROWS.contains(&kind));
    let scope = catalog::Scope { reads_kind: &reads_kind, reads_sequence: &reads_sequence };
    Ok(catalog::introspect(leader, helper, locked, Some(&scope), *roles).await?)
}

/// The definition of a table is only sound under its lock: which tables are wanted has been decided twice.
fn refuse_unlocked(
    catalog: &archive::Catalog,
    choice: &Choice,
    oids: &[u32],
    locked: &BTreeSet<u32>,
) -> Result<(), Error> {
    for (place, entry) in catalog.entries.iter().enumerate() {
        if entry.kind == "TABLE" && choice.selects(place) && !locked.contains(&oids[place]) {
            return Err(catalog::Error::Unlocked { relation: entry.qualified_name() }.into());
        }
    }
    Ok(())
}

/// A sentence for each thing that selected objects need and that is not selected. Not told of schemas: where tables are selected
/// by name, these never come along.
fn needs_outside(catalog: &archive::Catalog, choice: &Choice) -> Vec<String> {
    let mut needed: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (need, by) in choice.missing_needs(catalog) {
        if !choice.selects(need) && catalog.entries[need].kind != "SCHEMA" {
            needed.entry(need).or_default().push(by);
        }
    }
    let sentence = |(need, by): (usize, Vec<usize>)| {
        let first = by.first().map_or_else(String::new, |by| catalog.entries[*by].label());
        let others = if by.len() > 1 { format!(" and {} more", by.len() - 1) } else { String::new() };
        format!("{}, by {first}{others}", catalog.entries[need].label())
    };
    needed.into_iter().map(sentence).collect()
}

/// A database into which a restore has brought a part of an archive is not one to be kept.
fn refuse_half_restored(inventory: &Inventory) -> Result<(), Error> {
    let is_note = |object: &Object| object.kind == "SCHEMA" && object.name == sql::RESTORE_NOTE;
    if inventory.objects.iter().any(is_note) { Err(Error::HalfRestored) } else { Ok(()) }
}

/// Large objects that the role may not read are known before the first row is.
fn refuse_unreadable(relations: &[Relation]) -> Result<(), Error> {
    let objects = relations.iter().flat_map(|relation| &relation.large_objects);
    let unreadable: Vec<String> =
        objects.filter(|object| !object.readable).map(|object| object.oid.to_string()).collect();
    if unreadable.is_empty() {
        return Ok(());
    }
    let mut oids = unreadable[..unreadable.len().min(NAMED)].join(", ");
    if unreadable.len() > NAMED {
        oids += &format!(" and {} more", unreadable.len() - NAMED);
    }
    Err(Error::LargeObjectsDenied { oids })
}

/// When the writer fails, the workers fail for want of it; when they fail, the writer is left without its last message.
fn outcome(read: Result<(), Error>, written: Result<Stats, Error>) -> Result<Stats, Error> {
    match (read, written) {
        (Ok(()) | Err(Error::WriterGone), written) => written,
        (Err(cause), _) => Err(cause),
    }
}

/// For each table: chunks left to read, and rows read so far.
fn chunks_per_table(chunks: &[plan::Chunk], tables: usize) -> Vec<(u32, u64)> {
    let mut left = vec![(0, 0); tables];
    for chunk in chunks {
        left[chunk.table as usize].0 += 1;
    }
    left
}

fn text_tables(catalog: &archive::Catalog) -> Vec<(String, String)> {
    let reason = |table: &archive::Table| Some((table.label(), table.text_reason.clone()?));
    catalog.tables.iter().filter_map(reason).collect()
}

/// Runs the workers; the first error stops all of them. At the end nothing is left to be read, all of it comes from the one
/// snapshot, and the writer knows.
async fn read_tables(work: &Arc<Work>, jobs: usize, blocks: SyncSender<ToWriter>) -> Result<(), Error> {
    let _stop = StopWhenDropped(Arc::clone(work));
    let mut workers = JoinSet::new();
    workers.spawn(worker::lead(Arc::clone(work), blocks.clone()));
    for _ in 1..jobs {
        workers.spawn(worker::run(Arc::clone(work), blocks.clone()));
    }
    let mut result = Ok(());
    while let Some(ended) = workers.join_next().await {
        let ended = ended.unwrap_or(Err(Error::Panicked("a worker")));
        if result.is_ok() && ended.is_err() {
            work.stopped.store(true, Ordering::Relaxed);
            result = ended;
            let cancels = std::mem::take(&mut *locked(&work.cancels));
            pg::cancel_all(cancels).await;
        }
    }
    result?;
    if worker::again(work) {
        worker::lead(Arc::clone(work), blocks.clone()).await?;
    }
    let left = locked(&work.left).iter().position(|(chunks, _)| *chunks > 0);
    if let Some(table) = left {
        return Err(Error::Unread { table: work.catalog.tables[table].label() });
    }
    let confirmed = tokio::time::timeout(CONFIRM_PATIENCE, work.snapshot.confirm()).await;
    confirmed.map_err(|_| Error::SnapshotLost)?.map_err(|_| Error::SnapshotLost)?;
    tokio::task::block_in_place(|| blocks.send(ToWriter::Finish)).map_err(|_| Error::WriterGone)
}

/// Workers may be busy outside the reach of an aborted task; this tells them.
struct StopWhenDropped(Arc<Work>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}

/// What the archive says of where it comes from.
async fn source(snapshot: &Snapshot, inventory: &Inventory, selection: &Selection) -> Result<Source, Error> {
    let leader = snapshot.leader();
    let rows = leader
        .query(
            "read the database's properties",
            "SELECT d.datname::text AS database, pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding, \
             d.datcollate::text AS collate, d.datctype::text AS ctype, \
             pg_catalog.current_setting('server_version') AS server_version \
             FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()",
            &[],
        )
        .await?;
    let row = rows.first().ok_or_else(|| pg::Error::Protocol {
        what: "reading the database's properties".to_owned(),
        cause: "pg_database does not list the database".to_owned(),
        statement: None,
    })?;
    Ok(Source {
        pgsnap_version: env!("CARGO_PKG_VERSION").to_owned(),
        server_version_num: leader.version().number(),
        server_version: pg::column(row, "server_version")?,
        database: pg::column(row, "database")?,
        encoding: pg::column(row, "encoding")?,
        collate: pg::column(row, "collate")?,
        ctype: pg::column(row, "ctype")?,
        snapshot_time: snapshot.time(),
        extensions: inventory
            .extensions
            .iter()
            .map(|(name, schema, version)| archive::Extension {
                name: name.clone(),
                schema: schema.clone(),
                version: version.clone(),
            })
            .collect(),
        roles: inventory.roles.clone(),
        policy_roles: inventory.policy_roles.clone(),
        settings: inventory.settings.clone(),
        uncovered: inventory.uncovered.iter().filter(|line| concerns(selection, line)).cloned().collect(),
    })
}

/// Whether a selection is about what a line of the catalog's list of uncovered things names.
fn concerns(selection: &Selection, line: &str) -> bool {
    let options = selection.options();
    if line.starts_with("subscription ") {
        selection.is_everything() && !options.no_subscriptions && !options.data_only
    } else if line.ends_with(" large objects") {
        selection.is_everything() && !options.no_large_objects && !options.schema_only
    } else {
        true
    }
}
