//! What goes wrong around a dump or a restore: each with its exit code, a message that helps, and nothing lost.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use support::own_server::OwnServer;
use support::{Database, Holder, Server, TestResult, can_mount, in_namespace, pgsnap, run, wait_until};

mod support;

type Test = fn(&Server) -> TestResult;

fn main() {
    let mut trials = vec![
        Trial::test("no_such_archive", no_such_archive),
        Trial::test("not_an_archive", not_an_archive),
        Trial::test("server_down", server_down),
        Trial::test("usage", usage),
    ];
    let on_every_server: [(&str, Test); 5] = [
        ("wrong_password", wrong_password),
        ("unknown_database", unknown_database),
        ("target_not_empty", target_not_empty),
        ("missing_role", missing_role),
        ("existing_archive_is_kept", existing_archive_is_kept),
    ];
    for (name, test) in on_every_server {
        trials.extend(support::trials(name, test));
    }
    let on_some: [(&str, Test); 18] = [
        ("no_permission", no_permission),
        ("latin1_names", latin1_names),
        ("schemas_swapped_mid_dump", schemas_swapped_mid_dump),
        ("damaged_archive_is_not_restored", damaged_archive_is_not_restored),
        ("no_damage_is_restored", no_damage_is_restored),
        ("sigterm_mid_restore", sigterm_mid_restore),
        ("failed_statement", failed_statement),
        ("ddl_that_waits_behind_the_dump", ddl_that_waits_behind_the_dump),
        ("server_killed_mid_dump", server_killed_mid_dump),
        ("snapshot_session_killed", snapshot_session_killed),
        ("sigterm_mid_dump", sigterm_mid_dump),
        ("sigterm_while_waiting_for_a_lock", sigterm_while_waiting_for_a_lock),
        ("slow_dump_warns_of_its_snapshot", slow_dump_warns_of_its_snapshot),
        ("max_duration_ends_a_dump", max_duration_ends_a_dump),
        ("kill_9_mid_dump", kill_9_mid_dump),
        ("lock_timeout_of_a_table", lock_timeout_of_a_table),
        ("lock_timeout_of_the_catalog", lock_timeout_of_the_catalog),
        ("file_size_limit", file_size_limit),
    ];
    for (name, test) in on_some {
        trials.extend(support::trials_on(&[13, 15, 18], name, test));
    }
    trials.extend(support::trials_on(
        &[16],
        "older_server_without_the_extension",
        older_server_without_the_extension,
    ));
    trials.extend(support::trials_on(&[17], "server_stopped_mid_dump", server_stopped_mid_dump));
    trials.extend(support::trials_on(&[17], "more_tables_than_locks", more_tables_than_locks));
    for major in [15, 18] {
        let trial = support::trial(major, "disk_full", disk_full);
        trials.push(if can_mount() { trial } else { trial.with_ignored_flag(true) });
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Everything a user reads in vain must at least be told: the message holds all of these words.
fn expect_words(stderr: &str, words: &[&str]) {
    for word in words {
        assert!(stderr.contains(word), "the message does not say {word:?}:\n{stderr}");
    }
}

fn entries(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).expect("the directory is there");
    names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

fn no_such_archive() -> TestResult {
    for command in [&["inspect"][..], &["restore", "-d", "x"]] {
        let outcome = run(pgsnap().args(command).arg("/nonexistent/a.pgsnap")).expect_code(7);
        expect_words(&outcome.stderr, &["/nonexistent/a.pgsnap", "No such file"]);
    }
    Ok(())
}

fn not_an_archive() -> TestResult {
    let directory = tempfile::tempdir()?;
    for (name, content) in
        [("empty", &b""[..]), ("text", b"-- PostgreSQL database dump\n"), ("custom", b"PGDMP\x01\x0e\0")]
    {
        let file = directory.path().join(name);
        fs::write(&file, content)?;
        run(pgsnap().arg("inspect").arg(&file)).expect_code(3);
        run(pgsnap().args(["restore", "-d", "x"]).arg(&file)).expect_code(3);
    }
    run(pgsnap().arg("inspect").arg(directory.path())).expect_code(3);
    Ok(())
}

fn server_down() -> TestResult {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let conninfo = format!("host={} dbname=x", directory.path().display());
    let outcome = run(pgsnap().args(["dump", "-d", &conninfo, "-U", "u", "-f"]).arg(&archive)).expect_code(5);
    expect_words(&outcome.stderr, &["cannot connect", "is a server running"]);
    assert!(entries(directory.path()).is_empty());
    Ok(())
}

fn usage() -> TestResult {
    for arguments in [
        &["dump"][..],
        &["frobnicate"],
        &["dump", "-f", "x", "--jobs", "0"],
        &["dump", "-f", "x", "-Z", "20"],
        &["dump", "-f", "x", "-d", "hots=localhost"],
        &["dump", "-f", "/tmp/pgsnap-usage", "-d", "postgres://u:secret@localhost/x"],
    ] {
        let outcome = run(pgsnap().args(arguments)).expect_code(2);
        assert!(!outcome.stderr.contains("secret"), "a password is printed: {}", outcome.stderr);
    }
    Ok(())
}

fn wrong_password(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let conninfo = format!("host=127.0.0.1 port={} user={} dbname=postgres", server.port, server.superuser);
    let dump = |password: &str| {
        let mut command = pgsnap();
        command.args(["dump", "--json", "-d", &conninfo, "-f"]).arg(&archive).env("PGPASSWORD", password);
        run(&mut command)
    };
    let outcome = dump("wr0ng-secret").expect_code(5);
    expect_words(&outcome.stderr, &["\"sqlstate\":\"28P01\"", "\"class\":\"connect\"", "exit_error"]);
    assert!(!outcome.stderr.contains("wr0ng-secret"), "the password is printed: {}", outcome.stderr);
    assert!(entries(directory.path()).is_empty());
    dump(&server.password).expect_code(0);
    Ok(())
}

fn unknown_database(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let outcome =
        run(pgsnap().args(["dump", "-d", &server.conninfo("no_such_db"), "-f"]).arg(&archive)).expect_code(5);
    expect_words(&outcome.stderr, &["no_such_db", "does not exist"]);
    assert!(entries(directory.path()).is_empty());
    Ok(())
}

fn dump(source: &Database, archive: &Path) {
    run(pgsnap().args(["dump", "-d", &source.conninfo(), "-f"]).arg(archive)).expect_code(0);
}

fn target_not_empty(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    dump(&server.create_database("source"), &archive);
    for object in [
        "TABLE precious (a int)",
        "FUNCTION precious() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SCHEMA precious",
    ] {
        let target = server.create_database("target");
        target.psql(&format!("CREATE {object}"));
        let before = target.oracle_dump(&[]);
        let outcome = run(pgsnap().args(["restore", "-d", &target.conninfo()]).arg(&archive)).expect_code(9);
        expect_words(&outcome.stderr, &["not empty", "precious"]);
        support::assert_same("the target before and after", &before, &target.oracle_dump(&[]));
    }
    Ok(())
}

fn missing_role(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let source = server.create_database("source");
    source.psql(
        "CREATE ROLE pgsnap_short_lived; CREATE TABLE t (a int); ALTER TABLE t OWNER TO pgsnap_short_lived",
    );
    dump(&source, &archive);
    source.psql("DROP OWNED BY pgsnap_short_lived; DROP ROLE pgsnap_short_lived");
    let target = server.create_database("target");
    let restore = |options: &[&str]| {
        run(pgsnap().args(["restore", "-d", &target.conninfo()]).args(options).arg(&archive))
    };
    let outcome = restore(&[]).expect_code(9);
    expect_words(&outcome.stderr, &["role pgsnap_short_lived does not exist", "--no-owner"]);
    assert_eq!(target.psql("SELECT count(*) FROM pg_class WHERE relname = 't'").trim(), "0");
    restore(&["--no-owner", "--no-privileges"]).expect_code(0);
    Ok(())
}

fn existing_archive_is_kept(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let source = server.create_database("source");
    dump(&source, &archive);
    let first = fs::read(&archive)?;
    assert_eq!(fs::metadata(&archive)?.permissions().mode() & 0o777, 0o600);
    let again = |options: &[&str]| {
        run(pgsnap().args(["dump", "-d", &source.conninfo()]).args(options).arg("-f").arg(&archive))
    };
    let outcome = again(&[]).expect_code(9);
    expect_words(&outcome.stderr, &["a.pgsnap", "exists already", "--force"]);
    assert!(fs::read(&archive)? == first, "the existing archive was touched");
    again(&["--force"]).expect_code(0);
    assert!(fs::read(&archive)? != first, "--force did not replace the archive");
    assert_eq!(entries(directory.path()), ["a.pgsnap"]);
    Ok(())
}

fn older_server_without_the_extension(server: &Server) -> TestResult {
    let Some(older) = Server::find(13) else {
        return Err("this test needs the server of version 13 too".into());
    };
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let source = server.create_database("source");
    source.psql("CREATE EXTENSION vector");
    dump(&source, &archive);
    let target = older.create_database("target");
    let outcome = run(pgsnap().args(["restore", "-d", &target.conninfo()]).arg(&archive)).expect_code(9);
    expect_words(
        &outcome.stderr,
        &["nothing was changed", "extension vector", "comes from PostgreSQL 16 and this server is 13"],
    );
    Ok(())
}

fn damaged_archive_is_not_restored(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    dump(&large(server), &archive);
    let mut bytes = fs::read(&archive)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes)?;
    let target = server.create_database("target");
    let before = target.oracle_dump(&[]);
    let outcome = run(pgsnap().args(["restore", "-d", &target.conninfo()]).arg(&archive)).expect_code(3);
    expect_words(&outcome.stderr, &["damaged, nothing was restored", "table public.large, block", "offset"]);
    support::assert_same("the target before and after", &before, &target.oracle_dump(&[]));
    let outcome = run(pgsnap().arg("inspect").arg(&archive)).expect_code(3);
    expect_words(&outcome.stderr, &["table public.large, block", "offset", "is damaged in 1 places"]);
    Ok(())
}

/// Wherever an archive is damaged, and however: `restore` says so before it changes anything.
fn no_damage_is_restored(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    dump(&large(server), &archive);
    let sound = fs::read(&archive)?;
    let target = server.create_database("target");
    let before = target.oracle_dump(&[]);
    let places = 12;
    for place in 0..places {
        let at = sound.len() * place / places + place;
        let sector = at..(at + 512).min(sound.len());
        let mut bytes = sound.clone();
        match place % 6 {
            0 => bytes[at] ^= 0x80,
            1 => bytes[sector].fill(0),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, 0),
            4 => bytes.truncate(at),
            _ => bytes[sector].reverse(),
        }
        assert!(bytes != sound);
        fs::write(&archive, bytes)?;
        run(pgsnap().args(["restore", "-d", &target.conninfo()]).arg(&archive)).expect_code(3);
    }
    support::assert_same("the target before and after", &before, &target.oracle_dump(&[]));
    Ok(())
}

