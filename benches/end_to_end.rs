//! pgsnap, pg_dump and the raw COPY in turn on the same memory database and server; prints medians and ratios.
//!
//! `tests/servers start 16 && cargo bench --bench end_to_end -- --rows 20000 --rounds 5 --major 16`
//!
//! Times on a shared machine mean little; the ratio between commands that take turns means something.
#![allow(clippy::expect_used)] // A benchmark that cannot run has nothing better to do than to say why.

use contest::{Contest, Median, argument};
use support::{Database, Server};

mod contest;
#[path = "../tests/memory_db/mod.rs"]
mod memory_db;
#[path = "../tests/support/mod.rs"]
mod support;

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

    print(&contest(&source).run(rounds));
}

fn contest(source: &Database) -> Contest {
    let tables = source.psql(
        "SELECT pg_catalog.string_agg(pg_catalog.format('COPY %s TO STDOUT (FORMAT binary);', c.oid::pg_catalog.regclass), ' ' \
         ORDER BY c.oid) FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND c.oid >= 16384",
    );
    let mut contest = Contest::default();
    let (server, name) = (source.server.clone(), source.name.clone());
    contest.add("psql, COPY BINARY of every table (the limit)", move |_| {
        let mut command = server.oracle("psql");
        command.args(["-XAtq", "-d", &name, "-c", &tables]);
        command
    });
    for (label, arguments) in [
        ("pg_dump -Fc (gzip)", vec!["-Fc"]),
        ("pg_dump -Fc --compress=1 (gzip)", vec!["-Fc", "--compress=1"]),
    ] {
        let (server, name) = (source.server.clone(), source.name.clone());
        contest.add(label, move |file| {
            let mut command = server.oracle("pg_dump");
            command.args(&arguments).arg("-f").arg(file).arg(&name);
            command
        });
    }
    for jobs in ["1", "2", "4"] {
        let conninfo = source.conninfo();
        contest.add(&format!("pgsnap dump --jobs {jobs}"), move |file| {
            let mut command = support::pgsnap();
            command.args(["dump", "-q", "-d", &conninfo, "--jobs", jobs, "-f"]).arg(file);
            command
        });
    }
    contest
}

fn print(medians: &[Median]) {
    let limit = medians[0].seconds;
    let pg_dump = medians[1..3].iter().map(|median| median.bytes).min().unwrap_or(0).max(1) as f64;
    println!(
        "| command | median s | x limit | archive MB | x smallest pg_dump | peak MB |\n|---|---|---|---|---|---|"
    );
    for Median { name, seconds, bytes, peak } in medians {
        let (ratio, bytes, peak) = (seconds / limit, *bytes as f64, *peak as f64 / 1e6);
        let (megabytes, size) = (bytes / 1e6, bytes / pg_dump);
        println!("| {name} | {seconds:.2} | {ratio:.2} | {megabytes:.1} | {size:.2} | {peak:.0} |");
    }
}
