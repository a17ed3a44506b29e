//! A restore that was killed goes on where it was, and nobody takes what it has left for a whole database.
//!
//! `PGSNAP_KILLS` rounds; `tests/all --kills N` is the long run.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Arguments;
use support::{Database, Outcome, Server, TestResult, assert_same, pgsnap, run, wait_until};
use tempfile::TempDir;

#[path = "memory_db/mod.rs"]
mod memory_db;
mod support;

fn main() {
    let mut arguments = Arguments::from_args();
    // What is killed must not wait for others.
    arguments.test_threads.get_or_insert(1);
    let mut trials = Vec::new();
    for (name, test) in [
        ("killed_at_random_points", killed as fn(&Server) -> TestResult),
        ("half_restored", half_restored),
        ("created_and_resumed", created),
        ("nothing_to_go_on_with", nothing_to_go_on_with),
    ] {
        trials.extend(support::trials_on(&[13, 17, 18], name, test));
    }
    trials.extend(support::trials_on(&[18], "parts_of_a_table", parts_of_a_table));
    libtest_mimic::run(&arguments, trials).exit();
}

/// Some of everything that a restore does by other means or in another order. The event triggers would end every statement that
/// follows them.
const MORE: &str = "
    SET client_min_messages = error;
    CREATE TABLE big (id int PRIMARY KEY, body text NOT NULL);
    INSERT INTO big SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 20000) n;
    CREATE INDEX ON big (md5(body));
    CREATE TABLE parts (id int, at date NOT NULL, body text) PARTITION BY HASH (id);
    CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO parts SELECT n, date '2026-01-01' + n % 90, n FROM generate_series(1, 5000) n;
    DO $$ BEGIN FOR n IN 1..60 LOOP
        EXECUTE format('CREATE TABLE small_%s (id serial PRIMARY KEY, big int REFERENCES big, body text DEFAULT ''x'')', n);
        EXECUTE format('INSERT INTO small_%s (big) SELECT n FROM generate_series(1, 50) n', n);
        EXECUTE format('COMMENT ON TABLE small_%s IS ''number %s''', n, n);
    END LOOP; END $$;
    CREATE MATERIALIZED VIEW per_day AS SELECT at, count(*) FROM parts GROUP BY at;
    CREATE UNIQUE INDEX ON per_day (at);
    ALTER TABLE big ENABLE ROW LEVEL SECURITY;
    CREATE POLICY low ON big FOR SELECT TO PUBLIC USING (id < 100);
    SELECT lo_from_bytea(1000000 + n, convert_to(repeat('large ', n * 100), 'UTF8')) FROM generate_series(1, 40) n;
    GRANT SELECT ON big TO PUBLIC;
    CREATE FUNCTION no_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no DDL''; END';
    CREATE EVENT TRIGGER no_drop ON sql_drop EXECUTE FUNCTION no_ddl();
    CREATE EVENT TRIGGER no_ddl ON ddl_command_start EXECUTE FUNCTION no_ddl();
    COMMENT ON EVENT TRIGGER no_ddl IS 'hands off'";

struct Source {
    database: Database,
    _directory: TempDir,
    archive: PathBuf,
    expected: String,
}

fn source(server: &Server) -> Source {
    let database = server.create_database("resume");
    let contents = memory_db::Options { rows: 200, vectors: server.vector.is_some() };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(memory_db::load(&database.conninfo(), &contents)).expect("the memory database loads");
    database.psql(MORE);
    let (_directory, archive) = dump(&database);
    let expected = database.oracle_dump(&[]);
    Source { database, _directory, archive, expected }
}

fn dump(source: &Database) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let archive = directory.path().join("a.pgsnap");
    run(pgsnap().args(["dump", "-d", &source.conninfo(), "-f"]).arg(&archive)).expect_code(0);
    (directory, archive)
}

fn restore(target: &Database, archive: &Path, options: &[&str]) -> Outcome {
    run(pgsnap().args(["restore", "-d", &target.conninfo()]).arg(archive).args(options))
}

/// Restores and kills that after a time; whether it had ended by then.
fn restore_killed(target: &Database, archive: &Path, options: &[&str], after: Duration) -> bool {
    let mut command = pgsnap();
    command.args(["restore", "-q", "-d", &target.conninfo()]).arg(archive).args(options);
    let mut child = command.stderr(Stdio::null()).spawn().expect("pgsnap starts");
    // Not to wait for something: the moment is to be any.
    thread::sleep(after);
    let _ = child.kill();
    let ended = child.wait().expect("it has ended").success();
    if noted(target).is_none() {
        // Without a note a restore does not know of the one that was killed.
        sessions_are_gone(&target.server, &target.name);
    }
    ended
}

