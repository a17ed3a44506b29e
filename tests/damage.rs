//! Damage of every kind to a small archive: a reader must report each, and never panic.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::io::{Read, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use pgsnap::archive::check::{Depth, check};
use pgsnap::archive::{
    Archive, ArchiveId, ArchiveWriter, BlockDecoder, BlockEncoder, BlockPosition, BlockRef, Catalog, Column,
    Contents, EncodedBlock, Entry, Error, Header, Index, Lock, Pass, Section, SequentialReader, Shape,
    Source, Table, Transfer, ValueKind,
};

/// Length of the header of a block, from the specification.
const BLOCK_HEADER_LEN: u64 = 48;

const ID: ArchiveId = ArchiveId([0xa5; 16]);
const OTHER_ID: ArchiveId = ArchiveId([0xa6; 16]);

fn column(name: &str, value: ValueKind) -> Column {
    Column { name: name.to_owned(), type_name: "some type".to_owned(), value, shape: Shape::Plain }
}

/// A table of every encoding in binary, one in text, one without rows.
fn catalog() -> Catalog {
    let table = |entry, name: &str, transfer, columns| Table {
        entry,
        schema: "public".to_owned(),
        name: name.to_owned(),
        transfer,
        text_reason: (transfer == Transfer::Text).then(|| "a column of type regclass".to_owned()),
        root: None,
        condition: None,
        columns,
    };
    let tables = vec![
        table(
            2,
            "events",
            Transfer::Binary,
            vec![
                column("id", ValueKind::Integer),
                column("score", ValueKind::Float),
                column("kind", ValueKind::Opaque),
                column("note", ValueKind::Opaque),
                column("gone", ValueKind::Opaque),
            ],
        ),
        table(
            3,
            "names",
            Transfer::Text,
            vec![column("a", ValueKind::Opaque), column("b", ValueKind::Opaque)],
        ),
        table(4, "empty", Transfer::Binary, vec![]),
    ];
    let entry = |id: u32, table: Option<u32>| Entry {
        id,
        kind: if table.is_none() { "SCHEMA" } else { "TABLE DATA" }.to_owned(),
        schema: Some("public".to_owned()),
        name: format!("entry {id}"),
        owner: Some("owner".to_owned()),
        section: if table.is_none() { Section::PreData } else { Section::Data },
        pass: Pass::Main,
        lock: Lock::None,
        create: vec!["CREATE SCHEMA public".to_owned()],
        drop: vec!["DROP SCHEMA public".to_owned()],
        owned: Some("SCHEMA public".to_owned()),
        tablespace: None,
        access_method: None,
        dependencies: if id > 1 { vec![1] } else { vec![] },
        table,
    };
    Catalog {
        source: Source { database: "shop".to_owned(), ..Source::default() },
        entries: vec![entry(1, None), entry(2, Some(0)), entry(3, Some(1)), entry(4, Some(2))],
        tables,
    }
}

/// Rows for the table `events`: a counter, floats, a constant, texts with NULL, only NULL.
fn events(from: u64) -> Vec<u8> {
    let mut rows = Vec::new();
    for i in from..from + 60 {
        rows.extend(5i16.to_be_bytes());
        let noise = i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23).wrapping_mul(0xd134_2543_de82_ef95);
        let score = (noise >> 40) as f32 / 1e6;
        let note = (i % 3 != 0).then(|| format!("note {:x}", noise >> 48).into_bytes());
        let fields = [
            Some((i as i64 * 7).to_be_bytes().to_vec()),
            Some(score.to_be_bytes().to_vec()),
            Some(b"same".to_vec()),
            note,
            None,
        ];
        for field in fields {
            match field {
                None => rows.extend((-1i32).to_be_bytes()),
                Some(field) => {
                    rows.extend((field.len() as i32).to_be_bytes());
                    rows.extend(field);
                }
            }
        }
    }
    rows
}

fn blocks(id: ArchiveId) -> Vec<EncodedBlock> {
    let catalog = catalog();
    let mut encoder = BlockEncoder::new(id, 1).unwrap();
    let mut encode = |table: u32, chunk, sequence, rows: &[u8]| {
        let position = BlockPosition { chunk, sequence };
        encoder.encode(table, &catalog.tables[table as usize], position, rows).unwrap()
    };
    vec![
        encode(0, 0, 0, &events(0)),
        encode(1, 0, 0, b"a\tb\n\\N\tc\n\t\\\\x\n"),
        encode(0, 1, 0, &events(500)),
        encode(0, 0, 1, &events(60)),
    ]
}

