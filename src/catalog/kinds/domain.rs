//! DOMAIN, and its constraints: inside the domain's statement unless a loop forbids it or they are not valid.

use super::types;
use super::{Kind, Query};
use crate::catalog::class::PG_CONSTRAINT;
use crate::catalog::{Draft, Error, ObjectId, Piece, Results, Section, Statement};
use crate::pg::Version;
use crate::sql;
use std::collections::BTreeMap;

pub(super) const DOMAIN: Kind = Kind { tag: "DOMAIN", queries, follow_up: None, assemble };

fn queries(version: Version) -> Vec<Query> {
    // Since 17 NOT NULL of a domain is a constraint with a name; before, it is a flag.
    let not_null = if version.major() >= 17 { "false" } else { "t.typnotnull" };
    let domains = format!(
        "
        SELECT {}, pg_catalog.format_type(t.typbasetype, t.typtypmod) AS base, {not_null} AS not_null,
               pg_catalog.pg_get_expr(t.typdefaultbin, 'pg_catalog.pg_type'::pg_catalog.regclass) AS expression,
               t.typdefault, cn.nspname AS collation_schema, co.collname AS collation
        FROM pg_catalog.pg_type t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
        LEFT JOIN pg_catalog.pg_collation co ON co.oid = t.typcollation AND t.typcollation <> b.typcollation
        LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
        WHERE t.typtype = 'd' AND {}",
        types::COLUMNS,
        types::OF_USERS
    );
    let constraints = "
        SELECT c.oid, c.contypid, c.conname, c.convalidated, pg_catalog.pg_get_constraintdef(c.oid) AS definition
        FROM pg_catalog.pg_constraint c
        WHERE c.contypid >= 16384
        ORDER BY c.contypid, c.conname"
        .to_owned();
    vec![Query { name: "domains", sql: domains }, Query { name: "domain constraints", sql: constraints }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut constraints: BTreeMap<u32, Vec<Constraint>> = BTreeMap::new();
    for row in results.rows("domain constraints") {
        constraints.entry(row.oid("contypid")?).or_default().push(Constraint {
            id: ObjectId::new(PG_CONSTRAINT, row.oid("oid")?),
            name: row.text("conname")?.to_owned(),
            definition: row.text("definition")?.to_owned(),
            inline: row.bool("convalidated")?,
        });
    }
    let mut drafts = Vec::new();
    for row in results.rows("domains") {
        let mut draft = types::draft(row, "DOMAIN")?;
        let (schema, name) = (row.text("nspname")?, row.text("typname")?);
        let domain = sql::qualified(schema, name);
        let mut text = format!("CREATE DOMAIN {domain} AS {}", row.text("base")?);
        if let Some(collation) = types::qualified(row, "collation_schema", "collation")? {
            text.push_str(&format!(" COLLATE {collation}"));
        }
        if let Some(expression) = row.opt_text("expression")? {
            text.push_str(&format!(" DEFAULT {expression}"));
        } else if let Some(default) = row.opt_text("typdefault")? {
            text.push_str(&format!(" DEFAULT {}", sql::literal(default)));
        }
        if row.bool("not_null")? {
            text.push_str(" NOT NULL");
        }
        let mut pieces = vec![Piece::Text(text)];
        for constraint in constraints.remove(&draft.id.oid).unwrap_or_default() {
            let definition = format!("CONSTRAINT {} {}", sql::ident(&constraint.name), constraint.definition);
            if constraint.inline {
                pieces.push(Piece::Part { part: constraint.id, text: format!("\n    {definition}") });
            }
            drafts.push(constraint.draft(&draft, &definition, &domain, schema, name));
        }
        draft.create = vec![Statement(pieces)];
        drafts.push(draft);
    }
    Ok(drafts)
}

struct Constraint {
    id: ObjectId,
    name: String,
    definition: String,
    inline: bool,
}

impl Constraint {
    fn draft(&self, host: &Draft, definition: &str, domain: &str, schema: &str, domain_name: &str) -> Draft {
        let name = format!("{domain_name} {}", self.name);
        let mut draft = Draft::new(self.id, "CHECK CONSTRAINT", Some(schema), &name, Section::PostData);
        draft.create = vec![format!("ALTER DOMAIN {domain} ADD {definition}").into()];
        let constraint = sql::ident(&self.name);
        draft.drop = vec![format!("ALTER DOMAIN {domain} DROP CONSTRAINT {constraint}")];
        draft.comment_on = Some(format!("CONSTRAINT {constraint} ON DOMAIN {domain}"));
        draft.requires = vec![host.id];
        draft.inline_in = self.inline.then_some(host.id);
        draft
    }
}
