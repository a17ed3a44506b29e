//! `dump --dir`, `prune` and `status` as cron runs them: names, modes, one run at a time, what is suspect, what is kept, what is noted,
//! and what is left when a run is killed or the disk refuses.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use serde_json::Value;
use support::own_server::OwnServer;
use support::{
    Database, Holder, Outcome, Server, TestResult, assert_same, can_mount, in_namespace, pgsnap, run,
    wait_until,
};
use tempfile::TempDir;

mod support;

type Test = fn(&Server) -> TestResult;

const BIN: &str = env!("CARGO_BIN_EXE_pgsnap");

fn main() {
    let on_some: [(&str, Test); 17] = [
        ("day_after_day", day_after_day),
        ("private_under_any_umask", private_under_any_umask),
        ("much_smaller_is_suspect", much_smaller_is_suspect),
        ("too_small_is_suspect", too_small_is_suspect),
        ("one_run_at_a_time", one_run_at_a_time),
        ("fifty_at_once", fifty_at_once),
        ("failures_are_counted_over_kills", failures_are_counted_over_kills),
        ("killed_at_random_points", killed_at_random_points),
        ("killed_at_every_call", killed_at_every_call),
        ("the_disk_refuses", the_disk_refuses),
        ("planted_files", planted_files),
        ("what_cannot_be_written", what_cannot_be_written),
        ("as_cron_starts_it", as_cron_starts_it),
        ("log_file", log_file),
        ("config_file", config_file),
        ("all_databases", all_databases),
        ("sigterm_between_databases", sigterm_between_databases),
    ];
    let mut trials = vec![
        Trial::test("shells_and_man", shells_and_man),
        Trial::test("usage", usage),
        Trial::test("unsafe_directories", unsafe_directories),
    ];
    for (name, test) in on_some {
        trials.extend(support::trials_on(&[18], name, test));
    }
    let mounts = can_mount();
    let on_disks = support::trials_on(&[18], "full_and_read_only", full_and_read_only);
    trials
        .extend(on_disks.into_iter().map(|trial| if mounts { trial } else { trial.with_ignored_flag(true) }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// A database with some rows, and a directory that is not there yet.
struct Place {
    source: Database,
    root: TempDir,
}

impl Place {
    fn new(server: &Server) -> Place {
        let source = server.create_database("daily");
        source.psql("CREATE TABLE t AS SELECT n, md5(n::text) AS text FROM generate_series(1, 2000) n");
        Place { source, root: tempfile::tempdir().expect("a directory") }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("backups")
    }

    fn command(&self) -> Command {
        let mut command = pgsnap();
        command.args(["dump", "-d", &self.source.conninfo(), "--dir"]).arg(self.dir());
        command
    }

    fn dump(&self, options: &[&str]) -> Outcome {
        run(self.command().args(options))
    }

    fn archives(&self) -> Vec<String> {
        archives(&self.dir())
    }

    fn history(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.dir().join("history.jsonl")).expect("there is a history");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The last line of the history.
    fn last(&self) -> Value {
        self.history().pop().expect("a line")
    }

    /// Panics unless every file with the name of an archive is a whole one.
    fn all_are_whole(&self) {
        for name in self.archives() {
            run(pgsnap().arg("inspect").arg(self.dir().join(name))).expect_code(0);
        }
    }

    fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let read = |name: String| (name.clone(), fs::read(self.dir().join(&name)).expect("it can be read"));
        self.archives().into_iter().map(read).collect()
    }
}

/// The names of the archives, the oldest first.
fn archives(dir: &Path) -> Vec<String> {
    let mut names = names(dir);
    names.retain(|name| name.ends_with(".pgsnap"));
    names
}

fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o7777
}

fn says(outcome: &Outcome, words: &[&str]) {
    for word in words {
        assert!(outcome.stderr.contains(word), "{word:?} is not said:\n{}", outcome.stderr);
    }
}

fn shells_and_man() -> TestResult {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(pgsnap().args(["completions", shell])).expect_code(0).stdout;
        assert!(script.contains("keep-daily"), "{shell}");
        let parsed = Command::new(shell).args(["-n", "/dev/stdin"]).stdin(Stdio::piped()).spawn();
        // Where the shell is there, it understands it.
        if let Ok(mut parsed) = parsed {
            std::io::Write::write_all(&mut parsed.stdin.take().expect("its stdin"), script.as_bytes())?;
            assert!(parsed.wait()?.success(), "{shell} does not understand its completions");
        }
    }
    assert!(run(pgsnap().arg("man")).expect_code(0).stdout.starts_with(".ie"));
    let directory = tempfile::tempdir()?;
    run(pgsnap().arg("man").arg(directory.path())).expect_code(0);
    assert!(names(directory.path()).contains(&"pgsnap-dump.1".to_owned()), "{:?}", names(directory.path()));
    says(&run(pgsnap().arg("dmup")).expect_code(2), &["similar subcommand", "dump"]);
    says(
        &run(pgsnap().args(["dump", "--kep-daily", "7"])).expect_code(2),
        &["similar argument", "--keep-daily"],
    );
    Ok(())
}

