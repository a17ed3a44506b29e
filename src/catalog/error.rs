//! What can go wrong while the catalog is read.

/// An error of the catalog layer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused a catalog query or the connection broke.
    #[error(transparent)]
    Server(#[from] crate::pg::Error),
    /// A query's result has no column of that name, or the column holds something else than the reader expects.
    #[error(
        "catalog query \"{query}\": column {column}: {problem}. This is a bug in pgsnap or an unknown server version"
    )]
    Row {
        /// The name of the query.
        query: String,
        /// The column that was asked for.
        column: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Passwords of roles were asked for, and the connecting role may not read them.
    #[error(
        "this role may not read the passwords of roles: connect as a superuser, or leave out --role-passwords"
    )]
    Passwords,
    /// A table came into being, or was found, without the lock that keeps its definition still.
    #[error(
        "table {relation} is not locked: its definition could change while it is read. Run the dump again"
    )]
    Unlocked {
        /// Schema and name.
        relation: String,
    },
}

impl Error {
    /// Whether it only says that the transaction has failed before (SQLSTATE 25P02).
    pub(super) fn is_aftermath(&self) -> bool {
        matches!(self, Error::Server(error) if error.sqlstate() == Some("25P02"))
    }
}
