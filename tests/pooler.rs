//! A pooler between the program and the server: PgBouncer in session mode is as good as the server, and in transaction mode is
//! refused before anything is read or changed.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Arguments;
use support::{Server, TestResult, assert_same, pgsnap, run};
use tempfile::TempDir;

mod support;

const PROGRAM: &str = "/usr/sbin/pgbouncer";
/// Of the socket's name; there is no other.
const PORT: u16 = 6432;

fn main() {
    let mut trials = Vec::new();
    for (name, test) in
        [("session_mode", session_mode as fn(&Server) -> TestResult), ("transaction_mode", transaction_mode)]
    {
        trials.extend(support::trials_on(&[15, 17], name, test));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// A running PgBouncer.
struct Pooler {
    child: Child,
    directory: TempDir,
    user: String,
}

impl Pooler {
    fn start(server: &Server, mode: &str) -> Pooler {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("a directory for everybody");
        let settings = path.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={} port={} user={}\n[pgbouncer]\nlisten_port = {PORT}\nunix_socket_dir = {}\n\
             auth_type = any\npool_mode = {mode}\n",
            server.socket_dir.display(),
            server.port,
            server.superuser,
            path.display(),
        );
        fs::write(&settings, text).expect("its settings");
        // It refuses to run as root.
        let is_root = fs::metadata("/proc/self").expect("/proc is mounted").uid() == 0;
        let mut command = Command::new(PROGRAM);
        if is_root {
            command.args(["--user", "nobody"]);
        }
        let child = command.arg("--quiet").arg(&settings).stderr(Stdio::null()).spawn();
        let pooler = Pooler { child: child.expect(PROGRAM), directory, user: server.superuser.clone() };
        let until = Instant::now() + Duration::from_secs(30);
        while UnixStream::connect(path_of_socket(&pooler.directory)).is_err() {
            assert!(Instant::now() < until, "PgBouncer does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        pooler
    }

    fn conninfo(&self, database: &str) -> String {
        format!("host={} port={PORT} user={} dbname={database}", self.directory.path().display(), self.user)
    }
}

fn path_of_socket(directory: &TempDir) -> std::path::PathBuf {
    directory.path().join(format!(".s.PGSQL.{PORT}"))
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const CONTENTS: &str = "CREATE TABLE t (id int PRIMARY KEY, body text); INSERT INTO t SELECT n, n FROM generate_series(1, 1000) n;
                        CREATE INDEX ON t (body); CREATE VIEW v AS SELECT * FROM t";

fn session_mode(server: &Server) -> TestResult {
    let (source, target) = (server.create_database("pooler"), server.create_database("pooler"));
    source.psql(CONTENTS);
    let pooler = Pooler::start(server, "session");
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    run(pgsnap().args(["dump", "-d", &pooler.conninfo(&source.name), "-f"]).arg(&archive)).expect_code(0);
    let to = pooler.conninfo(&target.name);
    run(pgsnap().args(["restore", "-d", &to, "-j", "4"]).arg(&archive)).expect_code(0);
    run(pgsnap().args(["verify", "-d", &to]).arg(&archive)).expect_code(0);
    drop(pooler);
    assert_same("the database", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    Ok(())
}

fn transaction_mode(server: &Server) -> TestResult {
    let (source, target) = (server.create_database("pooler"), server.create_database("pooler"));
    source.psql(CONTENTS);
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    run(pgsnap().args(["dump", "-d", &source.conninfo(), "-f"]).arg(&archive)).expect_code(0);
    let before = target.oracle_dump(&[]);
    let pooler = Pooler::start(server, "transaction");
    let other = directory.path().join("b.pgsnap");
    for jobs in ["1", "4"] {
        let (from, to) = (pooler.conninfo(&source.name), pooler.conninfo(&target.name));
        let dumped = run(pgsnap().args(["dump", "-d", &from, "-j", jobs, "-f"]).arg(&other));
        let restored = run(pgsnap().args(["restore", "-d", &to, "-j", jobs]).arg(&archive));
        for outcome in [dumped, restored] {
            let said = outcome.expect_code(9).stderr;
            assert!(said.contains("a pooler in transaction mode"), "{said}");
        }
    }
    assert!(!other.exists());
    drop(pooler);
    assert_same("what nothing has changed", &before, &target.oracle_dump(&[]));
    Ok(())
}
