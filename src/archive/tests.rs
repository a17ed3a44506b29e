//! Encoding and decoding together: blocks by hand and at random, and a small archive from writer to reader.
#![allow(clippy::cast_possible_truncation)]

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use super::check::{Depth, check};
use super::*;

pub(super) const ID: ArchiveId = ArchiveId([0x5a; 16]);

pub(super) fn table(transfer: Transfer, columns: usize) -> Table {
    let column = Column {
        name: "c".to_owned(),
        type_name: "t".to_owned(),
        value: ValueKind::Integer,
        shape: Shape::Plain,
    };
    Table {
        entry: 1,
        schema: "public".to_owned(),
        name: "t".to_owned(),
        transfer,
        text_reason: None,
        root: None,
        condition: None,
        columns: vec![column; columns],
    }
}

pub(super) fn binary(rows: &[Vec<Option<Vec<u8>>>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        bytes.extend((row.len() as i16).to_be_bytes());
        for field in row {
            match field {
                None => bytes.extend((-1i32).to_be_bytes()),
                Some(field) => {
                    bytes.extend((field.len() as i32).to_be_bytes());
                    bytes.extend(field);
                }
            }
        }
    }
    bytes
}

fn column(values: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    binary(&values.map(|value| vec![Some(value)]).collect::<Vec<_>>())
}

const POSITION: BlockPosition = BlockPosition { chunk: 0, sequence: 0 };

/// The encoded block of `rows`, after decoding it with another decoder; at level 0, too.
fn round_trip(table: &Table, rows: &[u8]) -> EncodedBlock {
    round_trip_at(0, table, rows);
    round_trip_at(1, table, rows)
}

fn round_trip_at(level: i32, table: &Table, rows: &[u8]) -> EncodedBlock {
    let block = BlockEncoder::new(ID, level).unwrap().encode(0, table, POSITION, rows).unwrap();
    let mut out = b"left over".to_vec();
    let info = BlockDecoder::new(ID).unwrap().decode(table, &block.bytes, &mut out).unwrap();
    assert_eq!(info, block.info);
    assert!(out == rows);
    block
}

/// Encoding and width in the payload of a block with one column of one width without NULL.
fn encoding(block: &EncodedBlock) -> [u8; 2] {
    let payload = &block.bytes[block::BLOCK_HEADER_LEN..];
    assert_eq!(payload[..2], [1, 0]);
    [payload[6], payload[7]]
}

/// Bytes without pattern.
fn noise(seed: u64) -> u64 {
    (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xd134_2543_de82_ef95)
}

#[test]
fn each_encoding_is_chosen_where_it_is_best() {
    let table = table(Transfer::Binary, 1);
    let constant = round_trip(&table, &column((0..500).map(|_| b"same".to_vec())));
    assert_eq!(encoding(&constant)[0], 1);
    for width in [2usize, 4, 8] {
        let counter = |i: u64| (1000 + 3 * i).to_be_bytes()[8 - width..].to_vec();
        let block = round_trip(&table, &column((0..5000).map(counter)));
        assert_eq!(encoding(&block), [3, width as u8], "counter of {width}");
        assert!(block.bytes.len() < 300);
    }
    let floats = |i| ((noise(i) >> 40) as f32 / 1e7).to_be_bytes().to_vec();
    assert_eq!(encoding(&round_trip(&table, &column((0..5000).map(floats)))), [2, 4]);
    let sign = |i| if noise(i).is_multiple_of(2) { 1.0 } else { -1.0 };
    let doubles = |i| ((noise(i) >> 12) as f64 / 1e15 * sign(i + 7)).to_be_bytes().to_vec();
    assert_eq!(encoding(&round_trip(&table, &column((0..5000).map(doubles)))), [2, 8]);
    let vector = |i: u64| {
        let floats = (0u64..64).flat_map(|k| ((noise(i * 64 + k) >> 40) as f32 / 1e7).to_be_bytes());
        [0, 64, 0, 0].into_iter().chain(floats).collect()
    };
    let block = round_trip(&table, &column((0..300).map(vector)));
    assert_eq!(encoding(&block), [2, 4]);
    assert!(block.bytes.len() < 300 * 260 * 9 / 10);
    let text = |i: u64| format!("name {:06}", noise(i) % 1_000_000).into_bytes();
    assert_eq!(encoding(&round_trip(&table, &column((0..2000).map(text))))[0], 0);
}