fn usage() -> TestResult {
    let directory = tempfile::tempdir()?;
    let dir = directory.path().display().to_string();
    for arguments in [
        &["dump", "--dir", &dir, "-f", "x"][..],
        &["dump", "-f", "/tmp/pgsnap-usage", "--keep-daily", "7"],
        &["dump", "-f", "/tmp/pgsnap-usage", "--on-failure", "mail"],
        &["dump", "--dir", &dir, "--on-failure", "'"],
        &["dump", "--dir", &dir, "--keep-within", "soon"],
        &["prune", &dir],
        &["prune", &dir, "--keep-last", "1", "--database", "unknown"],
        &["status", &dir, "--json", "--prometheus"],
    ] {
        run(pgsnap().args(arguments)).expect_code(2);
    }
    // A dead-man check of a directory into which nobody has ever written.
    let outcome = run(pgsnap().args(["status", &dir, "--max-age", "26h"])).expect_code(11);
    says(&outcome, &["holds no archive"]);
    run(pgsnap().args(["status", "/nonexistent/pgsnap"])).expect_code(7);
    Ok(())
}

fn unsafe_directories() -> TestResult {
    let root = tempfile::tempdir()?;
    let dir = root.path().join("shared");
    fs::create_dir(&dir)?;
    let link = root.path().join("link");
    symlink(&dir, &link)?;
    let file = root.path().join("file");
    fs::write(&file, "")?;
    for commands in
        [&["status"][..], &["prune", "--keep-last", "1"], &["dump", "-h", "/nonexistent", "--dir"]]
    {
        for mode in [0o777, 0o770, 0o702, 0o1777] {
            fs::set_permissions(&dir, fs::Permissions::from_mode(mode))?;
            says(
                &run(pgsnap().args(commands).arg(&dir)).expect_code(9),
                &["others may write to it", "chmod"],
            );
        }
        for path in [&link, &link.join(""), &file] {
            says(&run(pgsnap().args(commands).arg(path)).expect_code(9), &["symbolic link"]);
        }
    }
    // A run that cannot even begin is in no history: it is told at once.
    let told = root.path().join("told");
    let hook =
        format!("sh -c 'echo $PGSNAP_EXIT_CODE $PGSNAP_ERROR_CLASS $PGSNAP_DATABASE >> {}'", told.display());
    run(pgsnap().args(["dump", "-d", "x", "-U", "u", "--on-failure", &hook, "--dir"]).arg(&dir))
        .expect_code(9);
    assert_eq!(fs::read_to_string(told)?, "9 refused x\n");
    Ok(())
}

fn day_after_day(server: &Server) -> TestResult {
    let place = Place::new(server);
    let metrics = place.root.path().join("pgsnap.prom");
    let metrics_option = metrics.display().to_string();
    for run in 1..=4 {
        let outcome = place.dump(&["--keep-last", "2", "--metrics-file", &metrics_option]).expect_code(0);
        assert!(outcome.stdout.starts_with("dumped "), "{}", outcome.stdout);
        let last = place.last();
        assert_eq!((last["exit_code"].as_u64(), last["rows"].as_u64()), (Some(0), Some(2000)));
        assert_eq!(last["archive"].as_str(), place.archives().last().map(String::as_str));
        assert_eq!(place.history().len(), run);
        assert_eq!(place.archives().len(), run.min(2));
        assert_eq!(last["pruned"].as_array().map(Vec::len), Some(usize::from(run > 2)));
    }
    // A quiet one says nothing, for cron mails what is said.
    let quiet = place.dump(&["-q", "--keep-last", "2"]).expect_code(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    assert_eq!((mode(&place.dir()), mode(&metrics)), (0o700, 0o644));
    assert_eq!(
        names(&place.dir()).iter().filter(|name| name.starts_with('.')).collect::<Vec<_>>(),
        [&format!(".{}.lock", place.source.name)],
        "nothing is left behind"
    );
    place.all_are_whole();
    let name = &place.source.name;
    assert!(place.archives().iter().all(|archive| archive.starts_with(&format!("{name}_20"))));

    let dir = place.dir().display().to_string();
    let table = run(pgsnap().args(["status", &dir, "--max-age", "26h"])).expect_code(0).stdout;
    assert!(table.contains(&format!("database {name}")) && table.contains("next to go"), "{table}");
    let json = run(pgsnap().args(["status", &dir, "--json", "--full"])).expect_code(0).stdout;
    let json: Value = serde_json::from_str(&json)?;
    let status = &json["databases"][0];
    assert_eq!(status["newest"]["archive"].as_str(), place.archives().last().map(String::as_str));
    assert_eq!(status["newest"]["rows"], 2000);
    assert_eq!(status["consecutive_failures"], 0);
    assert_eq!(status["next_to_go"][0].as_str(), place.archives().first().map(String::as_str));
    run(pgsnap().args(["status", &dir, "--max-age", "0s"])).expect_code(11);
    let written = fs::read_to_string(&metrics)?;
    assert!(written.contains(&format!("pgsnap_backup_rows{{database=\"{name}\"}} 2000\n")), "{written}");
    assert!(
        written.contains(&format!("pgsnap_consecutive_failures{{database=\"{name}\"}} 0\n")),
        "{written}"
    );

    // The newest is damaged on the disk: it does not count, and what it stood for is not deleted.
    let newest = place.dir().join(place.archives().last().expect("the newest"));
    let mut bytes = fs::read(&newest)?;
    let block = bytes.windows(8).position(|window| window == b"\xffPGBLOCK").expect("a block");
    bytes[block + 60] ^= 1;
    fs::write(&newest, bytes)?;
    let pruned = run(pgsnap().args(["prune", &dir, "--keep-last", "1"])).expect_code(0).stdout;
    assert!(pruned.contains("damaged: "), "{pruned}");
    assert_eq!(place.archives().len(), 2);
    fs::remove_file(place.dir().join(&place.archives()[0]))?;
    let none = run(pgsnap().args(["prune", &dir, "--keep-last", "1"])).expect_code(11);
    says(&none, &["nothing was deleted", "no archive of database"]);
    let old = run(pgsnap().args(["status", &dir, "--max-age", "26h", "--full"])).expect_code(11);
    says(&old, &["has no good archive"]);
    Ok(())
}

fn private_under_any_umask(server: &Server) -> TestResult {
    for umask in ["000", "022", "077", "777"] {
        let place = Place::new(server);
        let script = format!("umask {umask} && exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", BIN, "dump", "-q", "-d", &place.source.conninfo(), "--dir"]);
        run(command.arg(place.dir())).expect_code(0);
        assert_eq!(mode(&place.dir()), 0o700, "umask {umask}");
        for name in names(&place.dir()) {
            assert_eq!(mode(&place.dir().join(&name)), 0o600, "umask {umask}: {name}");
        }
    }
    Ok(())
}

