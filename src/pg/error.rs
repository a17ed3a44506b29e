//! What can go wrong between this program and a server.

use std::error::Error as _;
use std::fmt;
use std::io;

/// Result with this layer's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, in words for the person who has to act on it. No variant ever holds a password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line, the environment or a configuration file asks for something impossible.
    #[error("{0}")]
    Usage(String),
    /// No session: nobody answers there, or not as a server that accepts connections.
    #[error("cannot connect to {target}: {cause}\n  {advice}")]
    Connect {
        /// Which server.
        target: String,
        /// What happened.
        cause: String,
        /// What to look at.
        advice: &'static str,
        /// The server's SQLSTATE, if a server answered.
        sqlstate: Option<String>,
    },
    /// The server asks for a password and none was found.
    #[error(
        "{target} asks for a password, and none was given\n  \
         put it into ~/.pgpass (mode 0600) or PGPASSWORD, or let the program ask with -W"
    )]
    PasswordRequired {
        /// Which server.
        target: String,
    },
    /// The server does not let this user in, or could not prove that it knows the password itself.
    #[error(
        "{target} refuses the login: {cause}\n  check the user, the password and the server's pg_hba.conf, and that the role may CONNECT to the database"
    )]
    Auth {
        /// Which server.
        target: String,
        /// The server's message.
        cause: String,
        /// The server's SQLSTATE, if it sent one.
        sqlstate: Option<String>,
    },
    /// No encrypted connection of the kind `sslmode` asks for.
    #[error("no secure connection to {target}: {cause}\n  {advice}")]
    Tls {
        /// Which server.
        target: String,
        /// What failed.
        cause: String,
        /// What to look at.
        advice: &'static str,
    },
    /// A pooler that gives each transaction another server process.
    #[error(
        "{target} is a pooler in transaction mode: it gives a session another server process in each transaction, and settings and \
         snapshots are lost\n  connect to the server itself, or to a pool in session mode"
    )]
    Pooler {
        /// Where it is.
        target: String,
    },
    /// The server's connection slots are used up (53300).
    #[error(
        "{target} has no free connection: {server}\n  use fewer jobs, or raise max_connections or the CONNECTION LIMIT of the role or the database"
    )]
    TooManyConnections {
        /// Which server.
        target: String,
        /// The server's words.
        server: Box<ServerMessage>,
    },
    /// There is no such database (3D000).
    #[error("{target}: {server}\n  check the database name; `psql -l` lists those that exist")]
    NoSuchDatabase {
        /// Which server.
        target: String,
        /// The server's words.
        server: Box<ServerMessage>,
    },
    /// The server is older than this program serves.
    #[error("{target} runs PostgreSQL {version}; pgsnap serves PostgreSQL 13 and newer")]
    UnsupportedServer {
        /// Which server.
        target: String,
        /// Its version.
        version: String,
    },
    /// A statement failed.
    #[error("{what}: {server}{}", statement_line(.statement))]
    Server {
        /// What was being done.
        what: String,
        /// The statement, shortened, where one was sent.
        statement: Option<String>,
        /// The server's words.
        server: Box<ServerMessage>,
    },
    /// What the server sent cannot be understood, or a parameter cannot be sent.
    #[error("{what}: {cause}{}", statement_line(.statement))]
    Protocol {
        /// What was being done.
        what: String,
        /// What is wrong.
        cause: String,
        /// The statement, shortened, where one was sent.
        statement: Option<String>,
    },
    /// The session ended: the link broke, the server stopped, or somebody terminated it.
    #[error(
        "{what}: the connection to the server was lost: {cause}\n  look into the server's log and at the network between"
    )]
    Lost {
        /// What was being done.
        what: String,
        /// Why, as far as known.
        cause: String,
        /// The server's SQLSTATE, if it said goodbye (57P01 for an administrator's command).
        sqlstate: Option<String>,
    },
    /// The role may not read everything that is to be read (42501).
    #[error(
        "no permission to read {relations}\n  GRANT SELECT on the tables and USAGE on their schemas, or connect as a role that may read them (pg_read_all_data, from PostgreSQL 14 on)"
    )]
    Denied {
        /// The tables.
        relations: String,
    },
    /// No consistent view of the database could be had.
    #[error("no consistent snapshot: {what}\n  {advice}")]
    Snapshot {
        /// What stands in the way, with the relation's name.
        what: String,
        /// What to do.
        advice: &'static str,
        /// The server's SQLSTATE, if a statement failed.
        sqlstate: Option<String>,
    },
    /// The server has no room for so many locks (53200).
    #[error(
        "no consistent snapshot: there is no room for locks on {tables} tables\n  set max_locks_per_transaction to {enough} or \
         more at the server (now {now}), and restart it"
    )]
    TooManyLocks {
        /// How many tables were to be locked.
        tables: usize,
        /// The server's max_locks_per_transaction.
        now: usize,
        /// What it should be.
        enough: usize,
    },
    /// Somebody holds a lock that excludes reading, for longer than the lock timeout (55P03).
    #[error("{what}: no lock on {relation} within {waited_ms} ms{}\n  wait for the other session, end it, or give a longer --lock-wait-timeout", blockers_text(.blockers))]
    LockTimeout {
        /// What was being done.
        what: String,
        /// The table or tables the wait may have been for.
        relation: String,
        /// Process ids of the sessions that hold or wait for the conflicting lock.
        blockers: Vec<i32>,
        /// How long was waited, in milliseconds.
        waited_ms: u128,
    },
}