#[test]
fn shapes_of_tables_at_the_edge() {
    round_trip(&table(Transfer::Binary, 0), &[0; 200]);
    round_trip(&table(Transfer::Text, 0), b"\n\n\n");
    let wide = vec![[Some(vec![1]), None].into_iter().cycle().take(1600).collect(); 3];
    round_trip(&table(Transfer::Binary, 1600), &binary(&wide));
    round_trip(&table(Transfer::Binary, 2), &binary(&vec![vec![None, None]; 17]));
    round_trip(&table(Transfer::Binary, 1), &column((0..9).map(|_| Vec::new())));
    round_trip(&table(Transfer::Binary, 1), &column([vec![], vec![1; 70_000], vec![]].into_iter()));
    round_trip(&table(Transfer::Text, 3), b"a\t\\N\t\n\\N\tb\\tc\t\\\\N\n\t\t\n");
    round_trip(&table(Transfer::Text, 1), b"\n\\N\n\n");
    round_trip(&table(Transfer::Text, 2), b"\\.\tx\nx\t\\.\n");
}

#[test]
fn level_0_compresses_nothing() {
    let table = table(Transfer::Binary, 1);
    let rows = column((0..2000u64).map(|i| i.to_be_bytes().to_vec()));
    let block = BlockEncoder::new(ID, 0).unwrap().encode(0, &table, POSITION, &rows).unwrap();
    assert_eq!(encoding(&block), [0, 0]);
    assert!(block.bytes.len() > 16_000);
}

#[test]
fn high_levels_come_back() {
    let rows = column((0..2000u64).map(|i| (noise(i) >> 40).to_be_bytes().to_vec()));
    for level in [9, 10, 19] {
        round_trip_at(level, &table(Transfer::Binary, 1), &rows);
    }
}

#[test]
fn level_0_may_take_more_than_text_rows() {
    let note = |i: u64| match i % 100 {
        7 => "\\N".to_owned(),
        _ => "a note of several words, which end where the length says."[..1 + noise(i) as usize % 50]
            .to_owned(),
    };
    let name = |i: u64| ["ann", "robert", "jo"][noise(i) as usize % 3];
    let rows = (0..20_000).map(|i| format!("{i}\t{}\t{}\n", name(i), note(i))).collect::<String>();
    round_trip(&table(Transfer::Text, 3), rows.as_bytes());
    // Three planes of lengths that do not repeat, and a bitmap.
    let long = ["x".repeat(0x1_0100), "\\N".to_owned()];
    let short = (0..5000usize).map(|i| "y".repeat(i % 3));
    let rows = long.into_iter().chain(short).map(|field| field + "\n").collect::<String>();
    let block = round_trip_at(0, &table(Transfer::Text, 1), rows.as_bytes());
    assert!(block.info.stored_len > block.info.raw_len + 2 * 5000);
}

#[test]
fn a_long_row_comes_back_and_changes_nothing_for_the_next() {
    let table = table(Transfer::Binary, 1);
    let noise = (0..(65 << 20) / 8).flat_map(|i| noise(i).to_be_bytes()).collect();
    let (long, short) = (column([noise].into_iter()), column([vec![1, 2, 3]].into_iter()));
    let mut encoder = BlockEncoder::new(ID, 1).unwrap();
    let mut decoder = BlockDecoder::new(ID).unwrap();
    let mut out = Vec::new();
    for rows in [&long, &short] {
        let block = encoder.encode(0, &table, POSITION, rows).unwrap();
        assert_eq!(decoder.decode(&table, &block.bytes, &mut out).unwrap(), block.info);
        assert!(out == *rows);
    }
}

#[test]
fn what_is_no_block_of_rows_is_refused() {
    let mut encoder = BlockEncoder::new(ID, 1).unwrap();
    let mut encode = |table: &Table, rows: &[u8]| encoder.encode(0, table, POSITION, rows).unwrap_err();
    assert!(matches!(encode(&table(Transfer::Binary, 1), b""), Error::Limit { .. }));
    assert!(matches!(encode(&table(Transfer::Binary, 1), b"\0\x01\0\0"), Error::Rows { .. }));
    assert!(matches!(encode(&table(Transfer::Binary, 2), b"\0\x01\xff\xff\xff\xff"), Error::Rows { .. }));
    assert!(matches!(encode(&table(Transfer::Text, 1), b"a\n\\.\n"), Error::Rows { .. }));
}

