//! `memory-db CONNINFO ROWS [--no-vectors]`: fills an empty database with ROWS insights and what belongs to them.

use std::process::ExitCode;
use std::time::Instant;

#[path = "mod.rs"]
mod memory_db;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (conninfo, rows, vectors) = match &arguments[..] {
        [conninfo, rows] => (conninfo, rows.parse(), true),
        [conninfo, rows, flag] if flag == "--no-vectors" => (conninfo, rows.parse(), false),
        _ => {
            eprintln!("usage: memory-db CONNINFO ROWS [--no-vectors]");
            return ExitCode::from(2);
        }
    };
    let Ok(rows) = rows else {
        eprintln!("memory-db: ROWS is a number");
        return ExitCode::from(2);
    };
    let started = Instant::now();
    match memory_db::load(conninfo, &memory_db::Options { rows, vectors }).await {
        Ok(()) => {
            println!("{rows} insights loaded and indexed in {:.1} s", started.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("memory-db: {error:?}");
            ExitCode::FAILURE
        }
    }
}
