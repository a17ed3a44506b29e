//! format-spec/reader.py, which shares no code with the library, reads what the library writes: so the chapters that it
//! was written from say what the bytes are, and the library's encoder and decoder are not wrong in the same way.
//!
//! Needs python3 and the packages that `tests/servers install` fetches; without them the tests are ignored.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Arguments, Trial};
use pgsnap::archive::{
    ArchiveId, ArchiveWriter, BlockEncoder, BlockPosition, Catalog, Column, Entry, Header, Lock, Pass,
    Section, Shape, Source, Table, Transfer, ValueKind,
};

use support::TestResult;

const ID: ArchiveId = ArchiveId([0x5a; 16]);
const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const BINARY_TRAILER: &[u8] = b"\xff\xff";

/// A table and its blocks in the order of the file: the chunk, and the rows.
struct Content {
    table: Table,
    blocks: Vec<(u32, Vec<u8>)>,
    /// The encoding that the first column of the first block must have: its values have one length and no NULL.
    encoding: Option<u8>,
}

fn content(
    name: &str,
    transfer: Transfer,
    columns: &[(ValueKind, Shape)],
    blocks: &[(u32, Vec<u8>)],
) -> Content {
    let column = |(place, (value, shape)): (usize, &(ValueKind, Shape))| Column {
        name: format!("c{place}"),
        type_name: "some type".to_owned(),
        value: *value,
        shape: shape.clone(),
    };
    let table = Table {
        entry: 0, // set by `catalog`
        schema: "public".to_owned(),
        name: name.to_owned(),
        transfer,
        text_reason: (transfer == Transfer::Text).then(|| "a column of type regclass".to_owned()),
        columns: columns.iter().enumerate().map(column).collect(),
    };
    Content { table, blocks: blocks.to_vec(), encoding: None }
}

/// A table of one column, one block, no NULL.
fn values(name: &str, value: ValueKind, values: &[Vec<u8>]) -> Content {
    let rows = values.iter().flat_map(|value| row(&[Some(value)])).collect();
    content(name, Transfer::Binary, &[(value, Shape::Plain)], &[(0, rows)])
}

/// A row of COPY BINARY.
fn row(fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes = i16::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
    for field in fields {
        let length = field.map_or(-1, |field| i32::try_from(field.len()).unwrap());
        bytes.extend(length.to_be_bytes());
        bytes.extend(field.unwrap_or_default());
    }
    bytes
}

/// Bytes without a pattern, always the same ones.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

/// Tables whose first column has each encoding, in each width.
fn encodings() -> Vec<Content> {
    let noise = noise(3000);
    let quarter = |width: usize| {
        let value = |byte: &u8| [vec![0; width - 1], vec![*byte]].concat();
        noise.iter().map(value).collect::<Vec<_>>()
    };
    // Up and down, across zero and beyond the middle of the range.
    let counter = |width: usize| {
        let value = |n: u64| n.wrapping_mul(7).wrapping_sub(70).to_be_bytes()[8 - width..].to_vec();
        (0..2000).chain((0..2000).rev()).map(value).collect::<Vec<_>>()
    };
    // In [1, 2): sign and exponent are the same, the rest is noise.
    let float = |noise: &[u8]| [&[0x3f, 0xf0 | noise[0] & 0x0f], &noise[1..7]].concat();
    let mut contents = vec![
        (values("plain", ValueKind::Opaque, &noise.chunks(6).map(<[u8]>::to_vec).collect::<Vec<_>>()), 0),
        (values("constant", ValueKind::Opaque, &vec![b"same".to_vec(); 3]), 1),
        (values("no bytes", ValueKind::Opaque, &vec![vec![]; 5]), 0),
        (values("split floats", ValueKind::Float, &noise.chunks_exact(7).map(float).collect::<Vec<_>>()), 2),
    ];
    for width in [2, 4, 8] {
        contents.push((values(&format!("split by {width}"), ValueKind::Integer, &quarter(width)), 2));
        contents.push((values(&format!("delta split by {width}"), ValueKind::Integer, &counter(width)), 3));
    }
    contents.into_iter().map(|(content, encoding)| Content { encoding: Some(encoding), ..content }).collect()
}

