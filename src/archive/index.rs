//! The index: which blocks a table has, and what is known about its data. format-spec/index.md

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::block::BLOCK_HEADER_LEN;
use super::parse::to_usize;
use super::wire::{self, ReadsBack};
use super::{BlockInfo, Catalog, ColumnFacts, Digest, EncodedBlock, Error, Table};

/// The index of an archive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// In the order of the catalog's tables.
    pub tables: Vec<TableIndex>,
    /// Blocks of all tables.
    pub blocks: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of all rows in the form of COPY.
    pub raw_bytes: u64,
    /// Bytes of all blocks, headers included.
    pub stored_bytes: u64,
}

impl ReadsBack for Index {
    fn reads_back(&self, reader: &mut wire::Reader<'_>) -> Result<bool, wire::Error> {
        let Index { tables, blocks, rows, raw_bytes, stored_bytes } = self;
        Ok(reader.is_list(tables)? && reader.is(&[*blocks, *rows, *raw_bytes, *stored_bytes])?)
    }
}

/// One table of the index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableIndex {
    /// In the order of the file. Within a chunk the sequence numbers ascend.
    pub blocks: Vec<BlockRef>,
    /// Rows of the table.
    pub rows: u64,
    /// Bytes of its rows in the form of COPY.
    pub raw_bytes: u64,
    /// Bytes of its blocks, headers included.
    pub stored_bytes: u64,
    /// Digest of its rows.
    pub digest: Digest,
    /// Facts about each of its columns.
    pub columns: Vec<ColumnFacts>,
}

/// Where a block is, and what its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRef {
    /// Index into the catalog's tables.
    pub table: u32,
    /// Offset of the block's header in the archive.
    pub offset: u64,
    /// The part of the table.
    pub chunk: u32,
    /// Place within the chunk.
    pub sequence: u32,
    /// Number of rows.
    pub rows: u32,
    /// Bytes of the rows in the form of COPY.
    pub raw_len: u64,
    /// Bytes of the payload.
    pub stored_len: u64,
}

impl BlockRef {
    pub(super) fn new(offset: u64, info: BlockInfo) -> Self {
        let BlockInfo { table, chunk, sequence, rows, raw_len, stored_len } = info;
        BlockRef { table, offset, chunk, sequence, rows, raw_len, stored_len }
    }

    /// What the header of the block must say.
    pub(super) fn info(&self) -> BlockInfo {
        let BlockRef { table, chunk, sequence, rows, raw_len, stored_len, .. } = *self;
        BlockInfo { table, chunk, sequence, rows, raw_len, stored_len }
    }

    /// Bytes of the block, header included.
    pub(super) fn len(&self) -> Option<u64> {
        self.stored_len.checked_add(BLOCK_HEADER_LEN as u64)
    }
}

/// The sequence number that the next block of each chunk of a table must have.
pub(super) type Expected = HashMap<(u32, u32), u32>;

/// Takes the next number of the chunk; an error if it is not `sequence`.
pub(super) fn expect_sequence(
    expected: &mut Expected,
    block: &BlockInfo,
    table: &Table,
) -> Result<(), Error> {
    let next = expected.entry((block.table, block.chunk)).or_default();
    if *next != block.sequence {
        let BlockInfo { chunk, sequence, .. } = *block;
        return Err(Error::Order { table: table.label(), chunk, sequence, expected: *next });
    }
    *next = next.saturating_add(1);
    Ok(())
}

/// An index that grows with the blocks that are appended.
pub(super) struct IndexBuilder {
    index: Index,
    expected: Expected,
}

impl IndexBuilder {
    pub fn new(catalog: &Catalog) -> Self {
        let table = |table: &Table| TableIndex {
            columns: vec![ColumnFacts::default(); table.columns.len()],
            ..TableIndex::default()
        };
        let tables = catalog.tables.iter().map(table).collect();
        IndexBuilder { index: Index { tables, ..Index::default() }, expected: Expected::new() }
    }

    /// Adds a block of one of these tables that was written at `offset`: the next of its chunk.
    pub fn append(&mut self, tables: &[Table], offset: u64, block: &EncodedBlock) -> Result<(), Error> {
        let Some(table) = tables.get(to_usize(block.info.table)) else {
            return Err(Error::Catalog {
                what: format!("a block belongs to table {}, which is not there", block.info.table),
            });
        };
        expect_sequence(&mut self.expected, &block.info, table)?;
        self.add(table, BlockRef::new(offset, block.info), block.digest, &block.facts);
        Ok(())
    }

