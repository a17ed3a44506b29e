//! Reads an archive from end to end and reports everything that is wrong with it.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::content::TableContent;
use super::{Archive, BlockContent, BlockDecoder, BlockRef, Error, Table};

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What opening the archive reads: header, catalog, index, footer.
    Structure,
    /// Also every block: checksum, rows, digest, facts.
    Full,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The table, as `schema.name`.
    pub table: String,
    /// Number of the block among those of the table, from 0; `None` for what concerns the table as a whole.
    pub block: Option<usize>,
    /// Offset in the archive of the block, or of the first block of the table.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {}, ", self.table)?;
        if let Some(block) = self.block {
            write!(f, "block {block}, ")?;
        }
        write!(f, "offset {}: {}", self.offset, self.what)
    }
}

/// Checks `archive` with up to `threads` threads. `progress` gets the number of a table and how many of its rows have
/// just been found sound, in any order.
pub fn check(
    archive: &Archive,
    depth: Depth,
    threads: usize,
    progress: &mut dyn FnMut(u32, u64),
) -> Result<(), Vec<Damage>> {
    if depth == Depth::Structure {
        return Ok(());
    }
    let tables = || archive.catalog().tables.iter().zip(&archive.index().tables);
    let work = tables()
        .flat_map(|(table, index)| index.blocks.iter().map(move |block| (table, block)))
        .collect::<Vec<_>>();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut found = Vec::new();
    found.resize_with(work.len(), || None);
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, work.len().max(1)) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                let mut reader = BlockReader { archive, decoder: None, rows: Vec::new() };
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((table, block)) = work.get(number) else { return };
                    // The receiver lives as long as this scope.
                    let _ = sender.send((number, reader.read(table, block)));
                }
            });
        }
        drop(sender);
        for (number, result) in receiver {
            if let (Ok(found), Some((_, block))) = (&result, work.get(number)) {
                progress(block.table, found.info.rows.into());
            }
            if let Some(place) = found.get_mut(number) {
                *place = Some(result);
            }
        }
    });

    let mut damages = Vec::new();
    let mut found = found.into_iter();
    for (table, index) in tables() {
        let mut whole = true;
        let mut content = TableContent::new(table);
        let mut damage =
            |block, offset, what| damages.push(Damage { table: table.label(), block, offset, what });
        for (number, block) in index.blocks.iter().enumerate() {
            match found.next().flatten() {
                Some(Ok(found)) => content.add(table, found.digest, &found.facts),
                Some(Err(error)) => {
                    whole = false;
                    damage(Some(number), block.offset, without_place(error));
                }
                None => {
                    whole = false;
                    damage(Some(number), block.offset, "the block was not read".to_owned());
                }
            }
        }
        let offset = index.blocks.first().map_or(0, |block| block.offset);
        if whole {
            content.differences(index).into_iter().for_each(|what| damage(None, offset, what));
        }
    }
    if damages.is_empty() { Ok(()) } else { Err(damages) }
}

/// What `error` says, without the table, which is said beside it.
fn without_place(error: Error) -> String {
    match error {
        Error::Block { offset, what, .. } => format!("at byte {offset} of the block: {what}"),
        Error::Damaged { what, .. } => what,
        other => other.to_string(),
    }
}

struct BlockReader<'a> {
    archive: &'a Archive,
    decoder: Option<BlockDecoder>,
    rows: Vec<u8>,
}

impl BlockReader<'_> {
    fn read(&mut self, table: &Table, block: &BlockRef) -> Result<BlockContent, Error> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(BlockDecoder::new(self.archive.header().id)?),
        };
        decoder.read(table, self.archive.block(block)?, &mut self.rows)
    }
}