fn much_smaller_is_suspect(server: &Server) -> TestResult {
    let place = Place::new(server);
    for _ in 0..2 {
        place.dump(&["-q"]).expect_code(0);
    }
    let before = place.contents();
    place.source.psql("DELETE FROM t WHERE n > 900");
    let outcome = place.dump(&["--keep-last", "1"]).expect_code(11);
    says(&outcome, &["has 900 rows", "2000 (the median)", ".suspect", "nothing was deleted", "mv "]);
    assert_eq!(place.contents(), before, "nothing else has changed");
    let last = place.last();
    let suspect = last["archive"].as_str().expect("its name").to_owned();
    assert!(suspect.ends_with(".pgsnap.suspect") && place.dir().join(&suspect).is_file());
    assert_eq!((last["exit_code"].as_u64(), last["error_class"].as_str()), (Some(11), Some("suspect")));
    run(pgsnap().arg("inspect").arg(place.dir().join(&suspect))).expect_code(0);
    // Another one is as suspect; the first does not count.
    place.dump(&["--keep-last", "1"]).expect_code(11);
    // Somebody has looked at it and says that it is right. From then on it is what others are compared with.
    let accepted = suspect.trim_end_matches(".suspect");
    fs::rename(place.dir().join(&suspect), place.dir().join(accepted))?;
    place.dump(&[]).expect_code(0);
    place.source.psql("TRUNCATE t");
    place.dump(&[]).expect_code(11);
    place.dump(&["--suspect-below", "0"]).expect_code(0);
    Ok(())
}

fn too_small_is_suspect(server: &Server) -> TestResult {
    let place = Place::new(server);
    says(&place.dump(&["--min-size", "1GB"]).expect_code(11), &["are the least it may have", ".suspect"]);
    assert!(place.archives().is_empty());
    Ok(())
}

/// A dump that waits for a lock on its table.
fn start_waiting(place: &Place) -> (Holder, Child) {
    let holder = Holder::start(&place.source, "LOCK TABLE t");
    let mut command = place.command();
    let child = command.arg("-q").stderr(Stdio::null()).spawn().expect("pgsnap starts");
    wait_until(
        &place.source,
        "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
         WHERE a.application_name = 'pgsnap' AND NOT l.granted AND a.datname = current_database())",
    );
    (holder, child)
}

fn one_run_at_a_time(server: &Server) -> TestResult {
    let place = Place::new(server);
    let (holder, mut first) = start_waiting(&place);
    // It is no failure of the one at work.
    let outcome = place.dump(&["--on-failure", "touch /nonexistent"]).expect_code(8);
    assert!(!outcome.stderr.contains("touch"), "{}", outcome.stderr);
    says(&outcome, &[&format!("process {}", first.id()), "since 20"]);
    let dir = place.dir().display().to_string();
    // Deleting waits for nobody either.
    fs::write(place.dir().join(format!("{}_2026-01-01T000000Z.pgsnap", place.source.name)), "")?;
    run(pgsnap().args(["prune", &dir, "--keep-last", "1"])).expect_code(8);
    run(pgsnap().args(["prune", &dir, "--keep-last", "1", "--dry-run"])).expect_code(11);
    assert_eq!(place.last()["exit_code"], 8);
    assert_eq!(place.last()["consecutive_failures"], 0, "it is no failure of the one at work");
    // After kill -9 nobody has to help.
    first.kill()?;
    first.wait()?;
    holder.release(&place.source);
    place.dump(&[]).expect_code(0);
    let ended: Vec<_> = place.history().iter().map(|line| line["exit_code"].as_u64()).collect();
    assert_eq!(ended, [Some(8), None, Some(0)]);
    Ok(())
}

