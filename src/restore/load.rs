//! Rows from the archive into a table, and back again to compare.

use std::ops::Range;

use super::{Error, Shared, large_object};
use crate::archive::{Archive, BlockDecoder, Digest, Index, Table, Transfer};
use crate::copy_rows::{BINARY_HEADER, BINARY_TRAILER};
use crate::pg::Session;
use crate::pg::copy::CopyIn;
use crate::progress::Event;
use crate::sql;
use crate::verify::{self, Found};

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
    if shared.catalog.holds_large_objects(table) {
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
