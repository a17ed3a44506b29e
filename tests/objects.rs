//! One fixture per kind of object under `tests/objects/`: load it, dump, restore, and pg_dump sees no difference. A kind that no
//! fixture holds is refused. A fixture with lines `-- uncovered: ...` is not restored: its dump has to list just these.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed};
use pgsnap::archive::{Archive, Entry, Lock};
use pgsnap::selection::{Place, place};
use support::{Database, Server, TestResult, assert_same, pgsnap, run};

mod support;

fn main() {
    let mut trials = vec![support::trial(18, "every_kind_has_a_fixture", every_kind_has_a_fixture)];
    trials.push(support::trial(18, "indexes_of_keys_of_large_tables", indexes_of_keys_of_large_tables));
    for fixture in fixtures() {
        let name = fixture.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for major in support::majors_of(&fixture) {
            let fixture = fixture.clone();
            trials.push(support::trial(major, &name, move |server| round_trip(server, &fixture)));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn fixtures() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects");
    let mut fixtures: Vec<PathBuf> = fs::read_dir(directory)
        .expect("tests/objects")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    fixtures.sort();
    fixtures
}

/// What the fixture's dump has to list as not dumped, sorted.
fn uncovered(fixture: &Path) -> Vec<String> {
    let text = fs::read_to_string(fixture).expect("a fixture");
    let mut lines: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix("-- uncovered: ").map(str::to_owned)).collect();
    lines.sort();
    lines
}

/// A fixture with a line `-- rows move` has rows whose partition depends on the database.
fn rows_move(fixture: &Path) -> bool {
    fs::read_to_string(fixture).expect("a fixture").lines().any(|line| line == "-- rows move")
}

fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn every_kind_has_a_fixture(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let mut seen = String::new();
    for (number, fixture) in
        fixtures().iter().enumerate().filter(|(_, fixture)| support::majors_of(fixture).contains(&18))
    {
        let source = server.create_database("fixture");
        source.load(fixture);
        let archive = directory.path().join(number.to_string());
        dump(&source, &archive, "2", if uncovered(fixture).is_empty() { 0 } else { 4 });
        seen.push_str(&format!("{:#}", entries(&archive)));
    }
    let is_missing = |tag: &&str| !seen.contains(&format!("\"kind\": \"{tag}\""));
    let missing: Vec<&str> =
        pgsnap::catalog::kinds::KINDS.iter().map(|kind| kind.tag).filter(is_missing).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Failed::from(format!("kinds without a fixture: {missing:?}")))
    }
}

/// They are entries that lock no table for themselves, and the constraints take them over.
fn indexes_of_keys_of_large_tables(server: &Server) -> TestResult {
    let source = server.create_database("keys");
    source.load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/constraint_large.sql"));
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    dump(&source, &archive, "2", 0);
    let archive = Archive::open(&archive)?;
    let made = |entry: &&Entry| entry.create.iter().any(|statement| statement.contains(" USING INDEX "));
    let taken: Vec<String> =
        archive.catalog().entries.iter().filter(made).map(|entry| entry.label()).collect();
    let keys = ["child child_C c_key", "one one_part_id_key", "t C c", "t U's", "t deferred", "t t_pkey"];
    assert_same(
        "constraints that take over an index",
        &keys.map(|key| format!("CONSTRAINT large.{key}")).join("\n"),
        &taken.join("\n"),
    );
    let indexes = archive.catalog().entries.iter().filter(|entry| entry.kind == "INDEX");
    let shared: Vec<&str> =
        indexes.filter(|index| index.lock == Lock::Share).map(|index| index.name.as_str()).collect();
    assert_same(
        "indexes",
        "C c\nU's\nchild_C c_key\ndeferred\none_part_id_key\nt_pkey\nother",
        &shared.join("\n"),
    );
    Ok(())
}

