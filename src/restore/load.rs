//! Rows from the archive into a table, and back again to compare.

use std::ops::Range;
use std::sync::Arc;

use super::{Error, Shared};
use crate::archive::{BlockDecoder, Digest, Table, Transfer};
use crate::copy_rows::{BINARY_HEADER, BINARY_TRAILER, RowSplitter};
use crate::pg::copy::CopyIn;
use crate::pg::{self, Session};
use crate::progress::Event;
use crate::sql;

/// Rows read back are counted in pieces of about this size.
const READ_BACK_BYTES: usize = 1 << 20;

/// Loads blocks of a table with one COPY. A task that loads the table alone empties it first, in the same transaction, so
/// that the server can write frozen rows.
pub async fn load(
    shared: &Arc<Shared>,
    session: &mut Session,
    number: u32,
    blocks: Range<usize>,
    alone: bool,
) -> Result<(), Error> {
    let table = &shared.archive.catalog().tables[number as usize];
    let failed = |source| Error::Load { table: table.label(), source };
    if alone {
        let relation = sql::qualified(&table.schema, &table.name);
        session.batch(&format!("BEGIN; TRUNCATE ONLY {relation}")).await.map_err(failed)?;
    }
    // Rows travel in the encoding they were dumped in, and the server converts; statements do not.
    session.set_client_encoding(&shared.archive.catalog().source.encoding).await.map_err(failed)?;
    copy_blocks(shared, session, table, number, blocks, alone).await?;
    if alone {
        session.batch("COMMIT").await.map_err(failed)?;
    }
    Ok(())
}

async fn copy_blocks(
    shared: &Arc<Shared>,
    session: &Session,
    table: &Table,
    number: u32,
    blocks: Range<usize>,
    freeze: bool,
) -> Result<(), Error> {
    let failed = |source| Error::Load { table: table.label(), source };
    let mut copy =
        CopyIn::start(session, &copy_statement(table, "FROM STDIN", freeze)).await.map_err(failed)?;
    if table.transfer == Transfer::Binary {
        copy.send(BINARY_HEADER.to_vec()).await.map_err(failed)?;
    }
    let index = &shared.archive.index().tables[number as usize];
    let mut sent = 0;
    let mut decoder = BlockDecoder::new(shared.archive.header().id)?;
    let runtime = tokio::runtime::Handle::current();
    for block in &index.blocks[blocks] {
        // Piece by piece: a row may be as long as a gigabyte.
        tokio::task::block_in_place(|| {
            decoder.decode_in_pieces(table, shared.archive.block(block)?, |rows| {
                runtime.block_on(copy.send(rows.to_vec())).map_err(failed)
            })
        })?;
        sent += u64::from(block.rows);
        shared.monitor.report(Event::Advanced(block.raw_len));
    }
    if table.transfer == Transfer::Binary {
        copy.send(BINARY_TRAILER.to_vec()).await.map_err(failed)?;
    }
    let taken = copy.finish().await.map_err(failed)?;
    if taken != sent {
        return Err(Error::RowCount { table: table.label(), sent, taken });
    }
    Ok(())
}

fn copy_statement(table: &Table, direction: &str, freeze: bool) -> String {
    let columns = table.columns.iter().map(|column| sql::ident(&column.name)).collect::<Vec<_>>().join(", ");
    let columns = if columns.is_empty() { String::new() } else { format!(" ({columns})") };
    let format = match table.transfer {
        Transfer::Binary => "binary",
        Transfer::Text => "text",
    };
    let freeze = if freeze { ", FREEZE" } else { "" };
    format!(
        "COPY {}{columns} {direction} (FORMAT {format}{freeze})",
        sql::qualified(&table.schema, &table.name)
    )
}

/// Reads a table back and compares rows and digest with the archive.
pub async fn verify(shared: &Arc<Shared>, session: &mut Session, number: u32) -> Result<(), Error> {
    session.set_client_encoding(&shared.archive.catalog().source.encoding).await?;
    let table = &shared.archive.catalog().tables[number as usize];
    let index = &shared.archive.index().tables[number as usize];
    let mut splitter = RowSplitter::new(table.transfer.format());
    let mut rows = 0;
    let mut digest = Digest::default();
    let unreadable = |source| Error::ReadBack { table: table.label(), source };
    let statement = copy_statement(table, "TO STDOUT", false);
    let read = pg::copy::copy_out(session, &statement, |bytes| {
        splitter.push(bytes).map_err(unreadable)?;
        if splitter.ready() >= READ_BACK_BYTES {
            rows += digest.add_rows(table, &splitter.take().bytes)?;
        }
        Ok(())
    });
    read.await.map_err(|error| match error {
        Error::Server(source) => Error::Load { table: table.label(), source },
        other => other,
    })?;
    rows += digest.add_rows(table, &splitter.take().bytes)?;
    splitter.finish().map_err(unreadable)?;
    if (rows, digest) != (index.rows, index.digest) {
        return Err(Error::Different {
            table: table.label(),
            rows,
            digest: digest.to_string(),
            expected_rows: index.rows,
            expected_digest: index.digest.to_string(),
        });
    }
    shared.monitor.report(Event::Done(format!("table {}: {rows} rows, equal to the archive", table.label())));
    Ok(())
}