#[test]
fn facts_of_a_block() {
    let rows = [Some(-5i32), None, Some(7), None, Some(3)]
        .map(|value| vec![value.map(|value| value.to_be_bytes().to_vec())]);
    let block = round_trip(&table(Transfer::Binary, 1), &binary(&rows));
    let value = |value: i32| Some(value.to_be_bytes().to_vec());
    assert_eq!(block.facts, [ColumnFacts { nulls: 2, bytes: 12, min: value(-5), max: value(7) }]);
    let block = round_trip(&table(Transfer::Text, 1), b"1234\n\\N\n");
    assert_eq!(block.facts, [ColumnFacts { nulls: 1, bytes: 4, min: None, max: None }]);
}

/// A payload of hostile bytes with right checksums.
pub(super) fn block_of(payload: &[u8], rows: u32, raw_len: u64) -> Vec<u8> {
    let mut bytes = block::BLOCK_MARKER.to_vec();
    for number in [0, 0, 0, rows] {
        bytes.extend(u32::to_le_bytes(number));
    }
    bytes.extend(raw_len.to_le_bytes());
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(ID.checksum(&[payload]).to_le_bytes());
    bytes.extend(ID.checksum(&[&bytes]).to_le_bytes());
    bytes.extend(payload);
    bytes
}

#[test]
fn hostile_payloads_are_refused_with_right_checksums() {
    let decode = |transfer, columns, payload: &[u8], rows, raw_len| {
        let mut out = Vec::new();
        let block = block_of(payload, rows, raw_len);
        BlockDecoder::new(ID).unwrap().decode(&table(transfer, columns), &block, &mut out).map(|_| out)
    };
    let binary = |payload: &[u8], rows, raw_len| decode(Transfer::Binary, 1, payload, rows, raw_len);
    // One row, the constant 7 in one byte.
    assert_eq!(binary(&[1, 0, 1, 0, 0, 0, 1, 2, 7], 1, 7).unwrap(), b"\0\x01\0\0\0\x01\x07");
    for (name, result) in [
        ("no rows", binary(&[1, 0, 1, 0, 0, 0, 1, 2, 7], 0, 7)),
        ("rows longer than they are", binary(&[1, 0, 1, 0, 0, 0, 1, 2, 7], 1, 8)),
        ("rows shorter than they are", binary(&[1, 0, 1, 0, 0, 0, 1, 2, 7], 1, 6)),
        ("2^32 - 1 rows", binary(&[1, 0, 1, 0, 0, 0, 1, 2, 7], u32::MAX, 1 << 31)),
        ("too long", binary(&[1, 0, 1, 0, 0, 0, 1, 2, 7], 1, (1 << 31) + 1)),
        ("length -1", binary(&[1, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 7], 1, 7)),
        ("unknown presence", binary(&[3, 0, 1, 0, 0, 0, 1, 2, 7], 1, 7)),
        ("unknown lengths", binary(&[1, 3, 1, 0, 0, 0, 1, 2, 7], 1, 7)),
        ("unknown encoding", binary(&[1, 0, 1, 0, 0, 0, 9, 2, 7], 1, 7)),
        ("unknown width", binary(&[1, 0, 1, 0, 0, 0, 2, 3, 2, 7], 1, 7)),
        ("bytes left over", binary(&[1, 0, 1, 0, 0, 0, 1, 2, 7, 0], 1, 7)),
        ("cut short", binary(&[1, 0, 1, 0, 0, 0, 1, 2], 1, 7)),
        ("bitmap beyond the rows", binary(&[2, 2, 3, 0, 1, 0, 0, 0, 1, 2, 7], 1, 7)),
        ("a bitmap without a bit", binary(&[2, 2, 0, 0, 0, 0, 0, 0, 0], 1, 6)),
        ("a bitmap of all bits", binary(&[2, 2, 1, 0, 1, 0, 0, 0, 0, 0, 7], 1, 7)),
        ("several lengths that are one", binary(&[1, 1, 2, 0, 2, 0, 2, 0, 2, 1, 0, 0, 7, 8], 2, 14)),
        ("more values than half the fields", binary(&dictionary(2, &[7, 8], &[0, 1, 0]), 3, 21)),
        ("a value that does not occur", binary(&dictionary(2, &[7, 8], &[0, 0, 0, 0]), 4, 28)),
        ("a value that is not there", binary(&dictionary(2, &[7, 8], &[0, 1, 2, 0]), 4, 28)),
        ("values in another order", binary(&dictionary(2, &[7, 8], &[1, 0, 1, 0]), 4, 28)),
        ("no values for the fields", binary(&dictionary(0, &[], &[0, 0]), 2, 14)),
        ("a dictionary in a dictionary", binary(&[1, 2, 1, 0, 0, 0, 2, 1, 0, 0, 0], 4, 28)),
        ("values longer than the rows", binary(&dictionary(2, &[7, 8], &[0, 1, 0, 1]), 4, 24)),
        ("values shorter than the rows", binary(&dictionary(2, &[7, 8], &[0, 1, 0, 1]), 4, 29)),
        ("a constant of several lengths", binary(&[1, 1, 2, 0, 2, 0, 2, 0, 2, 1, 1, 2, 7], 1, 7)),
        ("groups that are not whole", binary(&[1, 0, 1, 0, 0, 0, 2, 2, 2, 7, 2, 7], 1, 7)),
        ("a tab in text", decode(Transfer::Text, 1, &[1, 0, 1, 0, 0, 0, 1, 2, b'\t'], 1, 2)),
        ("a line end in text", decode(Transfer::Text, 1, &[1, 0, 1, 0, 0, 0, 1, 2, b'\n'], 1, 2)),
        ("a line that ends a COPY", decode(Transfer::Text, 1, &[1, 0, 2, 0, 0, 0, 0, 0, b'\\', b'.'], 1, 3)),
        ("a NULL that is none", decode(Transfer::Text, 1, &[1, 0, 2, 0, 0, 0, 0, 0, b'\\', b'N'], 1, 3)),
    ] {
        assert!(result.is_err(), "{name}");
    }
}

