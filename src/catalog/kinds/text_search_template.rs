//! TEXT SEARCH TEMPLATE.

use super::text_search::{draft, function, functions, query};
use super::{Kind, Query};
use crate::catalog::class::PG_TS_TEMPLATE;
use crate::catalog::{Draft, Error, Results};
use crate::pg::Version;

/// Templates of dictionaries.
pub(super) const TEXT_SEARCH_TEMPLATE: Kind =
    Kind { tag: "TEXT SEARCH TEMPLATE", queries, follow_up: None, assemble };

const FUNCTIONS: [(&str, &str); 2] = [("INIT", "tmplinit"), ("LEXIZE", "tmpllexize")];

fn queries(_: Version) -> Vec<Query> {
    let columns = FUNCTIONS.map(|(_, column)| function(column)).join(", ");
    vec![query("text search templates", "pg_ts_template", "tmpl", &columns)]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let rows = results.rows("text search templates").iter();
    rows.map(|row| draft(row, PG_TS_TEMPLATE, "TEXT SEARCH TEMPLATE", &functions(row, &FUNCTIONS)?)).collect()
}
