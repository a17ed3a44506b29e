//! Commands that take turns: time, bytes written and memory of each, in medians.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A command under measurement.
pub struct Contender {
    name: String,
    command: Box<dyn Fn(&Path) -> Command>,
    runs: Vec<Run>,
}

/// What one run took.
#[derive(Clone, Copy)]
struct Run {
    time: Duration,
    /// Of the file that the command wrote.
    bytes: u64,
    /// Most memory that was resident at once; of the command itself, not of the server.
    peak: u64,
}

/// The medians of a contender.
pub struct Median {
    pub name: String,
    pub seconds: f64,
    pub bytes: u64,
    pub peak: u64,
}

/// The commands of a benchmark, in the order in which they take turns.
#[derive(Default)]
pub struct Contest {
    contenders: Vec<Contender>,
}

impl Contest {
    /// Adds a command that writes into the given file, or nowhere.
    pub fn add(&mut self, name: &str, command: impl Fn(&Path) -> Command + 'static) {
        self.contenders.push(Contender {
            name: name.to_owned(),
            command: Box::new(command),
            runs: Vec::new(),
        });
    }

    /// Runs all in turn, so many rounds and one that warms the server's cache and is not counted.
    pub fn run(mut self, rounds: u32) -> Vec<Median> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for round in 0..=rounds {
            for contender in &mut self.contenders {
                let run = contender.run(&directory.path().join("out"));
                if round > 0 {
                    contender.runs.push(run);
                }
            }
        }
        self.contenders.into_iter().map(Contender::median).collect()
    }
}

impl Contender {
    fn run(&self, file: &Path) -> Run {
        let _ = fs::remove_file(file);
        let mut command = (self.command)(file);
        command
            .stdout(File::options().write(true).open("/dev/null").expect("/dev/null"))
            .stderr(Stdio::inherit());
        let started = Instant::now();
        let mut child = command.spawn().expect("the program starts");
        let status = format!("/proc/{}/status", child.id());
        // Only while it runs does the system tell the greatest size.
        let watcher = thread::spawn(move || {
            let mut peak = 0;
            while let Some(now) = fs::read_to_string(&status).ok().and_then(|status| high_water(&status)) {
                peak = now;
                thread::sleep(Duration::from_millis(5));
            }
            peak
        });
        let status = child.wait().expect("the program ends");
        let time = started.elapsed();
        assert!(status.success(), "{}: {status}", self.name);
        let bytes = fs::metadata(file).map_or(0, |metadata| metadata.len());
        Run { time, bytes, peak: watcher.join().expect("the watcher ends") }
    }

    fn median(mut self) -> Median {
        self.runs.sort_unstable_by_key(|run| run.time);
        let Run { time, bytes, .. } = self.runs[self.runs.len() / 2];
        let peak = self.runs.iter().map(|run| run.peak).max().unwrap_or(0);
        Median { name: self.name, seconds: time.as_secs_f64(), bytes, peak }
    }
}

/// VmHWM, in bytes; a process that has ended has none.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The number behind an option on the command line.
pub fn argument(name: &str, default: u32) -> u32 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    match (arguments.next(), arguments.next()) {
        (Some(_), Some(value)) => value.parse().expect("a number"),
        _ => default,
    }
}
