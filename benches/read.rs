//! How fast archives are read: the full check beside what zstd alone needs for the same rows, compressed as they are at
//! level 1, and for the frames of the same blocks.
//!
//! `cargo bench --no-default-features --bench read -- --rounds 5 ARCHIVE...`
//!
//! Times are those on the processor, so that other work on the machine does not count; what two threads need, and
//! opening, is by the clock. Medians. "Speed" is bytes per second of what comes out: rows, and for frames what was in them.
#![allow(clippy::expect_used)] // A benchmark that cannot run has nothing better to do than to say why.

use std::path::Path;
use std::time::{Duration, Instant};

use pgsnap::archive::check::{Depth, check};
use pgsnap::archive::{Archive, BlockDecoder, BlockEncoder, BlockPosition};

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench").collect::<Vec<_>>();
    let rounds = match arguments.iter().position(|argument| argument == "--rounds") {
        Some(place) => arguments.drain(place..place + 2).nth(1).expect("a number").parse().expect("a number"),
        None => 5,
    };
    if arguments.is_empty() {
        println!("read: ignored, no archive was named");
    }
    for path in arguments {
        measure(Path::new(&path), rounds);
    }
}

fn measure(path: &Path, rounds: usize) {
    let quick = median(rounds, || wall(|| drop(Archive::open(path).expect("an archive"))));
    let archive = Archive::open(path).expect("an archive");
    let raw = archive.index().raw_bytes as f64;
    println!("{}: {:.0} MB of rows, {} bytes", path.display(), raw / 1e6, archive.file_bytes());
    let blocks = || {
        let tables = archive.catalog().tables.iter().zip(&archive.index().tables);
        tables.flat_map(|(table, index)| index.blocks.iter().map(move |block| (table, block)))
    };
    let mut decoder = BlockDecoder::new(archive.header().id).expect("a decoder");
    let mut rows = Vec::new();
    let whole = blocks()
        .map(|(table, block)| {
            let bytes = archive.block(block).expect("a block");
            decoder.decode(table, bytes, &mut rows).expect("rows");
            (zstd::bulk::compress(&rows, 1).expect("a frame"), rows.len())
        })
        .collect::<Vec<_>>();
    let whole = whole.iter().map(|(frame, length)| (&frame[..], *length)).collect::<Vec<_>>();
    let frames = blocks()
        .flat_map(|(_, block)| frames(&archive.block(block).expect("a block")[48..]))
        .collect::<Vec<_>>();
    let mut zstd = zstd::bulk::Decompressor::new().expect("zstd");
    let mut out = Vec::new();
    let mut decompress = |frames: &[(&[u8], usize)]| {
        for (frame, length) in frames {
            out.clear();
            out.reserve(*length);
            zstd.decompress_to_buffer(frame, &mut out).expect("a frame");
        }
    };
    let zstd_rows = median(rounds, || cpu(|| decompress(&whole)));
    let zstd_frames = median(rounds, || cpu(|| decompress(&frames)));
    let full =
        |threads| check(&archive, Depth::Full, threads, &mut |_, _| ()).expect("an archive that is well");
    let one = median(rounds, || process(|| full(1)));
    let two = median(rounds, || wall(|| full(2)));
    let decode = median(rounds, || {
        cpu(|| {
            for (table, block) in blocks() {
                let bytes = archive.block(block).expect("a block");
                decoder.decode(table, bytes, &mut rows).expect("rows");
            }
        })
    });
    let mut encoder = BlockEncoder::new(archive.header().id, 1).expect("an encoder");
    let encode = median(rounds, || {
        let mut time = Duration::ZERO;
        for (table, block) in blocks() {
            let bytes = archive.block(block).expect("a block");
            decoder.decode(table, bytes, &mut rows).expect("rows");
            let position = BlockPosition { chunk: 0, sequence: 0 };
            time += cpu(|| drop(encoder.encode(block.table, table, position, &rows).expect("a block")));
        }
        time
    });
    let inside = frames.iter().map(|(_, length)| *length).sum::<usize>() as f64;
    let speed = |bytes: f64, time: Duration| bytes / time.as_secs_f64() / 1e9;
    println!("| what | ms | GB/s | x zstd, rows | x zstd, frames |\n|---|---|---|---|---|");
    for (name, time, bytes) in [
        ("zstd, the rows at level 1", zstd_rows, raw),
        ("zstd, the frames of the blocks", zstd_frames, inside),
        ("rows of all blocks", decode, raw),
        ("full check, one thread", one, raw),
        ("full check, two threads", two, raw),
        ("encoding all blocks at level 1", encode, raw),
        ("opening, as --quick does", quick, raw),
    ] {
        let own = speed(bytes, time);
        let (rows, frames) = (own / speed(raw, zstd_rows), own / speed(inside, zstd_frames));
        println!("| {name} | {:.1} | {own:.2} | {rows:.2} | {frames:.2} |", time.as_secs_f64() * 1e3);
    }
}

/// The zstd frames in the payload of a block, and how long each is without compression. They are found by their magic
/// number: good enough for a benchmark.
fn frames(mut payload: &[u8]) -> Vec<(&[u8], usize)> {
    let mut found = Vec::new();
    while let Some(place) = payload.windows(4).position(|magic| magic == [0x28, 0xb5, 0x2f, 0xfd]) {
        payload = &payload[place..];
        let length = zstd::zstd_safe::find_frame_compressed_size(payload).unwrap_or(4);
        let (frame, rest) = payload.split_at(length);
        if let Ok(Some(raw)) = zstd::zstd_safe::get_frame_content_size(frame) {
            found.push((frame, usize::try_from(raw).expect("64 bits")));
        }
        payload = rest;
    }
    found
}

fn median(rounds: usize, mut run: impl FnMut() -> Duration) -> Duration {
    let mut times = (0..rounds).map(|_| run()).collect::<Vec<_>>();
    times.sort_unstable();
    times[rounds / 2]
}

fn wall(run: impl FnOnce()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}

/// Time of all threads of this process on a processor, in steps of 10 ms.
fn process(run: impl FnOnce()) -> Duration {
    let spent = || {
        let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
        let ticks = stat.rsplit(')').next().expect("fields").split(' ').skip(12).take(2);
        Duration::from_millis(ticks.map(|ticks| ticks.parse::<u64>().expect("a number") * 10).sum())
    };
    let before = spent();
    run();
    spent() - before
}

/// Time of this thread on a processor.
fn cpu(run: impl FnOnce()) -> Duration {
    let spent = || {
        let spent = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
        Duration::from_nanos(spent.split(' ').next().expect("a number").parse().expect("a number"))
    };
    let before = spent();
    run();
    spent() - before
}
