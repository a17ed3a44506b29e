//! What can go wrong in a drill.

use crate::{archive, pg, restore, verify};

/// An error of a drill.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection or one of our own queries failed.
    #[error(transparent)]
    Server(#[from] pg::Error),
    /// No name for the scratch database.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The archive could not be restored.
    #[error("restoring into the scratch database: {_0}{}", instead(_0))]
    Restore(#[source] restore::Error),
    /// The restored database could not be read.
    #[error(transparent)]
    Verify(#[from] verify::Error),
    /// The scratch database is still there.
    #[error("{}the scratch database {database} is still there, drop it: {source}", before(cause.as_deref()))]
    NotDropped {
        /// Its name.
        database: String,
        /// What the server said.
        source: pg::Error,
        /// What ended the drill before, if something did.
        cause: Option<Box<Error>>,
    },
    /// A thread ended without a result.
    #[error("{0} ended unexpectedly. This is a bug in pgsnap")]
    Panicked(&'static str),
    /// Somebody asked it to stop.
    #[error("interrupted")]
    Interrupted,
}

/// What is missing is told with options of another command.
fn instead(error: &restore::Error) -> &'static str {
    match error {
        restore::Error::Preflight { .. } => {
            "\n  --roles and --force-version are options of pgsnap restore; a drill takes --no-owner and --no-privileges"
        }
        _ => "",
    }
}

fn before(cause: Option<&Error>) -> String {
    cause.map(|cause| format!("{cause}\n  ")).unwrap_or_default()
}
