//! Archives that are kept for ever: what each holds, or why it is refused, stays as the list beside it says.
#![allow(clippy::unwrap_used)] // a test fails by panicking

#[path = "vectors/mod.rs"]
mod vectors;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pgsnap::archive::{BlockDecoder, Catalog, Contents, Error, FORMAT_MAJOR, FORMAT_MINOR, SequentialReader};

use vectors::Holds;

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

/// The list has digests only: this compares whole catalogs and rows, and says where they differ. What is made now reads
/// like what was made when the version came out, even when its bytes are others.
#[test]
fn every_vector_holds_what_it_was_made_of() {
    let folder = root().join(format!("{FORMAT_MAJOR}.{FORMAT_MINOR}"));
    let vectors = vectors::all().into_iter().map(|vector| (vector.name.clone(), vector));
    let mut vectors = vectors.collect::<BTreeMap<_, _>>();
    for line in list(&folder) {
        let parts = line.split('\t').collect::<Vec<_>>();
        let name = parts[0];
        let vector = vectors.remove(name).unwrap_or_else(|| panic!("{name} is not made any more"));
        assert_eq!(vector.what, parts[4]);
        let file = std::fs::read(folder.join(format!("{name}.pgsnap"))).unwrap();
        for (bytes, which) in [(&file, "kept"), (&vector.bytes, "made now")] {
            let outcome = vectors::read(bytes);
            if let (Some(found), Some(expected)) = (&outcome.holds, &vector.holds) {
                assert_eq!(found.header, expected.header, "{name}, {which}");
                assert_eq!(found.catalog, expected.catalog, "{name}, {which}");
            }
            assert!(outcome.holds == vector.holds, "{name}, {which}: other rows");
            assert_eq!(outcome.exit.to_string(), parts[2], "{name}, {which}");
        }
    }
    assert!(vectors.is_empty(), "run the example write-vectors for {:?}", vectors.keys());
}

/// A reader that sees each byte once, as from a pipe, finds the same and refuses the same.
#[test]
fn every_vector_reads_the_same_in_sequence() {
    for folder in versions() {
        for line in list(&folder) {
            let parts = line.split('\t').collect::<Vec<_>>();
            let bytes = std::fs::read(folder.join(format!("{}.pgsnap", parts[0]))).unwrap();
            match (in_sequence(&bytes), vectors::read(&bytes).holds) {
                (Ok(found), Some(expected)) => assert!(found == expected, "{}: another content", parts[0]),
                (Err(error), None) => {
                    let newer = matches!(error, Error::Version { .. } | Error::Features { .. });
                    assert_eq!(newer, parts[2] == "9", "{}: {error}", parts[0]);
                }
                (Ok(_), None) => panic!("{}: read, but must be refused", parts[0]),
                (Err(error), Some(_)) => panic!("{}: {error}", parts[0]),
            }
        }
    }
}

fn in_sequence(bytes: &[u8]) -> Result<Holds, Error> {
    let mut reader = SequentialReader::open(bytes)?;
    let (header, catalog) = (reader.header().clone(), Catalog::clone(reader.catalog()));
    let mut decoder = BlockDecoder::new(header.id)?;
    let mut contents = Contents::new(&catalog);
    let mut rows = vec![vec![]; catalog.tables.len()];
    while let Some((block, ())) = reader.next_block(|_| ())? {
        let table = block.info.table as usize;
        let mut out = vec![];
        let content = block.read(&mut decoder, &catalog.tables[table], &mut out)?;
        contents.add(&catalog, &block, content);
        rows[table].extend(out);
    }
    reader.finish(contents)?;
    Ok(Holds { header, catalog, rows })
}

/// The program says of each vector what the list says.
#[cfg(feature = "cli")]
#[test]
fn inspect_ends_as_the_list_says() {
    for folder in versions() {
        for line in list(&folder) {
            let parts = line.split('\t').collect::<Vec<_>>();
            let file = folder.join(format!("{}.pgsnap", parts[0]));
            let mut inspect = std::process::Command::new(env!("CARGO_BIN_EXE_pgsnap"));
            let output = inspect.env_clear().arg("inspect").arg(&file).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code().unwrap().to_string(), parts[2], "{}: {stderr}", parts[0]);
        }
    }
}
