//! What is in the target already, when it need not be empty: what would collide, and what the archive's part needs to find there.

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use crate::archive::{Catalog, Entry, Section};
use crate::pg::{Session, column};
use crate::selection::{Choice, references};

/// What an object is called: a class, so that kinds that share their names share it, its schema and its name in the archive's
/// words.
type Identity = (String, String, String);

/// The class of large objects; their names are their OIDs.
const LARGE_OBJECT: &str = "large object";

/// The objects of users in the target.
pub struct Target(BTreeSet<Identity>);

/// How the chosen entries and the target go together.
#[derive(Debug, Default)]
pub struct Fit {
    /// What keeps the restore from being done; a sentence each.
    pub problems: Vec<String>,
    /// Numbers of the tables that rows are loaded into and that are there already.
    pub existing: BTreeSet<u32>,
}

impl Target {
    /// Asks for all of them in one query. Names are made as the catalog layer makes those of entries. A `new` database has only what
    /// initdb made, which is in every other one too.
    pub async fn read(session: &Session, new: bool) -> Result<Self, Error> {
        let there = if new { "o.oid < 16384" } else { "true" };
        let users = format!("n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND {there}");
        let in_schema = |class: &str, catalog: &str, name: &str, schema: &str| {
            format!(
                "SELECT '{class}' AS class, n.nspname::text AS schema, {name} AS name FROM pg_catalog.{catalog} o \
                 JOIN pg_catalog.pg_namespace n ON n.oid = o.{schema} WHERE {users}"
            )
        };
        let on_table = |class: &str, catalog: &str, name: &str, table: &str| {
            format!(
                "SELECT '{class}', n.nspname::text, c.relname || ' ' || o.{name} FROM pg_catalog.{catalog} o \
                 JOIN pg_catalog.pg_class c ON c.oid = o.{table} JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE {users}"
            )
        };
        let alone = |class: &str, catalog: &str, name: &str| {
            format!("SELECT '{class}', '', o.{name}::text FROM pg_catalog.{catalog} o WHERE {there}")
        };
        let statement = [
            in_schema("relation", "pg_class", "o.relname::text", "relnamespace"),
            in_schema("type", "pg_type", "o.typname::text", "typnamespace"),
            in_schema(
                "routine",
                "pg_proc",
                "o.proname || '(' || CASE WHEN o.prokind = 'a' AND o.pronargs = 0 THEN '*' \
                 ELSE pg_catalog.oidvectortypes(o.proargtypes) END || ')'",
                "pronamespace",
            ),
            in_schema("collation", "pg_collation", "o.collname::text", "collnamespace"),
            in_schema("conversion", "pg_conversion", "o.conname::text", "connamespace"),
            in_schema("statistics", "pg_statistic_ext", "o.stxname::text", "stxnamespace"),
            in_schema("text search parser", "pg_ts_parser", "o.prsname::text", "prsnamespace"),
            in_schema("text search template", "pg_ts_template", "o.tmplname::text", "tmplnamespace"),
            in_schema("text search dictionary", "pg_ts_dict", "o.dictname::text", "dictnamespace"),
            in_schema("text search configuration", "pg_ts_config", "o.cfgname::text", "cfgnamespace"),
            on_table("constraint", "pg_constraint", "conname", "conrelid"),
            on_table("trigger", "pg_trigger", "tgname", "tgrelid"),
            on_table("rule", "pg_rewrite", "rulename", "ev_class"),
            on_table("policy", "pg_policy", "polname", "polrelid"),
            format!(
                "SELECT 'constraint', n.nspname::text, t.typname || ' ' || o.conname FROM pg_catalog.pg_constraint o \
                 JOIN pg_catalog.pg_type t ON t.oid = o.contypid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
                 WHERE {there}"
            ),
            alone("schema", "pg_namespace", "nspname"),
            alone("extension", "pg_extension", "extname"),
            alone("language", "pg_language", "lanname"),
            alone("foreign-data wrapper", "pg_foreign_data_wrapper", "fdwname"),
            alone("server", "pg_foreign_server", "srvname"),
            alone("publication", "pg_publication", "pubname"),
            alone("event trigger", "pg_event_trigger", "evtname"),
            alone("access method", "pg_am", "amname"),
            alone(LARGE_OBJECT, "pg_largeobject_metadata", "oid"),
        ]
        .join(" UNION ALL ");
        let rows = session.query("look for objects in the target", &statement, &[]).await?;
        let identity = |row| Ok((column(row, "class")?, column(row, "schema")?, column(row, "name")?));
        Ok(Target(rows.iter().map(identity).collect::<Result<_, Error>>()?))
    }

    /// Whether the object that an entry makes is there; none when nobody knows.
    fn holds(&self, entry: &Entry) -> Option<bool> {
        identity(entry).map(|identity| self.0.contains(&identity))
    }