fn fifty_at_once(server: &Server) -> TestResult {
    let place = Place::new(server);
    let holder = Holder::start(&place.source, "LOCK TABLE t");
    let mut children: Vec<Child> = (0..50)
        .map(|_| place.command().arg("-q").stderr(Stdio::null()).spawn().expect("pgsnap starts"))
        .collect();
    let until = Instant::now() + Duration::from_secs(60);
    let mut codes = Vec::new();
    while codes.len() < 49 {
        assert!(Instant::now() < until, "only {} have ended", codes.len());
        children.retain_mut(|child| match child.try_wait().expect("its state") {
            Some(status) => {
                codes.push(status.code());
                false
            }
            None => true,
        });
        thread::sleep(Duration::from_millis(10));
    }
    assert!(codes.iter().all(|code| *code == Some(8)), "{codes:?}");
    holder.release(&place.source);
    assert_eq!(children.pop().expect("one is left").wait()?.code(), Some(0));
    assert_eq!(place.archives().len(), 1);
    assert_eq!(place.history().len(), 50, "a line for each");
    Ok(())
}

fn failures_are_counted_over_kills(server: &Server) -> TestResult {
    let place = Place::new(server);
    let told = place.root.path().join("told");
    let hook = format!(
        "sh -c 'echo $PGSNAP_CONSECUTIVE_FAILURES $PGSNAP_EXIT_CODE $PGSNAP_ERROR_CLASS >> {}'",
        told.display()
    );
    place.dump(&["--on-success", &hook]).expect_code(0);
    assert_eq!(fs::read_to_string(&told)?, "0 0\n");
    let (holder, mut killed) = start_waiting(&place);
    killed.kill()?;
    killed.wait()?;
    // The second failure in a row, although the first could not say so.
    let outcome = place.dump(&["--lock-wait-timeout", "100ms", "--on-failure", &hook]).expect_code(6);
    says(&outcome, &["ERROR", "2 backups of database", "the newest good archive"]);
    assert_eq!(fs::read_to_string(&told)?, "0 0\n2 6 snapshot\n");
    let status = run(pgsnap().arg("status").arg(place.dir())).expect_code(0).stdout;
    assert!(status.contains("failed      2 times"), "{status}");
    // A command that fails or hangs is told, and changes nothing.
    let outcome = place.dump(&["--lock-wait-timeout", "100ms", "--on-failure", "false"]).expect_code(6);
    says(&outcome, &["3 backups of database", "false has ended with exit status: 1"]);
    holder.release(&place.source);
    let outcome = place.dump(&["--on-success", "sleep 600", "--hook-timeout", "200ms"]).expect_code(0);
    says(&outcome, &["was killed"]);
    assert_eq!(place.last()["consecutive_failures"], 0);
    let codes: Vec<_> = place.history().iter().map(|line| line["exit_code"].as_u64()).collect();
    assert_eq!(codes, [Some(0), None, Some(6), Some(6), Some(0)]);
    Ok(())
}

/// Whatever a run that was killed has left: old archives are as they were, what has the name of an archive is one, and the next run
/// needs no help. How many archives there are is bounded by `--keep-last 2`. Gives how long the next run took.
fn expect_no_harm(place: &Place, before: &BTreeMap<String, Vec<u8>>, what: &str) -> Duration {
    let after = place.contents();
    for (name, content) in before {
        // It may have been deleted, if the new one is there.
        let deleted = !after.contains_key(name) && after.keys().any(|new| !before.contains_key(new));
        assert!(deleted || after.get(name) == Some(content), "{what}: {name} has changed");
    }
    assert!(after.len() >= before.len().min(2), "{what}: {:?}", after.keys());
    place.all_are_whole();
    let started = Instant::now();
    place.dump(&["-q", "--keep-last", "2"]).expect_code(0);
    let took = started.elapsed();
    assert_eq!(place.archives().len(), 2, "{what}: {:?}", names(&place.dir()));
    assert!(names(&place.dir()).iter().all(|name| !name.contains("partial")), "{what}: something is left");
    took
}

fn rounds(few: usize) -> usize {
    std::env::var("PGSNAP_KILLS").map_or(few, |number| number.parse().expect("a number"))
}

fn killed_at_random_points(server: &Server) -> TestResult {
    let place = Place::new(server);
    for _ in 0..2 {
        place.dump(&["-q"]).expect_code(0);
    }
    let mut whole = expect_no_harm(&place, &place.contents(), "nothing was killed yet");
    let rounds = rounds(10);
    let (mut killed, mut attempts) = (0, 0);
    while killed < rounds {
        // A run is over before it is killed where the one before it had other work beside it on the machine.
        attempts += 1;
        assert!(attempts <= rounds * 10, "only {killed} of {rounds} were killed in {attempts} attempts");
        let before = place.contents();
        let mut child = place.command().args(["-q", "--keep-last", "2"]).stderr(Stdio::null()).spawn()?;
        // Not to wait for something: the moment is to be any.
        thread::sleep(whole.mul_f64((killed as f64 + 0.5) / rounds as f64));
        let _ = child.kill();
        let is_killed = !child.wait()?.success();
        whole = expect_no_harm(&place, &before, &format!("after {killed} killed runs"));
        killed += usize::from(is_killed);
    }
    Ok(())
}

/// The system calls that change what is in a directory.
const CALLS: [&str; 6] = ["fsync", "fdatasync", "linkat", "unlinkat", "ftruncate", "write"];

