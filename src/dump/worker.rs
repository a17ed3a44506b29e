//! A worker: one session on the snapshot that reads chunk after chunk and hands blocks to the writer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Error;
use super::budget::{Budget, Share};
use super::buffers::Buffers;
use super::encode::{EncoderPool, Encoding};
use super::plan::{Chunk, copy_statement};
use super::writer::ToWriter;
use crate::archive::{self, BlockPosition};
use crate::copy_rows::RowSplitter;
use crate::pg::{self, CancelHandle, ConnectConfig, Session, Snapshot};
use crate::progress::{Event, Monitor};
use crate::sql;

/// Rows are cut into blocks of about this size. Larger blocks compress a little better and cost every job more memory.
pub const BLOCK_BYTES: usize = 4 << 20;
/// How many blocks of a worker may be in encoding before it waits for the oldest.
const ENCODING_AHEAD: usize = 2;

/// After so many chunks a worker gives back the locks on what it has read, which the leader holds anyway: the server has room for
/// a limited number.
const CHUNKS_LOCKED: usize = 200;

/// lock_not_available
const NO_LOCK: &str = "55P03";

/// What all workers share.
pub struct Work {
    /// How to connect.
    pub config: ConnectConfig,
    /// What every session sees.
    pub snapshot: Snapshot,
    /// The encoding of the rows.
    pub encoding: String,
    /// The archive's catalog: the tables.
    pub catalog: Arc<archive::Catalog>,
    /// The OID of each table.
    pub oids: Vec<u32>,
    /// What is still to be read.
    pub chunks: Mutex<VecDeque<Chunk>>,
    /// Chunks that a worker got no lock for.
    pub refused: Mutex<Vec<Chunk>>,
    /// Ends the statements of all workers.
    pub cancels: Arc<Mutex<Vec<CancelHandle>>>,
    /// Chunks left per table, to tell when a table is done.
    pub left: Mutex<Vec<(u32, u64)>>,
    /// Bounds the bytes between the workers and the file.
    pub budget: Arc<Budget>,
    /// For rows and blocks.
    pub buffers: Arc<Buffers>,
    /// Where blocks are encoded.
    pub encoders: Arc<EncoderPool>,
    /// Set when the dump has failed or was interrupted.
    pub stopped: AtomicBool,
    /// Who wants to know.
    pub monitor: Arc<dyn Monitor>,
}

impl Work {
    async fn join(&self) -> Result<Session, Error> {
        let mut session = self.snapshot.join(&self.config).await?;
        session.set_client_encoding(&self.encoding).await?;
        locked(&self.cancels).push(session.cancel_handle());
        Ok(session)
    }
}

/// A worker that panicked has failed the dump; what it left behind a mutex is whole.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads chunks until none is left.
pub async fn run(work: Arc<Work>, blocks: SyncSender<ToWriter>) -> Result<(), Error> {
    let mut session = work.join().await?;
    for number in 1.. {
        let Some(chunk) = locked(&work.chunks).pop_front() else { break };
        match read_chunk(&work, &session, &chunk, &blocks).await {
            // Somebody waits for the table behind our own lock, and everybody else behind him: a deadlock that the server
            // cannot see. The leader has that lock already.
            Err(Error::NoLock) => {
                locked(&work.refused).push(chunk);
                drop(session);
                session = work.join().await?;
            }
            done => done?,
        }
        if number % CHUNKS_LOCKED == 0 {
            session.batch("ROLLBACK TO SAVEPOINT joined").await?;
        }
    }
    Ok(())
}

/// Reads the chunks that workers got no lock for, on the session that holds the locks.
pub async fn run_refused(work: &Arc<Work>, blocks: &SyncSender<ToWriter>) -> Result<(), Error> {
    let refused = std::mem::take(&mut *locked(&work.refused));
    if !refused.is_empty() {
        work.snapshot.wait_for_locks().await?;
    }
    for chunk in refused {
        read_chunk(work, work.snapshot.leader(), &chunk, blocks).await?;
    }
    Ok(())
}

