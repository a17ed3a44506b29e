//! Dumps of one database by turns: the raw COPY, pg_dump in its forms, pgsnap; with `--restore` its restores. Medians, ratios, a table
//! and a plot.
//!
//! `tests/servers start 17 && cargo bench --bench end_to_end -- --rows 200000 --rounds 5 --major 17 --write dump`
//!
//! `--gigabytes 10` makes a memory database of so many bytes of rows; `--database NAME` takes one that is there; `--gzip-rounds N`
//! bounds the rounds of pg_dump's default, which takes thirty times as long as others, and may be 0. `--write NAME` puts the table between the
//! marks NAME in docs/benchmarks.md and the plot into docs/benchmarks/NAME.svg.
//!
//! Times on a shared machine mean little; the ratio between commands that take turns means something.
#![allow(clippy::expect_used)] // A benchmark that cannot run has nothing better to do than to say why.

use std::path::{Path, PathBuf};
use std::process::Command;

use contest::{Contest, Median, argument, text_argument};
use support::{Database, Server};

mod contest;
#[path = "../tests/memory_db/mod.rs"]
mod memory_db;
mod restores;
#[path = "../tests/support/mod.rs"]
mod support;

/// Bytes of COPY BINARY that belong to one row of `l2_insights`.
const BYTES_PER_ROW: u64 = 8450;
const LIMIT: &str = "raw COPY BINARY, one connection";
const GZIP: &str = "pg_dump -Fc (gzip)";
const ZSTD: &str = "pg_dump -Fc zstd:1";

fn main() {
    let rounds = argument("--rounds", 5);
    let major = argument("--major", 17);
    let gigabytes = u64::from(argument("--gigabytes", 0));
    let rows = match gigabytes {
        0 => argument("--rows", 20_000),
        gigabytes => u32::try_from(gigabytes * 1_000_000_000 / BYTES_PER_ROW).expect("fewer rows"),
    };
    let Some(server) = Server::find(major).filter(|server| server.vector.is_some()) else {
        println!(
            "end_to_end: ignored, no server of major {major} with pgvector: tests/servers start {major}"
        );
        return;
    };
    let made = text_argument("--database").is_none().then(|| load(&server, rows));
    let name = &made
        .as_ref()
        .map_or_else(|| text_argument("--database").unwrap_or_default(), |database| database.name.clone());
    let version = server.psql(name, "SHOW server_version");
    let bytes = server.psql(
        name,
        "SELECT pg_catalog.pg_size_pretty(pg_catalog.pg_database_size(pg_catalog.current_database()))",
    );
    let zstd = pg_dump_with_zstd();
    let tool = output(Command::new(zstd.join("pg_dump")).arg("--version"));
    let gzip_rounds = argument("--gzip-rounds", rounds);
    let restores = std::env::args().any(|argument| argument == "--restore");
    let archives = tempfile::tempdir().expect("a temporary directory");
    let contest = match restores {
        true => restores::contest(&server, name, &zstd, archives.path()),
        false => contest(&server, name, &zstd, gzip_rounds),
    };
    let medians = contest.run(rounds);
    let what = format!(
        "{date}; {cores} cores of {processor}, which other work shares; PostgreSQL {version}, {tool}, pgsnap {pgsnap}; database of {bytes} on disk, \
         in the system's cache; medians of {rounds} rounds in turn{gzip}.",
        date = output(Command::new("date").args(["-u", "+%Y-%m-%d"])),
        cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        processor = processor(),
        version = version.trim(),
        pgsnap = env!("CARGO_PKG_VERSION"),
        bytes = bytes.trim(),
        gzip =
            if gzip_rounds < rounds && !restores { format!(" (gzip {gzip_rounds})") } else { String::new() },
    );
    let table = if restores { restores::table(&medians) } else { table(&medians) };
    let table = format!("{what}\n\n{table}");
    println!("{table}");
    if let Some(name) = text_argument("--write") {
        contest::write(&name, &table, &medians);
    }
}

fn load(server: &Server, rows: u32) -> Database {
    let source = server.create_database("bench");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let options = memory_db::Options { rows, vectors: true };
    let loaded = match std::env::args().any(|argument| argument == "--vector-indexes") {
        true => runtime.block_on(memory_db::load(&source.conninfo(), &options)),
        false => runtime.block_on(memory_db::load_rows(&source.conninfo(), &options)),
    };
    loaded.expect("the memory database loads");
    source
}

