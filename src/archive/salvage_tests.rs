//! Damage of every kind, and what is left. Everything that is sound must be found, everything else named.
#![allow(clippy::cast_possible_truncation)]

use super::*;
use crate::archive::check::{Depth, check};
use crate::archive::{
    ArchiveWriter, BlockDecoder, BlockEncoder, BlockPosition, Column, EncodedBlock, Entry, Lock, Pass,
    Section, Shape, Source, Transfer, ValueKind,
};

const ID: ArchiveId = ArchiveId([0x5a; 16]);
const OTHER_ID: ArchiveId = ArchiveId([0x5b; 16]);

/// Table, chunk, sequence and first value of each block: three values each.
const BLOCKS: [(u32, u32, u32, i32); 7] =
    [(0, 0, 0, 10), (1, 0, 0, 90), (0, 4, 0, 20), (0, 0, 1, 30), (1, 0, 1, 80), (0, 4, 1, 40), (0, 0, 2, 50)];

fn catalog() -> Catalog {
    let table = |entry, name: &str| {
        let column = Column {
            name: "c".into(),
            type_name: "integer".into(),
            value: ValueKind::Integer,
            shape: Shape::Plain,
        };
        let (schema, name) = ("public".into(), name.into());
        Table {
            entry,
            schema,
            name,
            transfer: Transfer::Binary,
            text_reason: None,
            root: None,
            condition: None,
            columns: vec![column],
        }
    };
    let entry = |id: u32| Entry {
        id,
        kind: "TABLE DATA".into(),
        schema: None,
        name: "t".into(),
        owner: None,
        section: Section::Data,
        pass: Pass::Main,
        lock: Lock::None,
        create: vec![],
        drop: vec![],
        owned: None,
        tablespace: None,
        access_method: None,
        dependencies: vec![],
        table: Some(id - 1),
    };
    Catalog {
        source: Source { snapshot_time: 77, ..Source::default() },
        entries: vec![entry(1), entry(2), entry(3)],
        tables: vec![table(1, "a"), table(2, "b"), table(3, "empty")],
    }
}

fn rows(first: i32) -> Vec<u8> {
    let row = |value: i32| [&b"\0\x01\0\0\0\x04"[..], &value.to_be_bytes()].concat();
    (first..first + 3).flat_map(row).collect()
}

fn block(id: ArchiveId, (table, chunk, sequence, first): (u32, u32, u32, i32)) -> EncodedBlock {
    let mut encoder = BlockEncoder::new(id, 1).unwrap();
    let described = catalog().tables.remove(table as usize);
    encoder.encode(table, &described, BlockPosition { chunk, sequence }, &rows(first)).unwrap()
}

fn archive_of(id: ArchiveId) -> Vec<u8> {
    let mut writer = ArchiveWriter::create(Vec::new(), &Header::new(id, 77), &catalog()).unwrap();
    BLOCKS.into_iter().for_each(|place| writer.append(&block(id, place)).unwrap());
    writer.finish().unwrap().0
}

fn archive() -> Vec<u8> {
    archive_of(ID)
}

/// Where the blocks are in the archive that is sound.
fn places() -> Vec<Range<usize>> {
    let archive = Archive::from_bytes(archive()).unwrap();
    let blocks = archive.index().tables.iter().flat_map(|table| &table.blocks);
    let mut places = blocks.map(|block| block.offset as usize..end_of(block) as usize).collect::<Vec<_>>();
    places.sort_by_key(|place| place.start);
    places
}