fn strace(place: &Place, inject: &str, options: &[&str]) -> Outcome {
    let mut command = Command::new("strace");
    command.env_clear().env("HOME", "/nonexistent");
    command.args([
        "-f",
        "-qqq",
        "-e",
        &format!("trace={}", inject.split(':').next().expect("a call")),
        "-e",
        &format!("inject={inject}"),
        "-o",
        "/dev/null",
    ]);
    command.args([BIN, "dump", "-q", "-d", &place.source.conninfo(), "--dir"]).arg(place.dir());
    run(command.args(options))
}

fn killed_at_every_call(server: &Server) -> TestResult {
    let place = Place::new(server);
    for _ in 0..2 {
        place.dump(&["-q"]).expect_code(0);
    }
    for call in CALLS {
        // Most writes only wake a thread.
        let step = if call == "write" && rounds(0) == 0 { 9 } else { 1 };
        let mut at = 1;
        loop {
            let before = place.contents();
            let inject = format!("{call}:signal=KILL:when={at}");
            let outcome = strace(&place, &inject, &["--keep-last", "2"]);
            if outcome.code == Some(0) {
                break;
            }
            assert_eq!(outcome.code, None, "{inject}: {}", outcome.stderr);
            expect_no_harm(&place, &before, &inject);
            at += step;
        }
        assert!(at > 1, "{call} was never called");
    }
    Ok(())
}

/// Exit code, history and what is said agree, and nothing stands under a name.
fn expect_refused(place: &Place, outcome: Outcome, before: &BTreeMap<String, Vec<u8>>, word: &str) {
    let outcome = outcome.expect_code(7);
    says(&outcome, &[word]);
    assert_eq!(&place.contents(), before, "{word}: the archives have changed");
    assert!(names(&place.dir()).iter().all(|name| !name.contains("partial")), "{word}: something is left");
    let last = place.last();
    assert_eq!((last["exit_code"].as_u64(), last["archive"].as_str()), (Some(7), None), "{word}");
    assert_eq!(last["error_class"], "storage");
    assert!(last["message"].as_str().is_some_and(|message| message.contains(word)), "{word}: {last}");
    let metrics = run(pgsnap().args(["status", "--prometheus"]).arg(place.dir())).expect_code(0).stdout;
    assert!(
        metrics.contains("pgsnap_last_success_timestamp_seconds{"),
        "the last success is forgotten: {metrics}"
    );
    assert!(metrics.contains("} 7\n"), "{metrics}");
}