fn sessions_are_gone(server: &Server, database: &str) {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND backend_type = 'client backend'"
    );
    let until = Instant::now() + Duration::from_secs(60);
    while server.psql("postgres", &sql).trim() != "0" {
        assert!(Instant::now() < until, "sessions of a restore that was killed are still there");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What the note says: whether it is there, and how many tasks are done.
fn noted(target: &Database) -> Option<u32> {
    let there = target.psql("SELECT to_regclass('pgsnap_restore.done') IS NOT NULL");
    (there.trim() == "t").then(|| {
        let count = target.psql("SELECT count(*) FROM pgsnap_restore.done");
        count.trim().parse().expect("a number")
    })
}

fn killed(server: &Server) -> TestResult {
    let rounds: u32 = std::env::var("PGSNAP_KILLS").map_or(5, |number| number.parse().expect("a number"));
    let source = source(server);
    let whole = server.create_database("resume");
    let started = Instant::now();
    restore(&whole, &source.archive, &["-j", "2"]).expect_code(0);
    let takes = started.elapsed();
    let mut random = Random(u64::from(std::process::id()) | 1);
    let mut moments = Vec::new();
    for round in 0..rounds {
        let target = server.create_database("resume");
        let mut ended = false;
        // The jobs change between the parts of a restore.
        for (kill, jobs) in ["1", "4", "2"].iter().enumerate() {
            let options: &[&str] = if kill == 0 { &["-j", jobs] } else { &["--resume", "-j", jobs] };
            ended = restore_killed(&target, &source.archive, options, takes.mul_f64(random.fraction()));
            moments.push(noted(&target));
            // Killed behind its last transaction.
            ended |= noted(&target).is_none()
                && target.psql("SELECT to_regclass('big') IS NOT NULL").trim() == "t";
            if ended {
                break;
            }
        }
        if !ended {
            restore(&target, &source.archive, &["--resume"]).expect_code(0);
        }
        assert_same(&format!("round {round}"), &source.expected, &target.oracle_dump(&[]));
        run(pgsnap().args(["verify", "-d", &target.conninfo()]).arg(&source.archive)).expect_code(0);
    }
    println!("killed with so many tasks done: {moments:?}");
    assert!(
        moments.iter().flatten().any(|done| *done > 0),
        "no restore was killed while it ran: {moments:?}"
    );
    Ok(())
}

/// Numbers without pattern.
struct Random(u64);

impl Random {
    fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % 1000) as f64 / 1000.0
    }
}

/// A restore that ends in the middle of the indexes: one of them divides by zero unless a setting says otherwise.
fn stopped(source: &Source) -> Database {
    let target = source.database.server.create_database("resume");
    let outcome = restore(&target, &source.archive, &["-j", "2"]).expect_code(1);
    assert!(outcome.stderr.contains("--resume"), "{}", outcome.stderr);
    target
}

