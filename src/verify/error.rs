//! What can go wrong when an archive is compared with a database.

use crate::archive::check::Damage;
use crate::{archive, copy_rows, pg, selection};

/// An error of a comparison. That something is different is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection or one of our own queries failed.
    #[error(transparent)]
    Server(#[from] pg::Error),
    /// The selection cannot be followed.
    #[error(transparent)]
    Selection(#[from] selection::Error),
    /// The archive is damaged.
    #[error("reading the archive: {0}")]
    Archive(#[from] archive::Error),
    /// Blocks of the archive are damaged; nothing was compared.
    #[error("the archive is damaged, nothing was compared:\n  {}", damages.join("\n  "))]
    Damaged {
        /// Each place.
        damages: Vec<String>,
    },
    /// The server does not give the rows of a table.
    #[error("reading table {table}: {source}")]
    Table {
        /// Schema and name.
        table: String,
        /// What the server said.
        source: pg::Error,
    },
    /// What the server sent are no rows of the table.
    #[error("reading table {table} back: {source}")]
    Unreadable {
        /// Schema and name.
        table: String,
        /// What is wrong with it.
        source: copy_rows::Error,
    },
    /// Rows hold what an older server takes for something else.
    #[error(
        "table {table} holds infinite intervals, which PostgreSQL knows since 17 and this server takes for finite ones: restore into \
         a server of version 17 or newer, or leave the table out (--exclude-table)"
    )]
    InfiniteIntervals {
        /// Schema and name.
        table: String,
    },
    /// A thread ended without a result.
    #[error("{0} ended unexpectedly. This is a bug in pgsnap")]
    Panicked(&'static str),
    /// Somebody asked it to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An archive that is damaged in these places.
    pub fn damaged(damages: Vec<Damage>) -> Self {
        Error::Damaged { damages: damages.iter().map(ToString::to_string).collect() }
    }
}