/// The payload of a column of values of one byte.
fn dictionary(count: u8, values: &[u8], codes: &[u8]) -> Vec<u8> {
    let stored = |bytes: &[u8]| if bytes.is_empty() { vec![] } else { [&[0], bytes].concat() };
    [vec![1, 2, count, 0, 0, 0, 0, 1, 0, 0, 0], stored(values), stored(codes)].concat()
}

#[test]
fn the_payload_of_a_dictionary_by_hand() {
    let (table, mut out) = (table(Transfer::Binary, 1), Vec::new());
    let block = block_of(&dictionary(2, &[7, 8], &[0, 1, 1, 0]), 4, 28);
    BlockDecoder::new(ID).unwrap().decode(&table, &block, &mut out).unwrap();
    assert_eq!(out, column([7, 8, 8, 7].into_iter().map(|value| vec![value])));
    let (text, columns) = (Table { transfer: Transfer::Text, ..table.clone() }, [&b"ab"[..], b"\\N", b"a\t"]);
    for (values, sound) in columns.into_iter().zip([true, false, false]) {
        let payload = [&[1, 2, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0][..], values, &[2, 0]].concat();
        let result = BlockDecoder::new(ID).unwrap().decode(&text, &block_of(&payload, 2, 6), &mut out);
        assert_eq!(result.is_ok(), sound, "{values:?}");
    }
}

/// The rows that a block is decoded into, piece by piece, and the digest that the check finds in it.
fn in_pieces(table: &Table, block: &EncodedBlock) -> (Vec<u8>, Digest) {
    let mut rows = Vec::new();
    let mut decoder = BlockDecoder::new(ID).unwrap();
    let taken = decoder.decode_in_pieces(table, &block.bytes, |piece| {
        assert!(piece.len() <= 1 << 20);
        rows.extend_from_slice(piece);
        Ok::<_, Error>(())
    });
    assert_eq!(taken.unwrap(), block.info);
    let (info, digest) = decoder.examine(table, &block.bytes).unwrap();
    assert_eq!((info, decoder.facts(table, &block.bytes)), (block.info, block.facts.clone()));
    (rows, digest)
}

