//! What the pages of docs/ tell an operator to type is typed here: every command of the pages for the night and the day after, and
//! the SQL for a role that only dumps.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};
use support::own_server::OwnServer;
use support::{Server, TestResult, assert_same, pgsnap, run};

mod support;

/// The pages whose commands are run, in this order: each finds what those before it have left.
const PAGES: [&str; 9] = [
    "scheduling",
    "backups",
    "retention",
    "monitoring",
    "inspecting",
    "verifying",
    "drilling",
    "recovering",
    "security",
];

/// What belongs to systemd: tests/examples checks the files.
const NOT_HERE: [&str; 2] = ["install ", "systemctl "];

fn main() {
    let mut trials = vec![
        support::trial(17, "commands", commands),
        Trial::test("messages_are_those_of_the_program", messages_are_those_of_the_program),
    ];
    trials.extend(support::trials_on(&[13, 15, 17, 18], "role_that_only_dumps", role_that_only_dumps));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn page(name: &str) -> Result<String, Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name).with_extension("md");
    Ok(fs::read_to_string(path)?)
}

/// The indented blocks of a page.
fn blocks(page: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = page.lines().collect();
    let blocks = lines.split(|line| !line.starts_with("    ")).filter(|block| !block.is_empty());
    blocks.map(|block| block.iter().map(|line| &line[4..]).collect()).collect()
}

/// A command, and whether the page says that it fails.
fn commands_of(page: &str) -> Vec<(String, bool)> {
    let mut commands = Vec::new();
    for block in blocks(page) {
        let has_prompt = block.iter().any(|line| line.starts_with("$ "));
        let fails = block.iter().any(|line| line.starts_with("pgsnap: error: "));
        for line in block {
            let line = match (has_prompt, line.strip_prefix("$ ")) {
                (true, None) => continue,
                (_, typed) => typed.unwrap_or(line),
            };
            // What cron runs stands behind five fields.
            let line = line.strip_prefix("0 3 * * *  ").unwrap_or(line);
            let known = ["pgsnap ", "createdb ", "psql "].iter().chain(&NOT_HERE);
            if known.clone().any(|word| line.starts_with(word)) {
                commands.push((line.to_owned(), fails));
            }
        }
    }
    commands
}

/// The place of the pages' operator.
struct Desk {
    server: OwnServer,
    new: OwnServer,
    work: PathBuf,
}

impl Desk {
    fn backups(&self) -> PathBuf {
        self.work.join("backups")
    }

    /// As typed, at this desk: the directories, the other servers and the newest archive are called otherwise.
    fn here(&self, command: &str) -> String {
        let new = format!("-h {} -p {}", self.new.server.socket_dir.display(), self.new.server.port);
        let mut archives: Vec<String> = fs::read_dir(self.backups())
            .map(|entries| {
                entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
            })
            .unwrap_or_default();
        archives.retain(|name| name.starts_with("memory_") && name.ends_with(".pgsnap"));
        archives.sort();
        let newest = archives.pop().unwrap_or_default();
        command
            .replace("/var/backups/pgsnap", &self.backups().display().to_string())
            .replace("/var/lib/node_exporter", &self.work.display().to_string())
            .replace("memory_2026-11-22T030000Z.pgsnap", &newest)
            .replace("-h new", &new)
            .replace("-h standby-lab", &new)
            .replace("age -r age1...", "cat")
    }

    /// Commands, each with whether it fails, of which `place` speaks.
    fn run(&self, place: &str, commands: Vec<(String, bool)>) {
        assert!(!commands.is_empty(), "{place} has no command");
        for (command, fails) in commands {
            if NOT_HERE.iter().any(|word| command.starts_with(word)) {
                continue;
            }
            let outcome = run(&mut self.shell(&self.here(&command)));
            let as_said = (outcome.code == Some(0)) != fails;
            assert!(as_said, "{place}: {command}\nended with {:?}\n{}", outcome.code, outcome.stderr);
        }
    }

    fn shell(&self, command: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_pgsnap"));
        let Server { oracle_bin_dir, socket_dir, port, superuser, .. } = &self.server.server;
        let directory = program.parent().unwrap_or(program);
        let path = format!("{}:{}:/usr/bin:/bin", directory.display(), oracle_bin_dir.display());
        let mut shell = Command::new("sh");
        shell
            .args(["-ec", command])
            .current_dir(&self.work)
            .env_clear()
            .env("HOME", &self.work)
            .env("PATH", path);
        shell.env("PGHOST", socket_dir).env("PGPORT", port.to_string()).env("PGUSER", superuser);
        shell
    }
}

const MEMORY: &str = "
    CREATE TABLE documents (id int PRIMARY KEY, body text NOT NULL);
    INSERT INTO documents SELECT n, md5(n::text) FROM generate_series(1, 5000) n;
    CREATE INDEX ON documents (body);
    CREATE TABLE notes (id int PRIMARY KEY);
    INSERT INTO notes SELECT generate_series(1, 100)";

