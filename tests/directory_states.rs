//! Whatever is in a directory of backups: what deletes old archives deletes nothing else, and never the newest good one.
//! `PGSNAP_STATES` directories; `tests/all --states N` is the long run.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use pgsnap::archive::{
    ArchiveId, ArchiveWriter, BlockEncoder, BlockPosition, Catalog, Column, Entry, Header, Lock, Pass,
    Section, Shape, Source, Table, Transfer, ValueKind,
};
use pgsnap::backups::{Directory, Error, Examine, Policy, WrongClock, prune, status};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// A file that somebody finds there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    /// A byte of its only block is another.
    BlockDamaged,
    CutShort,
    Empty,
    Suspect,
    /// The archive of another database, under its own name and under ours.
    OfOther,
    Renamed,
    /// Look-alikes.
    Copy,
    SymbolicLink,
    Directory,
    Unfinished,
}

const KINDS: [Kind; 11] = [
    Kind::Good,
    Kind::BlockDamaged,
    Kind::CutShort,
    Kind::Empty,
    Kind::Suspect,
    Kind::OfOther,
    Kind::Renamed,
    Kind::Copy,
    Kind::SymbolicLink,
    Kind::Directory,
    Kind::Unfinished,
];

/// Half of them are good archives.
fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![1 => Just(Kind::Good), 1 => prop::sample::select(&KINDS[..])]
}

/// Hours before now, often close together, sometimes in the future.
fn hours() -> impl Strategy<Value = i64> {
    prop_oneof![20 => 0i64..60, 20 => 0i64..24 * 40, 10 => 0i64..24 * 800, 1 => -24i64..0]
}

fn policy() -> impl Strategy<Value = Policy> {
    let small = || prop_oneof![2 => Just(0u32), 1 => 1u32..9];
    (
        small(),
        small(),
        small(),
        small(),
        small(),
        prop_oneof![4 => Just(None), 1 => (1u64..60).prop_map(Some)],
    )
        .prop_map(|(last, daily, weekly, monthly, yearly, days)| Policy {
            last,
            daily,
            weekly,
            monthly,
            yearly,
            within: days.map(|days| Duration::from_secs(days * 86_400)),
        })
}

#[test]
fn nothing_is_deleted_that_is_needed_or_not_ours() {
    let cases = std::env::var("PGSNAP_STATES").map_or(1000, |states| states.parse().unwrap());
    let mut archives = Archives::default();
    let shared_memory = Path::new("/dev/shm");
    let root = if shared_memory.is_dir() { tempfile::tempdir_in(shared_memory) } else { tempfile::tempdir() };
    let root = root.unwrap();
    let archives = std::cell::RefCell::new(&mut archives);
    let deletions = std::cell::Cell::new(0);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let state = (prop::collection::vec((kind(), hours()), 0..14), policy(), any::<bool>());
    TestRunner::new(config)
        .run(&state, |(files, policy, is_full)| {
            let directory = root.path().join("state");
            let _ = fs::remove_dir_all(&directory);
            deletions.set(
                deletions.get() + holds(&mut archives.borrow_mut(), &directory, &files, &policy, is_full),
            );
            Ok(())
        })
        .unwrap();
    assert!(deletions.get() > cases as usize / 4, "hardly anything was deleted: {}", deletions.get());
}