/// What was salvaged: the numbers of the blocks, in the order of the file; and what was said.
fn salvage(bytes: Vec<u8>) -> (Vec<usize>, Vec<Damage>) {
    let Salvaged { archive, damages, .. } = from_bytes(bytes, 2, &mut |_, _| ()).unwrap();
    assert_eq!(
        (archive.catalog(), archive.header().id, archive.header().snapshot_time),
        (&catalog(), ID, 77)
    );
    // The index is right about everything that is left.
    assert_eq!(check(&archive, Depth::Full, 1, &mut |_, _| ()), Ok(()));
    let index = archive.index();
    let mut found = Vec::new();
    let mut decoder = BlockDecoder::new(ID).unwrap();
    for block in index.tables.iter().flat_map(|table| &table.blocks) {
        let number = BLOCKS.iter().position(|known| (known.0, known.1, known.2) == key(block)).unwrap();
        let mut out = Vec::new();
        let bytes = archive.block(block).unwrap();
        decoder.decode(archive.table(block.table).unwrap(), bytes, &mut out).unwrap();
        assert!(out == rows(BLOCKS[number].3));
        found.push(number);
    }
    found.sort_unstable();
    (found, damages)
}

fn all_but(lost: &[usize]) -> Vec<usize> {
    (0..BLOCKS.len()).filter(|number| !lost.contains(number)).collect()
}

/// Rows that are said to be lost, when that is known of all.
fn rows_lost(damages: &[Damage]) -> Option<u64> {
    damages.iter().map(|damage| damage.rows).sum()
}

fn text(damages: &[Damage]) -> String {
    damages.iter().map(|damage| format!("{damage}\n")).collect()
}

/// The archive without its index and its footer, so that only blocks and catalog tell what there was.
fn without_end(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(places()[6].end);
    bytes
}

#[test]
fn an_intact_archive_is_as_it_was() {
    let opened = Archive::from_bytes(archive()).unwrap();
    let salvaged = from_bytes(archive(), 1, &mut |_, _| ()).unwrap();
    assert_eq!((salvaged.archive.index(), salvaged.scanned), (opened.index(), false));
    assert_eq!(salvaged.damages, []);
    let salvaged = skip_damaged(opened, 2, &mut |_, _| ());
    assert_eq!(salvaged.damages, []);
    assert_eq!(salvage(archive()).0, all_but(&[]));
}

#[test]
fn every_damaged_byte_costs_one_block_at_most() {
    let places = places();
    for position in 0..archive().len() {
        let mut bytes = archive();
        bytes[position] ^= 0x10;
        let (found, damages) = salvage(bytes);
        let lost = places.iter().position(|place| place.contains(&position));
        assert_eq!(found, all_but(&Vec::from_iter(lost)), "byte {position}");
        assert_eq!(rows_lost(&damages), Some(if lost.is_some() { 3 } else { 0 }), "{}", text(&damages));
        assert!(!damages.is_empty());
        if let Some(lost) = lost {
            let damage = damages.iter().find(|damage| damage.rows == Some(3)).unwrap();
            let table = if BLOCKS[lost].0 == 0 { "public.a" } else { "public.b" };
            assert_eq!(damage.table.as_deref(), Some(table));
            assert_eq!(damage.offset..damage.offset + damage.bytes, {
                places[lost].start as u64..places[lost].end as u64
            });
        }
    }
}

#[test]
fn every_length_gives_the_blocks_that_are_whole() {
    let places = places();
    for length in 0..archive().len() {
        let bytes = archive()[..length].to_vec();
        if length < places[0].start {
            let error = from_bytes(bytes, 1, &mut |_, _| ()).unwrap_err();
            assert!(error.to_string().contains("nothing can be salvaged"), "{error}");
            continue;
        }
        let (found, damages) = salvage(bytes);
        let whole = (0..7).filter(|number| places[*number].end <= length).collect::<Vec<_>>();
        assert_eq!(found, whole, "cut to {length}");
        let said = text(&damages);
        assert!(said.contains("cut short"), "{said}");
        // The index ends before the copy of the catalog begins.
        let has_index = length >= archive().len() - 84 - (places[0].start - HEADER_LEN);
        assert_eq!(rows_lost(&damages), has_index.then_some(0), "cut to {length}: {said}");
        if !has_index {
            assert!(said.contains("what came after byte"), "{said}");
        }
    }
}

