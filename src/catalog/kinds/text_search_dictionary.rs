//! TEXT SEARCH DICTIONARY. The files that its options name are on the server's disk and not in a dump.

use super::text_search::{draft, owner, query};
use super::{Kind, Query};
use crate::catalog::class::PG_TS_DICT;
use crate::catalog::{Draft, Error, Results, Row};
use crate::pg::Version;

/// Dictionaries.
pub(super) const TEXT_SEARCH_DICTIONARY: Kind =
    Kind { tag: "TEXT SEARCH DICTIONARY", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    // The options are kept as the text of a list: `Name = 'value', ...`.
    let template = "
        (SELECT pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.tmplname)
         FROM pg_catalog.pg_ts_template t JOIN pg_catalog.pg_namespace tn ON tn.oid = t.tmplnamespace
         WHERE t.oid = o.dicttemplate) AS template";
    let columns = format!("{template}, o.dictinitoption AS options, {}", owner("dictowner"));
    vec![query("text search dictionaries", "pg_ts_dict", "dict", &columns)]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("text search dictionaries").iter().map(dictionary).collect()
}

fn dictionary(row: &Row) -> Result<Draft, Error> {
    let mut options = vec![format!("TEMPLATE = {}", row.text("template")?)];
    options.extend(row.opt_text("options")?.map(str::to_owned));
    let mut draft = draft(row, PG_TS_DICT, "TEXT SEARCH DICTIONARY", &options)?;
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned.clone_from(&draft.comment_on);
    Ok(draft)
}