fn archive_of(id: ArchiveId, blocks: &[EncodedBlock]) -> Vec<u8> {
    let mut writer =
        ArchiveWriter::create(Vec::new(), &Header::new(id, 1_700_000_000_000_000), &catalog()).unwrap();
    blocks.iter().for_each(|block| writer.append(block).unwrap());
    writer.finish().unwrap().0
}

fn archive() -> Vec<u8> {
    archive_of(ID, &blocks(ID))
}

/// What opening and checking says about `bytes`; `None` if they pass for sound.
fn complaint(bytes: Vec<u8>) -> Option<String> {
    let archive = match Archive::from_bytes(bytes) {
        Ok(archive) => archive,
        Err(error) => return Some(error.to_string()),
    };
    let damages = check(&archive, Depth::Full, 1, &mut |_, _| ()).err()?;
    Some(damages.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// The index of an archive that comes out of a pipe, once all of it has been found sound.
fn read_in_sequence(from: impl Read) -> Result<Index, Error> {
    let mut reader = SequentialReader::open(from)?;
    let catalog = reader.catalog().clone();
    let mut decoder = BlockDecoder::new(reader.header().id)?;
    let (mut contents, mut blocks) = (Contents::new(&catalog), Vec::new());
    while let Some((block, ())) = reader.next_block(|_| ())? {
        let table = &catalog.tables[block.info.table as usize];
        let content = block.read(&mut decoder, table, &mut Vec::new())?;
        blocks.push((block, content));
    }
    // Workers are done with blocks in any order.
    blocks.into_iter().rev().for_each(|(block, content)| contents.add(&catalog, &block, content));
    reader.finish(contents)
}

/// The complaint about `bytes`, which must not be sound and must not make a reader panic, neither the one that sees the
/// whole file nor the one that sees a pipe.
fn must_complain(bytes: Vec<u8>, damage: &str) -> String {
    match catch_unwind(AssertUnwindSafe(|| read_in_sequence(&bytes[..]))) {
        Ok(Err(_)) => {}
        Ok(Ok(_)) => panic!("not noticed in sequence: {damage}"),
        Err(_) => panic!("panic in sequence: {damage}"),
    }
    match catch_unwind(AssertUnwindSafe(|| complaint(bytes))) {
        Ok(Some(complaint)) => complaint,
        Ok(None) => panic!("not noticed: {damage}"),
        Err(_) => panic!("panic: {damage}"),
    }
}

/// Places of the blocks, in the order of the file.
fn places(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let archive = Archive::from_bytes(bytes.to_vec()).unwrap();
    let blocks = archive.index().tables.iter().flat_map(|table| &table.blocks);
    let place = |block: &BlockRef| {
        block.offset as usize..(block.offset + BLOCK_HEADER_LEN + block.stored_len) as usize
    };
    let mut places = blocks.map(place).collect::<Vec<_>>();
    places.sort_by_key(|place| place.start);
    places
}

#[test]
fn the_archive_is_sound_and_small() {
    let bytes = archive();
    assert_eq!(complaint(bytes.clone()), None);
    assert!(bytes.len() < 8 << 10, "{} bytes", bytes.len());
    assert_eq!(places(&bytes).len(), 4);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    assert!(check(&Archive::open(file.path()).unwrap(), Depth::Full, 3, &mut |_, _| ()).is_ok());
}

/// The archive that holds every structure of the format.
fn everything() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/1.0/everything.pgsnap");
    let bytes = std::fs::read(path).unwrap();
    assert!(complaint(bytes.clone()).is_none() && bytes.len() <= 128 << 10);
    bytes
}

#[test]
fn a_pipe_gives_the_same_index() {
    // In small pieces, as a pipe may give them.
    struct Trickle<'a>(&'a [u8]);
    impl Read for Trickle<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let length = to.len().min(7);
            self.0.read(&mut to[..length])
        }
    }
    for blocks in [blocks(ID), equal_blocks(ID), Vec::new()] {
        let bytes = archive_of(ID, &blocks);
        let archive = Archive::from_bytes(bytes.clone()).unwrap();
        assert_eq!(&read_in_sequence(Trickle(&bytes)).unwrap(), archive.index());
        let reader = SequentialReader::open(&bytes[..]).unwrap();
        assert_eq!((reader.header(), &**reader.catalog()), (archive.header(), archive.catalog()));
    }
}