#[test]
fn long_rows_come_in_pieces() {
    let array = |oid: u32| [&[1u32, 0, oid, 1, 1, 3].map(u32::to_be_bytes).concat()[..], b"abc"].concat();
    let mut arrays = table(Transfer::Binary, 4);
    arrays.columns[3].shape = Shape::Array(Box::new(Shape::Plain));
    let text = |length| (0..length).map(|i| noise(i) as u8 | 0x80).collect::<Vec<u8>>();
    let rows = |oid| {
        let row = |length| vec![Some(vec![7; 3]), None, Some(text(length)), Some(array(oid))];
        binary(&[9, 3 << 20, 5, 2 << 20, (1 << 20) - 30, 0].map(row))
    };
    let block = round_trip(&arrays, &rows(16_400));
    let (found, digest) = in_pieces(&arrays, &block);
    assert!(found == rows(16_400));
    assert_eq!(digest, block.digest);
    assert_eq!(round_trip(&arrays, &rows(99_999)).digest, digest, "OIDs count in a long row");

    let lines = [&b"a\t"[..], &text(2 << 20), b"\n\\N\t\\N\n\t", &text(5), b"\n"].concat();
    let table = table(Transfer::Text, 2);
    let block = round_trip(&table, &lines);
    let (found, digest) = in_pieces(&table, &block);
    assert!(found == lines);
    assert_eq!(digest, block.digest);
}

#[test]
fn values_of_sixteen_bytes_come_back() {
    let table = table(Transfer::Binary, 2);
    let value = |i: u64| [noise(i).to_be_bytes(), noise(i + 1).to_be_bytes()].concat();
    let rows = (0..3000).map(|i| vec![Some(value(i)), Some(value(i + 7))]).collect::<Vec<_>>();
    round_trip(&table, &binary(&rows));
}

#[test]
fn a_dictionary_that_is_longer_than_the_values_is_not_taken() {
    // A hundred values of a byte in no order: a code takes as much, and the dictionary comes on top.
    let value = |i: u64| vec![noise(i).to_be_bytes()[3] % 100];
    let junk = |i: u64| noise(i).to_be_bytes().to_vec();
    let rows = (0..2000).map(|i| vec![Some(junk(i)), Some(value(noise(i) >> 7))]).collect::<Vec<_>>();
    let block = round_trip(&table(Transfer::Binary, 2), &binary(&rows));
    assert!(block.bytes.len() < 2850, "{}", block.bytes.len());
}

#[test]
fn lengths_beyond_the_rows_are_refused_before_anything_is_read() {
    // One value of a gigabyte, in ten bytes of rows.
    let payload = [&[1, 0][..], &(1u32 << 30).to_le_bytes(), &[0, 0]].concat();
    let table = table(Transfer::Binary, 1);
    let error = BlockDecoder::new(ID).unwrap().decode(&table, &block_of(&payload, 1, 10), &mut Vec::new());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("the lengths of the fields and the length of the rows do not agree"), "{error}");
}

#[test]
fn several_rows_make_a_huge_block() {
    let table = table(Transfer::Binary, 2);
    let row = |byte| vec![Some(vec![byte; 40 << 20]), None];
    let rows = binary(&[row(1), row(2)]);
    let block = BlockEncoder::new(ID, 1).unwrap().encode(0, &table, POSITION, &rows).unwrap();
    assert!(in_pieces(&table, &block) == (rows, block.digest));
    assert_eq!((block.info.rows, block.facts[1].nulls), (2, 2));
}

#[test]
fn one_huge_row_comes_back() {
    let noise = (0..9_000_000).flat_map(|i| noise(i).to_be_bytes()).collect::<Vec<u8>>();
    for huge in [b"to be or not to be, ".repeat(4_000_000), noise] {
        let table = table(Transfer::Binary, 3);
        let rows = binary(&[vec![Some(vec![0, 0, 0, 5]), Some(huge), None]]);
        let block = BlockEncoder::new(ID, 1).unwrap().encode(0, &table, POSITION, &rows).unwrap();
        let (found, digest) = in_pieces(&table, &block);
        assert!(found == rows);
        assert_eq!(digest, block.digest);
        assert_eq!((block.info.rows, block.facts[1].bytes), (1, rows.len() as u64 - 18));
        let nulls = block.facts.iter().map(|facts| facts.nulls).collect::<Vec<_>>();
        assert_eq!((nulls, block.facts[0].min.as_deref()), (vec![0, 0, 1], Some(&[0, 0, 0, 5][..])));
    }
}

#[test]
fn a_text_that_reads_as_null_is_found_behind_null_and_in_a_dictionary() {
    let (text, mut out) = (table(Transfer::Text, 1), Vec::new());
    // The first row is NULL, the second has the two bytes of a NULL.
    let behind = [&[2, 2, 2, 0, 2, 0, 0, 0, 0, 0][..], b"\\N"].concat();
    // Two values, "ab" for the first two rows and the bytes of a NULL for the others.
    let among = [&[1, 2, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0][..], b"ab\\N", &[0, 0, 0, 1, 1]].concat();
    for (payload, rows, raw_len) in [(behind, 2, 6), (among, 4, 12)] {
        let error =
            BlockDecoder::new(ID).unwrap().decode(&text, &block_of(&payload, rows, raw_len), &mut out);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("a text field that is not NULL reads as NULL"), "{error}");
    }
}

