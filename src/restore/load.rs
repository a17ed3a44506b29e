//! Rows from the archive into a table, and back again to compare.

use super::plan::Action;
use super::statements::{DEADLOCK, TRIES};
use super::{Error, Shared, large_object, marker};
use crate::archive::{Archive, BlockDecoder, Digest, Index, Table, Transfer};
use crate::copy_rows::{BINARY_HEADER, BINARY_TRAILER};
use crate::pg::Session;
use crate::pg::copy::CopyIn;
use crate::progress::{Event, Monitor};
use crate::sql;
use crate::verify::{self, Found};

/// A block with fewer raw bytes is decoded at once: to let another thread take over meanwhile takes longer.
const SMALL: u64 = 64 << 10;

/// Carries out loads of rows in one transaction, with the note of them; again when the server chose it to break a deadlock.
pub async fn load(
    shared: &Shared,
    archive: &Archive,
    session: &mut Session,
    tasks: &[&Action],
) -> Result<(), Error> {
    let mut loaded = Loaded { monitor: &*shared.monitor, bytes: 0, told: 0 };
    for _ in 1..TRIES {
        match load_once(shared, archive, session, tasks, &mut loaded).await {
            Err(Error::Load { table, source })
                if source.sqlstate() == Some(DEADLOCK) && shared.commit().is_some() =>
            {
                tracing::debug!("loading table {table} is tried again: {source}");
                give_up(shared, session).await?;
                loaded.bytes = 0;
            }
            result => return result,
        }
    }
    load_once(shared, archive, session, tasks, &mut loaded).await
}

/// How many raw bytes were loaded. What is loaded again is told once.
pub struct Loaded<'a> {
    monitor: &'a dyn Monitor,
    bytes: u64,
    told: u64,
}

impl Loaded<'_> {
    /// More bytes were.
    pub fn advance(&mut self, bytes: u64) {
        self.bytes += bytes;
        if self.bytes > self.told {
            self.monitor.report(Event::Advanced(self.bytes - self.told));
            self.told = self.bytes;
        }
    }
}

async fn load_once(
    shared: &Shared,
    archive: &Archive,
    session: &mut Session,
    tasks: &[&Action],
    loaded: &mut Loaded<'_>,
) -> Result<(), Error> {
    let mut first = begin(shared);
    let mut decoder = BlockDecoder::new(archive.header().id)?;
    for task in tasks {
        load_one(shared, archive, &mut decoder, session, task, first, loaded).await?;
        first = "";
    }
    let names = tasks.iter().filter_map(|task| marker::of_rows(task));
    let note = shared.note(names).map(|note| note + ";").unwrap_or_default();
    Ok(session.batch(&format!("{note} {}", commit(shared))).await?)
}

/// Loads blocks of a table with one COPY, behind the statement that is to come `first`; contents of large objects otherwise. To
/// freeze rows, the server must see that the table was emptied in the same transaction.
async fn load_one(
    shared: &Shared,
    archive: &Archive,
    decoder: &mut BlockDecoder,
    session: &mut Session,
    task: &Action,
    first: &str,
    loaded: &mut Loaded<'_>,
) -> Result<(), Error> {
    let Action::Load { table: number, blocks, freeze } = task else {
        return Err(Error::Panicked("the plan"));
    };
    let table = &shared.catalog.tables[*number as usize];
    let failed = |source| Error::Load { table: table.label(), source };
    let blocks = &archive.index().tables[*number as usize].blocks[blocks.clone()];
    if shared.catalog.holds_large_objects(table) {
        session.batch(first).await.map_err(failed)?;
        return large_object::load(archive, session, table, blocks, loaded).await;
    }
    let mut first = first.to_owned();
    if *freeze {
        first += &format!("; TRUNCATE ONLY {}", sql::qualified(&table.schema, &table.name));
    }
    // Rows travel in the encoding they were dumped in, and the server converts; statements do not.
    session.set_client_encoding(&shared.catalog.source.encoding).await.map_err(failed)?;
    let first = async { if first.is_empty() { Ok(()) } else { session.batch(&first).await.map_err(failed) } };
    // In this order, and in one round trip.
    let ((), mut copy) = tokio::try_join!(biased; first, Copy::start(session, table, *freeze))?;
    let runtime = tokio::runtime::Handle::current();
    for block in blocks {
        if block.raw_len < SMALL {
            let mut rows = Vec::new();
            decoder.decode_in_pieces(table, archive.block(block)?, |piece| {
                rows.extend_from_slice(piece);
                Ok::<(), Error>(())
            })?;
            copy.send(rows).await?;
        } else {
            // Piece by piece: a row may be as long as a gigabyte.
            tokio::task::block_in_place(|| {
                let send = |rows: &[u8]| runtime.block_on(copy.send(rows.to_vec()));
                decoder.decode_in_pieces(table, archive.block(block)?, send)
            })?;
        }
        archive.give_back(block);
        copy.sent += u64::from(block.rows);
        loaded.advance(block.raw_len);
    }
    copy.finish().await
}

