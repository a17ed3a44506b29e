//! The state of a directory of backups for Prometheus, as text: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};

use super::error::storage;
use super::{Error, Status};
use crate::archive::ArchiveId;

/// What a metric is called, what it says, and its value for a database; none is left out.
type Metric = (&'static str, &'static str, fn(&Status) -> Option<f64>);

/// The names follow Prometheus' conventions: base units, and a prefix.
const METRICS: [Metric; 10] = [
    ("last_success_timestamp_seconds", "When the snapshot of the newest good archive was taken.", |status| {
        Some(status.newest.as_ref()?.at.timestamp_micros() as f64 / 1e6)
    }),
    ("backup_bytes", "Bytes of the newest good archive.", |status| {
        Some(status.newest.as_ref()?.measure.bytes as f64)
    }),
    ("backup_rows", "Rows in the newest good archive.", |status| {
        Some(status.newest.as_ref()?.measure.rows as f64)
    }),
    ("backup_duration_seconds", "How long the run took that made the newest good archive.", |status| {
        status.seconds
    }),
    ("backups", "Good archives.", |status| Some(status.good as f64)),
    (
        "backups_not_good",
        "Archives that are suspect or damaged, and files with names of archives.",
        |status| Some(status.others.len() as f64),
    ),
    (
        "oldest_backup_timestamp_seconds",
        "When the snapshot of the oldest good archive was taken.",
        |status| Some(status.oldest?.timestamp_micros() as f64 / 1e6),
    ),
    ("consecutive_failures", "Runs that have failed one after the other.", |status| {
        Some(f64::from(status.failures))
    }),
    ("last_run_timestamp_seconds", "When the last run began.", |status| {
        Some(status.last_run.as_ref()?.started.timestamp_micros() as f64 / 1e6)
    }),
    ("last_exit_code", "The exit code of the last run; 137 if it was killed.", |status| {
        Some(f64::from(status.last_run.as_ref()?.exit_code.unwrap_or(137)))
    }),
];

/// The metrics of these databases.
pub fn render(statuses: &[Status]) -> String {
    let mut text = String::new();
    for (name, help, value) in METRICS {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP pgsnap_{name} {help}\n# TYPE pgsnap_{name} gauge");
        for status in statuses {
            if let Some(value) = value(status) {
                let _ = writeln!(text, "pgsnap_{name}{{database=\"{}\"}} {value}", escaped(&status.database));
            }
        }
    }
    text
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Writes them to a file for node_exporter's textfile collector: in one moment, and to be read by everybody.
///
/// # Errors
///
/// [`Error::Storage`]
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    replace(path, text).map_err(storage("write the metrics file", path))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    if path.symlink_metadata().is_ok_and(|there| !there.is_file()) {
        // A rename would put a file in the place of the device, the pipe or the link.
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is there, and no regular file"));
    }
    let mut other = OsString::from(".");
    other.push(name);
    // What does not end in .prom is not read.
    let random = ArchiveId::random().map_err(io::Error::other)?;
    other.push(format!(".{random}.new"));
    let other = path.with_file_name(other);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(CWD, &other, flags, Mode::RUSR | Mode::WUSR)?);
    let written = (|| {
        file.write_all(text.as_bytes())?;
        // There is no secret in it, and another user reads it.
        rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH)?;
        file.sync_all()?;
        std::fs::rename(&other, path)
    })();
    written.inspect_err(|_| {
        let _ = std::fs::remove_file(&other);
    })
}
