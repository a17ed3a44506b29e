//! Contents that have everything of something, and the vector that has everything.

use std::ops::Range;

use pgsnap::archive::{
    Catalog, Entry, Extension, Header, Lock, Pass, Section, Shape, Source, Transfer, ValueKind,
};

use super::bytes::{
    Field, INDEX_MARKER, Recipe, Repeat, Stored, Values, Zstd, frame, row, stored_frame, stream, wire,
};
use super::{
    Content, PLAIN, Vector, by_hand, catalog, content, entry, fields, header, integers, made, opaque,
};

/// A table with a column for each way to store one, and few rows: the whole of columns.md and stream.md.
fn every_way(name: &str) -> Content {
    const ROWS: i64 = 9;
    let some = |from: Range<i64>| {
        let field = |n| (!from.contains(&n)).then(|| vec![b'a'; 3]);
        (0..ROWS).map(field).collect::<Vec<_>>()
    };
    let long = |n: i64| Some("ab".repeat(usize::try_from(n).unwrap()).into_bytes());
    let sparse = (0..ROWS).map(|n| (n % 2 == 0).then(|| long(n).unwrap())).collect::<Vec<_>>();
    let opaque = |fields: Vec<Field>, recipe| (ValueKind::Opaque, fields, recipe);
    let integer = |fields: Vec<Field>, values| (ValueKind::Integer, fields, Recipe { values, ..PLAIN });
    let same = |value: &[u8]| vec![Some(value.to_vec()); 9];
    let constant = |method| Recipe { values: Values::Constant(method), ..PLAIN };
    by_hand(
        name,
        &[
            opaque(vec![None; 9], PLAIN),
            opaque(fields((0..9u8).map(|n| [n])), Recipe::plain(Stored)),
            opaque(same(b"z"), Recipe::plain(Repeat)),
            opaque(
                (0..ROWS).map(long).collect(),
                Recipe { lengths: [Repeat, Repeat, Zstd, Stored], ..Recipe::plain(Zstd) },
            ),
            opaque(sparse, Recipe { bitmap: Zstd, lengths: [Repeat, Stored, Repeat, Zstd], ..PLAIN }),
            opaque(some(0..1), Recipe { bitmap: Stored, ..constant(Stored) }),
            opaque(some(1..9), Recipe { bitmap: Zstd, ..constant(Repeat) }),
            opaque(same(b"abababababab"), constant(Zstd)),
            opaque(same(b""), PLAIN),
            opaque(same(b""), constant(Stored)),
            opaque(
                fields(["", "ab", "ab", "", "c", "ab", "", "c", "c"]),
                Recipe {
                    lengths: [Repeat, Repeat, Zstd, Stored],
                    values: Values::Dictionary(Zstd, &[Stored]),
                    ..PLAIN
                },
            ),
            integer(integers(2, 0..ROWS), Values::Split(&[Repeat, Stored])),
            integer(integers(4, 0..ROWS), Values::Split(&[Repeat, Zstd, Repeat, Stored])),
            integer(
                integers(8, (0..ROWS).map(|n| n << 40 | n)),
                Values::Split(&[Repeat, Repeat, Stored, Zstd, Repeat, Repeat, Zstd, Stored]),
            ),
            integer(integers(2, (0..ROWS).map(|n| 5 - n)), Values::DeltaSplit(&[Repeat, Stored])),
            integer(
                integers(4, (0..ROWS).map(|n| 70_000 * n)),
                Values::DeltaSplit(&[Zstd, Stored, Stored, Stored]),
            ),
            integer(integers(8, (0..ROWS).map(|n| i64::MIN + n)), Values::DeltaSplit(&[Stored; 8])),
            opaque(
                fields((0..9usize).map(|n| vec![7; 4 * (n % 3)])),
                Recipe { values: Values::Split(&[Repeat, Zstd]), ..PLAIN },
            ),
        ],
    )
}

