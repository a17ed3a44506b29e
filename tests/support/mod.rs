//! What tests with a server or a process share: the servers that `tests/servers` started, databases that go away,
//! the program under test, and PostgreSQL's own pg_dump as the oracle.
#![allow(dead_code)] // Every test program uses its own part.
#![allow(clippy::expect_used)] // A test fails by panicking.

pub mod own_server;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

pub const MAJORS: [u32; 6] = [13, 14, 15, 16, 17, 18];

pub type TestResult = Result<(), Failed>;

/// One trial per major, named `pg17::NAME`. Where the server does not run, the trial is reported as ignored.
pub fn trials(name: &str, test: fn(&Server) -> TestResult) -> Vec<Trial> {
    trials_on(&MAJORS, name, test)
}

/// As [`trials`], for some majors only.
pub fn trials_on(majors: &[u32], name: &str, test: fn(&Server) -> TestResult) -> Vec<Trial> {
    majors.iter().map(|&major| trial(major, name, test)).collect()
}

/// One trial on one major; `test` may carry its own parameters.
pub fn trial(major: u32, name: &str, test: impl FnOnce(&Server) -> TestResult + Send + 'static) -> Trial {
    let name = format!("pg{major}::{name}");
    match Server::find(major) {
        Some(server) => Trial::test(name, move || test(&server)),
        None => Trial::test(name, || Ok(())).with_ignored_flag(true),
    }
}

/// A running server, as `tests/servers` described it.
#[derive(Clone)]
pub struct Server {
    pub major: u32,
    /// pgvector's version, where the server has it.
    pub vector: Option<String>,
    pub socket_dir: PathBuf,
    /// Also the number in the socket's name. TCP is on 127.0.0.1, with a password and, if asked for, TLS.
    pub port: u16,
    pub superuser: String,
    /// The superuser's, for TCP: the socket trusts everyone.
    pub password: String,
    pub data_dir: PathBuf,
    pub log: PathBuf,
    pub bin_dir: PathBuf,
    /// pg_dump, pg_restore and psql 18.
    pub oracle_bin_dir: PathBuf,
    /// ca.crt, and client.crt with client.key for the role pgsnap_cert.
    pub tls_dir: PathBuf,
}

impl Server {
    /// The server of this major, if it is running.
    pub fn find(major: u32) -> Option<Server> {
        Server::read(&servers_dir(), major)
    }

    /// The server of this major that `tests/servers` started in this directory, if it is running.
    pub fn read(directory: &Path, major: u32) -> Option<Server> {
        let text = fs::read_to_string(directory.join(format!("{major}.env"))).ok()?;
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("{major}.env has no {key}: start the servers again")).to_owned()
        };
        let server = Server {
            major,
            vector: Some(value("vector")).filter(|version| !version.is_empty()),
            socket_dir: value("socket_dir").into(),
            port: value("port").parse().expect("port is a number"),
            superuser: value("superuser"),
            password: value("password"),
            data_dir: value("data_dir").into(),
            log: value("log").into(),
            bin_dir: value("bin_dir").into(),
            oracle_bin_dir: value("oracle_bin_dir").into(),
            tls_dir: value("tls_dir").into(),
        };
        UnixStream::connect(server.socket_dir.join(format!(".s.PGSQL.{}", server.port))).ok()?;
        Some(server)
    }

    /// Connection string over the socket, as superuser.
    pub fn conninfo(&self, database: &str) -> String {
        format!(
            "host={} port={} user={} dbname={database}",
            self.socket_dir.display(),
            self.port,
            self.superuser
        )
    }

    /// An empty database with a name of its own, dropped with the value.
    pub fn create_database(&self, label: &str) -> Database {
        self.create_database_with(label, "")
    }

    /// The same, with options of CREATE DATABASE.
    pub fn create_database_with(&self, label: &str, options: &str) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{label}_{}_{number}", std::process::id());
        self.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0 {options}"));
        Database { server: self.clone(), name }
    }

    /// Runs SQL, statement by statement, and returns its rows: a line each, columns separated by `|`.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let outcome = run(self
            .oracle("psql")
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d"])
            .args([database, "-c", sql]));
        outcome.expect_code(0).stdout
    }

    /// A database as pg_dump 18 writes it, in an order that two dumps of equal databases share: rows of a table sorted.
    pub fn oracle_dump(&self, database: &str, arguments: &[&str]) -> String {
        let mut command = self.oracle("pg_dump");
        command.arg("--restrict-key=pgsnap").args(arguments).arg(database);
        sort_rows(&without_versions(&run(&mut command).expect_code(0).stdout))
    }

    /// One of the oracle's programs, with nothing in its environment but the way to this server.
    pub fn oracle(&self, program: &str) -> Command {
        let mut command = Command::new(self.oracle_bin_dir.join(program));
        command.env_clear().env("PGHOST", &self.socket_dir);
        command.env("PGPORT", self.port.to_string()).env("PGUSER", &self.superuser);
        // Tests are written in UTF8, whatever the encoding of the database.
        command.env("PGCLIENTENCODING", "UTF8");
        command
    }
}

