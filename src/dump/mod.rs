//! Dump: one consistent snapshot of a database into one archive file.
//!
//! `run` coordinates: locks and snapshot, catalog, plan, then N workers that read and encode, and one writer.

mod convert;
mod encode;
mod error;
mod options;
mod plan;
mod publish;
mod worker;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

pub use error::Error;
pub use options::DumpOptions;

use crate::archive::{self, ArchiveId, ArchiveWriter, EncodedBlock, Header, Source};
use crate::catalog::{self, Inventory};
use crate::pg::{ConnectConfig, Session, Snapshot, SnapshotOptions};
use crate::progress::{Event, Monitor};
use encode::EncoderPool;
use publish::Unpublished;
use worker::{Work, locked};

/// Blocks that may wait for the writer.
const WRITER_QUEUE: usize = 4;
/// How long the clean-up after a failure waits for the server to take a cancel request.
const CANCEL_PATIENCE: Duration = Duration::from_secs(2);

/// What a dump has done.
#[derive(Debug, Clone)]
pub struct DumpSummary {
    /// Where the archive is.
    pub archive: PathBuf,
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
    /// What the database holds and the archive does not.
    pub uncovered: Vec<String>,
}

/// Dumps a database. `interrupt` ends it early and leaves nothing behind. Needs a multi-threaded tokio runtime.
pub async fn run(
    config: &ConnectConfig,
    options: &DumpOptions,
    monitor: Arc<dyn Monitor>,
    interrupt: impl Future<Output = ()>,
) -> Result<DumpSummary, Error> {
    let started = Instant::now();
    // Before anything happens on the server: a place that cannot be written to is known now.
    let (unpublished, file) = Unpublished::create(&options.output, options.force)?;
    let durable = file.try_clone().map_err(publish::storage("open", &options.output))?;
    let mut summary = tokio::select! {
        written = write_archive(config, options, &monitor, file) => written?,
        () = interrupt => return Err(Error::Interrupted),
    };
    monitor.report(Event::Step("publishing".to_owned()));
    unpublished.publish(&durable, options.force)?;
    summary.elapsed = started.elapsed();
    Ok(summary)
}

async fn write_archive(
    config: &ConnectConfig,
    options: &DumpOptions,
    monitor: &Arc<dyn Monitor>,
    file: File,
) -> Result<DumpSummary, Error> {
    let step = |text: &str| monitor.report(Event::Step(text.to_owned()));
    step("locking tables and taking the snapshot");
    let mut snapshot =
        Snapshot::take(config, &SnapshotOptions { lock_wait_timeout: options.lock_wait_timeout }).await?;
    step("reading the catalog");
    let inventory = catalog::introspect(snapshot.leader(), snapshot.locked()).await?;
    let source = source(snapshot.leader(), &inventory).await?;
    let splittable = snapshot.leader().version().major() >= 14;
    let header = Header::new(ArchiveId::random()?, source.snapshot_time);
    let (catalog, relations) = convert::catalog(source, inventory);
    let measures: Vec<plan::Measure> = relations
        .iter()
        .map(|relation| plan::Measure {
            bytes: relation.heap_bytes + relation.toast_bytes,
            pages: relation.pages,
            splittable: splittable && relation.is_heap,
        })
        .collect();
    let chunks = plan::chunks(&measures, options.split_above);
    let encoding = snapshot.leader().server_encoding().to_owned();
    snapshot.set_leader_encoding(&encoding).await?;
    let catalog = Arc::new(catalog);

    step("dumping rows");
    monitor.report(Event::Total(measures.iter().map(|measure| measure.bytes).sum()));
    let (sender, receiver) = sync_channel(WRITER_QUEUE);
    let writer = Writer::start(file, header.clone(), Arc::clone(&catalog), options, receiver);
    let work = Arc::new(Work {
        config: config.clone(),
        snapshot,
        encoding,
        refused: Mutex::default(),
        cancels: Mutex::default(),
        chunks: Mutex::new(chunks.iter().cloned().collect::<VecDeque<_>>()),
        left: Mutex::new(chunks_per_table(&chunks, catalog.tables.len())),
        encoders: Arc::new(EncoderPool::new(Arc::clone(&catalog), header.id, options.level)?),
        catalog: Arc::clone(&catalog),
        stopped: AtomicBool::new(false),
        monitor: Arc::clone(monitor),
    });
    let read = read_tables(&work, options.jobs.min(chunks.len()), sender).await;
    let written = writer.join().await;
    // When the writer fails, the workers fail for want of it: its error is the cause.
    let stats = match (read, written) {
        (Err(Error::Panicked(_)), Err(cause)) | (Ok(()), Err(cause)) => return Err(cause),
        (Err(cause), _) => return Err(cause),
        (Ok(()), Ok(stats)) => stats,
    };
    if !work.snapshot.is_alive() {
        return Err(Error::SnapshotLost);
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
        uncovered: catalog.source.uncovered.clone(),
    })
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

