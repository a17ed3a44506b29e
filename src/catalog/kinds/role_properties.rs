//! ROLE PROPERTIES: the settings of a role in every database, behind all roles since a setting may name another one.

use super::role::ROLES;
use super::{Kind, Query};
use crate::catalog::class::PG_AUTHID;
use crate::catalog::settings;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const ROLE_PROPERTIES: Kind = Kind { tag: "ROLE PROPERTIES", queries, follow_up: None, assemble };

/// The rows are those of the kind ROLE.
fn queries(_: Version) -> Vec<Query> {
    Vec::new()
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let drafts: Result<Vec<Draft>, Error> = results.rows(ROLES).iter().map(draft).collect();
    Ok(drafts?.into_iter().filter(|draft| !draft.create.is_empty()).collect())
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let name = row.text("rolname")?;
    let role = ObjectId::new(PG_AUTHID, row.oid("oid")?);
    let id = role.with_sub(ObjectId::PROPERTIES);
    let mut draft = Draft::new(id, "ROLE PROPERTIES", None, name, Section::PreData);
    let statements = settings::statements(&format!("ROLE {}", sql::ident(name)), row, "settings")?;
    draft.create = statements.into_iter().map(Into::into).collect();
    draft.owner = Some(name.to_owned());
    draft.requires = vec![role];
    Ok(draft)
}
