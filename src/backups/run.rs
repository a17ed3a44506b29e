//! One backup of one database into a directory, from the lock to the line in the history.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::directory::{Backup, State};
use super::error::storage;
use super::history::{self, Record};
use super::hook::Hook;
use super::lock::{Holder, Lock};
use super::names::ArchiveName;
use super::prune::{Examine, prune};
use super::retention::{Policy, WrongClock};
use super::sanity::{Limits, Measure, suspicion};
use super::status::{Status, status, words};
use super::{Directory, Error, metrics};
use crate::archive::Archive;
use crate::archive::check::{Depth, check};
use crate::dump::{self, DumpOptions, DumpSummary, Output, Unpublished};
use crate::pg::ConnectConfig;
use crate::progress::{Event, Monitor};

/// From so many failed runs on, one after the other, somebody is told.
const ALARMING: u32 = 2;

/// One that has held its lock for longer than this hangs.
const LONGEST: TimeDelta = TimeDelta::days(1);

const MESSAGE_CHARS: usize = 4000;

/// What a run does beside the dump.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// When the new archive is suspect.
    pub limits: Limits,
    /// Which archives are kept; without rules all are.
    pub keep: Policy,
    /// Threads that read the new archive back.
    pub threads: usize,
    /// Where metrics go.
    pub metrics_file: Option<PathBuf>,
    /// What is run from the second failure on, one after the other.
    pub on_failure: Option<Hook>,
    /// What is run after a success.
    pub on_success: Option<Hook>,
    /// How long either may take.
    pub hook_timeout: Duration,
}

/// A run that has the lock of its database.
#[derive(Debug)]
pub struct Run {
    directory: Directory,
    database: String,
    options: RunOptions,
    /// None once it is given back.
    lock: Option<Lock>,
    holder: Holder,
    clock: Instant,
    failures: u32,
    /// What is known of the archive meanwhile.
    archive: Option<(String, Measure)>,
    pruned: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code.
    pub code: u8,
    /// The class of the error, if it failed.
    pub class: Option<&'static str>,
    /// What there is to say: the error, or what the archive lacks.
    pub message: Option<String>,
}

impl Outcome {
    /// That of a run that has failed. What it says is cut to what an environment can hold.
    pub fn failed(code: u8, class: &'static str, message: &str) -> Self {
        Outcome { code, class: Some(class), message: Some(message.chars().take(MESSAGE_CHARS).collect()) }
    }

    fn has_failed(&self) -> bool {
        self.class.is_some()
    }
}

impl Run {
    /// Takes the lock of a database in a directory, which is made if it is not there, and clears up behind a run that was killed.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`], [`Error::Unsafe`], [`Error::Storage`]
    pub fn begin(path: &Path, database: &str, options: RunOptions) -> Result<Self, Error> {
        let started = Utc::now().trunc_subsecs(3);
        let directory = Directory::open_or_create(path)?;
        let mut lock = Lock::take(&directory, database)?;
        let records = history::read(&directory)?;
        let mut failures = history::failures(&records, database);
        let is_told = |holder: &Holder| {
            records.iter().any(|it| it.database == database && it.started == holder.started)
        };
        if let Some(holder) = lock.left.take().filter(|holder| !is_told(holder)) {
            failures += 1;
            let died = Error::Died;
            tracing::warn!("the run before this one, of {}: {died}", holder.started);
            let record = Record {
                keep: options.keep.clone(),
                error_class: Some("killed".to_owned()),
                message: Some(died.to_string()),
                ..Record::new(database, holder.started, failures)
            };
            go_on(history::append(&directory, &record));
        }
        go_on(directory.clear(database));
        let holder = Holder { pid: std::process::id(), started };
        go_on(lock.note(&directory, &holder));
        Ok(Run {
            directory,
            database: database.to_owned(),
            options,
            lock: Some(lock),
            holder,
            clock: Instant::now(),
            failures,
            archive: None,
            pruned: Vec::new(),
        })
    }

