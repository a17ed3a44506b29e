//! A table read back from a server.

use super::Error;
use crate::archive::{Catalog, Digest, Table, Transfer};
use crate::copy_rows::{self, RowSplitter};
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

/// Reads tables of the archive's catalog in the database of `session`, which has the encoding of the archive, all in one round trip;
/// each through its root, if the catalog names one. `progress` gets bytes of rows.
pub async fn read(
    session: &Session,
    catalog: &Catalog,
    tables: &[&Table],
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Vec<Found>, Error> {
    let mut readers = Vec::new();
    let mut statements = Vec::new();
    for table in tables {
        let failed = |source| Error::Table { table: table.label(), source };
        let statement = match catalog.holds_large_objects(table) {
            true => sql::large_object::copy_out(0, None),
            false => copy_statement(table),
        };
        if table.condition.is_some() {
            // It comes out of a file: nothing but one COPY may become of it.
            session.refuse_several(&statement).await.map_err(failed)?;
        }
        readers.push(Reader {
            table,
            splitter: RowSplitter::new(table.transfer.format()),
            found: Found::default(),
            misreads_intervals: catalog.source.server_version_num >= KNOWS_INFINITE_INTERVALS * 10_000
                && session.version().major() < KNOWS_INFINITE_INTERVALS
                && table.transfer == Transfer::Binary,
        });
        statements.push(statement);
    }
    let mut room = Vec::new();
    let copied = pg::copy::copy_out_together(session, "", &statements, "", |at, bytes| {
        readers[at].add(bytes, &mut room, progress)
    });
    copied.await.map_err(|(at, error)| match error {
        Error::Server(source) => Error::Table { table: tables[at].label(), source },
        other => other,
    })?;
    readers.into_iter().map(|reader| reader.finish(progress)).collect()
}

/// Counts the rows of a table.
struct Reader<'a> {
    table: &'a Table,
    splitter: RowSplitter,
    found: Found,
    misreads_intervals: bool,
}

impl Reader<'_> {
    /// `room` is kept from one piece to the next.
    fn add(&mut self, bytes: &[u8], room: &mut Vec<u8>, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
        self.splitter.push(bytes).map_err(|source| self.unreadable(source))?;
        if self.splitter.ready() >= PIECE_BYTES {
            *room = self.splitter.take(std::mem::take(room)).bytes;
            self.count(room, progress)?;
        }
        Ok(())
    }

    fn count(&mut self, rows: &[u8], progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
        // Wherever in a row they are, in arrays or composites.
        if self.misreads_intervals
            && rows.windows(16).any(|window| INFINITE_INTERVALS.iter().any(|infinite| infinite == window))
        {
            return Err(Error::InfiniteIntervals { table: self.table.label() });
        }
        self.found.rows += self.found.digest.add_rows(self.table, rows)?;
        progress(rows.len() as u64);
        Ok(())
    }

    fn finish(mut self, progress: &mut dyn FnMut(u64)) -> Result<Found, Error> {
        let rows = self.splitter.take(Vec::new()).bytes;
        self.count(&rows, progress)?;
        let unreadable = |source| Error::Unreadable { table: self.table.label(), source };
        self.splitter.finish().map_err(unreadable)?;
        Ok(self.found)
    }

    fn unreadable(&self, source: copy_rows::Error) -> Error {
        Error::Unreadable { table: self.table.label(), source }
    }
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
