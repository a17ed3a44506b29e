//! What a dump is asked to do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::catalog::Roles;
use crate::pg::Moment;
use crate::selection::Selection;

/// Where an archive goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A file of this name, published when it is whole and durable.
    File(PathBuf),
    /// Standard output. What reads it knows by the footer that the archive is whole.
    Stdout,
}

impl Output {
    /// Its name in messages.
    pub(super) fn path(&self) -> &Path {
        match self {
            Output::File(path) => path,
            Output::Stdout => Path::new("standard output"),
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path().display())
    }
}

/// The options of a dump.
#[derive(Debug, Clone)]
pub struct DumpOptions {
    /// Where the archive goes.
    pub output: Output,
    /// Whether an existing file may be replaced.
    pub force: bool,
    /// How many workers, at least 1.
    pub jobs: usize,
    /// zstd level, 0 to 19.
    pub level: i32,
    /// Tables with more bytes than this (TOAST included) are split into chunks of about this size.
    pub split_above: u64,
    /// How long to wait for a table lock.
    pub lock_wait_timeout: Duration,
    /// Bytes of rows per second that all workers together may read; none is as many as they can.
    pub rate_limit: Option<u64>,
    /// How long the dump may take before it is given up.
    pub max_duration: Option<Duration>,
    /// From which age on the snapshot is warned of.
    pub warn_snapshot_age: Duration,
    /// Which moment is dumped.
    pub moment: Moment,
    /// What of the database is dumped.
    pub selection: Selection,
    /// Which roles go into the archive, and whether their passwords do.
    pub roles: Roles,
}

impl DumpOptions {
    /// The level used when none is asked for: the fastest, which takes next to nothing from a columnar layout.
    pub const DEFAULT_LEVEL: i32 = 1;
}
