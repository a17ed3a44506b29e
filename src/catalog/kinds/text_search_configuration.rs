//! TEXT SEARCH CONFIGURATION, with its dictionaries for each kind of token.

use std::collections::BTreeMap;

use super::relation::rows_by;
use super::text_search::{draft, owner, query};
use super::{Kind, Query};
use crate::catalog::class::PG_TS_CONFIG;
use crate::catalog::{Draft, Error, Results, Row};
use crate::pg::Version;
use crate::sql;

/// Configurations of text search.
pub(super) const TEXT_SEARCH_CONFIGURATION: Kind =
    Kind { tag: "TEXT SEARCH CONFIGURATION", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let parser = "
        (SELECT pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.prsname)
         FROM pg_catalog.pg_ts_parser p JOIN pg_catalog.pg_namespace pn ON pn.oid = p.prsnamespace
         WHERE p.oid = o.cfgparser) AS parser";
    let columns = format!("{parser}, {}", owner("cfgowner"));
    let mapped = "
        SELECT m.mapcfg AS configuration, t.alias AS token, n.nspname AS schema, d.dictname AS dictionary
        FROM pg_catalog.pg_ts_config c
        JOIN pg_catalog.pg_ts_config_map m ON m.mapcfg = c.oid
        JOIN pg_catalog.pg_ts_dict d ON d.oid = m.mapdict
        JOIN pg_catalog.pg_namespace n ON n.oid = d.dictnamespace
        CROSS JOIN LATERAL pg_catalog.ts_token_type(c.cfgparser) t
        WHERE c.oid >= 16384 AND t.tokid = m.maptokentype
        ORDER BY m.mapcfg, m.maptokentype, m.mapseqno"
        .to_owned();
    vec![
        query("text search configurations", "pg_ts_config", "cfg", &columns),
        Query { name: "text search mappings", sql: mapped },
    ]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mappings = rows_by(results.rows("text search mappings"), "configuration")?;
    let rows = results.rows("text search configurations").iter();
    rows.map(|row| configuration(row, &mappings)).collect()
}

fn configuration(row: &Row, mappings: &BTreeMap<u32, Vec<&Row>>) -> Result<Draft, Error> {
    let parser = format!("PARSER = {}", row.text("parser")?);
    let mut draft = draft(row, PG_TS_CONFIG, "TEXT SEARCH CONFIGURATION", &[parser])?;
    let object =
        format!("TEXT SEARCH CONFIGURATION {}", sql::qualified(row.text("schema")?, row.text("name")?));
    let mut of_token: Vec<(&str, Vec<String>)> = Vec::new();
    for mapping in mappings.get(&row.oid("oid")?).into_iter().flatten() {
        let token = mapping.text("token")?;
        let dictionary = sql::qualified(mapping.text("schema")?, mapping.text("dictionary")?);
        match of_token.last_mut() {
            Some((last, dictionaries)) if *last == token => dictionaries.push(dictionary),
            _ => of_token.push((token, vec![dictionary])),
        }
    }
    draft.create.extend(of_token.into_iter().map(|(token, dictionaries)| {
        let token = sql::ident(token);
        format!("ALTER {object} ADD MAPPING FOR {token} WITH {}", dictionaries.join(", ")).into()
    }));
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(object);
    Ok(draft)
}
