//! Rows from the archive into a table, and back again to compare.

use super::plan::Action;
use super::statements::{DEADLOCK, TRIES};
use super::{Error, Shared, large_object, marker};
use crate::archive::{Archive, BlockDecoder, BlockRef, Index, Table, Transfer};
use crate::copy_rows::{BINARY_HEADER, BINARY_TRAILER};
use crate::pg::copy::{CopyIn, copy_in_together};
use crate::pg::{self, Session};
use crate::progress::{Event, Monitor};
use crate::sql;
use crate::verify::{self, Found};

/// Tables with fewer raw bytes are loaded in one round trip.
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
    let mut decoder = BlockDecoder::new(archive.header().id)?;
    let loads = tasks.iter().map(|task| Load::new(shared, archive, task)).collect::<Result<Vec<_>, _>>()?;
    if loads.iter().all(|load| load.is_small(shared)) {
        load_together(shared, archive, &mut decoder, session, &loads, loaded).await?;
    } else {
        let mut first = begin(shared);
        for load in &loads {
            load_one(shared, archive, &mut decoder, session, load, first, loaded).await?;
            first = "";
        }
    }
    let names = tasks.iter().filter_map(|task| marker::of_rows(task));
    let note = shared.note(names).map(|note| note + ";").unwrap_or_default();
    Ok(session.batch(&format!("{note} {}", commit(shared))).await?)
}

/// Blocks of a table that are loaded with one COPY.
struct Load<'a> {
    table: &'a Table,
    blocks: &'a [BlockRef],
    freeze: bool,
}

impl<'a> Load<'a> {
    fn new(shared: &'a Shared, archive: &'a Archive, task: &Action) -> Result<Self, Error> {
        let Action::Load { table: number, blocks, freeze } = task else {
            return Err(Error::Panicked("the plan"));
        };
        Ok(Load {
            table: &shared.catalog.tables[*number as usize],
            blocks: &archive.index().tables[*number as usize].blocks[blocks.clone()],
            freeze: *freeze,
        })
    }

    fn bytes(&self) -> u64 {
        self.blocks.iter().map(|block| block.raw_len).sum()
    }

    fn rows(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.rows)).sum()
    }

    /// Whether its rows go with the statement.
    fn is_small(&self, shared: &Shared) -> bool {
        self.bytes() < SMALL && !self.freeze && !shared.catalog.holds_large_objects(self.table)
    }

    fn failed(&self, source: pg::Error) -> Error {
        Error::Load { table: self.table.label(), source }
    }
}

/// Loads small tables in one round trip, behind the statement that begins a transaction.
async fn load_together(
    shared: &Shared,
    archive: &Archive,
    decoder: &mut BlockDecoder,
    session: &mut Session,
    loads: &[Load<'_>],
    loaded: &mut Loaded<'_>,
) -> Result<(), Error> {
    let mut copies = Vec::new();
    for load in loads {
        set_encoding(shared, session, load).await?;
        let is_binary = load.table.transfer == Transfer::Binary;
        let mut bytes = if is_binary { BINARY_HEADER.to_vec() } else { Vec::new() };
        for block in load.blocks {
            decoder.decode_in_pieces(load.table, archive.block(block)?, |piece| {
                bytes.extend_from_slice(piece);
                Ok::<(), Error>(())
            })?;
            archive.give_back(block);
        }
        bytes.extend_from_slice(if is_binary { &BINARY_TRAILER } else { &[] });
        copies.push((copy_in_statement(load.table, false), bytes));
    }
    let copied = copy_in_together(session, begin(shared), &copies).await;
    let all_taken = copied.map_err(|(at, source)| loads[at].failed(source))?;
    for (load, taken) in loads.iter().zip(all_taken) {
        is_complete(load.table, load.rows(), taken)?;
        loaded.advance(load.bytes());
    }
    Ok(())
}

/// Loads blocks of a table with one COPY, behind the statement that is to come `first`; contents of large objects otherwise. To
/// freeze rows, the server must see that the table was emptied in the same transaction.
async fn load_one(
    shared: &Shared,
    archive: &Archive,
    decoder: &mut BlockDecoder,
    session: &mut Session,
    load: &Load<'_>,
    first: &str,
    loaded: &mut Loaded<'_>,
) -> Result<(), Error> {
    let Load { table, blocks, freeze } = load;
    if shared.catalog.holds_large_objects(table) {
        session.batch(first).await.map_err(|source| load.failed(source))?;
        return large_object::load(archive, session, table, blocks, loaded).await;
    }
    let mut first = first.to_owned();
    if *freeze {
        first += &format!("; TRUNCATE ONLY {}", sql::qualified(&table.schema, &table.name));
    }
    set_encoding(shared, session, load).await?;
    let first = async {
        match first.as_str() {
            "" => Ok(()),
            first => session.batch(first).await.map_err(|source| load.failed(source)),
        }
    };
    // In this order, and in one round trip.
    let ((), mut copy) = tokio::try_join!(biased; first, Copy::start(session, table, *freeze))?;
    let runtime = tokio::runtime::Handle::current();
    for block in *blocks {
        // Piece by piece: a row may be as long as a gigabyte.
        tokio::task::block_in_place(|| {
            let send = |rows: &[u8]| runtime.block_on(copy.send(rows.to_vec()));
            decoder.decode_in_pieces(table, archive.block(block)?, send)
        })?;
        archive.give_back(block);
        copy.sent += u64::from(block.rows);
        loaded.advance(block.raw_len);
    }
    copy.finish().await
}

/// Rows travel in the encoding they were dumped in, and the server converts; statements do not.
async fn set_encoding(shared: &Shared, session: &mut Session, load: &Load<'_>) -> Result<(), Error> {
    let set = session.set_client_encoding(&shared.catalog.source.encoding).await;
    set.map_err(|source| load.failed(source))
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
        let taken = self.copy.finish().await;
        let taken = taken.map_err(|source| Error::Load { table: self.table.label(), source })?;
        is_complete(self.table, self.sent, taken)
    }
}

/// An error unless the server has taken all rows of a table.
pub fn is_complete(table: &Table, sent: u64, taken: u64) -> Result<(), Error> {
    if sent == taken { Ok(()) } else { Err(Error::RowCount { table: table.label(), sent, taken }) }
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

/// Reads the tables of such tasks back and compares rows and digests with the archive; each together with the others that are
/// loaded through the same root.
pub async fn verify(
    shared: &Shared,
    index: &Index,
    session: &mut Session,
    tasks: &[&Action],
) -> Result<(), Error> {
    let mut tables = Vec::new();
    let mut all_expected = Vec::new();
    for task in tasks {
        let Action::Verify { table: number, others } = task else { return Err(Error::Panicked("the plan")) };
        tables.push(&shared.catalog.tables[*number as usize]);
        let mut expected = Found::default();
        for number in others.iter().chain([number]) {
            let index = &index.tables[*number as usize];
            expected.rows += index.rows;
            expected.digest.merge(index.digest);
        }
        all_expected.push(expected);
    }
    session.set_client_encoding(&shared.catalog.source.encoding).await?;
    let found = verify::read(session, &shared.catalog, &tables, &mut |_| ()).await?;
    for ((table, expected), found) in tables.iter().zip(all_expected).zip(found) {
        let (table, rows) = (table.label(), found.rows);
        if found != expected {
            return Err(Error::Different {
                table,
                rows,
                digest: found.digest.to_string(),
                expected_rows: expected.rows,
                expected_digest: expected.digest.to_string(),
            });
        }
        shared.monitor.report(Event::Done(format!("table {table}: {rows} rows, equal to the archive")));
    }
    Ok(())
}
