//! Writes the vectors that are not in the folder of the format's version yet, and the list of all that are there. Vectors
//! that are there stay: `cargo run --no-default-features --example write-vectors`
#![allow(clippy::unwrap_used)] // a tool for developers

#[path = "mod.rs"]
#[allow(dead_code)] // the test of the vectors uses the rest
mod vectors;

use std::path::Path;

use pgsnap::archive::{FORMAT_MAJOR, FORMAT_MINOR};

fn main() {
    let folder = format!("tests/vectors/{FORMAT_MAJOR}.{FORMAT_MINOR}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut list = "name\tfile\texit\tsays\texercises\n".to_owned();
    for vector in vectors::all() {
        let file = folder.join(format!("{}.pgsnap", vector.name));
        if !file.exists() {
            std::fs::write(&file, &vector.bytes).unwrap();
        }
        list += &vectors::line(&vector.name, &vector.what, &std::fs::read(&file).unwrap());
        list += "\n";
    }
    std::fs::write(folder.join("list.tsv"), list).unwrap();
}
