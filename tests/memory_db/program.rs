//! `memory-db CONNINFO ROWS [--no-vectors | --no-vector-indexes]`: fills an empty database with ROWS insights and what
//! belongs to them.

use std::process::ExitCode;
use std::time::Instant;

#[path = "mod.rs"]
mod memory_db;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (conninfo, rows, vectors, indexed) = match &arguments[..] {
        [conninfo, rows] => (conninfo, rows.parse(), true, true),
        [conninfo, rows, flag] if flag == "--no-vectors" => (conninfo, rows.parse(), false, false),
        [conninfo, rows, flag] if flag == "--no-vector-indexes" => (conninfo, rows.parse(), true, false),
        _ => {
            eprintln!("usage: memory-db CONNINFO ROWS [--no-vectors | --no-vector-indexes]");
            return ExitCode::from(2);
        }
    };
    let Ok(rows) = rows else {
        eprintln!("memory-db: ROWS is a number");
        return ExitCode::from(2);
    };
    let started = Instant::now();
    let options = memory_db::Options { rows, vectors };
    let loaded = if indexed {
        memory_db::load(conninfo, &options).await
    } else {
        memory_db::load_rows(conninfo, &options).await
    };
    match loaded {
        Ok(()) => {
            println!("{rows} insights loaded in {:.1} s", started.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("memory-db: {error:?}");
            ExitCode::FAILURE
        }
    }
}
