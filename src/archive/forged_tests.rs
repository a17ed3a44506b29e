//! Archives whose checksums are right and whose parts contradict each other: each is refused, for its own reason.
#![allow(clippy::cast_possible_truncation)]

use super::check::{Damage, Depth, check};
use super::footer::{FOOTER_LEN, FOOTER_MARKER, Footer};
use super::frame::{Content, encode};
use super::header::HEADER_LEN;
use super::tests::{ID, binary, block_of, catalog, entry, table};
use super::*;

/// The parts of a small archive: two tables, three blocks of the first, of which the second is not in chunk 0.
struct Parts {
    catalog: Catalog,
    blocks: Vec<Vec<u8>>,
    index: Index,
    /// Stands in for the copy of the catalog.
    copy: Option<Vec<u8>>,
    /// Comes between the copy of the catalog and the footer.
    more: Vec<u8>,
    /// Comes into the place that belongs to the index, behind it.
    index_tail: Vec<u8>,
}

impl Parts {
    fn sound() -> Self {
        let (catalog, mut blocks) = (catalog(), Vec::new());
        let mut writer = ArchiveWriter::create(Vec::new(), &Header::new(ID, 0), &catalog).unwrap();
        for (chunk, sequence, value) in [(0, 0, 1i32), (7, 0, 2), (0, 1, 3)] {
            let rows = binary(&[vec![Some(value.to_be_bytes().to_vec())], vec![None]]);
            let position = BlockPosition { chunk, sequence };
            let mut encoder = BlockEncoder::new(ID, 1).unwrap();
            let block = encoder.encode(0, &catalog.tables[0], position, &rows).unwrap();
            writer.append(&block).unwrap();
            blocks.push(block.bytes);
        }
        let archive = Archive::from_bytes(writer.finish().unwrap().0).unwrap();
        let index = archive.index().clone();
        Parts { catalog, blocks, index, copy: None, more: vec![], index_tail: vec![] }
    }

    fn write(&self, change: impl Fn(&mut Footer)) -> Vec<u8> {
        let catalog = encode(ID, Content::Catalog, &self.catalog).unwrap();
        let mut bytes = [Header::new(ID, 0).to_bytes(), catalog.clone(), self.blocks.concat()].concat();
        let index_offset = bytes.len() as u64;
        let index = [encode(ID, Content::Index, &self.index).unwrap(), self.index_tail.clone()].concat();
        bytes.extend(&index);
        bytes.extend(self.copy.as_ref().unwrap_or(&catalog));
        bytes.extend(&self.more);
        let mut footer = Footer {
            id: ID,
            index_offset,
            index_len: index.len() as u64,
            index_crc: ID.checksum(&[&index]),
            file_len: (bytes.len() + FOOTER_LEN) as u64,
            tables: self.index.tables.len() as u32,
            blocks: self.index.blocks,
            rows: self.index.rows,
        };
        change(&mut footer);
        bytes.extend(footer.to_bytes());
        bytes
    }

    fn blocks(&mut self) -> &mut Vec<BlockRef> {
        &mut self.index.tables[0].blocks
    }
}

/// Why the sound archive is refused after `change`.
fn refusal(change: fn(&mut Parts)) -> String {
    let mut parts = Parts::sound();
    change(&mut parts);
    let bytes = parts.write(|_| ());
    assert!(in_sequence(&bytes).is_err());
    Archive::from_bytes(bytes).unwrap_err().to_string()
}

fn refusal_of_footer(change: fn(&mut Footer)) -> String {
    let bytes = Parts::sound().write(change);
    assert!(in_sequence(&bytes).is_err());
    Archive::from_bytes(bytes).unwrap_err().to_string()
}

/// The index of an archive that comes through a pipe.
fn in_sequence(bytes: &[u8]) -> Result<Index, Error> {
    let mut reader = SequentialReader::open(bytes)?;
    let catalog = reader.catalog().clone();
    let mut contents = Contents::new(&catalog);
    let mut decoder = BlockDecoder::new(reader.header().id)?;
    let mut rows = Vec::new();
    while let Some((block, place)) = reader.next_block(|info| info.sequence)? {
        assert_eq!(place, block.info.sequence);
        let table = &catalog.tables[block.info.table as usize];
        let content = block.read(&mut decoder, table, &mut rows)?;
        contents.add(&catalog, &block, content);
    }
    reader.finish(contents)
}