    /// Takes out what is dropped before the chosen entries are restored, and what goes along with that.
    pub fn forget(&mut self, catalog: &Catalog, choice: &Choice) {
        let entry = |place: usize| &catalog.entries[place];
        let chosen: Vec<usize> = (0..catalog.entries.len()).filter(|place| choice.contains(*place)).collect();
        let mut gone: BTreeSet<usize> =
            chosen.iter().copied().filter(|place| !entry(*place).drop.is_empty()).collect();
        let mut before = 0;
        while before < gone.len() {
            before = gone.len();
            for place in &chosen {
                let mut needs = dependencies(entry(*place));
                // The key of a partition has no drop of its own: it goes with its table, or with the key that it is attached to.
                if gone.contains(place) || needs.any(|need| gone.contains(&need)) {
                    gone.insert(*place);
                    if matches!(entry(*place).kind.as_str(), "INDEX ATTACH" | "CONSTRAINT") {
                        let is_index = |place: &usize| {
                            choice.contains(*place)
                                && matches!(entry(*place).kind.as_str(), "INDEX" | "CONSTRAINT")
                        };
                        gone.extend(dependencies(entry(*place)).filter(is_index));
                    }
                }
            }
        }
        for identity in gone.into_iter().filter_map(|place| identity(entry(place))) {
            self.0.remove(&identity);
        }
    }

    /// Whether large objects are there: reading back finds them beside those of the archive.
    pub fn holds_large_objects(&self) -> bool {
        self.0.iter().any(|(class, _, _)| class == LARGE_OBJECT)
    }

    fn holds_schema(&self, schema: &str) -> bool {
        self.0.contains(&("schema".to_owned(), String::new(), schema.to_owned()))
    }

    /// Compares. What needs something that is neither chosen nor in the target is left out where that leaves a table and its
    /// rows as they are, and a problem otherwise.
    pub fn fit(&self, catalog: &Catalog, choice: &mut Choice) -> Fit {
        let mut fit = Fit::default();
        let created: BTreeSet<Identity> = catalog
            .entries
            .iter()
            .enumerate()
            .filter(|(place, entry)| choice.contains(*place) && !entry.create.is_empty())
            .filter_map(|(_, entry)| identity(entry))
            .collect();
        let mut needs: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (need, by) in choice.missing_needs(catalog) {
            if self.holds(&catalog.entries[need]) == Some(false) {
                needs.entry(by).or_default().push(need);
            }
        }
        let (mut stays, mut gone) = (BTreeSet::new(), BTreeSet::new());
        let mut problems = BTreeMap::new();
        for (place, entry) in catalog.entries.iter().enumerate() {
            if !choice.contains(place) {
                continue;
            }
            // What takes the place of an extension's own drops that first.
            let replaces = entry.create.first().is_some_and(|statement| statement.starts_with("DROP "));
            let is_there = self.holds(entry) == Some(true) && !entry.create.is_empty() && !replaces;
            let mut of = dependencies(entry);
            if is_there && entry.kind == "SCHEMA" {
                choice.leave_out(place);
                stays.insert(place);
                continue;
            }
            if is_there && entry.kind != "EXTENSION" {
                fit.problems.push(format!("{} exists already: drop it, or leave it out", entry.label()));
            }
            if is_remark(entry) && of.any(|need| stays.contains(&need) || gone.contains(&need)) {
                choice.leave_out(place);
                continue;
            }
            let mut needs = needs.remove(&place).unwrap_or_default();
            needs.extend(dependencies(entry).filter(|need| gone.contains(need)));
            let is_selected = |need: &usize| choice.selects(*need) && !gone.contains(need);
            if let Some(need) = needs.first().filter(|_| may_go(entry) && !needs.iter().any(is_selected)) {
                let needed = catalog.entries[*need].label();
                let sentence =
                    format!("{}: it needs {needed}, which is neither selected nor there", entry.label());
                choice.leave_out(place);
                choice.left_out.push(sentence);
                gone.insert(place);
                continue;
            }
            for need in needs {
                let advice = if is_selected(&need) {
                    "restore its definition first"
                } else {
                    "select it too, or create it"
                };
                let (needed, by) = (catalog.entries[need].label(), entry.label());
                let sentence = || format!("{needed} does not exist, and {by} needs it: {advice}");
                problems.entry(need).or_insert_with(sentence);
            }
        }
        fit.problems.extend(problems.into_values());
        self.need_schemas(catalog, choice, &created, &mut fit);
        self.need_relations(catalog, choice, &created, &mut fit);
        fit
    }

    /// Out of a pipe rows come in no order, and several workers load them in transactions that do not see each other: foreign keys
    /// that are there already would miss rows.
    pub fn foreign_keys_in_the_way(&self, catalog: &Catalog, existing: &BTreeSet<u32>) -> Vec<String> {
        let is_there = |place: usize| self.holds(&catalog.entries[place]) == Some(true);
        let is_loaded =
            |place: &usize| catalog.entries[*place].table.is_some_and(|table| existing.contains(&table));
        let references = references(catalog, is_there).into_iter();
        let in_the_way = references.filter(|(from, to)| is_loaded(from) && to.iter().any(is_loaded));
        in_the_way
            .map(|(from, _)| {
                let name = catalog.entries[from].qualified_name();
                format!("table {name} has foreign keys, which rows from a pipe cannot satisfy: restore from a file")
            })
            .collect()
    }

