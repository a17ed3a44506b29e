//! Vectors that a reader refuses although every checksum is right.

use pgsnap::archive::{Catalog, Index, Pass, Section, Transfer};

use super::bytes::{CATALOG_MARKER, INDEX_MARKER, row, seal_block, stored_frame, wire, zstd_stream};
use super::refused::{changed, contents, refused};
use super::{Vector, catalog, content, entry, opaque, parts_of};

pub fn vectors() -> Vec<Vector> {
    let mut vectors = catalogs();
    vectors.extend(indexes());
    vectors.extend(payloads());
    vectors
}

/// Catalogs that contradict themselves or the limits.
fn catalogs() -> Vec<Vector> {
    let raw = |name: &str, what: &str, raw: &[u8]| {
        changed(&format!("catalog-{name}"), what, |parts| {
            parts.set_catalog(stored_frame(CATALOG_MARKER, raw))
        })
    };
    let with = |name: &str, what: &str, change: &dyn Fn(&mut Catalog)| {
        let mut catalog = catalog(vec![], &contents());
        change(&mut catalog);
        raw(name, what, &wire(&catalog))
    };
    let good = wire(&catalog(vec![], &contents()));
    // The shape of one column, node by node: the catalog with it ends like this.
    let with_shape = |name: &str, what: &str, nodes: &[u8]| {
        let end = good.len();
        assert_eq!(good[end - 2..], [1, 0]);
        raw(name, what, &[&good[..end - 2], nodes].concat())
    };
    let (mut unknown_case, mut long_list, mut bad_number) = (good.clone(), good.clone(), good.clone());
    let tables = good.len() - wire(&catalog(vec![], &contents()).tables).len();
    long_list[tables] = 0xf0;
    // The version of the source's server, behind a text of no bytes.
    bad_number[1] = 0xfe;
    // The transfer of the first table: behind entry, "public", "a".
    unknown_case[tables + 1 + 1 + 7 + 2] = 2;
    let mut bad_option = good.clone();
    bad_option[tables + 1 + 1 + 7 + 2 + 1] = 2;
    vec![
        with("entry-id", "an entry with another id than its place", &|catalog| catalog.entries[0].id = 2),
        with("dependency-later", "an entry that needs a later one", &|catalog| {
            catalog.entries[0].dependencies = vec![2]
        }),
        with("dependency-itself", "an entry that needs itself", &|catalog| {
            catalog.entries[1].dependencies = vec![2]
        }),
        with("dependency-0", "an entry that needs entry 0", &|catalog| {
            catalog.entries[1].dependencies = vec![0]
        }),
        with("table-of-another-entry", "a table whose entry refers to another table", &|catalog| {
            catalog.tables[1].entry = 1;
        }),
        with("table-without-entry", "a table whose entry is not there", &|catalog| {
            catalog.tables[1].entry = 3
        }),
        with("table-of-entry-0", "a table whose entry is 0", &|catalog| catalog.tables[0].entry = 0),
        with("entry-without-table", "an entry whose table is not there", &|catalog| {
            let mut data = entry(3, "TABLE DATA", "c");
            data.table = Some(2);
            catalog.entries.push(data);
        }),
        with("entry-of-the-same-table", "two entries with the same table", &|catalog| {
            let mut data = entry(3, "TABLE DATA", "c");
            data.table = Some(1);
            catalog.entries.push(data);
        }),
        with("1665-columns", "a table with too many columns", &|catalog| {
            let column = catalog.tables[0].columns[0].clone();
            catalog.tables[0].columns = vec![column; 1665];
        }),
        with("nul-in-statement", "a statement with a NUL byte", &|catalog| {
            catalog.entries[0].create = vec!["SELECT 1\0".to_owned()];
        }),
        with("nul-in-name", "the name of a column with a NUL byte", &|catalog| {
            catalog.tables[0].columns[0].name = "a\0".to_owned();
        }),
        with("nul-in-source", "the name of the database with a NUL byte", &|catalog| {
            catalog.source.database = "a\0".to_owned();
        }),
        with(
            "rows-before-data",
            "an entry with rows that belongs to the section before the data",
            &|catalog| {
                catalog.entries[0].section = Section::PreData;
            },
        ),
        with("rows-in-pass-acl", "an entry with rows in the pass of privileges", &|catalog| {
            catalog.entries[0].pass = Pass::Acl;
        }),
        with_shape("shape-too-deep", "a shape of 65 levels", &[&[65], &[1; 64][..], &[0]].concat()),
        with_shape("shape-left-over", "a shape with a node too many", &[2, 0, 0]),
        with_shape("shape-incomplete", "a shape that lacks a node", &[2, 1, 1]),
        with_shape("shape-without-nodes", "a shape of no nodes", &[0]),
        raw("left-over", "a byte behind the catalog", &[&good[..], &[0]].concat()),
        raw("cut-short", "a catalog that lacks a byte", &good[..good.len() - 1]),
        raw("text-not-utf8", "a text that is not UTF-8", &[&[1, 0xff], &good[1..]].concat()),
        raw("number-fe", "a number that begins with fe", &bad_number),
        raw(
            "number-too-large",
            "a u32 of 2^32",
            &[&good[..1], &[0xfd, 0, 0, 0, 0, 1, 0, 0, 0], &good[2..]].concat(),
        ),
        raw("list-too-long", "a list that announces more elements than there are bytes", &long_list),
        raw("unknown-case", "a transfer that is not known", &unknown_case),
        raw("option-2", "an option that begins with 02", &bad_option),
    ]
}

