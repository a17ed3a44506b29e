//! COLLATION: of the C library, of ICU, built in. Its version is the server's to find out.

use super::relation::OF_USERS;
use super::{Kind, Query};
use crate::catalog::class::PG_COLLATION;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Collations.
pub(super) const COLLATION: Kind = Kind { tag: "COLLATION", queries, follow_up: None, assemble };

fn queries(version: Version) -> Vec<Query> {
    // Before 15 the locale of ICU stands in collcollate and in collctype.
    let locale = match version.major() {
        ..15 => "CASE WHEN c.collprovider = 'i' THEN c.collcollate END",
        15 | 16 => "c.colliculocale",
        _ => "c.colllocale",
    };
    let rules = if version.major() >= 16 { "c.collicurules" } else { "NULL::pg_catalog.text" };
    let sql = format!(
        "
        SELECT c.oid, n.nspname AS schema, c.collname AS name, c.collprovider AS provider,
               c.collisdeterministic AS deterministic, c.collcollate::text AS collate, c.collctype::text AS ctype,
               {locale}::text AS locale, {rules} AS rules,
               (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = c.collowner) AS owner
        FROM pg_catalog.pg_collation c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
        WHERE c.oid >= 16384 AND {OF_USERS}"
    );
    vec![Query { name: "collations", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("collations").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let (schema, name) = (row.text("schema")?, row.text("name")?);
    let object = format!("COLLATION {}", sql::qualified(schema, name));
    let id = ObjectId::new(PG_COLLATION, row.oid("oid")?);
    let mut draft = Draft::new(id, "COLLATION", Some(schema), name, Section::PreData);
    draft.create = vec![format!("CREATE {object} ({})", options(row)?.join(", ")).into()];
    draft.drop = vec![format!("DROP {object}")];
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(object.clone());
    draft.comment_on = Some(object);
    Ok(draft)
}

fn options(row: &Row) -> Result<Vec<String>, Error> {
    let option = |name: &str, value: &str| format!("{name} = {}", sql::literal(value));
    let mut options = match row.text("provider")? {
        "c" => {
            let (collate, ctype) = (row.text("collate")?, row.text("ctype")?);
            let provider = "provider = libc".to_owned();
            if collate == ctype {
                vec![provider, option("locale", collate)]
            } else {
                vec![provider, option("lc_collate", collate), option("lc_ctype", ctype)]
            }
        }
        "i" => vec!["provider = icu".to_owned(), option("locale", row.text("locale")?)],
        "b" => vec!["provider = builtin".to_owned(), option("locale", row.text("locale")?)],
        // The database's own, `default`, cannot be made again.
        _ => return Err(row.problem("provider", "is no provider that a collation can be made with")),
    };
    if !row.bool("deterministic")? {
        options.push("deterministic = false".to_owned());
    }
    if let Some(rules) = row.opt_text("rules")? {
        options.push(option("rules", rules));
    }
    Ok(options)
}
