//! DATABASE: the database itself, with what can only be said when it is made. The version of its collation is the server's to
//! find out.

use super::{Kind, Query};
use crate::catalog::class::{PG_AUTHID, PG_DATABASE};
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const DATABASE: Kind = Kind { tag: "DATABASE", queries, follow_up: None, assemble };

pub(super) const DATABASES: &str = "database";

fn queries(version: Version) -> Vec<Query> {
    let provider = if version.major() >= 15 { "d.datlocprovider" } else { "NULL::\"char\"" };
    let locale = match version.major() {
        ..15 => "NULL",
        15 | 16 => "d.daticulocale",
        _ => "d.datlocale",
    };
    let rules = if version.major() >= 16 { "d.daticurules" } else { "NULL" };
    let sql = format!(
        "
        SELECT d.oid, d.datname, pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding, {provider} AS provider,
               d.datcollate::text AS collate, d.datctype::text AS ctype, {locale}::text AS locale, {rules}::text AS rules,
               d.datconnlimit, d.datistemplate,
               (SELECT t.spcname FROM pg_catalog.pg_tablespace t
                WHERE t.oid = d.dattablespace AND t.spcname <> 'pg_default') AS tablespace,
               (SELECT o.rolname FROM pg_catalog.pg_roles o WHERE o.oid = d.datdba) AS owner,
               ARRAY(SELECT d.datdba::text
                     UNION SELECT e.grantor::text FROM pg_catalog.aclexplode(d.datacl) e
                     UNION SELECT e.grantee::text FROM pg_catalog.aclexplode(d.datacl) e) AS roles
        FROM pg_catalog.pg_database d
        WHERE d.datname = pg_catalog.current_database()"
    );
    vec![Query { name: DATABASES, sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows(DATABASES).iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let name = row.text("datname")?;
    let database = format!("DATABASE {}", sql::ident(name));
    let id = ObjectId::new(PG_DATABASE, row.oid("oid")?);
    let mut draft = Draft::new(id, "DATABASE", None, name, Section::PreData);
    draft.create = vec![format!("CREATE {database} WITH {}", options(row)?.join(" ")).into()];
    draft.tablespace = row.opt_text("tablespace")?.map(str::to_owned);
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(database.clone());
    draft.comment_on = Some(database.clone());
    draft.acl_on = Some(database);
    for role in row.list("roles")? {
        let oid = role.parse().map_err(|_| row.problem("roles", "is no OID"))?;
        draft.requires.push(ObjectId::new(PG_AUTHID, oid));
    }
    Ok(draft)
}

/// A server before 15 knows one provider and no word for it.
fn options(row: &Row) -> Result<Vec<String>, Error> {
    let mut options = vec!["TEMPLATE = template0".to_owned()];
    let mut add = |option: &str, value: &str| options.push(format!("{option} = {}", sql::literal(value)));
    add("ENCODING", row.text("encoding")?);
    let (collate, ctype) = (row.text("collate")?, row.text("ctype")?);
    if collate == ctype {
        add("LOCALE", collate);
    } else {
        add("LC_COLLATE", collate);
        add("LC_CTYPE", ctype);
    }
    let (provider, locale_option) = match row.opt_text("provider")? {
        None => (None, ""),
        Some("c") => (Some("libc"), ""),
        Some("i") => (Some("icu"), "ICU_LOCALE"),
        Some("b") => (Some("builtin"), "BUILTIN_LOCALE"),
        Some(_) => return Err(row.problem("provider", "is a locale provider that is not known")),
    };
    if let Some(provider) = provider {
        add("LOCALE_PROVIDER", provider);
    }
    if let Some(locale) = row.opt_text("locale")? {
        add(locale_option, locale);
    }
    if let Some(rules) = row.opt_text("rules")? {
        add("ICU_RULES", rules);
    }
    Ok(options)
}