fn contest(server: &Server, name: &str, zstd: &Path, gzip_rounds: u32) -> Contest {
    let mut contest = Contest::default();
    let copies = |jobs: u32| (0..jobs).map(|job| copies(server, name, job, jobs)).collect::<Vec<_>>();
    for (label, jobs) in [(LIMIT, 1), ("raw COPY BINARY, two connections", 2)] {
        let (server, name, copies) = (server.clone(), name.to_owned(), copies(jobs));
        contest.add(label, u32::MAX, move |_| {
            // One psql for each script.
            let script = "for copies; do \"$PSQL\" -XAtq -d \"$DATABASE\" -c \"$copies\" & done; wait";
            let mut command = server.oracle("psql");
            let psql = command.get_program().to_owned();
            let environment: Vec<_> = command
                .get_envs()
                .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
                .collect();
            command = Command::new("/bin/sh");
            command.env_clear().envs(environment).env("PSQL", psql).env("DATABASE", &name);
            command.args(["-c", script, "sh"]).args(&copies);
            command
        });
    }
    for (label, rounds, arguments) in [
        (GZIP, gzip_rounds, vec!["-Fc"]),
        (ZSTD, u32::MAX, vec!["-Fc", "--compress=zstd:1"]),
        ("pg_dump -Fd -j 2 zstd:1", u32::MAX, vec!["-Fd", "-j", "2", "--compress=zstd:1"]),
    ] {
        let (server, name, pg_dump) = (server.clone(), name.to_owned(), zstd.join("pg_dump"));
        contest.add(label, rounds, move |file| {
            let mut command = Command::new(&pg_dump);
            command.env_clear().env("PGHOST", &server.socket_dir).env("PGPORT", server.port.to_string());
            command.env("PGUSER", &server.superuser).args(&arguments).arg("-f").arg(file).arg(&name);
            command
        });
    }
    for jobs in ["1", "2", "4"] {
        let conninfo = server.conninfo(name);
        contest.add(&format!("pgsnap dump --jobs {jobs}"), u32::MAX, move |file| {
            let mut command = support::pgsnap();
            command.args(["dump", "-q", "-d", &conninfo, "--jobs", jobs, "-f"]).arg(file);
            command
        });
    }
    contest
}

/// What one of some connections copies: its share of the pages of each table.
fn copies(server: &Server, name: &str, job: u32, jobs: u32) -> String {
    server.psql(
        name,
        &format!(
            "SELECT pg_catalog.string_agg(pg_catalog.format('COPY {source} TO STDOUT (FORMAT binary);', c.oid::pg_catalog.regclass, \
             c.relpages::pg_catalog.int8 * {job} / {jobs}{to}), ' ' ORDER BY c.oid) \
             FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND c.oid >= 16384",
            source = match (jobs, job + 1 < jobs) {
                (1, _) => "%s",
                (_, true) => "(SELECT * FROM ONLY %s WHERE ctid >= ''(%s,0)'' AND ctid < ''(%s,0)'')",
                (_, false) => "(SELECT * FROM ONLY %s WHERE ctid >= ''(%s,0)'')",
            },
            to = if job + 1 < jobs { format!(", c.relpages::pg_catalog.int8 * {} / {jobs}", job + 1) } else { String::new() },
        ),
    )
}

/// The directory of a pg_dump that is built with zstd, which the oracle of the tests is not.
fn pg_dump_with_zstd() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers");
    let printed = output(Command::new(script).arg("pg_dump-with-zstd"));
    PathBuf::from(printed.lines().last().expect("a directory"))
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn processor() -> String {
    let facts = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = facts.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    model.unwrap_or("an unknown processor").to_owned()
}

fn table(medians: &[Median]) -> String {
    let seconds = |name: &str| {
        medians.iter().find(|median| median.name == name).map_or(f64::NAN, |median| median.seconds)
    };
    let (limit, zstd, gzip) = (seconds(LIMIT), seconds(ZSTD), seconds(GZIP));
    let of_pg_dump = medians.iter().filter(|median| median.name.starts_with("pg_dump"));
    let smallest = of_pg_dump.map(|median| median.bytes).min().unwrap_or(0).max(1) as f64;
    // What did not take part is no number.
    let times = |ratio: f64| if ratio.is_nan() { "-".to_owned() } else { format!("{ratio:.1}") };
    let mut table = "| command | seconds | x raw COPY | times as fast as pg_dump zstd:1, gzip | archive, MB | of the smallest pg_dump | peak MiB |\n\
                     |---|---|---|---|---|---|---|\n"
        .to_owned();
    for Median { name, seconds, bytes, peak } in medians {
        let (size, share) = match bytes {
            0 => ("-".to_owned(), "-".to_owned()),
            bytes => (format!("{:.1}", *bytes as f64 / 1e6), format!("{:.2}", *bytes as f64 / smallest)),
        };
        table += &format!(
            "| {name} | {seconds:.2} | {:.2} | {}, {} | {size} | {share} | {} |\n",
            seconds / limit,
            times(zstd / seconds),
            times(gzip / seconds),
            peak >> 20,
        );
    }
    table
}
