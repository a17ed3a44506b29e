//! Vectors that a reader reads.

use std::ops::Range;

use pgsnap::archive::{
    Catalog, Entry, Extension, Header, Lock, Pass, Section, Shape, Source, Transfer, ValueKind,
};

use super::bytes::{
    CATALOG_MARKER, Field, INDEX_MARKER, Method, Parts, Recipe, Repeat, Stored, Values, Zstd, frame, parts,
    row, stored_frame, stream, wire, zstd_stream,
};
use super::{
    Content, Holds, Vector, by_hand, catalog, content, entry, header, in_turns, noise, opaque, rows_of,
    values,
};

const PLAIN: Recipe = Recipe { bitmap: Stored, lengths: [Stored; 4], values: Values::Plain(Stored) };

pub fn vectors() -> Vec<Vector> {
    let mut vectors = vec![everything()];
    vectors.extend(encodings());
    vectors.extend(payloads());
    vectors.extend(tables());
    vectors.extend(columns());
    vectors.extend(catalogs());
    vectors
}

/// A vector of pgsnap's own catalog and index.
fn vector(name: &str, what: &str, contents: &[Content]) -> Vector {
    made(name, what, &header(), catalog(vec![], contents), contents, |_| ())
}

/// A vector whose parts are changed after they were made.
fn made(
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

fn fields(values: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Vec<Field> {
    values.into_iter().map(|value| Some(value.into())).collect()
}

fn integers(width: usize, values: impl IntoIterator<Item = i64>) -> Vec<Field> {
    fields(values.into_iter().map(|value| value.to_be_bytes()[8 - width..].to_vec()))
}

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
fn every_kind(name: &str) -> Content {
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
fn every_shape(name: &str) -> Content {
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
    ];
    rows.extend(ranges.iter().map(|range| row(&[None, None, None, Some(range), None, None, None])));
    let mut content = content(name, Transfer::Binary, shapes.to_vec());
    content.blocks.push((0, rows.concat(), None));
    content
}

fn text(name: &str) -> Content {
    let mut content = content(name, Transfer::Text, opaque(3));
    let rows = b"a\t\\N\tc\n\t\\\\N\t\\N\nb\\ty\\n\tx\t\xc3\xa4\n\t\t\n\\N\t\\N\t\\N\n".to_vec();
    content.blocks = vec![(0, rows, None), (1, b"\\.\tx\t\\N \n".to_vec(), None)];
    content
}

/// Entries with each section, pass and lock, with everything and with nothing, of a kind that nobody knows.
fn entries() -> Vec<Entry> {
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

fn full_source() -> Source {
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
fn later_frame() -> Vec<u8> {
    stored_frame(b"\xffPGLATER", b"what a later version puts here")
}

/// Every structure of the format in one small archive.
fn everything() -> Vector {
    let mut no_columns = content("no columns", Transfer::Binary, vec![]);
    no_columns.blocks.push((0, row(&[]).repeat(2), None));
    let mut chunks = content("chunks", Transfer::Binary, opaque(1));
    chunks.blocks =
        [(7, b"a"), (0, b"b"), (7, b"c")].map(|(chunk, v)| (chunk, row(&[Some(v)]), None)).to_vec();
    let numbers = integers(2, (0..514).map(|n| n % 257));
    let two_byte_codes = Recipe { values: Values::Dictionary(Zstd, &[Zstd, Zstd]), ..PLAIN };
    let two_byte_codes = (ValueKind::Integer, numbers, two_byte_codes);
    let contents = [
        every_way("every way"),
        by_hand("long dictionary", &[two_byte_codes]),
        every_kind("every kind"),
        every_shape("every shape"),
        text("text"),
        content("empty", Transfer::Binary, opaque(1)),
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

/// Each encoding of values, each width, as the recipes say, and what pgsnap chooses for the types that they are for.
fn encodings() -> Vec<Vector> {
    let opaque = |fields: Vec<Field>, values| (ValueKind::Opaque, fields, Recipe { values, ..PLAIN });
    let integer = |fields: Vec<Field>, values| (ValueKind::Integer, fields, Recipe { values, ..PLAIN });
    let same = |value: &[u8]| vec![Some(value.to_vec()); 40];
    let by_hand = |name: &str, what: &str, columns: &[_]| vector(name, what, &[by_hand("t", columns)]);
    let mut vectors = vec![
        by_hand(
            "encoding-constant",
            "constant: stored, zstd, repeat, of no bytes",
            &[
                opaque(same(b"same"), Values::Constant(Stored)),
                opaque(same(&b"same".repeat(30)), Values::Constant(Zstd)),
                opaque(same(b"ssss"), Values::Constant(Repeat)),
                opaque(same(b""), Values::Constant(Stored)),
            ],
        ),
        by_hand(
            "encoding-plain",
            "plain: stored, zstd, repeat, of no bytes",
            &[
                opaque(fields((0..40u8).map(|n| [n, 255 - n, 7])), Values::Plain(Stored)),
                opaque(fields((0..40u8).map(|n| [n % 3; 50])), Values::Plain(Zstd)),
                opaque(same(b"ssss"), Values::Plain(Repeat)),
                opaque(same(b""), Values::Plain(Stored)),
            ],
        ),
    ];
    let words = |count: usize, rows: usize| fields((0..rows).map(|n| format!("word {}", n * n % count)));
    let pairs =
        |count: usize| fields((0..4 * count).map(|n| u16::try_from(n % count).unwrap().to_be_bytes()));
    let dictionary = |fields, lengths, method, codes| {
        (ValueKind::Opaque, fields, Recipe { lengths, values: Values::Dictionary(method, codes), ..PLAIN })
    };
    let one_of = |fields: &[Field]| fields.iter().cycle().take(1200).cloned().collect::<Vec<_>>();
    let with_null = one_of(&[Some(vec![1; 4]), None, Some(vec![2; 4])]);
    vectors.push(by_hand(
        "encoding-dictionary",
        "dictionaries of 1, 2, 256, 257 and 300 values, of one length and of several, with NULL, with codes of one and two bytes; each stored, zstd, repeat",
        &[
            dictionary(one_of(&fields([b"ab"])), [Stored; 4], Stored, &[Repeat]),
            dictionary(with_null, [Stored; 4], Zstd, &[Stored]),
            dictionary(one_of(&pairs(256)), [Stored; 4], Zstd, &[Zstd]),
            dictionary(one_of(&pairs(257)), [Stored; 4], Stored, &[Zstd, Stored]),
            dictionary(words(997, 1200), [Repeat, Repeat, Repeat, Stored], Zstd, &[Stored, Zstd]),
            dictionary(one_of(&fields(["", "a"])), [Repeat, Zstd, Stored, Zstd], Repeat, &[Zstd]),
            dictionary(one_of(&fields([""])), [Stored; 4], Stored, &[Repeat]),
        ],
    ));
    for width in [2, 4, 8] {
        // Up and down, across zero, and from one end of the range to the other.
        let ends = [i64::MIN, i64::MAX, 0, -1].map(|n| n >> (64 - 8 * width));
        let numbers = (0..40).chain((-40..0).rev()).map(|n| n * 7).chain(ends);
        let column = integers(width, numbers);
        let each = |values: fn(&'static [Method]) -> Values<'static>| {
            let stored: &[Method] = &[Stored; 8];
            let zstd: &[Method] = &[Zstd; 8];
            [
                integer(column.clone(), values(&stored[..width])),
                integer(column.clone(), values(&zstd[..width])),
                integer(integers(width, [0; 84]), values(&[Repeat; 8][..width])),
                opaque(vec![Some(vec![]); 84], values(&stored[..width])),
                opaque(fields((0..84).map(|n| noise(n % 4 * width))), values(&stored[..width])),
            ]
        };
        vectors.push(by_hand(
            &format!("encoding-split-{width}"),
            &format!("split by {width}: stored, zstd, repeat, of no bytes, of several lengths"),
            &each(Values::Split),
        ));
        vectors.push(by_hand(
            &format!("encoding-delta-split-{width}"),
            &format!("delta split by {width}: stored, zstd, repeat, of no bytes, of several lengths"),
            &each(Values::DeltaSplit),
        ));
    }
    let noise = noise(4000);
    let float8 = noise.chunks_exact(8).map(|n| [&[0x3f, 0xf0 | n[0] & 0x0f], &n[1..7]].concat());
    let float4 = noise.chunks_exact(4).map(|n| [&[0x3f, 0x80 | n[0] & 0x7f], &n[1..3]].concat());
    let vector_of = |float: fn(&[u8]) -> Vec<u8>, width: usize| {
        let dimensions = u16::try_from(48 / width).unwrap();
        let value = move |n: &[u8]| {
            [&dimensions.to_be_bytes()[..], &[0, 0], &n.chunks(width).flat_map(float).collect::<Vec<_>>()]
                .concat()
        };
        noise.chunks_exact(48).map(value).collect::<Vec<_>>()
    };
    let single = |n: &[u8]| vec![0x3d, n[0], n[1], n[2]];
    let half = |n: &[u8]| vec![0x2c | n[0] & 3, n[1]];
    let sparse = (1..60u32).map(|n| {
        let values = noise.chunks(4).take(n as usize % 7 + 1);
        let places = (0..values.len() as u32).map(|place| (place * n).to_be_bytes()).collect::<Vec<_>>();
        let header = [1000, places.len() as u32, 0].map(u32::to_be_bytes).concat();
        [header, places.concat(), values.flat_map(single).collect()].concat()
    });
    for (name, what, kind, column) in [
        ("float8", "float8 as pgsnap stores it", ValueKind::Float, float8.collect::<Vec<_>>()),
        ("float4", "float4 as pgsnap stores it", ValueKind::Float, float4.collect()),
        ("vector", "vector as pgsnap stores it", ValueKind::Opaque, vector_of(single, 4)),
        ("halfvec", "halfvec as pgsnap stores it", ValueKind::Opaque, vector_of(half, 2)),
        (
            "sparsevec",
            "sparsevec of several lengths as pgsnap stores it",
            ValueKind::Opaque,
            sparse.collect(),
        ),
    ] {
        vectors.push(vector(&format!("type-{name}"), what, &[values(name, kind, &column)]));
    }
    let counters = (0..4000i64).map(|n| (n * n).to_be_bytes().to_vec()).collect::<Vec<_>>();
    vectors.push(vector(
        "type-bigint",
        "bigint as pgsnap stores it",
        &[values("t", ValueKind::Integer, &counters)],
    ));
    vectors
}

/// NULLs, lengths, and streams wherever they stand.
fn payloads() -> Vec<Vector> {
    let patterns: [fn(usize, usize) -> bool; 6] = [
        |_, _| false,
        |_, _| true,
        |row, _| row == 0,
        |row, rows| row + 1 == rows,
        |row, _| row % 2 == 0,
        |row, _| row / 8 == 1,
    ];
    let mut nulls = content("t", Transfer::Binary, vec![(ValueKind::Integer, Shape::Plain); patterns.len()]);
    for rows in [1, 2, 7, 8, 9, 15, 16, 17, 24, 41] {
        let field = |null: bool, row: usize| (!null).then(|| (row as i32).to_be_bytes());
        let row = |n: usize| {
            let fields = patterns.map(|null| field(null(n, rows), n));
            row(&fields.each_ref().map(|field| field.as_ref().map(|field| &field[..])))
        };
        nulls.blocks.push((0, (0..rows).flat_map(row).collect(), None));
    }
    let texts = |lengths: &[usize]| fields(lengths.iter().map(|length| vec![b'x'; *length]));
    let lengths =
        |fields: Vec<Field>, lengths| (ValueKind::Opaque, fields, Recipe { lengths, ..Recipe::plain(Zstd) });
    let long = (0..40).map(|n| 70_000 * (n % 2) + 300 * (n % 3) + n).collect::<Vec<_>>();
    let bitmap = |null: fn(usize) -> bool, bitmap| {
        let fields = (0..90).map(|n| (!null(n)).then(|| b"same".to_vec())).collect::<Vec<_>>();
        (ValueKind::Opaque, fields, Recipe { bitmap, values: Values::Constant(Stored), ..PLAIN })
    };
    let raw = b"to be or not to be, ".repeat(20);
    let mut streaming = zstd::stream::Encoder::new(vec![], 3).unwrap();
    std::io::Write::write_all(&mut streaming, &raw).unwrap();
    let unknown_length = streaming.finish().unwrap();
    let mut checked = zstd::bulk::Compressor::new(19).unwrap();
    checked.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true)).unwrap();
    let zstd_frames = [unknown_length, checked.compress(&raw).unwrap()].map(|zstd| {
        let mut content = content("t", Transfer::Binary, opaque(1));
        let width = u32::try_from(raw.len()).unwrap().to_le_bytes();
        let payload = [&[1, 0], &width[..], &[0], &zstd_stream(&zstd)].concat();
        content.blocks.push((0, row(&[Some(&raw)]), Some(payload)));
        content
    });
    let [unknown_length, checked] = zstd_frames;
    vec![
        vector(
            "nulls",
            "no NULL, only NULL, first, last, every other, a byte of the bitmap; 1 to 41 rows",
            &[nulls],
        ),
        vector(
            "nulls-bitmap-streams",
            "bitmaps stored, zstd, repeat; with no bit unset by a row and with unused bits",
            &[
                by_hand(
                    "t",
                    &[
                        bitmap(|n| n % 7 == 0, Stored),
                        bitmap(|n| n % 40 == 1, Zstd),
                        bitmap(|n| n >= 80, Zstd),
                    ],
                ),
                by_hand(
                    "u",
                    &[(
                        ValueKind::Opaque,
                        (0..16).map(|n| (n % 2 == 0).then(|| vec![n])).collect(),
                        Recipe { bitmap: Repeat, ..PLAIN },
                    )],
                ),
            ],
        ),
        vector(
            "lengths-uniform",
            "fields of one length: 0, 1, 255, 256, 65536 bytes",
            &[0, 1, 255, 256, 65536]
                .map(|n| by_hand(&format!("t{n}"), &[lengths(texts(&[n; 3]), [Stored; 4])])),
        ),
        vector(
            "lengths-varying",
            "lengths in planes that are stored, zstd, repeat; lengths of one to three bytes",
            &[
                by_hand("stored", &[lengths(texts(&long), [Stored; 4])]),
                by_hand("zstd", &[lengths(texts(&long), [Zstd; 4])]),
                by_hand("repeat", &[lengths(texts(&[0, 1]), [Repeat, Repeat, Repeat, Stored])]),
            ],
        ),
        vector(
            "stream-zstd-without-length",
            "a zstd frame that does not announce its length",
            &[unknown_length],
        ),
        vector("stream-zstd-checksum", "a zstd frame with a checksum of its own", &[checked]),
    ]
}

/// Tables of odd size, and both forms of rows.
fn tables() -> Vec<Vector> {
    let empty = |transfer| content("empty", transfer, opaque(2));
    let none = |transfer, rows: &[u8]| {
        let mut content = content("no columns", transfer, vec![]);
        content.blocks = vec![(0, rows.repeat(1000), None), (1, rows.to_vec(), None)];
        content
    };
    let wide = |columns: usize| {
        let mut content =
            content("wide", Transfer::Binary, vec![(ValueKind::Integer, Shape::Plain); columns]);
        let field = |n: usize| (!n.is_multiple_of(5)).then(|| (n as i32 % 7).to_be_bytes());
        let fields = (0..columns).map(field).collect::<Vec<_>>();
        let fields = fields.iter().map(|field| field.as_ref().map(|field| &field[..])).collect::<Vec<_>>();
        content.blocks.push((0, row(&fields).repeat(2), None));
        content
    };
    let zstd_index = |parts: &mut Parts| {
        let raw = wire(&parts.index);
        parts.index_frame = Some(frame(INDEX_MARKER, raw.len() as u64, &stream(Zstd, &raw)));
    };
    let wide = |name: &str, what: &str, columns| {
        let contents = [wide(columns)];
        made(name, what, &header(), catalog(vec![], &contents), &contents, zstd_index)
    };
    let mut huge = content("t", Transfer::Binary, opaque(1));
    huge.blocks.push((0, row(&[Some(&vec![b'x'; 8 << 20])]), None));
    let mut one_column = content("one", Transfer::Text, opaque(1));
    one_column.blocks.push((0, b"\n\\N\n\nx\n\\\\.\n".to_vec(), None));
    let mut many = content("many", Transfer::Text, opaque(3));
    many.blocks.push((0, text("t").blocks[0].1.repeat(200), None));
    let level_0 = [two_columns()];
    // Three tables, three chunks each, blocks of all in turns; chunks by numbers of every width.
    let interleaved = ["a", "b", "c"].map(|name| {
        let mut content = content(name, Transfer::Binary, vec![(ValueKind::Integer, Shape::Plain)]);
        let chunks = [u32::MAX, 0, 65_536].into_iter().cycle().zip(0..21);
        let block =
            |(chunk, n): (u32, i32)| (chunk, row(&[Some(&n.to_be_bytes())]).repeat(n as usize % 5 + 1), None);
        content.blocks = chunks.map(block).collect();
        content
    });
    vec![
        vector(
            "table-empty",
            "tables without rows, binary and text",
            &[empty(Transfer::Binary), empty(Transfer::Text)],
        ),
        vector("table-no-columns", "rows without columns", &[none(Transfer::Binary, &row(&[]))]),
        wide("table-1600-columns", "1600 columns; an index that is compressed", 1600),
        wide("table-1664-columns", "as many columns as a table may have", 1664),
        vector("row-8-mib", "one row of 8 MiB", &[huge]),
        vector(
            "blocks-interleaved",
            "63 blocks of three tables, each of three chunks, in turns",
            &interleaved,
        ),
        vector(
            "text",
            "rows of text: NULL, escapes, empty fields, a field that ends in a space",
            &[text("text"), many],
        ),
        vector(
            "text-one-column",
            "rows of text of one column: empty lines, NULL, an escaped end marker",
            &[one_column],
        ),
        vector("text-no-columns", "rows of text without columns", &[none(Transfer::Text, b"\n")]),
        made(
            "level-0",
            "what pgsnap writes at level 0: nothing is compressed",
            &header(),
            catalog(vec![], &level_0),
            &level_0,
            |parts| {
                *parts = super::bytes::parts(&header(), &catalog(vec![], &level_0), &in_turns(&level_0), 0);
            },
        ),
    ]
}

/// An integer and a text, with NULL.
fn two_columns() -> Content {
    let mut content = content(
        "t",
        Transfer::Binary,
        vec![(ValueKind::Integer, Shape::Plain), (ValueKind::Opaque, Shape::Plain)],
    );
    let text = |n: i32| "to be or not to be, ".repeat(n as usize % 5);
    let rows =
        (0..100i32).flat_map(|n| row(&[Some(&n.to_be_bytes()), (n % 3 > 0).then_some(text(n).as_bytes())]));
    content.blocks.push((0, rows.collect(), None));
    content
}

/// What the index says of columns, and the digest.
fn columns() -> Vec<Vector> {
    let facts = |name: &str, blocks: &[&[Option<&[u8]>]]| {
        let mut content = content(name, Transfer::Binary, vec![(ValueKind::Integer, Shape::Plain)]);
        let rows = |fields: &[Option<&[u8]>]| fields.iter().flat_map(|field| row(&[*field])).collect();
        content.blocks = blocks.iter().map(|fields| (0, rows(fields), None)).collect();
        content
    };
    let (one, two): (&[u8], &[u8]) = (&[0, 0, 0, 1], &[0, 2]);
    vec![
        vector(
            "kinds",
            "each kind of value: ends of the range, infinities, NaN, zeros; in two blocks",
            &[every_kind("t")],
        ),
        vector(
            "kinds-across-blocks",
            "minimum and maximum of blocks with NULL, empty values, other widths, widths that the kind has not",
            &[
                facts("null first", &[&[None], &[Some(one)]]),
                facts("null last", &[&[Some(one)], &[None, None]]),
                facts("empty", &[&[Some(one)], &[Some(b"")]]),
                facts("empty beside", &[&[Some(one), Some(b"")], &[Some(one)]]),
                facts("widths of blocks", &[&[Some(one)], &[Some(two)]]),
                facts("strange width", &[&[Some(one)], &[Some(b"abc")], &[Some(one)]]),
                facts("only null", &[&[None], &[None]]),
            ],
        ),
        vector(
            "shapes",
            "values that embed OIDs, also in ranges over arrays, and values that do not fit their shape",
            &[every_shape("t")],
        ),
    ]
}

/// A table of one row of one byte.
fn tiny() -> [Content; 1] {
    let mut content = content("t", Transfer::Binary, opaque(1));
    content.blocks.push((0, row(&[Some(b"a")]), None));
    [content]
}

/// Header, catalog, and what stands around them.
fn catalogs() -> Vec<Vector> {
    let with = |name: &str, what: &str, header: Header, change: fn(&mut Parts)| {
        let contents = tiny();
        made(name, what, &header, catalog(vec![], &contents), &contents, change)
    };
    let made_catalog = |name: &str, what: &str, catalog: Catalog, contents: &[Content]| {
        made(name, what, &header(), catalog, contents, |_| ())
    };
    let long_texts = [250, 251, 65_535, 65_536].map(|length| "x".repeat(length));
    let numbers = [0, 250, 251, 65_535, 65_536, 2_147_483_648, u32::MAX];
    let mut wide_numbers = catalog(vec![], &tiny());
    wide_numbers.source.settings = numbers.iter().map(|n| (n.to_string(), String::new())).collect();
    wide_numbers.source.server_version_num = u32::MAX;
    wide_numbers.source.snapshot_time = i64::MIN;
    wide_numbers.source.uncovered = long_texts.to_vec();
    let mut nested = Shape::Plain;
    (0..63).for_each(|_| nested = Shape::Array(Box::new(nested.clone())));
    let deep = [content("t", Transfer::Binary, vec![(ValueKind::Opaque, nested)])];
    vec![
        made_catalog(
            "entries",
            "entries of each section, pass and lock, with everything and with nothing",
            catalog(entries()[..4].to_vec(), &tiny()),
            &tiny(),
        ),
        made_catalog(
            "entry-unknown-kind",
            "an entry of a kind that no reader knows",
            catalog(entries(), &tiny()),
            &tiny(),
        ),
        made_catalog(
            "catalog-full-source",
            "a catalog with everything about the source",
            Catalog { source: full_source(), ..catalog(vec![], &tiny()) },
            &tiny(),
        ),
        made_catalog(
            "catalog-wide-numbers",
            "numbers and lengths of each width of a varint",
            wide_numbers,
            &tiny(),
        ),
        made_catalog("catalog-deep-shape", "a shape as deep as it may be", catalog(vec![], &deep), &deep),
        made_catalog(
            "catalog-empty",
            "no entries and no tables; an index that is one byte repeated",
            catalog(vec![], &[]),
            &[],
        ),
        with("catalog-stored", "a catalog that is not compressed", header(), |parts| {
            parts.set_catalog(stored_frame(CATALOG_MARKER, &wire(&catalog(vec![], &tiny()))));
        }),
        with(
            "header-optional-features",
            "optional features that no reader knows",
            Header { optional_features: u64::MAX, ..header() },
            |_| (),
        ),
        with("header-newer-minor", "a newer minor version", Header { minor: u16::MAX, ..header() }, |_| ()),
        with(
            "header-time-before-1970",
            "a snapshot before 1970",
            Header { snapshot_time: i64::MIN, ..header() },
            |_| (),
        ),
        with(
            "frame-unknown",
            "frames that no reader knows, one without a payload, behind the copy of the catalog",
            header(),
            |parts| {
                let without_payload = frame(b"\0\0\0\0\0\0\0\0", u64::MAX, b"");
                parts.add_frames(&[later_frame(), without_payload]);
            },
        ),
    ]
}
