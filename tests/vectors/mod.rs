//! Makes the test vectors of the version of the format that this code writes. The files in the folder of a version are
//! the truth, not this: another zstd makes other bytes, and vectors of a released version are never written again.

mod archives;
pub mod bytes;
mod columns;
mod everything;
mod forged;
mod refused;

use pgsnap::archive::check::{Depth, check};
use pgsnap::archive::{
    Archive, BlockDecoder, Catalog, Column, Entry, Error, Header, Lock, Pass, Section, Shape, Source, Table,
    Transfer, ValueKind,
};
use xxhash_rust::xxh3::xxh3_128;

use bytes::{Field, ID, Parts, Recipe, Rows, SNAPSHOT_TIME, Stored, Values, binary_rows, parts};

/// An archive that exercises something.
pub struct Vector {
    pub name: String,
    /// What it exercises.
    pub what: String,
    pub bytes: Vec<u8>,
    /// What a reader finds in it; `None` where it must refuse.
    pub holds: Option<Holds>,
}

/// What an archive holds.
#[derive(Debug, PartialEq)]
pub struct Holds {
    pub header: Header,
    pub catalog: Catalog,
    /// Per table the rows of all its blocks.
    pub rows: Vec<Vec<u8>>,
}

/// All vectors.
pub fn all() -> Vec<Vector> {
    let mut vectors = vec![everything::everything()];
    vectors.extend(columns::encodings());
    vectors.extend(columns::payloads());
    vectors.extend(archives::tables());
    vectors.extend(columns::columns());
    vectors.extend(archives::catalogs());
    vectors.extend(refused::vectors());
    vectors.extend(forged::vectors());
    vectors
}

/// A table and its blocks in the order of the file: the chunk, the rows, and the payload where pgsnap's is not wanted.
#[derive(Clone)]
pub struct Content {
    pub table: Table,
    pub blocks: Vec<(u32, Vec<u8>, Option<Vec<u8>>)>,
}

/// A table without blocks.
pub fn content(name: &str, transfer: Transfer, columns: Vec<(ValueKind, Shape)>) -> Content {
    let column = |(place, (value, shape))| Column {
        name: format!("c{place}"),
        type_name: "some type".to_owned(),
        value,
        shape,
    };
    let table = Table {
        entry: 0, // set by `catalog`
        schema: "public".to_owned(),
        name: name.to_owned(),
        transfer,
        text_reason: (transfer == Transfer::Text).then(|| "a column of type regclass".to_owned()),
        root: None,
        condition: None,
        columns: columns.into_iter().enumerate().map(column).collect(),
    };
    Content { table, blocks: vec![] }
}

/// So many columns of no kind and no shape.
pub fn opaque(columns: usize) -> Vec<(ValueKind, Shape)> {
    vec![(ValueKind::Opaque, Shape::Plain); columns]
}

/// A table of one block, column by column as the recipes say.
pub fn by_hand(name: &str, columns: &[(ValueKind, Vec<Field>, Recipe)]) -> Content {
    let kinds = columns.iter().map(|(kind, ..)| (*kind, Shape::Plain)).collect();
    let fields = columns.iter().map(|(_, fields, _)| fields.clone()).collect::<Vec<_>>();
    let payload = columns.iter().flat_map(|(_, fields, recipe)| bytes::column(fields, *recipe)).collect();
    let mut content = content(name, Transfer::Binary, kinds);
    content.blocks.push((0, binary_rows(&fields), Some(payload)));
    content
}

/// A table of one column of one block, encoded by pgsnap.
pub fn values(name: &str, kind: ValueKind, values: &[Vec<u8>]) -> Content {
    let fields = values.iter().cloned().map(Some).collect();
    let mut content = content(name, Transfer::Binary, vec![(kind, Shape::Plain)]);
    content.blocks.push((0, binary_rows(&[fields]), None));
    content
}

/// An entry that makes nothing.
pub fn entry(id: u32, kind: &str, name: &str) -> Entry {
    Entry {
        id,
        kind: kind.to_owned(),
        schema: Some("public".to_owned()),
        name: name.to_owned(),
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
        table: None,
    }
}

/// The catalog of `contents`: one entry for each table, after `entries`.
pub fn catalog(entries: Vec<Entry>, contents: &[Content]) -> Catalog {
    let source = Source { database: "vectors".to_owned(), encoding: "UTF8".to_owned(), ..Source::default() };
    let mut catalog = Catalog { source, entries, tables: vec![] };
    for (number, content) in (0..).zip(contents) {
        let id = u32::try_from(catalog.entries.len()).unwrap() + 1;
        let mut data = entry(id, "TABLE DATA", &content.table.name);
        data.table = Some(number);
        catalog.entries.push(data);
        catalog.tables.push(Table { entry: id, ..content.table.clone() });
    }
    catalog
}