fn servers_dir() -> PathBuf {
    std::env::var_os("PGSNAP_TEST_SERVERS").map_or_else(|| cache_dir().join("run"), PathBuf::from)
}

/// Where `tests/servers install` puts what it installs.
fn cache_dir() -> PathBuf {
    std::env::var_os("PGSNAP_TEST_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        let uid = fs::metadata("/proc/self").expect("/proc is mounted").uid();
        format!("/var/tmp/pgsnap-tests-{uid}").into()
    })
}

/// The directory of the Python packages for format-spec/reader.py, where they are installed.
pub fn python_packages() -> Option<PathBuf> {
    // The list of the packages is copied there last.
    Some(cache_dir().join("python")).filter(|python| python.join("requirements.txt").exists())
}

/// A database of one test.
pub struct Database {
    pub server: Server,
    pub name: String,
}

impl Database {
    pub fn conninfo(&self) -> String {
        self.server.conninfo(&self.name)
    }

    /// See [`Server::psql`].
    pub fn psql(&self, sql: &str) -> String {
        self.server.psql(&self.name, sql)
    }

    /// Runs a file of SQL.
    pub fn load(&self, file: &Path) {
        let mut command = self.server.oracle("psql");
        run(command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.name, "-f"]).arg(file))
            .expect_code(0);
    }

    /// See [`Server::oracle_dump`].
    pub fn oracle_dump(&self, arguments: &[&str]) -> String {
        self.server.oracle_dump(&self.name, arguments)
    }
}

const DROP_SUBSCRIPTIONS: &str = "
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid
                    WHERE datname = current_database() LOOP
            EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', name);
            EXECUTE format('ALTER SUBSCRIPTION %I SET (slot_name = NONE)', name);
            EXECUTE format('DROP SUBSCRIPTION %I', name);
        END LOOP;
    END $$";

impl Drop for Database {
    fn drop(&mut self) {
        let in_database = |database: &str, sql: &str| {
            let mut command = self.server.oracle("psql");
            command.args(["-XAtq", "-d", database, "-c", sql]);
            run(&mut command)
        };
        // A database with subscriptions cannot be dropped, and a subscription with a slot would look for its publisher.
        in_database(&self.name, DROP_SUBSCRIPTIONS);
        let outcome = in_database("postgres", &format!("DROP DATABASE {} (FORCE)", self.name));
        // A panic inside a drop would hide the failure that is being reported.
        if outcome.code != Some(0) {
            eprintln!("{} is left behind: {}", self.name, outcome.stderr);
        }
    }
}

/// Leaves out the version that a server of the minor releases since November 2026 (15.20) keeps among the options of each column:
/// no other server takes it, and a pg_dump of those releases does not show it.
pub fn without_versions(dump: &str) -> String {
    let mut kept = String::with_capacity(dump.len());
    for line in dump.lines() {
        match line.split_once("pg_attver=") {
            Some((before, version)) if before.contains(" SET (") => {
                let after = version.trim_start_matches(|digit: char| digit.is_ascii_digit());
                match (before.strip_suffix(", "), after.strip_prefix(", ")) {
                    (Some(before), _) => kept.push_str(&format!("{before}{after}\n")),
                    (None, Some(after)) => kept.push_str(&format!("{before}{after}\n")),
                    (None, None) => {}
                }
            }
            _ => kept.push_str(&format!("{line}\n")),
        }
    }
    kept
}