#[test]
fn bytes_inserted_or_removed_anywhere_cost_one_block_at_most() {
    let places = places();
    for position in 0..=archive().len() {
        let inside = places.iter().position(|place| place.start < position && position < place.end);
        let mut longer = archive();
        longer.splice(position..position, *b"\xffPGjunk");
        let (found, damages) = salvage(longer);
        assert_eq!(found, all_but(&Vec::from_iter(inside)), "inserted at {position}");
        assert_eq!(rows_lost(&damages), Some(if inside.is_some() { 3 } else { 0 }), "{}", text(&damages));
        let mut shorter = archive();
        if position < shorter.len() {
            shorter.remove(position);
            let lost = places.iter().position(|place| place.contains(&position));
            let (found, damages) = salvage(shorter);
            assert_eq!(found, all_but(&Vec::from_iter(lost)), "removed at {position}");
            assert_eq!(rows_lost(&damages), Some(if lost.is_some() { 3 } else { 0 }), "{}", text(&damages));
        }
    }
}

#[test]
fn junk_in_front_and_behind_costs_nothing() {
    let whole_junk = [&b"GET / HTTP/1.1"[..], &MAGIC, &[0; 200], &FOOTER_MARKER, &BLOCK_MARKER].concat();
    for junk in
        [&b"x"[..], &[0; 4096], &archive_of(OTHER_ID)[..100], &archive_of(OTHER_ID)[200..], &whole_junk]
    {
        for (front, bytes) in [(true, [junk, &archive()].concat()), (false, [&archive(), junk].concat())] {
            let (found, damages) = salvage(bytes);
            assert_eq!(found, all_but(&[]));
            assert_eq!(rows_lost(&damages), Some(0));
            let start = if front { 0 } else { archive().len() as u64 };
            let said =
                damages.iter().any(|damage| damage.offset == start && damage.bytes >= junk.len() as u64);
            assert!(said, "{} bytes at {start}: {}", junk.len(), text(&damages));
        }
    }
}

#[test]
fn the_header_the_catalog_the_index_and_the_footer_may_all_be_lost_but_not_both_catalogs() {
    let (places, length) = (places(), archive().len());
    let catalog_len = places[0].start - HEADER_LEN;
    let footer = length - FOOTER_LEN..length;
    let copy = footer.start - catalog_len..footer.start;
    let index = places[6].end..copy.start;
    let (header, catalog) = (0..HEADER_LEN, HEADER_LEN..places[0].start);
    let zeroed = |parts: &[&Range<usize>]| {
        let mut bytes = archive();
        parts.iter().for_each(|part| bytes[(*part).clone()].fill(0));
        bytes
    };
    // What is zeroed, and whether it is still known that nothing is lost.
    for (parts, known) in [
        (vec![&header], true),
        (vec![&catalog], true),
        (vec![&header, &catalog], true),
        (vec![&index], true),
        (vec![&copy], true),
        (vec![&footer], true),
        (vec![&header, &catalog, &index], true),
        (vec![&index, &footer], false),
        (vec![&index, &copy, &footer], false),
        (vec![&catalog, &index, &footer], false),
    ] {
        let (found, damages) = salvage(zeroed(&parts));
        assert_eq!(found, all_but(&[]), "{parts:?}");
        assert_eq!(rows_lost(&damages), known.then_some(0), "{parts:?}: {}", text(&damages));
    }
    for parts in [vec![&catalog, &copy], vec![&header, &footer]] {
        let error = from_bytes(zeroed(&parts), 1, &mut |_, _| ()).unwrap_err();
        assert!(matches!(error, Error::NothingToSalvage { .. }), "{error}");
    }
    let mut header_and_footer = archive();
    header_and_footer[20] ^= 1;
    header_and_footer[length - 1] ^= 1;
    assert_eq!(salvage(header_and_footer).0, all_but(&[]));
}

