//! Vectors of the payload of blocks, and of what the index says of columns.

use pgsnap::archive::{Shape, Transfer, ValueKind};

use super::bytes::{Field, Method, Recipe, Repeat, Stored, Values, Zstd, row, zstd_stream};
use super::everything::{every_kind, every_shape};
use super::{PLAIN, Vector, by_hand, content, fields, integers, noise, opaque, values, vector};

/// Each encoding of values, each width, as the recipes say, and what pgsnap chooses for the types that they are for.
pub fn encodings() -> Vec<Vector> {
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
pub fn payloads() -> Vec<Vector> {
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

/// What the index says of columns, and the digest.
pub fn columns() -> Vec<Vector> {
    let facts_of = |name: &str, kind, blocks: &[&[Option<&[u8]>]]| {
        let mut content = content(name, Transfer::Binary, vec![(kind, Shape::Plain)]);
        let rows = |fields: &[Option<&[u8]>]| fields.iter().flat_map(|field| row(&[*field])).collect();
        content.blocks = blocks.iter().map(|fields| (0, rows(fields), None)).collect();
        content
    };
    let facts = |name: &str, blocks: &[&[Option<&[u8]>]]| facts_of(name, ValueKind::Integer, blocks);
    let floats = |name: &str, blocks: [&[f64]; 2]| {
        let fields = blocks.map(|block| block.iter().map(|n| n.to_be_bytes()).collect::<Vec<_>>());
        let fields = fields.each_ref().map(|block| block.iter().map(|n| Some(&n[..])).collect::<Vec<_>>());
        facts_of(name, ValueKind::Float, &fields.each_ref().map(Vec::as_slice))
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
                floats("zeros", [&[-0.0, 0.0], &[0.0, -0.0]]),
                floats("zeros in two blocks", [&[0.0], &[-0.0]]),
                floats("zeros in two blocks, descending", [&[-0.0], &[0.0]]),
                floats("not a number", [&[f64::NAN, 1.0, -f64::NAN], &[-f64::NAN]]),
            ],
        ),
        vector(
            "shapes",
            "values that embed OIDs, also in ranges over arrays, and values that do not fit their shape",
            &[every_shape("t")],
        ),
    ]
}