fn unfinished(server: &Server) -> Source {
    let mut source = source(server);
    source.database.psql(
        "SET client_min_messages = error; DROP EVENT TRIGGER no_drop; DROP EVENT TRIGGER no_ddl;
         SET resume.opens = 'on';
         CREATE FUNCTION opens(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
             RETURN $1 / coalesce(current_setting('resume.opens', true) = 'on', false)::int; END $$;
         CREATE INDEX locked ON big (opens(id))",
    );
    (source._directory, source.archive) = dump(&source.database);
    source.expected = source.database.oracle_dump(&[]);
    source
}

fn half_restored(server: &Server) -> TestResult {
    let source = unfinished(server);
    let target = stopped(&source);
    let says = |outcome: Outcome, words: &[&str]| {
        for word in words {
            assert!(outcome.stderr.contains(word), "it does not say {word:?}: {}", outcome.stderr);
        }
    };
    let before = target.oracle_dump(&[]);
    says(restore(&target, &source.archive, &[]).expect_code(9), &["a part of an archive", "--resume"]);
    for options in [&["--no-owner"][..], &["-n", "public"], &["--exclude-table-data", "big"]] {
        says(
            restore(&target, &source.archive, &[&["--resume"], options].concat()).expect_code(9),
            &["other options", "Nothing was changed"],
        );
    }
    // A part that ends well would make the rest look whole.
    for options in [&["-t", "big"][..], &["-s"]] {
        let outcome = restore(&target, &source.archive, &[options, &["--clean", "--if-exists"]].concat());
        says(outcome.expect_code(9), &["a part of an archive", "of all that it restores"]);
    }
    let (_other_directory, other) = dump(&source.database);
    says(restore(&target, &other, &["--resume"]).expect_code(9), &["another archive"]);
    says(restore(&target, &other, &[]).expect_code(9), &["another archive"]);
    says(restore(&target, &other, &["--clean", "--if-exists"]).expect_code(9), &["another archive"]);
    let again = tempfile::tempdir()?;
    let archive = again.path().join("b.pgsnap");
    let dumped = run(pgsnap().args(["dump", "-d", &target.conninfo(), "-f"]).arg(&archive)).expect_code(9);
    says(dumped, &["a part of an archive", "--resume"]);
    assert!(!archive.exists());
    assert_same("what nothing has changed", &before, &target.oracle_dump(&[]));

    // Somebody is still at work.
    let mut holder = server.oracle("psql");
    holder.args([
        "-XAtq",
        "-d",
        &target.name,
        "-c",
        "SELECT pg_advisory_lock_shared(7065772938471), pg_sleep(3600)",
    ]);
    let mut holder = holder.stdout(Stdio::null()).spawn()?;
    // In this database: other tests have locks in theirs.
    let held = "FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted";
    wait_until(&target, &format!("SELECT EXISTS (SELECT {held})"));
    says(restore(&target, &source.archive, &["--resume"]).expect_code(8), &["another restore is at work"]);
    holder.kill()?;
    holder.wait()?;
    target.psql(&format!("SELECT pg_terminate_backend(pid) {held}"));

    // Its cause is repaired; it goes on, and nothing is done twice.
    let done = noted(&target).expect("a note");
    assert!(done > 10, "{done}");
    target.psql(&format!("ALTER DATABASE {} SET resume.opens = 'on'", target.name));
    let said = restore(&target, &source.archive, &["--resume", "-v", "--no-verify"]).expect_code(0);
    assert!(said.stdout.contains("begun by an earlier restore"), "{}", said.stdout);
    assert!(!said.stderr.contains("TABLE public.big\n"), "{}", said.stderr);
    assert_same("the database", &source.expected, &target.oracle_dump(&[]));
    Ok(())
}

/// A table that several workers load in parts: the last of three cannot come yet, and those that have come do not come again.
/// 27 blocks, of which the last is not full: the last part is the smallest, and begins last.
fn parts_of_a_table(server: &Server) -> TestResult {
    let source = server.create_database("resume");
    source.psql(
        "SET resume.opens = 'on';
         CREATE FUNCTION opens(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
             RETURN $1 < 15500 OR coalesce(current_setting('resume.opens', true) = 'on', false); END $$;
         CREATE TABLE large (id int CHECK (opens(id)), body text);
         ALTER TABLE large ALTER COLUMN body SET STORAGE PLAIN;
         INSERT INTO large SELECT n, repeat(md5(n::text), 220) FROM generate_series(1, 15700) n",
    );
    let (_directory, archive) = dump(&source);
    let target = server.create_database("resume");
    let outcome = restore(&target, &archive, &["-j", "2"]).expect_code(1);
    assert!(outcome.stderr.contains("23514"), "{}", outcome.stderr);
    let parts = "SELECT count(DISTINCT xmin::text) FROM large";
    let before = target.psql(parts);
    assert!(matches!(before.trim(), "1" | "2"), "parts that have come: {before}");
    target.psql(&format!("ALTER DATABASE {} SET resume.opens = 'on'", target.name));
    restore(&target, &archive, &["--resume", "-j", "4"]).expect_code(0);
    assert_eq!((target.psql(parts).trim(), target.psql("SELECT count(*) FROM large").trim()), ("3", "15700"));

    // One worker loads all of it, and freezes it.
    let alone = server.create_database("resume");
    alone.psql(&format!("ALTER DATABASE {} SET resume.opens = 'on'", alone.name));
    restore(&alone, &archive, &["-j", "1"]).expect_code(0);
    assert_eq!(alone.psql(parts).trim(), "1");
    Ok(())
}

/// With --create the database may be there or not.
fn created(server: &Server) -> TestResult {
    let source = source(server);
    let (archive, name) = (&source.archive, source.database.name.clone());
    let moved = format!("{name}_source");
    server.psql("postgres", &format!("ALTER DATABASE {name} RENAME TO {moved}"));
    let _moved = Database { server: server.clone(), name: moved };
    let create = || {
        let mut command = pgsnap();
        run(command
            .args(["restore", "--create", "--resume", "-d", &server.conninfo("postgres")])
            .arg(archive))
    };
    create().expect_code(0);
    assert_same("the database", &source.expected, &source.database.oracle_dump(&[]));
    // A database that was made, and nothing in it.
    server.psql("postgres", &format!("DROP DATABASE {name}"));
    server.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
    create().expect_code(0);
    assert_same("the database", &source.expected, &source.database.oracle_dump(&[]));
    create().expect_code(9);
    // Dropped and made again.
    let mut command = pgsnap();
    let clean = ["restore", "--create", "--clean", "-d", &server.conninfo("postgres")];
    run(command.args(clean).arg(archive)).expect_code(0);
    assert_same("the database", &source.expected, &source.database.oracle_dump(&[]));
    server.psql("postgres", &format!("DROP DATABASE {name}"));
    let missing = run(pgsnap().args(clean).arg(archive)).expect_code(9);
    assert!(missing.stderr.contains("--if-exists"), "{}", missing.stderr);
    run(pgsnap().args(clean).arg("--if-exists").arg(archive)).expect_code(0);
    Ok(())
}

fn nothing_to_go_on_with(server: &Server) -> TestResult {
    let source = source(server);
    let target = server.create_database("resume");
    restore(&target, &source.archive, &["--resume"]).expect_code(0);
    assert_same("a first restore", &source.expected, &target.oracle_dump(&[]));
    let outcome = restore(&target, &source.archive, &["--resume"]).expect_code(9);
    assert!(outcome.stderr.contains("is not empty"), "{}", outcome.stderr);
    Ok(())
}