    /// Dumps into the directory, reads the archive back, publishes it, and deletes what need not be kept any longer. Where
    /// `dump` says the archive goes to is not used. Needs a multi-threaded tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Suspect`]: the archive is there, under another name. [`Error::Clock`] and errors of deletion: it is there under its
    /// own. After all others it is not.
    pub async fn dump(
        &mut self,
        config: &ConnectConfig,
        dump: &DumpOptions,
        monitor: Arc<dyn Monitor>,
        interrupt: impl Future<Output = ()>,
    ) -> Result<DumpSummary, Error> {
        let mut interrupt = std::pin::pin!(interrupt);
        let before = self.good()?;
        self.refuse_without_room(before.last())?;
        let mut name = self.free_name()?;
        let path = self.directory.path().to_owned();
        let mut unpublished =
            Unpublished::create_in(self.directory.handle()?, &path, name.file_name().as_ref(), false)?;
        let options =
            DumpOptions { output: Output::File(self.directory.path_of(&name.file_name())), ..dump.clone() };
        let written =
            dump::write(config, &options, Arc::clone(&monitor), unpublished.file(), &mut interrupt).await;
        let mut summary = written?;
        monitor.report(Event::Step("reading the archive back".to_owned()));
        let file = unpublished.file().try_clone().map_err(storage("open", &path))?;
        tokio::select! {
            read = read_back(file, self.directory.path_of(&name.file_name()), self.options.threads) => read?,
            () = &mut interrupt => return Err(dump::Error::Interrupted.into()),
        }
        let measure = Measure { bytes: summary.bytes_out, rows: summary.rows };
        let measures: Vec<Measure> = before.iter().map(|backup| backup.measure).collect();
        let suspicion = suspicion(measure, &measures, self.options.limits);
        name.is_suspect = suspicion.is_some();
        unpublished.rename(name.file_name().as_ref());
        unpublished.publish(false)?;
        self.archive = Some((name.file_name(), measure));
        summary.archive = Output::File(self.directory.path_of(&name.file_name()));
        if let Some(what) = suspicion {
            return Err(Error::Suspect { what, name: name.file_name(), path });
        }
        self.prune(&name.file_name())?;
        summary.elapsed = self.clock.elapsed();
        Ok(summary)
    }

    fn good(&self) -> Result<Vec<Backup>, Error> {
        let mut backups = self.directory.backups(&self.database)?;
        for backup in &backups {
            if !matches!(backup.state, State::Good | State::Suspect) {
                tracing::warn!("{} does not count: {}", backup.name, words(backup.state.clone()));
            }
        }
        backups.retain(|backup| backup.state == State::Good);
        Ok(backups)
    }

    /// A database rarely becomes half as large over night.
    fn refuse_without_room(&self, last: Option<&Backup>) -> Result<(), Error> {
        let Some(last) = last.map(|backup| backup.measure.bytes) else { return Ok(()) };
        let free = self.directory.free()?;
        if free < last / 2 {
            return Err(Error::NoRoom { path: self.directory.path().to_owned(), free, last });
        }
        if free < last {
            tracing::warn!(
                "{} has {free} bytes left, and the last archive has {last}",
                self.directory.path().display()
            );
        }
        Ok(())
    }

    /// The second in which it began, or one behind the names of runs that were faster than that.
    fn free_name(&self) -> Result<ArchiveName, Error> {
        let began = self.holder.started.trunc_subsecs(0);
        let just_now = began..began + TimeDelta::hours(1);
        let taken = self.directory.names_of(&self.database)?.into_iter().map(|name| name.at);
        let last = taken.filter(|at| just_now.contains(at)).max();
        let at = last.map_or(began, |last| last + TimeDelta::seconds(1));
        Ok(ArchiveName { database: self.database.clone(), at, is_suspect: false })
    }

