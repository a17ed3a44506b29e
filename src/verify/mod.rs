//! Verify: the rows of an archive beside those of a live database, table by table, all in one snapshot. Nothing is written.

mod error;
mod read;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

pub use error::Error;
pub use read::Found;
pub(crate) use read::read;

use crate::archive::check::{self, Depth};
use crate::archive::{Archive, Catalog, Index, Table};
use crate::pg::{
    self, CancelHandle, Candidate, ConnectConfig, Moment, Session, Snapshot, SnapshotOptions, Wanted, column,
};
use crate::progress::{Event, Monitor};
use crate::selection::{Choice, Selection, of_partial_dump};

/// lock_not_available
const NO_LOCK: &str = "55P03";

/// Tables of users in the snapshot, each with its columns that COPY knows.
const LIVE: &str = "\
    SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind = 'p' AS is_partitioned, \
           EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
                   AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e') AS of_extension, \
           a.names, a.types \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    CROSS JOIN LATERAL (SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) AS names, \
                               pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS types \
                        FROM pg_catalog.pg_attribute a \
                        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') a \
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' \
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";

/// The options of a comparison.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// How many workers, at least 1.
    pub jobs: usize,
    /// What of the archive, and of the database, is compared.
    pub selection: Selection,
    /// How long to wait for the lock on a table. Zero waits forever.
    pub lock_wait_timeout: Duration,
    /// Whether the blocks of the archive are known to be sound: else they are checked first.
    pub is_sound: bool,
}

/// How the rows of a table in the archive and in the database go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The same rows, whatever their order.
    Equal,
    /// Other rows, or other columns.
    Different {
        /// In which way.
        what: String,
    },
    /// The database has no such table.
    Missing,
    /// The archive holds no rows of such a table.
    Extra,
}

/// A table that was compared.
#[derive(Debug, Clone)]
pub struct Compared {
    /// Schema and name. Rows that are loaded through a partitioned table are compared with all of it.
    pub table: String,
    /// What was found.
    pub verdict: Verdict,
    /// Its rows in the archive.
    pub archive: Option<Found>,
    /// Its rows in the database, where they were read.
    pub database: Option<Found>,
}

/// What a comparison has found.
#[derive(Debug, Clone)]
pub struct VerifySummary {
    /// Every table, by name.
    pub tables: Vec<Compared>,
    /// Rows read in the database.
    pub rows: u64,
    /// Bytes of COPY data read.
    pub bytes: u64,
    /// Wall-clock time.
    pub elapsed: Duration,
}

impl VerifySummary {
    /// How many tables have a verdict.
    pub fn count(&self, is: impl Fn(&Verdict) -> bool) -> usize {
        self.tables.iter().filter(|table| is(&table.verdict)).count()
    }

    /// Whether nothing is different, missing or extra.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(|table| table.verdict == Verdict::Equal)
    }
}

/// Tables of the archive that are compared together.
struct Item {
    /// The table to read, with its root if that has one.
    table: u32,
    /// Those that have the same root.
    others: Vec<u32>,
    label: String,
}

/// What all workers share.
struct Work {
    config: ConnectConfig,
    snapshot: Snapshot,
    catalog: Arc<Catalog>,
    index: Arc<Index>,
    live: BTreeMap<(String, String), Live>,
    items: Mutex<VecDeque<Item>>,
    /// Items that a worker got no lock for.
    refused: Mutex<Vec<Item>>,
    compared: Mutex<Vec<Compared>>,
    bytes: Mutex<u64>,
    cancels: Cancels,
    monitor: Arc<dyn Monitor>,
}

/// A table of the database.
struct Live {
    oid: u32,
    is_partitioned: bool,
    of_extension: bool,
    /// Names and types.
    columns: Vec<(String, String)>,
}

/// Ends the statements of all sessions.
type Cancels = Arc<Mutex<Vec<CancelHandle>>>;

/// A worker that panicked has failed the comparison; what it left behind a mutex is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compares. `interrupt` ends it early. Needs a multi-threaded tokio runtime.
///
/// # Errors
///
/// Differences are none. After an error nothing is known.
pub async fn run(
    config: &ConnectConfig,
    archive: Arc<Archive>,
    options: &VerifyOptions,
    monitor: Arc<dyn Monitor>,
    interrupt: impl Future<Output = ()>,
) -> Result<VerifySummary, Error> {
    let cancels = Cancels::default();
    let compared = tokio::select! {
        compared = compare(config, archive, options, monitor, &cancels) => compared,
        () = interrupt => Err(Error::Interrupted),
    };
    if compared.is_err() {
        let cancels = std::mem::take(&mut *locked(&cancels));
        pg::cancel_all(cancels).await;
    }
    compared
}

