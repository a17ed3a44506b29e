//! Dump, inspect, restore: after it, PostgreSQL's own pg_dump sees no difference between source and target.

use std::fs;

use libtest_mimic::{Arguments, Failed};
use support::{Database, Server, TestResult, assert_same, pgsnap, run};

#[path = "memory_db/mod.rs"]
mod memory_db;
mod support;

fn main() {
    let mut arguments = Arguments::from_args();
    // Every trial keeps a core of the server and one of its own busy.
    arguments.test_threads.get_or_insert(2);
    let trials = [
        support::trials("memory_database_jobs_1", |server| memory_database(server, &["--jobs", "1"])),
        support::trials("memory_database_jobs_4", |server| memory_database(server, &["--jobs", "4"])),
        support::trials("memory_database_split", |server| {
            memory_database(server, &["--split-above", "50kB"])
        }),
        support::trials("empty_database", empty_database),
        support::trials_on(&[13, 18], "money_of_another_lc_monetary", money),
        support::trials_on(&[13, 17, 18], "materialized_views_of_another_time_zone", materialized_views),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit();
}

fn memory_database(server: &Server, options: &[&str]) -> TestResult {
    let source = server.create_database("memory");
    let contents = memory_db::Options { rows: 300, vectors: server.vector.is_some() };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(memory_db::load(&source.conninfo(), &contents)).map_err(|error| format!("{error:?}"))?;
    round_trip(&source, options)
}

fn empty_database(server: &Server) -> TestResult {
    round_trip(&server.create_database("empty"), &[])
}

fn money(server: &Server) -> TestResult {
    let source = server.create_database("money");
    source.psql(&format!("ALTER DATABASE {} SET lc_monetary = 'POSIX'", source.name));
    source.psql("CREATE TABLE t (a money, r regclass); INSERT INTO t VALUES (1234.5, 't'); CREATE TABLE plain (a money DEFAULT 2)");
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    run(pgsnap().args(["dump", "-d", &source.conninfo(), "-f"]).arg(&archive)).expect_code(0);
    let target = server.create_database("money_target");
    let restored = run(pgsnap().args(["restore", "-d", &target.conninfo()]).arg(&archive)).expect_code(0);
    let warning = "holds amounts of money: the source shows them with lc_monetary POSIX, this database with ";
    assert!(restored.stderr.contains(warning), "{}", restored.stderr);
    assert_same(
        "amounts",
        &source.psql("SELECT a::numeric FROM t"),
        &target.psql("SELECT a::numeric FROM t"),
    );
    Ok(())
}

/// What a refresh computes depends on settings: on those of the source, whatever the target's and the restoring session's are.
fn materialized_views(server: &Server) -> TestResult {
    let source = server.create_database("views");
    let name = &source.name;
    source.psql(&format!(
        "ALTER DATABASE {name} SET TimeZone = 'Asia/Tokyo'; ALTER DATABASE {name} SET DateStyle = 'German';
         ALTER DATABASE {name} SET IntervalStyle = 'sql_standard';
         ALTER DATABASE {name} SET default_text_search_config = 'pg_catalog.german'"
    ));
    source.psql(
        "CREATE TABLE t AS SELECT timestamptz '2026-01-01 20:00:00+00' AS made, interval '1 day 2 h' AS took, 1/3.0::float8 AS share;
         CREATE MATERIALIZED VIEW v AS SELECT made::date AS day, made::text AS moment, took::text AS took, share::text AS share,
             to_tsvector('Häuser und Boote') AS words FROM t",
    );
    let contents = "SELECT to_char(day, 'YYYY-MM-DD'), moment, took, share, words FROM v";
    let before = source.psql(contents);
    assert!(before.starts_with("2026-01-02|02.01.2026 05:00:00 JST|1 2:00:00|"), "{before}");
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    run(pgsnap().args(["dump", "-d", &source.conninfo(), "-f"]).arg(&archive)).expect_code(0);
    let target = server.create_database("views_target");
    run(pgsnap().args(["restore", "-d", &target.conninfo()]).arg(&archive)).expect_code(0);
    assert_same("the materialized view", &before, &target.psql(contents));
    Ok(())
}

fn round_trip(source: &Database, options: &[&str]) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("source.pgsnap");
    let expected = source.oracle_dump(&[]);

    run(pgsnap().args(["dump", "-d", &source.conninfo()]).args(options).arg("-f").arg(&archive))
        .expect_code(0);
    assert_eq!(fs::read_dir(directory.path())?.count(), 1, "something beside the archive is left");
    run(pgsnap().arg("inspect").arg(&archive)).expect_code(0);

    let target = source.server.create_database("target");
    let jobs =
        options.iter().position(|option| *option == "--jobs").map_or(&[][..], |at| &options[at..at + 2]);
    run(pgsnap().args(["restore", "-d", &target.conninfo()]).args(jobs).arg(&archive)).expect_code(0);
    assert_same("pg_dump of the source and of the target", &expected, &target.oracle_dump(&[]));
    Ok(())
}