/// Sorts the lines between each `COPY ... FROM stdin;` and its `\.`.
fn sort_rows(dump: &str) -> String {
    let mut sorted = String::with_capacity(dump.len());
    let mut lines = dump.lines();
    while let Some(line) = lines.next() {
        sorted.push_str(line);
        sorted.push('\n');
        if line.starts_with("COPY ") && line.ends_with(" FROM stdin;") {
            let mut rows: Vec<&str> = lines.by_ref().take_while(|row| *row != "\\.").collect();
            rows.sort_unstable();
            for row in rows.into_iter().chain(["\\."]) {
                sorted.push_str(row);
                sorted.push('\n');
            }
        }
    }
    sorted
}

/// Fails with the first lines that differ.
pub fn assert_same(what: &str, expected: &str, actual: &str) {
    if expected == actual {
        return;
    }
    let (left, right): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    let same = left.iter().zip(&right).take_while(|(left, right)| left == right).count();
    let excerpt = |lines: &[&str]| {
        let lines = &lines[same.saturating_sub(8).min(lines.len())..(same + 8).min(lines.len())];
        lines.iter().map(|line| line.chars().take(300).collect::<String>() + "\n").collect::<String>()
    };
    panic!(
        "{what}: line {} differs\n--- expected ---\n{}--- actual ---\n{}",
        same + 1,
        excerpt(&left),
        excerpt(&right)
    );
}

/// The servers that a fixture is for: its first line may say `-- min: 14` or `-- only: 15`.
pub fn majors_of(fixture: &Path) -> Vec<u32> {
    let text = fs::read_to_string(fixture).expect("a fixture");
    let major = |key| {
        let line = text.lines().next().and_then(|line| line.strip_prefix(key));
        line.map(|major| major.trim().parse::<u32>().expect("a major version"))
    };
    let (min, only) = (major("-- min: "), major("-- only: "));
    let is_for =
        |server: &u32| min.is_none_or(|min| *server >= min) && only.is_none_or(|only| *server == only);
    MAJORS.into_iter().filter(is_for).collect()
}

/// Of the servers that something is for, the oldest and the newest there are; the only one, where it is for one.
pub fn is_at_an_end(majors: &[u32], major: u32) -> bool {
    majors.len() == 1 || [MAJORS[0], MAJORS[MAJORS.len() - 1]].contains(&major)
}

/// The program under test, with an environment that holds no setting of the machine's and finds no other program.
pub fn pgsnap() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgsnap"));
    command.env_clear().env("HOME", "/nonexistent").env("TZ", "UTC").stdin(Stdio::null());
    command
}

/// What a finished process left.
pub struct Outcome {
    command: String,
    /// None when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// What the process left that `command` describes.
    pub fn of(command: &str, output: Output) -> Outcome {
        Outcome {
            command: command.to_owned(),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails, with all that the process printed, unless it ended with this code.
    pub fn expect_code(self, code: i32) -> Outcome {
        assert!(
            self.code == Some(code),
            "{}\nended with {:?}, not {code}\n--- stdout ---\n{}\n--- stderr ---\n{}",
            self.command,
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Outcome {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
    let what = format!("{:?} {:?}", command.get_program(), command.get_args().collect::<Vec<_>>());
    Outcome::of(&what, output)
}

/// Whether this user may mount a file system in a namespace of its own.
pub fn can_mount() -> bool {
    run(&mut in_namespace("mount -t tmpfs -o size=64k none /mnt")).code == Some(0)
}

/// A script that may mount what nobody else sees.
pub fn in_namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    command
}

/// Waits until a query returns `t`; fails after a generous while.
pub fn wait_until(database: &Database, query: &str) {
    let started = Instant::now();
    while database.psql(query).trim() != "t" {
        assert!(started.elapsed() < Duration::from_secs(60), "in vain: {query}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A session that holds a table until it is dropped.
pub struct Holder(Child);

impl Holder {
    /// Begins a transaction that runs a statement, which takes the lock.
    pub fn start(database: &Database, statement: &str) -> Holder {
        let mut command = database.server.oracle("psql");
        command.args([
            "-XAtq",
            "-d",
            &database.name,
            "-c",
            &format!("BEGIN; {statement}; SELECT pg_sleep(600)"),
        ]);
        let holder =
            Holder(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("psql starts"));
        wait_until(
            database,
            "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
             WHERE d.datname = current_database() AND l.mode = 'AccessExclusiveLock' AND l.granted)",
        );
        holder
    }

    /// Lets go of the table now: without this the server notices some time after the drop that nobody waits for its answer.
    pub fn release(self, database: &Database) {
        database.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND query LIKE 'BEGIN;%pg_sleep(600)'",
        );
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