/// Each kind of value, with the ends of its range, and two rows in a second block.
pub fn every_kind(name: &str) -> Content {
    let low = |width: usize| [vec![0x80], vec![0; width - 1]].concat();
    let high = |width: usize| [vec![0x7f], vec![0xff; width - 1]].concat();
    let rows: [(ValueKind, [Vec<u8>; 4]); 13] = [
        (ValueKind::Opaque, [vec![9], vec![1], vec![5], vec![]]),
        (ValueKind::Bool, [vec![1], vec![0], vec![1], vec![0]]),
        (ValueKind::Integer, [low(2), high(2), vec![0; 2], vec![0xff; 2]]),
        (ValueKind::Integer, [vec![0xff; 4], vec![0; 4], low(4), high(4)]),
        (ValueKind::Integer, [high(8), low(8), vec![0; 8], vec![0xff; 8]]),
        (ValueKind::Float, [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY].map(|n| n.to_be_bytes().to_vec())),
        (ValueKind::Float, [-0.0, 0.0, -f64::NAN, f64::NAN].map(|n| n.to_be_bytes().to_vec())),
        (ValueKind::Date, [high(4), vec![0; 4], vec![0xff; 4], low(4)]),
        (ValueKind::Timestamp, [vec![0; 8], low(8), high(8), vec![0xff; 8]]),
        (ValueKind::Timestamptz, [vec![0xff; 8], vec![0; 8], high(8), low(8)]),
        (ValueKind::Uuid, [vec![0x80; 16], vec![0x7f; 16], vec![0xff; 16], vec![0; 16]]),
        // Two widths, and a width that the kind does not have.
        (ValueKind::Integer, [low(2), high(4), vec![0; 2], vec![0; 2]]),
        (ValueKind::Date, [vec![1; 4], vec![2; 4], vec![3; 3], vec![4; 3]]),
    ];
    let mut content =
        content(name, Transfer::Binary, rows.iter().map(|(kind, _)| (*kind, Shape::Plain)).collect());
    for block in [0..2, 2..4] {
        let row = |n: usize| row(&rows.each_ref().map(|(_, values)| Some(&values[n][..])));
        content.blocks.push((0, block.flat_map(row).collect(), None));
    }
    content
}

/// Values that embed OIDs, well formed, and the same ones cut short.
pub fn every_shape(name: &str) -> Content {
    let int = |n: i32| n.to_be_bytes().to_vec();
    let sized = |value: &[u8]| [int(i32::try_from(value.len()).unwrap()), value.to_vec()].concat();
    let oid = || 16_400u32.to_be_bytes().to_vec();
    let list = |elements: &[Vec<u8>]| {
        let count = int(i32::try_from(elements.len()).unwrap());
        [[int(1), int(0), oid(), count, int(1)].concat(), elements.concat()].concat()
    };
    let range = |flags: u8, bounds: &[Vec<u8>]| [vec![flags], bounds.concat()].concat();
    let plain = Shape::Plain;
    let array = |shape: &Shape| Shape::Array(Box::new(shape.clone()));
    let range_of = |shape: &Shape| Shape::Range(Box::new(shape.clone()));
    let composite_shape = Shape::Composite(vec![plain.clone(), range_of(&plain)]);
    let composite = [int(2), oid(), sized(b"x"), oid(), sized(&range(0x12, &[sized(b"l")]))].concat();
    let matrix = [
        [int(2), int(1), oid(), int(2), int(1), int(2), int(-3)].concat(),
        [sized(&composite), int(-1), sized(&composite), sized(&composite)].concat(),
    ];
    let bounded = range(0x02, &[sized(b"low"), sized(b"high")]);
    // Ranges over arrays: with both bounds, each flag that leaves one out, and empty.
    let bound = sized(&list(&[sized(b"1"), int(-1)]));
    let one_bound = [bound.clone()];
    // Sizes whose product is beyond 64 bits, were it not for the last one.
    let sizes = [i32::MAX, i32::MAX, i32::MAX, 0].map(|size| [int(size), int(1)].concat()).concat();
    let no_elements = [int(4), int(0), oid(), sizes].concat();
    let ranges = [
        range(0x06, &[bound.clone(), bound.clone()]),
        range(0x08, &one_bound),
        range(0x20, &one_bound),
        range(0x10, &one_bound),
        range(0x40, &one_bound),
        range(0x18, &[]),
        range(0x01, &[]),
    ];
    let multirange =
        [vec![int(i32::try_from(ranges.len()).unwrap())], ranges.iter().map(|range| sized(range)).collect()]
            .concat()
            .concat();
    let columns = [
        (array(&composite_shape), matrix.concat()),
        (composite_shape, composite),
        (range_of(&plain), bounded),
        (range_of(&array(&plain)), ranges[0].clone()),
        (Shape::Multirange(Box::new(array(&plain))), multirange),
        (Shape::Composite(vec![]), int(0)),
        (array(&array(&plain)), list(&[])),
    ];
    let shapes = columns.each_ref().map(|(shape, _)| (ValueKind::Opaque, shape.clone()));
    let cut = columns.each_ref().map(|(_, value)| Some(&value[..value.len() - 1]));
    let longer = columns.each_ref().map(|(_, value)| [&value[..], &[0]].concat());
    let mut rows = vec![
        row(&columns.each_ref().map(|(_, value)| Some(&value[..]))),
        row(&cut),
        row(&longer.each_ref().map(|value| Some(&value[..]))),
        row(&[None; 7]),
        row(&[Some(&b""[..]); 7]),
        row(&[Some(&int(-1)[..]); 7]),
        row(&[None, None, None, None, None, None, Some(&no_elements)]),
    ];
    rows.extend(ranges.iter().map(|range| row(&[None, None, None, Some(range), None, None, None])));
    let mut content = content(name, Transfer::Binary, shapes.to_vec());
    content.blocks.push((0, rows.concat(), None));
    content
}