/// Indexes that contradict themselves, the catalog, the footer or the blocks.
fn indexes() -> Vec<Vector> {
    let with = |name: &str, what: &str, change: &dyn Fn(&mut Index)| {
        changed(&format!("index-{name}"), what, |parts| change(&mut parts.index))
    };
    let frame_of = |name: &str, what: &str, change: &dyn Fn(&mut Index)| {
        changed(&format!("footer-{name}"), what, |parts| {
            let mut index = parts.index.clone();
            std::mem::swap(&mut index, &mut parts.index);
            change(&mut parts.index);
            parts.index_frame = Some(stored_frame(INDEX_MARKER, &wire(&index)));
        })
    };
    vec![
        with("blocks", "the number of blocks is not the sum", &|index| index.blocks += 1),
        with("rows", "the number of rows is not the sum over the tables", &|index| index.rows += 1),
        with("raw-bytes", "raw_bytes is not the sum over the tables", &|index| index.raw_bytes += 1),
        with("stored-bytes", "stored_bytes is not the sum over the tables", &|index| index.stored_bytes += 1),
        with("table-rows", "the rows of a table are not the sum over its blocks", &|index| {
            index.tables[0].rows += 1;
            index.rows += 1;
        }),
        with("table-raw-bytes", "raw_bytes of a table is not the sum over its blocks", &|index| {
            index.tables[0].raw_bytes += 1;
            index.raw_bytes += 1;
        }),
        with("table-stored-bytes", "stored_bytes of a table is not the sum over its blocks", &|index| {
            index.tables[0].stored_bytes += 1;
            index.stored_bytes += 1;
        }),
        with("sum-too-large", "sums beyond 64 bits", &|index| {
            index.tables[0].blocks[0].raw_len = u64::MAX;
            index.tables[0].raw_bytes = index.tables[0].raw_bytes.wrapping_sub(29);
            index.raw_bytes = index.raw_bytes.wrapping_sub(29);
        }),
        with("table-missing", "a table less than the catalog", &|index| {
            let table = index.tables.pop().unwrap();
            index.blocks -= 3;
            index.rows -= table.rows;
            index.raw_bytes -= table.raw_bytes;
            index.stored_bytes -= table.stored_bytes;
        }),
        with("facts-missing", "no facts about a column", &|index| index.tables[0].columns.clear()),
        with("block-of-another-table", "a block under another table than its own", &|index| {
            index.tables[0].blocks[0].table = 1;
        }),
        with("sequence", "a sequence number twice", &|index| index.tables[0].blocks[2].sequence = 1),
        with("sequence-from-1", "sequence numbers from 1", &|index| {
            index.tables[0].blocks.iter_mut().for_each(|block| block.sequence += 1);
        }),
        with("order", "the blocks of a table are not in the order of the file", &|index| {
            index.tables[0].blocks.swap(0, 1);
            index.tables[0].blocks[0].sequence = 0;
            index.tables[0].blocks[1].sequence = 1;
        }),
        with("offset", "a block that does not begin where the one before it ends", &|index| {
            index.tables[0].blocks[2].offset += 1;
        }),
        with("stored-len", "blocks that do not end where the index begins", &|index| {
            index.tables[1].blocks[2].stored_len -= 1;
            index.tables[1].stored_bytes -= 1;
            index.stored_bytes -= 1;
        }),
        with("chunk", "another chunk than the block says", &|index| {
            index.tables[0].blocks.iter_mut().for_each(|block| block.chunk = 1);
        }),
        with("block-rows", "another number of rows than the block says", &|index| {
            index.tables[0].blocks[0].rows += 1;
            index.tables[0].rows += 1;
            index.rows += 1;
        }),
        with("digest", "another digest than the rows have", &|index| {
            let digest = index.tables[1].digest;
            index.tables[0].digest.merge(digest);
        }),
        with("nulls", "another number of NULLs than the rows have", &|index| {
            index.tables[0].columns[0].nulls = 1
        }),
        with("bytes", "another number of bytes than the rows have", &|index| {
            index.tables[0].columns[0].bytes += 1
        }),
        with("min", "another minimum than the rows have", &|index| {
            index.tables[0].columns[0].min = Some(vec![0, 0, 0, 1]);
        }),
        with("max", "no maximum where the rows have one", &|index| index.tables[0].columns[0].max = None),
        frame_of("tables", "another number of tables in footer and index", &|index| {
            index.tables.pop();
        }),
        frame_of("blocks", "another number of blocks in footer and index", &|index| index.blocks += 1),
        frame_of("rows", "another number of rows in footer and index", &|index| index.rows += 1),
    ]
}

