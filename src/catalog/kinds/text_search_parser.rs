//! TEXT SEARCH PARSER.

use super::text_search::{draft, function, functions, query};
use super::{Kind, Query};
use crate::catalog::class::PG_TS_PARSER;
use crate::catalog::{Draft, Error, Results};
use crate::pg::Version;

/// Parsers of text search.
pub(super) const TEXT_SEARCH_PARSER: Kind =
    Kind { tag: "TEXT SEARCH PARSER", queries, follow_up: None, assemble };

const FUNCTIONS: [(&str, &str); 5] = [
    ("START", "prsstart"),
    ("GETTOKEN", "prstoken"),
    ("END", "prsend"),
    ("HEADLINE", "prsheadline"),
    ("LEXTYPES", "prslextype"),
];

fn queries(_: Version) -> Vec<Query> {
    let columns = FUNCTIONS.map(|(_, column)| function(column)).join(", ");
    vec![query("text search parsers", "pg_ts_parser", "prs", &columns)]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let rows = results.rows("text search parsers").iter();
    rows.map(|row| draft(row, PG_TS_PARSER, "TEXT SEARCH PARSER", &functions(row, &FUNCTIONS)?)).collect()
}
