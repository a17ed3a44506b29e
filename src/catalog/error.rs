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
}
