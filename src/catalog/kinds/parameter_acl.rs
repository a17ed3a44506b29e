//! PARAMETER ACL: what a role may do with a server setting (PostgreSQL 15). One for each role, since a restore gives it only to the
//! roles that it makes. What PUBLIC may do belongs to no role and is left to whoever sets up the server.

use super::{Kind, Query};
use crate::catalog::acl::{Acl, ITEMS, ITEMS_OF, Target};
use crate::catalog::class::{PG_AUTHID, PG_PARAMETER_ACL};
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const PARAMETER_ACL: Kind = Kind { tag: "PARAMETER ACL", queries, follow_up: None, assemble };

pub(in crate::catalog) const PARAMETER_ACLS: &str = "parameter acls";

fn queries(version: Version) -> Vec<Query> {
    if version.major() < 15 {
        return Vec::new();
    }
    // Their owner is the superuser that initdb made.
    let sql = format!(
        "
        SELECT o.parameter, o.oid, e.grantor AS grantorid, e.grantee AS granteeid, w.rolname AS owner, {ITEMS}
        FROM (
            SELECT p.oid, p.parname AS parameter, p.paracl AS acl, pg_catalog.acldefault('p', 10) AS base
            FROM pg_catalog.pg_parameter_acl p
        ) o
        JOIN pg_catalog.pg_roles w ON w.oid = 10 {ITEMS_OF}
        WHERE e.grantee <> 0
        ORDER BY o.parameter, x.is_default, x.item"
    );
    vec![Query { name: PARAMETER_ACLS, sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let rows = results.rows(PARAMETER_ACLS);
    let mut drafts: Vec<Draft> = Vec::new();
    let of_one = |one: &Row, other: &Row| -> Result<bool, Error> {
        Ok(one.oid("oid")? == other.oid("oid")?
            && one.bool("is_default")? == other.bool("is_default")?
            && one.int("item")? == other.int("item")?)
    };
    for item in rows.chunk_by(|one, other| of_one(one, other).unwrap_or(false)) {
        let row = &item[0];
        if row.bool("is_default")? || row.text("grantee")? == row.text("owner")? {
            continue;
        }
        let draft = draft(item, rows, &drafts)?;
        drafts.push(draft);
    }
    Ok(drafts)
}

/// What one role has granted another. `rows` are those of all parameters, `before` the drafts of earlier items.
fn draft(item: &[Row], rows: &[Row], before: &[Draft]) -> Result<Draft, Error> {
    let row = &item[0];
    let (parameter, oid) = (row.text("parameter")?, row.oid("oid")?);
    let number = i32::try_from(row.int("item")?).map_err(|_| row.problem("item", "is too large"))?;
    let id = ObjectId::new(PG_PARAMETER_ACL, oid).with_sub(number);
    let mut draft = Draft::new(id, "PARAMETER ACL", None, parameter, Section::PreData);
    let mut acl = Acl::from_nothing();
    for row in rows {
        if row.bool("is_default")? && row.oid("oid")? == oid {
            acl.add(row)?;
        }
    }
    for row in item {
        acl.add(row)?;
    }
    let on = format!("PARAMETER {}", sql::ident(parameter));
    let target = Target { before: "", on: &on, column: None, owner: row.text("owner")? };
    draft.create = acl.statements(target).into_iter().map(Into::into).collect();
    draft.owner = Some(row.text("grantee")?.to_owned());
    let (grantor, grantee) = (row.oid("grantorid")?, row.oid("granteeid")?);
    draft.requires = [grantee, grantor].map(|role| ObjectId::new(PG_AUTHID, role)).to_vec();
    // The grant option on which it rests.
    let grantor = row.text("grantor")?;
    let rests_on =
        |other: &&Draft| other.id.with_sub(0) == id.with_sub(0) && other.owner.as_deref() == Some(grantor);
    draft.requires.extend(before.iter().filter(rests_on).map(|other| other.id));
    Ok(draft)
}
