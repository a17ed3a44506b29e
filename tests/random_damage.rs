//! Random damage to an archive: whatever it is, opening and checking must notice it, and never panic.
//!
//! The archive has 4 MiB and the damages are few; `PGSNAP_DAMAGES=N` makes them N on an archive of 100 MiB, as
//! `tests/all --damage N` does. The damages are the same in every run.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::panic::catch_unwind;
use std::path::Path;

use pgsnap::archive::check::{Depth, check};
use pgsnap::archive::{
    Archive, ArchiveId, ArchiveWriter, BlockEncoder, BlockPosition, Catalog, Column, Entry, Header, Lock,
    Pass, Section, Shape, Source, Table, Transfer, ValueKind,
};

/// Length of the header of a block, from the specification.
const BLOCK_HEADER_LEN: u64 = 48;
/// Bytes of the rows of a block.
const BLOCK_ROWS_LEN: usize = 512 << 10;
const TABLES: usize = 3;

/// Numbers without pattern.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}

fn catalog() -> Catalog {
    let column = |name: &str, value| Column {
        name: name.to_owned(),
        type_name: "some type".to_owned(),
        value,
        shape: Shape::Plain,
    };
    let table = |number: usize| Table {
        entry: number as u32 + 1,
        schema: "public".to_owned(),
        name: format!("t{number}"),
        transfer: Transfer::Binary,
        text_reason: None,
        root: None,
        condition: None,
        columns: vec![column("id", ValueKind::Integer), column("picture", ValueKind::Opaque)],
    };
    let entry = |number: usize| Entry {
        id: number as u32 + 1,
        kind: "TABLE DATA".to_owned(),
        schema: Some("public".to_owned()),
        name: format!("t{number}"),
        owner: Some("owner".to_owned()),
        section: Section::Data,
        pass: Pass::Main,
        lock: Lock::None,
        create: vec![],
        drop: vec![],
        owned: None,
        tablespace: None,
        access_method: None,
        dependencies: vec![],
        table: Some(number as u32),
    };
    let (entries, tables) = ((0..TABLES).map(entry).collect(), (0..TABLES).map(table).collect());
    Catalog { source: Source::default(), entries, tables }
}

/// An archive of `blocks` blocks, in which the tables take turns. Two archives that differ in `id` alone have the same
/// rows, and blocks of the same lengths.
fn write_archive(path: &Path, id: ArchiveId, blocks: usize) {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let catalog = catalog();
    let file = File::create(path).unwrap();
    let mut writer = ArchiveWriter::create(file, &Header::new(id, 0), &catalog).unwrap();
    let mut encoder = BlockEncoder::new(id, 1).unwrap();
    let mut rows = Vec::new();
    for block in 0..blocks {
        rows.clear();
        while rows.len() < BLOCK_ROWS_LEN {
            rows.extend(2i16.to_be_bytes());
            rows.extend(8i32.to_be_bytes());
            rows.extend((rows.len() as u64).to_be_bytes());
            rows.extend(8000i32.to_be_bytes());
            rows.extend(std::iter::repeat_with(|| random.next().to_be_bytes()).take(1000).flatten());
        }
        let (table, sequence) = (block % TABLES, (block / TABLES) as u32);
        let position = BlockPosition { chunk: 0, sequence };
        let block = encoder.encode(table as u32, &catalog.tables[table], position, &rows).unwrap();
        writer.append(&block).unwrap();
    }
    writer.finish().unwrap();
}

/// Places of the blocks, in the order of the file.
fn places(path: &Path) -> Vec<Range<usize>> {
    let archive = Archive::open(path).unwrap();
    let blocks = archive.index().tables.iter().flat_map(|table| &table.blocks);
    let place = |offset: u64, stored: u64| offset as usize..(offset + BLOCK_HEADER_LEN + stored) as usize;
    let mut places = blocks.map(|block| place(block.offset, block.stored_len)).collect::<Vec<_>>();
    places.sort_by_key(|place| place.start);
    places
}

/// A damage: its kind, the first byte of the file that it may change, and what the file is from there on.
struct Damage {
    kind: &'static str,
    start: usize,
    tail: Vec<u8>,
    /// Whether the file keeps its length and changes nowhere but in `tail`.
    within: bool,
}

