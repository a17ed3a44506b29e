//! What a dump is asked to do.

use std::path::PathBuf;
use std::time::Duration;

/// The options of a dump.
#[derive(Debug, Clone)]
pub struct DumpOptions {
    /// Where the archive is published.
    pub output: PathBuf,
    /// Whether an existing file at `output` may be replaced.
    pub force: bool,
    /// How many workers, at least 1.
    pub jobs: usize,
    /// zstd level, 0 to 19.
    pub level: i32,
    /// Tables with more bytes than this (TOAST included) are split into chunks of about this size.
    pub split_above: u64,
    /// How long to wait for a table lock.
    pub lock_wait_timeout: Duration,
}

impl DumpOptions {
    /// The level used when none is asked for.
    pub const DEFAULT_LEVEL: i32 = 1;
    /// The split size used when none is asked for: small enough that a few hundred MiB already use every job.
    pub const DEFAULT_SPLIT_ABOVE: u64 = 128 << 20;
    /// The lock timeout used when none is asked for: a dump that waits for a lock holds up everyone who waits behind it.
    pub const DEFAULT_LOCK_WAIT_TIMEOUT: Duration = Duration::from_secs(30);
}