fn failed_statement(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let source = server.create_database("source");
    // The function fails when the restore calls it: the index does not come back.
    source.psql(
        "CREATE TABLE seeds (n int); INSERT INTO seeds VALUES (1); \
         CREATE FUNCTION brittle(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN n; END'; \
         CREATE INDEX brittle_index ON seeds (brittle(n)); \
         CREATE OR REPLACE FUNCTION brittle(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE ''brittle''; END'",
    );
    dump(&source, &archive);
    let target = server.create_database("target");
    let outcome =
        run(pgsnap().args(["restore", "--json", "-d", &target.conninfo()]).arg(&archive)).expect_code(1);
    expect_words(
        &outcome.stderr,
        &[
            "INDEX public.brittle_index",
            "CREATE INDEX",
            "\"sqlstate\":\"P0001\"",
            "drop it before restoring again",
        ],
    );
    // Into a database with other things nobody is told to drop that.
    let target = server.create_database("target");
    target.psql("CREATE TABLE mine AS SELECT 1 AS n");
    let mut command = pgsnap();
    command.args(["restore", "-n", "public", "-d", &target.conninfo()]);
    let said = run(command.arg(&archive)).expect_code(1).stderr;
    expect_words(&said, &["go on with --resume. It may hold other things too: do not drop it"]);
    assert!(!said.contains("or drop it"), "{said}");
    Ok(())
}

