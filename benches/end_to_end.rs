//! pgsnap, pg_dump and the raw COPY in turn on the same memory database and server; prints medians and ratios.
//!
//! `tests/servers start 16 && cargo bench --bench end_to_end -- --rows 20000 --rounds 5 --major 16`
//!
//! Times on a shared machine mean little; the ratio between commands that take turns means something.
#![allow(clippy::expect_used)] // A benchmark that cannot run has nothing better to do than to say why.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{Database, Server};

#[path = "../tests/memory_db/mod.rs"]
mod memory_db;
#[path = "../tests/support/mod.rs"]
mod support;

/// A command under measurement.
struct Contender {
    name: String,
    command: Box<dyn Fn(&Path) -> Command>,
    runs: Vec<(Duration, u64)>,
}

fn main() {
    let rows = argument("--rows", 20_000);
    let rounds = argument("--rounds", 5);
    let major = argument("--major", 16);
    let Some(server) = Server::find(major).filter(|server| server.vector.is_some()) else {
        println!(
            "end_to_end: ignored, no server of major {major} with pgvector: tests/servers start {major}"
        );
        return;
    };
    let source = server.create_database("bench");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let options = memory_db::Options { rows, vectors: true };
    runtime.block_on(memory_db::load(&source.conninfo(), &options)).expect("the memory database loads");
    let size = source
        .psql("SELECT pg_catalog.pg_size_pretty(pg_catalog.pg_database_size(pg_catalog.current_database()))");
    println!(
        "memory database: {rows} embeddings, {} on disk with indexes; PostgreSQL {major}; {rounds} rounds",
        size.trim()
    );

    let mut contenders = contenders(&source);
    let directory = tempfile::tempdir().expect("a temporary directory");
    for round in 0..=rounds {
        for contender in &mut contenders {
            let file = directory.path().join("out");
            let (time, bytes) = measure(contender, &file);
            // The first round warms the server's cache and is not counted.
            if round > 0 {
                contender.runs.push((time, bytes));
            }
        }
    }
    print(&mut contenders);
}

fn argument(name: &str, default: u32) -> u32 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    match (arguments.next(), arguments.next()) {
        (Some(_), Some(value)) => value.parse().expect("a number"),
        _ => default,
    }
}

fn contenders(source: &Database) -> Vec<Contender> {
    let tables = source.psql(
        "SELECT pg_catalog.string_agg(pg_catalog.format('COPY %s TO STDOUT (FORMAT binary);', c.oid::pg_catalog.regclass), ' ' \
         ORDER BY c.oid) FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND c.oid >= 16384",
    );
    let mut contenders = Vec::new();
    let mut add = |name: &str, command: Box<dyn Fn(&Path) -> Command>| {
        contenders.push(Contender { name: name.to_owned(), command, runs: Vec::new() });
    };
    let (server, name) = (source.server.clone(), source.name.clone());
    add(
        "psql, COPY BINARY of every table (the limit)",
        Box::new(move |_| {
            let mut command = server.oracle("psql");
            command.args(["-XAtq", "-d", &name, "-c", &tables]);
            command
        }),
    );
    for (label, arguments) in [
        ("pg_dump -Fc (gzip)", vec!["-Fc"]),
        ("pg_dump -Fc --compress=1 (gzip)", vec!["-Fc", "--compress=1"]),
    ] {
        let (server, name) = (source.server.clone(), source.name.clone());
        add(
            label,
            Box::new(move |file| {
                let mut command = server.oracle("pg_dump");
                command.args(&arguments).arg("-f").arg(file).arg(&name);
                command
            }),
        );
    }
    for jobs in ["1", "2", "4"] {
        let conninfo = source.conninfo();
        add(
            &format!("pgsnap dump --jobs {jobs}"),
            Box::new(move |file| {
                let mut command = support::pgsnap();
                command.args(["dump", "-q", "-d", &conninfo, "--jobs", jobs, "-f"]).arg(file);
                command
            }),
        );
    }
    contenders
}

/// Time and bytes written.
fn measure(contender: &Contender, file: &Path) -> (Duration, u64) {
    let _ = fs::remove_file(file);
    let mut command = (contender.command)(file);
    command
        .stdout(File::options().write(true).open("/dev/null").expect("/dev/null"))
        .stderr(Stdio::inherit());
    let started = Instant::now();
    let status = command.status().expect("the program starts");
    let time = started.elapsed();
    assert!(status.success(), "{}: {status}", contender.name);
    (time, fs::metadata(file).map_or(0, |metadata| metadata.len()))
}

fn print(contenders: &mut [Contender]) {
    let medians: Vec<(String, f64, u64)> = contenders
        .iter_mut()
        .map(|contender| {
            contender.runs.sort_unstable();
            let (time, bytes) = contender.runs[contender.runs.len() / 2];
            (contender.name.clone(), time.as_secs_f64(), bytes)
        })
        .collect();
    let limit = medians[0].1;
    let pg_dump = medians[1..3].iter().map(|(_, _, bytes)| *bytes).min().unwrap_or(0).max(1) as f64;
    println!("| command | median s | x limit | archive MB | x smallest pg_dump |\n|---|---|---|---|---|");
    for (name, seconds, bytes) in &medians {
        let ratio = seconds / limit;
        let megabytes = *bytes as f64 / 1e6;
        println!("| {name} | {seconds:.2} | {ratio:.2} | {megabytes:.1} | {:.2} |", *bytes as f64 / pg_dump);
    }
}