    /// Every schema must be there or come.
    fn need_schemas(&self, catalog: &Catalog, choice: &Choice, created: &BTreeSet<Identity>, fit: &mut Fit) {
        let mut told = BTreeSet::new();
        for (place, entry) in catalog.entries.iter().enumerate() {
            let Some(schema) =
                entry.schema.as_ref().filter(|_| choice.contains(place) && identity(entry).is_some())
            else {
                continue;
            };
            let comes = created.contains(&("schema".to_owned(), String::new(), schema.clone()));
            let of_extension =
                || catalog.source.extensions.iter().any(|extension| extension.schema == *schema);
            let is_listed = || {
                let schema_entry = |need: &usize| {
                    let need = &catalog.entries[*need];
                    need.kind == "SCHEMA" && need.name == *schema
                };
                dependencies(entry).any(|need| schema_entry(&need))
            };
            // What the entry itself says it needs has been looked at.
            if !comes && !self.holds_schema(schema) && !of_extension() && !is_listed() && told.insert(schema)
            {
                fit.problems.push(format!(
                    "schema {schema} does not exist, and {} is in it: create it",
                    entry.label()
                ));
            }
        }
    }

    /// Rows and values need their relations.
    fn need_relations(
        &self,
        catalog: &Catalog,
        choice: &Choice,
        created: &BTreeSet<Identity>,
        fit: &mut Fit,
    ) {
        for (place, entry) in catalog.entries.iter().enumerate() {
            let word = match entry.kind.as_str() {
                "TABLE DATA" => "table",
                "SEQUENCE SET" => "sequence",
                "MATERIALIZED VIEW DATA" => "materialized view",
                _ => continue,
            };
            let Some(relation) = named("relation", entry).filter(|_| choice.contains(place)) else {
                continue;
            };
            let made_by_extension = dependencies(entry)
                .any(|need| catalog.entries[need].kind == "EXTENSION" && choice.contains(need));
            if created.contains(&relation) {
                continue;
            }
            if self.0.contains(&relation) {
                fit.existing.extend(entry.table);
            } else if !made_by_extension {
                let name = entry.qualified_name();
                fit.problems.push(format!("{word} {name} does not exist: restore its definition first"));
            }
        }
    }
}

/// Places of the entries that an entry depends on.
fn dependencies(entry: &Entry) -> impl Iterator<Item = usize> {
    entry.dependencies.iter().map(|id| *id as usize - 1)
}

/// What an entry makes; none for what is no object or has a name that is hard to compare.
fn identity(entry: &Entry) -> Option<Identity> {
    let class = match entry.kind.as_str() {
        "TABLE" | "FOREIGN TABLE" | "VIEW" | "MATERIALIZED VIEW" | "SEQUENCE" | "INDEX" => "relation",
        "TYPE" | "DOMAIN" => "type",
        "FUNCTION" | "PROCEDURE" | "AGGREGATE" => "routine",
        "COLLATION" => "collation",
        "CONVERSION" => "conversion",
        "STATISTICS" => "statistics",
        "TEXT SEARCH PARSER" => "text search parser",
        "TEXT SEARCH TEMPLATE" => "text search template",
        "TEXT SEARCH DICTIONARY" => "text search dictionary",
        "TEXT SEARCH CONFIGURATION" => "text search configuration",
        "CONSTRAINT" | "FK CONSTRAINT" | "CHECK CONSTRAINT" => "constraint",
        "TRIGGER" => "trigger",
        // The definition of a view that exists as an empty one.
        "RULE" if !entry.name.ends_with(" _RETURN") => "rule",
        "POLICY" => "policy",
        "SCHEMA" => "schema",
        "EXTENSION" => "extension",
        "PROCEDURAL LANGUAGE" => "language",
        "FOREIGN DATA WRAPPER" => "foreign-data wrapper",
        "SERVER" => "server",
        "PUBLICATION" => "publication",
        "EVENT TRIGGER" => "event trigger",
        "ACCESS METHOD" => "access method",
        "BLOB METADATA" => LARGE_OBJECT,
        _ => return None,
    };
    named(class, entry)
}

fn named(class: &str, entry: &Entry) -> Option<Identity> {
    Some((class.to_owned(), entry.schema.clone().unwrap_or_default(), entry.name.clone()))
}

/// Whether it only says something about another entry.
fn is_remark(entry: &Entry) -> bool {
    matches!(entry.kind.as_str(), "COMMENT" | "SECURITY LABEL" | "ACL")
}

/// Whether a selection can do without it: what comes after the rows, and what is in no schema and so could not be excluded.
fn may_go(entry: &Entry) -> bool {
    let is_global = entry.schema.is_none() && !matches!(entry.kind.as_str(), "SCHEMA" | "EXTENSION");
    entry.section == Section::PostData || is_global
}