/// The fields of the server's error message that help a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerMessage {
    /// Five characters; <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    pub sqlstate: String,
    /// The message proper.
    pub message: String,
    /// Further details.
    pub detail: Option<String>,
    /// The server's suggestion.
    pub hint: Option<String>,
    /// Where: `COPY t, line 3, column x`.
    pub context: Option<String>,
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.sqlstate)?;
        for (name, text) in [("detail", &self.detail), ("hint", &self.hint), ("context", &self.context)] {
            if let Some(text) = text {
                write!(f, "\n  {name}: {text}")?;
            }
        }
        Ok(())
    }
}

impl From<&tokio_postgres::error::DbError> for ServerMessage {
    fn from(error: &tokio_postgres::error::DbError) -> Self {
        Self {
            sqlstate: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: error.detail().map(str::to_owned),
            hint: error.hint().map(str::to_owned),
            context: error.where_().map(str::to_owned),
        }
    }
}

impl Error {
    /// The server's SQLSTATE, where the server sent one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Error::Server { server, .. }
            | Error::TooManyConnections { server, .. }
            | Error::NoSuchDatabase { server, .. } => Some(&server.sqlstate),
            Error::Connect { sqlstate, .. }
            | Error::Auth { sqlstate, .. }
            | Error::Lost { sqlstate, .. }
            | Error::Snapshot { sqlstate, .. } => sqlstate.as_deref(),
            Error::LockTimeout { .. } => Some("55P03"),
            Error::TooManyLocks { .. } => Some("53200"),
            Error::Denied { .. } => Some("42501"),
            Error::Usage(_)
            | Error::PasswordRequired { .. }
            | Error::Tls { .. }
            | Error::Pooler { .. }
            | Error::UnsupportedServer { .. }
            | Error::Protocol { .. } => None,
        }
    }

    /// A failure while a session was being opened.
    pub(super) fn opening(target: String, error: &tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let cause = causes(error);
            // The driver has no better way to say this.
            if cause.contains("password missing") {
                return Error::PasswordRequired { target };
            }
            if io_cause(error).is_some() || error.is_closed() {
                return Error::Connect {
                    target,
                    cause,
                    advice: "the server ended the connection while it was being opened: look into its log",
                    sqlstate: None,
                };
            }
            return Error::Auth { target, cause, sqlstate: None };
        };
        let server = Box::new(ServerMessage::from(db));
        match server.sqlstate.as_str() {
            "53300" => Error::TooManyConnections { target, server },
            "3D000" => Error::NoSuchDatabase { target, server },
            code if code.starts_with("28") || code == "42501" => {
                Error::Auth { target, cause: server.to_string(), sqlstate: Some(server.sqlstate) }
            }
            _ => Error::Connect {
                target,
                cause: server.to_string(),
                advice: "the server is there, but does not accept this connection",
                sqlstate: Some(server.sqlstate),
            },
        }
    }

    /// A failure of an open session. `what` is what was being done.
    pub(super) fn working(what: &str, statement: Option<&str>, error: &tokio_postgres::Error) -> Self {
        let what = what.to_owned();
        let statement = statement.map(shorten);
        let Some(db) = error.as_db_error() else {
            let cause = causes(error);
            return if error.is_closed() || io_cause(error).is_some() {
                Error::Lost { what, cause, sqlstate: None }
            } else {
                Error::Protocol { what, cause, statement }
            };
        };
        let server = Box::new(ServerMessage::from(db));
        match server.sqlstate.as_str() {
            // The message is translated by the server, the file is not: rls.c raises this one error only.
            "42501" if db.file() == Some("rls.c") => Error::Snapshot {
                what: format!("{what}: {}", server.message),
                advice: "row-level security would hide rows: dump as the owner of the table (without FORCE ROW LEVEL SECURITY) \
                         or as a role with BYPASSRLS",
                sqlstate: Some(server.sqlstate),
            },
            // Read-only transactions meet this only on a standby.
            "40001" => Error::Snapshot {
                what: format!("{what}: {}", server.message),
                advice: "a standby removed rows this session still needed: try again, or set hot_standby_feedback = on or a \
                         longer max_standby_streaming_delay there",
                sqlstate: Some(server.sqlstate),
            },
            // Terminated by an administrator, crash of another process, idle timeouts, protocol-level loss.
            "57P01" | "57P02" | "57P05" | "25P03" => {
                Error::Lost { what, cause: server.to_string(), sqlstate: Some(server.sqlstate) }
            }
            code if code.starts_with("08") => {
                Error::Lost { what, cause: server.to_string(), sqlstate: Some(server.sqlstate) }
            }
            _ => Error::Server { what, statement, server },
        }
    }
}

