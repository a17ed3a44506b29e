//! What must be true of the target before the first change, told all at once.

use std::collections::BTreeSet;

use super::globals;
use super::target::{Fit, Target};
use super::{Clean, Error, RestoreOptions, privileges};
use crate::archive::{Catalog, Entry, Extension, Table};
use crate::pg::{Session, column};
use crate::selection::{Choice, Options, names_role};
use crate::sql;

/// How many tables one statement looks into: far below what the server's stack allows for a UNION ALL.
const TABLES_PER_QUERY: usize = 200;

/// What decides how the target is looked at, beside the options.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Whether the archive is a file.
    pub from_file: bool,
    /// Whether the target holds what an unfinished restore has left.
    pub unfinished: bool,
}

/// Refuses a target that is not empty or that lacks something the archive needs. A part of an archive goes into a target
/// that holds objects, if they do not collide; what `choice` has beyond what that allows is taken out of it. `session` may be in
/// another database than `target`, which is none when it is still to be made.
pub async fn check(
    session: &Session,
    target: Option<&Session>,
    catalog: &Catalog,
    options: &RestoreOptions,
    choice: &mut Choice,
    asked: Asked,
) -> Result<(), Error> {
    let mut missing = Vec::new();
    if asked.unfinished {
        // It is what this restore goes on with, or drops, or it is refused as a whole.
    } else if choice.is_partial() {
        let mut there = Target::read(target.unwrap_or(session), target.is_none()).await?;
        if options.clean != Clean::No {
            there.forget(catalog, choice);
        }
        let Fit { problems, existing } = there.fit(catalog, choice);
        missing.extend(problems);
        if options.verify {
            missing.extend(tables_with_rows(target.unwrap_or(session), catalog, &existing).await?);
            let are_chosen =
                |(place, entry): (usize, &Entry)| entry.kind == "BLOBS" && choice.contains(place);
            if there.holds_large_objects() && catalog.entries.iter().enumerate().any(are_chosen) {
                missing.push(
                    "the target holds large objects: add to them without a comparison (--no-verify), or leave them out \
                     (--no-large-objects)"
                        .to_owned(),
                );
            }
        }
        if !asked.from_file {
            missing.extend(there.foreign_keys_in_the_way(catalog, &existing));
        }
    } else if let (Some(target), Clean::No) = (target, options.clean) {
        refuse_user_objects(target).await?;
    }
    let source = &catalog.source;
    let (from, to) = (source.server_version_num / 10000, session.version().major());
    if from > to && !options.force_version {
        missing.push(format!(
            "the archive comes from PostgreSQL {from} and this server is {to}: restore into a server of version {from} or newer, \
             or try whether this one takes it (--force-version)"
        ));
    }
    if options.create && target.is_none() {
        missing.extend(database_in_the_way(session, catalog, options.clean).await?);
    }
    if let Some(target) = target {
        missing.extend(other_encoding(target, &source.encoding));
    }
    missing.extend(missing_extensions(session, catalog, choice).await?);
    if !options.selection.options().no_tablespaces {
        missing.extend(missing_tablespaces(session, catalog, options, choice).await?);
    }
    missing.extend(missing_roles(session, catalog, options, choice).await?);
    missing.extend(privileges::missing(session, target, catalog, options, choice).await?);
    if !options.create {
        warn_of_money(session, catalog, choice).await?;
    }
    if missing.is_empty() { Ok(()) } else { Err(Error::Preflight { missing }) }
}

/// An amount of money is a number of the smallest unit, and lc_monetary says how many of these make a whole one.
async fn warn_of_money(session: &Session, catalog: &Catalog, choice: &Choice) -> Result<(), Error> {
    let source = catalog.source.settings.iter().find(|(name, _)| name == "lc_monetary");
    let has_money = |table: &&Table| table.columns.iter().any(|column| column.type_name.starts_with("money"));
    let tables =
        catalog.tables.iter().filter(|table| choice.contains(table.entry as usize - 1)).filter(has_money);
    let (Some((_, source)), Some(table)) = (source, { tables }.next()) else { return Ok(()) };
    let statement = "SELECT s.reset_val AS here FROM pg_catalog.pg_settings s WHERE s.name = 'lc_monetary' AND s.reset_val <> $1";
    for row in session.query("compare lc_monetary", statement, &[source]).await? {
        let here: String = column(&row, "here")?;
        tracing::warn!(
            "table {} holds amounts of money: the source shows them with lc_monetary {source}, this database with {here}, \
             perhaps with another number of decimals (ALTER DATABASE ... SET lc_monetary)",
            table.label()
        );
    }
    Ok(())
}