fn sigterm_mid_restore(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    dump(&large(server), &archive);
    let target = server.create_database("target");
    let mut command = pgsnap();
    command
        .args(["restore", "--progress", "json", "-d", &target.conninfo()])
        .arg(&archive)
        .stderr(Stdio::piped());
    let mut stopped = Stopped::after_first_block(command);
    signal(&stopped.child, "TERM");
    let (code, message) = stopped.finish();
    assert_eq!(code, Some(143), "{message}");
    expect_words(&message, &["interrupted", "drop it before restoring again"]);
    sessions_are_gone(&target);
    Ok(())
}

fn no_permission(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let source = server.create_database("private");
    source.psql(
        "DO $$ BEGIN CREATE ROLE pgsnap_curious LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
         CREATE TABLE secret (a int); CREATE TABLE open (a int); GRANT SELECT ON open TO pgsnap_curious",
    );
    let conninfo = source.conninfo().replace("user=postgres", "user=pgsnap_curious");
    let outcome =
        run(pgsnap().args(["dump", "-d", &conninfo, "-f"]).arg(directory.path().join("a"))).expect_code(9);
    expect_words(&outcome.stderr, &["no permission to read public.secret", "GRANT SELECT"]);
    assert!(entries(directory.path()).is_empty());
    Ok(())
}

