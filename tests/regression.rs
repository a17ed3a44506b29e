//! The database that PostgreSQL's own regression tests leave behind, and what its test of pg_dump makes, as `tests/servers
//! regression` loads them: dumped, restored, and pg_dump sees no difference; nor does a second dump.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::collections::BTreeMap;
use std::path::Path;

use libtest_mimic::{Arguments, Trial};
use pgsnap::archive::{Archive, Entry};
use pgsnap::selection::{Place, place};
use support::{MAJORS, Server, TestResult, assert_same, pgsnap, run};

mod support;

const DATABASES: [&str; 3] = ["regression", "regression_marked", "pg_dump_objects"];

/// Tables that inherit a column which their parent got after they were made: it stands behind their own columns, and no
/// statement makes such a table at once. PostgreSQL's test of its own dumps (AdjustDump.pm) does not compare their rows.
const LATE_COLUMNS: [&str; 9] = [
    "public.b_star",
    "public.c_star",
    "public.cc2",
    "public.d_star",
    "public.e_star",
    "public.f_star",
    "public.renamecolumnanother",
    "public.renamecolumnchild",
    "public.test_type_diff_c",
];

fn main() {
    let mut trials = Vec::new();
    for major in MAJORS {
        for (database, jobs) in DATABASES.into_iter().flat_map(|database| [(database, 1), (database, 4)]) {
            let name = format!("{database}_jobs_{jobs}");
            trials.push(if is_loaded(major) {
                support::trial(major, &name, move |server| round_trip(server, database, jobs))
            } else {
                Trial::test(format!("pg{major}::{name}"), || Ok(())).with_ignored_flag(true)
            });
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn is_loaded(major: u32) -> bool {
    Server::find(major)
        .is_some_and(|server| server.data_dir.with_file_name("regression").join("done").exists())
}

fn round_trip(server: &Server, database: &str, jobs: u32) -> TestResult {
    let directory = tempfile::tempdir()?;
    let (first, second) = (directory.path().join("a.pgsnap"), directory.path().join("b.pgsnap"));
    dump(server, database, jobs, &first);
    let target = server.create_database("regression_target");
    let number = jobs.to_string();
    run(pgsnap().args(["restore", "-j", &number, "-d", &target.conninfo()]).arg(&first)).expect_code(0);
    let expected = normalised(&server.oracle_dump(database, &[]));
    assert_same("pg_dump of source and target", &expected, &normalised(&target.oracle_dump(&[])));
    dump(server, &target.name, jobs, &second);
    assert_same("entries of both archives", &entries(&first)?, &entries(&second)?);
    Ok(())
}

fn dump(server: &Server, database: &str, jobs: u32, archive: &Path) {
    let (conninfo, jobs) = (server.conninfo(database), jobs.to_string());
    // The end of another test drops its subscriptions, for which the server locks the list of those of all databases: behind a
    // pg_dump, which keeps its lock on the list to its end, and ahead of us.
    let patience = ["--lock-wait-timeout", "10min"];
    run(pgsnap().args(["dump", "-j", &jobs, "-d", &conninfo, "-f"]).arg(archive).args(patience))
        .expect_code(0);
}

/// The entries of an archive with all that they say, but for planner statistics, which no server before 18 takes, and for what is
/// outside the database. A function
/// depends on the transforms for its types that there were when it was made, and a restore makes transforms first: these
/// dependencies are left out.
fn entries(archive: &Path) -> Result<String, pgsnap::archive::Error> {
    let archive = Archive::open(archive)?;
    let entries = &archive.catalog().entries;
    let label = |entry: &Entry| format!("{} {:?} {}", entry.kind, entry.schema, entry.name);
    let labels: BTreeMap<u32, String> = entries
        .iter()
        .filter(|entry| entry.kind != "TRANSFORM")
        .map(|entry| (entry.id, label(entry)))
        .collect();
    let mut text = String::new();
    let is_made = |entry: &&Entry| place(entries, entry) == Place::Inside && entry.kind != "STATISTICS DATA";
    for entry in entries.iter().filter(is_made) {
        let needs: Vec<&String> = entry.dependencies.iter().filter_map(|id| labels.get(id)).collect();
        // Their numbers count the statistics too.
        let entry = Entry { id: 0, dependencies: Vec::new(), ..entry.clone() };
        text.push_str(&format!("{entry:#?}\nneeds {needs:#?}\n"));
    }
    Ok(text)
}

/// Gives the rows of [`LATE_COLUMNS`] their columns in the order of names, and leaves out who owns a function of the system:
/// pg_dump restores its privileges, but not its owner.
fn normalised(dump: &str) -> String {
    let mut text = String::with_capacity(dump.len());
    let mut lines = dump.lines();
    while let Some(line) = lines.next() {
        let columns = LATE_COLUMNS
            .iter()
            .find_map(|table| line.strip_prefix(&format!("COPY {table} ("))?.strip_suffix(") FROM stdin;"));
        let Some(columns) = columns else {
            let known = "-- Name: FUNCTION pg_stat_reset(); Type: ACL;";
            text.push_str(if line.starts_with(known) { known } else { line });
            text.push('\n');
            continue;
        };
        let columns: Vec<&str> = columns.split(", ").collect();
        let mut order: Vec<usize> = (0..columns.len()).collect();
        order.sort_by_key(|at| columns[*at]);
        let mut rows: Vec<String> = Vec::new();
        for row in lines.by_ref().take_while(|row| *row != "\\.") {
            let fields: Vec<&str> = row.split('\t').collect();
            rows.push(order.iter().map(|at| format!("{}={}\n", columns[*at], fields[*at])).collect());
        }
        rows.sort_unstable();
        text.extend(rows);
    }
    text
}