/// The server converts to UTF8; any other encoding may not have every character, and that would show in the middle of the load.
fn other_encoding(session: &Session, source: &str) -> Option<String> {
    let target = session.server_encoding();
    let fits = target == source || (target == "UTF8" && source != "SQL_ASCII");
    (!fits).then(|| format!("the archive's encoding is {source} and the database's is {target}: create it with -E {source} -T template0"))
}

/// Schemas that are nobody's own, as a condition on `n.nspname`.
const USER_SCHEMA: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

async fn refuse_user_objects(session: &Session) -> Result<(), Error> {
    let own = |catalog: &str, column: &str, name: &str, schema: &str| {
        format!(
            "SELECT {name} AS name FROM pg_catalog.{catalog} o JOIN pg_catalog.pg_namespace n ON n.oid = o.{schema} \
             WHERE {USER_SCHEMA} AND o.oid >= 16384 AND {column} NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
             WHERE d.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND d.objid = o.oid AND d.deptype IN ('e', 'i'))"
        )
    };
    let statement = format!(
        "SELECT pg_catalog.count(*) AS count, pg_catalog.string_agg(name, ', ') FILTER (WHERE place <= 3) AS examples, \
         pg_catalog.current_database()::text AS database \
         FROM (SELECT name, pg_catalog.row_number() OVER (ORDER BY name) AS place FROM ({} UNION ALL {} UNION ALL {} UNION ALL {} UNION ALL {} \
         UNION ALL SELECT 'schema ' || pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_namespace n \
         WHERE {USER_SCHEMA} AND n.nspname <> 'public' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
         WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid = n.oid AND d.deptype = 'e') \
         UNION ALL SELECT 'large object ' || m.oid FROM pg_catalog.pg_largeobject_metadata m) objects) numbered",
        own(
            "pg_class",
            "o.relkind NOT IN ('i', 'I', 't') AND",
            "o.oid::pg_catalog.regclass::text",
            "relnamespace"
        ),
        own("pg_proc", "", "o.oid::pg_catalog.regprocedure::text", "pronamespace"),
        own(
            "pg_type",
            "o.typtype IN ('b', 'e', 'd', 'r') AND",
            "'type ' || pg_catalog.format_type(o.oid, NULL)",
            "typnamespace"
        ),
        own("pg_operator", "", "'operator ' || o.oid::pg_catalog.regoperator", "oprnamespace"),
        own("pg_collation", "", "'collation ' || pg_catalog.quote_ident(o.collname)", "collnamespace"),
    );
    let rows = session.query("look for objects in the target", &statement, &[]).await?;
    for row in rows {
        let count: i64 = column(&row, "count")?;
        if count > 0 {
            let examples: Option<String> = column(&row, "examples")?;
            let database = column(&row, "database")?;
            return Err(Error::NotEmpty { database, count, examples: examples.unwrap_or_default() });
        }
    }
    Ok(())
}

/// The tables that hold rows already. Those that are appended to could not be compared with the archive.
async fn tables_with_rows(
    session: &Session,
    catalog: &Catalog,
    numbers: &BTreeSet<u32>,
) -> Result<Vec<String>, Error> {
    let read = |number: &u32| {
        let table = &catalog.tables[*number as usize];
        let relation = match &table.root {
            Some((schema, name)) => sql::qualified(schema, name),
            None => format!("ONLY {}", sql::qualified(&table.schema, &table.name)),
        };
        let condition = table.condition.as_deref().filter(|_| table.root.is_none()).unwrap_or_default();
        let label = sql::literal(&table.label());
        format!("SELECT {label} AS name WHERE EXISTS (SELECT FROM {relation} {condition})")
    };
    let reads: Vec<String> = numbers.iter().map(read).collect();
    let mut sentences = Vec::new();
    for batch in reads.chunks(TABLES_PER_QUERY) {
        let rows = session.query("look for rows in the tables", &batch.join(" UNION ALL "), &[]).await?;
        for row in rows {
            let name: String = column(&row, "name")?;
            sentences.push(format!(
                "table {name} holds rows: empty it, or add to them without a comparison (--no-verify)"
            ));
        }
    }
    Ok(sentences)
}

