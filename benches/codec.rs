//! Micro-benchmarks of what a dump and a restore do with rows, on one thread: bytes of rows per second.
//!
//! `cargo bench --no-default-features --bench codec [-- FILTER]`
#![allow(clippy::expect_used)] // A benchmark that cannot run has nothing better to do than to say why.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pgsnap::archive::{
    ArchiveId, BlockDecoder, BlockEncoder, BlockPosition, Column, Digest, Shape, Table, Transfer, ValueKind,
};
use pgsnap::copy_rows::{BINARY_HEADER, Format, RowSplitter, fields};

/// As a dump cuts them.
const BLOCK_BYTES: usize = 4 << 20;
/// What a server sends at once over a socket.
const PIECE: usize = 8 << 10;

/// A block's worth of rows of one kind.
struct Sample {
    name: &'static str,
    table: Table,
    rows: Vec<u8>,
}

/// Each is what one encoding is for; `narrow` is ten columns of several.
fn samples() -> Vec<Sample> {
    let mut random = Random(1);
    let mut samples = vec![
        sample("constant", 1, |_| vec![b"the same text in every row".to_vec()]),
        sample("plain: noise", 1, |_| vec![bytes(32, &mut random)]),
    ];
    let mut random = Random(2);
    samples.push(sample("plain: text", 1, |_| vec![sentence(&mut random)]));
    samples.push(sample("split: float8", 1, |_| {
        vec![(1.0 + random.next() as f64 / u64::MAX as f64).to_be_bytes().to_vec()]
    }));
    samples.push(sample("delta: timestamps", 1, |row| {
        vec![(700_000_000_000_000 + row * 1_000_003 + random.next() % 1000).to_be_bytes().to_vec()]
    }));
    samples.push(sample("dictionary", 1, |_| vec![format!("value {}", random.next() % 40).into_bytes()]));
    samples.push(sample("split: vector(1536)", 1, |_| vec![vector(&mut random)]));
    samples.push(sample("narrow", 10, |row| {
        let mut fields = vec![row.to_be_bytes().to_vec(), (row as u32 % 7).to_be_bytes().to_vec()];
        fields.extend((0..8).map(|column| format!("{}", random.next() % (10 << column)).into_bytes()));
        fields
    }));
    samples
}

fn sample(name: &'static str, columns: usize, mut row: impl FnMut(u64) -> Vec<Vec<u8>>) -> Sample {
    let column = Column {
        name: "c".to_owned(),
        type_name: "t".to_owned(),
        value: ValueKind::Opaque,
        shape: Shape::Plain,
    };
    let table = Table {
        entry: 1,
        schema: "public".to_owned(),
        name: "t".to_owned(),
        transfer: Transfer::Binary,
        text_reason: None,
        root: None,
        condition: None,
        columns: vec![column; columns],
    };
    let mut rows = Vec::new();
    for number in 0.. {
        if rows.len() >= BLOCK_BYTES {
            break;
        }
        rows.extend(i16::try_from(columns).expect("few columns").to_be_bytes());
        for field in row(number) {
            rows.extend(i32::try_from(field.len()).expect("a short field").to_be_bytes());
            rows.extend(field);
        }
    }
    Sample { name, table, rows }
}

fn codec(criterion: &mut Criterion) {
    let id = ArchiveId::random().expect("an id");
    let position = BlockPosition { chunk: 0, sequence: 0 };
    for Sample { name, table, rows } in samples() {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(rows.len() as u64)).sample_size(20);
        let stream = [&BINARY_HEADER[..], &rows].concat();
        group.bench_function("scan", |bencher| {
            let mut room = Vec::new();
            bencher.iter(|| {
                let mut splitter = RowSplitter::new(Format::Binary);
                stream.chunks(PIECE).for_each(|piece| splitter.push(piece).expect("rows"));
                room = splitter.take(std::mem::take(&mut room)).bytes;
            });
        });
        group.bench_function("walk", |bencher| {
            bencher.iter(|| {
                let mut walker = fields(Format::Binary, table.columns.len(), &rows);
                while let Some(row) = walker.next_row().expect("rows") {
                    black_box(row.fields);
                }
            });
        });
        group.bench_function("digest", |bencher| {
            bencher.iter(|| Digest::default().add_rows(&table, &rows).expect("rows"));
        });
        group.bench_function("crc", |bencher| bencher.iter(|| crc32fast::hash(&rows)));
        // Level 0 compresses nothing: rows to columns, digest, and back to compare.
        for level in [0, 1] {
            let mut encoder = BlockEncoder::new(id, level).expect("an encoder");
            let block = encoder.encode(0, &table, position, &rows).expect("a block");
            group.bench_function(format!("encode, level {level}"), |bencher| {
                bencher.iter(|| {
                    let block = encoder.encode(0, &table, position, &rows).expect("a block");
                    encoder.reuse(block.bytes);
                });
            });
            let mut decoder = BlockDecoder::new(id).expect("a decoder");
            let mut out = Vec::new();
            group.bench_function(format!("decode, level {level}"), |bencher| {
                bencher.iter(|| decoder.decode(&table, &block.bytes, &mut out).expect("rows"));
            });
        }
        group.finish();
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn bytes(length: usize, random: &mut Random) -> Vec<u8> {
    (0..length).map(|_| random.next().to_be_bytes()[0]).collect()
}

fn sentence(random: &mut Random) -> Vec<u8> {
    const WORDS: [&str; 12] = [
        "memory", "agent", "prefers", "the", "of", "meeting", "because", "deploy", "error", "vector",
        "never", "again",
    ];
    let words = (0..20).map(|_| WORDS[(random.next() % WORDS.len() as u64) as usize]);
    words.collect::<Vec<_>>().join(" ").into_bytes()
}

/// A value of pgvector: the number of dimensions, a word of zeros, floats near 0.
fn vector(random: &mut Random) -> Vec<u8> {
    let mut value = vec![6, 0, 0, 0];
    value.extend((0..1536).flat_map(|_| {
        let sum = (0..4).map(|_| (random.next() >> 40) as f32 / (1 << 24) as f32).sum::<f32>();
        ((sum - 2.0) * 0.025).to_be_bytes()
    }));
    value
}

criterion_group!(benches, codec);
criterion_main!(benches);