/// What a full check finds after `change`.
fn damages(change: fn(&mut Parts)) -> Vec<Damage> {
    let mut parts = Parts::sound();
    change(&mut parts);
    let bytes = parts.write(|_| ());
    let found = in_sequence(&bytes).ok();
    let archive = Archive::from_bytes(bytes).unwrap();
    let damages = check(&archive, Depth::Full, 2, &mut |_, _| ()).err().unwrap_or_default();
    assert_eq!(found.as_ref(), damages.is_empty().then_some(archive.index()));
    damages
}

/// A frame of a kind that version 1.0 does not know.
fn unknown_frame() -> Vec<u8> {
    frame_marked(*b"\xffPGFUTUR", |_| ())
}

/// A frame with this marker, after a change of its header, which gets the right checksum.
fn frame_marked(marker: [u8; 8], change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut frame = encode(ID, Content::Index, &7u64).unwrap();
    frame[..8].copy_from_slice(&marker);
    change(&mut frame);
    let checksum = ID.checksum(&[&frame[..28]]).to_le_bytes();
    frame[28..32].copy_from_slice(&checksum);
    frame
}

#[test]
fn the_parts_are_those_of_a_sound_archive() {
    assert_eq!(damages(|_| ()), []);
    let archive = Archive::from_bytes(Parts::sound().write(|_| ())).unwrap();
    assert_eq!((archive.index().blocks, archive.table(1).unwrap().name.as_str()), (3, "empty"));
    assert_eq!(archive.table(2), None);
    let (catalog, index) = archive.shared();
    assert_eq!((&*catalog, &*index), (archive.catalog(), archive.index()));
    assert!(format!("{archive:?}").contains(&format!("bytes: {}", archive.file_bytes())));
}

#[test]
fn frames_of_the_future_are_skipped_and_damaged_ones_are_not() {
    assert_eq!(damages(|parts| parts.more = [unknown_frame(), unknown_frame()].concat()), []);
    let damaged = |position: usize| {
        let mut parts = Parts::sound();
        parts.more = unknown_frame();
        parts.more[position] ^= 1;
        Archive::from_bytes(parts.write(|_| ())).unwrap_err().to_string()
    };
    let second = refusal(|parts| parts.more = [unknown_frame(), vec![0; 40]].concat());
    assert!(second.contains("the checksum of the header of a frame"), "{second}");
    for position in 0..32 {
        assert!(damaged(position).contains("the checksum of the header of a frame"), "{position}");
    }
    assert!(damaged(32).contains("the checksum of a frame"));
    assert!(
        refusal(|parts| parts.more = unknown_frame()[..20].to_vec()).contains("8 bytes expected, 4 left")
    );
}

#[test]
fn the_copy_of_the_catalog_is_compared() {
    let refused = |change| {
        let reason = refusal(change);
        assert!(reason.contains("the copy of the catalog is not like the catalog"), "{reason}");
    };
    refused(|parts| {
        let other = Catalog { tables: vec![], entries: vec![entry(1, None)], ..parts.catalog.clone() };
        parts.copy = Some(encode(ID, Content::Catalog, &other).unwrap());
    });
    refused(|parts| parts.copy = Some(vec![]));
}

#[test]
fn a_footer_that_does_not_fit_is_refused() {
    let refused = |change, reason: &str| {
        let found = refusal_of_footer(change);
        assert!(found.contains(reason), "{found}");
    };
    refused(|footer| footer.id.0[3] = 0, "the footer belongs to archive 5a5a5a00");
    refused(|footer| footer.file_len += 1, "the archive has ");
    refused(|footer| footer.index_offset = u64::MAX, "the index does not end before the footer");
    refused(|footer| footer.index_len = 1 << 20, "the index does not end before the footer");
    refused(|footer| footer.index_crc ^= 1, "the checksum of the index does not match the footer's");
    refused(|footer| footer.index_offset = HEADER_LEN as u64, "the checksum of the index");
    refused(|footer| footer.tables = 3, "index and footer count differently");
    refused(|footer| footer.blocks = 4, "index and footer count differently");
    refused(|footer| footer.rows = 7, "index and footer count differently");
    let header = Header::new(ID, 0).to_bytes();
    for length in [HEADER_LEN, FOOTER_LEN - 1, FOOTER_LEN] {
        let bytes = [&header[..], &vec![0; length - HEADER_LEN]].concat();
        assert!(matches!(Archive::from_bytes(bytes), Err(Error::CutShort { .. })), "{length} bytes");
    }
    let mut bytes = Parts::sound().write(|_| ());
    let place = bytes.len() - 12;
    bytes[place] ^= 1;
    let error = Archive::from_bytes(bytes).unwrap_err().to_string();
    assert!(error.contains("the checksum of the footer does not match"), "{error}");
}

