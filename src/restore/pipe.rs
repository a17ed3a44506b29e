//! The rows of an archive that arrives through a pipe. Whether it is whole is known at its end, so the workers load it in
//! transactions that stay open until then: either all of its rows are committed, or none.
//!
//! Tables are not truncated first, as they are when a task loads one alone: the lock that this takes would be held to the end
//! of the archive, and the server reads the definition of one table while it loads another (a column that has the row type of
//! a table). One worker would wait for the other, and that one for the pipe, where no server sees the deadlock.
//!
//! Foreign keys come behind the rows, but for those that an extension makes between its tables or within one. Rows of such tables are
//! loaded at the end, in order, by one worker: rows of another's transaction are none for a foreign key.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinSet, spawn_blocking};

use super::load::Copy;
use super::{Error, Shared, large_object};
use crate::archive::{
    ArchiveId, ArrivedBlock, BlockDecoder, BlockInfo, Catalog, Contents, Index, SequentialReader,
};
use crate::pg::{Session, column};
use crate::progress::Event;

/// What comes out of a pipe.
pub type Pipe = SequentialReader<Box<dyn Read + Send>>;

/// KiB of blocks and their rows between the pipe and the server, for each worker and for one more.
const BUDGET_PER_JOB: usize = 16 << 10;
/// Blocks that may wait for one worker, beside the budget.
const QUEUE: usize = 64;
/// Bytes of blocks that may wait for the end: extensions keep their configuration in such tables.
const HELD_BYTES: u64 = 64 << 20;

/// A block with its share of the budget.
type Arrived = (ArrivedBlock, Option<OwnedSemaphorePermit>);

/// Loads all blocks that come. When it ends well, all of the archive has come, all of it is right, and each session is in a
/// transaction that has loaded a part of the rows and waits for its COMMIT.
pub async fn load(
    shared: &Arc<Shared>,
    pipe: Pipe,
    sessions: Vec<Session>,
) -> Result<(Index, Vec<Session>), Error> {
    let id = pipe.header().id;
    let contents = Arc::new(Mutex::new(Contents::new(&shared.catalog)));
    let in_order = match sessions.first() {
        Some(session) => in_order(session, &shared.catalog).await?,
        None => BTreeSet::new(),
    };
    let mut workers = JoinSet::new();
    let mut queues = Vec::new();
    for session in sessions {
        let (queue, blocks) = channel(QUEUE);
        queues.push(queue);
        let worker = Worker { shared: Arc::clone(shared), contents: Arc::clone(&contents), session, blocks };
        workers.spawn(worker.run(id));
    }
    let of_all = Arc::clone(shared);
    let reading = spawn_blocking(move || distribute(pipe, &of_all.catalog, &in_order, &queues));
    let read = async { reading.await.unwrap_or(Err(Error::Panicked("reading the archive"))) };
    let work = async {
        let mut sessions = Vec::new();
        while let Some(ended) = workers.join_next().await {
            sessions.push(ended.unwrap_or(Err(Error::Panicked("a worker")))?);
        }
        Ok(sessions)
    };
    // The first error ends it, whether or not another byte comes.
    let (pipe, sessions) = tokio::try_join!(read, work)?;
    let contents = std::mem::replace(&mut *locked(&contents), Contents::new(&shared.catalog));
    let finished = spawn_blocking(move || pipe.finish(contents)).await;
    let index = finished.map_err(|_| Error::Panicked("reading the archive"))??;
    Ok((index, sessions))
}

/// Gives each block to a worker. Stops when there is no more, or when a worker is gone, which then tells why.
fn distribute(
    mut pipe: Pipe,
    catalog: &Catalog,
    in_order: &BTreeSet<u32>,
    queues: &[Sender<Arrived>],
) -> Result<Pipe, Error> {
    let (mut held, mut held_bytes) = (Vec::new(), 0);
    let limit = (queues.len() + 1) * BUDGET_PER_JOB;
    let budget = Arc::new(Semaphore::new(limit));
    let mut last_tables = vec![None; queues.len()];
    loop {
        let admit = |info: &BlockInfo| {
            let kib = usize::try_from((info.stored_len + info.raw_len) >> 10).unwrap_or(limit);
            // What is larger than the whole budget passes alone.
            let kib = u32::try_from((kib + 1).min(limit)).unwrap_or(u32::MAX);
            Handle::current().block_on(Arc::clone(&budget).acquire_many_owned(kib)).ok()
        };
        let Some(arrived) = pipe.next_block(admit)? else { break };
        let table = arrived.0.info.table;
        if in_order.contains(&table) {
            held_bytes += arrived.0.info.stored_len;
            if held_bytes > HELD_BYTES {
                return Err(Error::TooManyInOrder { table: catalog.tables[table as usize].label() });
            }
            held.push(arrived.0);
            continue;
        }
        let waiting: Vec<usize> =
            queues.iter().map(|queue| queue.max_capacity() - queue.capacity()).collect();
        let worker = choose(&waiting, &last_tables, table);
        last_tables[worker] = Some(table);
        if queues[worker].blocking_send(arrived).is_err() {
            return Ok(pipe);
        }
    }
    // Entries stand behind those that they need.
    held.sort_by_key(|block| catalog.tables[block.info.table as usize].entry);
    for block in held {
        if queues[0].blocking_send((block, None)).is_err() {
            break;
        }
    }
    Ok(pipe)
}

