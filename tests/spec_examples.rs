//! The examples in format-spec/ are what the code writes and reads: bytes cannot change without the specification.
//!
//! An example is a fenced block whose info string is `hex` and its name: bytes in hexadecimal digits, and from `#` to
//! the end of the line what they mean.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bincode::config::standard;
use bincode::serde::encode_to_vec;
use pgsnap::archive::check::{Depth, check};
use pgsnap::archive::{
    Archive, ArchiveId, ArchiveWriter, BlockDecoder, BlockEncoder, BlockPosition, Catalog, Column, Digest,
    Entry, Extension, Header, Lock, Pass, Section, Shape, Source, Table, Transfer, ValueKind,
};

const ID: ArchiveId = ArchiveId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
const SNAPSHOT_TIME: i64 = 1_767_225_600_000_000;

/// Chapters and names of the examples that were read.
static READ: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("format-spec")
}

/// The bytes of the example `name` in the chapter `file`.
fn example(file: &str, name: &str) -> Vec<u8> {
    READ.lock().unwrap().insert((file.to_owned(), name.to_owned()));
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    let start = format!("\n```hex {name}\n");
    let mut parts = text.split(&start).skip(1);
    let (Some(rest), None) = (parts.next(), parts.next()) else {
        panic!("{file} has not one example {name:?}")
    };
    let lines = rest.split("\n```").next().unwrap().lines();
    let digits = lines.flat_map(|line| line.split('#').next().unwrap().chars());
    let digits = digits.filter(|digit| !digit.is_whitespace()).collect::<String>();
    let byte = |n: usize| u8::from_str_radix(&digits[2 * n..2 * n + 2], 16).unwrap();
    (0..digits.len() / 2).map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    let lines =
        bytes.chunks(16).map(|line| line.iter().map(|byte| format!("{byte:02x} ")).collect::<String>());
    lines.collect::<Vec<_>>().join("\n")
}

/// `bytes` are what the example says.
fn assert_example(file: &str, name: &str, bytes: &[u8]) {
    let written = example(file, name);
    assert!(written == bytes, "{file}, {name}:\n{}\nthe code has\n{}", hex(&written), hex(bytes));
}

fn column(name: &str, type_name: &str, value: ValueKind, shape: Shape) -> Column {
    Column { name: name.to_owned(), type_name: type_name.to_owned(), value, shape }
}

fn table(transfer: Transfer, columns: Vec<Column>) -> Table {
    let (schema, name) = ("public".to_owned(), "t".to_owned());
    Table { entry: 2, schema, name, transfer, text_reason: None, root: None, condition: None, columns }
}