/// Statements travel as UTF8, rows in the encoding of the source: both in one load.
fn latin1_names(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let source = server.create_database_with("latin", "ENCODING 'LATIN1' LOCALE 'C'");
    source.psql("CREATE SCHEMA \"ä\"; CREATE TABLE \"ä\".\"tä\" (\"ö\" text)");
    source.psql("INSERT INTO \"ä\".\"tä\" VALUES ('größe'), (NULL)");
    dump(&source, &archive);
    for options in ["ENCODING 'LATIN1' LOCALE 'C'", ""] {
        let target = server.create_database_with("latin_target", options);
        run(pgsnap().args(["restore", "-d", &target.conninfo()]).arg(&archive)).expect_code(0);
        let text = target.psql("SELECT \"ö\" FROM \"ä\".\"tä\" ORDER BY 1");
        assert_eq!(text.trim(), "größe");
    }
    Ok(())
}

/// A database whose dump takes a good while.
fn large(server: &Server) -> Database {
    let source = server.create_database("large");
    source.psql(
        "CREATE TABLE large AS SELECT n, pg_catalog.repeat(pg_catalog.md5(n::text), 30) AS filler \
         FROM pg_catalog.generate_series(1, 150000) n",
    );
    source
}

/// A dump of a large database that has been stopped after its first block.
struct StoppedDump {
    stopped: Stopped,
    directory: tempfile::TempDir,
}

/// A process that has been stopped (SIGSTOP) after its first block.
struct Stopped {
    child: Child,
}

impl Stopped {
    fn after_first_block(mut command: Command) -> Stopped {
        let mut child = command.spawn().expect("pgsnap starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let mut line = String::new();
        while !line.contains("\"advanced\"") {
            line.clear();
            assert!(stderr.read_line(&mut line).expect("a line") > 0, "it ended before its first block");
        }
        signal(&child, "STOP");
        child.stderr = Some(stderr.into_inner());
        Stopped { child }
    }

    /// Lets it go on, and returns exit code and message.
    fn finish(&mut self) -> (Option<i32>, String) {
        signal(&self.child, "CONT");
        let mut message = String::new();
        self.child
            .stderr
            .take()
            .expect("stderr is piped")
            .read_to_string(&mut message)
            .expect("stderr is text");
        (self.child.wait().expect("it ends").code(), message)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // Of a test that failed; nobody would let it go on.
        let _ = self.child.kill();
    }
}

impl StoppedDump {
    fn start(source: &Database) -> StoppedDump {
        StoppedDump::start_with(source, &["--jobs", "2"])
    }

    fn start_with(source: &Database, options: &[&str]) -> StoppedDump {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = pgsnap();
        command.args(["dump", "--progress", "json", "-d", &source.conninfo()]).args(options).arg("-f");
        command.arg(directory.path().join("a.pgsnap")).stderr(Stdio::piped());
        StoppedDump { stopped: Stopped::after_first_block(command), directory }
    }

    /// Lets it go on, and returns exit code, message, and what stands in the directory.
    fn finish(mut self) -> (Option<i32>, String, Vec<String>) {
        let (code, message) = self.stopped.finish();
        (code, message, entries(self.directory.path()))
    }
}

fn signal(child: &Child, signal: &str) {
    run(Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string())).expect_code(0);
}