/// The blocks of `contents`: the first of each table, then the second of each, ...
pub fn in_turns(contents: &[Content]) -> Vec<Rows> {
    let turns = contents.iter().map(|content| content.blocks.len()).max().unwrap_or(0);
    let block = |turn: usize, table: u32| {
        let (chunk, rows, payload) = contents[table as usize].blocks.get(turn)?.clone();
        Some(Rows { table, chunk, rows, payload })
    };
    let tables = u32::try_from(contents.len()).unwrap();
    (0..turns).flat_map(|turn| (0..tables).filter_map(move |table| block(turn, table))).collect()
}

/// The rows of each table.
pub fn rows_of(contents: &[Content]) -> Vec<Vec<u8>> {
    let rows = |content: &Content| content.blocks.iter().flat_map(|(_, rows, _)| rows).copied().collect();
    contents.iter().map(rows).collect()
}

/// The usual header.
pub fn header() -> Header {
    Header::new(ID, SNAPSHOT_TIME)
}

/// The parts of an archive of `contents`.
pub fn parts_of(contents: &[Content]) -> Parts {
    parts(&header(), &catalog(vec![], contents), &in_turns(contents), 1)
}

/// Everything stored.
pub const PLAIN: Recipe = Recipe { bitmap: Stored, lengths: [Stored; 4], values: Values::Plain(Stored) };

/// Fields without NULL.
pub fn fields(values: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Vec<Field> {
    values.into_iter().map(|value| Some(value.into())).collect()
}

/// Big-endian integers of `width` bytes.
pub fn integers(width: usize, values: impl IntoIterator<Item = i64>) -> Vec<Field> {
    fields(values.into_iter().map(|value| value.to_be_bytes()[8 - width..].to_vec()))
}

/// A vector of pgsnap's own catalog and index.
pub fn vector(name: &str, what: &str, contents: &[Content]) -> Vector {
    made(name, what, &header(), catalog(vec![], contents), contents, |_| ())
}

/// A vector whose parts are changed after they were made.
pub fn made(
    name: &str,
    what: &str,
    header: &Header,
    catalog: Catalog,
    contents: &[Content],
    change: impl Fn(&mut Parts),
) -> Vector {
    let mut parts = parts(header, &catalog, &in_turns(contents), 1);
    change(&mut parts);
    let holds = Holds { header: header.clone(), catalog, rows: rows_of(contents) };
    Vector { name: name.to_owned(), what: what.to_owned(), bytes: parts.bytes(), holds: Some(holds) }
}

/// Bytes without a pattern, always the same ones.
pub fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

/// What reading an archive comes to.
pub struct Outcome {
    /// The exit code of `pgsnap inspect`.
    pub exit: u8,
    /// Tables, rows and XXH3-128 of the bytes of all rows, table by table; or the message.
    pub says: String,
    /// What was read, from a sound archive.
    pub holds: Option<Holds>,
}

/// Opens and checks an archive, and reads all of it.
pub fn read(bytes: &[u8]) -> Outcome {
    let refused = |exit, says| Outcome { exit, says, holds: None };
    let archive = match Archive::from_bytes(bytes.to_vec()) {
        Ok(archive) => archive,
        Err(error @ (Error::Version { .. } | Error::Features { .. })) => {
            return refused(9, error.to_string());
        }
        Err(error) => return refused(3, error.to_string()),
    };
    if let Err(damages) = check(&archive, Depth::Full, 1, &mut |_, _| ()) {
        return refused(3, damages[0].to_string());
    }
    let mut decoder = BlockDecoder::new(archive.header().id).unwrap();
    let mut rows = vec![];
    for (table, index) in archive.catalog().tables.iter().zip(&archive.index().tables) {
        let mut rows_of_table = vec![];
        for block in &index.blocks {
            let mut out = vec![];
            decoder.decode(table, archive.block(block).unwrap(), &mut out).unwrap();
            rows_of_table.extend(out);
        }
        rows.push(rows_of_table);
    }
    let (index, digest) = (archive.index(), xxh3_128(&rows.concat()));
    let says = format!("tables {}, rows {}, {digest:032x}", index.tables.len(), index.rows);
    let holds = Holds { header: archive.header().clone(), catalog: archive.catalog().clone(), rows };
    Outcome { exit: 0, says, holds: Some(holds) }
}

/// The line of a vector in the list: name, XXH3-128 of the file, exit code, what reading says, what it exercises.
pub fn line(name: &str, what: &str, bytes: &[u8]) -> String {
    let Outcome { exit, says, .. } = read(bytes);
    format!("{name}\t{:032x}\t{exit}\t{says}\t{what}", xxh3_128(bytes))
}