/// Checks every block of an archive.
///
/// # Errors
///
/// [`Error::Damaged`].
pub async fn check_archive(archive: &Arc<Archive>) -> Result<(), Error> {
    let archive = Arc::clone(archive);
    let checked = tokio::task::spawn_blocking(move || {
        let threads = available_parallelism().map_or(1, usize::from);
        check::check(&archive, Depth::Full, threads, &mut |_, _| ())
    });
    let damages = checked.await.map_err(|_| Error::Panicked("checking the archive"))?.err();
    damages.map_or(Ok(()), |damages| Err(Error::damaged(damages)))
}

async fn compare(
    config: &ConnectConfig,
    archive: Arc<Archive>,
    options: &VerifyOptions,
    monitor: Arc<dyn Monitor>,
    cancels: &Cancels,
) -> Result<VerifySummary, Error> {
    let started = Instant::now();
    let step = |step: &str| monitor.report(Event::Step(step.to_owned()));
    if !options.is_sound {
        step("checking the archive");
        check_archive(&archive).await?;
    }
    let (catalog, index) = archive.shared();
    let choice = options.selection.choose(&catalog)?;
    let catalog = choice.with_selected_roots(catalog);
    step("locking tables and taking the snapshot");
    let wants_table = |table: &Candidate, path: &[String]| {
        let names: Vec<_> =
            table.names.iter().map(|(schema, name)| (schema.as_str(), name.as_str())).collect();
        options.selection.wants_table(&names, table.extension.as_deref(), path)
    };
    let some: Option<&Wanted> = if options.selection.is_partial() { Some(&wants_table) } else { None };
    let locking = SnapshotOptions { lock_wait_timeout: options.lock_wait_timeout, moment: Moment::default() };
    let mut snapshot = Snapshot::take(config, &locking, some).await?;
    locked(cancels).push(snapshot.leader().cancel_handle());
    let live = live(snapshot.leader()).await?;
    snapshot.set_leader_encoding(&catalog.source.encoding).await?;
    let extra = if of_partial_dump(&catalog) { Vec::new() } else { extra(&catalog, &live, &snapshot) };
    let items = items(&catalog, &index, &choice);
    step("comparing rows");
    let numbers = items.iter().flat_map(|item| item.others.iter().chain([&item.table]));
    monitor.report(Event::Total(numbers.map(|number| index.tables[*number as usize].raw_bytes).sum()));
    let jobs = options.jobs.min(items.len());
    let work = Arc::new(Work {
        config: config.clone(),
        snapshot,
        catalog,
        index,
        live,
        items: Mutex::new(items),
        refused: Mutex::default(),
        compared: Mutex::new(extra),
        bytes: Mutex::default(),
        cancels: Arc::clone(cancels),
        monitor: Arc::clone(&monitor),
    });
    let mut workers = JoinSet::new();
    for _ in 0..jobs {
        workers.spawn(compare_items(Arc::clone(&work)));
    }
    while let Some(ended) = workers.join_next().await {
        ended.unwrap_or(Err(Error::Panicked("a worker")))?;
    }
    let refused = std::mem::take(&mut *locked(&work.refused));
    if !refused.is_empty() {
        work.snapshot.wait_for_locks().await?;
    }
    for item in &refused {
        work.compare(work.snapshot.leader(), item).await?;
    }
    work.snapshot.confirm().await?;
    let mut tables = std::mem::take(&mut *locked(&work.compared));
    tables.sort_by(|one, other| one.table.cmp(&other.table));
    let rows = tables.iter().filter_map(|table| table.database).map(|found| found.rows).sum();
    let bytes = *locked(&work.bytes);
    Ok(VerifySummary { tables, rows, bytes, elapsed: started.elapsed() })
}

/// Compares until nothing is left to compare.
async fn compare_items(work: Arc<Work>) -> Result<(), Error> {
    let mut session = work.join().await?;
    loop {
        let Some(item) = locked(&work.items).pop_front() else { return Ok(()) };
        match work.compare(&session, &item).await {
            // Somebody waits for the table behind the leader, who has the lock already.
            Err(Error::Table { source, .. }) if source.sqlstate() == Some(NO_LOCK) => {
                locked(&work.refused).push(item);
                drop(session);
                session = work.join().await?;
            }
            done => done?,
        }
        // The leader holds the locks; the server has room for a limited number.
        session.give_back_locks().await?;
    }
}

impl Work {
    async fn join(&self) -> Result<Session, Error> {
        let mut session = self.snapshot.join(&self.config).await?;
        session.set_client_encoding(&self.catalog.source.encoding).await?;
        locked(&self.cancels).push(session.cancel_handle());
        Ok(session)
    }

