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
