//! What can go wrong in a dump.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::{archive, catalog, copy_rows, pg, selection};

/// An error of a dump. After one, nothing stands under the archive's name that was not there before.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A restore into the database has not ended.
    #[error(
        "the database holds a part of an archive: a restore into it is running or was ended (schema pgsnap_restore). Let it end, or go \
         on with it (restore --resume), and dump then"
    )]
    HalfRestored,
    /// The connection, the snapshot or a query failed.
    #[error(transparent)]
    Server(#[from] pg::Error),
    /// The catalog could not be read.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The selection cannot be followed.
    #[error(transparent)]
    Selection(#[from] selection::Error),
    /// A table's rows could not be read.
    #[error("dumping table {table}: {source}")]
    Table {
        /// Schema and name.
        table: String,
        /// What the server said.
        source: pg::Error,
    },
    /// Large objects that the role may not read.
    #[error(
        "no permission to read large objects {oids}\n  GRANT SELECT ON LARGE OBJECT, or connect as their owner or as a superuser"
    )]
    LargeObjectsDenied {
        /// Their OIDs.
        oids: String,
    },
    /// The server sent something that is no COPY stream.
    #[error("dumping table {table}: {source}. This is a bug in pgsnap or in the server")]
    Stream {
        /// Schema and name.
        table: String,
        /// What is wrong with it.
        source: copy_rows::Error,
    },
    /// The server counts other rows than arrived.
    #[error(
        "dumping table {table}: the server sent {sent} rows and {rows} arrived. This is a bug in pgsnap or in the server"
    )]
    RowCount {
        /// Schema and name.
        table: String,
        /// Rows that arrived.
        rows: u64,
        /// Rows that the server says it sent.
        sent: u64,
    },
    /// Definitions were changed while they were read.
    #[error(
        "definitions were changed while they were read: {}; run the dump again when that has ended",
        some(objects)
    )]
    Changing {
        /// What was changed.
        objects: Vec<String>,
    },
    /// Another table bears the name now.
    #[error("the schema of table {table} was renamed during the dump; run the dump again")]
    Renamed {
        /// Schema and name.
        table: String,
    },
    /// A block could not be encoded or written.
    #[error("writing the archive: {0}")]
    Archive(#[from] archive::Error),
    /// Something stands under the archive's name.
    #[error("{} exists already; choose another name, or replace it with --force", path.display())]
    Exists {
        /// The name.
        path: PathBuf,
    },
    /// What stands under the archive's name is a directory, a device, a pipe or a link.
    #[error("{} is no regular file and cannot become an archive; choose another name", path.display())]
    NoRegularFile {
        /// The name.
        path: PathBuf,
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
    /// The session that holds the locks or the snapshot is gone: what was read since may be from no single moment.
    #[error("the session that holds the snapshot was lost before the dump was complete; run the dump again")]
    SnapshotLost,
    /// The workers cannot go on, because the writer has failed; its error is the cause.
    #[error("the writer has ended")]
    WriterGone,
    /// A worker got no lock on a table; the leader reads it.
    #[error("no lock on the table")]
    NoLock,
    /// The system gives no threads.
    #[error("cannot start threads: {0}")]
    Threads(String),
    /// A thread ended without a result.
    #[error("{0} ended unexpectedly. This is a bug in pgsnap")]
    Panicked(&'static str),
    /// Parts of a table are left when there is nothing left to read.
    #[error("table {table} was not read to its end; nothing was published. This is a bug in pgsnap")]
    Unread {
        /// Its qualified name.
        table: String,
    },
    /// It took longer than it may.
    #[error("the dump was not complete after {} s and --max-duration ended it; nothing was published\n  allow it more time, or dump when the server has less to do, or with more --jobs", limit.as_secs())]
    TooLong {
        /// How long it may take.
        limit: Duration,
    },
    /// Somebody asked it to stop.
    #[error("interrupted; nothing was published")]
    Interrupted,
}

/// SQLSTATEs that a statement about the catalog ends with when an object goes away while it is read: deadlock_detected,
/// internal_error (a lookup failed), undefined_table, undefined_object, undefined_function.
const RACES: [&str; 5] = ["40P01", "XX000", "42P01", "42704", "42883"];

impl Error {
    /// Whether reading the catalog may have failed because somebody changed it meanwhile: a definition that is missing then is a
    /// NULL where none is expected.
    pub(super) fn may_be_a_race(&self) -> bool {
        match self {
            Error::Changing { .. } | Error::Catalog(catalog::Error::Row { .. }) => true,
            Error::Server(error) | Error::Catalog(catalog::Error::Server(error)) => {
                error.sqlstate().is_some_and(|state| RACES.contains(&state))
            }
            _ => false,
        }
    }
}

/// The first few of a list.
fn some(objects: &[String]) -> String {
    const FEW: usize = 5;
    let first = objects.iter().take(FEW).map(String::as_str).collect::<Vec<_>>().join(", ");
    match objects.len().saturating_sub(FEW) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