#[test]
fn without_an_index_gaps_in_chunks_are_told() {
    let places = places();
    let mut bytes = without_end(archive());
    // Block 1 of chunk 0 of table a goes, and both of chunk 4 but the second's header.
    bytes[places[3].start] = 0;
    bytes[places[2].start] = 0;
    bytes[places[5].end - 1] ^= 1;
    let (found, damages) = salvage(bytes);
    assert_eq!(found, all_but(&[2, 3, 5]));
    let said = text(&damages);
    for expected in [
        "block 1 of chunk 0",
        "block 0 of chunk 4",
        "checksum of the payload does not match",
        "the end of the archive is missing",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(rows_lost(&damages), None);
}

#[test]
fn without_an_index_the_footer_counts_what_is_lost() {
    let places = places();
    let mut bytes = archive();
    bytes[places[6].end + 40] ^= 1;
    // With all blocks there, the index is all that is lost.
    let (found, damages) = salvage(bytes.clone());
    assert_eq!(found, all_but(&[]));
    assert!(!text(&damages).contains("were found with"), "{}", text(&damages));
    bytes[places[5].end - 1] ^= 1;
    bytes[places[6].start + 20] ^= 1;
    let (found, damages) = salvage(bytes);
    assert_eq!(found, all_but(&[5, 6]));
    assert_eq!(rows_lost(&damages), Some(6), "{}", text(&damages));
    assert!(text(&damages).contains("of 7 blocks with 21 rows 5 were found with 15"));
}

#[test]
fn a_block_that_stands_twice_is_kept_once() {
    let places = places();
    let copy = archive()[places[3].clone()].to_vec();
    for at in [places[0].start, places[3].start, places[3].end, places[6].end, archive().len()] {
        let mut bytes = archive();
        bytes.splice(at..at, copy.iter().copied());
        let (found, damages) = salvage(bytes);
        assert_eq!(found, all_but(&[]));
        assert_eq!(rows_lost(&damages), Some(0));
        assert!(text(&damages).contains("once more"), "{}", text(&damages));
    }
    // A second copy that is damaged costs nothing either, and a damaged first one is replaced by the second.
    for broken in [places[3].end - 1, places[3].end + copy.len() - 1] {
        let mut bytes = archive();
        bytes.splice(places[3].end..places[3].end, copy.iter().copied());
        bytes[broken] ^= 1;
        let (found, damages) = salvage(bytes);
        assert_eq!((found, rows_lost(&damages)), (all_but(&[]), Some(0)), "{}", text(&damages));
    }
}

#[test]
fn blocks_of_another_archive_are_not_taken() {
    let other = block(OTHER_ID, (0, 0, 3, 60)).bytes;
    let mut bytes = archive();
    let at = places()[6].end;
    bytes.splice(at..at, other.iter().copied());
    let (found, damages) = salvage(bytes);
    assert_eq!(found, all_but(&[]));
    assert!(damages.iter().any(|damage| (damage.offset, damage.bytes) == (at as u64, other.len() as u64)));
    let (found, _) = salvage([archive(), archive_of(OTHER_ID)].concat());
    assert_eq!(found, all_but(&[]));
}

#[test]
fn later_versions_are_refused_and_not_salvaged() {
    let mut bytes = Header { major: 2, ..Header::new(ID, 77) }.to_bytes();
    bytes.extend_from_slice(&archive()[HEADER_LEN..]);
    let unknown = [&bytes[..HEADER_LEN], &[7; 1000]].concat();
    for bytes in [bytes.clone(), [&b"junk"[..], &bytes].concat(), unknown] {
        let error = from_bytes(bytes, 1, &mut |_, _| ()).unwrap_err();
        assert!(matches!(error, Error::Version { major: 2, .. }), "{error}");
    }
}

#[test]
fn a_block_of_a_table_that_is_not_there_is_told() {
    let mut bytes = archive();
    let mut stray = BlockInfo { table: 9, ..block(ID, BLOCKS[0]).info };
    stray.sequence = 7;
    let payload = &block(ID, BLOCKS[0]).bytes[48..];
    let stray = [&stray.to_bytes(ID, payload)[..], payload].concat();
    bytes.splice(HEADER_LEN..HEADER_LEN, stray);
    let (found, damages) = salvage(bytes);
    assert_eq!(found, all_but(&[]));
    assert!(text(&damages).contains("table 9, which the catalog does not have"), "{}", text(&damages));
}

#[test]
fn overlapping_headers_do_not_make_it_slow() {
    let catalog_end = places()[0].start;
    let mut bytes = archive()[..catalog_end].to_vec();
    // Each header announces that its block reaches to the end of the file.
    let headers = 200_000;
    for number in 0..headers {
        let info = BlockInfo {
            table: 0,
            chunk: 0,
            sequence: 2 * number,
            rows: 1_000_000,
            raw_len: 1 << 30,
            stored_len: 48 * u64::from(headers - number - 1),
        };
        bytes.extend(info.to_bytes(ID, &[]));
    }
    let started = std::time::Instant::now();
    let (found, damages) = salvage(bytes);
    assert!(found.is_empty());
    assert_eq!(text(&damages).matches("the block is not whole").count(), headers as usize - 1);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn only_what_is_damaged_is_left_out_of_a_sound_structure() {
    let mut bytes = archive();
    bytes[places()[3].end - 1] ^= 1;
    let Salvaged { archive, damages, .. } =
        skip_damaged(Archive::from_bytes(bytes.clone()).unwrap(), 2, &mut |_, _| ());
    assert_eq!((archive.index().blocks, archive.index().rows), (6, 18));
    assert_eq!(damages.len(), 1);
    assert_eq!(
        (damages[0].table.as_deref(), damages[0].block, damages[0].rows),
        (Some("public.a"), Some(2), Some(3))
    );
    assert_eq!(salvage(bytes), (all_but(&[3]), damages));
}

#[test]
fn a_file_is_salvaged_as_bytes_are() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), without_end(archive())).unwrap();
    let of_file = open(file.path(), 2, &mut |_, _| ()).unwrap();
    let of_bytes = from_bytes(without_end(archive()), 2, &mut |_, _| ()).unwrap();
    assert_eq!(of_file.damages, of_bytes.damages);
    assert!(of_file.scanned && of_file.archive.index() == of_bytes.archive.index());
    assert!(matches!(open(&file.path().join("none"), 1, &mut |_, _| ()), Err(Error::Open { .. })));
}

