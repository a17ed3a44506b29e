//! A worker: one session on the snapshot that reads chunk after chunk and hands blocks to the writer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Error;
use super::budget::{Budget, Share};
use super::buffers::Buffers;
use super::encode::{EncoderPool, Encoding};
use super::neighbour::Rate;
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
    for number in 1.. {
        let Some(chunk) = locked(&work.chunks).pop_front() else { break };
        if let Err(error) = read_chunk(work, session, &chunk, blocks).await {
            // Somebody waits for the table behind our own lock, and everybody else behind him: a deadlock that the server
            // cannot see. The leader has that lock already.
            if matches!(error, Error::NoLock) {
                locked(&work.refused).push(chunk);
            }
            return Err(error);
        }
        if number % CHUNKS_LOCKED == 0 {
            session.give_back_locks().await?;
        }
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
        unpaid: 0,
        expected: chunk.bytes,
    };
    if table.condition.is_some() {
        let refused = session.refuse_several(&statement).await;
        refused.map_err(|source| Error::Table { table: name.clone(), source })?;
    }
    let copied =
        pg::copy::copy_out_and_ask(session, &statement, &named_now(table), |bytes| reading.push(bytes)).await;
    let untouched = reading.next.sequence == 0;
    let (sent, oid) = copied.map_err(|error| match error {
        Error::Server(source) if untouched && source.sqlstate() == Some(NO_LOCK) => Error::NoLock,
        Error::Server(source) => Error::Table { table: name.clone(), source },
        other => other,
    })?;
    let rows = reading.finish()?;
    if rows != sent {
        return Err(Error::RowCount { table: name, rows, sent });
    }
    if oid.and_then(|oid| oid.parse().ok()) != Some(work.oids[chunk.table as usize]) {
        return Err(Error::Renamed { table: name });
    }
    let mut left = locked(&work.left);
    let (chunks, total) = &mut left[chunk.table as usize];
    *chunks -= 1;
    *total += rows;
    if *chunks == 0 {
        work.monitor.report(Event::Done(format!("table {name}: {total} rows")));
    }
    Ok(())
}

/// Asks which table the name means. COPY found it by its name, and the lock on a table does not keep its schema from being renamed:
/// another table may have taken its place. The answer goes past the snapshot, as COPY does.
fn named_now(table: &archive::Table) -> String {
    let name = sql::literal(&sql::qualified(&table.schema, &table.name));
    format!("SELECT pg_catalog.to_regclass({name})::pg_catalog.oid")
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
    /// Bytes that the rate limit has not been told of.
    unpaid: usize,
    /// What is left of the bytes that the plan has for it.
    expected: u64,
}

impl Reading<'_> {
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
        self.splitter.finish().map_err(|source| Error::Stream { table: self.table.to_owned(), source })?;
        Ok(self.rows)
    }
}