fn the_disk_refuses(server: &Server) -> TestResult {
    let place = Place::new(server);
    place.dump(&["-q"]).expect_code(0);
    let before = place.contents();
    // Of the directory, before the dump and behind the name of the archive.
    for when in [1, 2] {
        let outcome = strace(&place, &format!("fsync:error=EIO:when={when}"), &[]);
        expect_refused(&place, outcome, &before, "Input/output error");
    }
    // Of the archive. strace counts in each thread for itself, and cannot name it.
    let disk = place.root.path().join("refusing_disk.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&disk).arg("tests/servers.d/refusing_disk.c");
    run(&mut compiler).expect_code(0);
    for (call, said) in [("write", "cannot write"), ("fsync", "make durable")] {
        let outcome = run(place.command().arg("-q").env("LD_PRELOAD", &disk).env("REFUSES", call));
        says(&outcome, &[said]);
        expect_refused(&place, outcome, &before, "Input/output error");
    }
    let outcome = strace(&place, "linkat:error=ENOSPC:when=1", &[]);
    expect_refused(&place, outcome, &before, "No space left on device");
    let outcome = strace(&place, "linkat:error=EIO:when=1", &[]);
    expect_refused(&place, outcome, &before, "Input/output error");
    let mut command = Command::new("prlimit");
    command.args(["--fsize=9000", BIN, "dump", "-q", "-d", &place.source.conninfo(), "--dir"]);
    let outcome = run(command.arg(place.dir()));
    expect_refused(&place, outcome, &before, "File too large");
    place.dump(&["-q"]).expect_code(0);
    Ok(())
}

/// Nearly full, full, and read-only: the exit code says it, and what is there still is; with room again all goes on.
fn full_and_read_only(server: &Server) -> TestResult {
    let place = Place::new(server);
    let out = place.root.path().join("out");
    fs::create_dir(place.dir())?;
    fs::create_dir(&out)?;
    let script = format!(
        "set -e; mount -t tmpfs -o size=1m,mode=700 none {dir}
         dump() {{
             code=0
             {BIN} dump -q -d '{database}' --dir {dir} --metrics-file {out}/$1.prom --log-file {out}/$1.log 2>{out}/$1.said || code=$?
             echo $code >{out}/$1.code
             cat {dir}/history.jsonl >{out}/$1.history
             ls {dir}/*.pgsnap | wc -l >{out}/$1.archives
         }}
         dump first
         size=$(stat -c %s {dir}/*.pgsnap)
         fill() {{
             rm -f {dir}/filler
             head -c $(($(df --output=avail -B1 {dir} | tail -1) - $1)) /dev/zero >{dir}/filler || true
         }}
         fill $((size * 95 / 100)); dump narrow
         fill $((size / 4)); dump full
         rm {dir}/filler; dump again
         mount -o remount,ro {dir}; dump fixed",
        dir = place.dir().display(),
        database = place.source.conninfo(),
        out = out.display(),
    );
    run(&mut in_namespace(&script)).expect_code(0);
    let file = |name: &str| fs::read_to_string(out.join(name)).unwrap_or_default();
    for (name, code, archives, says) in [
        ("first", 0, 1, ""),
        ("narrow", 7, 1, "No space left on device"),
        ("full", 7, 1, "bytes left, and the last archive of the database has"),
        ("again", 0, 2, ""),
        ("fixed", 7, 2, "Read-only file system"),
    ] {
        let found = [file(&format!("{name}.code")), file(&format!("{name}.archives"))];
        assert_eq!(
            found.map(|number| number.trim().to_owned()),
            [code.to_string(), archives.to_string()],
            "{name}"
        );
        assert!(file(&format!("{name}.said")).contains(says), "{name}: {}", file(&format!("{name}.said")));
        let log = file(&format!("{name}.log"));
        assert!(code == 0 || log.contains(&format!("ERROR exit code {code}: ")), "{name}: {log}");
        // On a read-only disk nothing can be noted.
        if name != "fixed" {
            let history = file(&format!("{name}.history"));
            let last: Value = serde_json::from_str(history.lines().last().unwrap_or_default())?;
            assert_eq!(last["exit_code"], code, "{name}: {history}");
            let metrics = file(&format!("{name}.prom"));
            assert!(
                metrics.lines().any(|line| line.starts_with("pgsnap_last_exit_code{")
                    && line.ends_with(&format!("}} {code}"))),
                "{name}: {metrics}"
            );
            assert!(metrics.contains("pgsnap_last_success_timestamp_seconds{"), "{name}: {metrics}");
        }
    }
    Ok(())
}

/// Whoever could plant something in the directory would be somebody else; it is refused all the same.
fn planted_files(server: &Server) -> TestResult {
    let place = Place::new(server);
    place.dump(&["-q"]).expect_code(0);
    let victim = place.root.path().join("victim");
    let lock = format!(".{}.lock", place.source.name);
    for name in [lock.as_str(), "history.jsonl"] {
        let path = place.dir().join(name);
        let own = fs::read(&path)?;
        for plant in [0, 1, 2] {
            fs::remove_file(&path)?;
            fs::write(&victim, "keep me")?;
            match plant {
                0 => symlink(&victim, &path)?,
                1 => fs::create_dir(&path)?,
                _ => run(Command::new("mkfifo").arg(&path)).expect_code(0).code.map_or((), |_| ()),
            }
            let outcome = place.dump(&["-q"]);
            assert!(matches!(outcome.code, Some(7 | 9)), "{name}: {:?}: {}", outcome.code, outcome.stderr);
            assert_eq!(fs::read_to_string(&victim)?, "keep me");
            if plant == 1 {
                fs::remove_dir(&path)?
            } else {
                fs::remove_file(&path)?
            }
            fs::write(&path, &own)?;
        }
    }
    place.dump(&["-q"]).expect_code(0);
    Ok(())
}

/// The backup is there, and whoever should hear of it does not: that is no success.
fn what_cannot_be_written(server: &Server) -> TestResult {
    let place = Place::new(server);
    let outcome = place.dump(&["-q", "--metrics-file", "/nonexistent/pgsnap.prom"]).expect_code(7);
    says(&outcome, &["the archive is complete, ", "/nonexistent/pgsnap.prom"]);
    assert_eq!(place.archives().len(), 1);
    assert_eq!(
        (place.last()["exit_code"].as_u64(), place.last()["error_class"].as_str()),
        (Some(7), Some("storage"))
    );
    assert_eq!(place.last()["archive"].as_str(), place.archives().first().map(String::as_str));
    // Not in the place of what is no file.
    let (link, target) = (place.root.path().join("link.prom"), place.root.path().join("target"));
    symlink(&target, &link)?;
    place.dump(&["-q", "--metrics-file", &link.display().to_string()]).expect_code(7);
    assert!(fs::symlink_metadata(&link)?.is_symlink() && !target.exists());
    fs::remove_file(place.dir().join(&place.archives()[1]))?;
    fs::write(place.dir().join("history.jsonl"), format!("{}\n", place.history()[0]))?;
    // The history ends in a line that a power failure has cut.
    let history = place.dir().join("history.jsonl");
    let cut = format!("{}{{\"database\":\"", fs::read_to_string(&history)?);
    fs::write(&history, cut)?;
    place.dump(&["-q"]).expect_code(0);
    let lines = fs::read_to_string(&history)?;
    let whole = lines.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok());
    assert_eq!((lines.lines().count(), whole.count()), (3, 2));
    let status = run(pgsnap().arg("status").arg(place.dir())).expect_code(0);
    assert!(status.stdout.contains("exit code 0"), "{}", status.stdout);
    Ok(())
}

/// What is told is in the log too, in UTC, over rotations; and no backup fails for want of one.
fn log_file(server: &Server) -> TestResult {
    let place = Place::new(server);
    let (log, rotated) = (place.root.path().join("log"), place.root.path().join("log.1"));
    let option = log.display().to_string();
    place.dump(&["-q", "--log-file", &option]).expect_code(0);
    fs::rename(&log, &rotated)?;
    let text = fs::read_to_string(&rotated)?;
    let (first, last) = (text.lines().next().unwrap_or_default(), text.lines().last().unwrap_or_default());
    assert!(first.contains("Z  INFO database "), "{text}");
    assert!(last.contains("INFO dumped ") && last.contains("2,000 rows"), "{text}");
    assert_eq!(mode(&rotated), 0o600);
    place.dump(&["-q", "--log-format", "json", "--min-size", "1GB", "--log-file", &option]).expect_code(11);
    let text = fs::read_to_string(&log)?;
    let last: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    assert_eq!(last["level"], "ERROR");
    assert!(
        last["fields"]["message"].as_str().is_some_and(|what| what.starts_with("exit code 11: ")),
        "{text}"
    );
    let outcome = place.dump(&["--log-file", "/dev/full"]).expect_code(0);
    assert_eq!(outcome.stderr.matches("cannot write to the log file").count(), 1, "{}", outcome.stderr);
    Ok(())
}

/// With nothing in the environment, as a user with no rights, under the usual umask.
fn as_cron_starts_it(server: &Server) -> TestResult {
    let place = Place::new(server);
    let (work, program) = (place.root.path().join("home"), place.root.path().join("pgsnap"));
    fs::copy(BIN, &program)?;
    fs::create_dir(&work)?;
    for path in [place.root.path(), &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    let is_root = run(Command::new("id").arg("-u")).expect_code(0).stdout.trim() == "0";
    let mut command = Command::new("setpriv");
    if is_root {
        run(Command::new("chown").arg("nobody").arg(&work)).expect_code(0);
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    }
    let line = format!(
        "umask 022; cd {work}; exec {program} dump -q --dir {work}/backups --keep-daily 7 '{}'",
        place.source.conninfo(),
        work = work.display(),
        program = program.display(),
    );
    command.args(["env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", &line]);
    let outcome = run(&mut command).expect_code(0);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""), "cron mails whatever is said");
    let backups = work.join("backups");
    assert_eq!((archives(&backups).len(), mode(&backups)), (1, 0o700));
    assert_eq!(mode(&backups.join(&archives(&backups)[0])), 0o600);
    Ok(())
}

/// Several databases, each with its own result; whatever is wrong with the file is told before anything is dumped.
fn config_file(server: &Server) -> TestResult {
    let (one, other) = (Place::new(server), server.create_database("other"));
    let dir = one.dir().display().to_string();
    let file = one.root.path().join("pgsnap.toml");
    let write = |text: &str| {
        fs::write(&file, text).expect("the file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode");
    };
    let dump = |options: &[&str]| run(pgsnap().args(["dump", "--config"]).arg(&file).args(options));
    let socket = server.socket_dir.display();
    let all = format!(
        "dir = \"{dir}\"\nhost = \"{socket}\"\nport = {}\nusername = \"{}\"\nkeep-last = 2\n",
        server.port, server.superuser
    );
    let both = format!(
        "{all}[[database]]\ndbname = \"{}\"\n[[database]]\ndbname = \"{}\"\nkeep-last = 1\nschema-only = true\n",
        one.source.name, other.name
    );
    write(&both);
    for _ in 0..2 {
        dump(&["-q"]).expect_code(0);
    }
    let of = |database: &Database| {
        one.archives().into_iter().filter(|name| name.starts_with(&database.name)).count()
    };
    assert_eq!((of(&one.source), of(&other)), (2, 1));
    let log = one.root.path().join("log");
    write(&format!("log-file = \"{}\"\n{both}", log.display()));
    dump(&["-q"]).expect_code(0);
    assert_eq!(fs::read_to_string(&log)?.matches("INFO dumped ").count(), 2);
    write(&both);
    // One that fails keeps none of the others from being dumped, and the exit code is the worst.
    write(
        &both.replace("[[database]]\ndbname", "[[database]]\ndbname = \"nonexistent\"\n[[database]]\ndbname"),
    );
    let outcome = dump(&[]).expect_code(5);
    says(&outcome, &["nonexistent"]);
    assert_eq!(outcome.stdout.lines().count(), 2, "{}", outcome.stdout);
    for (text, words) in [
        (format!("{both}jbos = 2\n"), &["database 2", "--jbos", "similar"][..]),
        (format!("{both}jobs = 0\n"), &["database 2", "--jobs"]),
        (format!("{both}jobs = 1.5\n"), &["jobs is neither"]),
        (format!("{both}force = true\n"), &["--force"]),
        (format!("{both}dbname = \"x\"\n"), &["line ", "duplicate key"]),
        (format!("{both}password = \"canary\"\n"), &["database 2", "~/.pgpass"]),
        (format!("{both}password = canary\n"), &["line "]),
        (format!("{both}verbose = false\n"), &["database 2", "verbose is neither"]),
        (all.clone(), &["[[database]]"]),
        (both.replace("dbname = \"other", "dbname = \"postgres://u:canary@h/other"), &["password-command"]),
    ] {
        write(&text);
        let outcome = dump(&[]).expect_code(2);
        says(&outcome, words);
        assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "something was dumped");
    }
    write(&both);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o620))?;
    says(&dump(&[]).expect_code(2), &["others may write to it", "chmod"]);
    // A password that a program knows.
    let conninfo =
        format!("host=127.0.0.1 port={} user={} dbname={}", server.port, server.superuser, one.source.name);
    let with = |command: &str| {
        run(pgsnap().args(["dump", "-q", "-d", &conninfo, "--password-command", command, "--dir", &dir]))
    };
    let wrong = with("echo canary-password").expect_code(5);
    assert!(!wrong.stderr.contains("canary"), "{}", wrong.stderr);
    let right = server.password.clone();
    with(&format!("echo '{right}'")).expect_code(0);
    says(&with("false").expect_code(2), &["--password-command", "exit status: 1"]);
    says(&with("true").expect_code(2), &["has printed nothing"]);
    Ok(())
}

fn all_databases(shared: &Server) -> TestResult {
    let own = OwnServer::start(shared, "5960", "64")?;
    let root = tempfile::tempdir()?;
    let dir = root.path().join("backups");
    own.server.psql("postgres", "CREATE DATABASE \"a b/c\"");
    let roles = "SELECT r.rolname, rolconnlimit, s.setconfig, array(SELECT roleid::regrole FROM pg_auth_members WHERE member = r.oid)
                   FROM pg_roles r LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid
                  WHERE rolname ~ '^of_no' ORDER BY 1";
    own.server.psql(
        "postgres",
        "CREATE ROLE of_no_database CONNECTION LIMIT 3; CREATE ROLE of_none IN ROLE of_no_database;
         ALTER ROLE of_none SET work_mem = '7MB'",
    );
    let all_roles = own.server.psql("postgres", roles);
    let locked = own.server.create_database("locked");
    locked.psql("CREATE TABLE t (n int)");
    let dump = |options: &[&str]| {
        let mut command = pgsnap();
        command.args(["dump", "-d", &own.server.conninfo("postgres"), "--all-databases", "--dir"]).arg(&dir);
        run(command.args(options))
    };
    dump(&["-q"]).expect_code(0);
    let of = |database: &str| {
        archives(&dir).iter().filter(|name| name.starts_with(&format!("{database}_20"))).count()
    };
    let counts = || [of("postgres"), of("a%20b%2Fc"), of(&locked.name), archives(&dir).len()];
    assert_eq!(counts(), [1, 1, 1, 3]);
    // Each of the archives brings back what no database needs.
    own.server.psql("postgres", "DROP ROLE of_no_database, of_none");
    let target = own.server.create_database("roles");
    let one = archives(&dir).into_iter().find(|name| name.starts_with("a%20b")).expect("an archive");
    run(pgsnap().args(["restore", "--roles", "-d", &target.conninfo()]).arg(dir.join(one))).expect_code(0);
    assert_same("roles", &all_roles, &own.server.psql("postgres", roles));
    drop(target);
    let holder = Holder::start(&locked, "LOCK TABLE t");
    says(&dump(&["--lock-wait-timeout", "100ms"]).expect_code(6), &["no lock on public.t"]);
    assert_eq!(counts(), [2, 2, 1, 5], "the others are dumped");
    holder.release(&locked);
    // Who cannot ask for the databases dumps those that are known; what else there is nobody knows.
    let blind = || {
        run(pgsnap()
            .args(["dump", "-d", &own.server.conninfo("nonexistent"), "--all-databases", "--dir"])
            .arg(&dir))
    };
    says(&blind().expect_code(5), &["nonexistent"]);
    assert_eq!(counts(), [3, 3, 2, 8]);
    std::mem::forget(locked);
    // Without a server each of those that are known has failed.
    own.stop();
    dump(&["-q"]).expect_code(5);
    let json = run(pgsnap().arg("status").arg(&dir).arg("--json")).expect_code(0).stdout;
    let json: Value = serde_json::from_str(&json)?;
    let failures: Vec<_> = json["databases"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["consecutive_failures"].as_u64())
        .collect();
    assert_eq!(failures, [Some(1); 3]);
    Ok(())
}

/// While nothing waits for a signal, one ends the run all the same, before the next database.
fn sigterm_between_databases(server: &Server) -> TestResult {
    let (one, other) = (Place::new(server), server.create_database("other"));
    let file = one.root.path().join("pgsnap.toml");
    let (first, second) = (one.source.conninfo(), other.conninfo());
    let text = format!("[[database]]\ndbname = \"{first}\"\n[[database]]\ndbname = \"{second}\"\n");
    fs::write(&file, text)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    let begun = one.root.path().join("begun");
    let hook = format!("sh -c 'touch {}; sleep 2'", begun.display());
    let mut command = pgsnap();
    command.args(["dump", "-q", "--on-success", &hook, "--dir"]).arg(one.dir()).arg("--config").arg(&file);
    let mut child = command.stderr(Stdio::null()).spawn()?;
    let until = Instant::now() + Duration::from_secs(60);
    while !begun.exists() {
        assert!(Instant::now() < until, "the command after the first backup was not run");
        thread::sleep(Duration::from_millis(10));
    }
    run(Command::new("kill").arg("-TERM").arg(child.id().to_string())).expect_code(0);
    assert_eq!(child.wait()?.code(), Some(143));
    assert_eq!(one.archives().len(), 1, "{:?}", one.archives());
    Ok(())
}
