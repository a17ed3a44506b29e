//! What goes wrong in a directory of backups.

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::retention::WrongClock;
use crate::dump;

/// Why a backup failed, or something about a directory of them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory could be changed by somebody else.
    #[error("{} is no place for backups: {why}", path.display())]
    Unsafe {
        /// The directory, or something in it.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// Another run is at work for the same database.
    #[error("another run has the lock of database {database} in {}: {holder}", path.display())]
    Locked {
        /// The database.
        database: String,
        /// The directory.
        path: PathBuf,
        /// Which one, as far as is known.
        holder: String,
        /// When that one began, if it has said so.
        since: Option<DateTime<Utc>>,
    },
    /// The file system refused something.
    #[error("could not {action} {}: {source}", path.display())]
    Storage {
        /// What was being done.
        action: &'static str,
        /// To which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no room for what is to be expected.
    #[error(
        "{} has {free} bytes left, and the last archive of the database has {last}: make room, for example with pgsnap prune and a smaller --keep-daily",
        path.display()
    )]
    NoRoom {
        /// The directory.
        path: PathBuf,
        /// Bytes that may be written.
        free: u64,
        /// Bytes of the newest archive.
        last: u64,
    },
    /// The dump failed.
    #[error(transparent)]
    Dump(#[from] dump::Error),
    /// The new archive cannot be read as it was written.
    #[error(
        "the new archive was not published, because it does not read back as it was written: {what}. Look after the disk and the \
         memory of this machine"
    )]
    NotAsWritten {
        /// What is wrong with it.
        what: String,
    },
    /// A thread ended without a result.
    #[error("reading the archive back ended unexpectedly. This is a bug in pgsnap")]
    Panicked,
    /// The new archive is much smaller than those before it.
    #[error(
        "the new archive {what}. It is kept aside, nothing was deleted. If this is right, take it for good: mv '{}' '{}'",
        path.join(name).display(),
        path.join(name.trim_end_matches(".suspect")).display()
    )]
    Suspect {
        /// What is wrong with it.
        what: String,
        /// Its name.
        name: String,
        /// The directory.
        path: PathBuf,
    },
    /// The times of the archives cannot be right.
    #[error("nothing was deleted in {}: {source}", path.display())]
    Clock {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: WrongClock,
    },
    /// None of the archives of a database is good.
    #[error("nothing was deleted in {}: no archive of database {database} is good", path.display())]
    NoneGood {
        /// The directory.
        path: PathBuf,
        /// The database.
        database: String,
    },
    /// The newest good archive is too old, or there is none.
    #[error("{}", lines.join("\n  "))]
    TooOld {
        /// One for each database.
        lines: Vec<String>,
    },
    /// A run of this database was killed, or the machine went down under it; of the history only.
    #[error("the run ended without a word: it was killed, or the machine went down")]
    Died,
}

/// Wraps an I/O error with what was being done to which path.
pub(super) fn storage(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Storage { action, path, source }
}