#[test]
fn a_pipe_that_fails_is_told_from_one_that_ends() {
    struct Broken<'a>(&'a [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(to)? {
                0 => Err(std::io::Error::other("the disk is on fire")),
                length => Ok(length),
            }
        }
    }
    let bytes = archive();
    for length in (0..bytes.len()).step_by(37) {
        let error = read_in_sequence(Broken(&bytes[..length])).unwrap_err();
        assert!(matches!(error, Error::Read { offset, .. } if offset == length as u64), "{length}: {error}");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = &everything();
    let half = bytes.len() / 2;
    std::thread::scope(|scope| {
        for positions in [0..half, half..bytes.len()] {
            scope.spawn(|| {
                for (position, bit) in positions.flat_map(|position| (0..8).map(move |bit| (position, bit))) {
                    let mut damaged = bytes.clone();
                    damaged[position] ^= 1 << bit;
                    must_complain(damaged, &format!("bit {bit} of byte {position} flipped"));
                }
            });
        }
    });
}

#[test]
fn every_truncation_is_noticed_by_opening() {
    let bytes = everything();
    for length in 0..bytes.len() {
        let result = catch_unwind(|| Archive::from_bytes(bytes[..length].to_vec()).err());
        let error = result.unwrap_or_else(|_| panic!("panic: cut to {length}"));
        let error = error.unwrap_or_else(|| panic!("not noticed: cut to {length}")).to_string();
        assert!(error.contains("cut short"), "cut to {length}: {error}");
        assert!(error.contains(&format!("{length} bytes")), "cut to {length}: {error}");
        let error = read_in_sequence(&bytes[..length]).unwrap_err();
        let Error::CutShort { length: told, .. } = error else { panic!("cut to {length}: {error}") };
        assert_eq!(told, length as u64);
    }
}

#[test]
fn every_damaged_byte_of_a_block_leaves_the_other_blocks_readable() {
    let bytes = archive();
    let places = places(&bytes);
    let damaged_block = places[2].clone();
    for position in damaged_block.clone() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0xff;
        let archive = Archive::from_bytes(damaged).unwrap();
        let damages = check(&archive, Depth::Full, 1, &mut |_, _| ()).unwrap_err();
        assert_eq!(damages.len(), 1, "{damages:?}");
        let damage = &damages[0];
        assert_eq!((damage.table.as_deref(), damage.block), (Some("public.events"), Some(1)));
        assert_eq!(damage.offset, damaged_block.start as u64);
    }
}

#[test]
fn zeroed_and_filled_stretches_are_noticed() {
    let bytes = archive();
    for length in [2, 16, 64, 512] {
        for start in (0..bytes.len() - length).step_by(7) {
            for value in [0, 0xff] {
                let mut damaged = bytes.clone();
                damaged[start..start + length].fill(value);
                if damaged != bytes {
                    must_complain(damaged, &format!("{length} bytes of {value} at {start}"));
                }
            }
        }
    }
}

#[test]
fn inserted_and_removed_bytes_are_noticed() {
    let bytes = archive();
    for position in 0..=bytes.len() {
        let mut longer = bytes.clone();
        longer.insert(position, 0);
        must_complain(longer, &format!("a byte inserted at {position}"));
        if position < bytes.len() {
            let mut shorter = bytes.clone();
            shorter.remove(position);
            must_complain(shorter, &format!("a byte removed at {position}"));
        }
    }
}

#[test]
fn swapped_blocks_are_noticed() {
    let bytes = archive();
    let places = places(&bytes);
    for a in 0..places.len() {
        for b in a + 1..places.len() {
            let mut order = (0..places.len()).collect::<Vec<_>>();
            order.swap(a, b);
            let blocks = order.iter().flat_map(|&n| bytes[places[n].clone()].to_vec());
            let (start, end) = (places[0].start, places[places.len() - 1].end);
            let swapped = bytes[..start].iter().copied().chain(blocks).chain(bytes[end..].iter().copied());
            must_complain(swapped.collect(), &format!("blocks {a} and {b} swapped"));
        }
    }
}