fn sessions_are_gone(source: &Database) {
    wait_until(
        source,
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'pgsnap' AND datname = current_database())",
    );
}

fn killed(server: &Server, victims: &str) -> TestResult {
    let source = large(server);
    let stopped = StoppedDump::start(&source);
    let killed = source.psql(&format!(
        "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity \
         WHERE application_name = 'pgsnap' AND datname = current_database() AND {victims}"
    ));
    assert_eq!(killed.trim(), "t");
    let (code, message, left) = stopped.finish();
    assert_eq!(code, Some(6), "{message}");
    assert_eq!(left, [] as [String; 0]);
    sessions_are_gone(&source);
    Ok(())
}

/// The session that holds locks and snapshot is the first.
const FIRST: &str = "(SELECT min(a.backend_start) FROM pg_stat_activity a \
                      WHERE a.application_name = 'pgsnap' AND a.datname = current_database())";

fn server_killed_mid_dump(server: &Server) -> TestResult {
    killed(server, "query LIKE 'COPY%'")
}

fn snapshot_session_killed(server: &Server) -> TestResult {
    killed(server, &format!("backend_start = {FIRST}"))
}

/// A server of its own, stopped the hard way while a dump reads from it.
fn server_stopped_mid_dump(shared: &Server) -> TestResult {
    let own = OwnServer::start(shared, "5900", "64")?;
    let server = &own.server;
    let source = large(server);
    let stopped = StoppedDump::start(&source);
    own.stop();
    std::mem::forget(source);
    let (code, message, left) = stopped.finish();
    assert_eq!(code, Some(6), "{message}");
    expect_words(&message, &["connection to the server was lost"]);
    assert_eq!(left, [] as [String; 0]);
    Ok(())
}

/// A server with hardly any room for locks: as many tables as it has room for are dumped and restored, more are refused with the
/// setting that helps, before anything else is done.
fn more_tables_than_locks(shared: &Server) -> TestResult {
    let own = OwnServer::start(shared, "5930", "10")?;
    let source = own.server.create_database("locks");
    // Locks of a session that has failed to get one more stay with it.
    let room = source.psql(
        "DO $$ BEGIN
             FOR i IN 1..1000000 LOOP PERFORM pg_advisory_lock(i); END LOOP;
         EXCEPTION WHEN out_of_memory THEN NULL; END $$;
         SELECT count(*) FROM pg_locks WHERE locktype = 'advisory';
         SELECT pg_advisory_unlock_all()",
    );
    let room: u32 = room.trim().parse()?;
    let make = |from: u32, to: u32| {
        for from in (from..=to).step_by(100) {
            let to = to.min(from + 99);
            source.psql(&format!(
                "DO $$ BEGIN FOR i IN {from}..{to} LOOP EXECUTE format('CREATE TABLE t%s (n int GENERATED ALWAYS AS IDENTITY); INSERT INTO t%s DEFAULT VALUES', i, i); END LOOP; END $$"
            ));
        }
    };
    make(1, room * 7 / 10);
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let dump =
        || run(pgsnap().args(["dump", "--force", "-j", "2", "-d", &source.conninfo(), "-f"]).arg(&archive));
    dump().expect_code(0);
    let target = own.server.create_database("locks");
    run(pgsnap().args(["restore", "-j", "2", "-d", &target.conninfo()]).arg(&archive)).expect_code(0);
    assert_eq!(
        target.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").trim(),
        (room * 7 / 10).to_string()
    );

    make(room * 7 / 10 + 1, room * 2);
    let refused = dump().expect_code(6);
    let setting = 10 + (room * 2).div_ceil(65);
    let advice = format!("set max_locks_per_transaction to {setting} or more at the server (now 10)");
    expect_words(&refused.stderr, &[&format!("{} tables", room * 2), &advice]);
    Ok(())
}

/// So many that a worker meets one before the leader has read all, though several are read together.
const LATER: usize = 200;
/// Somebody queues for so many of them.
const QUEUES: usize = LATER / 10;