#[test]
fn few_values_make_a_dictionary() {
    let plain = table(Transfer::Binary, 1);
    let pick = |i, values| noise(noise(noise(i) >> 9) >> 20) % values;
    let form = |block: &EncodedBlock| block.bytes[block::BLOCK_HEADER_LEN + 1];
    for values in [3, 256, 257, 1000] {
        let words = (0..20_000).map(|i| format!("word {:x}", noise(pick(i, values))).into_bytes());
        let block = round_trip(&plain, &column(words));
        assert_eq!(form(&block), 2, "{values} values");
        assert!(block.bytes.len() < 20_000 * 7 / 5 + 20 * values as usize);
    }
    let integers = (0..20_000u64).map(|i| (noise(pick(i, 50)) as i32).to_be_bytes().to_vec());
    let block = round_trip(&plain, &column(integers.clone()));
    assert_eq!(form(&block), 2);
    let mut sorted = integers.map(|value| i32::from_be_bytes(value.try_into().unwrap())).collect::<Vec<_>>();
    sorted.sort_unstable();
    let bound = |value: Option<&i32>| value.map(|value| value.to_be_bytes().to_vec());
    assert_eq!((&block.facts[0].min, &block.facts[0].max), (&bound(sorted.first()), &bound(sorted.last())));
    let lines = (0..9000u64).map(|i| ["\\\\N\n", "\\N\n", "x\n"][pick(i, 3) as usize]).collect::<String>();
    let block = round_trip(&table(Transfer::Text, 1), lines.as_bytes());
    assert_eq!(block.facts[0].bytes, block.info.raw_len - 9000 - 2 * block.facts[0].nulls);
}

#[test]
fn a_catalog_and_an_index_are_compared_in_every_part() {
    let catalog = Catalog {
        source: Source::default(),
        entries: vec![entry(1, Some(0))],
        tables: vec![table(Transfer::Binary, 1)],
    };
    let bytes = wire::encode(&catalog).unwrap();
    assert!(wire::is(&catalog, &bytes, 1 << 20));
    let source = Source { database: "d".to_owned(), ..Source::default() };
    for other in [
        Catalog { source, ..catalog.clone() },
        Catalog { entries: vec![entry(2, Some(0))], ..catalog.clone() },
        Catalog { tables: vec![table(Transfer::Text, 1)], ..catalog.clone() },
    ] {
        assert!(!wire::is(&other, &bytes, 1 << 20));
    }
    let index = Index::default();
    let bytes = wire::encode(&index).unwrap();
    assert!(wire::is(&index, &bytes, 1 << 20));
    for other in [
        Index { tables: vec![TableIndex::default()], ..Index::default() },
        Index { blocks: 1, ..Index::default() },
        Index { rows: 1, ..Index::default() },
        Index { raw_bytes: 1, ..Index::default() },
        Index { stored_bytes: 1, ..Index::default() },
    ] {
        assert!(!wire::is(&other, &bytes, 1 << 20));
    }
}

pub(super) fn entry(id: u32, table: Option<u32>) -> Entry {
    Entry {
        id,
        kind: if table.is_some() { "TABLE DATA" } else { "KIND OF THE FUTURE" }.to_owned(),
        schema: Some("public".to_owned()),
        name: "t".to_owned(),
        owner: None,
        section: if table.is_some() { Section::Data } else { Section::PreData },
        pass: Pass::Main,
        lock: Lock::None,
        create: vec!["SELECT 1".to_owned()],
        drop: vec![],
        owned: None,
        tablespace: None,
        access_method: None,
        dependencies: if id > 1 { vec![id - 1] } else { vec![] },
        table,
    }
}

pub(super) fn catalog() -> Catalog {
    let tables = vec![
        Table { entry: 2, ..table(Transfer::Binary, 1) },
        Table { entry: 3, name: "empty".to_owned(), ..table(Transfer::Text, 2) },
    ];
    let entries = vec![entry(1, None), entry(2, Some(0)), entry(3, Some(1))];
    Catalog { source: Source::default(), entries, tables }
}

