//! Reads what can still be read of a damaged archive. format-spec/salvage.md

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::block::BLOCK_MARKER;
use super::check::{Damage, contradictions, examine, read_blocks, without_place};
use super::footer::{FOOTER_LEN, FOOTER_MARKER, Footer};
use super::frame::{self, Content};
use super::header::{HEADER_LEN, MAGIC};
use super::index::IndexBuilder;
use super::map::Bytes;
use super::reader::read_structure;
use super::{Archive, ArchiveId, BlockInfo, BlockRef, Catalog, Error, Header, Index, Table};

/// How many frames with a right header are decoded in search of a catalog or an index. An archive has two and one; each
/// attempt may take as long as the file.
const MAX_FRAMES: usize = 16;

/// An archive of what is sound in a damaged one.
#[derive(Debug)]
pub struct Salvaged {
    /// Its index has sound blocks only; the totals, digests and facts are those of their rows.
    pub archive: Archive,
    /// Whether the structure is damaged, so that blocks had to be searched for.
    pub scanned: bool,
    /// What is wrong with the whole archive, by offset, and what is lost with it. Empty when it is intact.
    pub damages: Vec<Damage>,
}

/// The sound blocks of an archive whose structure is sound. For `threads` and `progress` see [`check`](super::check::check).
pub fn skip_damaged(archive: Archive, threads: usize, progress: &mut dyn FnMut(u32, u64)) -> Salvaged {
    let (index, damages) = examine(&archive, threads, progress);
    Salvaged { archive: Archive { index: Arc::new(index), ..archive }, scanned: false, damages }
}

/// The sound blocks of the file at `path`, whatever is wrong with it. An error when it cannot be read, is of a later version, or
/// when its catalog is lost twice: without it rows are worth nothing.
pub fn open(path: &Path, threads: usize, progress: &mut dyn FnMut(u32, u64)) -> Result<Salvaged, Error> {
    read(Bytes::map(path)?, threads, progress)
}

/// The same for an archive in memory.
pub fn from_bytes(
    bytes: Vec<u8>,
    threads: usize,
    progress: &mut dyn FnMut(u32, u64),
) -> Result<Salvaged, Error> {
    read(Bytes::Buffer(bytes), threads, progress)
}

fn read(bytes: Bytes, threads: usize, progress: &mut dyn FnMut(u32, u64)) -> Result<Salvaged, Error> {
    match read_structure(&bytes) {
        Ok((header, catalog, index)) => {
            let (catalog, index) = (Arc::new(catalog), Arc::new(index));
            Ok(skip_damaged(Archive { bytes, header, catalog, index }, threads, progress))
        }
        Err(error) if error.is_damage() => scan(bytes, error, threads, progress),
        Err(error) => Err(error),
    }
}

/// What was found of the structure.
struct Structure {
    header: Header,
    catalog: Catalog,
    index: Option<Index>,
    footer: Option<Footer>,
    /// Where it stands.
    places: Vec<Range<usize>>,
}

impl Structure {
    /// `None` without a catalog.
    fn find(markers: &Markers) -> Result<Option<Self>, Error> {
        let headers = || std::iter::once(0).chain(markers.places(MAGIC));
        let footers = || markers.places(FOOTER_MARKER).rev();
        // The header may be damaged, and there may be bytes in front of it.
        let ids =
            headers().take(2).map(|header| header + 32).chain(footers().take(1).map(|footer| footer + 8));
        for id in ids.filter_map(|place| markers.from(place).first_chunk().copied()).map(ArchiveId) {
            let mut places = Vec::new();
            let good = |catalog: &Catalog| catalog.validate().is_ok();
            let Some(catalog) = markers.find_frame(id, Content::Catalog, &mut places, good) else { continue };
            let good = |index: &Index| index.validate_counts(&catalog).is_ok();
            let index = markers.find_frame(id, Content::Index, &mut places, good);
            // Behind the copy of the catalog there may be frames of later versions.
            let mut end = places.iter().map(|part| part.end).max().unwrap_or_default();
            while let Ok(length) = frame::skip(id, markers.from(end), end as u64) {
                places.push(end..end + length);
                end += length;
            }
            let mut header = Header::new(id, catalog.source.snapshot_time);
            for place in headers() {
                match Header::parse(markers.from(place)) {
                    Ok(sound) if sound.id == id => {
                        header = sound;
                        places.push(place..place + HEADER_LEN);
                        break;
                    }
                    Err(error) if !error.is_damage() => return Err(error),
                    _ => (),
                }
            }
            let footer = footers().find_map(|place| {
                let footer = Footer::parse_fields(markers.from(place).get(..FOOTER_LEN)?).ok()?;
                (footer.id == id).then_some((place, footer))
            });
            places.extend(footer.map(|(place, _)| place..place + FOOTER_LEN));
            let footer = footer.map(|(_, footer)| footer);
            return Ok(Some(Structure { header, catalog, index, footer, places }));
        }
        Ok(None)
    }
}

/// Where in a file the markers of structures stand.
struct Markers<'a> {
    bytes: &'a [u8],
    places: Vec<usize>,
}