/// Patterns of NULL beside texts of many lengths and vectors, in three chunks that take turns.
fn chunks() -> Content {
    let block = |rows: std::ops::Range<u32>| {
        let row = |n: u32| {
            let text = "to be or not to be, ".repeat((n % 23) as usize);
            let vector = vec![n.to_be_bytes(); (n % 5) as usize].concat();
            row(&[
                n.is_multiple_of(2).then_some(text.as_bytes()),
                None,
                (!n.is_multiple_of(9)).then_some(&n.to_be_bytes()),
                (n == rows.start).then_some(b"first"),
                (n + 1 == rows.end).then_some(b""),
                Some(&vector),
            ])
        };
        rows.clone().flat_map(row).collect::<Vec<u8>>()
    };
    let mut columns = vec![(ValueKind::Opaque, Shape::Plain); 6];
    columns[2].0 = ValueKind::Integer;
    let blocks = [(0, 0..1), (7, 1..9), (0, 9..509), (3, 509..516), (7, 516..4000), (0, 4000..4008)];
    content("chunks", Transfer::Binary, &columns, &blocks.map(|(chunk, rows)| (chunk, block(rows))))
}

/// Each kind of value in two blocks, with what its order is about: signs, infinities, NaN, zeros.
fn kinds() -> Vec<Content> {
    let kind = |name: &str, value, blocks: [&[&[u8]]; 2]| {
        let rows = blocks.map(|fields| fields.iter().flat_map(|field| row(&[Some(field)])).collect());
        let [first, second] = rows;
        content(name, Transfer::Binary, &[(value, Shape::Plain)], &[(0, first), (1, second)])
    };
    let floats = [f64::NAN, -0.0, 0.0, f64::INFINITY, -f64::NAN].map(f64::to_be_bytes);
    let floats = floats.each_ref().map(<[u8; 8]>::as_slice);
    let zeros = [0.0f32, -0.0, 0.0].map(f32::to_be_bytes);
    let zeros = zeros.each_ref().map(<[u8; 4]>::as_slice);
    let (low, high) = ([0x80, 0, 0, 0, 0, 0, 0, 0], [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    vec![
        kind("bool", ValueKind::Bool, [&[&[1]], &[&[0], &[1]]]),
        kind("float8", ValueKind::Float, [&floats[..3], &floats[3..]]),
        kind("float4", ValueKind::Float, [&zeros[..1], &zeros[1..]]),
        kind("date", ValueKind::Date, [&[&[0xff; 4], &[0; 4]], &[&low[..4], &high[..4]]]),
        kind("timestamp", ValueKind::Timestamp, [&[&low], &[&high, &[0; 8]]]),
        kind("timestamptz", ValueKind::Timestamptz, [&[&[0xff; 8]], &[&[0; 8]]]),
        kind("uuid", ValueKind::Uuid, [&[&[0x80; 16]], &[&[0x7f; 16], &[0xff; 16]]]),
        kind("integers of a strange width", ValueKind::Integer, [&[&[1, 2, 3]], &[&[1, 2, 3, 4]]]),
    ]
}

/// Values that embed OIDs, well formed, and the same ones cut short.
fn shapes() -> Content {
    const OID: u32 = 16_400;
    let int = |n: i32| n.to_be_bytes().to_vec();
    let sized = |value: &[u8]| [int(i32::try_from(value.len()).unwrap()), value.to_vec()].concat();
    let oid = || OID.to_be_bytes().to_vec();
    let bounded = [vec![0x02], sized(b"low"), sized(b"high")].concat();
    let open_below = [vec![0x08], sized(b"high")].concat();
    let ranges = [int(3), sized(&bounded), sized(&open_below), sized(&[0x01])].concat();
    let composite =
        [int(3), oid(), sized(b"x"), oid(), int(-1), oid(), sized(&[vec![0x12], sized(b"l")].concat())]
            .concat();
    let array = [
        [int(2), int(1), oid()].concat(),
        [int(2), int(1), int(2), int(-3)].concat(),
        [sized(&composite), int(-1), sized(&composite), sized(&composite)].concat(),
    ];
    let array = array.concat();
    let empty = [int(0), int(0), oid()].concat();
    let composite_shape =
        Shape::Composite(vec![Shape::Plain, Shape::Plain, Shape::Range(Box::new(Shape::Plain))]);
    let columns = [
        Shape::Array(Box::new(composite_shape.clone())),
        composite_shape,
        Shape::Range(Box::new(Shape::Plain)),
        Shape::Multirange(Box::new(Shape::Plain)),
    ];
    let whole: [&[u8]; 4] = [&array, &composite, &bounded, &ranges];
    let cut = whole.map(|value| &value[..value.len() - 1]);
    let rows = [
        row(&whole.map(Some)),
        row(&cut.map(Some)),
        row(&[Some(&empty), None, Some(&open_below), Some(&int(0))]),
        row(&[Some(b""), Some(&int(0)), Some(b""), None]),
    ];
    content(
        "shapes",
        Transfer::Binary,
        &columns.map(|shape| (ValueKind::Opaque, shape)),
        &[(0, rows.concat())],
    )
}

/// Few values in many fields: of one length and of several, more than 256 of them, with NULL, as text.
fn dictionaries() -> Vec<Content> {
    let noise = noise(8000);
    let picks = noise.chunks_exact(2).map(|pick| usize::from(pick[0]) * 256 + usize::from(pick[1]));
    let picked = |most: usize| picks.clone().map(move |pick| pick % most % (pick / 7 % most + 1));
    let word = |pick: usize| "word ".repeat(pick % 5) + &pick.to_string();
    let words = |most| picked(most).map(word).collect::<Vec<_>>();
    let rows = |words: &[String]| words.iter().flat_map(|word| row(&[Some(word.as_bytes())])).collect();
    let number = |pick: usize| row(&[(pick != 3).then_some(&(-500_000 + 1000 * pick as i64).to_be_bytes())]);
    let opaque = [(ValueKind::Opaque, Shape::Plain)];
    let integer = [(ValueKind::Integer, Shape::Plain)];
    let lines = words(20).iter().flat_map(|word| format!("\\\\N {word}\n\\N\n").into_bytes()).collect();
    vec![
        content("words", Transfer::Binary, &opaque, &[(0, rows(&words(50))), (1, rows(&words(900)))]),
        content("numbers", Transfer::Binary, &integer, &[(0, picked(40).flat_map(number).collect())]),
        content("lines", Transfer::Text, &opaque, &[(0, lines)]),
    ]
}

fn contents() -> Vec<Content> {
    let opaque = |columns| vec![(ValueKind::Opaque, Shape::Plain); columns];
    let text = b"a\t\\N\tc\n\t\\\\N\t\\N\nb\\ty\tx\t\xc3\xa4\n".to_vec();
    let mut contents = vec![
        content("empty", Transfer::Binary, &opaque(2), &[]),
        content("no columns", Transfer::Binary, &[], &[(0, row(&[]).repeat(1000)), (1, row(&[]))]),
        content("empty text", Transfer::Text, &opaque(2), &[]),
        content("text", Transfer::Text, &opaque(3), &[(0, text.clone()), (1, text.repeat(500))]),
        content("text of one column", Transfer::Text, &opaque(1), &[(0, b"\n\\N\n\nx\n".to_vec())]),
        content("text of no columns", Transfer::Text, &[], &[(0, b"\n\n\n".to_vec())]),
        chunks(),
        shapes(),
    ];
    contents.extend(encodings());
    contents.extend(dictionaries());
    contents.extend(kinds());
    contents
}

fn catalog(contents: &[Content]) -> Catalog {
    let source = Source { database: "shop".to_owned(), snapshot_time: -1, ..Source::default() };
    let mut catalog = Catalog { source, entries: vec![], tables: vec![] };
    for (number, content) in (0..).zip(contents) {
        let table = Table { entry: number + 1, ..content.table.clone() };
        catalog.entries.push(Entry {
            id: table.entry,
            kind: "TABLE DATA".to_owned(),
            schema: Some(table.schema.clone()),
            name: table.name.clone(),
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
            table: Some(number),
        });
        catalog.tables.push(table);
    }
    catalog
}

fn archive(contents: &[Content], level: i32) -> Vec<u8> {
    let catalog = catalog(contents);
    let mut writer = ArchiveWriter::create(Vec::new(), &Header::new(ID, -1), &catalog).unwrap();
    let mut encoder = BlockEncoder::new(ID, level).unwrap();
    // The blocks of all tables take turns.
    let turns = contents.iter().map(|content| content.blocks.len()).max().unwrap_or(0);
    for turn in 0..turns {
        for (number, table) in (0..).zip(&catalog.tables) {
            let Content { blocks, encoding, .. } = &contents[number as usize];
            let Some((chunk, rows)) = blocks.get(turn) else { continue };
            let sequence = blocks[..turn].iter().filter(|(earlier, _)| earlier == chunk).count();
            let position = BlockPosition { chunk: *chunk, sequence: u32::try_from(sequence).unwrap() };
            let block = encoder.encode(number, table, position, rows).unwrap();
            if let (Some(encoding), 1..) = (encoding, level) {
                // Behind the header: presence, lengths, four bytes of width.
                assert_eq!(block.bytes[48..50], [1, 0], "{}", table.name);
                assert_eq!(block.bytes[54], *encoding, "{}", table.name);
            }
            writer.append(&block).unwrap();
        }
    }
    writer.finish().unwrap().0
}

/// The reader on an archive, with the Python packages in `packages`.
fn reader(packages: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("format-spec/reader.py")).args(arguments);
    command
}

/// An archive of `contents` is well, and gives back the rows of each table, byte for byte.
fn comes_back(packages: &Path, contents: &[Content], level: i32) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("archive");
    std::fs::write(&file, archive(contents, level)).unwrap();
    let file = file.to_str().unwrap();

    let checked = support::run(&mut reader(packages, &["check", file])).expect_code(0);
    assert_eq!(checked.stderr, "");
    assert_eq!(checked.stdout.lines().count(), contents.len(), "{}", checked.stdout);
    for Content { table, blocks, .. } in contents {
        let output = reader(packages, &["rows", file, &format!("public.{}", table.name)]).output().unwrap();
        let rows = blocks.iter().flat_map(|(_, rows)| rows).copied().collect::<Vec<_>>();
        let expected = match table.transfer {
            Transfer::Binary => [BINARY_HEADER, &rows, BINARY_TRAILER].concat(),
            Transfer::Text => rows,
        };
        assert!(output.status.success(), "{}: {}", table.name, String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == expected, "{}: other rows come back", table.name);
    }
}

