//! Reads an archive from end to end and reports everything that is wrong with it.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::index::IndexBuilder;
use super::{Archive, BlockDecoder, BlockRef, Catalog, ColumnFacts, Digest, Error, Index};

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
    /// The table, as `schema.name`; `None` for what concerns no table that is known.
    pub table: Option<String>,
    /// Number of the block among those that the index has for the table, from 0; `None` for what is not one block of it.
    pub block: Option<usize>,
    /// Offset in the file of the block, of the first block of the table, or of whatever is damaged.
    pub offset: u64,
    /// How many bytes are concerned.
    pub bytes: u64,
    /// How many rows are lost with it; `None` when nobody knows.
    pub rows: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(table) = &self.table {
            write!(f, "table {table}, ")?;
        }
        if let Some(block) = self.block {
            write!(f, "block {block}, ")?;
        }
        write!(f, "offset {}", self.offset)?;
        if self.bytes > 0 {
            write!(f, ", {} bytes", self.bytes)?;
        }
        write!(f, ": {}", self.what)?;
        match self.rows {
            Some(0) => Ok(()),
            Some(1) => f.write_str(" (1 row)"),
            Some(rows) => write!(f, " ({rows} rows)"),
            None => f.write_str(" (an unknown number of rows)"),
        }
    }
}

/// What one block was found to hold.
pub(super) struct Found {
    rows: u64,
    pub digest: Digest,
    pub facts: Vec<ColumnFacts>,
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
    let (_, damages) = examine(archive, threads, progress);
    if damages.is_empty() { Ok(()) } else { Err(damages) }
}

/// As [`check`] in full, and an index of what was found sound: blocks, totals, digest and facts.
pub fn examine(
    archive: &Archive,
    threads: usize,
    progress: &mut dyn FnMut(u32, u64),
) -> (Index, Vec<Damage>) {
    let blocks = archive.index().tables.iter().flat_map(|table| &table.blocks).collect::<Vec<_>>();
    let mut found = read_blocks(archive, &blocks, threads, progress).into_iter();
    let mut sound = IndexBuilder::new(archive.catalog());
    let mut damages = Vec::new();
    for (table, index) in archive.catalog().tables.iter().zip(&archive.index().tables) {
        for ((number, block), found) in index.blocks.iter().enumerate().zip(&mut found) {
            match found {
                Ok(found) => sound.add(table, *block, found.digest, &found.facts),
                Err(error) => damages.push(Damage {
                    table: Some(table.label()),
                    block: Some(number),
                    offset: block.offset,
                    bytes: block.len().unwrap_or(u64::MAX),
                    rows: Some(block.rows.into()),
                    what: without_place(error),
                }),
            }
        }
    }
    let sound = sound.finish();
    damages.extend(contradictions(archive.catalog(), archive.index(), &sound));
    (sound, damages)
}

/// Where `index` says other things of the rows of a table than were found, though all of its blocks are `sound`.
pub(super) fn contradictions(catalog: &Catalog, index: &Index, sound: &Index) -> Vec<Damage> {
    let mut damages = Vec::new();
    for ((table, index), sound) in catalog.tables.iter().zip(&index.tables).zip(&sound.tables) {
        let mut damage = |what| {
            let offset = sound.blocks.first().map_or(0, |block| block.offset);
            let (table, rows) = (Some(table.label()), Some(0));
            damages.push(Damage { table, block: None, offset, bytes: 0, rows, what });
        };
        if sound.blocks.len() != index.blocks.len() {
            continue;
        }
        if sound.digest != index.digest {
            damage(format!("the rows have the digest {}, the index says {}", sound.digest, index.digest));
        }
        if sound.columns != index.columns {
            damage("the facts about the columns are not those in the index".to_owned());
        }
    }
    damages
}

/// What each of `blocks` holds, in their order, read with up to `threads` threads.
pub(super) fn read_blocks(
    archive: &Archive,
    blocks: &[&BlockRef],
    threads: usize,
    progress: &mut dyn FnMut(u32, u64),
) -> Vec<Result<Found, Error>> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut found = Vec::new();
    let not_read = |block: &&BlockRef| {
        let what = "the block was not read".to_owned();
        Err(Error::Damaged { offset: block.offset, what })
    };
    found.extend(blocks.iter().map(not_read));
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, blocks.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                let mut reader = BlockReader { archive, decoder: None };
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(block) = blocks.get(number) else { return };
                    // The receiver lives as long as this scope.
                    let _ = sender.send((number, reader.read(block)));
                }
            });
        }
        drop(sender);
        for (number, result) in receiver {
            if let (Ok(found), Some(block)) = (&result, blocks.get(number)) {
                progress(block.table, found.rows);
            }
            if let Some(place) = found.get_mut(number) {
                *place = result;
            }
        }
    });
    found
}

/// What `error` says, without the table, which is said beside it.
pub(super) fn without_place(error: Error) -> String {
    match error {
        Error::Block { offset, what, .. } => format!("at byte {offset} of the block: {what}"),
        Error::Damaged { what, .. } => what,
        other => other.to_string(),
    }
}

struct BlockReader<'a> {
    archive: &'a Archive,
    decoder: Option<BlockDecoder>,
}

impl BlockReader<'_> {
    fn read(&mut self, block: &BlockRef) -> Result<Found, Error> {
        let Some(table) = self.archive.table(block.table) else {
            let what = format!("it belongs to table {}, which the catalog does not have", block.table);
            return Err(Error::Damaged { offset: block.offset, what });
        };
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(BlockDecoder::new(self.archive.header().id)?),
        };
        let bytes = self.archive.block(block)?;
        let (info, digest) = decoder.examine(table, bytes)?;
        let found = Found { rows: info.rows.into(), digest, facts: decoder.facts(table, bytes) };
        self.archive.give_back(block);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damage_says_what_is_known_of_it() {
        let damage = Damage {
            table: Some("public.t".to_owned()),
            block: Some(3),
            offset: 100,
            bytes: 48,
            rows: Some(2),
            what: "gone".to_owned(),
        };
        assert_eq!(damage.to_string(), "table public.t, block 3, offset 100, 48 bytes: gone (2 rows)");
        let one = Damage { block: None, rows: Some(1), ..damage.clone() };
        assert_eq!(one.to_string(), "table public.t, offset 100, 48 bytes: gone (1 row)");
        let unknown = Damage { table: None, block: None, bytes: 0, rows: None, ..damage.clone() };
        assert_eq!(unknown.to_string(), "offset 100: gone (an unknown number of rows)");
        let none = Damage { table: None, block: None, bytes: 1, rows: Some(0), ..damage };
        assert_eq!(none.to_string(), "offset 100, 1 bytes: gone");
    }

    #[test]
    fn the_place_of_an_error_is_said_once() {
        let what = || "gone".to_owned();
        let block = Error::Block { table: "t".to_owned(), offset: 7, what: what() };
        assert_eq!(without_place(block), "at byte 7 of the block: gone");
        assert_eq!(without_place(Error::Damaged { offset: 7, what: what() }), "gone");
        assert_eq!(without_place(Error::NotAnArchive), "this is not a pgsnap archive");
    }
}