#[test]
fn several_blocks_that_are_missing_together_are_told_together() {
    let places = places();
    let mut bytes = without_end(archive());
    bytes[places[0].start] = 0;
    bytes[places[3].start] = 0;
    let (found, damages) = salvage(bytes);
    assert_eq!(found, all_but(&[0, 3]));
    assert!(text(&damages).contains("blocks 0 to 1 of chunk 0 are not there"), "{}", text(&damages));
}

#[test]
fn frames_of_later_versions_are_no_damage() {
    let mut frame = frame::encode(ID, Content::Index, &7u64).unwrap();
    frame[..8].copy_from_slice(b"\xffPGFUTUR");
    let checksum = ID.checksum(&[&frame[..28]]).to_le_bytes();
    frame[28..32].copy_from_slice(&checksum);
    let mut bytes = archive();
    let footer = bytes.len() - FOOTER_LEN;
    let inserted = [&frame[..], &frame].concat();
    bytes.splice(footer..footer, inserted);
    // The footer is right but for the length of the file.
    let (found, damages) = salvage(bytes.clone());
    assert_eq!(found, all_but(&[]));
    assert!(!text(&damages).contains("belong to nothing"), "{}", text(&damages));
    // What stands behind them is looked at.
    bytes.splice(footer + 2 * frame.len()..footer + 2 * frame.len(), *b"junk");
    let (found, damages) = salvage(bytes);
    assert_eq!(found, all_but(&[]));
    assert!(text(&damages).contains("belong to nothing"), "{}", text(&damages));
}

#[test]
fn what_looks_like_a_frame_does_not_hide_one() {
    let marker = [&b"\xffPGCATLG"[..], &[0; 40]].concat();
    let bytes = [&marker.repeat(2 * MAX_FRAMES)[..], &archive()].concat();
    assert_eq!(salvage(bytes).0, all_but(&[]));
}
