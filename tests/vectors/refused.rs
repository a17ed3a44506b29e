//! Vectors that a reader refuses: other versions, damage, and parts that are not in their place.

use pgsnap::archive::{Header, Shape, Transfer, ValueKind};

use super::bytes::{
    CATALOG_MARKER, INDEX_MARKER, Parts, Stored, Zstd, frame, row, stored_frame, stream, wire,
};
use super::{Content, Vector, catalog, content, header, parts_of};

pub fn vectors() -> Vec<Vector> {
    let mut vectors = versions();
    vectors.extend(damaged());
    vectors.extend(bindings());
    vectors.extend(frames());
    vectors
}

pub fn refused(name: &str, what: &str, bytes: Vec<u8>) -> Vector {
    Vector { name: name.to_owned(), what: what.to_owned(), bytes, holds: None }
}

/// Two tables of three blocks each; blocks of one table have one length.
pub fn contents() -> [Content; 2] {
    ["a", "b"].map(|name| {
        let mut content = content(name, Transfer::Binary, vec![(ValueKind::Integer, Shape::Plain)]);
        let rows = |n: i32| row(&[Some(&n.to_be_bytes())]);
        content.blocks = (0..3).map(|n| (0, [rows(n), rows(n + 70_000)].concat(), None)).collect();
        content
    })
}

/// An archive of `contents` with a change.
pub fn changed(name: &str, what: &str, change: impl FnOnce(&mut Parts)) -> Vector {
    let mut parts = parts_of(&contents());
    change(&mut parts);
    refused(name, what, parts.bytes())
}

fn versions() -> Vec<Vector> {
    let with = |name: &str, what: &str, header: Header| changed(name, what, |parts| parts.header = header);
    vec![
        with("header-newer-major", "a newer major version", Header { major: 2, ..header() }),
        with("header-major-0", "a major version that there never was", Header { major: 0, ..header() }),
        with(
            "header-required-features",
            "required features that no reader knows",
            Header { required_features: 1 << 63 | 2, ..header() },
        ),
    ]
}

/// One changed bit in each structure, and bytes that are missing or too many.
fn damaged() -> Vec<Vector> {
    let mut parts = parts_of(&contents());
    parts.add_frames(&[stored_frame(b"\xffPGLATER", b"what a later version puts here")]);
    let bytes = parts.bytes();
    let (blocks, index) = (60 + parts.catalog.len(), 60 + parts.catalog.len() + parts.blocks.len());
    let footer = bytes.len() - 84;
    let copy = footer - 31 - 32 - parts.catalog.len();
    let flip = |name: &str, what: &str, at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x10;
        refused(&format!("damaged-{name}"), &format!("a flipped bit in {what}"), bytes)
    };
    let whole =
        |name: &str, what: &str, bytes: &[u8]| refused(&format!("damaged-{name}"), what, bytes.to_vec());
    vec![
        flip("magic", "the magic", 0),
        flip("header-version", "the version", 12),
        flip("header-id", "the archive id", 32),
        flip("header-crc", "the checksum of the header", 59),
        flip("catalog-header", "the header of the catalog", 60 + 8),
        flip("catalog", "the catalog", blocks - 1),
        flip("block-header", "the header of a block", blocks + 12),
        flip("block", "the payload of a block", blocks + 50),
        flip("index-header", "the header of the index", index + 16),
        flip("index", "the index", copy - 1),
        flip("catalog-copy", "the copy of the catalog", footer - 31 - 32 - 1),
        flip("frame-unknown", "a frame that no reader knows", footer - 1),
        flip("frame-unknown-header", "the header of a frame that no reader knows", footer - 31 - 32),
        flip("footer", "the footer", footer + 30),
        flip("end", "the last byte", bytes.len() - 1),
        whole("cut-in-block", "the file ends inside a block", &bytes[..blocks + 50]),
        whole("cut-footer", "the file ends in front of the footer", &bytes[..footer]),
        whole("cut-last-byte", "the last byte is missing", &bytes[..bytes.len() - 1]),
        whole("cut-header", "the file ends inside the header", &bytes[..30]),
        whole("empty-file", "no bytes", b""),
        whole("trailing-byte", "a byte behind the footer", &[&bytes[..], b"\n"].concat()),
        whole("concatenated", "an archive twice", &[&bytes[..], &bytes].concat()),
        whole("text-mode", "CR LF became LF in transit", &[&bytes[..7], &bytes[8..]].concat()),
        whole("not-an-archive", "a file of pg_dump", b"PGDMP\x01\x0e\0\x04\x08\x01\x01\x01\0\0\0\0"),
    ]
}

