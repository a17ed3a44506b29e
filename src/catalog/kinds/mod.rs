//! The registry of kinds. One kind of object is one file here, one line in [`KINDS`] and one fixture.

use super::{Draft, Error, Results};
use crate::pg::Version;

/// A kind of object: which rows it needs and what they mean. Pure functions; `introspect` does the asking.
pub struct Kind {
    /// pg_dump's word for it: `TABLE`.
    pub tag: &'static str,
    /// The queries for a server of that version. The column list of a query is the same for every version.
    pub queries: fn(Version) -> Vec<Query>,
    /// Queries that can only be written down once the rows of `queries` are known (reading every sequence). Several may
    /// bear one name: their rows are put together.
    pub follow_up: Option<fn(&Results) -> Result<Vec<Query>, Error>>,
    /// The objects that those queries' rows describe.
    pub assemble: fn(&Results) -> Result<Vec<Draft>, Error>,
}

/// A catalog query.
pub struct Query {
    /// Its name, unique over all kinds: what `Results` and error messages call it.
    pub name: &'static str,
    /// The statement; no parameters.
    pub sql: String,
}

/// Every kind, in the order in which objects are restored where dependencies leave a choice.
pub const KINDS: &[Kind] = &[];
