//! What can go wrong in a restore.

use crate::archive::check::Damage;
use crate::{archive, pg, selection, verify};

/// What to do about a part of an archive.
fn advice(goes_on: bool, holds_others: bool) -> &'static str {
    match (goes_on, holds_others) {
        (true, false) => "repair the cause and go on with --resume, or drop it before restoring again",
        (false, false) => "drop it before restoring again",
        (true, true) => {
            "repair the cause and go on with --resume. It may hold other things too: do not drop it"
        }
        (false, true) => {
            "what was made or loaded must go before it is restored again. It may hold other things too: do not drop it"
        }
    }
}

const ROLLED_BACK: &str = "everything is rolled back: the target is as it was";

/// An error of a restore.
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
    /// The target holds objects already.
    #[error(
        "database {database} is not empty: it holds {count} objects, among them {examples}. Restore into a new database \
         (createdb -T template0 NAME)"
    )]
    NotEmpty {
        /// The target.
        database: String,
        /// How many objects.
        count: i64,
        /// The first of them.
        examples: String,
    },
    /// Things the archive needs are missing at the target.
    #[error("the target cannot take this archive; nothing was changed:\n  {}", first_of(missing))]
    Preflight {
        /// Each thing, with what to do about it.
        missing: Vec<String>,
    },
    /// The archive is damaged; nothing was changed.
    #[error("the archive is damaged, nothing was restored:\n  {}", first_of(damages))]
    Damaged {
        /// Each place.
        damages: Vec<String>,
    },
    /// The target holds what an unfinished restore has left.
    #[error(
        "the database holds a part of an archive: a restore that was begun at {at} has not ended. {advice}"
    )]
    HalfRestored {
        /// When it was begun.
        at: String,
        /// What to do.
        advice: String,
    },
    /// Another restore is at work in the target.
    #[error(
        "another restore is at work in this database: wait for its end, or end its sessions (application_name pgsnap in \
         pg_stat_activity)"
    )]
    Running,
    /// What an unfinished restore has left is not for this one to go on with.
    #[error(
        "cannot go on with the restore that was begun at {at}: {reason}. Nothing was changed; to begin again, restore into a \
         new database"
    )]
    CannotResume {
        /// When it was begun.
        at: String,
        /// Why not.
        reason: String,
    },
    /// Something failed after the first change.
    #[error("{cause}\n  {place} holds a part of the archive: {}", advice(*goes_on, *holds_others))]
    Unfinished {
        /// What failed.
        cause: Box<Error>,
        /// What holds a part of the archive.
        place: String,
        /// Whether another restore can go on with it.
        goes_on: bool,
        /// Whether it may hold what is not of the archive.
        holds_others: bool,
    },
    /// Something failed in the first transaction in the database.
    #[error("{cause}\n  nothing was changed")]
    NotBegun {
        /// What failed.
        cause: Box<Error>,
    },
    /// Something failed in the only transaction.
    #[error(
        "{cause}\n  {}{}",
        if *is_lost { "if that was at the very end, everything is there, otherwise nothing" } else { ROLLED_BACK },
        if *roles > 0 { "; roles that were missing are made" } else { "" }
    )]
    RolledBack {
        /// What failed.
        cause: Box<Error>,
        /// How many roles were made before.
        roles: usize,
        /// Whether the connection was lost, and so nobody knows whether it has committed.
        is_lost: bool,
    },
    /// The database was dropped and could not be made again.
    #[error("{cause}\n  the database {database} is dropped and not made again")]
    Dropped {
        /// What failed.
        cause: Box<Error>,
        /// Its name.
        database: String,
    },
    /// An object that the archive brings could not be dropped.
    #[error("dropping {object}: {source}")]
    Drop {
        /// Kind and name of the entry.
        object: String,
        /// What the server said, and the statement.
        source: pg::Error,
    },
    /// An archive that came through a pipe could not be loaded.
    #[error(
        "{cause}\n  no rows were loaded; {place} holds the definitions of the archive: {}",
        advice(false, *holds_others)
    )]
    NothingLoaded {
        /// What failed.
        cause: Box<Error>,
        /// What holds the definitions.
        place: String,
        /// Whether it may hold what is not of the archive.
        holds_others: bool,
    },
    /// More rows than there may be have to wait for others.
    #[error(
        "loading table {table}: its rows refer to others, or others to them, and out of a pipe too many have to wait: restore from a file"
    )]
    TooManyInOrder {
        /// Schema and name.
        table: String,
    },
    /// Somebody asked it to stop while the database was being made.
    #[error(
        "interrupted\n  the database {database} {}may be there now, and is empty then: drop it before restoring again",
        if *drops { "may be dropped, as asked for; or it " } else { "" }
    )]
    InterruptedEarly {
        /// Its name.
        database: String,
        /// Whether one of that name was to be dropped before.
        drops: bool,
    },
    /// A statement of the archive failed.
    #[error("restoring {object}: {source}")]
    Statement {
        /// Kind and name of the entry.
        object: String,
        /// What the server said, and the statement.
        source: pg::Error,
    },
    /// The rows of a table could not be loaded.
    #[error("loading table {table}: {source}")]
    Load {
        /// Schema and name.
        table: String,
        /// What the server said.
        source: pg::Error,
    },
    /// The rows of a table could not be read back.
    #[error(transparent)]
    ReadBack(#[from] verify::Error),
    /// What was loaded is not what the archive holds.
    #[error(
        "table {table} does not hold what the archive holds: {rows} rows with digest {digest}, expected {expected_rows} rows \
         with digest {expected_digest}"
    )]
    Different {
        /// Schema and name.
        table: String,
        /// Rows in the database.
        rows: u64,
        /// Digest of the rows in the database.
        digest: String,
        /// Rows in the archive.
        expected_rows: u64,
        /// Digest of the rows in the archive.
        expected_digest: String,
    },
    /// A row is no piece of a large object: its fields are not OID, offset and bytes.
    #[error(
        "a row of {table} is no piece of a large object: the archive was not made by pgsnap, or is damaged"
    )]
    NoLargeObject {
        /// Schema and name of the archive's table.
        table: String,
    },
    /// The server counts other rows than were sent.
    #[error("loading table {table}: {sent} rows were sent and the server took {taken}")]
    RowCount {
        /// Schema and name.
        table: String,
        /// Rows sent.
        sent: u64,
        /// Rows that the server counted.
        taken: u64,
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

/// The first of many lines, and how many there are beside them.
fn first_of(lines: &[String]) -> String {
    const FIRST: usize = 20;
    let mut text = lines.iter().take(FIRST).map(String::as_str).collect::<Vec<_>>().join("\n  ");
    if lines.len() > FIRST {
        text += &format!("\n  and {} more", lines.len() - FIRST);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut() {
        let text = |count: u32| {
            Error::Preflight { missing: (0..count).map(|line| line.to_string()).collect() }.to_string()
        };
        assert!(text(20).ends_with(":\n  0\n  1\n  2\n  3\n  4\n  5\n  6\n  7\n  8\n  9\n  10\n  11\n  12\n  13\n  14\n  15\n  16\n  17\n  18\n  19"));
        assert!(text(10_000).ends_with("\n  19\n  and 9980 more"), "{}", text(10_000));
    }
}
