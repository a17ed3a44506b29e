//! The properties of the fuzz targets, for a few seconds and without a fuzzer: inputs are the targets' seeds, changed at
//! random but the same in every run. `tests/all --fuzz` is the long run.
//!
//! `PGSNAP_FUZZ_RUNS` inputs per target. With `PGSNAP_FUZZ_SEEDS` the seeds are written below that folder for a fuzzer.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::panic::catch_unwind;

// For the parts of the library that the targets include.
use pgsnap::archive;

#[allow(missing_docs, unused_imports, clippy::expect_used)] // what is public there has its use in the targets
#[path = "../fuzz/lib.rs"]
mod properties;

use properties::{TARGETS, Target};

/// Numbers without pattern.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }
}

/// Changes `input` as a fuzzer would: bits, bytes, pieces of it and of `other`.
fn change(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let (at, length) = (random.below(input.len()), 1 + random.below(8));
    let end = (at + length).min(input.len());
    match random.below(7) {
        0 if !input.is_empty() => input[at] ^= 1 << random.below(8),
        1 if !input.is_empty() => input[at] = random.next().to_le_bytes()[0],
        2 if !input.is_empty() => input[at] = [0, 1, 0x7f, 0x80, 0xfb, 0xfe, 0xff][random.below(7)],
        3 => drop(input.drain(at..end)),
        4 => input.splice(at..at, random.next().to_le_bytes().into_iter().take(length)).for_each(drop),
        5 => {
            let from = random.below(other.len());
            let piece = &other[from..(from + length * 4).min(other.len())];
            input.splice(at..end, piece.iter().copied()).for_each(drop);
        }
        _ => input.truncate(input.len() - length.min(input.len())),
    }
}

fn try_all(target: &Target, runs: usize) {
    let seeds = (target.seeds)();
    if let Some(folder) = std::env::var_os("PGSNAP_FUZZ_SEEDS") {
        let folder = std::path::Path::new(&folder).join(target.name);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
        }
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for run in 0..runs {
        let mut input = seeds[run % seeds.len()].clone();
        // The seeds themselves come first.
        if run >= seeds.len() {
            for _ in 0..=random.below(5) {
                let other = &seeds[random.below(seeds.len())];
                change(&mut input, other, &mut random);
            }
        }
        let held = catch_unwind(|| (target.holds)(&input));
        assert!(held.is_ok(), "{} does not hold for run {run}, the input {input:02x?}", target.name);
    }
}

#[test]
fn the_properties_hold_for_some_thousand_inputs() {
    let runs = std::env::var("PGSNAP_FUZZ_RUNS").map_or(10_000, |runs| runs.parse().unwrap());
    std::thread::scope(|scope| {
        for target in &TARGETS {
            scope.spawn(move || try_all(target, runs));
        }
    });
}