/// The tables of extensions whose rows refer to others, and these. The archive does not say which refer to themselves, the extension in
/// the target does.
async fn in_order(session: &Session, catalog: &Catalog) -> Result<BTreeSet<u32>, Error> {
    let sql = "SELECT DISTINCT n.nspname::text AS schema, c.relname::text AS name \
               FROM pg_catalog.pg_constraint f \
               CROSS JOIN LATERAL (VALUES (f.conrelid), (f.confrelid)) t (relation) \
               JOIN pg_catalog.pg_class c ON c.oid = t.relation \
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE f.contype = 'f'";
    let mut names: BTreeSet<(String, String)> = BTreeSet::new();
    for row in session.ask("asking for foreign keys", sql).await? {
        names.insert((column(&row, "schema")?, column(&row, "name")?));
    }
    let configurations = catalog.entries.iter().filter(|entry| catalog.is_configuration(entry));
    let numbers = configurations.filter_map(|entry| entry.table);
    let is_named = |number: &u32| {
        let table = &catalog.tables[*number as usize];
        names.contains(&(table.schema.clone(), table.name.clone()))
    };
    Ok(numbers.filter(is_named).collect())
}

/// The worker for a block: one that is loading its table anyway, unless that lets another one idle.
fn choose(waiting: &[usize], last_tables: &[Option<u32>], table: u32) -> usize {
    let least = waiting.iter().min().copied().unwrap_or(0);
    let loads_table = |worker: &usize| last_tables[*worker] == Some(table) && waiting[*worker] <= least + 1;
    let by_table = (0..waiting.len()).find(loads_table);
    by_table.or_else(|| waiting.iter().position(|count| *count == least)).unwrap_or(0)
}

/// One session and the blocks it is to load.
struct Worker {
    shared: Arc<Shared>,
    contents: Arc<Mutex<Contents>>,
    session: Session,
    blocks: Receiver<Arrived>,
}

impl Worker {
    /// Loads blocks until no more will come; a COPY for as many blocks of one table as come in a row. Contents of large
    /// objects take no COPY. Blocks of tables that are not wanted are only checked.
    async fn run(mut self, id: ArchiveId) -> Result<Session, Error> {
        let Worker { shared, contents, session, blocks } = &mut self;
        let catalog = &shared.catalog;
        if let Some(begin) = shared.begin() {
            session.batch(begin).await?;
        }
        session.set_client_encoding(&catalog.source.encoding).await?;
        let mut decoder = BlockDecoder::new(id)?;
        let mut next = blocks.recv().await;
        while let Some((block, _)) = &next {
            let number = block.info.table;
            let table = &catalog.tables[number as usize];
            let is_wanted = shared.loads(number) && !shared.needs_what_is_left_out(shared.entry_of(number));
            let mut copy = match is_wanted && !catalog.holds_large_objects(table) {
                true => Some(Copy::start(session, table, false).await?),
                false => None,
            };
            while let Some((block, share)) = next.take_if(|(block, _)| block.info.table == number) {
                let mut rows = Vec::new();
                let content = tokio::task::block_in_place(|| block.read(&mut decoder, table, &mut rows))?;
                locked(contents).add(catalog, &block, content);
                let bytes = rows.len() as u64;
                if let Some(copy) = &mut copy {
                    copy.send(rows).await?;
                    copy.sent += u64::from(block.info.rows);
                } else if is_wanted {
                    large_object::write(session, table, &rows).await?;
                }
                if is_wanted {
                    shared.monitor.report(Event::Advanced(bytes));
                }
                drop(share);
                next = blocks.recv().await;
            }
            if let Some(copy) = copy {
                copy.finish().await?;
            }
        }
        Ok(self.session)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_stays_with_its_worker_unless_another_idles() {
        let last_tables = [Some(1), None, Some(2)];
        assert_eq!(choose(&[0, 0, 0], &last_tables, 2), 2);
        assert_eq!(choose(&[0, 0, 1], &last_tables, 2), 2);
        assert_eq!(choose(&[1, 0, 2], &last_tables, 2), 1);
        assert_eq!(choose(&[3, 2, 2], &last_tables, 9), 1);
        assert_eq!(choose(&[3, 2, 2], &last_tables, 1), 0);
    }
}