async fn read_chunk(
    work: &Arc<Work>,
    session: &Session,
    chunk: &Chunk,
    blocks: &SyncSender<ToWriter>,
) -> Result<(), Error> {
    let table = &work.catalog.tables[chunk.table as usize];
    let name = table.label();
    let statement = copy_statement(table, chunk.part);
    let mut reading = Reading {
        work,
        table: &name,
        splitter: RowSplitter::new(table.transfer.format()),
        next: BlockPosition { chunk: chunk.number, sequence: 0 },
        number: chunk.table,
        encoding: VecDeque::new(),
        blocks,
        rows: 0,
    };
    let check = check_name(session, table, work.oids[chunk.table as usize]);
    let copied = pg::copy::copy_out_then(session, &statement, |bytes| reading.push(bytes), check).await;
    let untouched = reading.next.sequence == 0;
    let (sent, checked) = copied.map_err(|error| match error {
        Error::Server(source) if untouched && source.sqlstate() == Some(NO_LOCK) => Error::NoLock,
        Error::Server(source) => Error::Table { table: name.clone(), source },
        other => other,
    })?;
    let rows = reading.finish()?;
    if rows != sent {
        return Err(Error::RowCount { table: name, rows, sent });
    }
    checked?;
    let mut left = locked(&work.left);
    let (chunks, total) = &mut left[chunk.table as usize];
    *chunks -= 1;
    *total += rows;
    if *chunks == 0 {
        work.monitor.report(Event::Done(format!("table {name}: {total} rows")));
    }
    Ok(())
}

/// COPY found the table by its name, and the lock on a table does not keep its schema from being renamed: another table may have
/// taken its place. What the name means is asked past the snapshot, as COPY does.
async fn check_name(session: &Session, table: &archive::Table, oid: u32) -> Result<(), Error> {
    // In ASCII: a text would be taken for one in the encoding of the rows.
    let name: String =
        sql::qualified(&table.schema, &table.name).bytes().map(|byte| format!("{byte:02x}")).collect();
    let statement = format!(
        "SELECT pg_catalog.to_regclass(pg_catalog.convert_from(pg_catalog.decode('{name}', 'hex'), 'UTF8'))::pg_catalog.oid AS oid"
    );
    let rows = session.ask("checking the name of a table", &statement).await?;
    let now: Option<u32> = rows.first().and_then(|row| pg::column(row, "oid").ok());
    if now == Some(oid) { Ok(()) } else { Err(Error::Renamed { table: table.label() }) }
}

/// A chunk being read.
struct Reading<'a> {
    work: &'a Work,
    table: &'a str,
    splitter: RowSplitter,
    next: BlockPosition,
    number: u32,
    encoding: VecDeque<Encoding>,
    blocks: &'a SyncSender<ToWriter>,
    rows: u64,
}

impl Reading<'_> {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.work.stopped.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        self.splitter.push(bytes).map_err(|source| Error::Stream { table: self.table.to_owned(), source })?;
        // The rows before a huge one do not wait for it: it gets a block of its own, which takes less memory.
        if self.splitter.ready() > 0 && self.splitter.held() >= BLOCK_BYTES {
            self.cut(self.work.buffers.take())
        } else {
            Ok(())
        }
    }

    /// Gives the complete rows to the encoders, and what they have finished to the writer. What comes next goes into `room`.
    fn cut(&mut self, room: Vec<u8>) -> Result<(), Error> {
        let rows = self.splitter.take(room);
        if rows.count > 0 {
            self.rows += rows.count;
            let share = self.share(rows.bytes.len())?;
            self.encoding.push_back(self.work.encoders.start(self.number, self.next, rows.bytes, share));
            self.next.sequence += 1;
        }
        while self.encoding.len() > ENCODING_AHEAD {
            self.hand_over_oldest()?;
        }
        Ok(())
    }

    /// Waits for memory; first for that which this worker itself holds.
    fn share(&mut self, bytes: usize) -> Result<Share, Error> {
        loop {
            if let Some(share) = self.work.budget.try_take(bytes) {
                return Ok(share);
            }
            if self.encoding.is_empty() {
                return Ok(tokio::task::block_in_place(|| self.work.budget.take(bytes)));
            }
            self.hand_over_oldest()?;
        }
    }

    fn hand_over_oldest(&mut self) -> Result<(), Error> {
        let Some(oldest) = self.encoding.pop_front() else { return Ok(()) };
        // Both waits keep the memory bounded; they hold up this worker only.
        tokio::task::block_in_place(|| {
            let (block, share) = oldest.wait()?;
            self.work.monitor.report(Event::Advanced(block.info.raw_len));
            self.blocks.send(ToWriter::Block(block, share)).map_err(|_| Error::WriterGone)
        })
    }

    fn finish(mut self) -> Result<u64, Error> {
        self.cut(Vec::new())?;
        while !self.encoding.is_empty() {
            self.hand_over_oldest()?;
        }
        self.splitter.finish().map_err(|source| Error::Stream { table: self.table.to_owned(), source })?;
        Ok(self.rows)
    }
}