/// Rows of text with all that is special in them.
pub fn text(name: &str) -> Content {
    let mut content = content(name, Transfer::Text, opaque(3));
    let rows = b"a\t\\N\tc\n\t\\\\N\t\\N\nb\\ty\\n\tx\t\xc3\xa4\n\t\t\n\\N\t\\N\t\\N\n".to_vec();
    content.blocks = vec![(0, rows, None), (1, b"\\.\tx\t\\N \n".to_vec(), None)];
    content
}

/// Entries with each section, pass and lock, with everything and with nothing, of a kind that nobody knows.
pub fn entries() -> Vec<Entry> {
    let full = Entry {
        owner: Some("ann".to_owned()),
        section: Section::PreData,
        create: vec![
            "CREATE TABLE public.t ()".to_owned(),
            "COMMENT ON TABLE public.t IS '\u{e4}'".to_owned(),
        ],
        drop: vec!["DROP TABLE public.t".to_owned()],
        owned: Some("TABLE public.t".to_owned()),
        tablespace: Some("fast".to_owned()),
        access_method: Some("heap".to_owned()),
        ..entry(2, "TABLE", "t")
    };
    vec![
        Entry { schema: None, section: Section::PreData, ..entry(1, "SCHEMA", "public") },
        Entry { dependencies: vec![1], ..full },
        Entry { dependencies: vec![2, 1], pass: Pass::Acl, lock: Lock::Share, ..entry(3, "ACL", "t") },
        Entry {
            section: Section::PostData,
            pass: Pass::PostAcl,
            lock: Lock::Exclusive,
            schema: None,
            ..entry(4, "EVENT TRIGGER", "")
        },
        entry(5, "A KIND OF LATER YEARS", "\"odd\" name\n"),
    ]
}

/// A source about which everything is known.
pub fn full_source() -> Source {
    let text = |text: &str| text.to_owned();
    Source {
        pgsnap_version: text("0.1.0"),
        server_version_num: 170_004,
        server_version: text("17.4"),
        database: text("vectors"),
        encoding: text("UTF8"),
        collate: text("C.UTF-8"),
        ctype: text("de_DE.UTF-8"),
        snapshot_time: -1,
        extensions: vec![Extension { name: text("vector"), schema: text("public"), version: text("0.8.0") }],
        roles: vec![text("ann"), text("bob")],
        policy_roles: vec![text("bob")],
        settings: vec![(text("lc_monetary"), text("C")), (text("x"), text(""))],
        uncovered: vec![text("a large object")],
    }
}

/// A frame of a later version.
pub fn later_frame() -> Vec<u8> {
    stored_frame(b"\xffPGLATER", b"what a later version puts here")
}

/// Every structure of the format in one small archive.
pub fn everything() -> Vector {
    let mut no_columns = content("no columns", Transfer::Binary, vec![]);
    no_columns.blocks.push((0, row(&[]).repeat(2), None));
    let mut chunks = content("chunks", Transfer::Binary, opaque(1));
    chunks.blocks =
        [(7, b"a"), (0, b"b"), (7, b"c")].map(|(chunk, v)| (chunk, row(&[Some(v)]), None)).to_vec();
    chunks.table.root = Some(("public".to_owned(), "root".to_owned()));
    let mut empty = content("empty", Transfer::Binary, opaque(1));
    empty.table.condition = Some("WHERE true".to_owned());
    let numbers = integers(2, (0..514).map(|n| n % 257));
    let two_byte_codes = Recipe { values: Values::Dictionary(Zstd, &[Zstd, Zstd]), ..PLAIN };
    let two_byte_codes = (ValueKind::Integer, numbers, two_byte_codes);
    let contents = [
        every_way("every way"),
        by_hand("long dictionary", &[two_byte_codes]),
        every_kind("every kind"),
        every_shape("every shape"),
        text("text"),
        empty,
        no_columns,
        chunks,
    ];
    let header = Header { minor: 3, optional_features: 1 << 63 | 1, ..header() };
    let catalog = Catalog { source: full_source(), ..catalog(entries(), &contents) };
    made("everything", "every structure of the format", &header, catalog, &contents, |parts| {
        let raw = wire(&parts.index);
        parts.index_frame = Some(frame(INDEX_MARKER, raw.len() as u64, &stream(Zstd, &raw)));
        parts.add_frames(&[later_frame()]);
    })
}