/// Somebody queues for some tables behind the dump's lock, and the workers behind him: the leader must read them.
fn ddl_that_waits_behind_the_dump(server: &Server) -> TestResult {
    let source = large(server);
    source.psql(&format!(
        "DO $$ BEGIN FOR i IN 0..{LATER} - 1 LOOP \
           EXECUTE 'CREATE TABLE later' || i || ' AS SELECT n FROM generate_series(1, 100) n'; \
         END LOOP; END $$"
    ));
    // Leader and worker take turns until the small tables come.
    let stopped = StoppedDump::start_with(&source, &["--jobs", "2", "--split-above", "1MB"]);
    let truncate = |number| {
        let statement = format!("TRUNCATE later{number}");
        server.oracle("psql").args(["-XAtq", "-d", &source.name, "-c", &statement]).spawn()
    };
    let waiting = (0..LATER).step_by(LATER / QUEUES).map(truncate).collect::<Result<Vec<_>, _>>()?;
    wait_until(
        &source,
        &format!(
            "SELECT count(*) = {QUEUES} FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
             WHERE d.datname = current_database() AND mode = 'AccessExclusiveLock' AND NOT granted"
        ),
    );
    let archive = stopped.directory.path().join("a.pgsnap");
    signal(&stopped.stopped.child, "CONT");
    let StoppedDump { mut stopped, directory } = stopped;
    let (code, message) = stopped.finish();
    assert_eq!(code, Some(0), "{message}");
    for mut waiting in waiting {
        assert!(waiting.wait()?.success());
    }
    let text = run(pgsnap().args(["inspect", "--json"]).arg(&archive)).expect_code(0).stdout;
    let description: serde_json::Value = serde_json::from_str(&text)?;
    let rows = description["tables"]
        .as_array()
        .map(|tables| tables.iter().map(|table| table["rows"].clone()).collect());
    let mut expected = vec![serde_json::json!(150_000)];
    expected.resize(1 + LATER, serde_json::json!(100));
    assert_eq!(rows, Some(expected));
    drop(directory);
    Ok(())
}

/// No lock keeps a schema from being renamed: the name of a table can come to mean another one.
fn schemas_swapped_mid_dump(server: &Server) -> TestResult {
    let source = large(server);
    source.psql(
        "CREATE SCHEMA a; CREATE TABLE a.t (n int); INSERT INTO a.t VALUES (1); \
         CREATE SCHEMA b; CREATE TABLE b.t (n int); INSERT INTO b.t VALUES (2)",
    );
    let stopped = StoppedDump::start_with(&source, &["--jobs", "1"]);
    source.psql("ALTER SCHEMA a RENAME TO c; ALTER SCHEMA b RENAME TO a; ALTER SCHEMA c RENAME TO b");
    let (code, message, left) = stopped.finish();
    assert_eq!(code, Some(6), "{message}");
    expect_words(&message, &["schema of table a.t was renamed", "run the dump again"]);
    assert_eq!(left, [] as [String; 0]);
    Ok(())
}

fn sigterm_mid_dump(server: &Server) -> TestResult {
    let source = large(server);
    let stopped = StoppedDump::start(&source);
    signal(&stopped.stopped.child, "TERM");
    let (code, message, left) = stopped.finish();
    assert_eq!(code, Some(143), "{message}");
    assert_eq!(left, [] as [String; 0]);
    sessions_are_gone(&source);
    Ok(())
}

fn slow_dump_warns_of_its_snapshot(server: &Server) -> TestResult {
    let source = large(server);
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let mut command = pgsnap();
    command.args(["dump", "-d", &source.conninfo(), "--jobs", "2", "--rate-limit", "40MB/s"]);
    command.args(["--warn-snapshot-age", "1s", "-f"]).arg(&archive);
    let started = Instant::now();
    let outcome = run(&mut command).expect_code(0);
    // 147 MB.
    assert!(started.elapsed() > Duration::from_secs(3), "nothing held it up");
    expect_words(
        &outcome.stderr,
        &["warning: the snapshot is 1 s and ", " transactions old", "the snapshot is 2 s and"],
    );
    Ok(())
}