/// Why a database of the archive's name cannot be made.
async fn database_in_the_way(
    session: &Session,
    catalog: &Catalog,
    clean: Clean,
) -> Result<Option<String>, Error> {
    let Some(database) = globals::database(catalog) else {
        return Ok(Some(
            "the archive does not say how its database is made: restore without --create".to_owned(),
        ));
    };
    let name = database.name.as_str();
    let absent = absent(session, [name].into(), "pg_database", "datname").await?;
    Ok(match (clean, absent.is_empty()) {
        (Clean::No, true) => Some(format!(
            "database {name} exists: drop or rename it, or restore without --create into a database that is empty; if a restore that \
             was ended has made it, go on with --resume"
        )),
        (Clean::All, false) => Some(format!(
            "database {name} does not exist, and so cannot be dropped: leave out --clean, or add --if-exists"
        )),
        (Clean::No, false) | (Clean::All, true) | (Clean::IfExists, _) => None,
    })
}

async fn missing_extensions(
    session: &Session,
    catalog: &Catalog,
    choice: &Choice,
) -> Result<Vec<String>, Error> {
    let unwanted = |extension: &&Extension| {
        let is = |(place, entry): (usize, &Entry)| {
            entry.kind == "EXTENSION" && entry.name == extension.name && !choice.contains(place)
        };
        catalog.entries.iter().enumerate().any(is)
    };
    let extensions: Vec<&Extension> =
        catalog.source.extensions.iter().filter(|extension| !unwanted(extension)).collect();
    let names = extensions.iter().map(|extension| extension.name.as_str()).collect();
    let absent = absent(session, names, "pg_available_extensions", "name").await?;
    let sentence = |extension: &Extension| {
        let Extension { name, version, .. } = extension;
        format!(
            "extension {name} (version {version} at the source) is not available: install it on the server"
        )
    };
    Ok(extensions.into_iter().filter(|extension| absent.contains(&extension.name)).map(sentence).collect())
}

async fn missing_tablespaces(
    session: &Session,
    catalog: &Catalog,
    options: &RestoreOptions,
    choice: &Choice,
) -> Result<Vec<String>, Error> {
    let database = globals::database(catalog).filter(|_| options.create);
    let named = chosen(catalog, choice).chain(database).filter_map(|entry| entry.tablespace.as_deref());
    let absent =
        absent(session, named.filter(|name| !name.is_empty()).collect(), "pg_tablespace", "spcname").await?;
    Ok(absent.iter().map(|name| missing_tablespace(catalog, name)).collect())
}

fn missing_tablespace(catalog: &Catalog, name: &str) -> String {
    let problem = format!("tablespace {name} does not exist: create it, or restore with --no-tablespaces");
    match catalog.entries.iter().find(|entry| entry.kind == "TABLESPACE" && entry.name == name) {
        Some(entry) => format!("{problem}. At the source: {}", entry.create.join("; ")),
        None => problem,
    }
}

async fn missing_roles(
    session: &Session,
    catalog: &Catalog,
    options: &RestoreOptions,
    choice: &Choice,
) -> Result<Vec<String>, Error> {
    let is_named =
        |role: &&str| !choice.is_partial() || chosen(catalog, choice).any(|entry| names_role(entry, role));
    let mut needed: BTreeSet<&str> =
        needed_roles(catalog, options.selection.options()).filter(is_named).collect();
    if options.create {
        needed.extend(roles_of_database(catalog, options.selection.options()));
    }
    if options.roles {
        for role in catalog.entries.iter().filter(|entry| entry.kind == "ROLE") {
            needed.remove(role.name.as_str());
        }
    }
    let absent = absent(session, needed, "pg_roles", "rolname").await?;
    Ok(absent.iter().map(|name| missing_role(catalog, name)).collect())
}

/// The entries that are restored inside the database.
pub fn chosen<'a>(catalog: &'a Catalog, choice: &'a Choice) -> impl Iterator<Item = &'a Entry> {
    catalog.entries.iter().enumerate().filter(|(place, _)| choice.contains(*place)).map(|(_, entry)| entry)
}

