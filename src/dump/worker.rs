//! A worker: one session on the snapshot that reads chunk after chunk and hands blocks to the writer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Error;
use super::budget::{Budget, Share};
use super::buffers::{Buffers, SMALL};
use super::encode::{EncoderPool, Encoding};
use super::neighbour::Rate;
use super::plan::{Chunk, Part, copy_statement};
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

/// How many tables are read in one round trip at most, and how large they are together. The workers share out what is left.
const TOGETHER: usize = 16;
const BYTES_TOGETHER: u64 = 256 << 10;

/// The rate limit is asked after so many bytes, not for each row.
const PAID_AT_ONCE: usize = 64 << 10;

/// lock_not_available
const NO_LOCK: &str = "55P03";

/// What all workers share.
pub struct Work {
    /// How to connect.
    pub config: ConnectConfig,
    /// What every session sees.
    pub snapshot: Snapshot,
    /// A session on it that nobody uses any more.
    pub joined: Mutex<Option<Session>>,
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
    /// Bounds how fast rows are read.
    pub rate: Option<Rate>,
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
    /// What to read next: a chunk, or several tables that are so small that a round trip for each would take longer than their
    /// rows.
    fn next(&self) -> Vec<Chunk> {
        let mut left = locked(&self.chunks);
        let mut chunks = Vec::from_iter(left.pop_front());
        let mut bytes = chunks.first().map_or(u64::MAX, |chunk| self.bytes_together(chunk));
        while let Some(next) = left.front().filter(|_| chunks.len() < TOGETHER) {
            bytes = bytes.saturating_add(self.bytes_together(next));
            if bytes > BYTES_TOGETHER {
                break;
            }
            chunks.extend(left.pop_front());
        }
        chunks
    }

    /// What a chunk counts among those that are read together. A part of a table may be more than was measured, and a condition
    /// has locks of its own.
    fn bytes_together(&self, chunk: &Chunk) -> u64 {
        let is_plain =
            chunk.part == Part::Whole && self.catalog.tables[chunk.table as usize].condition.is_none();
        if is_plain { chunk.bytes } else { u64::MAX }
    }

    async fn join(&self) -> Result<Session, Error> {
        let joined = locked(&self.joined).take();
        let mut session = match joined {
            Some(session) => session,
            None => self.snapshot.join(&self.config).await?,
        };
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
    while let Err(error) = read_chunks(&work, &session, &blocks).await {
        match error {
            Error::NoLock => {
                drop(session);
                session = work.join().await?;
            }
            error => return Err(error),
        }
    }
    Ok(())
}

/// The same on the session that holds the locks. That of a table is never waited for there; those of its indexes are.
pub async fn lead(work: Arc<Work>, blocks: SyncSender<ToWriter>) -> Result<(), Error> {
    work.snapshot.wait_for_locks().await?;
    read_chunks(&work, work.snapshot.leader(), &blocks).await
}

/// Makes the chunks that workers got no lock for the ones to read next. Whether there are any.
pub fn again(work: &Work) -> bool {
    let refused = std::mem::take(&mut *locked(&work.refused));
    locked(&work.chunks).extend(refused);
    !locked(&work.chunks).is_empty()
}

async fn read_chunks(
    work: &Arc<Work>,
    session: &Session,
    blocks: &SyncSender<ToWriter>,
) -> Result<(), Error> {
    let mut read = 0;
    loop {
        let chunks = work.next();
        if chunks.is_empty() {
            return Ok(());
        }
        if let Err(error) = read_together(work, session, &chunks, blocks).await {
            // Somebody waits for the table behind our own lock, and everybody else behind him: a deadlock that the server
            // cannot see. The leader has that lock already.
            if matches!(error, Error::NoLock) {
                locked(&work.refused).extend(chunks);
            }
            return Err(error);
        }
        read += chunks.len();
        if read >= CHUNKS_LOCKED {
            session.give_back_locks().await?;
            read = 0;
        }
    }
}

/// Reads chunks in one round trip.
async fn read_together(
    work: &Arc<Work>,
    session: &Session,
    chunks: &[Chunk],
    blocks: &SyncSender<ToWriter>,
) -> Result<(), Error> {
    let tables: Vec<_> = chunks.iter().map(|chunk| &work.catalog.tables[chunk.table as usize]).collect();
    let copies: Vec<_> =
        chunks.iter().zip(&tables).map(|(chunk, table)| copy_statement(table, chunk.part)).collect();
    let name = |at: usize| tables.get(at).map(|table| table.label()).unwrap_or_default();
    for (copy, table) in copies.iter().zip(&tables).filter(|(_, table)| table.condition.is_some()) {
        let refused = session.refuse_several(copy).await;
        refused.map_err(|source| Error::Table { table: table.label(), source })?;
    }
    let reading_of = |at: usize| Reading::of(work, &chunks[at], name(at), blocks);
    let mut reading = reading_of(0);
    let mut rows = Vec::new();
    let copied =
        pg::copy::copy_out_together(session, &locks(&tables), &copies, &named_now(&tables), |at, bytes| {
            while rows.len() < at {
                let next = reading_of(rows.len() + 1);
                rows.push(std::mem::replace(&mut reading, next).finish()?);
            }
            reading.push(bytes)
        })
        .await;
    let untouched = rows.is_empty() && reading.next.sequence == 0;
    let copied = copied.map_err(|(at, error)| match error {
        Error::Server(source) if untouched && source.sqlstate() == Some(NO_LOCK) => Error::NoLock,
        Error::Server(source) => Error::Table { table: name(at), source },
        other => other,
    })?;
    rows.push(reading.finish()?);
    // The last ones may have had no bytes.
    for at in rows.len()..chunks.len() {
        rows.push(reading_of(at).finish()?);
    }
    let oids = &copied.answers[copied.answers.len().saturating_sub(chunks.len())..];
    for (at, chunk) in chunks.iter().enumerate() {
        let (rows, sent) = (rows[at], copied.rows[at]);
        if rows != sent {
            return Err(Error::RowCount { table: name(at), rows, sent });
        }
        let oid = oids.get(at).and_then(|oid| oid.as_ref()?.parse().ok());
        if oid != Some(work.oids[chunk.table as usize]) {
            return Err(Error::Renamed { table: name(at) });
        }
        let mut left = locked(&work.left);
        let (chunks, total) = &mut left[chunk.table as usize];
        *chunks -= 1;
        *total += rows;
        if *chunks == 0 {
            work.monitor.report(Event::Done(format!("table {}: {total} rows", name(at))));
        }
    }
    Ok(())
}

/// Locks tables that are read together before the first of them is: when there is no lock on one, none has been read. One table
/// needs no statement of its own for that.
fn locks(tables: &[&archive::Table]) -> String {
    if tables.len() == 1 {
        return String::new();
    }
    let names = tables.iter().map(|table| sql::qualified(&table.schema, &table.name));
    let names: Vec<_> = names.map(|name| format!("ONLY {name}")).collect();
    format!("LOCK TABLE {} IN ACCESS SHARE MODE", names.join(", "))
}

/// Asks which tables the names mean. COPY found them by their names, and the lock on a table does not keep its schema from being
/// renamed: another table may have taken its place. The answer goes past the snapshot, as COPY does.
fn named_now(tables: &[&archive::Table]) -> String {
    let names = tables.iter().map(|table| sql::literal(&sql::qualified(&table.schema, &table.name)));
    let oids: Vec<_> =
        names.map(|name| format!("(pg_catalog.to_regclass({name})::pg_catalog.oid)")).collect();
    format!("VALUES {}", oids.join(", "))
}

/// A chunk being read.
struct Reading<'a> {
    work: &'a Work,
    table: String,
    splitter: RowSplitter,
    next: BlockPosition,
    number: u32,
    encoding: VecDeque<Encoding>,
    blocks: &'a SyncSender<ToWriter>,
    rows: u64,
    /// Bytes that the rate limit has not been told of.
    unpaid: usize,
    /// What is left of the bytes that the plan has for it.
    expected: u64,
}

