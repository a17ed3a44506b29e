//! format-spec/reader.py and digest.py, which share no code with the library, find in an archive what the library finds,
//! and refuse what it refuses: so the chapters that they were written from say what the bytes are, and the library's
//! encoder and decoder are not wrong in the same way.
//!
//! Needs python3 and the packages that `tests/servers install` fetches; without them the tests are ignored.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;
#[path = "vectors/mod.rs"]
#[allow(dead_code)] // the test of the vectors uses the rest
mod vectors;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Arguments, Trial};
use pgsnap::archive::{Archive, Transfer};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use support::TestResult;
use vectors::bytes::{ID, Rows, parts};
use vectors::{Holds, header};

const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const BINARY_TRAILER: &[u8] = b"\xff\xff";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of the vectors of all versions.
fn kept() -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let folders = entries(&root().join("tests/vectors")).into_iter().filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| entries(&folder));
    let mut files =
        files.filter(|path| path.extension().is_some_and(|end| end == "pgsnap")).collect::<Vec<_>>();
    files.sort();
    assert!(files.len() > 100);
    files
}

fn vector(name: &str) -> PathBuf {
    root().join(format!("tests/vectors/1.0/{name}.pgsnap"))
}

/// Python with the second reader and its packages, which are in `packages`.
fn python(packages: &Path, script: &str) -> Command {
    let mut command = Command::new("python3");
    let path = std::env::join_paths([&root().join("format-spec"), packages]).unwrap();
    command.env("PYTHONPATH", path).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    command.arg(root().join(script));
    command
}

