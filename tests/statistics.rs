//! Planner statistics, from every major into 18, which is the first that can take them.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::path::Path;

use libtest_mimic::{Arguments, Failed};
use support::{Database, MAJORS, Server, TestResult, assert_same, pgsnap, run};

mod support;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/objects/statistics_data.sql");

fn main() {
    let mut trials = Vec::new();
    for major in MAJORS {
        let name = format!("the_planner_knows_what_it_knew_on_{major}");
        trials.push(support::trial(18, &name, move |target| the_planner_knows_what_it_knew(major, target)));
    }
    trials.extend(support::trials_on(&[13, 17], "older_servers_are_restored_without", restored_without));
    trials.extend(support::trials_on(&[13, 18], "bytes_of_no_encoding_stay_in_their_rows", no_encoding));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn source(server: &Server) -> Database {
    let source = server.create_database("statistics");
    source.load(Path::new(FIXTURE));
    source
}

/// Dumps the source and restores it; what the restore says.
fn restore(source: &Database, target: &Database) -> Result<String, Failed> {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    run(pgsnap().args(["dump", "-d", &source.conninfo(), "-f"]).arg(&archive)).expect_code(0);
    let restored = run(pgsnap().args(["restore", "-j", "4", "-d", &target.conninfo()]).arg(&archive));
    Ok(restored.expect_code(0).stdout)
}

/// What the planner knows, in words that every major has: before 14 nothing tells a count of 0 from none.
const KNOWN: &str = "
    SET search_path = '';
    SELECT c.oid::regclass, relpages, relallvisible,
           CASE WHEN reltuples = 0 AND current_setting('server_version_num')::int < 140000 THEN -1 ELSE reltuples END
      FROM pg_class c
     WHERE relkind IN ('r', 'p', 'i', 'I', 'm') AND relnamespace = 'planner''s'::regnamespace AND relname NOT LIKE 'never%' AND relname <> 'empty'
     ORDER BY c.oid::regclass::text;
    SELECT tablename, attname, inherited, null_frac, avg_width, n_distinct, most_common_vals, most_common_freqs,
           histogram_bounds, correlation, most_common_elems, most_common_elem_freqs, elem_count_histogram
      FROM pg_stats WHERE schemaname = 'planner''s' ORDER BY 1, 2, 3";

fn the_planner_knows_what_it_knew(major: u32, target: &Server) -> TestResult {
    let Some(server) = Server::find(major) else {
        return Err(format!("no server {major} is running").into());
    };
    let (source, target) = (source(&server), target.create_database("statistics_target"));
    let said = restore(&source, &target)?;
    assert!(!said.contains("ANALYZE"), "{said}");
    assert_same("what the planner knows", &source.psql(KNOWN), &target.psql(KNOWN));
    if major == 18 {
        let only = ["--statistics-only", "--exclude-table=*.never_analyzed", "--exclude-table=*.empty"];
        assert_same("pg_dump --statistics-only", &source.oracle_dump(&only), &target.oracle_dump(&only));
    }
    Ok(())
}

fn restored_without(server: &Server) -> TestResult {
    let (source, target) = (source(server), server.create_database("statistics_target"));
    let said = restore(&source, &target)?;
    assert!(said.contains("the planner has no statistics of the rows: run ANALYZE"), "{said}");
    assert_same("pg_dump", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    Ok(())
}

fn no_encoding(server: &Server) -> TestResult {
    let options = "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
    let (source, target) = (
        server.create_database_with("no_encoding", options),
        server.create_database_with("no_encoding", options),
    );
    source.psql(
        "CREATE TABLE t AS SELECT convert_from('\\xe4'::bytea, 'SQL_ASCII') AS c FROM generate_series(1, 9)",
    );
    source.psql("ANALYZE t");
    restore(&source, &target)?;
    let counted = "SELECT reltuples FROM pg_class WHERE relname = 't'";
    if server.major == 18 {
        assert_same("rows of the table", &source.psql(counted), &target.psql(counted));
    }
    Ok(())
}