impl<'a> Reading<'a> {
    fn of(work: &'a Work, chunk: &Chunk, table: String, blocks: &'a SyncSender<ToWriter>) -> Self {
        let transfer = &work.catalog.tables[chunk.table as usize].transfer;
        let mut splitter = RowSplitter::new(transfer.format());
        if chunk.bytes >= SMALL as u64 {
            splitter.take(work.buffers.take());
        }
        Reading {
            work,
            table,
            splitter,
            next: BlockPosition { chunk: chunk.number, sequence: 0 },
            number: chunk.table,
            encoding: VecDeque::new(),
            blocks,
            rows: 0,
            unpaid: 0,
            expected: chunk.bytes,
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.work.stopped.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        if let Some(rate) = &self.work.rate {
            self.unpaid += bytes.len();
            if self.unpaid >= PAID_AT_ONCE {
                rate.wait(std::mem::take(&mut self.unpaid), &self.work.stopped);
            }
        }
        self.splitter.push(bytes).map_err(|source| Error::Stream { table: self.table.clone(), source })?;
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
        // Both waits keep the memory bounded.
        let (block, share) = oldest.wait()?;
        self.advance(block.info.raw_len.min(self.expected));
        match self.blocks.try_send(ToWriter::Block(block, share)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(block)) => {
                tokio::task::block_in_place(|| self.blocks.send(block)).map_err(|_| Error::WriterGone)
            }
            Err(TrySendError::Disconnected(_)) => Err(Error::WriterGone),
        }
    }

    fn advance(&mut self, bytes: u64) {
        self.expected -= bytes;
        self.work.monitor.report(Event::Advanced(bytes));
    }

    fn finish(mut self) -> Result<u64, Error> {
        if let Some(rate) = &self.work.rate {
            rate.wait(self.unpaid, &self.work.stopped);
        }
        self.cut(Vec::new())?;
        while !self.encoding.is_empty() {
            self.hand_over_oldest()?;
        }
        self.advance(self.expected);
        self.splitter.finish().map_err(|source| Error::Stream { table: self.table.clone(), source })?;
        Ok(self.rows)
    }
}
