//! Writes an archive: only ever appends, so that a file, a pipe and an object store look the same.

use std::io::Write;

use super::footer::{FOOTER_LEN, Footer};
use super::frame::{self, Content};
use super::index::IndexBuilder;
use super::{Catalog, EncodedBlock, Error, Header, Table};

/// What an archive came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Tables, with or without rows.
    pub tables: u64,
    /// Blocks.
    pub blocks: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of the rows in the form of COPY.
    pub raw_bytes: u64,
    /// Bytes of the archive.
    pub file_bytes: u64,
}

/// Writes header and catalog, then blocks, then index, the catalog once more, and footer. Not finishing leaves what no reader accepts.
pub struct ArchiveWriter<W: Write> {
    out: Output<W>,
    header: Header,
    tables: Vec<Table>,
    catalog_frame: Vec<u8>,
    index: IndexBuilder,
}

impl<W: Write> ArchiveWriter<W> {
    /// Writes header and catalog.
    pub fn create(to: W, header: &Header, catalog: &Catalog) -> Result<Self, Error> {
        catalog.validate()?;
        let mut writer = ArchiveWriter {
            out: Output { to, offset: 0 },
            header: header.clone(),
            catalog_frame: frame::encode(header.id, Content::Catalog, catalog)?,
            tables: catalog.tables.clone(),
            index: IndexBuilder::new(catalog),
        };
        writer.out.write(&header.to_bytes())?;
        writer.out.write(&writer.catalog_frame)?;
        Ok(writer)
    }

    /// Writes a block. Blocks of different tables and chunks may take turns; within a chunk they come in sequence.
    pub fn append(&mut self, block: &EncodedBlock) -> Result<(), Error> {
        self.index.append(&self.tables, self.out.offset, block)?;
        self.out.write(&block.bytes)
    }

    /// Writes index, copy of the catalog and footer, flushes, and gives back what it wrote to. Making the bytes durable is
    /// the caller's.
    pub fn finish(mut self) -> Result<(W, Stats), Error> {
        let (id, index_offset) = (self.header.id, self.out.offset);
        let index = frame::encode(id, Content::Index, self.index.index())?;
        self.out.write(&index)?;
        self.out.write(&self.catalog_frame)?;
        let totals = self.index.index();
        let tables = totals.tables.len() as u64;
        let footer = Footer {
            id,
            index_offset,
            index_len: index.len() as u64,
            index_crc: id.checksum(&[&index]),
            file_len: self.out.offset + FOOTER_LEN as u64,
            tables: u32::try_from(tables).unwrap_or(u32::MAX),
            blocks: totals.blocks,
            rows: totals.rows,
        };
        let (blocks, rows, raw_bytes) = (totals.blocks, totals.rows, totals.raw_bytes);
        self.out.write(&footer.to_bytes())?;
        self.out.to.flush().map_err(|source| Error::Write { offset: self.out.offset, source })?;
        Ok((self.out.to, Stats { tables, blocks, rows, raw_bytes, file_bytes: self.out.offset }))
    }
}

/// Where the archive goes, and how far it has come.
struct Output<W> {
    to: W,
    offset: u64,
}

impl<W: Write> Output<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.to.write_all(bytes).map_err(|source| Error::Write { offset: self.offset, source })?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}