/// Nothing begins or ends where everything is one transaction, unless a table may fail.
fn begin(shared: &Shared) -> &'static str {
    match (shared.begin(), shared.may_leave_out()) {
        (Some(begin), _) => begin,
        (None, true) => "SAVEPOINT load",
        (None, false) => "",
    }
}

fn commit(shared: &Shared) -> &'static str {
    match (shared.commit(), shared.may_leave_out()) {
        (Some(commit), _) => commit,
        (None, true) => "RELEASE SAVEPOINT load",
        (None, false) => "",
    }
}

/// After a load that has failed, what came before it stays.
pub async fn give_up(shared: &Shared, session: &Session) -> Result<(), Error> {
    let rollback = if shared.commit().is_some() { "ROLLBACK" } else { "ROLLBACK TO SAVEPOINT load" };
    Ok(session.batch(rollback).await?)
}

/// A COPY into a table that is running.
pub struct Copy<'a> {
    copy: CopyIn<'a>,
    table: &'a Table,
    /// Rows that were sent; whoever sends them counts them.
    pub sent: u64,
}

impl<'a> Copy<'a> {
    /// Starts it. `freeze`: the table was truncated in the same transaction.
    pub async fn start(session: &'a Session, table: &'a Table, freeze: bool) -> Result<Self, Error> {
        let started = CopyIn::start(session, &copy_in_statement(table, freeze)).await;
        let copy = started.map_err(|source| Error::Load { table: table.label(), source })?;
        let mut copy = Copy { copy, table, sent: 0 };
        if table.transfer == Transfer::Binary {
            copy.send(BINARY_HEADER.to_vec()).await?;
        }
        Ok(copy)
    }

    /// Sends rows, or pieces of them.
    pub async fn send(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let sent = self.copy.send(bytes).await;
        sent.map_err(|source| Error::Load { table: self.table.label(), source })
    }

    /// Ends it; the server has taken all rows.
    pub async fn finish(mut self) -> Result<(), Error> {
        if self.table.transfer == Transfer::Binary {
            self.send(BINARY_TRAILER.to_vec()).await?;
        }
        let (table, sent) = (self.table.label(), self.sent);
        match self.copy.finish().await {
            Ok(taken) if taken == sent => Ok(()),
            Ok(taken) => Err(Error::RowCount { table, sent, taken }),
            Err(source) => Err(Error::Load { table, source }),
        }
    }
}

fn copy_in_statement(table: &Table, freeze: bool) -> String {
    let (schema, name) =
        table.root.as_ref().map_or((&table.schema, &table.name), |(schema, name)| (schema, name));
    let columns = sql::idents(table.column_names());
    let columns = if columns.is_empty() { String::new() } else { format!(" ({columns})") };
    let freeze = if freeze { ", FREEZE" } else { "" };
    format!(
        "COPY {}{columns} FROM STDIN (FORMAT {}{freeze})",
        sql::qualified(schema, name),
        table.transfer.format().name()
    )
}

/// Reads a table back and compares rows and digest with the archive. `others` are loaded through the same root, and read with it.
pub async fn verify(
    shared: &Shared,
    index: &Index,
    session: &mut Session,
    number: u32,
    others: &[u32],
) -> Result<(), Error> {
    session.set_client_encoding(&shared.catalog.source.encoding).await?;
    let table = &shared.catalog.tables[number as usize];
    let (mut expected_rows, mut expected) = (0, Digest::default());
    for number in others.iter().chain([&number]) {
        let index = &index.tables[*number as usize];
        expected_rows += index.rows;
        expected.merge(index.digest);
    }
    let Found { rows, digest } = verify::read(session, &shared.catalog, table, &mut |_| ()).await?;
    if (rows, digest) != (expected_rows, expected) {
        return Err(Error::Different {
            table: table.label(),
            rows,
            digest: digest.to_string(),
            expected_rows,
            expected_digest: expected.to_string(),
        });
    }
    shared.monitor.report(Event::Done(format!("table {}: {rows} rows, equal to the archive", table.label())));
    Ok(())
}
