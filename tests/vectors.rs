//! Archives that are kept for ever: what each holds, or why it is refused, stays as the list beside it says.
#![allow(clippy::unwrap_used)] // a test fails by panicking

#[path = "vectors/mod.rs"]
mod vectors;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pgsnap::archive::{FORMAT_MAJOR, FORMAT_MINOR};

/// Limit of a vector, and of all vectors of a version.
const MAX_VECTOR: u64 = 128 << 10;
const MAX_FOLDER: u64 = 1 << 20;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// The folders of all versions; there is one for the version that this code writes.
fn versions() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let folders = entries.filter(|path| path.is_dir()).collect::<Vec<_>>();
    assert!(folders.contains(&root().join(format!("{FORMAT_MAJOR}.{FORMAT_MINOR}"))));
    folders
}

/// The lines of a folder's list.
fn list(folder: &Path) -> Vec<String> {
    let list = std::fs::read_to_string(folder.join("list.tsv")).unwrap();
    list.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn folder_and_list_agree() {
    for folder in versions() {
        let mut files = BTreeSet::new();
        let mut total = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if ["list.tsv", "README.md"].contains(&&name[..]) {
                continue;
            }
            let length = entry.metadata().unwrap().len();
            assert!(length <= MAX_VECTOR, "{name} has {length} bytes");
            total += length;
            assert!(files.insert(name));
        }
        assert!(total < MAX_FOLDER, "{total} bytes");
        let lines = list(&folder);
        let listed = lines.iter().map(|line| format!("{}.pgsnap", line.split('\t').next().unwrap()));
        assert_eq!(listed.clone().collect::<BTreeSet<_>>(), files, "{}", folder.display());
        assert_eq!(listed.count(), files.len(), "a vector has two lines");
    }
}

#[test]
fn every_vector_reads_as_the_list_says() {
    for folder in versions() {
        for expected in list(&folder) {
            let parts = expected.split('\t').collect::<Vec<_>>();
            let bytes = std::fs::read(folder.join(format!("{}.pgsnap", parts[0]))).unwrap();
            assert_eq!(vectors::line(parts[0], parts[4], &bytes), expected);
        }
    }
}

/// The list has digests only: this compares whole catalogs and rows, and says where they differ.
#[test]
fn every_vector_holds_what_it_was_made_of() {
    let folder = root().join(format!("{FORMAT_MAJOR}.{FORMAT_MINOR}"));
    let mut made = vectors::all().into_iter().map(|vector| (vector.name.clone(), vector));
    let mut made = made.by_ref().collect::<BTreeMap<_, _>>();
    for line in list(&folder) {
        let name = line.split('\t').next().unwrap();
        let bytes = std::fs::read(folder.join(format!("{name}.pgsnap"))).unwrap();
        let vector = made.remove(name).unwrap_or_else(|| panic!("{name} is not made any more"));
        let holds = vectors::read(&bytes).holds;
        if let (Some(found), Some(expected)) = (&holds, &vector.holds) {
            assert_eq!(found.header, expected.header, "{name}");
            assert_eq!(found.catalog, expected.catalog, "{name}");
        }
        assert!(holds == vector.holds, "{name}: other rows");
    }
    assert!(made.is_empty(), "run the example write-vectors for {:?}", made.keys());
}