/// Blocks of equal length, so that they can take each other's place without anything moving.
fn equal_blocks(id: ArchiveId) -> Vec<EncodedBlock> {
    let catalog = catalog();
    let mut encoder = BlockEncoder::new(id, 1).unwrap();
    let rows = [b"abc\tdef\n", b"ghi\tjkl\n", b"mno\tpqr\n"];
    let encode = |(rows, sequence): (&&[u8; 8], u32)| {
        encoder.encode(1, &catalog.tables[1], BlockPosition { chunk: 0, sequence }, &rows[..]).unwrap()
    };
    rows.iter().zip(0..).map(encode).collect()
}

#[test]
fn blocks_of_equal_length_in_each_others_place_are_noticed() {
    let bytes = archive_of(ID, &equal_blocks(ID));
    let places = places(&bytes);
    assert!(places.iter().all(|place| place.len() == places[0].len()));
    for (to, from) in [(0, 1), (1, 0), (2, 0), (1, 2)] {
        let mut duplicated = bytes.clone();
        duplicated.copy_within(places[from].clone(), places[to].start);
        let complaint = must_complain(duplicated, &format!("block {from} also in the place of {to}"));
        assert!(complaint.contains("another one than the index says"), "{complaint}");
        let header = BLOCK_HEADER_LEN as usize;
        let mut payload_only = bytes.clone();
        payload_only.copy_within(places[from].start + header..places[from].end, places[to].start + header);
        must_complain(payload_only, &format!("payload of block {from} also in block {to}"));
    }
}

#[test]
fn a_block_from_another_archive_is_noticed() {
    let (bytes, other) = (archive_of(ID, &equal_blocks(ID)), archive_of(OTHER_ID, &equal_blocks(OTHER_ID)));
    let place = places(&bytes)[1].clone();
    assert_eq!(place, places(&other)[1]);
    let mut spliced = bytes.clone();
    spliced[place.clone()].copy_from_slice(&other[place.clone()]);
    let complaint = must_complain(spliced, "a block of another archive");
    assert!(complaint.contains("public.names") && complaint.contains("block 1"), "{complaint}");

    let own = Archive::from_bytes(bytes).unwrap();
    let mut decoder = BlockDecoder::new(ID).unwrap();
    assert!(decoder.decode(own.table(1).unwrap(), &other[place], &mut Vec::new()).is_err());
}

#[test]
fn parts_of_two_archives_do_not_make_one() {
    let (bytes, other) = (archive_of(ID, &equal_blocks(ID)), archive_of(OTHER_ID, &equal_blocks(OTHER_ID)));
    // Catalog and index of both have the same length: every cut puts whole structures beside each other somewhere.
    assert_eq!(bytes.len(), other.len());
    for cut in 1..bytes.len() {
        let joined = [&bytes[..cut], &other[cut..]].concat();
        if joined != bytes && joined != other {
            must_complain(joined, &format!("another archive from byte {cut} on"));
        }
    }
}

#[test]
fn trailing_bytes_and_concatenation_are_noticed() {
    let bytes = archive();
    for junk in [&b"\0"[..], b"\n", &[0; 4096], &bytes[bytes.len() - 84..], &bytes] {
        must_complain([&bytes[..], junk].concat(), "bytes after the end");
    }
    let other = archive_of(OTHER_ID, &blocks(OTHER_ID));
    must_complain([bytes, other].concat(), "another archive after the end");
}

#[test]
fn an_archive_that_was_not_finished_is_refused() {
    let mut bytes = Vec::new();
    let mut writer = ArchiveWriter::create(&mut bytes, &Header::new(ID, 0), &catalog()).unwrap();
    blocks(ID).iter().for_each(|block| writer.append(block).unwrap());
    drop(writer);
    assert!(must_complain(bytes, "no finish").contains("no footer at the end"));
}

#[test]
fn damage_in_several_tables_is_reported_at_once() {
    let mut bytes = archive();
    for place in &places(&bytes)[..2] {
        bytes[place.end - 1] ^= 1;
    }
    let archive = Archive::from_bytes(bytes).unwrap();
    assert_eq!(check(&archive, Depth::Structure, 1, &mut |_, _| ()), Ok(()));
    let damages = check(&archive, Depth::Full, 4, &mut |_, _| ()).unwrap_err();
    let tables = damages.iter().map(|damage| damage.table.as_deref().unwrap()).collect::<Vec<_>>();
    assert_eq!(tables, ["public.events", "public.names"]);
}
