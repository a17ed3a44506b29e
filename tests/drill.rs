//! `pgsnap drill`: an archive restored into a scratch database. Whatever happens, the server is afterwards as it was.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed};
use serde_json::Value;
use support::{Database, Outcome, Server, TestResult, pgsnap, run};
use tempfile::TempDir;

#[path = "memory_db/mod.rs"]
mod memory_db;
mod support;

type Test = (&'static str, fn(&Server) -> TestResult);

fn main() {
    let tests: [Test; 7] = [
        ("the_memory_database_comes_back", memory_database),
        ("a_failed_restore_leaves_nothing", failed_restore),
        ("sigterm_leaves_nothing", sigterm),
        ("an_index_that_lies_is_found", lying_index),
        ("an_owner_without_more_rights", without_rights),
        ("an_archive_of_a_part", part),
        ("a_role_that_is_missing", missing_role),
    ];
    let trials = tests.iter().flat_map(|(name, test)| support::trials_on(&[13, 15, 18], name, *test));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

fn dump(source: &Database, arguments: &[&str]) -> Result<(TempDir, PathBuf), Failed> {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    run(pgsnap().args(["dump", "-d", &source.conninfo(), "-f"]).arg(&archive).args(arguments)).expect_code(0);
    Ok((directory, archive))
}

fn command(source: &Database, archive: &Path, arguments: &[&str]) -> Command {
    let mut command = pgsnap();
    command.args(["drill", "-v", "-d", &source.conninfo()]).arg(archive).args(arguments);
    command
}

/// Runs a drill beside its own source, which must not be touched, and looks for what it has left behind.
fn drill(source: &Database, archive: &Path, arguments: &[&str]) -> Outcome {
    let before = source.oracle_dump(&[]);
    let outcome = run(&mut command(source, archive, arguments));
    is_gone(source, &outcome.stderr);
    support::assert_same("the database that the drill connects to", &before, &source.oracle_dump(&[]));
    outcome
}

/// The scratch database, if there was one.
fn is_gone(source: &Database, said: &str) -> Option<String> {
    let mut words = said.split_whitespace();
    let name = words.find(|word| word.starts_with("pgsnap_drill_"))?;
    assert_eq!(
        source.psql(&format!("SELECT datname FROM pg_database WHERE datname = '{name}'")),
        "",
        "{said}"
    );
    Some(name.to_owned())
}

fn report(outcome: &Outcome) -> Result<Value, Failed> {
    Ok(serde_json::from_str(&outcome.stdout).map_err(|error| format!("{error}: {}", outcome.stderr))?)
}

fn memory_database(server: &Server) -> TestResult {
    let source = server.create_database("drill");
    let contents = memory_db::Options { rows: 300, vectors: server.vector.is_some() };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(memory_db::load(&source.conninfo(), &contents)).map_err(|error| format!("{error:?}"))?;
    let (_directory, archive) = dump(&source, &[])?;
    let outcome = drill(&source, &archive, &["--json", "-j", "3"]).expect_code(0);
    let report = report(&outcome)?;
    assert_eq!((&report["good"], &report["no_amcheck"]), (&Value::Bool(true), &Value::Null), "{report}");
    assert_eq!(report["tables"].as_array().map(Vec::len), Some(15), "{report}");
    let count = |what: &str| report[what].as_u64().unwrap_or(0);
    assert!(count("indexes_by_amcheck") >= 20 && count("constraints") >= 20, "{report}");
    let phases = report["phases"].as_array().ok_or("no phases")?;
    assert!(phases.iter().any(|phase| phase["phase"] == "comparing rows"), "{report}");
    let told = drill(&source, &archive, &[]).expect_code(0).stdout;
    for words in
        ["15 equal, 0 different", "recovery time", "the scratch database is gone", "creating objects "]
    {
        assert!(told.contains(words), "{words} in {told}");
    }
    Ok(())
}

/// In the middle, because of what the source says; before the beginning, because the archive is damaged.
fn failed_restore(server: &Server) -> TestResult {
    let source = server.create_database("drill");
    source.psql(
        "CREATE FUNCTION f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
             IF current_database() LIKE 'pgsnap%' THEN RAISE 'not here'; END IF; RETURN $1; END $$;
         CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n; CREATE INDEX i ON t (f(n))",
    );
    let (_directory, archive) = dump(&source, &[])?;
    let failed = drill(&source, &archive, &[]).expect_code(1);
    assert!(
        failed.stderr.contains("INDEX public.i") && failed.stderr.contains("not here"),
        "{}",
        failed.stderr
    );
    assert!(!failed.stderr.contains("drop it"), "{}", failed.stderr);
    let mut bytes = std::fs::read(&archive)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&archive, bytes)?;
    drill(&source, &archive, &[]).expect_code(3);
    Ok(())
}

fn sigterm(server: &Server) -> TestResult {
    let source = server.create_database("drill");
    source.psql(&format!(
        "CREATE FUNCTION f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
             IF current_database() LIKE 'pgsnap%' THEN PERFORM pg_sleep(600); END IF; RETURN $1; END $$;
         CREATE TABLE t AS SELECT 1 AS n; CREATE INDEX waits_{} ON t (f(n))",
        std::process::id()
    ));
    let (_directory, archive) = dump(&source, &[])?;
    let mut child = command(&source, &archive, &[]);
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%INDEX waits_{}%'",
        std::process::id()
    );
    let started = Instant::now();
    while source.psql(&waiting).trim() == "0" {
        assert!(
            child.try_wait()?.is_none() && started.elapsed() < Duration::from_secs(60),
            "it does not wait"
        );
    }
    run(Command::new("kill").args(["-TERM", &child.id().to_string()])).expect_code(0);
    let outcome = Outcome::of("drill", child.wait_with_output()?).expect_code(143);
    assert!(is_gone(&source, &outcome.stderr).is_some(), "{}", outcome.stderr);
    assert_eq!(source.psql(&waiting).trim(), "0");
    Ok(())
}