    /// Adds a block of `table`, whatever its place in its chunk.
    pub fn add(&mut self, table: &Table, block: BlockRef, digest: Digest, facts: &[ColumnFacts]) {
        let number = usize::try_from(block.table).unwrap_or(usize::MAX);
        let Some(index) = self.index.tables.get_mut(number) else { return };
        let (rows, raw, stored) = (u64::from(block.rows), block.raw_len, block.len().unwrap_or(u64::MAX));
        index.blocks.push(block);
        index.rows += rows;
        index.raw_bytes += raw;
        index.stored_bytes += stored;
        index.digest.merge(digest);
        for ((facts, more), column) in index.columns.iter_mut().zip(facts).zip(&table.columns) {
            facts.merge(column.value, more);
        }
        self.index.blocks += 1;
        self.index.rows += rows;
        self.index.raw_bytes += raw;
        self.index.stored_bytes += stored;
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    pub fn finish(self) -> Index {
        self.index
    }
}

impl Index {
    /// Whether the index agrees with itself, with `catalog`, and with the place of the blocks: from `start` to `end`,
    /// without a gap.
    pub(super) fn validate(&self, catalog: &Catalog, start: u64, end: u64) -> Result<(), String> {
        self.validate_counts(catalog)?;
        self.validate_places(start, end)
    }

    /// Whether the index agrees with itself and with `catalog`, wherever the blocks are.
    pub(super) fn validate_counts(&self, catalog: &Catalog) -> Result<(), String> {
        if self.tables.len() != catalog.tables.len() {
            return Err(format!("it has {} tables, the catalog {}", self.tables.len(), catalog.tables.len()));
        }
        let mut expected = Expected::new();
        for ((index, table), number) in self.tables.iter().zip(&catalog.tables).zip(0u32..) {
            if index.columns.len() != table.columns.len() {
                return Err(format!(
                    "it has facts about another number of columns of table {}",
                    table.label()
                ));
            }
            for block in &index.blocks {
                if block.table != number {
                    return Err(format!("a block of table {} belongs to another table", table.label()));
                }
                expect_sequence(&mut expected, &block.info(), table).map_err(|error| error.to_string())?;
            }
            let is_sum = |total: u64, of: fn(&BlockRef) -> Option<u64>| {
                sum(index.blocks.iter().map(of)) == Some(total)
            };
            if !is_sum(index.rows, |block| Some(block.rows.into()))
                || !is_sum(index.raw_bytes, |block| Some(block.raw_len))
                || !is_sum(index.stored_bytes, BlockRef::len)
            {
                return Err(format!(
                    "the totals of table {} are not the sums over its blocks",
                    table.label()
                ));
            }
        }
        let is_sum = |total: u64, of: fn(&TableIndex) -> u64| {
            sum(self.tables.iter().map(|table| Some(of(table)))) == Some(total)
        };
        if !is_sum(self.blocks, |table| table.blocks.len() as u64)
            || !is_sum(self.rows, |table| table.rows)
            || !is_sum(self.raw_bytes, |table| table.raw_bytes)
            || !is_sum(self.stored_bytes, |table| table.stored_bytes)
        {
            return Err("the totals are not the sums over the tables".to_owned());
        }
        Ok(())
    }

    fn validate_places(&self, start: u64, end: u64) -> Result<(), String> {
        let blocks = self.tables.iter().flat_map(|table| &table.blocks);
        if self.tables.iter().any(|table| !table.blocks.is_sorted_by_key(|block| block.offset)) {
            return Err("the blocks of a table are not in the order of the file".to_owned());
        }
        let mut places = blocks.map(|block| (block.offset, block.len())).collect::<Vec<_>>();
        places.sort_unstable();
        let mut position = start;
        for (offset, length) in places {
            if offset != position {
                return Err(format!("a block at offset {offset}, where one was expected at {position}"));
            }
            position = length.and_then(|length| offset.checked_add(length)).unwrap_or(u64::MAX);
        }
        if position != end {
            return Err(format!("the blocks end at offset {position}, the index begins at {end}"));
        }
        Ok(())
    }
}

fn sum(mut numbers: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    numbers.try_fold(0u64, |sum, number| sum.checked_add(number?))
}