impl<'a> Markers<'a> {
    fn find(bytes: &'a [u8]) -> Self {
        // All markers are `ff` and `PG`, or `89` and `PG`, and more.
        let windows = bytes.windows(3).enumerate();
        let markers = windows.filter(|(_, window)| matches!(window, [0x89 | 0xff, b'P', b'G']));
        Markers { bytes, places: markers.map(|(place, _)| place).collect() }
    }

    fn from(&self, place: usize) -> &'a [u8] {
        self.bytes.get(place..).unwrap_or_default()
    }

    /// Where `marker` stands.
    fn places<const N: usize>(&self, marker: [u8; N]) -> impl DoubleEndedIterator<Item = usize> {
        self.places.iter().copied().filter(move |place| self.from(*place).starts_with(&marker))
    }

    /// The first value that is `good` in a frame of `content`; the places of all whose checksums are right are added to
    /// `places`.
    fn find_frame<T: DeserializeOwned>(
        &self,
        id: ArchiveId,
        content: Content,
        places: &mut Vec<Range<usize>>,
        good: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let mut found = None;
        let frames = self.places(content.marker()).filter(|place| frame::begins(id, self.from(*place)));
        for place in frames.take(MAX_FRAMES) {
            let frame = frame::decode(id, content, self.from(place), place as u64);
            let Ok((value, length)) = frame else { continue };
            places.push(place..place + length);
            found = found.or_else(|| good(&value).then_some(value));
        }
        found
    }

    /// All headers of blocks, in the order of the file. None of those that are whole overlap, so reading them takes no
    /// more than the file.
    fn candidates(&self, id: ArchiveId) -> Vec<Candidate> {
        let mut limit = self.bytes.len() as u64;
        let header = |place: usize| {
            let (info, _) = BlockInfo::parse_header(id, self.from(place)).ok()?;
            let block = BlockRef::new(place as u64, info);
            Some(Candidate { block, limit: std::mem::replace(&mut limit, block.offset) })
        };
        let mut candidates = self.places(BLOCK_MARKER).rev().filter_map(header).collect::<Vec<_>>();
        candidates.reverse();
        candidates
    }
}

/// The header of a block, its checksum right.
struct Candidate {
    block: BlockRef,
    /// Where the next candidate begins, or the file ends. A block that would reach further is not whole.
    limit: u64,
}

impl Candidate {
    fn is_whole(&self) -> bool {
        end_of(&self.block) <= self.limit
    }

    /// The bytes that are left of it.
    fn place(&self) -> Range<u64> {
        self.block.offset..end_of(&self.block).min(self.limit)
    }
}

fn end_of(block: &BlockRef) -> u64 {
    block.len().and_then(|length| block.offset.checked_add(length)).unwrap_or(u64::MAX)
}

/// Table, chunk and sequence of a block.
type Key = (u32, u32, u32);

fn key(block: &BlockRef) -> Key {
    (block.table, block.chunk, block.sequence)
}

/// Looks for blocks everywhere. `error` is what is wrong with the structure.
fn scan(
    bytes: Bytes,
    error: Error,
    threads: usize,
    progress: &mut dyn FnMut(u32, u64),
) -> Result<Salvaged, Error> {
    let markers = Markers::find(bytes.read_all()?);
    let Some(structure) = Structure::find(&markers)? else {
        return Err(Error::NothingToSalvage { damage: error.to_string() });
    };
    let Structure { header, catalog, index: stated, footer, places } = structure;
    let candidates = markers.candidates(header.id);
    let mut archive = Archive { bytes, header, catalog: Arc::new(catalog), index: Arc::default() };
    let whole = candidates.iter().filter(|candidate| candidate.is_whole());
    let whole = whole.map(|candidate| &candidate.block).collect::<Vec<_>>();
    let mut read = read_blocks(&archive, &whole, threads, progress).into_iter();

    let mut sound = IndexBuilder::new(&archive.catalog);
    let mut found = BTreeMap::new();
    let mut broken = Vec::new();
    for candidate in &candidates {
        let block = &candidate.block;
        let result = if candidate.is_whole() { read.next() } else { None };
        match (result, archive.catalog.table(block.table)) {
            (Some(Ok(content)), Some(table)) if found.insert(key(block), block.offset).is_none() => {
                sound.add(table, *block, content.digest, &content.facts);
            }
            (Some(Err(error)), _) => broken.push((candidate, without_place(error))),
            (Some(Ok(_)), _) => broken.push((candidate, "the block stands in the file once more".to_owned())),
            (None, _) => broken.push((candidate, "the block is not whole".to_owned())),
        }
    }
    let sound = sound.finish();

    let mut losses = Losses::new(&archive.catalog, stated.as_ref(), error);
    losses.add_broken(&broken, &mut found);
    losses.add_missing(&found);
    let mut known = places.iter().map(|part| part.start as u64..part.end as u64).collect::<Vec<_>>();
    known.extend(candidates.iter().map(Candidate::place));
    let last = losses.add_unknown_bytes(known, archive.file_bytes());
    match &stated {
        Some(stated) => losses.damages.extend(contradictions(&archive.catalog, stated, &sound)),
        None => losses.add_unknown_end(&sound, footer, last),
    }
    let mut damages = losses.damages;
    damages.sort_by_key(|damage| damage.offset);
    archive.index = Arc::new(sound);
    Ok(Salvaged { archive, scanned: true, damages })
}