/// A damage to the archive `bytes`; `other` is an archive of the same rows under another id.
fn damage(bytes: &[u8], other: &[u8], places: &[Range<usize>], random: &mut Random) -> Damage {
    let any = random.below(bytes.len());
    let (first, second) = (random.below(places.len()), random.below(places.len()));
    let (one, two) = (places[first].clone(), places[second].clone());
    let within = |kind, start, tail| Damage { kind, start, tail, within: true };
    let filled = |start: usize, length: usize, byte| {
        within("a sector filled", start, vec![byte; length.min(bytes.len() - start)])
    };
    let length = 1 + random.below(5000);
    let piece = std::iter::repeat_with(|| random.next() as u8).take(length).collect::<Vec<_>>();
    match random.below(12) {
        0 => within("a block zeroed", one.start, vec![0; one.len()]),
        1 => {
            let (from, to) = if one.start <= two.start { (one, two) } else { (two, one) };
            let between = if from == to { &[] } else { &bytes[from.end..to.start] };
            let swapped = [&bytes[to.clone()], between, &bytes[from.clone()]].concat();
            within("two blocks swapped", from.start, if from == to { bytes[from].to_vec() } else { swapped })
        }
        2 => {
            // Blocks may differ in length by some bytes: then what is behind moves.
            let tail = [&bytes[two], &bytes[one.end..]].concat();
            Damage { kind: "a block in another's place", start: one.start, tail, within: false }
        }
        3 => {
            let tail = [&bytes[one.clone()], &bytes[one.start..]].concat();
            Damage { kind: "a block twice", start: one.start, tail, within: false }
        }
        4 => within("a block of another archive", one.start, other[one].to_vec()),
        5 => within("the payload of another block", one.start + 48, bytes[two.start + 48..two.end].to_vec()),
        6 => {
            let tail = [&piece[..], &bytes[any..]].concat();
            Damage { kind: "bytes inserted", start: any, tail, within: false }
        }
        7 => {
            let tail = bytes[(any + length).min(bytes.len())..].to_vec();
            Damage { kind: "bytes removed", start: any, tail, within: false }
        }
        8 => filled(any & !0x1ff, 512, [0, 0xff][random.below(2)]),
        9 => filled(any & !0xfff, 4096, [0, 0xff][random.below(2)]),
        10 => within("a bit flipped", any, vec![bytes[any] ^ 1 << random.below(8)]),
        _ => within("bytes overwritten", any, piece[..length.min(bytes.len() - any)].to_vec()),
    }
}

/// Whether opening and checking `path` says that it is damaged; `Err` after a panic.
fn is_noticed(path: &Path) -> Result<bool, ()> {
    let noticed = catch_unwind(|| match Archive::open(path) {
        Ok(archive) => check(&archive, Depth::Full, 2, &mut |_, _| ()).is_err(),
        Err(_) => true,
    });
    noticed.map_err(drop)
}

#[test]
fn every_random_damage_is_noticed() {
    let wanted = std::env::var("PGSNAP_DAMAGES").map(|number| number.parse::<usize>().unwrap());
    let (damages, megabytes) = wanted.map_or((200, 4), |damages| (damages, 100));
    let directory = tempfile::tempdir().unwrap();
    let (path, other) = (directory.path().join("a.pgsnap"), directory.path().join("b.pgsnap"));
    write_archive(&path, ArchiveId([0xa5; 16]), megabytes * 2);
    write_archive(&other, ArchiveId([0xa6; 16]), megabytes * 2);
    assert_eq!(is_noticed(&path), Ok(false));
    let (places, bytes, other) =
        (places(&path), std::fs::read(&path).unwrap(), std::fs::read(&other).unwrap());
    assert!(bytes.len() >= megabytes << 20 && bytes.len() == other.len());

    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut counts = BTreeMap::new();
    let mut done = 0;
    while done < damages {
        let Damage { kind, start, tail, within } = damage(&bytes, &other, &places, &mut random);
        let end = start + tail.len();
        if bytes.get(start..end) == Some(&tail[..]) && (within || end == bytes.len()) {
            continue; // Nothing has changed.
        }
        file.write_all_at(&tail, start as u64).unwrap();
        if !within {
            file.set_len(end as u64).unwrap();
        }
        let noticed = is_noticed(&path);
        assert_eq!(noticed, Ok(true), "damage {done}: {kind} at offset {start}");
        let end = if within { end.min(bytes.len()) } else { bytes.len() };
        file.write_all_at(&bytes[start..end], start as u64).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        *counts.entry(kind).or_insert(0) += 1;
        done += 1;
    }
    assert_eq!(is_noticed(&path), Ok(false), "every damage has been undone");
    println!("{done} damages noticed: {counts:?}");
}
