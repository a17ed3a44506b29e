//! ROLE: roles with their attributes; those that the system makes are in every server. Passwords are there only where the dump
//! asked for them.

use std::collections::BTreeMap;

use super::{Kind, Query};
use crate::catalog::class::PG_AUTHID;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const ROLE: Kind = Kind { tag: "ROLE", queries, follow_up: None, assemble };

pub(super) const ROLES: &str = "roles";
const PASSWORDS: &str = "role passwords";

/// The passwords of all roles, as the server keeps them. Superusers only.
pub(in crate::catalog) fn passwords_query() -> Query {
    let sql =
        "SELECT a.oid, a.rolpassword FROM pg_catalog.pg_authid a WHERE a.rolpassword IS NOT NULL".to_owned();
    Query { name: PASSWORDS, sql }
}

fn queries(_: Version) -> Vec<Query> {
    let sql = "
        SELECT r.oid, r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
               r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil::text AS valid_until, s.setconfig AS settings
        FROM pg_catalog.pg_roles r
        LEFT JOIN pg_catalog.pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = 0
        WHERE r.rolname !~ '^pg_'"
        .to_owned();
    vec![Query { name: ROLES, sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut passwords = BTreeMap::new();
    for row in results.rows(PASSWORDS) {
        passwords.insert(row.oid("oid")?, row.text("rolpassword")?);
    }
    results.rows(ROLES).iter().map(|row| draft(row, &passwords)).collect()
}

fn draft(row: &Row, passwords: &BTreeMap<u32, &str>) -> Result<Draft, Error> {
    let (oid, name) = (row.oid("oid")?, row.text("rolname")?);
    let role = format!("ROLE {}", sql::ident(name));
    let mut draft = Draft::new(ObjectId::new(PG_AUTHID, oid), "ROLE", None, name, Section::PreData);
    draft.create = vec![format!("CREATE {role} WITH {}", attributes(row)?.join(" ")).into()];
    if let Some(password) = passwords.get(&oid) {
        draft.create.push(format!("ALTER {role} PASSWORD {}", sql::literal(password)).into());
    }
    draft.comment_on = Some(role);
    Ok(draft)
}

fn attributes(row: &Row) -> Result<Vec<String>, Error> {
    const FLAGS: [(&str, &str, &str); 7] = [
        ("rolsuper", "SUPERUSER", "NOSUPERUSER"),
        ("rolinherit", "INHERIT", "NOINHERIT"),
        ("rolcreaterole", "CREATEROLE", "NOCREATEROLE"),
        ("rolcreatedb", "CREATEDB", "NOCREATEDB"),
        ("rolcanlogin", "LOGIN", "NOLOGIN"),
        ("rolreplication", "REPLICATION", "NOREPLICATION"),
        ("rolbypassrls", "BYPASSRLS", "NOBYPASSRLS"),
    ];
    let mut attributes = Vec::new();
    for (column, yes, no) in FLAGS {
        attributes.push(if row.bool(column)? { yes } else { no }.to_owned());
    }
    let limit = row.int("rolconnlimit")?;
    if limit != -1 {
        attributes.push(format!("CONNECTION LIMIT {limit}"));
    }
    if let Some(time) = row.opt_text("valid_until")? {
        attributes.push(format!("VALID UNTIL {}", sql::literal(time)));
    }
    Ok(attributes)
}