fn every_encoding(packages: &Path) -> TestResult {
    comes_back(packages, &contents(), 1);
    Ok(())
}

fn nothing_compressed(packages: &Path) -> TestResult {
    comes_back(packages, &contents(), 0);
    Ok(())
}

fn no_tables(packages: &Path) -> TestResult {
    comes_back(packages, &[], 1);
    Ok(())
}

fn tables_are_listed(packages: &Path) -> TestResult {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("archive");
    let contents = [chunks(), content("empty", Transfer::Text, &[], &[])];
    std::fs::write(&file, archive(&contents, 1)).unwrap();
    let listed = support::run(&mut reader(packages, &["list", file.to_str().unwrap()])).expect_code(0).stdout;
    let lines = listed.lines().map(|line| line.split('\t').collect::<Vec<_>>()).collect::<Vec<_>>();
    let raw_bytes = contents[0].blocks.iter().map(|(_, rows)| rows.len()).sum::<usize>().to_string();
    assert_eq!(lines[0], ["table", "transfer", "rows", "blocks", "raw_bytes", "stored_bytes"]);
    assert_eq!(lines[1][..5], ["public.chunks", "Binary", "4008", "6", &raw_bytes]);
    assert_eq!(lines[2], ["public.empty", "Text", "0", "0", "0", "0"]);
    Ok(())
}

