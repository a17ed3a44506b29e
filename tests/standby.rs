//! A standby as the source of a dump.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed};
use support::own_server::OwnServer;
use support::{Outcome, Server, TestResult, pgsnap, run};
use tempfile::TempDir;

mod support;

fn main() {
    let mut trials = support::trials_on(&[18], "what_a_standby_has_is_dumped", dumped);
    trials.extend(support::trials_on(&[18], "a_conflict_with_recovery_ends_it", conflict));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// A primary and its standby.
struct Pair {
    primary: OwnServer,
    standby: Server,
    directory: TempDir,
}

impl Pair {
    /// Everything is done by the primary's own user: as programs that COPY writes to.
    fn start(shared: &Server, port_base: &str) -> Result<Pair, Failed> {
        let primary = OwnServer::start(shared, port_base, "64")?;
        let directory = tempfile::Builder::new().prefix("pgsnap-").tempdir_in("/tmp")?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777))?;
        let server = &primary.server;
        let data = directory.path().join("data");
        let standby = Server {
            socket_dir: directory.path().to_owned(),
            port: server.port + 1,
            data_dir: data.clone(),
            ..server.clone()
        };
        let pair = Pair { primary, standby, directory };
        pair.run("echo local replication all trust >> pg_hba.conf");
        pair.primary.server.psql("postgres", "SELECT pg_reload_conf()");
        let Pair { standby, .. } = &pair;
        let server = &pair.primary.server;
        pair.run(&format!(
            "{}/pg_basebackup -h {} -p {} -U {} -D {} -R -c fast",
            server.oracle_bin_dir.display(),
            server.socket_dir.display(),
            server.port,
            server.superuser,
            data.display()
        ));
        let settings = format!(
            "-p {} -k {} -c listen_addresses= -c max_standby_streaming_delay=0",
            standby.port,
            standby.socket_dir.display()
        );
        pair.run(&pair.control(&format!("-w -o \"{settings}\" start")));
        Ok(pair)
    }

    fn run(&self, command: &str) {
        self.primary.server.psql("postgres", &to_program(command));
    }

    /// The command that does something with the standby.
    fn control(&self, what: &str) -> String {
        let Server { bin_dir, data_dir, .. } = &self.standby;
        let log = self.directory.path().join("log");
        let (program, data, log) = (bin_dir.join("pg_ctl"), data_dir.display(), log.display());
        format!("{} -D {data} -l {log} {what} >/dev/null 2>&1", program.display())
    }

    /// Waits until the standby has what the primary has.
    fn catch_up(&self) {
        let reached = self.primary.server.psql("postgres", "SELECT pg_current_wal_lsn()");
        let query = format!("SELECT pg_last_wal_replay_lsn() >= '{}'", reached.trim());
        let started = Instant::now();
        while self.standby.psql("postgres", &query).trim() != "t" {
            assert!(started.elapsed() < Duration::from_secs(60), "the standby does not catch up");
        }
    }
}

/// The program reads its row first: one that never does can close the pipe before the server writes to it.
fn to_program(command: &str) -> String {
    format!("COPY (SELECT) TO PROGRAM 'cat >/dev/null; {command}'")
}

impl Drop for Pair {
    fn drop(&mut self) {
        let stop = to_program(&self.control("-m immediate -w stop"));
        let _ = self.primary.server.oracle("psql").args(["-Xq", "-d", "postgres", "-c", &stop]).output();
    }
}

fn dumped(shared: &Server) -> TestResult {
    let pair = Pair::start(shared, "5960")?;
    let source = pair.primary.server.create_database("standby");
    source.psql(
        "CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 20000) n; CREATE UNLOGGED TABLE quick (id serial, n int);
         INSERT INTO quick (n) VALUES (1); CREATE SEQUENCE s; SELECT setval('s', 5); SELECT lo_from_bytea(5001, 'x')",
    );
    pair.catch_up();
    let archive = pair.directory.path().join("a.pgsnap");
    let conninfo = pair.standby.conninfo(&source.name);
    let dump = ["dump", "-j", "3", "--split-above", "64kB", "-d", &conninfo, "-f"];
    let said = run(pgsnap().args(dump).arg(&archive)).expect_code(0).stderr;
    assert!(said.contains("a standby does not have the rows of the unlogged table public.quick"), "{said}");
    let target = shared.create_database("standby_target");
    run(pgsnap().args(["restore", "-d", &target.conninfo()]).arg(&archive)).expect_code(0);
    source.psql("TRUNCATE quick; ALTER SEQUENCE quick_id_seq RESTART");
    support::assert_same("pg_dump of primary and target", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    run(pgsnap().args(["verify", "-T", "quick", "-d", &conninfo]).arg(&archive)).expect_code(0);
    let refused =
        run(pgsnap().args(dump).arg(&archive).args(["--force", "--serializable-deferrable"])).expect_code(9);
    assert!(refused.stderr.contains("hot standby"), "{}", refused.stderr);
    std::mem::forget(source);
    Ok(())
}

/// Rows that the dump still needs are removed: the standby ends its session.
fn conflict(shared: &Server) -> TestResult {
    let pair = Pair::start(shared, "5980")?;
    let source = pair.primary.server.create_database("standby");
    source.psql(
        "CREATE TABLE large AS SELECT n, sha512(n::text::bytea) FROM generate_series(1, 300000) n;
         CREATE TABLE t (n int) WITH (autovacuum_enabled = off); INSERT INTO t SELECT generate_series(1, 1000)",
    );
    pair.catch_up();
    // Nobody reads what it writes: the dump stands still once the pipe is full.
    let conninfo = pair.standby.conninfo(&source.name);
    let mut command = pgsnap();
    command
        .args(["dump", "-j", "1", "-d", &conninfo, "-f", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut first = [0];
    let mut pipe = child.stdout.take().ok_or("no pipe")?;
    pipe.read_exact(&mut first)?;
    source.psql("DELETE FROM t");
    source.psql("VACUUM t");
    pair.catch_up();
    std::io::copy(&mut pipe, &mut std::io::sink())?;
    let outcome = Outcome::of("dump", child.wait_with_output()?).expect_code(6);
    assert!(outcome.stderr.contains("hot_standby_feedback"), "{}", outcome.stderr);
    std::mem::forget(source);
    Ok(())
}
