//! Large objects, many and large ones: dumped and restored, by several workers and through a pipe, and what can happen to them.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::Arguments;
use pgsnap::archive::Archive;
use support::{Database, Outcome, Server, TestResult, assert_same, pgsnap, run};

mod support;

type Test = fn(&Server) -> TestResult;

fn main() {
    let mut arguments = Arguments::from_args();
    // Every trial keeps a core of the server and one of its own busy.
    arguments.test_threads.get_or_insert(2);
    let tests: [(&str, Test); 8] = [
        ("many_and_one_of_40_mb_jobs_1", |server| many_and_one_of_40_mb(server, "1")),
        ("many_and_one_of_40_mb_jobs_4", |server| many_and_one_of_40_mb(server, "4")),
        ("through_a_pipe", through_a_pipe),
        ("a_changed_object_is_noticed", a_changed_object_is_noticed),
        ("no_superuser", no_superuser),
        ("no_permission", no_permission),
        ("a_lost_block_leaves_a_hole", a_lost_block_leaves_a_hole),
        ("target_not_empty", target_not_empty),
    ];
    let trials = tests.iter().flat_map(|(name, test)| support::trials_on(&[13, 17, 18], name, *test));
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

/// Many small objects, some empty, and one of 40 MB that does not compress.
fn fill(source: &Database) {
    source.psql(
        "SELECT count(lo_from_bytea(0, convert_to(repeat(md5(i::text), i % 100), 'UTF8'))) FROM generate_series(1, 10000) i;
         SELECT lo_create(4000000000);
         WITH piece AS (SELECT decode(string_agg(md5(i::text), ''), 'hex') AS data FROM generate_series(1, 65536) i)
         SELECT count(lo_put(4000000000, i * 1000000::int8, set_byte(data, i, i))) FROM generate_series(0, 39) i, piece",
    );
}

/// Every object with what the server stores of it, holes as such.
fn contents(database: &Database) -> String {
    database.psql(
        "SELECT m.oid, m.lomowner::regrole, m.lomacl::text, md5(string_agg(pageno || ' ' || md5(data), ',' ORDER BY pageno))
         FROM pg_largeobject_metadata m LEFT JOIN pg_largeobject ON loid = m.oid GROUP BY 1, 2, 3 ORDER BY 1",
    )
}

fn dump(conninfo: &str, archive: &Path, arguments: &[&str]) -> Outcome {
    run(pgsnap().args(["dump", "-d", conninfo, "-f"]).arg(archive).args(arguments))
}

fn restore(conninfo: &str, archive: &Path, arguments: &[&str]) -> Outcome {
    run(pgsnap().args(["restore", "-d", conninfo]).arg(archive).args(arguments))
}

fn expect_words(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "the message does not say {word:?}:\n{text}");
    }
}

fn many_and_one_of_40_mb(server: &Server, jobs: &str) -> TestResult {
    let (source, target) = (server.create_database("source"), server.create_database("target"));
    fill(&source);
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.pgsnap");
    dump(&source.conninfo(), &path, &["--jobs", jobs]).expect_code(0);
    let archive = Archive::open(&path)?;
    let chunks = archive.index().tables[0].blocks.iter().map(|block| block.chunk);
    assert_eq!(chunks.max(), Some(10), "chunks of at most a thousand objects");
    let listed = run(pgsnap().arg("inspect").arg(&path)).expect_code(0).stdout;
    expect_words(&listed, &["BLOBS  pg_catalog.pg_largeobject", "10,001 BLOB METADATA", "intact"]);
    let restored = restore(&target.conninfo(), &path, &["--jobs", jobs]).expect_code(0);
    expect_words(&restored.stdout, &["every table equal to the archive"]);
    assert_same("objects of source and target", &contents(&source), &contents(&target));
    Ok(())
}

