//! What blocks hold, added up: digest and facts.

use std::collections::BTreeMap;

use super::{BlockInfo, Catalog, ColumnFacts, Digest, Table, TableIndex};

/// What one block was found to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockContent {
    /// What its header says.
    pub info: BlockInfo,
    /// Digest of its rows.
    pub digest: Digest,
    /// Facts about each column.
    pub facts: Vec<ColumnFacts>,
}

/// What the blocks of one table hold together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TableContent {
    pub digest: Digest,
    pub columns: Vec<ColumnFacts>,
}

impl TableContent {
    pub fn new(table: &Table) -> Self {
        let columns = vec![ColumnFacts::default(); table.columns.len()];
        TableContent { digest: Digest::default(), columns }
    }

    /// Adds the next block of the table, in the order of the archive: of equal minima the first stays.
    pub fn add(&mut self, table: &Table, digest: Digest, facts: &[ColumnFacts]) {
        self.digest.merge(digest);
        for ((sum, more), column) in self.columns.iter_mut().zip(facts).zip(&table.columns) {
            sum.merge(column.value, more);
        }
    }

    /// What the index says otherwise.
    pub fn differences(&self, index: &TableIndex) -> Vec<String> {
        let mut differences = Vec::new();
        if self.digest != index.digest {
            differences
                .push(format!("the rows have the digest {}, the index says {}", self.digest, index.digest));
        }
        if self.columns != index.columns {
            differences.push("the facts about the columns are not those in the index".to_owned());
        }
        differences
    }
}

/// What all blocks of an archive hold, told in any order.
#[derive(Debug)]
pub struct Contents {
    pub(super) tables: Vec<TableContent>,
    /// The place of the block that is to be added next.
    next: u64,
    /// Blocks that were told before their turn.
    waiting: BTreeMap<u64, BlockContent>,
}

impl Contents {
    /// No block yet.
    pub fn new(catalog: &Catalog) -> Self {
        let tables = catalog.tables.iter().map(TableContent::new).collect();
        Contents { tables, next: 0, waiting: BTreeMap::new() }
    }

    /// Takes note of the block at this place among the blocks of the archive, from 0.
    pub fn add(&mut self, catalog: &Catalog, place: u64, block: BlockContent) {
        self.waiting.insert(place, block);
        while let Some(block) = self.waiting.remove(&self.next) {
            self.add_next(catalog, block.info, block.digest, &block.facts);
        }
    }

    /// Takes note of the block that follows those that were added.
    pub(super) fn add_next(
        &mut self,
        catalog: &Catalog,
        info: BlockInfo,
        digest: Digest,
        facts: &[ColumnFacts],
    ) {
        let number = usize::try_from(info.table).unwrap_or(usize::MAX);
        if let (Some(content), Some(table)) = (self.tables.get_mut(number), catalog.tables.get(number)) {
            content.add(table, digest, facts);
        }
        self.next += 1;
    }
}