fn round_trip(server: &Server, fixture: &Path) -> TestResult {
    let source = server.create_database("object");
    source.load(fixture);
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let uncovered = uncovered(fixture);
    if !uncovered.is_empty() {
        dump(&source, &archive, "2", 4);
        let mut listed = Archive::open(&archive)?.catalog().source.uncovered.clone();
        listed.sort();
        assert_same("what is not dumped", &uncovered.join("\n"), &listed.join("\n"));
        return Ok(());
    }
    dump(&source, &archive, "4", 0);
    let expected = source.oracle_dump(&[]);
    let restore = |archive: &Path, jobs: &str| {
        let target = server.create_database("object_target");
        run(pgsnap().args(["restore", "--jobs", jobs, "-d", &target.conninfo()]).arg(archive)).expect_code(0);
        let actual = target.oracle_dump(&[]);
        let what = format!("pg_dump of the source and of what {jobs} jobs restored");
        if rows_move(fixture) {
            assert_same(&what, &sorted(&expected), &sorted(&actual));
        } else {
            assert_same(&what, &expected, &actual);
        }
        target
    };
    let target = restore(&archive, "4");

    // pg_dump does not tell every comment and label.
    assert_same("comments and security labels", &source.psql(SAID), &target.psql(SAID));

    // Equal databases give equal dumps: what was restored dumps to the same entries, in the same order.
    let again = directory.path().join("b.pgsnap");
    dump(&target, &again, "1", 0);
    let made = |archive: &Path| entries_made(archive, server.major >= 18);
    assert_same("entries of both archives", &made(&archive)?, &made(&again)?);
    if support::is_at_an_end(&support::majors_of(fixture), server.major) {
        drop(restore(&again, "1"));
    }

    // What the archive says drops an object does, in the reverse of the restore's order.
    let archive = Archive::open(&archive)?;
    let drops = archive.catalog().entries.iter().rev().flat_map(|entry| &entry.drop);
    target.psql(&drops.map(|statement| format!("{statement};\n")).collect::<String>());
    assert_same("what is left", "", &target.psql(LEFT));
    Ok(())
}

const SAID: &str = "SELECT o.type, o.identity, d.provider, d.text
                    FROM (SELECT classoid, objoid, objsubid, '' AS provider, description AS text FROM pg_description
                          UNION ALL SELECT classoid, objoid, objsubid, provider, label FROM pg_seclabel) d
                    CROSS JOIN LATERAL pg_identify_object(classoid, objoid, objsubid) o
                    WHERE objoid >= 16384 OR classoid IN (2613, 2615) ORDER BY 1, 2, 3";

const LEFT: &str = "SELECT oid::regclass::text FROM pg_class WHERE oid >= 16384
                    UNION ALL SELECT oid::regprocedure::text FROM pg_proc WHERE oid >= 16384
                    UNION ALL SELECT oid::regtype::text FROM pg_type WHERE oid >= 16384
                    UNION ALL SELECT oid::text FROM pg_largeobject_metadata";

fn dump(database: &Database, archive: &Path, jobs: &str, code: i32) {
    run(pgsnap().args(["dump", "--jobs", jobs, "-d", &database.conninfo(), "-f"]).arg(archive))
        .expect_code(code);
}

fn entries(archive: &Path) -> serde_json::Value {
    let description = run(pgsnap().args(["inspect", "--json"]).arg(archive)).expect_code(0).stdout;
    let description: serde_json::Value = serde_json::from_str(&description).expect("JSON");
    description["entries"].clone()
}

/// The entries with what they depend on by name, without what is outside the database, which another database has other ones
/// of. A server that takes no statistics makes some of its own when indexes are built on full tables, so that its dump may hold
/// more of them.
fn entries_made(archive: &Path, statistics: bool) -> Result<String, Failed> {
    let archive = Archive::open(archive)?;
    let entries = &archive.catalog().entries;
    let is_made = |entry: &&Entry| {
        place(entries, entry) == Place::Inside && (statistics || entry.kind != "STATISTICS DATA")
    };
    let mut text = String::new();
    for entry in entries.iter().filter(is_made) {
        text += &format!("{} of {:?}\n", entry.label(), entry.owner);
        for id in &entry.dependencies {
            text += &format!("  needs {}\n", entries[*id as usize - 1].label());
        }
    }
    Ok(text)
}