/// Which of the names are in no row of that column of the system catalog.
pub async fn absent(
    session: &Session,
    names: BTreeSet<&str>,
    catalog: &str,
    column_name: &str,
) -> Result<BTreeSet<String>, Error> {
    let names: Vec<&str> = names.into_iter().collect();
    let statement = format!(
        "SELECT w.name FROM pg_catalog.unnest($1::pg_catalog.text[]) AS w (name) \
         WHERE NOT EXISTS (SELECT FROM pg_catalog.{catalog} c WHERE c.{column_name} = w.name)"
    );
    let rows = session.query("look for what the archive needs", &statement, &[&names]).await?;
    Ok(rows.iter().map(|row| column(row, "name")).collect::<Result<_, _>>()?)
}

/// The roles that statements of the restore will name inside the database.
fn needed_roles<'a>(catalog: &'a Catalog, options: &Options) -> impl Iterator<Item = &'a str> {
    let source = &catalog.source;
    let roles = if options.no_owner && options.no_privileges { &source.policy_roles } else { &source.roles };
    roles.iter().map(String::as_str)
}

/// Those that its statements about the database as a whole will name: in its owner and ACL, and in whom settings are for.
fn roles_of_database<'a>(catalog: &'a Catalog, options: &Options) -> impl Iterator<Item = &'a str> {
    let named = !(options.no_owner && options.no_privileges);
    let names_roles =
        move |entry: &&Entry| entry.kind == "DATABASE PROPERTIES" || (entry.kind == "DATABASE" && named);
    catalog.entries.iter().filter(names_roles).flat_map(|entry| globals::roles_of(catalog, entry))
}

/// What to do about a role that does not exist. No option keeps policies and settings from naming theirs.
fn missing_role(catalog: &Catalog, name: &str) -> String {
    let source = &catalog.source;
    let settings = catalog.entries.iter().filter(|entry| entry.kind == "DATABASE PROPERTIES");
    if source.policy_roles.iter().any(|role| role == name) {
        format!(
            "role {name} does not exist: create it, or all that are missing with --roles; policies of row-level security name it"
        )
    } else if settings.into_iter().any(|entry| globals::roles_of(catalog, entry).any(|role| role == name)) {
        format!(
            "role {name} does not exist: create it, or all that are missing with --roles; settings of the database are for it"
        )
    } else {
        format!(
            "role {name} does not exist: create it, or all that are missing with --roles, or restore with --no-owner --no-privileges"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::globals::tests::entry;
    use super::*;
    use crate::archive::Source;

    fn catalog() -> Catalog {
        let entries = vec![
            entry(1, "ROLE", "admin", &[]),
            entry(2, "ROLE", "app", &[]),
            entry(3, "TABLESPACE", "fast", &[]),
            entry(4, "DATABASE", "d", &[1]),
            entry(5, "DATABASE PROPERTIES", "d", &[2, 4]),
        ];
        let roles = vec!["owner".to_owned(), "reader".to_owned()];
        let source = Source { roles, policy_roles: vec!["reader".to_owned()], ..Source::default() };
        Catalog { source, entries, tables: Vec::new() }
    }

    fn options(no_owner: bool, no_privileges: bool) -> Options {
        Options { no_owner, no_privileges, ..Options::default() }
    }

    #[test]
    fn roles_of_policies_and_settings_are_always_needed() {
        let needed = |no_owner, no_privileges| {
            let (catalog, options) = (catalog(), options(no_owner, no_privileges));
            let needed = needed_roles(&catalog, &options).chain(roles_of_database(&catalog, &options));
            needed.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(needed(true, true), ["reader", "app"]);
        for (no_owner, no_privileges) in [(true, false), (false, true), (false, false)] {
            assert_eq!(needed(no_owner, no_privileges), ["owner", "reader", "admin", "app"]);
        }
    }

    #[test]
    fn only_what_helps_is_recommended() {
        let missing = |name| missing_role(&catalog(), name);
        assert!(missing("owner").contains("--no-owner --no-privileges"));
        for name in ["reader", "app"] {
            let advice = missing(name);
            assert!(advice.contains("create it") && advice.contains("--roles"), "{advice}");
            assert!(!advice.contains("--no-"), "{advice}");
        }
    }

    #[test]
    fn a_missing_tablespace_is_named_with_its_statement() {
        assert!(missing_tablespace(&catalog(), "fast").ends_with("At the source: CREATE TABLESPACE fast"));
    }
}