fn max_duration_ends_a_dump(server: &Server) -> TestResult {
    let source = large(server);
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let mut command = pgsnap();
    command.args(["dump", "-d", &source.conninfo(), "--jobs", "2", "--rate-limit", "1MB"]);
    command.args(["--max-duration", "1s", "-f"]).arg(&archive);
    let outcome = run(&mut command).expect_code(1);
    expect_words(&outcome.stderr, &["not complete after 1 s", "--max-duration", "nothing was published"]);
    assert_eq!(entries(directory.path()), [] as [String; 0]);
    sessions_are_gone(&source);
    Ok(())
}

fn kill_9_mid_dump(server: &Server) -> TestResult {
    let source = large(server);
    let stopped = StoppedDump::start(&source);
    signal(&stopped.stopped.child, "KILL");
    let (code, _, left) = stopped.finish();
    assert_eq!(code, None);
    assert!(!left.contains(&"a.pgsnap".to_owned()), "something stands under the archive's name: {left:?}");
    sessions_are_gone(&source);
    Ok(())
}

fn lock_timeout(server: &Server, locked: &str, words: &[&str]) -> TestResult {
    let directory = tempfile::tempdir()?;
    let source = server.create_database("locked");
    source.psql("CREATE TABLE held (a int); CREATE TABLE free (a int)");
    let _holder = Holder::start(&source, &format!("LOCK TABLE {locked}"));
    let mut command = pgsnap();
    command
        .args(["dump", "--lock-wait-timeout", "200ms", "-d", &source.conninfo(), "-f"])
        .arg(directory.path().join("a"));
    let outcome = run(&mut command).expect_code(6);
    expect_words(&outcome.stderr, words);
    expect_words(&outcome.stderr, &["blocked by process", "--lock-wait-timeout"]);
    assert!(entries(directory.path()).is_empty());
    Ok(())
}

fn lock_timeout_of_a_table(server: &Server) -> TestResult {
    lock_timeout(server, "held", &["locking tables: no lock on public.held"])
}

/// What cannot be locked ahead: indexes, views and the tables of the catalog.
fn lock_timeout_of_the_catalog(server: &Server) -> TestResult {
    lock_timeout(
        server,
        "pg_catalog.pg_ts_dict",
        &["reading the catalog (", "no lock on pg_catalog.pg_ts_dict"],
    )
}

fn sigterm_while_waiting_for_a_lock(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let source = server.create_database("locked");
    source.psql("CREATE TABLE held (a int)");
    let holder = Holder::start(&source, "LOCK TABLE held");
    let mut command = pgsnap();
    command
        .args(["dump", "--lock-wait-timeout", "10s", "-d", &source.conninfo(), "-f"])
        .arg(directory.path().join("a"));
    let mut child = command.stderr(Stdio::null()).spawn()?;
    wait_until(
        &source,
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'pgsnap' AND wait_event_type = 'Lock')",
    );
    signal(&child, "TERM");
    assert_eq!(child.wait()?.code(), Some(143));
    assert!(entries(directory.path()).is_empty());
    sessions_are_gone(&source);
    drop(holder);
    Ok(())
}

fn expect_storage_error(outcome: support::Outcome, directory: &Path, words: &[&str]) {
    let outcome = outcome.expect_code(7);
    expect_words(&outcome.stderr, words);
    assert!(entries(directory).is_empty(), "left behind: {:?}", entries(directory));
}

fn file_size_limit(server: &Server) -> TestResult {
    let source = large(server);
    let directory = tempfile::tempdir()?;
    let mut command = Command::new("prlimit");
    command.arg("--fsize=100000").arg(env!("CARGO_BIN_EXE_pgsnap")).args([
        "dump",
        "-d",
        &source.conninfo(),
        "-f",
    ]);
    let outcome = run(command.arg(directory.path().join("a.pgsnap")));
    expect_storage_error(outcome, directory.path(), &["File too large"]);
    Ok(())
}

fn disk_full(server: &Server) -> TestResult {
    let source = large(server);
    let script = format!(
        "mount -t tmpfs -o size=100k none /mnt && {} dump -d '{}' -f /mnt/a.pgsnap; code=$?; ls -A /mnt; exit $code",
        env!("CARGO_BIN_EXE_pgsnap"),
        source.conninfo()
    );
    let outcome = run(&mut in_namespace(&script)).expect_code(7);
    expect_words(&outcome.stderr, &["No space left on device"]);
    assert_eq!(outcome.stdout, "", "left behind");
    Ok(())
}
