//! A table read back from a server.

use super::Error;
use crate::archive::{Catalog, Digest, Table, Transfer};
use crate::copy_rows::RowSplitter;
use crate::pg::{self, Session};
use crate::sql;

/// Rows are counted in pieces of about this size.
const PIECE_BYTES: usize = 1 << 20;

/// The intervals infinity and -infinity in a COPY BINARY since PostgreSQL 17. Before, they are many months, days and
/// microseconds.
const INFINITE_INTERVALS: [[u8; 16]; 2] = [
    [0x7f, 255, 255, 255, 255, 255, 255, 255, 0x7f, 255, 255, 255, 0x7f, 255, 255, 255],
    [0x80, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0x80, 0, 0, 0],
];
const KNOWS_INFINITE_INTERVALS: u32 = 17;

/// The rows of a table in a database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// How many.
    pub rows: u64,
    /// Of all of them.
    pub digest: Digest,
}

/// Reads a table of the archive's catalog in the database of `session`, which has the encoding of the archive; through its root, if
/// the catalog names one. `progress` gets bytes of rows.
pub async fn read(
    session: &Session,
    catalog: &Catalog,
    table: &Table,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Found, Error> {
    let mut splitter = RowSplitter::new(table.transfer.format());
    let mut room = Vec::new();
    let mut found = Found::default();
    let unreadable = |source| Error::Unreadable { table: table.label(), source };
    let misreads_intervals = catalog.source.server_version_num >= KNOWS_INFINITE_INTERVALS * 10_000
        && session.version().major() < KNOWS_INFINITE_INTERVALS
        && table.transfer == Transfer::Binary;
    let mut add = |bytes: &[u8]| {
        // Wherever in a row they are, in arrays or composites.
        if misreads_intervals
            && bytes.windows(16).any(|window| INFINITE_INTERVALS.iter().any(|infinite| infinite == window))
        {
            return Err(Error::InfiniteIntervals { table: table.label() });
        }
        found.rows += found.digest.add_rows(table, bytes)?;
        progress(bytes.len() as u64);
        Ok(())
    };
    let statement = match catalog.holds_large_objects(table) {
        true => sql::large_object::copy_out(0, None),
        false => copy_statement(table),
    };
    if table.condition.is_some() {
        // It comes out of a file: nothing but one COPY may become of it.
        let refused = session.refuse_several(&statement).await;
        refused.map_err(|source| Error::Table { table: table.label(), source })?;
    }
    let read = pg::copy::copy_out(session, &statement, |bytes| {
        splitter.push(bytes).map_err(unreadable)?;
        if splitter.ready() >= PIECE_BYTES {
            let rows = splitter.take(std::mem::take(&mut room)).bytes;
            add(&rows)?;
            room = rows;
        }
        Ok(())
    });
    read.await.map_err(|error| match error {
        Error::Server(source) => Error::Table { table: table.label(), source },
        other => other,
    })?;
    add(&splitter.take(Vec::new()).bytes)?;
    splitter.finish().map_err(unreadable)?;
    Ok(found)
}

fn copy_statement(table: &Table) -> String {
    let columns = sql::idents(table.column_names());
    let relation = sql::qualified(&table.schema, &table.name);
    let source = match (&table.root, &table.condition) {
        (Some((schema, name)), _) => format!("(SELECT {columns} FROM {})", sql::qualified(schema, name)),
        (None, Some(condition)) => format!("(SELECT {columns} FROM ONLY {relation} {condition})"),
        (None, None) if columns.is_empty() => relation,
        (None, None) => format!("{relation} ({columns})"),
    };
    format!("COPY {source} TO STDOUT (FORMAT {})", table.transfer.format().name())
}