fn through_a_pipe(server: &Server) -> TestResult {
    let source = server.create_database("source");
    fill(&source);
    source.psql("CREATE TABLE t AS SELECT i FROM generate_series(1, 100000) i");
    for jobs in ["1", "4"] {
        let target = server.create_database("target");
        let mut dump = pgsnap()
            .args(["dump", "--jobs", jobs, "-d", &source.conninfo(), "-f", "-"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut restore: Command = pgsnap();
        restore.args(["restore", "--jobs", jobs, "-d", &target.conninfo(), "-"]);
        let restored = run(restore.stdin(dump.stdout.take().expect("a pipe")));
        assert!(dump.wait()?.success());
        expect_words(&restored.expect_code(0).stdout, &["every table equal to the archive"]);
        assert_same("objects of source and target", &contents(&source), &contents(&target));

        // What is cut short leaves the objects empty: their contents come with the rows, all or none.
        let target = server.create_database("target");
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("a.pgsnap");
        self::dump(&source.conninfo(), &path, &[]).expect_code(0);
        let bytes = fs::read(&path)?;
        fs::write(&path, &bytes[..bytes.len() - 10])?;
        let mut restore = pgsnap();
        restore.args(["restore", "--jobs", jobs, "-d", &target.conninfo(), "-"]);
        let refused = run(restore.stdin(fs::File::open(&path)?)).expect_code(3);
        expect_words(&refused.stderr, &["no rows were loaded"]);
        assert_eq!(target.psql("SELECT count(*) FROM pg_largeobject"), "0\n");
    }
    Ok(())
}

/// A CHECK that changes an object while a table is loaded, before the object itself is: the larger table comes first.
fn a_changed_object_is_noticed(server: &Server) -> TestResult {
    let source = server.create_database("source");
    source.psql(
        "CREATE FUNCTION spoil() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
             IF EXISTS (SELECT FROM pg_largeobject_metadata WHERE oid = 4711) THEN
                 PERFORM lo_put(4711, 100, 'x');
             END IF;
             RETURN true;
         END $$;
         CREATE TABLE spoils (i integer CHECK (spoil()));
         INSERT INTO spoils SELECT generate_series(1, 1000);
         SELECT lo_from_bytea(4711, 'short')",
    );
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    dump(&source.conninfo(), &archive, &[]).expect_code(0);
    let target = server.create_database("target");
    let noticed = restore(&target.conninfo(), &archive, &["--jobs", "1"]).expect_code(1);
    expect_words(&noticed.stderr, &["pg_catalog.pg_largeobject does not hold what the archive holds"]);
    Ok(())
}

const ROLES: &str = "
    DO $$ BEGIN CREATE ROLE pgsnap_keeper LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
    ALTER ROLE pgsnap_keeper LOGIN";

fn keeper(database: &Database) -> String {
    let superuser = format!("user={}", database.server.superuser);
    database.conninfo().replace(&superuser, "user=pgsnap_keeper")
}

/// Who may read every object can dump them, and who owns the target can restore his own.
fn no_superuser(server: &Server) -> TestResult {
    let (source, target) = (server.create_database("source"), server.create_database("target"));
    source.psql(&format!(
        "{ROLES}; SELECT lo_from_bytea(5000, 'own'), lo_from_bytea(5001, 'granted'), lo_from_bytea(5002, 'public');
         ALTER LARGE OBJECT 5000 OWNER TO pgsnap_keeper;
         GRANT SELECT ON LARGE OBJECT 5001 TO pgsnap_keeper;
         GRANT SELECT ON LARGE OBJECT 5002 TO PUBLIC"
    ));
    target.psql(&format!("ALTER DATABASE {} OWNER TO pgsnap_keeper", target.name));
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    dump(&keeper(&source), &archive, &[]).expect_code(0);
    let options = ["--no-owner", "--no-privileges"];
    restore(&keeper(&target), &archive, &options).expect_code(0);
    let contents = target.psql("SELECT oid, lomowner::regrole, convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata ORDER BY 1");
    assert_eq!(contents, "5000|pgsnap_keeper|own\n5001|pgsnap_keeper|granted\n5002|pgsnap_keeper|public\n");
    Ok(())
}

fn no_permission(server: &Server) -> TestResult {
    let source = server.create_database("source");
    source.psql(&format!(
        "{ROLES}; SELECT lo_create(5000), lo_create(5001), lo_create(5002);
         ALTER LARGE OBJECT 5000 OWNER TO pgsnap_keeper"
    ));
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let refused = dump(&keeper(&source), &archive, &[]).expect_code(9);
    expect_words(
        &refused.stderr,
        &["no permission to read large objects 5001, 5002", "GRANT SELECT ON LARGE"],
    );
    assert!(!archive.exists());
    dump(&keeper(&source), &archive, &["--no-large-objects"]).expect_code(0);
    fs::remove_file(&archive)?;
    source.psql(&format!("ALTER DATABASE {} SET lo_compat_privileges = on", source.name));
    dump(&keeper(&source), &archive, &[]).expect_code(0);
    Ok(())
}

/// The sound pieces of an object are where they were, and equal to what is left of the archive.
fn a_lost_block_leaves_a_hole(server: &Server) -> TestResult {
    let source = server.create_database("source");
    fill(&source);
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.pgsnap");
    dump(&source.conninfo(), &path, &[]).expect_code(0);
    let bytes = fs::read(&path)?;
    let archive = Archive::open(&path)?;
    let blocks = &archive.index().tables[0].blocks;
    // The object of 40 MB is the last one, alone in the last blocks of the last chunk.
    let last = blocks.iter().filter(|block| block.chunk == 10).max_by_key(|block| block.sequence);
    let last = last.ok_or("no blocks")?;
    let place = |block: u32| blocks.iter().position(|b| b.chunk == 10 && b.sequence == last.sequence - block);
    for (lost, size) in [(1, "40048576\n"), (0, "")] {
        let at = place(lost).ok_or("no such block")?;
        let mut damaged = bytes.clone();
        damaged[blocks[at].offset as usize + 100] ^= 1;
        fs::write(&path, damaged)?;
        let target = server.create_database("target");
        let told = restore(&target.conninfo(), &path, &["--skip-damaged"]).expect_code(4).stdout;
        expect_words(&told, &[&format!("lost: table pg_catalog.pg_largeobject, block {at}")]);
        expect_words(&told, &["equal to what is left of the archive"]);
        assert_eq!(target.psql("SELECT count(*) FROM pg_largeobject_metadata"), "10001\n");
        let pages = "SELECT loid, pageno, md5(data) FROM pg_largeobject";
        let (all, left) = (source.psql(pages), target.psql(pages));
        let all: std::collections::BTreeSet<&str> = all.lines().collect();
        assert!(left.lines().all(|page| all.contains(page)), "pages that never were");
        assert!(left.lines().count() < all.len());
        let length = target.psql("SELECT length(lo_get(4000000000))");
        assert!(if size.is_empty() { length != "40048576\n" } else { length == size }, "{length}");
    }
    Ok(())
}

fn target_not_empty(server: &Server) -> TestResult {
    let (source, target) = (server.create_database("source"), server.create_database("target"));
    source.psql("SELECT lo_from_bytea(4711, 'new'); CREATE TABLE t (a integer)");
    target.psql("SELECT lo_from_bytea(4711, 'old')");
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    dump(&source.conninfo(), &archive, &[]).expect_code(0);
    let refused = restore(&target.conninfo(), &archive, &[]).expect_code(9);
    expect_words(&refused.stderr, &["is not empty", "large object 4711"]);
    let left = target.psql("SELECT convert_from(lo_get(4711), 'UTF8'), to_regclass('t') IS NULL");
    assert_eq!(left, "old|t\n");
    // A part may go beside what is there.
    let refused = restore(&target.conninfo(), &archive, &["--data-only"]).expect_code(9);
    expect_words(&refused.stderr, &["BLOB METADATA 4711 exists already", "--no-verify"]);
    target.psql("SELECT lo_unlink(4711), lo_from_bytea(4712, 'other'); CREATE TABLE t (a integer)");
    let refused = restore(&target.conninfo(), &archive, &["--data-only"]).expect_code(9);
    expect_words(&refused.stderr, &["the target holds large objects"]);
    restore(&target.conninfo(), &archive, &["--data-only", "--no-verify"]).expect_code(0);
    let both = "SELECT oid, convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata ORDER BY 1";
    assert_eq!(target.psql(both), "4711|new\n4712|other\n");
    target.psql("SELECT lo_unlink(4711)");
    restore(&target.conninfo(), &archive, &["--data-only", "--no-large-objects"]).expect_code(0);
    assert_eq!(target.psql(both), "4712|other\n");
    Ok(())
}