/// What the second reader says of each of the files.
fn second(packages: &Path, files: &[PathBuf]) -> Vec<Value> {
    let mut list = tempfile::tempfile().unwrap();
    files.iter().for_each(|file| writeln!(list, "{}", file.display()).unwrap());
    std::io::Seek::rewind(&mut list).unwrap();
    let output = support::run(python(packages, "tests/second_reader.py").stdin(list)).expect_code(0);
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the library says of an archive, in the same form.
fn first(bytes: &[u8]) -> Value {
    let outcome = vectors::read(bytes);
    let Some(Holds { header, catalog, rows }) = outcome.holds else {
        return json!({ "code": if outcome.exit == 9 { 1 } else { outcome.exit } });
    };
    let digest = |(rows, transfer)| {
        let whole = match transfer {
            Transfer::Binary => [BINARY_HEADER, rows, BINARY_TRAILER].concat(),
            Transfer::Text => rows.to_vec(),
        };
        format!("{:032x}", xxh3_128(&whole))
    };
    let transfers = catalog.tables.iter().map(|table| table.transfer);
    let rows = rows.iter().map(Vec::as_slice).zip(transfers).map(digest).collect::<Vec<_>>();
    let header = json!({
        "major": header.major, "minor": header.minor, "required_features": header.required_features,
        "optional_features": header.optional_features, "id": header.id.0, "snapshot_time": header.snapshot_time,
    });
    let archive = Archive::from_bytes(bytes.to_vec()).unwrap();
    json!({ "code": 0, "header": header, "catalog": catalog, "index": archive.index(), "rows": rows })
}

/// Both readers say the same of each of the files; `sound` of them are sound.
fn agree(packages: &Path, files: &[PathBuf], sound: usize) {
    let found = second(packages, files);
    assert_eq!(found.len(), files.len());
    let mut read = 0;
    for (file, found) in files.iter().zip(found) {
        let expected = first(&std::fs::read(file).unwrap());
        read += usize::from(expected["code"] == 0);
        for part in ["code", "header", "catalog", "index", "rows"] {
            assert!(found.get(part) == expected.get(part), "{}: another {part}: {found}", file.display());
        }
    }
    assert_eq!(read, sound);
}

/// The archives as files in `directory`.
fn files(directory: &Path, archives: &[Vec<u8>]) -> Vec<PathBuf> {
    let file = |(n, bytes)| {
        let file = directory.join(format!("{n}"));
        std::fs::write(&file, bytes).unwrap();
        file
    };
    archives.iter().enumerate().map(file).collect()
}

fn vectors_agree(packages: &Path) -> TestResult {
    let files = kept();
    let sound = files.iter().filter(|file| vectors::read(&std::fs::read(file).unwrap()).exit == 0).count();
    assert!(sound > 40 && sound < files.len() - 100);
    agree(packages, &files, sound);
    Ok(())
}

/// What the encoder makes of the vectors' rows: all rows of a table in one block, at several levels.
fn what_is_written_now_agrees(packages: &Path) -> TestResult {
    let directory = tempfile::tempdir().unwrap();
    let mut archives = vec![];
    for Holds { catalog, rows, .. } in vectors::all().into_iter().filter_map(|vector| vector.holds) {
        let rows = (0..).zip(rows).filter(|(_, rows)| !rows.is_empty());
        let rows =
            rows.map(|(table, rows)| Rows { table, chunk: 0, rows, payload: None }).collect::<Vec<_>>();
        for level in [0, 1, 9] {
            archives.push(parts(&header(), &catalog, &rows, level).bytes());
        }
    }
    agree(packages, &files(directory.path(), &archives), archives.len());
    Ok(())
}

/// A flipped bit in every part of an archive, and bytes that are missing or too many, are damage.
fn damage_is_noticed(packages: &Path) -> TestResult {
    let directory = tempfile::tempdir().unwrap();
    let whole = std::fs::read(vector("everything")).unwrap();
    let flipped = |(place, bit)| {
        let mut flipped = whole.clone();
        flipped[place] ^= 1u8 << bit;
        flipped
    };
    let mut archives =
        (0..whole.len()).step_by(11).zip((0..8).cycle()).map(flipped).collect::<Vec<Vec<u8>>>();
    archives.extend((0..whole.len()).step_by(97).map(|end| whole[..end].to_vec()));
    archives.push([&whole[..], &ID.0].concat());
    for (outcome, archive) in second(packages, &files(directory.path(), &archives)).iter().zip(archives) {
        assert_eq!(outcome["code"], 3, "{} bytes", archive.len());
    }
    Ok(())
}

fn commands(packages: &Path) -> TestResult {
    let reader = |arguments: &[&str], code| {
        support::run(python(packages, "format-spec/reader.py").args(arguments)).expect_code(code)
    };
    let path = |name: &str| vector(name).to_str().unwrap().to_owned();
    let (sound, damaged) = (path("everything"), path("damaged-block"));
    assert_eq!(reader(&["check", &sound], 0).stdout, "");
    assert!(reader(&["check", &damaged], 3).stdout.starts_with("public.a, block at "));
    assert!(reader(&["check", &path("header-newer-major")], 1).stderr.contains("needs another reader"));
    assert!(reader(&["check", &path("damaged-empty-file")], 3).stderr.contains("empty"));
    reader(&["check", "no such file"], 1);
    reader(&[], 2);
    let listed = reader(&["list", &path("text")], 0).stdout;
    let lines = listed.lines().map(|line| line.split('\t').collect::<Vec<_>>()).collect::<Vec<_>>();
    assert_eq!(lines[0], ["table", "transfer", "rows", "blocks", "raw_bytes", "stored_bytes"]);
    assert_eq!(lines[1][..4], ["public.text", "Text", "6", "2"]);
    assert_eq!(reader(&["rows", &path("text-one-column"), "public.one"], 0).stdout, "\n\\N\n\nx\n\\\\.\n");
    assert!(reader(&["rows", &sound, "public.none"], 1).stderr.contains("has 0 tables"));
    let output = python(packages, "format-spec/reader.py")
        .args(["rows", &path("catalog-stored"), "public.t"])
        .output()?;
    assert_eq!(output.stdout, [BINARY_HEADER, b"\0\x01\0\0\0\x01a", BINARY_TRAILER].concat());

    let digest = |name: &str, code| {
        support::run(python(packages, "format-spec/digest.py").args(["check", &path(name)])).expect_code(code)
    };
    assert_eq!(digest("everything", 0).stdout, "");
    assert_eq!(digest("index-digest", 3).stdout, "public.a: the digest\n");
    assert_eq!(digest("index-min", 3).stdout, "public.a: the facts\n");
    Ok(())
}

fn main() {
    type Test = fn(&Path) -> TestResult;
    let tests: [(&str, Test); 4] = [
        ("vectors_agree", vectors_agree),
        ("what_is_written_now_agrees", what_is_written_now_agrees),
        ("damage_is_noticed", damage_is_noticed),
        ("commands", commands),
    ];
    let packages: Option<PathBuf> = support::python_packages();
    let trials = tests.map(|(name, test)| match packages.clone() {
        Some(packages) => Trial::test(name, move || test(&packages)),
        None => Trial::test(name, || Ok(())).with_ignored_flag(true),
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit();
}