/// Runs the workers; the first error stops all of them.
async fn read_tables(work: &Arc<Work>, jobs: usize, blocks: SyncSender<EncodedBlock>) -> Result<(), Error> {
    let _stop = StopWhenDropped(Arc::clone(work));
    let mut workers = JoinSet::new();
    for _ in 0..jobs {
        workers.spawn(worker::run(Arc::clone(work), blocks.clone()));
    }
    let mut result = Ok(());
    while let Some(ended) = workers.join_next().await {
        let ended = ended.unwrap_or(Err(Error::Panicked("a worker")));
        if result.is_ok() && ended.is_err() {
            work.stopped.store(true, Ordering::Relaxed);
            result = ended;
            let cancels = std::mem::take(&mut *locked(&work.cancels));
            for cancel in cancels {
                // A server that cannot be reached has no statement of ours to cancel.
                let _ = tokio::time::timeout(CANCEL_PATIENCE, cancel.cancel()).await;
            }
        }
    }
    result?;
    worker::run_refused(work, &blocks).await
}

/// Workers may be busy outside the reach of an aborted task; this tells them.
struct StopWhenDropped(Arc<Work>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}

/// What the archive says of where it comes from.
async fn source(leader: &Session, inventory: &Inventory) -> Result<Source, Error> {
    let rows = leader
        .query(
            "read the database's properties",
            "SELECT d.datname::text AS database, pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding, \
             d.datcollate::text AS collate, d.datctype::text AS ctype, \
             (pg_catalog.date_part('epoch', pg_catalog.transaction_timestamp()) * 1000000)::pg_catalog.int8 AS snapshot_time, \
             pg_catalog.current_setting('server_version') AS server_version \
             FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()",
            &[],
        )
        .await?;
    let row = rows.first().ok_or(Error::Panicked("reading the database's properties"))?;
    Ok(Source {
        pgsnap_version: env!("CARGO_PKG_VERSION").to_owned(),
        server_version_num: leader.version().number(),
        server_version: row.get("server_version"),
        database: row.get("database"),
        encoding: row.get("encoding"),
        collate: row.get("collate"),
        ctype: row.get("ctype"),
        snapshot_time: row.get("snapshot_time"),
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
        uncovered: inventory.uncovered.clone(),
    })
}

/// The thread that owns the file.
struct Writer(tokio::task::JoinHandle<Result<archive::Stats, Error>>);

impl Writer {
    fn start(
        file: File,
        header: Header,
        catalog: Arc<archive::Catalog>,
        options: &DumpOptions,
        blocks: Receiver<EncodedBlock>,
    ) -> Self {
        let path = options.output.clone();
        Writer(tokio::task::spawn_blocking(move || {
            let mut archive =
                ArchiveWriter::create(BufWriter::with_capacity(1 << 20, file), &header, &catalog)?;
            for block in blocks {
                archive.append(&block)?;
            }
            let (mut file, stats) = archive.finish()?;
            file.flush().map_err(publish::storage("write to", &path))?;
            Ok(stats)
        }))
    }

    async fn join(self) -> Result<archive::Stats, Error> {
        self.0.await.unwrap_or(Err(Error::Panicked("the writer")))
    }
}