#[test]
fn an_index_that_contradicts_itself_is_refused() {
    let refused = |change, reason: &str| {
        let found = refusal(change);
        assert!(found.contains(reason), "{found}");
    };
    refused(|parts| parts.index_tail = vec![0, 0], "2 bytes too many in the index");
    refused(|parts| drop(parts.index.tables.pop()), "it has 1 tables, the catalog 2");
    refused(|parts| parts.index.tables[1].columns.clear(), "facts about another number of columns of table");
    refused(|parts| parts.blocks()[1].table = 1, "a block of table public.t belongs to another table");
    refused(|parts| parts.blocks()[2].sequence = 2, "appended out of order, expected block 1");
    refused(|parts| parts.blocks()[2].sequence = 0, "appended out of order, expected block 1");
    let totals = "the totals of table public.t are not the sums over its blocks";
    refused(|parts| parts.index.tables[0].rows -= 1, totals);
    refused(|parts| parts.index.tables[0].raw_bytes -= 1, totals);
    refused(|parts| parts.index.tables[0].stored_bytes -= 1, totals);
    refused(|parts| parts.blocks()[0].stored_len = u64::MAX, totals);
    refused(
        |parts| {
            parts.blocks()[0].raw_len = u64::MAX;
            parts.index.tables[0].raw_bytes -= 15;
        },
        totals,
    );
    let totals = "the totals are not the sums over the tables";
    refused(|parts| parts.index.blocks += 1, totals);
    refused(|parts| parts.index.rows += 1, totals);
    refused(|parts| parts.index.raw_bytes += 1, totals);
    refused(|parts| parts.index.stored_bytes += 1, totals);
}

#[test]
fn blocks_have_no_gaps_and_do_not_overlap() {
    let refused = |change, reason: &str| {
        let found = refusal(change);
        assert!(found.contains(reason), "{found}");
    };
    refused(|parts| parts.blocks()[0].offset += 1, "a block at offset ");
    refused(|parts| parts.blocks()[2].offset -= 1, "a block at offset ");
    refused(|parts| parts.blocks()[2].offset = u64::MAX, "a block at offset 18446744073709551615");
    refused(|parts| parts.blocks()[1].offset = 0, "not in the order of the file");
    refused(|parts| parts.blocks.push(vec![0; 5]), "the blocks end at offset ");
}

#[test]
fn a_catalog_that_contradicts_itself_is_refused_by_the_reader_too() {
    let found = refusal(|parts| parts.catalog.tables[1].entry = 1);
    assert!(found.contains("offset 60: the catalog contradicts itself: entry 3 refers"), "{found}");
}

#[test]
fn a_full_check_compares_digests_facts_and_headers() {
    let archive = Archive::from_bytes(Parts::sound().write(|_| ())).unwrap();
    let blocks = archive.index().tables[0].blocks.clone();
    let offset = blocks[0].offset;
    let of_table = |what: &str| Damage {
        table: Some("public.t".to_owned()),
        block: None,
        offset,
        bytes: 0,
        rows: Some(0),
        what: what.to_owned(),
    };
    let of_block = |what: &str| Damage {
        block: Some(1),
        offset: blocks[1].offset,
        bytes: blocks[1].stored_len + 48,
        rows: Some(blocks[1].rows.into()),
        ..of_table(what)
    };
    let found = damages(|parts| parts.index.tables[0].digest.merge(Digest::default()));
    assert_eq!(found, []);
    let found = damages(|parts| {
        let digest = parts.index.tables[0].digest;
        parts.index.tables[0].digest.merge(digest);
    });
    assert_eq!(found.len(), 1);
    let Damage { what, .. } = &found[0];
    assert!(what.starts_with("the rows have the digest "), "{what}");
    assert_eq!(found, [of_table(what)]);
    assert_eq!(found[0].to_string(), format!("table public.t, offset {offset}: {what}"));

    let found = damages(|parts| parts.index.tables[0].columns[0].nulls = 9);
    assert_eq!(found, [of_table("the facts about the columns are not those in the index")]);

    // The second block is said to be of another chunk than its header says.
    let found = damages(|parts| parts.blocks()[1].chunk = 8);
    let offset = blocks[1].offset;
    assert_eq!(found, [of_block("the block is another one than the index says")]);
    assert_eq!(
        found[0].to_string(),
        format!(
            "table public.t, block 1, offset {offset}, 62 bytes: the block is another one than the index says (2 rows)"
        )
    );

    let found = damages(|parts| *parts.blocks[1].last_mut().unwrap() ^= 1);
    assert_eq!(found, [of_block("at byte 48 of the block: the checksum of the payload does not match")]);
    let found = damages(|parts| parts.blocks[1][44] ^= 1);
    assert_eq!(found, [of_block("the checksum of the block's header does not match")]);
}

