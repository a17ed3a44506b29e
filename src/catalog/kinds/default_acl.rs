//! DEFAULT ACL: what ALTER DEFAULT PRIVILEGES set. Entries for the whole database differ from the built-in default, those
//! for one schema add to it and so differ from nothing.

use super::{Kind, Query};
use crate::catalog::acl::{Acl, ITEMS, ITEMS_OF, Target};
use crate::catalog::class::PG_DEFAULT_ACL;
use crate::catalog::{Draft, Error, Lock, ObjectId, Pass, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const DEFAULT_ACL: Kind = Kind { tag: "DEFAULT ACL", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let entries = "
        SELECT d.oid, n.nspname, d.defaclobjtype,
               (SELECT o.rolname FROM pg_catalog.pg_roles o WHERE o.oid = d.defaclrole) AS role
        FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace"
        .to_owned();
    // acldefault() writes sequences with a small letter.
    let items = format!(
        "
        SELECT o.oid, {ITEMS}
        FROM (
            SELECT d.oid, d.defaclacl AS acl,
                   pg_catalog.acldefault(
                       CASE WHEN d.defaclobjtype = 'S' THEN 's' ELSE d.defaclobjtype END::\"char\", d.defaclrole) AS base
            FROM pg_catalog.pg_default_acl d
        ) o {ITEMS_OF}
        ORDER BY o.oid, x.is_default, x.item"
    );
    vec![Query { name: "default acls", sql: entries }, Query { name: "default acl items", sql: items }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("default acls").iter().map(|row| draft(row, results)).collect()
}

fn draft(row: &Row, results: &Results) -> Result<Draft, Error> {
    let objects = match row.text("defaclobjtype")? {
        "r" => "TABLES",
        "S" => "SEQUENCES",
        "f" => "FUNCTIONS",
        "T" => "TYPES",
        "n" => "SCHEMAS",
        "L" => "LARGE OBJECTS",
        _ => return Err(row.problem("defaclobjtype", "is a kind of object that is not known")),
    };
    let oid = row.oid("oid")?;
    let role = row.text("role")?;
    let schema = row.opt_text("nspname")?;
    let mut acl = if schema.is_some() { Acl::from_nothing() } else { Acl::default() };
    for item in results.rows("default acl items") {
        if item.oid("oid")? == oid {
            acl.add(item)?;
        }
    }
    let place = schema.map_or_else(String::new, |schema| format!("IN SCHEMA {} ", sql::ident(schema)));
    let before = format!("ALTER DEFAULT PRIVILEGES FOR ROLE {} {place}", sql::ident(role));
    let target = Target { before: &before, on: objects, column: None, owner: role };
    let name = format!("DEFAULT PRIVILEGES FOR {objects}");
    let id = ObjectId::new(PG_DEFAULT_ACL, oid);
    let mut draft = Draft::new(id, "DEFAULT ACL", schema, &name, Section::PostData);
    draft.pass = Pass::Acl;
    draft.lock = Lock::None;
    draft.owner = Some(role.to_owned());
    draft.create = acl.statements(target).into_iter().map(Into::into).collect();
    Ok(draft)
}
