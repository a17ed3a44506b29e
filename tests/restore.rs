//! What a restore does beside bringing everything back: memory for indexes.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::path::{Path, PathBuf};

use libtest_mimic::Arguments;
use support::{Database, Outcome, Server, TestResult, pgsnap, run};
use tempfile::TempDir;

mod support;

fn main() {
    let mut trials = Vec::new();
    for (name, test) in [
        ("an_index_gets_the_memory_that_it_needs", needed_memory as fn(&Server) -> TestResult),
        ("a_graph_that_does_not_fit_is_told", graph_too_large),
    ] {
        trials.extend(support::trials_on(&[15, 17, 18], name, test));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
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

/// So many random vectors of 384 dimensions.
fn vectors(source: &Database, rows: u32) {
    source.psql(&format!(
        "CREATE EXTENSION vector;
         CREATE TABLE t AS SELECT n AS id,
             (SELECT array_agg(random() + (n - n) * d) FROM generate_series(1, 384) d)::vector(384) AS v
             FROM generate_series(1, {rows}) n"
    ));
}

/// With the server's own 64 MB an index of so many lists fails.
fn needed_memory(server: &Server) -> TestResult {
    let source = server.create_database("restore");
    vectors(&source, 20);
    source.psql(
        "SET maintenance_work_mem = '1GB';
         CREATE INDEX lists ON t USING ivfflat (v vector_l2_ops) WITH (lists = 1000)",
    );
    let (_directory, archive) = dump(&source);
    for memory in [&[][..], &["--memory", "64MB"]] {
        let target = server.create_database("restore");
        restore(&target, &archive, memory).expect_code(0);
        assert_eq!(
            target.psql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'lists'::regclass").trim(),
            "t"
        );
    }
    Ok(())
}

fn graph_too_large(server: &Server) -> TestResult {
    let source = server.create_database("restore");
    vectors(&source, 1500);
    source.psql("CREATE INDEX graph ON t USING hnsw (v vector_l2_ops)");
    let (_directory, archive) = dump(&source);
    let fits = server.create_database("restore");
    let said = restore(&fits, &archive, &[]).expect_code(0).stderr;
    assert!(!said.contains("graph"), "{said}");
    let target = server.create_database("restore");
    let said = restore(&target, &archive, &["--memory", "2MB", "-j", "2"]).expect_code(0).stderr;
    assert!(said.contains("INDEX public.graph: hnsw graph no longer fits"), "{said}");
    assert!(said.contains("--memory gives more"), "{said}");
    Ok(())
}