#[test]
fn the_structure_is_checked_without_looking_at_blocks() {
    let mut parts = Parts::sound();
    parts.blocks[0].fill(0);
    let archive = Archive::from_bytes(parts.write(|_| ())).unwrap();
    assert_eq!(check(&archive, Depth::Structure, 1, &mut |_, _| panic!("a block was read")), Ok(()));
    let damages = check(&archive, Depth::Full, 9, &mut |_, _| ()).unwrap_err();
    assert_eq!((damages.len(), damages[0].block, damages[0].what.as_str()), (1, Some(0), "no block here"));
}

#[test]
fn a_block_is_no_longer_than_its_rows_can_make_it() {
    let table = table(Transfer::Binary, 1);
    let decode = |payload: usize| {
        let block = block_of(&vec![0; payload], 1, 7);
        BlockDecoder::new(ID).unwrap().decode(&table, &block, &mut Vec::new()).unwrap_err().to_string()
    };
    // 7 bytes of rows; a column has 64 bytes, a bit and four bytes per row beside them.
    assert!(!decode(7 + 64 + 1 + 4).contains("longer than any"));
    assert!(decode(7 + 64 + 1 + 4 + 1).contains("the payload is longer than any payload of such rows"));
}

#[test]
fn labels_of_entries() {
    let found = entry(1, None);
    assert_eq!(
        (found.qualified_name().as_str(), found.label().as_str()),
        ("public.t", "KIND OF THE FUTURE public.t")
    );
    assert_eq!(Entry { schema: None, ..found }.label(), "KIND OF THE FUTURE t");
}

/// An archive of one block of `rows` in `table`.
fn archive_of(table: Table, rows: &[u8]) -> Archive {
    let catalog = Catalog {
        source: Source::default(),
        entries: vec![entry(1, Some(0))],
        tables: vec![Table { entry: 1, ..table }],
    };
    let mut writer = ArchiveWriter::create(Vec::new(), &Header::new(ID, 0), &catalog).unwrap();
    let position = BlockPosition { chunk: 0, sequence: 0 };
    let mut encoder = BlockEncoder::new(ID, 1).unwrap();
    writer.append(&encoder.encode(0, &catalog.tables[0], position, rows).unwrap()).unwrap();
    Archive::from_bytes(writer.finish().unwrap().0).unwrap()
}

/// An array of one element, whose type has this OID.
fn array(oid: u32, element: &[u8]) -> Vec<u8> {
    let header = [1, 0, oid, 1, 1, element.len() as u32].map(u32::to_be_bytes).concat();
    [&header, element].concat()
}

#[test]
fn short_and_long_rows_have_the_digest_that_was_taken_when_they_were_written() {
    let shapes = [Shape::Plain, Shape::Array(Box::new(Shape::Plain)), Shape::Plain];
    let mut columns = table(Transfer::Binary, 3).columns;
    columns.iter_mut().zip(&shapes).for_each(|(column, shape)| column.shape = shape.clone());
    let arrays = Table { columns, ..table(Transfer::Binary, 3) };
    let long = vec![b'x'; 1 << 20];
    let of = |oid: u32| {
        binary(&[
            vec![Some(vec![1; 16]), Some(array(oid, b"a")), None],
            vec![Some(vec![2; 16]), None, Some(vec![])],
            vec![Some(vec![3; 16]), Some(array(oid, &long)), None],
            vec![Some(vec![4; 16]), Some(array(oid, b"b")), Some(long.clone())],
            vec![None, Some(array(oid, b"c")), None],
        ])
    };
    let digest = |table: &Table, rows: &[u8]| {
        let archive = archive_of(table.clone(), rows);
        assert_eq!(check(&archive, Depth::Full, 1, &mut |_, _| ()), Ok(()));
        let mut digest = Digest::default();
        digest.add_rows(table, rows).unwrap();
        assert_eq!(archive.index().tables[0].digest, digest);
        digest
    };
    assert_eq!(digest(&arrays, &of(5)), digest(&arrays, &of(99_999)));
    let plain = table(Transfer::Binary, 3);
    assert_ne!(digest(&plain, &of(5)), digest(&plain, &of(6)));
    let text = [b"a\t", &long[..], b"\t\\N\n\\N\tb\t\n"].concat();
    digest(&table(Transfer::Text, 3), &text);
}

