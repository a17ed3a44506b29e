//! Rows that are the contents of large objects (format-spec/large-objects.md): they go into objects that exist already.

use super::Error;
use super::load::{Loaded, is_complete};
use crate::archive::{self, Archive, BlockDecoder, BlockRef, Table};
use crate::copy_rows;
use crate::pg::Session;
use crate::sql;

/// Rows of about so many bytes go to the server in one statement.
const STATEMENT_BYTES: usize = 1 << 20;

/// Writes the rows of these blocks.
pub async fn load(
    archive: &Archive,
    session: &Session,
    table: &Table,
    blocks: &[BlockRef],
    loaded: &mut Loaded<'_>,
) -> Result<(), Error> {
    let mut decoder = BlockDecoder::new(archive.header().id)?;
    let mut rows = Vec::new();
    for block in blocks {
        rows.clear();
        tokio::task::block_in_place(|| decoder.decode(table, archive.block(block)?, &mut rows))?;
        archive.give_back(block);
        write(session, table, &rows).await?;
        loaded.advance(block.raw_len);
    }
    Ok(())
}

/// Writes rows.
pub async fn write(session: &Session, table: &Table, rows: &[u8]) -> Result<(), Error> {
    let unreadable = |source| archive::Error::Rows { table: table.label(), source };
    let mut fields = copy_rows::fields(table.transfer.format(), table.columns.len(), rows);
    let mut batch = Batch::default();
    while let Some(row) = fields.next_row().map_err(unreadable)? {
        let piece = piece(row.fields).ok_or_else(|| Error::NoLargeObject { table: table.label() })?;
        batch.add(piece);
        if batch.bytes >= STATEMENT_BYTES {
            std::mem::take(&mut batch).write(session, table).await?;
        }
    }
    batch.write(session, table).await
}

/// OID, offset and bytes.
fn piece<'a>(fields: &[Option<&'a [u8]>]) -> Option<(u32, i64, &'a [u8])> {
    let [Some(oid), Some(offset), Some(data)] = fields else { return None };
    Some((u32::from_be_bytes((*oid).try_into().ok()?), i64::from_be_bytes((*offset).try_into().ok()?), data))
}

/// Rows for one statement.
#[derive(Default)]
struct Batch<'a> {
    oids: Vec<u32>,
    offsets: Vec<i64>,
    data: Vec<&'a [u8]>,
    bytes: usize,
}

impl<'a> Batch<'a> {
    fn add(&mut self, (oid, offset, data): (u32, i64, &'a [u8])) {
        self.oids.push(oid);
        self.offsets.push(offset);
        self.data.push(data);
        self.bytes += data.len();
    }

    async fn write(self, session: &Session, table: &Table) -> Result<(), Error> {
        if self.oids.is_empty() {
            return Ok(());
        }
        let written = session
            .query(
                "writing large objects",
                sql::large_object::WRITE,
                &[&self.oids, &self.offsets, &self.data],
            )
            .await;
        let failed = |source| Error::Load { table: table.label(), source };
        let (sent, taken) = (self.oids.len() as u64, written.map_err(failed)?.len() as u64);
        is_complete(table, sent, taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_has_an_oid_an_offset_and_bytes() {
        let (oid, offset) = (7u32.to_be_bytes(), (1i64 << 40).to_be_bytes());
        let fields = [Some(&oid[..]), Some(&offset[..]), Some(&b"x"[..])];
        assert_eq!(piece(&fields), Some((7, 1 << 40, &b"x"[..])));
        assert_eq!(piece(&[Some(&oid[..]), None, Some(&b"x"[..])]), None);
        assert_eq!(piece(&[Some(&offset[..]), Some(&offset[..]), Some(&b"x"[..])]), None);
        assert_eq!(piece(&fields[..2]), None);
    }
}