/// The expression says another thing each time: the row is in the index, where nobody will find it.
fn lying_index(server: &Server) -> TestResult {
    let source = server.create_database("drill");
    source.psql(
        "CREATE FUNCTION f(int) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.random()';
         CREATE TABLE t AS SELECT n FROM generate_series(1, 100) n; CREATE INDEX lies ON t (f(n)); CREATE INDEX good ON t (n)",
    );
    let (_directory, archive) = dump(&source, &[])?;
    let outcome = drill(&source, &archive, &["--json"]).expect_code(4);
    let report = report(&outcome)?;
    let problems = report["problems"].as_array().ok_or("no problems")?;
    assert_eq!(problems.len(), 1, "{report}");
    assert!(
        problems[0].as_str().is_some_and(|problem| problem.starts_with("index public.lies: ")),
        "{report}"
    );
    Ok(())
}

fn without_rights(server: &Server) -> TestResult {
    let source = server.create_database("drill");
    source.psql(
        "DO $$ BEGIN CREATE ROLE pgsnap_driller LOGIN CREATEDB; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
         CREATE TABLE t (n int PRIMARY KEY); INSERT INTO t VALUES (1)",
    );
    let (_directory, archive) = dump(&source, &[])?;
    let as_driller = format!("{} user=pgsnap_driller", source.conninfo());
    let mut command = pgsnap();
    command.args(["drill", "--json", "-O", "-x", "-d", &as_driller]).arg(&archive);
    let report = report(&run(&mut command).expect_code(0))?;
    assert_eq!(report["good"], true, "{report}");
    assert!(report["no_amcheck"].as_str().is_some_and(|reason| reason.contains("superuser")), "{report}");
    Ok(())
}

fn part(server: &Server) -> TestResult {
    let source = server.create_database("drill");
    source.psql("CREATE TABLE a (n int PRIMARY KEY); INSERT INTO a VALUES (1), (2); CREATE TABLE b (n int)");
    let (_directory, archive) = dump(&source, &["-t", "a"])?;
    let told = drill(&source, &archive, &[]).expect_code(0).stdout;
    assert!(told.contains("1 tables compared: 1 equal"), "{told}");
    let (_directory, archive) = dump(&source, &[])?;
    let told = drill(&source, &archive, &["-t", "a"]).expect_code(0).stdout;
    assert!(told.contains("1 tables compared: 1 equal"), "{told}");
    Ok(())
}

/// What it advises to a restore is not all possible here.
fn missing_role(server: &Server) -> TestResult {
    let source = server.create_database("drill");
    let role = format!("{}_owner", source.name);
    source.psql(&format!("CREATE TABLE t (n int); CREATE ROLE {role}; ALTER TABLE t OWNER TO {role}"));
    let (_directory, archive) = dump(&source, &[])?;
    source.psql(&format!("ALTER TABLE t OWNER TO {}; DROP ROLE {role}", server.superuser));
    let said = drill(&source, &archive, &[]).expect_code(9).stderr;
    for words in [role.as_str(), "a drill takes --no-owner and --no-privileges"] {
        assert!(said.contains(words), "{said}");
    }
    drill(&source, &archive, &["-O", "-x"]).expect_code(0);
    Ok(())
}
