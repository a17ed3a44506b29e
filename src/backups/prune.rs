//! Old archives are deleted: only good ones that no rule wants, and never before the newest good one was read from end to end.

use chrono::{DateTime, Utc};

use super::directory::{Backup, State};
use super::retention::{Candidate, Decision, Policy, WrongClock, decide};
use super::{Directory, Error};

/// What became of the archives of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Those that stay, with the rules that want them.
    pub kept: Vec<(Backup, Vec<&'static str>)>,
    /// Those that went, or would have.
    pub deleted: Vec<Backup>,
    /// Those that no rule is about, because they are not good.
    pub passed_over: Vec<Backup>,
}

/// Which archives are read from end to end before anything is deleted. All others are opened: a file that was cut short is found
/// then, a block that the disk has damaged is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Examine<'a> {
    /// The newest that is good.
    Newest,
    /// All.
    All,
    /// None: the newest has this name, and has just been read.
    AllBut(&'a str),
}

/// Deletes what no rule wants of the archives of a database, for whoever has its lock. `threads` read archives.
///
/// `deleted` gets the names of those that are gone, whatever comes after them.
///
/// # Errors
///
/// [`Error::Clock`] and [`Error::NoneGood`]: nothing was deleted. [`Error::Storage`], [`Error::Unsafe`]: perhaps something was.
pub fn prune(
    directory: &Directory,
    database: &str,
    policy: &Policy,
    now: DateTime<Utc>,
    threads: usize,
    examine: Examine<'_>,
    deleted: Option<&mut Vec<String>>,
) -> Result<Pruned, Error> {
    let mut backups = directory.backups(database)?;
    if !is_one_good(directory, &mut backups, threads, examine)? && !backups.is_empty() {
        return Err(Error::NoneGood { path: directory.path().to_owned(), database: database.to_owned() });
    }
    if let Examine::AllBut(new) = examine {
        refuse_newer(directory, &backups, new)?;
    }
    let pruned = choose(backups, policy, now)
        .map_err(|source| Error::Clock { path: directory.path().to_owned(), source })?;
    // Nothing goes in a dry run.
    if let (Some(deleted), false) = (deleted, pruned.deleted.is_empty()) {
        for backup in &pruned.deleted {
            directory.delete(backup)?;
            tracing::info!("deleted {}", backup.name);
            deleted.push(backup.name.clone());
        }
        directory.sync()?;
    }
    Ok(pruned)
}

/// What was made last is the newest, or a clock is wrong: by its time it might be deleted at once.
fn refuse_newer(directory: &Directory, backups: &[Backup], new: &str) -> Result<(), Error> {
    let made = backups.iter().find(|backup| backup.name == new);
    let newest = backups.iter().rfind(|backup| backup.state == State::Good);
    match (made, newest) {
        (Some(made), Some(newest)) if newest.at > made.at => Err(Error::Clock {
            path: directory.path().to_owned(),
            source: WrongClock::Behind { new: made.at, before: newest.name.clone(), newest: newest.at },
        }),
        _ => Ok(()),
    }
}

/// Looks for an archive that is good to the last block. Those that are not are damaged from now on.
fn is_one_good(
    directory: &Directory,
    backups: &mut [Backup],
    threads: usize,
    examine: Examine<'_>,
) -> Result<bool, Error> {
    let mut is_one = false;
    for backup in backups.iter_mut().rev().filter(|backup| backup.state == State::Good) {
        if examine != Examine::AllBut(&backup.name) {
            directory.examine(backup, threads)?;
        }
        is_one |= backup.state == State::Good;
        if is_one && examine != Examine::All {
            break;
        }
    }
    Ok(is_one)
}

/// What a policy makes of archives; nothing is deleted yet.
pub(super) fn choose(
    backups: Vec<Backup>,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Pruned, WrongClock> {
    // What only has a name like ours has no say about the time either.
    let (foreign, backups): (Vec<_>, Vec<_>) =
        backups.into_iter().partition(|backup| matches!(backup.state, State::Foreign(_)));
    let candidate = |backup: &Backup| Candidate { at: backup.at, is_good: backup.state == State::Good };
    let candidates: Vec<Candidate> = backups.iter().map(candidate).collect();
    let decisions = decide(&candidates, policy, now)?;
    let mut pruned = Pruned { passed_over: foreign, ..Pruned::default() };
    for (backup, decision) in backups.into_iter().zip(decisions) {
        match decision {
            Decision::Keep(rules) => pruned.kept.push((backup, rules)),
            Decision::Delete => pruned.deleted.push(backup),
            Decision::PassOver => pruned.passed_over.push(backup),
        }
    }
    Ok(pruned)
}
