//! Rows from the archive into a table, and back again to compare.

use std::ops::Range;

use super::plan::holds_large_objects;
use super::{Error, Shared, large_object};
use crate::archive::{Archive, BlockDecoder, Digest, Index, Table, Transfer};
use crate::copy_rows::{BINARY_HEADER, BINARY_TRAILER, RowSplitter};
use crate::pg::copy::CopyIn;
use crate::pg::{self, Session};
use crate::progress::Event;
use crate::sql;

/// Rows read back are counted in pieces of about this size.
const READ_BACK_BYTES: usize = 1 << 20;

/// The intervals infinity and -infinity in a COPY BINARY since PostgreSQL 17. Before, they are many months, days and
/// microseconds.
const INFINITE_INTERVALS: [[u8; 16]; 2] = [
    [0x7f, 255, 255, 255, 255, 255, 255, 255, 0x7f, 255, 255, 255, 0x7f, 255, 255, 255],
    [0x80, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0x80, 0, 0, 0],
];
const KNOWS_INFINITE_INTERVALS: u32 = 17;

/// Loads blocks of a table with one COPY; contents of large objects otherwise. `freeze`: the table is emptied first, in the same
/// transaction, so that the server can write frozen rows.
pub async fn load(
    shared: &Shared,
    archive: &Archive,
    session: &mut Session,
    number: u32,
    blocks: Range<usize>,
    freeze: bool,
) -> Result<(), Error> {
    let table = &shared.catalog.tables[number as usize];
    if holds_large_objects(&shared.catalog, table) {
        return large_object::load(shared, archive, session, number, blocks).await;
    }
    let failed = |source| Error::Load { table: table.label(), source };
    if freeze {
        let relation = sql::qualified(&table.schema, &table.name);
        session.batch(&format!("BEGIN; TRUNCATE ONLY {relation}")).await.map_err(failed)?;
    }
    // Rows travel in the encoding they were dumped in, and the server converts; statements do not.
    session.set_client_encoding(&shared.catalog.source.encoding).await.map_err(failed)?;
    let mut copy = Copy::start(session, table, freeze).await?;
    let mut decoder = BlockDecoder::new(archive.header().id)?;
    let runtime = tokio::runtime::Handle::current();
    for block in &archive.index().tables[number as usize].blocks[blocks] {
        // Piece by piece: a row may be as long as a gigabyte.
        tokio::task::block_in_place(|| {
            let send = |rows: &[u8]| runtime.block_on(copy.send(rows.to_vec()));
            decoder.decode_in_pieces(table, archive.block(block)?, send)
        })?;
        copy.sent += u64::from(block.rows);
        shared.monitor.report(Event::Advanced(block.raw_len));
    }
    copy.finish().await?;
    if freeze {
        session.batch("COMMIT").await.map_err(failed)?;
    }
    Ok(())
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
    let columns = columns(table);
    let columns = if columns.is_empty() { String::new() } else { format!(" ({columns})") };
    let freeze = if freeze { ", FREEZE" } else { "" };
    format!("COPY {}{columns} FROM STDIN (FORMAT {}{freeze})", sql::qualified(schema, name), format(table))
}

/// Reads back what [`copy_in_statement`] has loaded.
fn copy_out_statement(table: &Table) -> String {
    let (columns, relation) = (columns(table), sql::qualified(&table.schema, &table.name));
    let source = match (&table.root, &table.condition) {
        (Some((schema, name)), _) => format!("(SELECT {columns} FROM {})", sql::qualified(schema, name)),
        (None, Some(condition)) => format!("(SELECT {columns} FROM ONLY {relation} {condition})"),
        (None, None) if columns.is_empty() => relation,
        (None, None) => format!("{relation} ({columns})"),
    };
    format!("COPY {source} TO STDOUT (FORMAT {})", format(table))
}

fn columns(table: &Table) -> String {
    table.columns.iter().map(|column| sql::ident(&column.name)).collect::<Vec<_>>().join(", ")
}

fn format(table: &Table) -> &'static str {
    match table.transfer {
        Transfer::Binary => "binary",
        Transfer::Text => "text",
    }
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
    let mut splitter = RowSplitter::new(table.transfer.format());
    let mut rows = 0;
    let mut digest = Digest::default();
    let unreadable = |source| Error::ReadBack { table: table.label(), source };
    let misreads_intervals = shared.catalog.source.server_version_num >= KNOWS_INFINITE_INTERVALS * 10_000
        && session.version().major() < KNOWS_INFINITE_INTERVALS
        && table.transfer == Transfer::Binary;
    let mut add = |bytes: &[u8]| {
        // Wherever in a row they are, in arrays or composites.
        if misreads_intervals
            && bytes.windows(16).any(|window| INFINITE_INTERVALS.iter().any(|infinite| infinite == window))
        {
            return Err(Error::InfiniteIntervals { table: table.label() });
        }
        rows += digest.add_rows(table, bytes)?;
        Ok(())
    };
    let statement = if holds_large_objects(&shared.catalog, table) {
        sql::large_object::copy_out(0, None)
    } else {
        copy_out_statement(table)
    };
    let read = pg::copy::copy_out(session, &statement, |bytes| {
        splitter.push(bytes).map_err(unreadable)?;
        if splitter.ready() >= READ_BACK_BYTES {
            add(&splitter.take().bytes)?;
        }
        Ok(())
    });
    read.await.map_err(|error| match error {
        Error::Server(source) => Error::Load { table: table.label(), source },
        other => other,
    })?;
    add(&splitter.take().bytes)?;
    splitter.finish().map_err(unreadable)?;
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