/// The clock of a server that is behind makes an archive that is older than others by its time.
#[test]
fn what_was_made_last_is_not_deleted_for_a_wrong_clock() {
    let (root, now) = (tempfile::tempdir().unwrap(), Utc::now());
    fs::set_permissions(root.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut archives = Archives::default();
    let mut put = |hours| {
        let at = now + TimeDelta::hours(hours);
        make(&mut archives, Kind::Good, at, &root.path().join(name(Kind::Good, at)));
        name(Kind::Good, at)
    };
    let (new, newer) = (put(-48), put(-24));
    let directory = Directory::open(root.path()).unwrap();
    let policy = Policy { last: 1, ..Policy::default() };
    let mut gone = Vec::new();
    let pruned = prune(&directory, "app", &policy, now, 1, Examine::AllBut(&new), Some(&mut gone));
    assert!(
        matches!(pruned, Err(Error::Clock { source: WrongClock::Behind { before, .. }, .. }) if before == newer)
    );
    assert!(gone.is_empty() && root.path().join(&new).is_file());

    // And one that was ahead does not make the newest archive young for ever.
    let future = put(24 * 365);
    let statuses = status(&directory, now, None).unwrap();
    assert_eq!(statuses[0].newest.as_ref().unwrap().name, newer);
    assert!(statuses[0].others.iter().any(|(name, why)| *name == future && why.contains("has not come")));
    assert!(
        statuses[0].is_recent(now, TimeDelta::hours(25)) && !statuses[0].is_recent(now, TimeDelta::hours(23))
    );
}

/// Panics unless the directory is dealt with as it should be; how many archives were deleted.
fn holds(
    archives: &mut Archives,
    path: &Path,
    files: &[(Kind, i64)],
    policy: &Policy,
    is_full: bool,
) -> usize {
    let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut made: BTreeMap<String, (Kind, DateTime<Utc>)> = BTreeMap::new();
    for (kind, hours) in files {
        let at = now - TimeDelta::hours(*hours);
        let name = name(*kind, at);
        let file = path.join(&name);
        made.entry(name).or_insert_with(|| {
            make(archives, *kind, at, &file);
            (*kind, at)
        });
    }
    let before = contents(path);
    let directory = Directory::open(path).unwrap();
    let examine = if is_full { Examine::All } else { Examine::Newest };
    let tried = prune(&directory, "app", policy, now, 1, examine, None);
    assert_eq!(contents(path), before, "a dry run has changed something");
    let mut gone = Vec::new();
    let pruned = prune(&directory, "app", policy, now, 1, examine, Some(&mut gone));
    let after = contents(path);
    let good = || made.iter().filter(|(_, (kind, _))| *kind == Kind::Good);
    let pruned = match pruned {
        Ok(pruned) => pruned,
        Err(error) => {
            assert_eq!(after, before, "an error, and something is gone: {error}");
            match error {
                Error::NoneGood { .. } => assert_eq!(good().count(), 0),
                Error::Clock { source: WrongClock::Future { .. }, .. } => {
                    assert!(made.values().any(|(_, at)| *at > now));
                }
                Error::Clock { source: WrongClock::Gap { .. }, .. } => assert!(policy.within.is_some()),
                other => panic!("{other}"),
            }
            return 0;
        }
    };
    let deleted: Vec<&String> = before.keys().filter(|name| !after.contains_key(*name)).collect();
    let mut named: Vec<&String> = pruned.deleted.iter().map(|backup| &backup.name).collect();
    named.sort();
    assert_eq!(named, deleted, "what was deleted is not what it says");
    gone.sort();
    assert_eq!(gone.iter().collect::<Vec<_>>(), deleted, "what was deleted is not what it has noted");
    assert_eq!(tried.unwrap().deleted, pruned.deleted, "a dry run says something else");
    for (name, content) in &after {
        assert!(before.get(name) == Some(content), "{name} is another file now");
    }
    for name in &deleted {
        // A block that is damaged is found where all are read.
        let kind = made[*name].0;
        assert!(
            kind == Kind::Good || (kind == Kind::BlockDamaged && !is_full),
            "{name} was deleted: {kind:?}"
        );
    }
    if let Some((newest, _)) = good().max_by_key(|(_, (_, at))| *at) {
        assert!(after.contains_key(newest), "the newest good archive is gone: {newest}");
    }
    assert!(policy.has_rules() || deleted.is_empty(), "deleted without a rule");
    let again = prune(&directory, "app", policy, now, 1, examine, Some(&mut gone)).unwrap();
    assert!(again.deleted.is_empty(), "the same rules delete more the second time");
    deleted.len()
}

fn name(kind: Kind, at: DateTime<Utc>) -> String {
    let time = at.format("%Y-%m-%dT%H%M%SZ");
    match kind {
        Kind::Suspect => format!("app_{time}.pgsnap.suspect"),
        Kind::OfOther => format!("app_2_{time}.pgsnap"),
        Kind::Copy => format!("app_{time}.pgsnap.old"),
        Kind::Unfinished => format!(".app_{time}.pgsnap.0123.partial"),
        _ => format!("app_{time}.pgsnap"),
    }
}

fn make(archives: &mut Archives, kind: Kind, at: DateTime<Utc>, path: &Path) {
    let bytes = archives.of(at, matches!(kind, Kind::OfOther | Kind::Renamed));
    match kind {
        Kind::BlockDamaged => {
            let mut bytes = bytes.to_vec();
            // The first block stands behind the catalog; its marker is looked for, its payload is behind its header.
            let block = bytes.windows(8).position(|window| window == b"\xffPGBLOCK").unwrap();
            bytes[block + 50] ^= 1;
            fs::write(path, bytes).unwrap();
        }
        Kind::CutShort => fs::write(path, &bytes[..bytes.len() - 1]).unwrap(),
        Kind::Empty => fs::write(path, "").unwrap(),
        Kind::Directory => fs::create_dir(path).unwrap(),
        Kind::SymbolicLink => {
            let target = PathBuf::from(format!("{}.target", path.display()));
            fs::write(&target, bytes).unwrap();
            symlink(target, path).unwrap();
        }
        _ => fs::write(path, bytes).unwrap(),
    }
}

/// What each file holds, and a word for what is no file.
fn contents(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    let content = |entry: &fs::DirEntry| match entry.file_type().unwrap() {
        kind if kind.is_file() => fs::read(entry.path()).unwrap(),
        kind => format!("{kind:?}").into_bytes(),
    };
    entries.map(|entry| (entry.file_name().into_string().unwrap(), content(&entry))).collect()
}

/// Archives by time and database: to make one takes longer than to write it.
#[derive(Default)]
struct Archives(BTreeMap<(DateTime<Utc>, bool), Vec<u8>>);

impl Archives {
    fn of(&mut self, at: DateTime<Utc>, of_other: bool) -> &[u8] {
        self.0
            .entry((at, of_other))
            .or_insert_with(|| archive(if of_other { "app_2" } else { "app" }, at.timestamp_micros()))
    }
}

fn archive(database: &str, snapshot_time: i64) -> Vec<u8> {
    let entry = |id, kind: &str, section, dependencies, table| Entry {
        id,
        kind: kind.to_owned(),
        schema: Some("public".to_owned()),
        name: "t".to_owned(),
        owner: None,
        section,
        pass: Pass::Main,
        lock: Lock::None,
        create: Vec::new(),
        drop: Vec::new(),
        owned: None,
        tablespace: None,
        access_method: None,
        dependencies,
        table,
    };
    let table = Table {
        entry: 2,
        schema: "public".to_owned(),
        name: "t".to_owned(),
        transfer: Transfer::Text,
        text_reason: None,
        root: None,
        condition: None,
        columns: vec![Column {
            name: "a".to_owned(),
            type_name: "text".to_owned(),
            value: ValueKind::Opaque,
            shape: Shape::Plain,
        }],
    };
    let catalog = Catalog {
        source: Source { database: database.to_owned(), snapshot_time, ..Source::default() },
        entries: vec![
            entry(1, "TABLE", Section::PreData, Vec::new(), None),
            entry(2, "TABLE DATA", Section::Data, vec![1], Some(0)),
        ],
        tables: vec![table],
    };
    let id = ArchiveId(u128::from(snapshot_time.cast_unsigned()).to_be_bytes());
    let mut writer = ArchiveWriter::create(Vec::new(), &Header::new(id, snapshot_time), &catalog).unwrap();
    let position = BlockPosition { chunk: 0, sequence: 0 };
    let rows = b"a row\nanother row\n";
    let block = BlockEncoder::new(id, 0).unwrap().encode(0, &catalog.tables[0], position, rows).unwrap();
    writer.append(&block).unwrap();
    writer.finish().unwrap().0
}