    fn prune(&mut self, new: &str) -> Result<(), Error> {
        if !self.options.keep.has_rules() {
            return Ok(());
        }
        let Run { directory, database, pruned, options: RunOptions { keep, threads, .. }, .. } = self;
        let examine = Examine::AllBut(new);
        match prune(directory, database, keep, Utc::now(), *threads, examine, Some(pruned)) {
            // The next run will see two that are close together.
            Err(Error::Clock { source: source @ WrongClock::Gap { .. }, .. }) => {
                tracing::warn!("{source}");
                Ok(())
            }
            done => done.map(drop),
        }
    }

    /// The archive that is there now, whatever came after it.
    pub fn archive(&self) -> Option<&str> {
        self.archive.as_ref().map(|(name, _)| name.as_str())
    }

    /// The archives that were deleted.
    pub fn pruned(&self) -> &[String] {
        &self.pruned
    }

    /// Notes how it ended: in the history, as metrics, to whoever wants to be told; and gives the lock back. If the run itself was a
    /// success and this is not, `outcome_of` says what the error makes of it. The outcome of everything.
    pub fn end(mut self, mut outcome: Outcome, outcome_of: impl Fn(Error) -> Outcome) -> Outcome {
        let failed = |error: Error, outcome: &mut Outcome| {
            tracing::error!("{error}");
            if !outcome.has_failed() {
                *outcome = outcome_of(error);
            }
        };
        if let Err(error) = self.write_metrics(&outcome) {
            failed(error, &mut outcome);
        }
        let noted = history::append(&self.directory, &self.record(&outcome))
            .and_then(|()| self.lock.as_mut().map_or(Ok(()), |lock| lock.clear(&self.directory)));
        let is_noted = noted.is_ok();
        if let Err(error) = noted {
            failed(error, &mut outcome);
            // What they say is true again, if they can be written.
            go_on(self.write_metrics(&outcome));
        }
        // Whatever is run now may make a backup itself.
        self.lock = None;
        self.tell(&outcome, is_noted);
        outcome
    }

    fn failures(&self, outcome: &Outcome) -> u32 {
        if outcome.has_failed() { self.failures + 1 } else { 0 }
    }

    fn record(&self, outcome: &Outcome) -> Record {
        let (archive, measure) = self.archive.clone().unzip();
        Record {
            ended: Some(Utc::now().trunc_subsecs(3)),
            seconds: Some(self.clock.elapsed().as_secs_f64()),
            archive,
            bytes: measure.map(|measure| measure.bytes),
            rows: measure.map(|measure| measure.rows),
            pruned: self.pruned.clone(),
            keep: self.options.keep.clone(),
            exit_code: Some(outcome.code),
            error_class: outcome.class.map(str::to_owned),
            message: outcome.message.clone(),
            ..Record::new(&self.database, self.holder.started, self.failures(outcome))
        }
    }

    /// As they will be when this run is in the history.
    fn write_metrics(&self, outcome: &Outcome) -> Result<(), Error> {
        let Some(path) = &self.options.metrics_file else { return Ok(()) };
        let record = self.record(outcome);
        let mut statuses = status(&self.directory, Utc::now(), None)?;
        if !statuses.iter().any(|status| status.database == self.database) {
            statuses.push(Status::empty(self.database.clone()));
        }
        for status in statuses.iter_mut().filter(|status| status.database == self.database) {
            status.failures = record.consecutive_failures;
            if !outcome.has_failed() {
                status.seconds = record.seconds;
            }
            status.last_run = Some(record.clone());
        }
        metrics::write(path, &metrics::render(&statuses))
    }