/// Collects what is lost.
struct Losses<'a> {
    catalog: &'a Catalog,
    /// What the archive held, when its index can be read.
    stated: BTreeMap<Key, (usize, &'a BlockRef)>,
    has_index: bool,
    damages: Vec<Damage>,
}

impl<'a> Losses<'a> {
    fn new(catalog: &'a Catalog, index: Option<&'a Index>, error: Error) -> Self {
        let tables = index.iter().flat_map(|index| &index.tables);
        let blocks = tables.flat_map(|table| table.blocks.iter().enumerate());
        let stated = blocks.map(|(number, block)| (key(block), (number, block))).collect();
        let mut losses = Losses { catalog, stated, has_index: index.is_some(), damages: Vec::new() };
        let (offset, what) = match error {
            Error::Damaged { offset, what } => (offset, what),
            other => (0, other.to_string()),
        };
        losses.add(None, None, offset..offset, Some(0), what);
        losses
    }

    fn add(
        &mut self,
        table: Option<u32>,
        block: Option<usize>,
        place: Range<u64>,
        rows: Option<u64>,
        what: String,
    ) {
        let table = table.and_then(|table| self.catalog.table(table)).map(Table::label);
        let bytes = place.end.saturating_sub(place.start);
        self.damages.push(Damage { table, block, offset: place.start, bytes, rows, what });
    }

    /// Blocks whose header is sound and that cannot be used; they are `found` from now on.
    fn add_broken(&mut self, broken: &[(&Candidate, String)], found: &mut BTreeMap<Key, u64>) {
        for (candidate, what) in broken {
            let block = &candidate.block;
            let number = self.stated.get(&key(block)).map(|(number, _)| *number);
            let is_first = found.insert(key(block), block.offset).is_none();
            let rows = if is_first { block.rows.into() } else { 0 };
            self.add(Some(block.table), number, candidate.place(), Some(rows), what.clone());
        }
    }

    /// Blocks of which nothing was found: those of the index or, without one, what is not there between others.
    fn add_missing(&mut self, found: &BTreeMap<Key, u64>) {
        let missing = self.stated.iter().filter(|(key, _)| !found.contains_key(key));
        for (number, block) in missing.map(|(_, stated)| *stated).collect::<Vec<_>>() {
            let what = "the block is not there; this was its place".to_owned();
            let place = block.offset..end_of(block);
            self.add(Some(block.table), Some(number), place, Some(block.rows.into()), what);
        }
        if self.has_index {
            return;
        }
        let mut last = None;
        for (&(table, chunk, sequence), &offset) in found {
            let expected = match last {
                Some((last_table, last_chunk, last)) if (last_table, last_chunk) == (table, chunk) => {
                    last + 1
                }
                _ => 0,
            };
            if sequence > expected {
                let missing = if expected + 1 == sequence {
                    format!("block {expected} of chunk {chunk} is")
                } else {
                    format!("blocks {expected} to {} of chunk {chunk} are", sequence - 1)
                };
                let what = format!("{missing} not there; the next begins here");
                self.add(Some(table), None, offset..offset, None, what);
            }
            last = Some((table, chunk, sequence));
        }
    }

    /// What is in none of the `known` places of a file of `length` bytes, and where the last of them ends.
    fn add_unknown_bytes(&mut self, mut known: Vec<Range<u64>>, length: u64) -> u64 {
        known.sort_unstable_by_key(|place| place.start);
        let last = known.iter().map(|place| place.end).max().unwrap_or_default();
        known.push(length..length);
        let mut end = 0;
        for place in known {
            if place.start > end {
                let what = "these bytes belong to nothing that can be read".to_owned();
                self.add(None, None, end..place.start, Some(0), what);
            }
            end = end.max(place.end);
        }
        last
    }

    /// Without an index nobody knows which blocks stood behind `last`; a footer knows how many.
    fn add_unknown_end(&mut self, sound: &Index, footer: Option<Footer>, last: u64) {
        let (rows, what) = match footer {
            Some(footer) if (footer.blocks, footer.rows) == (sound.blocks, sound.rows) => return,
            Some(footer) => {
                let told = self.damages.iter().filter_map(|damage| damage.rows);
                let missing = told.fold(footer.rows.saturating_sub(sound.rows), u64::saturating_sub);
                let Footer { blocks, rows, .. } = footer;
                let Index { blocks: sound, rows: sound_rows, .. } = sound;
                let found =
                    format!("of {blocks} blocks with {rows} rows {sound} were found with {sound_rows}");
                let what = format!("the index cannot be read; {found}");
                (Some(missing), what)
            }
            None => (None, format!("the end of the archive is missing: what came after byte {last} is lost")),
        };
        self.add(None, None, last..last, rows, what);
    }
}

#[cfg(test)]
#[path = "salvage_tests.rs"]
mod tests;
