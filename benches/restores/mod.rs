//! Restores of one database by turns: the least that a server needs, pg_restore in its forms, pgsnap.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::contest::{Contest, Median};
use super::support::{Server, pgsnap, run};

/// The database that every contender restores into; it is made anew before each.
const TARGET: &str = "bench_restored";
const LIMIT: &str = "raw COPY FREEZE, then pg_restore -j 2 of post-data, 1 GB";
const PG_RESTORE: &str = "pg_restore -j 2 of -Fc zstd:1";

/// Makes every archive of the database in `directory`, and the contest of their restores.
pub fn contest(server: &Server, name: &str, zstd: &Path, directory: &Path) -> Contest {
    // The server writes and reads files there.
    fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).expect("a directory for the server");
    let file = |name: &str| directory.join(name).to_str().expect("a path").to_owned();
    let (custom, folder, ours) = (file("custom"), file("folder"), file("pgsnap"));
    let tool = {
        let (server, zstd) = (server.clone(), zstd.to_owned());
        move |program: &str| {
            let mut command =
                Command::new(if program == "sh" { "/bin/sh".into() } else { zstd.join(program) });
            command.env_clear().env("PGHOST", &server.socket_dir).env("PGPORT", server.port.to_string());
            command.env("PGUSER", &server.superuser).env("PATH", "/usr/bin:/bin").env("TOOLS", &zstd);
            command
        }
    };
    run(tool("pg_dump").args(["-Fc", "--compress=zstd:1", "-f", &custom, name])).expect_code(0);
    run(tool("pg_dump").args(["-Fd", "-j", "2", "--compress=zstd:1", "-f", &folder, name])).expect_code(0);
    run(pgsnap().args(["dump", "-q", "-d", &server.conninfo(name), "-f", &ours])).expect_code(0);
    let copies = raw_files(server, name, directory);

    let mut contest = Contest::default();
    let prepare = {
        let server = server.clone();
        move || {
            server.psql("postgres", &format!("DROP DATABASE IF EXISTS {TARGET} (FORCE)"));
            server.psql("postgres", &format!("CREATE DATABASE {TARGET} TEMPLATE template0"));
            server.psql("postgres", "CHECKPOINT");
        }
    };
    // One psql for each script of copies.
    let raw = format!(
        "set -e
        \"$TOOLS/pg_restore\" --section=pre-data -d {TARGET} '{custom}'
        for copies; do \"$TOOLS/psql\" -XAtq -v ON_ERROR_STOP=1 -d {TARGET} -c \"$copies\" & pids=\"$pids $!\"; done
        for pid in $pids; do wait $pid; done
        PGOPTIONS='-c maintenance_work_mem=1GB' \"$TOOLS/pg_restore\" -j 2 --section=post-data -d {TARGET} '{custom}'"
    );
    let sh = tool.clone();
    contest.add_prepared(LIMIT, prepare.clone(), move |_| {
        let mut command = sh("sh");
        command.args(["-c", &raw, "sh"]).args(&copies);
        command
    });
    for (label, archive) in [(PG_RESTORE, custom), ("pg_restore -j 2 of -Fd zstd:1", folder)] {
        let tool = tool.clone();
        contest.add_prepared(label, prepare.clone(), move |_| {
            let mut command = tool("pg_restore");
            command.args(["-j", "2", "-d", TARGET, &archive]);
            command
        });
    }
    for (label, options) in [
        ("pgsnap restore --jobs 1", &["--jobs", "1"][..]),
        ("pgsnap restore --jobs 2", &["--jobs", "2"]),
        ("pgsnap restore --jobs 4", &["--jobs", "4"]),
        ("pgsnap restore --jobs 2 --no-verify", &["--jobs", "2", "--no-verify"]),
    ] {
        let (target, ours) = (server.conninfo(TARGET), ours.clone());
        contest.add_prepared(label, prepare.clone(), move |_| {
            let mut command = pgsnap();
            command.args(["restore", "-q", "-d", &target]).args(options).arg(&ours);
            command
        });
    }
    contest
}

/// The medians beside those of the limit and of pg_restore.
pub fn table(medians: &[Median]) -> String {
    let seconds = |name: &str| {
        medians.iter().find(|median| median.name == name).map_or(f64::NAN, |median| median.seconds)
    };
    let (limit, pg_restore) = (seconds(LIMIT), seconds(PG_RESTORE));
    let mut table = "| command | seconds | x limit | times as fast as pg_restore -j 2 | peak MiB |\n|---|---|---|---|---|\n".to_owned();
    for Median { name, seconds, peak, .. } in medians {
        let (limit, faster) = (seconds / limit, pg_restore / seconds);
        table += &format!("| {name} | {seconds:.2} | {limit:.2} | {faster:.1} | {} |\n", peak >> 20);
    }
    table
}

/// COPY statements that load the files of all tables, in two scripts of about equal work.
fn raw_files(server: &Server, name: &str, directory: &Path) -> [String; 2] {
    let tables = server.psql(
        name,
        "SELECT c.oid::pg_catalog.regclass FROM pg_catalog.pg_class c
         WHERE c.relkind = 'r' AND c.oid >= 16384 ORDER BY pg_catalog.pg_table_size(c.oid) DESC",
    );
    let mut scripts = ["BEGIN;".to_owned(), "BEGIN;".to_owned()];
    for (number, table) in tables.lines().enumerate() {
        let file = directory.join(format!("{number}.copy"));
        server.psql(name, &format!("COPY {table} TO '{}' (FORMAT binary)", file.display()));
        let script = &mut scripts[number.min(1)];
        script.push_str(&format!(
            "TRUNCATE ONLY {table}; COPY {table} FROM '{}' (FORMAT binary, FREEZE);",
            file.display()
        ));
    }
    scripts.map(|script| script + "COMMIT")
}