fn block(chunk: u32, sequence: u32, values: std::ops::Range<i32>) -> EncodedBlock {
    let rows = column(values.map(|value| value.to_be_bytes().to_vec()));
    let position = BlockPosition { chunk, sequence };
    BlockEncoder::new(ID, 1).unwrap().encode(0, &catalog().tables[0], position, &rows).unwrap()
}

#[test]
fn an_archive_from_writer_to_reader() {
    let header = Header::new(ID, 1_700_000_000_000_000);
    let mut writer = ArchiveWriter::create(Vec::new(), &header, &catalog()).unwrap();
    for block in [block(5, 0, 0..10), block(2, 0, 10..20), block(5, 1, 20..30)] {
        writer.append(&block).unwrap();
    }
    let (bytes, stats) = writer.finish().unwrap();
    assert_eq!((stats.tables, stats.blocks, stats.rows, stats.raw_bytes), (2, 3, 30, 300));
    assert_eq!(stats.file_bytes, bytes.len() as u64);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.pgsnap");
    std::fs::write(&path, &bytes).unwrap();
    for archive in [Archive::open(&path).unwrap(), Archive::from_bytes(bytes).unwrap()] {
        assert_eq!((archive.header(), archive.catalog()), (&header, &catalog()));
        let index = &archive.index().tables[0];
        assert_eq!((index.rows, index.raw_bytes, archive.index().rows), (30, 300, 30));
        assert_eq!(index.columns[0].max, Some(29i32.to_be_bytes().to_vec()));
        let rows = column((0..30i32).map(|value| value.to_be_bytes().to_vec()));
        let mut digest = Digest::default();
        digest.add_rows(&catalog().tables[0], &rows).unwrap();
        assert_eq!(index.digest, digest);
        let mut sound = 0;
        check(&archive, Depth::Full, 2, &mut |table, rows| sound += rows * u64::from(table == 0)).unwrap();
        assert_eq!(sound, 30);
        let mut out = Vec::new();
        let block = archive.block(&index.blocks[2]).unwrap();
        BlockDecoder::new(ID).unwrap().decode(archive.table(0).unwrap(), block, &mut out).unwrap();
        assert!(out == column((20..30i32).map(|value| value.to_be_bytes().to_vec())));
    }
}

#[test]
fn only_regular_files_are_opened() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(Archive::open(directory.path()), Err(Error::NotAFile { .. })));
    assert!(matches!(Archive::open(&directory.path().join("none")), Err(Error::Open { .. })));
    let empty = directory.path().join("empty");
    std::fs::write(&empty, b"").unwrap();
    assert!(matches!(Archive::open(&empty), Err(Error::CutShort { length: 0, .. })));
}

#[test]
fn blocks_must_come_in_sequence_and_belong_to_a_table() {
    let mut writer = ArchiveWriter::create(Vec::new(), &Header::new(ID, 0), &catalog()).unwrap();
    assert!(matches!(writer.append(&block(0, 1, 0..1)), Err(Error::Order { expected: 0, .. })));
    let mut stray = block(0, 0, 0..1);
    stray.info.table = 7;
    assert!(matches!(writer.append(&stray), Err(Error::Catalog { .. })));
}

