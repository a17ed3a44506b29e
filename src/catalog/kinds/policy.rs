//! POLICY of row level security.

use super::relation::{OF_USERS, SCHEMA, TABLE_OF, draft_on_table, relation_id, table_name};
use super::{Kind, Query};
use crate::catalog::class::PG_POLICY;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Policies.
pub(super) const POLICY: Kind = Kind { tag: "POLICY", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "SELECT {TABLE_OF}, p.oid, p.polname AS name, p.polcmd::text AS command, p.polpermissive AS permissive,
                0::pg_catalog.oid = ANY (p.polroles) AS for_public,
                ARRAY(SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = ANY (p.polroles) ORDER BY 1) AS roles,
                pg_catalog.pg_get_expr(p.polqual, p.polrelid) AS using,
                pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) AS with_check
           FROM pg_catalog.pg_policy p
           JOIN pg_catalog.pg_class c ON c.oid = p.polrelid {SCHEMA}
          WHERE c.relkind IN ('r', 'p') AND {OF_USERS}
          ORDER BY n.nspname, c.relname, p.polname"
    );
    vec![Query { name: "policy", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("policy").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let (name, table) = (sql::ident(row.text("name")?), table_name(row)?);
    let id = ObjectId::new(PG_POLICY, row.oid("oid")?);
    let mut draft = draft_on_table(row, id, "POLICY", row.text("name")?, Section::PostData)?;
    draft.requires = vec![relation_id(row.oid("table_oid")?)];
    let object = format!("POLICY {name} ON {table}");
    let mut text = format!("CREATE {object}");
    if !row.bool("permissive")? {
        text.push_str(" AS RESTRICTIVE");
    }
    text.push_str(match row.text("command")? {
        "r" => " FOR SELECT",
        "a" => " FOR INSERT",
        "w" => " FOR UPDATE",
        "d" => " FOR DELETE",
        _ => "",
    });
    if !row.bool("for_public")? {
        let roles: Vec<_> = row.list("roles")?.iter().map(|role| sql::ident(role)).collect();
        text.push_str(&format!(" TO {}", roles.join(", ")));
    }
    if let Some(using) = row.opt_text("using")? {
        text.push_str(&format!(" USING ({using})"));
    }
    if let Some(check) = row.opt_text("with_check")? {
        text.push_str(&format!(" WITH CHECK ({check})"));
    }
    draft.create = vec![text.into()];
    draft.drop = vec![format!("DROP {object}")];
    draft.comment_on = Some(object);
    Ok(draft)
}
