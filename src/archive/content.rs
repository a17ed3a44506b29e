//! What the blocks of an archive hold, told in any order and added up in that of the archive.

use std::collections::BTreeMap;

use super::index::IndexBuilder;
use super::{ArrivedBlock, BlockInfo, BlockRef, Catalog, ColumnFacts, Digest, Index};

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

/// What all blocks of an archive hold.
pub struct Contents {
    index: IndexBuilder,
    /// The place of the block that is to be added next.
    next: u64,
    /// Blocks that were told before their turn: of equal minima the first in the archive stays.
    waiting: BTreeMap<u64, (BlockRef, BlockContent)>,
}

impl Contents {
    /// No block yet.
    pub fn new(catalog: &Catalog) -> Self {
        Contents { index: IndexBuilder::new(catalog), next: 0, waiting: BTreeMap::new() }
    }

    /// Takes note of what `block` was found to hold.
    pub fn add(&mut self, catalog: &Catalog, block: &ArrivedBlock, content: BlockContent) {
        self.waiting.insert(block.place, (BlockRef::new(block.offset, block.info), content));
        while let Some((block, content)) = self.waiting.remove(&self.next) {
            if let Some(table) = catalog.table(block.table) {
                self.index.add(table, block, content.digest, &content.facts);
            }
            self.next += 1;
        }
    }

    /// The index of the blocks, in the order of the archive.
    pub(super) fn finish(self) -> Index {
        self.index.finish()
    }
}
