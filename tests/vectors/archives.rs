//! Vectors of tables, of the catalog, and of what stands around the blocks.

use pgsnap::archive::{Catalog, Header, Shape, Transfer, ValueKind};

use super::bytes::{self, CATALOG_MARKER, INDEX_MARKER, Parts, Zstd, frame, row, stored_frame, stream, wire};
use super::everything::{entries, full_source, later_frame, text};
use super::{Content, Vector, catalog, content, header, in_turns, made, opaque, vector};

/// Tables of odd size, and both forms of rows.
pub fn tables() -> Vec<Vector> {
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
                *parts = bytes::parts(&header(), &catalog(vec![], &level_0), &in_turns(&level_0), 0);
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

/// A table of one row of one byte.
fn tiny() -> [Content; 1] {
    let mut content = content("t", Transfer::Binary, opaque(1));
    content.blocks.push((0, row(&[Some(b"a")]), None));
    [content]
}

/// Header, catalog, and what stands around them.
pub fn catalogs() -> Vec<Vector> {
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
    let mut partition = tiny();
    partition[0].table.root = Some(("public".to_owned(), "root".to_owned()));
    let mut configuration = tiny();
    configuration[0].table.condition = Some("WHERE made_by_user".to_owned());
    vec![
        made_catalog(
            "table-root",
            "a table whose rows are loaded through a partitioned table",
            catalog(vec![], &partition),
            &partition,
        ),
        made_catalog(
            "table-condition",
            "a table of which only some rows are there",
            catalog(vec![], &configuration),
            &configuration,
        ),
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