    async fn compare(&self, session: &Session, item: &Item) -> Result<(), Error> {
        let table = &self.catalog.tables[item.table as usize];
        let mut archive = Found::default();
        for number in item.others.iter().chain([&item.table]) {
            let index = &self.index.tables[*number as usize];
            archive.rows += index.rows;
            archive.digest.merge(index.digest);
        }
        let (verdict, database) = match self.obstacle(table) {
            Some(verdict) => (verdict, None),
            None => {
                let mut bytes = 0;
                let mut progress = |read| {
                    bytes += read;
                    self.monitor.report(Event::Advanced(read));
                };
                let found = read(session, &self.catalog, &[table], &mut progress).await?;
                *locked(&self.bytes) += bytes;
                let found = found.first().copied().unwrap_or_default();
                (self.verdict(table, archive, found), Some(found))
            }
        };
        let rows = database.map_or(0, |found| found.rows);
        self.monitor.report(Event::Done(match &verdict {
            Verdict::Equal => format!("table {}: {rows} rows, equal to the archive", item.label),
            _ => format!("table {}: not equal to the archive", item.label),
        }));
        let table = item.label.clone();
        locked(&self.compared).push(Compared { table, verdict, archive: Some(archive), database });
        Ok(())
    }

    /// What makes reading the table useless.
    fn obstacle(&self, table: &Table) -> Option<Verdict> {
        if self.catalog.holds_large_objects(table) {
            return None;
        }
        let Some(live) = self.live_of(table) else { return Some(Verdict::Missing) };
        if live.is_partitioned && table.root.is_none() {
            return Some(Verdict::Different { what: "it is a partitioned table now".to_owned() });
        }
        let here: BTreeSet<&str> = live.columns.iter().map(|(name, _)| name.as_str()).collect();
        let there: BTreeSet<&str> = table.column_names().collect();
        let gone = there.difference(&here).map(|name| format!("the database has no column {name}"));
        let new = here.difference(&there).map(|name| format!("the archive has no column {name}"));
        let what: Vec<String> = gone.chain(new).collect();
        if what.is_empty() { None } else { Some(Verdict::Different { what: what.join(", ") }) }
    }

    fn verdict(&self, table: &Table, archive: Found, database: Found) -> Verdict {
        if archive == database {
            return Verdict::Equal;
        }
        let counts =
            |found: Found| if found.rows == 1 { "1 row".to_owned() } else { format!("{} rows", found.rows) };
        let mut what = if archive.rows == database.rows {
            format!("{}, not the same ones", counts(archive))
        } else {
            format!("{} in the archive, {} in the database", counts(archive), counts(database))
        };
        for column in &table.columns {
            let live = self
                .live_of(table)
                .and_then(|live| live.columns.iter().find(|(name, _)| *name == column.name));
            if let Some((name, type_name)) = live.filter(|(_, type_name)| *type_name != column.type_name) {
                what += &format!("; column {name} is of type {}, here {type_name}", column.type_name);
            }
        }
        Verdict::Different { what }
    }

    /// The table of the database that is read.
    fn live_of(&self, table: &Table) -> Option<&Live> {
        self.live.get(table.root.as_ref().unwrap_or(&(table.schema.clone(), table.name.clone())))
    }
}

/// What is to be compared, the largest first.
fn items(catalog: &Catalog, index: &Index, choice: &Choice) -> VecDeque<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut of_root = BTreeMap::new();
    for (number, table) in (0u32..).zip(&catalog.tables) {
        if !choice.contains(table.entry as usize - 1) {
            continue;
        }
        let label = match &table.root {
            Some((schema, name)) => format!("{schema}.{name}"),
            None => table.label(),
        };
        let place = match &table.root {
            Some(root) => *of_root.entry(root).or_insert(items.len()),
            None => items.len(),
        };
        match items.get_mut(place) {
            Some(item) => item.others.push(number),
            None => items.push(Item { table: number, others: Vec::new(), label }),
        }
    }
    items.sort_by_key(|item| std::cmp::Reverse(index.tables[item.table as usize].raw_bytes));
    items.into()
}

/// Tables in the database that the selection wants and of which the archive holds no rows.
fn extra(catalog: &Catalog, live: &BTreeMap<(String, String), Live>, snapshot: &Snapshot) -> Vec<Compared> {
    let known: BTreeSet<(&str, &str)> =
        catalog.tables.iter().map(|table| (table.schema.as_str(), table.name.as_str())).collect();
    let extra = live.iter().filter(|((schema, name), table)| {
        !table.is_partitioned
            && !table.of_extension
            && snapshot.locked().contains(&table.oid)
            && !known.contains(&(schema.as_str(), name.as_str()))
    });
    extra
        .map(|((schema, name), _)| Compared {
            table: format!("{schema}.{name}"),
            verdict: Verdict::Extra,
            archive: None,
            database: None,
        })
        .collect()
}

/// The tables of the database, by schema and name.
async fn live(session: &Session) -> Result<BTreeMap<(String, String), Live>, Error> {
    let mut live = BTreeMap::new();
    for row in session.query("listing the tables", LIVE, &[]).await? {
        let names: Option<Vec<String>> = column(&row, "names")?;
        let types: Option<Vec<String>> = column(&row, "types")?;
        let table = Live {
            oid: column(&row, "oid")?,
            is_partitioned: column(&row, "is_partitioned")?,
            of_extension: column(&row, "of_extension")?,
            columns: names.into_iter().flatten().zip(types.into_iter().flatten()).collect(),
        };
        live.insert((column(&row, "schema")?, column(&row, "name")?), table);
    }
    Ok(live)
}
