//! Comments and security labels: a catalog each, keyed by (class, OID, column), for objects of every kind.

use super::class::{PG_CLASS, PG_NAMESPACE, PG_REWRITE, PG_TYPE};
use super::dependencies::Identities;
use super::kinds::Query;
use super::{Draft, Error, Results, Row};
use crate::sql;

const COMMENTS: &str = "comments";
const LABELS: &str = "labels";

/// What initdb says about the schema public.
const PUBLIC_COMMENT: &str = "standard public schema";

/// Comments on user objects, large objects (whose OIDs users may choose), the schema public and what is outside the database. An
/// extension's comment that its control file gives is left out:
/// CREATE EXTENSION sets it, and only its owner may set another.
pub(super) fn comments_query() -> Query {
    let sql = format!(
        "
        SELECT d.classoid AS class, d.objoid AS oid, d.objsubid AS sub, d.description AS text, {TARGET}
        FROM (SELECT classoid, objoid, objsubid, description FROM pg_catalog.pg_description
              WHERE objoid >= 16384 OR classoid IN (2613, 2615)
              UNION ALL
              SELECT classoid, objoid, 0, description FROM pg_catalog.pg_shdescription) d {TARGET_OF}
        WHERE NOT EXISTS (
              SELECT FROM pg_catalog.pg_extension e
              JOIN pg_catalog.pg_available_extensions() v ON v.name = e.extname
              WHERE d.classoid = 3079 AND e.oid = d.objoid AND v.comment = d.description)
        ORDER BY d.classoid, d.objoid, d.objsubid"
    );
    Query { name: COMMENTS, sql }
}

/// Security labels on the same objects.
pub(super) fn labels_query() -> Query {
    let sql = format!(
        "
        SELECT d.classoid AS class, d.objoid AS oid, d.objsubid AS sub, d.provider, d.label AS text, {TARGET}
        FROM (SELECT classoid, objoid, objsubid, provider, label FROM pg_catalog.pg_seclabel
              WHERE objoid >= 16384 OR classoid IN (2613, 2615)
              UNION ALL
              SELECT classoid, objoid, 0, provider, label FROM pg_catalog.pg_shseclabel) d {TARGET_OF}
        ORDER BY d.classoid, d.objoid, d.objsubid, d.provider"
    );
    Query { name: LABELS, sql }
}

const TARGET: &str =
    "a.attname, COALESCE(c.relname, t.typname) AS name, n.nspname, c.relkind IN ('i', 'I') AS is_index";

const TARGET_OF: &str = "
    LEFT JOIN pg_catalog.pg_class c ON d.classoid = 1259 AND c.oid = d.objoid
    LEFT JOIN pg_catalog.pg_type t ON d.classoid = 1247 AND t.oid = d.objoid
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = COALESCE(c.relnamespace, t.typnamespace)
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid <> 0";

/// The COMMENT statements, each with the draft that it is about. A missing comment on the schema public is dumped too,
/// since every new database has one.
pub(super) fn comments(
    drafts: &[Draft],
    identities: &Identities,
    results: &Results,
) -> Result<Vec<(usize, String)>, Error> {
    let public = drafts.iter().position(|draft| draft.id.class == PG_NAMESPACE && draft.name == "public");
    let mut public_comment = false;
    let mut statements = Vec::new();
    for row in results.rows(COMMENTS) {
        if let Some((draft, target)) = target(drafts, identities, row)? {
            let text = row.text("text")?;
            if Some(draft) == public {
                public_comment = true;
                if text == PUBLIC_COMMENT {
                    continue;
                }
            }
            statements.push((draft, format!("COMMENT ON {target} IS {}", sql::literal(text))));
        }
    }
    if let (Some(draft), false) = (public, public_comment) {
        statements.push((draft, "COMMENT ON SCHEMA public IS NULL".to_owned()));
    }
    Ok(statements)
}

/// The SECURITY LABEL statements, each with the draft that it is about.
pub(super) fn labels(
    drafts: &[Draft],
    identities: &Identities,
    results: &Results,
) -> Result<Vec<(usize, String)>, Error> {
    let mut statements = Vec::new();
    for row in results.rows(LABELS) {
        if let Some((draft, target)) = target(drafts, identities, row)? {
            let (provider, text) = (sql::ident(row.text("provider")?), sql::literal(row.text("text")?));
            statements.push((draft, format!("SECURITY LABEL FOR {provider} ON {target} IS {text}")));
        }
    }
    Ok(statements)
}

/// The draft that a row is about, and the words for it in the statement. None for what is not dumped.
fn target(drafts: &[Draft], identities: &Identities, row: &Row) -> Result<Option<(usize, String)>, Error> {
    let (class, oid) = (row.oid("class")?, row.oid("oid")?);
    let Some(at) = identities.draft(class, oid, 0) else { return Ok(None) };
    let draft = &drafts[at];
    let words = if let Some(column) = row.opt_text("attname")? {
        draft.columns_of.as_ref().map(|relation| format!("COLUMN {relation}.{}", sql::ident(column)))
    } else if draft.id.class == class && draft.id.oid == oid {
        draft.comment_on.clone()
    } else if class == PG_REWRITE {
        // The rule that makes a view one.
        draft.columns_of.as_ref().map(|view| format!("RULE \"_RETURN\" ON {view}"))
    } else if class == PG_CLASS && row.bool("is_index")? {
        // The index behind a constraint has a comment of its own.
        Some(format!("INDEX {}", sql::qualified(row.text("nspname")?, row.text("name")?)))
    } else if class == PG_TYPE {
        // Row types, and what comes with a type: its array type, its multirange.
        Some(format!("TYPE {}", sql::qualified(row.text("nspname")?, row.text("name")?)))
    } else {
        None
    };
    Ok(words.map(|words| (at, words)))
}
