//! Many small tables: pgsnap and pg_dump in turn on the definitions of the same database, and their restores.
//!
//! `PGSNAP_TEST_LOCKS=8192 PGSNAP_TEST_FSYNC=on tests/servers start 17`
//! `cargo bench --bench tables -- --tables 10000 --rounds 5 --restores 3 --major 17`
//!
//! Every dump tool locks all tables, and with its default settings the server has room for some 5,000 locks.
#![allow(clippy::expect_used)] // A benchmark that cannot run has nothing better to do than to say why.

use std::cell::RefCell;
use std::rc::Rc;

use contest::{Contest, Median, argument};
use support::{Database, Server};

mod contest;
#[path = "../tests/support/mod.rs"]
mod support;

fn main() {
    let (tables, rounds, major) =
        (argument("--tables", 10_000), argument("--rounds", 5), argument("--major", 17));
    let Some(server) = Server::find(major) else {
        println!("tables: ignored, no server of major {major}: tests/servers start {major}");
        return;
    };
    let source = server.create_database("tables");
    make(&source, tables);
    println!(
        "{tables} tables, each with an identity column, a primary key, an index and a row; PostgreSQL {major}; {rounds} rounds"
    );

    let mut contest = Contest::default();
    for (label, arguments) in [("pg_dump -Fc -s", vec!["-Fc", "-s"]), ("pg_dump -Fc", vec!["-Fc"])] {
        let (server, name) = (server.clone(), source.name.clone());
        contest.add(label, u32::MAX, move |file| {
            let mut command = server.oracle("pg_dump");
            command.args(&arguments).arg("-f").arg(file).arg(&name);
            command
        });
    }
    for (label, arguments) in [("pgsnap dump -s", vec!["-s"]), ("pgsnap dump --jobs 2", vec!["-j", "2"])] {
        let conninfo = source.conninfo();
        contest.add(label, u32::MAX, move |file| {
            let mut command = support::pgsnap();
            command.args(["dump", "-q", "-d", &conninfo]).args(&arguments).arg("-f").arg(file);
            command
        });
    }
    print(&contest.run(rounds));

    let directory = tempfile::tempdir().expect("a temporary directory");
    let (custom, archive) = (directory.path().join("a.dump"), directory.path().join("a.pgsnap"));
    support::run(server.oracle("pg_dump").arg("-Fc").arg("-f").arg(&custom).arg(&source.name)).expect_code(0);
    let conninfo = source.conninfo();
    support::run(support::pgsnap().args(["dump", "-d", &conninfo, "-f"]).arg(&archive)).expect_code(0);
    // They go at the end: ext4 looks at all inodes that were deleted within the last minutes when a file is made.
    let restored = Rc::new(RefCell::new(Vec::new()));
    let mut contest = Contest::default();
    let (target, databases) = (server.clone(), Rc::clone(&restored));
    contest.add("pg_restore -j 2", u32::MAX, move |_| {
        let database = target.create_database("tables");
        let mut command = target.oracle("pg_restore");
        command.args(["-j", "2", "-d", &database.name]).arg(&custom);
        databases.borrow_mut().push(database);
        command
    });
    contest.add("pgsnap restore --jobs 2", u32::MAX, move |_| {
        let database = server.create_database("tables");
        let mut command = support::pgsnap();
        command.args(["restore", "-q", "-j", "2", "-d", &database.conninfo()]).arg(&archive);
        restored.borrow_mut().push(database);
        command
    });
    print(&contest.run(argument("--restores", 1)));
}

/// In pieces that default settings of the server have room for.
fn make(database: &Database, tables: u32) {
    for first in (1..=tables).step_by(500) {
        let last = tables.min(first + 499);
        database.psql(&format!(
            "DO $$ BEGIN FOR i IN {first}..{last} LOOP
                 EXECUTE format('CREATE TABLE t%s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), note text CHECK (note <> ''''))', i);
                 EXECUTE format('CREATE INDEX ON t%s (note)', i);
                 EXECUTE format('INSERT INTO t%s (note) VALUES (''n'')', i);
             END LOOP; END $$"
        ));
    }
    database.psql("ANALYZE pg_catalog.pg_class, pg_catalog.pg_attribute, pg_catalog.pg_depend, pg_catalog.pg_constraint, pg_catalog.pg_index");
}

/// The first is what the others are compared with.
fn print(medians: &[Median]) {
    println!("| command | median s | x {} | file MB | peak MB |\n|---|---|---|---|---|", medians[0].name);
    for Median { name, seconds, bytes, peak } in medians {
        let ratio = seconds / medians[0].seconds;
        println!(
            "| {name} | {seconds:.2} | {ratio:.2} | {:.1} | {:.0} |",
            *bytes as f64 / 1e6,
            *peak as f64 / 1e6
        );
    }
}