#[test]
fn a_catalog_that_contradicts_itself_is_refused() {
    let refused = |change: fn(&mut Catalog)| {
        let mut catalog = catalog();
        change(&mut catalog);
        ArchiveWriter::create(Vec::new(), &Header::new(ID, 0), &catalog).is_err()
    };
    assert!(!refused(|_| ()));
    assert!(refused(|catalog| catalog.entries[1].id = 3));
    assert!(refused(|catalog| catalog.entries[1].dependencies = vec![2]));
    assert!(refused(|catalog| catalog.entries[1].dependencies = vec![0]));
    assert!(refused(|catalog| catalog.entries[1].table = None));
    assert!(refused(|catalog| catalog.entries[0].table = Some(0)));
    assert!(refused(|catalog| catalog.entries[0].table = Some(9)));
    assert!(refused(|catalog| catalog.entries[1].section = Section::PreData));
    assert!(refused(|catalog| catalog.entries[1].pass = Pass::Acl));
    assert!(refused(|catalog| catalog.tables[0].entry = 0));
    assert!(refused(|catalog| catalog.tables[0].entry = 9));
    assert!(refused(|catalog| catalog.entries[0].create = vec!["SELECT '\0'".to_owned()]));
    assert!(refused(|catalog| catalog.tables[0].columns = table(Transfer::Binary, 1665).columns));
    assert!(!refused(|catalog| catalog.tables[0].columns = table(Transfer::Binary, 1664).columns));
    let texts: [fn(&mut Catalog) -> &mut String; 13] = [
        |catalog| &mut catalog.entries[0].kind,
        |catalog| catalog.entries[0].schema.insert(String::new()),
        |catalog| &mut catalog.entries[0].name,
        |catalog| catalog.entries[0].owner.insert(String::new()),
        |catalog| &mut catalog.entries[0].create[0],
        |catalog| {
            catalog.entries[0].drop.push(String::new());
            &mut catalog.entries[0].drop[0]
        },
        |catalog| catalog.entries[0].owned.insert(String::new()),
        |catalog| catalog.entries[0].tablespace.insert(String::new()),
        |catalog| catalog.entries[0].access_method.insert(String::new()),
        |catalog| &mut catalog.tables[0].schema,
        |catalog| &mut catalog.tables[0].name,
        |catalog| &mut catalog.tables[0].columns[0].name,
        |catalog| &mut catalog.tables[0].columns[0].type_name,
    ];
    for (number, text) in texts.into_iter().enumerate() {
        let mut catalog = catalog();
        *text(&mut catalog) = "a\0".to_owned();
        assert!(matches!(catalog.validate(), Err(Error::Catalog { .. })), "text {number}");
    }
}

fn field() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        1 => Just(None),
        3 => vec(any::<u8>(), 4).prop_map(Some),
        1 => vec(any::<u8>(), 8).prop_map(Some),
        2 => vec(0u8..4, 0..40).prop_map(Some),
    ]
}

proptest! {
    #[test]
    fn any_binary_rows_come_back(
        rows in (0usize..6).prop_flat_map(|columns| (Just(columns), vec(vec(field(), columns), 1..60)))
    ) {
        round_trip(&table(Transfer::Binary, rows.0), &binary(&rows.1));
    }

    #[test]
    fn one_column_of_one_width_comes_back(
        values in (0usize..13).prop_flat_map(|width| vec(vec(any::<u8>(), width), 1..200)), stride in 1u64..9
    ) {
        let table = table(Transfer::Binary, 1);
        round_trip(&table, &column(values.iter().cloned()));
        let counters = (0..values.len() as u64).map(|i| (i * stride).to_be_bytes()[8 - values[0].len().min(8)..].to_vec());
        round_trip(&table, &column(counters));
    }

    #[test]
    fn any_text_rows_come_back(lines in vec("[a-z\\\\N]{0,5}\t[ -~]{0,20}", 1..40)) {
        let rows = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        round_trip(&table(Transfer::Text, 2), rows.as_bytes());
    }

    #[test]
    fn many_rows_of_short_fields_come_back(
        rows in (1usize..4).prop_flat_map(|columns| (Just(columns), vec(vec(0usize..12, columns), 1..400)))
    ) {
        // In pairs of bytes: mostly a few, seldom NULL, seldom a length of two bytes.
        let length = |pick| match pick { 0 => None, 1 => Some(150), pick => Some(pick - 2) };
        let binary_field = |pick: &usize| length(*pick).map(|length| b"xy".repeat(length));
        let binary_rows = rows.1.iter().map(|row| row.iter().map(binary_field).collect()).collect::<Vec<_>>();
        round_trip(&table(Transfer::Binary, rows.0), &binary(&binary_rows));
        let text_field = |pick: &usize| length(*pick).map_or("\\N".to_owned(), |length| "xy".repeat(length));
        let text_row = |row: &Vec<usize>| row.iter().map(text_field).collect::<Vec<_>>().join("\t") + "\n";
        round_trip(&table(Transfer::Text, rows.0), rows.1.iter().map(text_row).collect::<String>().as_bytes());
    }

    #[test]
    fn any_payload_is_rows_or_an_error(payload in vec(any::<u8>(), 0..60), rows in 1u32..9, raw_len in 0u64..200) {
        for transfer in [Transfer::Binary, Transfer::Text] {
            let table = table(transfer, 2);
            let mut out = Vec::new();
            let block = block_of(&payload, rows, raw_len);
            if BlockDecoder::new(ID).unwrap().decode(&table, &block, &mut out).is_ok() {
                assert_eq!(Digest::default().add_rows(&table, &out).unwrap(), u64::from(rows));
                assert_eq!(out.len() as u64, raw_len);
            }
        }
    }
}