/// Blocks in another place than their own.
fn bindings() -> Vec<Vector> {
    let swapped = |parts: &mut Parts, a: usize, b: usize| {
        let places = parts.places();
        let (first, second) =
            (parts.blocks[places[a].clone()].to_vec(), parts.blocks[places[b].clone()].to_vec());
        parts.blocks[places[a].clone()].copy_from_slice(&second);
        parts.blocks[places[b].clone()].copy_from_slice(&first);
    };
    // The blocks of the two tables take turns.
    vec![
        changed("block-moved", "two blocks of a table in each other's place", |parts| swapped(parts, 0, 2)),
        changed("block-of-another-table", "two blocks of two tables in each other's place", |parts| {
            swapped(parts, 0, 1)
        }),
        changed("block-duplicated", "a block also in the place of another", |parts| {
            let places = parts.places();
            parts.blocks.copy_within(places[0].clone(), places[2].start);
        }),
        changed("block-dropped", "a block that the index has is missing", |parts| {
            let last = parts.places()[5].clone();
            parts.blocks.drain(last);
        }),
        changed("block-added", "a block that the index does not have", |parts| {
            let last = parts.places()[5].clone();
            parts.blocks.extend_from_within(last);
        }),
        changed(
            "block-of-another-archive",
            "a block of another archive, which has the same index",
            |parts| {
                let place = parts.places()[0].clone();
                let (header, payload) = parts.blocks[place].split_at_mut(48);
                let checksum = |bytes: &[u8]| crc32fast::hash(&[&[7; 16], bytes].concat()).to_le_bytes();
                header[40..44].copy_from_slice(&checksum(payload));
                let header_crc = checksum(&header[..44]);
                header[44..].copy_from_slice(&header_crc);
            },
        ),
        changed("gap", "a byte between two blocks", |parts| {
            let start = parts.places()[1].start;
            parts.blocks.insert(start, 0);
        }),
        changed("bytes-after-index", "bytes behind the copy of the catalog that are no frame", |parts| {
            parts.add_frames(&[vec![0; 40]]);
        }),
        changed(
            "frame-like-footer",
            "a frame behind the copy of the catalog that has the footer's marker",
            |parts| {
                parts.add_frames(&[stored_frame(b"\xffPGFOOTR", b"not the footer")]);
            },
        ),
        changed("no-catalog-copy", "no copy of the catalog", |parts| parts.after_index = Some(vec![])),
        changed("other-catalog-copy", "the copy is of another catalog", |parts| {
            let mut other = catalog(vec![], &contents());
            other.source.database = "another".to_owned();
            parts.after_index = Some(stored_frame(CATALOG_MARKER, &wire(&other)));
        }),
    ]
}

/// Frames whose lengths or streams are wrong.
fn frames() -> Vec<Vector> {
    let index = |name: &str, what: &str, frame: &dyn Fn(&[u8]) -> Vec<u8>| {
        changed(&format!("frame-{name}"), what, |parts| parts.index_frame = Some(frame(&wire(&parts.index))))
    };
    let length = |raw: &[u8]| raw.len() as u64;
    let many = (1 << 24) + 256 * 42;
    vec![
        index("longer", "raw_len is more than the stream", &|raw| {
            frame(INDEX_MARKER, length(raw) + 1, &stream(Zstd, raw))
        }),
        index("shorter", "raw_len is less than the stream", &|raw| {
            frame(INDEX_MARKER, length(raw) - 1, &stream(Zstd, raw))
        }),
        index("left-over", "a byte behind the stream", &|raw| {
            frame(INDEX_MARKER, length(raw), &[stream(Stored, raw), vec![0]].concat())
        }),
        index("memory", "more bytes than a frame of its length may have", &|_| {
            frame(INDEX_MARKER, many + 1, &[2; 42])
        }),
        index("of-catalog", "a frame of a catalog in the place of the index", &|raw| {
            stored_frame(CATALOG_MARKER, raw)
        }),
        index("trailing", "a byte between the index and the copy of the catalog", &|raw| {
            [stored_frame(INDEX_MARKER, raw), vec![0]].concat()
        }),
    ]
}