/// A block whose checksums are right and whose rows and index are those of `rows`, with another payload.
fn payload(
    name: &str,
    what: &str,
    transfer: Transfer,
    columns: usize,
    rows: &[u8],
    payload: &[u8],
) -> Vector {
    let mut content = content("t", transfer, opaque(columns));
    content.blocks.push((0, rows.to_vec(), Some(payload.to_vec())));
    refused(&format!("payload-{name}"), what, parts_of(&[content]).bytes())
}

fn payloads() -> Vec<Vector> {
    let rows = |count: usize| row(&[Some(b"ab")]).repeat(count);
    let binary = |name: &str, what: &str, count: usize, bytes: &[u8]| {
        payload(name, what, Transfer::Binary, 1, &rows(count), bytes)
    };
    let null = [row(&[Some(b"ab")]), row(&[None])].concat();
    let dictionary = |name: &str, what: &str, bytes: &[u8]| {
        payload(&format!("dictionary-{name}"), what, Transfer::Binary, 1, &rows(4), bytes)
    };
    let text = |name: &str, what: &str, value: &[u8]| {
        let width = u32::try_from(value.len()).unwrap().to_le_bytes();
        let rows = [&vec![b'x'; value.len()][..], b"\n"].concat();
        let bytes = [&[1, 0], &width[..], &[0, 0], value].concat();
        payload(&format!("text-{name}"), what, Transfer::Text, 1, &rows, &bytes)
    };
    let zstd = |name: &str, what: &str, raw_len: usize, frame: &[u8]| {
        let rows = row(&[Some(&vec![b'a'; raw_len])]);
        let width = u32::try_from(raw_len).unwrap().to_le_bytes();
        let bytes = [&[1, 0], &width[..], &[0], &zstd_stream(frame)].concat();
        payload(&format!("zstd-{name}"), what, Transfer::Binary, 1, &rows, &bytes)
    };
    let frame = zstd::bulk::compress(&b"to be or not to be, ".repeat(4), 3).unwrap();
    let mut checked = zstd::bulk::Compressor::new(3).unwrap();
    checked.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true)).unwrap();
    let mut checked = checked.compress(&[b'a'; 80]).unwrap();
    *checked.last_mut().unwrap() ^= 1;
    // Single segment, dictionary 7, 80 bytes; one last block that repeats one byte.
    let wants_dictionary = b"\x28\xb5\x2f\xfd\x21\x07\x50\x83\x02\0a";
    let skippable = [&0x184d_2a50u32.to_le_bytes()[..], &4u32.to_le_bytes(), b"skip"].concat();
    let uniform = [1, 0, 2, 0, 0, 0];
    let stored = |encoding: &[u8], values: &[u8]| [&uniform[..], encoding, &[0], values].concat();
    let mut vectors = vec![
        binary(
            "presence-3",
            "a presence that is not known",
            2,
            &[&[3][..], &stored(&[0], b"abab")[1..]].concat(),
        ),
        payload(
            "bitmap-beyond",
            "a bit of a bitmap beyond the last row",
            Transfer::Binary,
            1,
            &null,
            b"\x02\x02\x05\0\x02\0\0\0\0\0ab",
        ),
        payload(
            "bitmap-empty",
            "a bitmap with no bit set",
            Transfer::Binary,
            1,
            &row(&[None]).repeat(2),
            b"\x02\x02\0\0\0\0\0\0\0",
        ),
        binary(
            "lengths-3",
            "a kind of lengths that is not known",
            2,
            &[&[1, 3][..], &stored(&[0], b"abab")[2..]].concat(),
        ),
        payload(
            "bitmap-full",
            "a bitmap with all bits set",
            Transfer::Binary,
            1,
            &rows(2),
            b"\x02\x02\x03\0\x02\0\0\0\0\0abab",
        ),
        binary(
            "lengths-equal",
            "listed lengths that are all the same",
            2,
            &[&[1, 1], &[2, 0].repeat(3)[..], &[2, 2, 0, 0], b"abab"].concat(),
        ),
        dictionary(
            "too-many",
            "a dictionary of more than half as many values as fields",
            b"\x01\x02\x03\0\0\0\0\x02\0\0\0\0abcdef\0\0\x01\x02\0",
        ),
        dictionary(
            "order",
            "values of a dictionary in another order than that of the fields",
            b"\x01\x02\x02\0\0\0\0\x02\0\0\0\0xxab\0\x01\x01\x01\0",
        ),
        dictionary(
            "unused",
            "a value of a dictionary that no field has",
            b"\x01\x02\x02\0\0\0\0\x02\0\0\0\0abxx\x02\0",
        ),
        dictionary("code", "a code beyond the dictionary", b"\x01\x02\x01\0\0\0\0\x02\0\0\0\0ab\0\0\0\0\x01"),
        dictionary("empty", "a dictionary of no values", b"\x01\x02\0\0\0\0\0\x02\0\0\0\x02\0"),
        dictionary(
            "of-dictionary",
            "lengths of a dictionary that are a dictionary",
            b"\x01\x02\x01\0\0\0\x02\x02\0\0\0\0ab\x02\0",
        ),
        binary("encoding-255", "an encoding that is not known", 2, &stored(&[255], b"abab")),
        binary(
            "split-3",
            "planes of three bytes",
            3,
            &[&uniform[..], &[2, 3], &[2, b'a'].repeat(3)].concat(),
        ),
        binary(
            "split-of-no-group",
            "values that are no whole groups",
            1,
            &[&uniform[..], &[2, 4], &[2, b'a'].repeat(4)].concat(),
        ),
        binary(
            "constant-of-lengths",
            "a constant with listed lengths",
            2,
            &[&[1, 1], &[2, 0].repeat(3)[..], &[2, 2, 1, 0], b"ab"].concat(),
        ),
        binary(
            "values-too-long",
            "values that are longer than the rows",
            2,
            &[&[1, 0, 3, 0, 0, 0, 0, 0][..], b"ababab"].concat(),
        ),
        binary(
            "values-too-short",
            "values that are shorter than the rows",
            2,
            &[&[1, 0, 1, 0, 0, 0, 0, 0][..], b"ab"].concat(),
        ),
        binary(
            "lengths-too-large",
            "lengths whose sum is more than 32 bits",
            2,
            &[&[1, 1][..], &[2, 255].repeat(4), &[0, 2, 0]].concat(),
        ),
        binary(
            "method-3",
            "a method of a stream that is not known",
            2,
            &[&uniform[..], &[0, 3], b"abab"].concat(),
        ),
        binary("left-over", "a byte behind the last column", 2, &[&stored(&[0], b"abab")[..], &[0]].concat()),
        binary("cut-short", "a payload that lacks a byte", 2, &stored(&[0], b"aba")),
        binary(
            "too-long",
            "a payload longer than any of such rows",
            2,
            &[&stored(&[0], b"abab")[..], &[0; 80]].concat(),
        ),
        binary("without-columns", "no payload for a column", 2, b""),
        payload("no-columns", "a payload for no columns", Transfer::Binary, 0, &row(&[]), &[0]),
        text("tab", "a field of text with a tab", b"a\tb"),
        text("line-end", "a field of text with a line end", b"a\nb"),
        text("null", "a field of text that reads as NULL", b"\\N"),
        text("end-marker", "a line of text that ends a COPY", b"\\."),
        zstd("longer", "a zstd frame of more bytes than the stream", 79, &frame),
        zstd("shorter", "a zstd frame of fewer bytes than the stream", 81, &frame),
        zstd("two-frames", "two zstd frames in a stream", 160, &[&frame[..], &frame].concat()),
        zstd("left-over", "a byte behind a zstd frame", 80, &[&frame[..], &[0]].concat()),
        zstd("cut-short", "a zstd frame that lacks a byte", 80, &frame[..frame.len() - 1]),
        zstd("checksum", "a zstd frame whose own checksum is wrong", 80, &checked),
        zstd("dictionary", "a zstd frame that wants a dictionary", 80, wants_dictionary),
        zstd(
            "skippable",
            "a skippable frame in front of a zstd frame",
            80,
            &[&skippable[..], &frame].concat(),
        ),
        zstd("no-frame", "bytes that are no zstd frame", 80, b"to be or not"),
    ];
    // Headers that no rows can have.
    let header = |name: &str, what: &str, count: u32, raw_len: u64| {
        let mut content = content("t", Transfer::Binary, opaque(1));
        content.blocks.push((0, row(&[None]).repeat(2), None));
        let mut parts = parts_of(&[content]);
        parts.blocks[20..24].copy_from_slice(&count.to_le_bytes());
        parts.blocks[24..32].copy_from_slice(&raw_len.to_le_bytes());
        seal_block(&mut parts.blocks);
        let index = &mut parts.index;
        (index.rows, index.raw_bytes) = (count.into(), raw_len);
        (index.tables[0].rows, index.tables[0].raw_bytes) = (count.into(), raw_len);
        (index.tables[0].blocks[0].rows, index.tables[0].blocks[0].raw_len) = (count, raw_len);
        index.tables[0].columns[0].nulls = count.into();
        refused(&format!("block-{name}"), what, parts.bytes())
    };
    vectors.extend([
        header("no-rows", "a block of no rows", 0, 0),
        header("raw-len-too-large", "a block of more than 2 GiB", 2, (1 << 31) + 1),
        header("rows-do-not-fit", "more rows than the bytes could hold", u32::MAX, 12),
        header("raw-len-differs", "a length of the rows that they do not have", 2, 13),
    ]);
    vectors
}