#[test]
fn rows_in_pieces_are_the_rows_at_once() {
    let table = table(Transfer::Text, 2);
    let rows =
        ["short\t\\N\n".repeat(1000), "x".repeat(3 << 20) + "\tlong\n", "\\N\ty\n".to_owned()].concat();
    let archive = archive_of(table.clone(), rows.as_bytes());
    let block = archive.block(&archive.index().tables[0].blocks[0]).unwrap();
    let (mut decoder, mut found) = (BlockDecoder::new(ID).unwrap(), Vec::new());
    let info = decoder.decode_in_pieces(&table, block, |piece| {
        assert!(piece.len() <= 1 << 20);
        found.extend_from_slice(piece);
        Ok::<_, Error>(())
    });
    assert_eq!((info.unwrap().rows, found == rows.as_bytes()), (1002, true));
    let stopped = decoder.decode_in_pieces(&table, block, |_| Err(Error::NotAnArchive)).unwrap_err();
    assert!(matches!(stopped, Error::NotAnArchive), "{stopped}");
    let damaged =
        decoder.decode_in_pieces(&table, &block[1..], |_| -> Result<(), Error> { panic!("a piece") });
    assert!(matches!(damaged, Err(Error::Block { offset: 0, .. })));
}

#[test]
fn a_pipe_may_end_or_change_anywhere_and_it_is_noticed() {
    let mut parts = Parts::sound();
    parts.more = unknown_frame();
    let bytes = parts.write(|_| ());
    assert_eq!(in_sequence(&bytes).unwrap(), parts.index);
    for position in 0..bytes.len() {
        let cut = in_sequence(&bytes[..position]).unwrap_err();
        assert!(matches!(cut, Error::CutShort { .. }), "cut to {position}: {cut}");
        let mut damaged = bytes.clone();
        damaged[position] ^= 1;
        assert!(in_sequence(&damaged).is_err(), "byte {position} changed");
    }
    assert!(in_sequence(&[&bytes[..], b"x"].concat()).is_err());
    let catalog = encode(ID, Content::Catalog, &parts.catalog).unwrap();
    let mut damaged = bytes;
    damaged[HEADER_LEN + catalog.len() + parts.blocks[0].len() - 1] ^= 1;
    let error = in_sequence(&damaged).unwrap_err().to_string();
    assert!(error.contains("table public.t: the checksum of the payload"), "{error}");
}

#[test]
fn no_frame_passes_for_a_footer() {
    let found = refusal(|parts| parts.more = frame_marked(FOOTER_MARKER, |_| ()));
    assert!(found.contains("a footer in front of the footer"), "{found}");
}

#[test]
fn nothing_waits_for_a_frame_that_is_too_long() {
    let announced = |length: u64| {
        let frame =
            frame_marked(*b"\xffPGCATLG", |frame| frame[16..24].copy_from_slice(&length.to_le_bytes()));
        let bytes = [Header::new(ID, 0).to_bytes(), frame].concat();
        SequentialReader::open(&bytes[..]).err().unwrap().to_string()
    };
    let error = announced((1 << 30) + 65);
    assert!(error.contains("a frame of 1073741889 bytes is too long"), "{error}");
    let error = announced((1 << 30) + 64);
    assert!(error.contains("it ends in a frame"), "{error}");
}

#[test]
fn a_pipe_has_an_end_and_is_read_to_it() {
    let bytes = Parts::sound().write(|_| ());
    let open = || SequentialReader::open(&bytes[..]).unwrap();
    let contents = || Contents::new(open().catalog());
    let early = open().finish(contents()).unwrap_err().to_string();
    assert!(early.contains("neither a block nor the index stands here"), "{early}");
    let mut reader = open();
    while reader.next_block(|_| ()).unwrap().is_some() {}
    assert!(reader.next_block(|_| ()).unwrap().is_none());
    // Nobody has told what the blocks hold.
    let untold = reader.finish(contents()).unwrap_err().to_string();
    assert!(untold.contains("0 blocks came, and the index tells of 3"), "{untold}");
}