fn commands(shared: &Server) -> TestResult {
    let work = tempfile::tempdir()?;
    let desk = Desk {
        server: OwnServer::start(shared, "5970", "64")?,
        new: OwnServer::start(shared, "5990", "64")?,
        work: work.path().to_owned(),
    };
    for (database, sql) in [("memory", MEMORY), ("shop", "CREATE TABLE orders AS SELECT 1 AS id")] {
        desk.server.server.psql("postgres", &format!("CREATE DATABASE {database} TEMPLATE template0"));
        desk.server.server.psql(database, sql);
        let dump = format!("pgsnap dump -q -d {database} -f {database}.pgsnap");
        run(&mut desk.shell(&dump)).expect_code(0);
    }
    desk.server.server.psql("shop", "INSERT INTO orders VALUES (2)");
    for name in PAGES {
        desk.run(&format!("docs/{name}.md"), commands_of(&page(name)?));
    }
    let count = "SELECT count(*) FROM documents";
    for (server, database) in [(&desk.new, "memory"), (&desk.server, "look")] {
        assert_eq!(server.server.psql(database, count).trim(), "5000", "the restored {database}");
    }
    desk.new.server.psql("postgres", "DROP DATABASE memory");
    for command in ["dump", "restore", "inspect", "verify", "drill", "status", "prune", "completions", "man"]
    {
        let help = run(pgsnap().args([command, "--help"])).expect_code(0).stdout;
        let examples = help.split("Examples:\n").nth(1).unwrap_or_default();
        let examples = examples.lines().map(|line| (line.trim().to_owned(), false));
        desk.run(&format!("{command} --help"), examples.collect());
    }
    Ok(())
}

/// Dumps what the page grants, and that is everything.
fn role_that_only_dumps(server: &Server) -> TestResult {
    let text = page("security")?;
    let sql: Vec<String> = blocks(&text)
        .into_iter()
        .filter(|block| block[0].starts_with("CREATE ROLE") || block[0].starts_with("DO "))
        .map(|block| block.join("\n"))
        .collect();
    let [newer, older, large_objects] = sql.as_slice() else { return Err("three blocks of SQL".into()) };
    let source = server.create_database("granted");
    server.psql("postgres", "DROP ROLE IF EXISTS backup");
    source.psql(
        "CREATE TABLE t (id serial PRIMARY KEY, owner text); INSERT INTO t (owner) VALUES ('a'), ('b');
         ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (owner = current_user);
         CREATE SEQUENCE s; SELECT nextval('s'); SELECT lo_from_bytea(0, 'large');
         CREATE MATERIALIZED VIEW m AS SELECT * FROM t; CREATE VIEW v AS SELECT * FROM t;
         CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w;
         CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION f() FROM PUBLIC",
    );
    let mapping = "CREATE USER MAPPING FOR postgres SERVER far OPTIONS (password 'secret')";
    match server.major {
        13 => source.psql(older),
        _ => source.psql(&format!("{newer}\n{mapping}")),
    };
    source.psql(large_objects);
    // Tables to come are dumped as well.
    source.psql("CREATE SCHEMA later; CREATE TABLE later.t AS SELECT 1 AS n; CREATE SEQUENCE later.s");
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let as_backup = source.conninfo().replace("user=postgres", "user=backup");
    run(pgsnap().args(["dump", "-d", &as_backup, "-f"]).arg(&archive)).expect_code(0);
    let target = server.create_database("granted");
    run(pgsnap().args(["restore", "-d", &target.conninfo()]).arg(&archive)).expect_code(0);
    assert_same("source and target", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    if server.major == 13 {
        source.psql(mapping);
        let said =
            run(pgsnap().args(["dump", "-d", &as_backup, "--force", "-f"]).arg(&archive)).expect_code(4);
        let words = "options of the user mapping for postgres on server far";
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    drop((source, target));
    server.psql("postgres", "DROP ROLE backup");
    Ok(())
}

/// Every message that the page explains is one of the program's.
fn messages_are_those_of_the_program() -> TestResult {
    let text = page("troubleshooting")?;
    let mut messages: Vec<&str> =
        text.split("**`").skip(1).filter_map(|rest| rest.split("`**").next()).collect();
    assert!(messages.len() > 30, "{} messages", messages.len());
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let source = fs::read_to_string(path)?;
                let program = source.split("#[cfg(test)]").next().unwrap_or_default();
                let lines = program.lines().filter(|line| !line.trim_start().starts_with("//"));
                let program = lines.collect::<Vec<_>>().join("\n");
                messages.retain(|message| !program.contains(message));
            }
        }
    }
    assert_same("messages that the program does not have", "", &messages.join("\n"));
    Ok(())
}