    fn tell(&self, outcome: &Outcome, is_noted: bool) {
        let failures = self.failures(outcome);
        let newest = newest(&self.directory, &self.database);
        // A failure that is not in the history is never the second.
        let is_alarming = failures >= ALARMING || !is_noted;
        if is_alarming {
            tracing::error!(
                "{failures} backups of database {} have failed one after the other; the newest good archive: {newest}",
                self.database,
            );
        }
        let hook = match (failures, is_alarming) {
            (_, true) => &self.options.on_failure,
            (0, _) => &self.options.on_success,
            _ => &None,
        };
        let archive = self.archive().map(|name| self.directory.path_of(name).display().to_string());
        let facts = [
            ("PGSNAP_ARCHIVE", archive.unwrap_or_default()),
            ("PGSNAP_CONSECUTIVE_FAILURES", failures.to_string()),
            ("PGSNAP_NEWEST_GOOD", newest),
        ];
        run_hook(hook.as_ref(), &self.options, self.directory.path(), &self.database, outcome, &facts);
    }
}

fn newest(directory: &Directory, database: &str) -> String {
    let backups = directory.backups(database).unwrap_or_default();
    let newest = backups.into_iter().rev().find(|backup| backup.state == State::Good);
    newest.map_or_else(|| "none".to_owned(), |backup| backup.name)
}

fn run_hook(
    hook: Option<&Hook>,
    options: &RunOptions,
    path: &Path,
    database: &str,
    outcome: &Outcome,
    facts: &[(&str, String)],
) {
    let Some(hook) = hook else { return };
    let mut all = vec![
        ("PGSNAP_DATABASE", database.to_owned()),
        ("PGSNAP_DIR", path.display().to_string()),
        ("PGSNAP_EXIT_CODE", outcome.code.to_string()),
        ("PGSNAP_ERROR_CLASS", outcome.class.unwrap_or_default().to_owned()),
        ("PGSNAP_MESSAGE", outcome.message.clone().unwrap_or_default()),
    ];
    all.extend_from_slice(facts);
    if let Err(what) = hook.run(&all, options.hook_timeout) {
        tracing::error!("the command that is to be run after a backup failed: {what}");
    }
}

/// A backup is more than what is noted of it.
fn go_on(done: Result<(), Error>) {
    if let Err(error) = done {
        tracing::warn!("{error}");
    }
}

/// Tells of a run that could not begin: at once, for it is in no history. One that only did not get the lock is no failure of the one
/// that has it, and is told of when that one hangs.
pub fn not_begun(path: &Path, database: &str, options: &RunOptions, error: &Error, outcome: &Outcome) {
    if let Error::Locked { since, .. } = error {
        go_on(note_locked(path, database, outcome));
        if since.is_none_or(|since| Utc::now() - since < LONGEST) {
            return;
        }
    }
    run_hook(options.on_failure.as_ref(), options, path, database, outcome, &[]);
}

fn note_locked(path: &Path, database: &str, outcome: &Outcome) -> Result<(), Error> {
    let directory = Directory::open(path)?;
    let now: DateTime<Utc> = Utc::now().trunc_subsecs(3);
    let record = Record {
        ended: Some(now),
        seconds: Some(0.0),
        exit_code: Some(outcome.code),
        error_class: outcome.class.map(str::to_owned),
        message: outcome.message.clone(),
        ..Record::new(database, now, 0)
    };
    history::append(&directory, &record)
}

/// Every block, from the disk: what was written is what is there.
async fn read_back(file: File, path: PathBuf, threads: usize) -> Result<(), Error> {
    let read = move || match Archive::open_file(&file, &path) {
        Ok(archive) => match check(&archive, Depth::Full, threads, &mut |_, _| ()) {
            Ok(()) => Ok(()),
            Err(damages) => {
                let first: Vec<String> = damages.iter().take(3).map(ToString::to_string).collect();
                Err(Error::NotAsWritten { what: format!("{} ({} places)", first.join("; "), damages.len()) })
            }
        },
        Err(error) => Err(Error::NotAsWritten { what: error.to_string() }),
    };
    tokio::task::spawn_blocking(read).await.unwrap_or(Err(Error::Panicked))
}