/// The catalog of the example archive.
fn catalog() -> Catalog {
    let entry = Entry {
        id: 1,
        kind: "TABLE".to_owned(),
        schema: Some("public".to_owned()),
        name: "t".to_owned(),
        owner: Some("ann".to_owned()),
        section: Section::PreData,
        pass: Pass::Main,
        lock: Lock::None,
        create: vec!["CREATE TABLE public.t (id integer, name text)".to_owned()],
        drop: vec!["DROP TABLE public.t".to_owned()],
        owned: Some("TABLE public.t".to_owned()),
        tablespace: None,
        access_method: Some("heap".to_owned()),
        dependencies: vec![],
        table: None,
    };
    let data = Entry {
        id: 2,
        kind: "TABLE DATA".to_owned(),
        section: Section::Data,
        create: vec![],
        drop: vec![],
        owned: None,
        access_method: None,
        dependencies: vec![1],
        table: Some(0),
        ..entry.clone()
    };
    let source = Source {
        pgsnap_version: "0.1.0".to_owned(),
        server_version_num: 150_004,
        server_version: "15.4".to_owned(),
        database: "shop".to_owned(),
        encoding: "UTF8".to_owned(),
        collate: "C".to_owned(),
        ctype: "C".to_owned(),
        snapshot_time: SNAPSHOT_TIME,
        extensions: vec![Extension {
            name: "vector".to_owned(),
            schema: "public".to_owned(),
            version: "0.8.0".to_owned(),
        }],
        roles: vec!["ann".to_owned()],
        policy_roles: vec![],
        settings: vec![("lc_monetary".to_owned(), "C".to_owned())],
        uncovered: vec![],
    };
    let columns = vec![
        column("id", "integer", ValueKind::Integer, Shape::Plain),
        column("name", "text", ValueKind::Opaque, Shape::Plain),
    ];
    Catalog { source, entries: vec![entry, data], tables: vec![table(Transfer::Binary, columns)] }
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

/// Rows of one column without NULL.
fn values(values: &[Vec<u8>]) -> Vec<u8> {
    values.iter().flat_map(|value| row(&[Some(value)])).collect()
}

fn rows() -> Vec<u8> {
    let id = |id: i32| id.to_be_bytes();
    [row(&[Some(&id(1)), Some(b"a")]), row(&[Some(&id(2)), None]), row(&[Some(&id(3)), Some(b"abc")])]
        .concat()
}

#[test]
fn the_example_archive() {
    let mut writer = ArchiveWriter::create(Vec::new(), &Header::new(ID, SNAPSHOT_TIME), &catalog()).unwrap();
    let position = BlockPosition { chunk: 0, sequence: 0 };
    let block = BlockEncoder::new(ID, 1).unwrap().encode(0, &catalog().tables[0], position, &rows()).unwrap();
    writer.append(&block).unwrap();
    let (bytes, _) = writer.finish().unwrap();

    let parts = ["header", "catalog", "block", "index", "footer"].map(|part| example("example.md", part));
    let [header, catalog_frame, block, index, footer] = &parts;
    let written = [header, catalog_frame, block, index, catalog_frame, footer].map(|part| &part[..]).concat();
    let archive = Archive::from_bytes(written.clone())
        .unwrap_or_else(|error| panic!("the example archive: {error}\nthe code writes\n{}", hex(&bytes)));
    assert_eq!(check(&archive, Depth::Full, 1, &mut |_, _| ()), Ok(()));
    assert_eq!(archive.header(), &Header::new(ID, SNAPSHOT_TIME));
    assert_eq!(archive.catalog(), &catalog());
    let mut out = Vec::new();
    let block = archive.block(&archive.index().tables[0].blocks[0]).unwrap();
    BlockDecoder::new(ID).unwrap().decode(&archive.catalog().tables[0], block, &mut out).unwrap();
    assert_eq!(out, rows());
    assert_example("example.md", "rows", &rows());
    assert!(written == bytes, "the code writes\n{}", hex(&bytes));

    // What the frames hold: a stream that is compressed, and one that is stored.
    let raw_len = usize::try_from(u64::from_le_bytes(catalog_frame[8..16].try_into().unwrap())).unwrap();
    let raw = zstd::bulk::decompress(&catalog_frame[37..], raw_len).unwrap();
    assert_example("example.md", "catalog before compression", &raw);
    assert_example("example.md", "index before compression", &index[33..]);
}

/// The payload of the block that the code makes of `rows` is the example, and the example is read as `rows`.
fn assert_payload(name: &str, table: &Table, rows: &[u8]) {
    let position = BlockPosition { chunk: 0, sequence: 0 };
    let block = BlockEncoder::new(ID, 1).unwrap().encode(0, table, position, rows).unwrap();
    assert_example("columns.md", name, &block.bytes[48..]);
}

#[test]
fn payloads_of_each_encoding() {
    let binary =
        |columns| table(Transfer::Binary, vec![column("c", "t", ValueKind::Opaque, Shape::Plain); columns]);
    assert_payload("constant", &binary(1), &values(&vec![b"same".to_vec(); 3]));
    let texts = [row(&[Some(b"a")]), row(&[None]), row(&[Some(b"")]), row(&[Some(b"bcd")])].concat();
    assert_payload("plain with a bitmap and lengths", &binary(1), &texts);
    assert_payload("only NULL", &binary(2), &row(&[None, None]).repeat(3));
    let counters = (0..40u32).map(|i| (1000 + 5 * i).to_be_bytes().to_vec()).collect::<Vec<_>>();
    assert_payload("delta split", &binary(1), &values(&counters));
    let small = (0..12u16).map(|i| (i * 7 % 5).to_be_bytes().to_vec()).collect::<Vec<_>>();
    assert_payload("split", &binary(1), &values(&small));
    assert_payload("zstd", &binary(1), &values(&[b"to be or not to be, ".repeat(4), b"to be".to_vec()]));
    let events = [0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1].map(|code| [&b"login"[..], b"view"][code].to_vec());
    assert_payload("dictionary", &binary(1), &values(&events));
    let text = table(Transfer::Text, binary(2).columns);
    assert_payload("text", &text, b"a\t\\N\nb\tx\\ty\n");
    assert_payload("no columns", &binary(0), &[0; 6]);
}

#[test]
fn digests() {
    let digest = |table: &Table, rows: &[u8]| {
        let mut digest = Digest::default();
        digest.add_rows(table, rows).unwrap();
        u128::from_str_radix(&digest.to_string(), 16).unwrap().to_be_bytes()
    };
    let columns = catalog().tables[0].columns.clone();
    assert_example("digest.md", "digest of the example archive", &digest(&catalog().tables[0], &rows()));
    let first = row(&[Some(&1i32.to_be_bytes()), Some(b"a")]);
    assert_example("digest.md", "one row", &first);
    assert_example(
        "digest.md",
        "digest of one row",
        &digest(&table(Transfer::Binary, columns.clone()), &first),
    );
    let text = digest(&table(Transfer::Text, columns), b"1\ta\n");
    assert_example("digest.md", "digest of a text row", &text);
    assert_example("digest.md", "text row as it is hashed", &row(&[Some(b"1"), Some(b"a")]));

    let array = [1u32, 0, 16_400, 1, 1, 1].map(u32::to_be_bytes).concat();
    let array = row(&[Some(&[array, b"x".to_vec()].concat())]);
    let shape = Shape::Array(Box::new(Shape::Plain));
    let arrays = table(Transfer::Binary, vec![column("c", "mood[]", ValueKind::Opaque, shape)]);
    assert_example("digest.md", "row with an array", &array);
    assert_example("digest.md", "digest of a row with an array", &digest(&arrays, &array));
}

#[test]
fn values_on_the_wire() {
    fn bytes(value: impl serde::Serialize) -> Vec<u8> {
        encode_to_vec(value, standard()).unwrap()
    }
    let small = [0u32, 250, 251, 65_535, 65_536].map(bytes).concat();
    let signed = [0i64, -1, 1, -128, i64::MIN].map(bytes).concat();
    assert_example("wire.md", "numbers", &[small, bytes(1u64 << 32), signed].concat());
    let texts = [
        bytes("ab"),
        bytes("\u{e4}"),
        bytes(vec!["a", ""]),
        bytes(vec![1u8, 255, 0]),
        bytes([1u8, 255, 0]),
        bytes(None::<String>),
        bytes(Some("")),
        bytes(vec![("a", "b")]),
    ];
    assert_example("wire.md", "texts and lists", &texts.concat());
    let sections = [Section::PreData, Section::PostData].map(bytes).concat();
    let others = [bytes(Pass::Acl), bytes(Lock::Exclusive), bytes(Transfer::Text), bytes(ValueKind::Uuid)];
    // A composite of three fields is a list of four nodes; the length of the list is left out.
    let composite = bytes(Shape::Composite(vec![Shape::Plain; 3]))[1..3].to_vec();
    assert_example("wire.md", "cases", &[sections, others.concat(), composite].concat());
    let array = |shape| Shape::Array(Box::new(shape));
    let range = Shape::Range(Box::new(array(Shape::Plain)));
    assert_example("catalog.md", "shape", &bytes(array(Shape::Composite(vec![Shape::Plain, range]))));
}

/// An example that nothing compares with the code could say anything.
#[test]
fn every_example_is_read() {
    the_example_archive();
    payloads_of_each_encoding();
    digests();
    values_on_the_wire();
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let Some(file) = path.file_name().unwrap().to_str().filter(|name| name.ends_with(".md")) else {
            continue;
        };
        let text = std::fs::read_to_string(&path).unwrap();
        let fences = text.lines().filter_map(|line| line.trim_start().strip_prefix("```"));
        for name in fences.filter(|name| !name.is_empty()) {
            let name = name.strip_prefix("hex ").unwrap_or_else(|| panic!("{file}: what is ```{name}?"));
            assert!(found.insert((file.to_owned(), name.to_owned())), "{file} has {name} twice");
        }
    }
    assert_eq!(*READ.lock().unwrap(), found);
}