fn io_cause(error: &tokio_postgres::Error) -> Option<&io::Error> {
    error.source().and_then(|source| source.downcast_ref::<io::Error>())
}

/// An error and what caused it, in one line.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

const LONGEST_STATEMENT: usize = 500;

/// At most 500 characters of a statement: enough to recognise it. User mappings and subscriptions carry passwords.
fn shorten(statement: &str) -> String {
    if statement.to_ascii_lowercase().contains("password") {
        return "(not shown, it may hold a password)".to_owned();
    }
    match statement.char_indices().nth(LONGEST_STATEMENT) {
        Some((at, _)) => format!("{} ...", &statement[..at]),
        None => statement.to_owned(),
    }
}

fn statement_line(statement: &Option<String>) -> String {
    match statement {
        Some(statement) => format!("\n  statement: {statement}"),
        None => String::new(),
    }
}

fn blockers_text(blockers: &[i32]) -> String {
    if blockers.is_empty() {
        return String::new();
    }
    let list: Vec<_> = blockers.iter().map(i32::to_string).collect();
    format!("; blocked by process {}", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_and_what_to_do() {
        let error = Error::LockTimeout {
            what: "locking tables".into(),
            relation: "public.t".into(),
            blockers: vec![7, 8],
            waited_ms: 30_000,
        };
        assert_eq!(
            error.to_string(),
            "locking tables: no lock on public.t within 30000 ms; blocked by process 7, 8\n  \
             wait for the other session, end it, or give a longer --lock-wait-timeout"
        );
        assert_eq!(error.sqlstate(), Some("55P03"));
    }

    #[test]
    fn a_server_message_keeps_its_context() {
        let error = Error::Server {
            what: "loading public.t".into(),
            statement: Some(shorten(&"é".repeat(600))),
            server: Box::new(ServerMessage {
                sqlstate: "22P03".into(),
                message: "incorrect binary data format".into(),
                detail: None,
                hint: None,
                context: Some("COPY t, line 3, column x".into()),
            }),
        };
        let text = error.to_string();
        assert!(text.starts_with(
            "loading public.t: incorrect binary data format (SQLSTATE 22P03)\n  context: COPY t, line 3, column x\n  statement: é"
        ));
        assert!(text.ends_with("é ..."));
        assert!(!shorten("CREATE USER MAPPING ... OPTIONS (password 'canary')").contains("canary"));
    }
}
