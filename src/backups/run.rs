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
    lock: Lock,
    holder: Holder,
    clock: Instant,
    failures: u32,
    /// What is known of the archive meanwhile.
    archive: Option<(String, Measure)>,
    pruned: Vec<String>,
}

/// How a run ended, for its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code.
    pub code: u8,
    /// The class of the error and what it says, if it failed.
    pub error: Option<(&'static str, String)>,
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
            history::append(&directory, &record)?;
        }
        directory.clear(database)?;
        let holder = Holder { pid: std::process::id(), started };
        lock.note(&directory, &holder)?;
        Ok(Run {
            directory,
            database: database.to_owned(),
            options,
            lock,
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
        let Run { directory, database, options: RunOptions { keep, threads, .. }, .. } = self;
        match prune(directory, database, keep, Utc::now(), *threads, Examine::AllBut(new), false) {
            Ok(pruned) => {
                self.pruned = pruned.deleted.into_iter().map(|backup| backup.name).collect();
                Ok(())
            }
            // The next run will see two that are close together.
            Err(Error::Clock { source: source @ WrongClock::Gap { .. }, .. }) => {
                tracing::warn!("{source}");
                Ok(())
            }
            Err(error) => Err(error),
        }
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
            if outcome.error.is_none() {
                *outcome = outcome_of(error);
            }
        };
        let written = self.options.metrics_file.clone().map(|path| self.write_metrics(&path, &outcome));
        if let Some(Err(error)) = written {
            failed(error, &mut outcome);
        }
        if let Err(error) = history::append(&self.directory, &self.record(&outcome)) {
            failed(error, &mut outcome);
        }
        if let Err(error) = self.lock.clear(&self.directory) {
            failed(error, &mut outcome);
        }
        self.tell(&outcome);
        outcome
    }

    fn failures(&self, outcome: &Outcome) -> u32 {
        if outcome.error.is_some() { self.failures + 1 } else { 0 }
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
            error_class: outcome.error.as_ref().map(|(class, _)| (*class).to_owned()),
            message: outcome.error.as_ref().map(|(_, message)| message.clone()),
            ..Record::new(&self.database, self.holder.started, self.failures(outcome))
        }
    }

    /// As they will be when this run is in the history.
    fn write_metrics(&self, path: &Path, outcome: &Outcome) -> Result<(), Error> {
        let record = self.record(outcome);
        let mut statuses = status(&self.directory, None)?;
        if !statuses.iter().any(|status| status.database == self.database) {
            statuses.push(Status::empty(self.database.clone()));
        }
        for status in statuses.iter_mut().filter(|status| status.database == self.database) {
            status.failures = record.consecutive_failures;
            if outcome.error.is_none() {
                status.seconds = record.seconds;
            }
            status.last_run = Some(record.clone());
        }
        metrics::write(path, &metrics::render(&statuses))
    }

    fn tell(&self, outcome: &Outcome) {
        let failures = self.failures(outcome);
        if failures >= ALARMING {
            tracing::error!(
                "{failures} backups of database {} have failed one after the other; the newest good archive: {}",
                self.database,
                self.newest()
            );
        }
        let hook = match failures {
            0 => &self.options.on_success,
            1 => &None,
            _ => &self.options.on_failure,
        };
        let Some(hook) = hook else { return };
        let archive =
            self.archive.as_ref().map(|(name, _)| self.directory.path_of(name).display().to_string());
        let (class, message) = outcome.error.clone().unwrap_or_default();
        let facts = [
            ("PGSNAP_DATABASE", self.database.clone()),
            ("PGSNAP_DIR", self.directory.path().display().to_string()),
            ("PGSNAP_ARCHIVE", archive.unwrap_or_default()),
            ("PGSNAP_EXIT_CODE", outcome.code.to_string()),
            ("PGSNAP_ERROR_CLASS", class.to_owned()),
            ("PGSNAP_MESSAGE", message),
            ("PGSNAP_CONSECUTIVE_FAILURES", failures.to_string()),
            ("PGSNAP_NEWEST_GOOD", self.newest()),
        ];
        if let Err(what) = hook.run(&facts, self.options.hook_timeout) {
            tracing::error!("the command that is to be run after a backup failed: {what}");
        }
    }

    fn newest(&self) -> String {
        let backups = self.directory.backups(&self.database).unwrap_or_default();
        let newest = backups.into_iter().rev().find(|backup| backup.state == State::Good);
        newest.map_or_else(|| "none".to_owned(), |backup| backup.name)
    }
}

/// Adds a line for a run that did not get the lock. It is no failure of the one that has it.
///
/// # Errors
///
/// [`Error::Storage`], [`Error::Unsafe`]
pub fn note_locked(path: &Path, database: &str, outcome: &Outcome) -> Result<(), Error> {
    let directory = Directory::open(path)?;
    let now: DateTime<Utc> = Utc::now().trunc_subsecs(3);
    let records = history::read(&directory)?;
    let record = Record {
        ended: Some(now),
        seconds: Some(0.0),
        exit_code: Some(outcome.code),
        error_class: outcome.error.as_ref().map(|(class, _)| (*class).to_owned()),
        message: outcome.error.as_ref().map(|(_, message)| message.clone()),
        ..Record::new(database, now, history::failures(&records, database))
    };
    history::append(&directory, &record)
}

/// Every block, from the disk: what was written is what is there.
async fn read_back(file: File, path: PathBuf, threads: usize) -> Result<(), Error> {
    let read = move || match Archive::open_file(&file, &path) {
        Ok(archive) => match check(&archive, Depth::Full, threads, &mut |_, _| ()) {
            Ok(()) => Ok(()),
            Err(damages) => {
                let what = damages.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                Err(Error::NotAsWritten { what })
            }
        },
        Err(error) => Err(Error::NotAsWritten { what: error.to_string() }),
    };
    tokio::task::spawn_blocking(read).await.unwrap_or(Err(Error::Panicked))
}
