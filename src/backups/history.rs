//! What became of each run: a line of JSON in `history.jsonl`, written whole or not at all.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use chrono::{DateTime, Utc};
use rustix::fs::{FlockOperation, OFlags};
use serde::{Deserialize, Serialize};

use super::error::storage;
use super::retention::Policy;
use super::{Directory, Error};

const NAME: &str = "history.jsonl";

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The database.
    pub database: String,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended; none when it was killed.
    pub ended: Option<DateTime<Utc>>,
    /// How long it took.
    pub seconds: Option<f64>,
    /// The archive that it made.
    pub archive: Option<String>,
    /// Its bytes.
    pub bytes: Option<u64>,
    /// Its rows.
    pub rows: Option<u64>,
    /// The archives that were deleted after it.
    pub pruned: Vec<String>,
    /// What is kept.
    #[serde(default)]
    pub keep: Policy,
    /// The exit code; none when it was killed.
    pub exit_code: Option<u8>,
    /// The class of the error, if it failed.
    pub error_class: Option<String>,
    /// The error.
    pub message: Option<String>,
    /// How many runs of the database have failed one after the other, this one included.
    pub consecutive_failures: u32,
}

impl Record {
    /// A run of which nothing else is known yet.
    pub fn new(database: &str, started: DateTime<Utc>, consecutive_failures: u32) -> Self {
        Record {
            database: database.to_owned(),
            started,
            ended: None,
            seconds: None,
            archive: None,
            bytes: None,
            rows: None,
            pruned: Vec::new(),
            keep: Policy::default(),
            exit_code: None,
            error_class: None,
            message: None,
            consecutive_failures,
        }
    }

    /// Whether another run was at work.
    pub fn was_locked_out(&self) -> bool {
        self.error_class.as_deref() == Some("locked")
    }
}

/// The runs of a directory, the oldest first. What cannot be read is passed over: it is told by a later version, or was cut by a
/// power failure.
///
/// # Errors
///
/// [`Error::Storage`], [`Error::Unsafe`]
pub fn read(directory: &Directory) -> Result<Vec<Record>, Error> {
    let mut bytes = Vec::new();
    match directory.open_own(NAME, OFlags::RDONLY) {
        Ok(mut file) => file.read_to_end(&mut bytes).map_err(storage("read", &directory.path_of(NAME)))?,
        Err(Error::Storage { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// Adds a run, durably. After an error the file is as it was.
///
/// # Errors
///
/// [`Error::Storage`], [`Error::Unsafe`]
pub fn append(directory: &Directory, record: &Record) -> Result<(), Error> {
    let mut file = directory.open_own(NAME, OFlags::RDWR | OFlags::CREATE)?;
    append_to(&mut file, record).map_err(storage("write", &directory.path_of(NAME)))
}

fn append_to(file: &mut File, record: &Record) -> std::io::Result<()> {
    // Runs of other databases write to the same file.
    rustix::fs::flock(&*file, FlockOperation::LockExclusive)?;
    let length = file.seek(SeekFrom::End(0))?;
    let mut last = [b'\n'];
    if length > 0 {
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
    }
    // A line that a power failure has cut ends here.
    let begin = if last == *b"\n" { "" } else { "\n" };
    let line = format!("{begin}{}\n", serde_json::to_string(record)?);
    file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).inspect_err(|_| {
        // A part of a line helps nobody; if this fails too, the next line begins behind it.
        let _ = file.set_len(length);
    })
}

/// How many runs of a database have failed since the last that has not. Those that did not get the lock have not run.
pub fn failures(records: &[Record], database: &str) -> u32 {
    let mut own = records.iter().rev().filter(|record| record.database == database);
    let last = own.find(|record| !record.was_locked_out());
    last.map_or(0, |record| record.consecutive_failures)
}
