//! What the role that restores may do: told before the first change, and not when the restore comes to it.

use std::collections::BTreeSet;

use super::preflight::chosen;
use super::{Error, OnError, RestoreOptions};
use crate::archive::{Catalog, Entry};
use crate::pg::{Session, column};
use crate::selection::Choice;
use crate::sql;

/// Kinds that only a superuser may make (PostgreSQL 13 to 18).
const OF_SUPERUSERS: [&str; 7] = [
    "ACCESS METHOD",
    "EVENT TRIGGER",
    "FOREIGN DATA WRAPPER",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
];
/// How many things of a kind are named.
const NAMED: usize = 3;

/// A sentence for each thing that the role may not do. `target` is the database; what is still to be made belongs to the role.
pub async fn missing(
    session: &Session,
    target: Option<&Session>,
    catalog: &Catalog,
    options: &RestoreOptions,
    choice: &Choice,
) -> Result<Vec<String>, Error> {
    let what = "looking at the privileges of the role";
    let sql = "SELECT r.rolsuper AS super, CURRENT_USER::pg_catalog.text AS role FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER";
    let rows = session.ask(what, sql).await?;
    let Some(row) = rows.first().filter(|row| !column(row, "super").unwrap_or(false)) else {
        return Ok(Vec::new());
    };
    let role: String = column(row, "role")?;
    let mut missing = Vec::new();
    if !options.selection.options().no_owner {
        let owners: BTreeSet<&str> = chosen(catalog, choice)
            // What a restore does not make, the schema public, mostly has its owner.
            .filter(|entry| entry.owned.is_some() && !entry.create.is_empty())
            .filter_map(|entry| entry.owner.as_deref())
            .collect();
        let owners: Vec<&str> = owners.into_iter().collect();
        let right = if session.version().major() >= 16 { "SET" } else { "MEMBER" };
        let sql = format!(
            "SELECT r.rolname::pg_catalog.text AS name FROM pg_catalog.pg_roles r \
             WHERE r.rolname = ANY ($1::pg_catalog.text[]) AND NOT pg_catalog.pg_has_role(r.oid, '{right}')"
        );
        for row in session.query(what, &sql, &[&owners]).await? {
            let owner: String = column(&row, "name")?;
            missing.push(format!(
                "{role} may not give objects to their owner {owner}: make it a member of {owner}, or restore with --no-owner, or \
                 with another owner (--map-role {owner}=ROLE)"
            ));
        }
    }
    if let Some(target) = target {
        missing.extend(schemas(target, catalog, choice, &role).await?);
    }
    if options.on_error == OnError::Stop {
        if let Some(target) = target {
            missing.extend(extensions(target, catalog, choice, &role).await?);
        }
        for kind in OF_SUPERUSERS {
            let entries: Vec<String> =
                chosen(catalog, choice).filter(|entry| entry.kind == kind).map(Entry::label).collect();
            if !entries.is_empty() {
                missing.push(format!(
                    "only a superuser may make {}, and {role} is none: --on-error continue tries it, and leaves out what fails",
                    some(&entries)
                ));
            }
        }
    }
    Ok(missing)
}

/// The first of them, and how many more.
fn some(names: &[String]) -> String {
    let mut text = names[..names.len().min(NAMED)].join(", ");
    if names.len() > NAMED {
        text += &format!(" and {} more", names.len() - NAMED);
    }
    text
}

/// Where objects are made, in schemas that are there.
async fn schemas(
    target: &Session,
    catalog: &Catalog,
    choice: &Choice,
    role: &str,
) -> Result<Vec<String>, Error> {
    let makes = |entry: &&Entry| entry.owned.is_some() || entry.kind == "TABLE";
    let names: BTreeSet<&str> =
        chosen(catalog, choice).filter(makes).filter_map(|entry| entry.schema.as_deref()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let sql = "SELECT n.nspname::pg_catalog.text AS name FROM pg_catalog.pg_namespace n
               WHERE n.nspname = ANY ($1::pg_catalog.text[]) AND NOT pg_catalog.has_schema_privilege(n.oid, 'CREATE')";
    let mut missing = Vec::new();
    for row in target.query("looking at the privileges on schemas", sql, &[&names]).await? {
        let schema: String = column(&row, "name")?;
        missing.push(format!(
            "{role} may not create objects in schema {schema}: GRANT CREATE ON SCHEMA {} TO {}",
            sql::ident(&schema),
            sql::ident(role)
        ));
    }
    let new: Vec<String> = chosen(catalog, choice)
        .filter(|entry| entry.kind == "SCHEMA" && !entry.create.is_empty())
        .map(Entry::label)
        .collect();
    let sql = "SELECT pg_catalog.current_database()::pg_catalog.text AS name
               WHERE NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')";
    for row in target.ask("looking at the privileges on the database", sql).await? {
        let database: String = column(&row, "name")?;
        if !new.is_empty() {
            missing.push(format!(
                "{role} may not create {}: GRANT CREATE ON DATABASE {} TO {}",
                some(&new),
                sql::ident(&database),
                sql::ident(role)
            ));
        }
    }
    Ok(missing)
}

/// Extensions that are not there and that only a superuser may create.
async fn extensions(
    target: &Session,
    catalog: &Catalog,
    choice: &Choice,
    role: &str,
) -> Result<Vec<String>, Error> {
    let names: Vec<&str> = chosen(catalog, choice)
        .filter(|entry| entry.kind == "EXTENSION")
        .map(|entry| entry.name.as_str())
        .collect();
    let sql = "SELECT a.name::pg_catalog.text AS name
               FROM pg_catalog.pg_available_extensions a
               JOIN pg_catalog.pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
               WHERE a.name = ANY ($1::pg_catalog.text[]) AND a.installed_version IS NULL AND v.superuser AND NOT v.trusted";
    let mut missing = Vec::new();
    for row in target.query("looking at extensions", sql, &[&names]).await? {
        let extension: String = column(&row, "name")?;
        missing.push(format!(
            "only a superuser may create extension {extension}, and {role} is none: have it created in the database first, or try \
             (--on-error continue)"
        ));
    }
    Ok(missing)
}
