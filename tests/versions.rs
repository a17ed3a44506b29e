//! Servers older than the archive's, and newer than any that is known.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod support;

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use libtest_mimic::Arguments;
use support::{Server, TestResult, assert_same, pgsnap, run};
use tempfile::TempDir;

const NEWEST: u32 = 18;
/// Since this major an interval can be infinite.
const INFINITE_INTERVALS: u32 = 17;

fn main() {
    let mut trials =
        support::trials_on(&[13, 14, 15, 16, 17], "an_older_server_takes_what_it_understands", older);
    trials.extend(support::trials_on(&[NEWEST], "a_newer_server_is_dumped_with_a_warning", newer));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn older(older: &Server) -> TestResult {
    let newest = Server::find(NEWEST).ok_or("no server 18 is running")?;
    let source = newest.create_database("versions");
    source.psql(
        "CREATE TABLE spans (id int PRIMARY KEY, span interval, spans interval[], note text);
         INSERT INTO spans SELECT i, i * interval '1 day', ARRAY[interval '1 month', NULL], 'n' || i FROM generate_series(1, 1000) i;
         CREATE VIEW long AS SELECT * FROM spans WHERE span > interval '1 year';
         CREATE INDEX ON spans (note)",
    );
    let directory = TempDir::new()?;
    let archive = directory.path().join("a.pgsnap");
    let dump = || {
        run(pgsnap().args(["dump", "--force", "-d", &source.conninfo(), "-f"]).arg(&archive)).expect_code(0)
    };
    let restore = |target: &str, options: &[&str]| {
        run(pgsnap().args(["restore", "-d", target]).args(options).arg(&archive))
    };
    dump();

    let target = older.create_database("versions");
    let refused = restore(&target.conninfo(), &[]).expect_code(9);
    assert!(refused.stderr.contains("--force-version"), "{}", refused.stderr);
    assert_eq!(
        target.psql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"),
        "0\n"
    );
    restore(&target.conninfo(), &["--force-version", "--no-verify"]).expect_code(2);
    restore(&target.conninfo(), &["--force-version"]).expect_code(0);
    // The two servers do not say the same of a database: rows are compared as rows, in both formats.
    let arguments = ["--data-only"];
    assert_same(
        "rows",
        &comparable(&source.oracle_dump(&arguments)),
        &comparable(&target.oracle_dump(&arguments)),
    );
    assert_eq!(target.psql("SELECT count(*) FROM long"), source.psql("SELECT count(*) FROM long"));

    // Deep inside a row: an element of an array.
    source.psql("UPDATE spans SET spans = ARRAY[interval '1 day', '-infinity'] WHERE id = 500");
    dump();
    let target = older.create_database("versions");
    let outcome = restore(&target.conninfo(), &["--force-version"]);
    if older.major < INFINITE_INTERVALS {
        let outcome = outcome.expect_code(1);
        assert!(outcome.stderr.contains("public.spans holds infinite intervals"), "{}", outcome.stderr);
    } else {
        outcome.expect_code(0);
    }

    // What the older server does not understand is named.
    source.psql("CREATE TABLE sums (a int, b int GENERATED ALWAYS AS (a + 1) VIRTUAL)");
    dump();
    let target = older.create_database("versions");
    let failed = restore(&target.conninfo(), &["--force-version"]).expect_code(1);
    assert!(failed.stderr.contains("TABLE public.sums"), "{}", failed.stderr);
    Ok(())
}

/// Without the lines that name the server's version.
fn comparable(dump: &str) -> String {
    dump.lines()
        .filter(|line| !line.starts_with("-- Dumped from"))
        .map(|line| line.to_owned() + "\n")
        .collect()
}

fn newer(server: &Server) -> TestResult {
    let source = server.create_database("newer");
    source.psql("CREATE TABLE t AS SELECT i FROM generate_series(1, 100) i");
    let number = source.psql("SHOW server_version_num").trim().to_owned();
    let newer = number.replacen("18", "19", 1);
    let directory = TempDir::new()?;
    pass_on(directory.path(), server, number.into_bytes(), newer.into_bytes());
    let archive = directory.path().join("a.pgsnap");
    let conninfo = format!(
        "host={} port=1 user={} dbname={}",
        directory.path().display(),
        server.superuser,
        source.name
    );
    let dumped = run(pgsnap().args(["dump", "-d", &conninfo, "-f"]).arg(&archive)).expect_code(4);
    assert!(dumped.stderr.contains("newer than this program knows"), "{}", dumped.stderr);
    assert!(dumped.stderr.contains("whatever PostgreSQL 19 has"), "{}", dumped.stderr);

    // Back into a server that says the same of itself.
    let target = server.create_database("newer");
    let conninfo = conninfo.replace(&source.name, &target.name);
    run(pgsnap().args(["restore", "-d", &conninfo]).arg(&archive)).expect_code(0);
    assert_same("restored", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    Ok(())
}

/// Listens in `directory` for connections to the server, and changes one text into another of the same length in what it says.
fn pass_on(directory: &Path, server: &Server, from: Vec<u8>, to: Vec<u8>) {
    let listener = UnixListener::bind(directory.join(".s.PGSQL.1")).unwrap();
    let socket = server.socket_dir.join(format!(".s.PGSQL.{}", server.port));
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), UnixStream::connect(&socket).unwrap());
            copy(client.try_clone().unwrap(), server.try_clone().unwrap(), |_| ());
            let (from, to) = (from.clone(), to.clone());
            copy(server, client, move |bytes| {
                while let Some(start) = bytes.windows(from.len()).position(|window| window == from) {
                    bytes[start..start + to.len()].copy_from_slice(&to);
                }
            });
        }
    });
}

fn copy(mut from: UnixStream, mut to: UnixStream, change: impl Fn(&mut [u8]) + Send + 'static) {
    thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            change(&mut buffer[..length]);
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        // Whoever waits for more learns that there is none.
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}