/// A flipped bit in every part of an archive, and bytes that are missing or too many, are damage.
fn damage_is_noticed(packages: &Path) -> TestResult {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("archive");
    let text =
        content("text", Transfer::Text, &[(ValueKind::Opaque, Shape::Plain)], &[(0, b"a\nb\n".to_vec())]);
    let whole = archive(&[values("constant", ValueKind::Opaque, &vec![b"same".to_vec(); 3]), text], 1);
    let expect = |bytes: &[u8], code| {
        std::fs::write(&file, bytes).unwrap();
        support::run(&mut reader(packages, &["check", file.to_str().unwrap()])).expect_code(code);
    };
    expect(&whole, 0);
    for (place, bit) in (0..whole.len()).step_by(11).zip((0..8).cycle()) {
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << bit;
        expect(&flipped, 3);
    }
    expect(&whole[..whole.len() - 1], 3);
    expect(&[whole.clone(), vec![0]].concat(), 3);
    expect(&[], 3);
    Ok(())
}

fn main() {
    type Test = fn(&Path) -> TestResult;
    let tests: [(&str, Test); 5] = [
        ("every_encoding", every_encoding),
        ("nothing_compressed", nothing_compressed),
        ("no_tables", no_tables),
        ("tables_are_listed", tables_are_listed),
        ("damage_is_noticed", damage_is_noticed),
    ];
    let packages: Option<PathBuf> = support::python_packages();
    let trials = tests.map(|(name, test)| match packages.clone() {
        Some(packages) => Trial::test(name, move || test(&packages)),
        None => Trial::test(name, || Ok(())).with_ignored_flag(true),
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit();
}
