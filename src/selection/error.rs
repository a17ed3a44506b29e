//! What can be wrong with a selection.

/// A selection that cannot be followed. Each is a mistake in what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A pattern is none.
    #[error("pattern {pattern}: {problem}")]
    Pattern {
        /// As it was typed.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The database that a pattern names is another one.
    #[error("pattern {pattern} is about another database than {database}")]
    OtherDatabase {
        /// As it was typed.
        pattern: String,
        /// The database that there is.
        database: String,
    },
    /// Patterns of what is wanted that nothing matches.
    #[error("nothing matches {}", misses.join("; nothing matches "))]
    NoMatch {
        /// Each pattern with its option, and where the name is found otherwise.
        misses: Vec<String>,
    },
    /// Options that leave nothing.
    #[error("{0}")]
    Contradiction(&'static str),
    /// A line of a filter file.
    #[error("filter file {file}, line {line}: {problem}")]
    Filter {
        /// Its name.
        file: String,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A role that is to be another one, and that nothing names.
    #[error("nothing in the archive belongs to the role {role} or names it: there is nothing to map")]
    NoSuchRole {
        /// Its name.
        role: String,
    },
}
