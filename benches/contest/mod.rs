//! Commands that take turns: time, bytes written and memory of each, in medians.
#![allow(dead_code)] // Every benchmark uses its own part.

mod plot;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a command is run in its place: pg_restore with jobs may end in a deadlock of its own (ATTACH PARTITION of two indexes),
/// and on a virtual machine others may take the processors.
const ATTEMPTS: u32 = 4;

/// Share of the processors' time that others may take while a command runs. What is above is run again, and the least of all counts.
const STOLEN: f64 = 0.05;

/// A command under measurement.
pub struct Contender {
    name: String,
    /// Rounds in which it takes part, at most.
    rounds: u32,
    /// What is done before each run, and not measured.
    prepare: Box<dyn Fn()>,
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
    /// Share of the processors' time that the machine's host gave to others.
    stolen: f64,
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
    /// Adds a command that writes into the given file or directory, or nowhere, and takes part in so many rounds at most.
    pub fn add(&mut self, name: &str, rounds: u32, command: impl Fn(&Path) -> Command + 'static) {
        self.contenders.push(Contender {
            name: name.to_owned(),
            rounds,
            prepare: Box::new(|| ()),
            command: Box::new(command),
            runs: Vec::new(),
        });
    }

    /// Adds one that takes part in every round and is prepared before each.
    pub fn add_prepared(
        &mut self,
        name: &str,
        prepare: impl Fn() + 'static,
        command: impl Fn(&Path) -> Command + 'static,
    ) {
        self.add(name, u32::MAX, command);
        if let Some(added) = self.contenders.last_mut() {
            added.prepare = Box::new(prepare);
        }
    }

    /// Runs all in turn, so many rounds. The first one runs once more before that, which warms the server's cache and is not counted.
    pub fn run(mut self, rounds: u32) -> Vec<Median> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let out = directory.path().join("out");
        if let Some(first) = self.contenders.first() {
            first.run(&out);
        }
        for round in 1..=rounds {
            for contender in self.contenders.iter_mut().filter(|contender| round <= contender.rounds) {
                let run = contender.run(&out);
                contender.runs.push(run);
            }
        }
        let took_part = self.contenders.into_iter().filter(|contender| !contender.runs.is_empty());
        took_part.map(Contender::median).collect()
    }
}

impl Contender {
    fn run(&self, file: &Path) -> Run {
        let mut best: Option<Run> = None;
        for _ in 0..ATTEMPTS {
            match self.attempt(file) {
                Ok(run) => {
                    println!(
                        "{:8.2} s  {} ({:.0} % stolen)",
                        run.time.as_secs_f64(),
                        self.name,
                        run.stolen * 100.0
                    );
                    best = Some(best.filter(|best| best.stolen <= run.stolen).unwrap_or(run));
                    if run.stolen <= STOLEN {
                        break;
                    }
                }
                Err(status) => println!("  failed: {} ({status})", self.name),
            }
        }
        best.unwrap_or_else(|| panic!("{} failed {ATTEMPTS} times", self.name))
    }

    fn attempt(&self, file: &Path) -> Result<Run, ExitStatus> {
        let _ = fs::remove_file(file);
        let _ = fs::remove_dir_all(file);
        (self.prepare)();
        let mut command = (self.command)(file);
        command
            .stdout(File::options().write(true).open("/dev/null").expect("/dev/null"))
            .stderr(Stdio::inherit());
        let before = processors();
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
        let after = processors();
        let peak = watcher.join().expect("the watcher ends");
        if !status.success() {
            return Err(status);
        }
        let stolen = (after.stolen - before.stolen) / (after.all - before.all).max(1.0);
        Ok(Run { time, bytes: size(file), peak, stolen })
    }

    fn median(mut self) -> Median {
        self.runs.sort_unstable_by_key(|run| run.time);
        let Run { time, bytes, .. } = self.runs[self.runs.len() / 2];
        let peak = self.runs.iter().map(|run| run.peak).max().unwrap_or(0);
        Median { name: self.name, seconds: time.as_secs_f64(), bytes, peak }
    }
}

/// What all processors did since the machine began, in ticks.
struct Processors {
    all: f64,
    stolen: f64,
}

/// From the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; the guests' are within user and nice.
fn processors() -> Processors {
    let stat = fs::read_to_string("/proc/stat").expect("/proc/stat");
    let ticks: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or("")
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|tick| tick.parse().ok())
        .collect();
    Processors { all: ticks.iter().sum(), stolen: ticks.get(7).copied().unwrap_or(0.0) }
}

/// Bytes of a file, or of those in a directory.
fn size(path: &Path) -> u64 {
    match fs::read_dir(path) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum(),
        Err(_) => fs::metadata(path).map_or(0, |metadata| metadata.len()),
    }
}

/// Puts a table between the marks of this name in docs/benchmarks.md, and a plot of the medians beside it.
pub fn write(name: &str, table: &str, medians: &[Median]) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let page = docs.join("benchmarks.md");
    let text = fs::read_to_string(&page).expect("the page");
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&begin).expect("the mark at the beginning of the table");
    let (_, after) = rest.split_once(&end).expect("the mark at its end");
    fs::create_dir_all(docs.join("benchmarks")).expect("the directory of the plots");
    fs::write(docs.join(format!("benchmarks/{name}.svg")), plot::svg(medians)).expect("the plot");
    let picture = format!("![{name}: time and size](benchmarks/{name}.svg)");
    fs::write(&page, format!("{before}{begin}{table}\n{picture}\n{end}{after}")).expect("the page");
}

/// VmHWM, in bytes; a process that has ended has none.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The number behind an option on the command line.
pub fn argument(name: &str, default: u32) -> u32 {
    text_argument(name).map_or(default, |value| value.parse().expect("a number"))
}

/// The text behind an option on the command line.
pub fn text_argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}
