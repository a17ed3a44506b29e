//! What there is in a directory of backups, and whether it is enough.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::directory::{Backup, State};
use super::history::{self, Record};
use super::prune::choose;
use super::retention::SKEW;
use super::sanity::RECENT;
use super::{Directory, Error};

/// The backups of a database.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The database.
    pub database: String,
    /// The newest good archive.
    pub newest: Option<Backup>,
    /// When the oldest good archive is of.
    pub oldest: Option<DateTime<Utc>>,
    /// How many are good.
    pub good: usize,
    /// How many are suspect, damaged, or not ours: each with its name and why.
    pub others: Vec<(String, String)>,
    /// By how many percent the newest is larger than the mean of up to five before it.
    pub growth: Option<f64>,
    /// The last run, as far as there is a history.
    pub last_run: Option<Record>,
    /// How long the run took that made the newest archive.
    pub seconds: Option<f64>,
    /// How many runs have failed one after the other.
    pub failures: u32,
    /// What the next run will delete, if it keeps what the last one kept.
    pub next_to_go: Vec<String>,
}

impl Status {
    /// That of a database without archives.
    pub(super) fn empty(database: String) -> Self {
        Status {
            database,
            newest: None,
            oldest: None,
            good: 0,
            others: Vec::new(),
            growth: None,
            last_run: None,
            seconds: None,
            failures: 0,
            next_to_go: Vec::new(),
        }
    }

    /// How old the newest good archive is.
    pub fn age(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        Some(now - self.newest.as_ref()?.at)
    }

    /// Whether there is a good archive that is not older than `max`.
    pub fn is_recent(&self, now: DateTime<Utc>, max: TimeDelta) -> bool {
        self.age(now).is_some_and(|age| age <= max)
    }
}

/// What there is, database by database. Archives are opened; with `threads` every block of the newest is read too.
///
/// # Errors
///
/// [`Error::Storage`], [`Error::Unsafe`]
pub fn status(
    directory: &Directory,
    now: DateTime<Utc>,
    threads: Option<usize>,
) -> Result<Vec<Status>, Error> {
    let history = history::read(directory)?;
    let mut databases: BTreeSet<String> = directory.databases()?;
    databases.extend(history.iter().map(|record| record.database.clone()));
    databases.into_iter().map(|database| of_database(directory, &history, database, now, threads)).collect()
}

fn of_database(
    directory: &Directory,
    history: &[Record],
    database: String,
    now: DateTime<Utc>,
    threads: Option<usize>,
) -> Result<Status, Error> {
    let mut backups = directory.backups(&database)?;
    // By the time that it tells, no other would ever be the newest.
    for backup in backups.iter_mut().filter(|backup| backup.at > now + SKEW) {
        backup.state = State::Foreign(format!("it is of {}, a time that has not come", backup.at));
    }
    if let Some(threads) = threads {
        for backup in backups.iter_mut().rev().filter(|backup| backup.state == State::Good) {
            directory.examine(backup, threads)?;
            if backup.state == State::Good {
                break;
            }
        }
    }
    let records = || history.iter().rev().filter(|record| record.database == database);
    let last_run = records().next().cloned();
    let next_to_go = next_to_go(&backups, records().find(|record| !record.was_locked_out()));
    let (good, others): (Vec<Backup>, Vec<Backup>) =
        backups.into_iter().partition(|backup| backup.state == State::Good);
    let newest = good.last().cloned();
    let made = |record: &&Record| {
        newest.as_ref().is_some_and(|newest| record.archive.as_ref() == Some(&newest.name))
    };
    Ok(Status {
        oldest: good.first().map(|backup| backup.at),
        good: good.len(),
        others: others.into_iter().map(|backup| (backup.name, words(backup.state))).collect(),
        growth: growth(&good),
        seconds: records().find(made).and_then(|record| record.seconds),
        failures: history::failures(history, &database),
        last_run,
        next_to_go,
        newest,
        database,
    })
}

/// What is said of an archive that does not count.
pub fn words(state: State) -> String {
    match state {
        State::Good => "good".to_owned(),
        State::Suspect => "suspect: much smaller than those before it".to_owned(),
        State::Damaged(what) => format!("damaged: {what}"),
        State::Foreign(why) => why,
    }
}

fn growth(good: &[Backup]) -> Option<f64> {
    let (newest, before) = good.split_last()?;
    let before = &before[before.len().saturating_sub(RECENT)..];
    let mean = before.iter().map(|backup| backup.measure.bytes as f64).sum::<f64>() / before.len() as f64;
    (!before.is_empty()).then(|| (newest.measure.bytes as f64 / mean - 1.0) * 100.0)
}

/// As if there were another archive, as much later than the newest as that one is than the one before.
fn next_to_go(backups: &[Backup], last_run: Option<&Record>) -> Vec<String> {
    let good: Vec<&Backup> = backups.iter().filter(|backup| backup.state == State::Good).collect();
    let (Some(record), [.., before, newest]) = (last_run, good.as_slice()) else { return Vec::new() };
    let at = newest.at + (newest.at - before.at);
    let next = Backup { at, name: String::new(), ..(*newest).clone() };
    let all = backups.iter().cloned().chain([next]).collect();
    let pruned = choose(all, &record.keep, at).unwrap_or_default();
    pruned.deleted.into_iter().map(|backup| backup.name).collect()
}
