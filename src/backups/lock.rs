//! One run at a time for each database. The system gives the lock back when its holder ends, however it ends; the file stays.

use std::fs::File;
use std::io::{Read, Seek, Write};

use chrono::{DateTime, Utc};
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::error::storage;
use super::names::encode;
use super::{Directory, Error};

/// A lock that is held. Dropped, it is given back.
#[derive(Debug)]
pub struct Lock {
    file: File,
    name: String,
    /// The run that had it before, and that never said how it ended.
    pub left: Option<Holder>,
}

/// Whoever has the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The number of the process.
    pub pid: u32,
    /// When it began.
    pub started: DateTime<Utc>,
}

impl Lock {
    /// Takes the lock of a database in a directory, at once or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`], [`Error::Storage`], [`Error::Unsafe`]
    pub fn take(directory: &Directory, database: &str) -> Result<Self, Error> {
        let name = format!(".{}.lock", encode(database));
        let mut file = directory.open_own(&name, OFlags::RDWR | OFlags::CREATE)?;
        let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        let mut text = String::new();
        // Whatever is in it, a lock is a lock.
        let _ = file.read_to_string(&mut text);
        let left: Option<Holder> = serde_json::from_str(&text).ok();
        match locked {
            Ok(()) => Ok(Lock { file, name, left }),
            Err(Errno::WOULDBLOCK) => Err(Error::Locked {
                database: database.to_owned(),
                path: directory.path().to_owned(),
                since: left.as_ref().map(|holder| holder.started),
                holder: match left {
                    Some(Holder { pid, started }) => format!("process {pid}, since {started}"),
                    None => "it has only just begun, or deletes archives".to_owned(),
                },
            }),
            Err(errno) => Err(storage("lock", &directory.path_of(&name))(errno.into())),
        }
    }

    /// Notes who has it.
    pub fn note(&mut self, directory: &Directory, holder: &Holder) -> Result<(), Error> {
        let text = serde_json::to_string(holder).unwrap_or_default();
        self.write(directory, &text)
    }

    /// Takes the note away: the run has said how it ended.
    pub fn clear(&mut self, directory: &Directory) -> Result<(), Error> {
        self.write(directory, "")
    }

    fn write(&mut self, directory: &Directory, text: &str) -> Result<(), Error> {
        let written = self.file.set_len(0).and_then(|()| {
            self.file.rewind()?;
            self.file.write_all(text.as_bytes())?;
            self.file.sync_data()
        });
        written.map_err(storage("write", &directory.path_of(&self.name)))
    }
}
