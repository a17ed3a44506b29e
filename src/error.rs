//! One enum over the layers' errors, and what each means for whoever called the program.

use crate::{archive, backups, catalog, drill, dump, pg, restore, script, selection, verify};

/// Any error of the library.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system gives no threads to work with.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    /// Stdin cannot be read from.
    #[error("could not open stdin: {0}")]
    Stdin(std::io::Error),
    /// The result could not be written to stdout.
    #[error("could not write to stdout: {0}")]
    Stdout(std::io::Error),
    /// The connection was described wrongly or could not be made.
    #[error(transparent)]
    Server(#[from] pg::Error),
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The selection cannot be followed.
    #[error(transparent)]
    Selection(#[from] selection::Error),
    /// A dump failed.
    #[error(transparent)]
    Dump(#[from] dump::Error),
    /// A restore failed.
    #[error(transparent)]
    Restore(#[from] restore::Error),
    /// An archive and a database could not be compared.
    #[error(transparent)]
    Verify(#[from] verify::Error),
    /// A drill failed.
    #[error(transparent)]
    Drill(#[from] drill::Error),
    /// Something is wrong with a directory of backups, or with a run that writes to it.
    #[error(transparent)]
    Backups(backups::Error),
    /// A script could not be written.
    #[error(transparent)]
    Script(#[from] script::Error),
}

/// The classes of errors; each is an exit code of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// Failed for a reason that has no class of its own.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// The archive is damaged or is no archive.
    Damaged = 3,
    /// Done with loss, or differences were found.
    Loss = 4,
    /// Connect, authentication, TLS, too many connections.
    Connect = 5,
    /// No consistent snapshot.
    Snapshot = 6,
    /// Space, I/O, permissions; here or on the server.
    Storage = 7,
    /// Another run is at work.
    Locked = 8,
    /// Refused: target not empty, version, feature, extension, role or privilege missing.
    Refused = 9,
    /// A sanity check failed: a new archive is suspect, the newest is too old, or clocks are wrong; nothing was deleted.
    Suspect = 11,
    /// A bug of ours.
    Bug = 70,
}

impl Class {
    /// Its name in messages for programs.
    pub fn name(self) -> &'static str {
        match self {
            Class::Failed => "failed",
            Class::Usage => "usage",
            Class::Damaged => "damaged",
            Class::Loss => "loss",
            Class::Connect => "connect",
            Class::Snapshot => "snapshot",
            Class::Storage => "storage",
            Class::Locked => "locked",
            Class::Refused => "refused",
            Class::Suspect => "suspect",
            Class::Bug => "bug",
        }
    }
}

impl From<backups::Error> for Error {
    fn from(error: backups::Error) -> Self {
        match error {
            backups::Error::Dump(error) => Error::Dump(error),
            error => Error::Backups(error),
        }
    }
}

impl Error {
    /// The class, and with it the exit code.
    pub fn class(&self) -> Class {
        match self {
            Error::Server(error) => server_class(error),
            Error::Threads(_) => Class::Failed,
            Error::Stdin(_) | Error::Stdout(_) => Class::Storage,
            Error::Archive(error) => archive_class(error),
            Error::Selection(_) => Class::Usage,
            Error::Dump(error) => dump_class(error),
            Error::Restore(error) => restore_class(error),
            Error::Verify(error) => verify_class(error),
            Error::Drill(error) => drill_class(error),
            Error::Script(error) => script_class(error),
            Error::Backups(error) => backups_class(error),
        }
    }

    /// The class of an error about a directory of backups.
    pub fn class_of(error: &backups::Error) -> Class {
        backups_class(error)
    }

    /// The SQLSTATE, where the server gave one.
    pub fn sqlstate(&self) -> Option<&str> {
        self.server()?.sqlstate()
    }

    /// The object concerned, where it is one.
    pub fn object(&self) -> Option<&str> {
        match self {
            Error::Restore(error) => restored_object(error),
            Error::Verify(error) | Error::Drill(drill::Error::Verify(error)) => verified_object(error),
            Error::Drill(drill::Error::Restore(error)) => restored_object(error),
            Error::Dump(
                dump::Error::Table { table, .. }
                | dump::Error::Stream { table, .. }
                | dump::Error::RowCount { table, .. },
            ) => Some(table),
            _ => None,
        }
    }

    fn server(&self) -> Option<&pg::Error> {
        match self {
            Error::Server(error)
            | Error::Dump(
                dump::Error::Server(error)
                | dump::Error::Table { source: error, .. }
                | dump::Error::Catalog(catalog::Error::Server(error)),
            ) => Some(error),
            Error::Restore(error) => server_of_restore(error),
            Error::Verify(error) | Error::Drill(drill::Error::Verify(error)) => server_of_verify(error),
            Error::Drill(drill::Error::Restore(error)) => server_of_restore(error),
            Error::Drill(drill::Error::Server(error) | drill::Error::NotDropped { source: error, .. }) => {
                Some(error)
            }
            _ => None,
        }
    }
}

fn restored_object(error: &restore::Error) -> Option<&str> {
    match error {
        restore::Error::Unfinished { cause, .. }
        | restore::Error::NotBegun { cause }
        | restore::Error::Dropped { cause, .. }
        | restore::Error::RolledBack { cause, .. }
        | restore::Error::NothingLoaded { cause, .. } => restored_object(cause),
        restore::Error::Statement { object, .. } | restore::Error::Drop { object, .. } => Some(object),
        restore::Error::Load { table, .. }
        | restore::Error::RowCount { table, .. }
        | restore::Error::Different { table, .. } => Some(table),
        restore::Error::ReadBack(error) => verified_object(error),
        _ => None,
    }
}

fn verified_object(error: &verify::Error) -> Option<&str> {
    match error {
        verify::Error::Table { table, .. }
        | verify::Error::Unreadable { table, .. }
        | verify::Error::InfiniteIntervals { table } => Some(table),
        _ => None,
    }
}

fn server_of_restore(error: &restore::Error) -> Option<&pg::Error> {
    match error {
        restore::Error::Unfinished { cause, .. }
        | restore::Error::NotBegun { cause }
        | restore::Error::Dropped { cause, .. }
        | restore::Error::RolledBack { cause, .. }
        | restore::Error::NothingLoaded { cause, .. } => server_of_restore(cause),
        restore::Error::Server(error)
        | restore::Error::Drop { source: error, .. }
        | restore::Error::Statement { source: error, .. }
        | restore::Error::Load { source: error, .. } => Some(error),
        restore::Error::ReadBack(error) => server_of_verify(error),
        _ => None,
    }
}

fn server_of_verify(error: &verify::Error) -> Option<&pg::Error> {
    match error {
        verify::Error::Server(error) | verify::Error::Table { source: error, .. } => Some(error),
        _ => None,
    }
}

fn server_class(error: &pg::Error) -> Class {
    match error {
        pg::Error::Usage(_) => Class::Usage,
        pg::Error::Connect { .. }
        | pg::Error::PasswordRequired { .. }
        | pg::Error::Auth { .. }
        | pg::Error::Tls { .. }
        | pg::Error::TooManyConnections { .. }
        | pg::Error::NoSuchDatabase { .. }
        | pg::Error::Lost { .. } => Class::Connect,
        pg::Error::UnsupportedServer { .. } | pg::Error::Denied { .. } | pg::Error::Pooler { .. } => {
            Class::Refused
        }
        pg::Error::Snapshot { .. } | pg::Error::LockTimeout { .. } | pg::Error::TooManyLocks { .. } => {
            Class::Snapshot
        }
        pg::Error::Server { .. } | pg::Error::Protocol { .. } => match error.sqlstate() {
            // disk_full, io_error
            Some("53100" | "58030") => Class::Storage,
            // insufficient_privilege, feature_not_supported
            Some("42501" | "0A000") => Class::Refused,
            // serialization_failure (on a standby, a conflict with recovery), lock_not_available
            Some("40001" | "55P03") => Class::Snapshot,
            _ => Class::Failed,
        },
    }
}

fn archive_class(error: &archive::Error) -> Class {
    match error {
        archive::Error::Open { .. } | archive::Error::Read { .. } | archive::Error::Write { .. } => {
            Class::Storage
        }
        archive::Error::Version { .. } | archive::Error::Features { .. } => Class::Refused,
        archive::Error::NotReversible { .. } | archive::Error::Order { .. } => Class::Bug,
        archive::Error::Compression { .. }
        | archive::Error::Serialize { .. }
        | archive::Error::Memory { .. }
        | archive::Error::Limit { .. }
        | archive::Error::Random { .. } => Class::Failed,
        _ => Class::Damaged,
    }
}

fn dump_class(error: &dump::Error) -> Class {
    match error {
        dump::Error::Server(error)
        | dump::Error::Table { source: error, .. }
        | dump::Error::Catalog(catalog::Error::Server(error)) => match error {
            // A lost session takes its snapshot with it.
            pg::Error::Lost { .. } => Class::Snapshot,
            // deadlock_detected: with somebody who changes definitions
            error if error.sqlstate() == Some("40P01") => Class::Snapshot,
            error => server_class(error),
        },
        dump::Error::Selection(_) => Class::Usage,
        dump::Error::Catalog(catalog::Error::Row { .. })
        | dump::Error::Panicked(_)
        | dump::Error::Unread { .. }
        | dump::Error::Stream { .. }
        | dump::Error::RowCount { .. } => Class::Bug,
        dump::Error::Archive(error) => archive_class(error),
        dump::Error::Catalog(catalog::Error::Passwords)
        | dump::Error::Exists { .. }
        | dump::Error::HalfRestored
        | dump::Error::NoRegularFile { .. }
        | dump::Error::LargeObjectsDenied { .. } => Class::Refused,
        dump::Error::Storage { .. } => Class::Storage,
        dump::Error::Catalog(catalog::Error::Unlocked { .. })
        | dump::Error::SnapshotLost
        | dump::Error::Renamed { .. }
        | dump::Error::Changing { .. } => Class::Snapshot,
        dump::Error::Interrupted
        | dump::Error::Threads(_)
        | dump::Error::WriterGone
        | dump::Error::TooLong { .. }
        | dump::Error::NoLock => Class::Failed,
    }
}

fn backups_class(error: &backups::Error) -> Class {
    match error {
        backups::Error::Dump(error) => dump_class(error),
        backups::Error::Storage { .. }
        | backups::Error::NoRoom { .. }
        | backups::Error::NotAsWritten { .. } => Class::Storage,
        backups::Error::Locked { .. } => Class::Locked,
        backups::Error::Unsafe { .. } => Class::Refused,
        backups::Error::Suspect { .. }
        | backups::Error::Clock { .. }
        | backups::Error::NoneGood { .. }
        | backups::Error::TooOld { .. } => Class::Suspect,
        backups::Error::Died => Class::Failed,
        backups::Error::Panicked => Class::Bug,
    }
}

fn script_class(error: &script::Error) -> Class {
    match error {
        script::Error::Archive(error) => archive_class(error),
        script::Error::Write(_) => Class::Storage,
        script::Error::Unsafe { .. } | script::Error::UnknownTypes { .. } => Class::Refused,
        script::Error::Value { .. } => Class::Bug,
    }
}

fn restore_class(error: &restore::Error) -> Class {
    match error {
        restore::Error::Server(error)
        | restore::Error::Drop { source: error, .. }
        | restore::Error::Statement { source: error, .. }
        | restore::Error::Load { source: error, .. } => server_class(error),
        restore::Error::Archive(error) => archive_class(error),
        restore::Error::Selection(_) => Class::Usage,
        restore::Error::Running => Class::Locked,
        restore::Error::NotEmpty { .. }
        | restore::Error::HalfRestored { .. }
        | restore::Error::CannotResume { .. }
        | restore::Error::Preflight { .. }
        | restore::Error::TooManyInOrder { .. } => Class::Refused,
        restore::Error::Damaged { .. } | restore::Error::NoLargeObject { .. } => Class::Damaged,
        restore::Error::Unfinished { cause, .. }
        | restore::Error::NotBegun { cause }
        | restore::Error::Dropped { cause, .. }
        | restore::Error::RolledBack { cause, .. }
        | restore::Error::NothingLoaded { cause, .. } => restore_class(cause),
        restore::Error::ReadBack(error) => verify_class(error),
        restore::Error::Panicked(_) | restore::Error::RowCount { .. } => Class::Bug,
        restore::Error::Different { .. }
        | restore::Error::Interrupted
        | restore::Error::InterruptedEarly { .. } => Class::Failed,
    }
}

fn verify_class(error: &verify::Error) -> Class {
    match error {
        verify::Error::Server(error) | verify::Error::Table { source: error, .. } => server_class(error),
        verify::Error::Selection(_) => Class::Usage,
        verify::Error::Archive(error) => archive_class(error),
        verify::Error::Damaged { .. } => Class::Damaged,
        verify::Error::Unreadable { .. } | verify::Error::Panicked(_) => Class::Bug,
        verify::Error::InfiniteIntervals { .. } | verify::Error::Interrupted => Class::Failed,
    }
}

fn drill_class(error: &drill::Error) -> Class {
    match error {
        drill::Error::Server(error) => server_class(error),
        drill::Error::Archive(error) => archive_class(error),
        drill::Error::Restore(error) => restore_class(error),
        drill::Error::Verify(error) => verify_class(error),
        drill::Error::Panicked(_) => Class::Bug,
        drill::Error::NotDropped { .. } | drill::Error::Interrupted => Class::Failed,
    }
}
