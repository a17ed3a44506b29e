//! Selection: which entries of a catalog a dump, a restore or a report is about. One implementation, with pg_dump's meaning.
//! Pure.
//!
//! Two questions decide. Which objects: the patterns, and what follows from them (a table brings its indexes, its partitions
//! and the sequences that it owns). Which of their entries: sections, schema or data, comments, privileges. What is outside
//! the database is not chosen by patterns and sections.

mod belongs;
mod error;
mod filter;
mod globals;
mod load_order;
mod pattern;
mod prune;
mod roles;

pub use error::Error;
pub use globals::{Place, place, role};
pub use load_order::references;
pub use roles::{map_roles, names_role};

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::archive::{Catalog, Entry, Pass, Section, Table};
use crate::sql;
use belongs::{Belongs, Owners, dependencies, is_relation};
use pattern::{Of, Pattern};

/// The name of the setting of an archive's source that holds the search path of the dump: patterns without a schema are
/// about its schemas.
pub const SEARCH_PATH: &str = "search_path";
/// The name of the setting of an archive's source that holds the selection of its dump, where there was one.
pub const SELECTION: &str = "pgsnap.selection";

/// What is asked for, as it was typed. The default is everything.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Patterns of schemas, `--schema`.
    pub schemas: Vec<String>,
    /// `--exclude-schema`.
    pub exclude_schemas: Vec<String>,
    /// Patterns of relations of any kind, `--table`.
    pub tables: Vec<String>,
    /// `--exclude-table`.
    pub exclude_tables: Vec<String>,
    /// Patterns of relations without rows, `--exclude-table-data`.
    pub exclude_table_data: Vec<String>,
    /// Patterns of extensions, `--extension`.
    pub extensions: Vec<String>,
    /// `--exclude-extension`.
    pub exclude_extensions: Vec<String>,
    /// Definitions only.
    pub schema_only: bool,
    /// Rows, values of sequences and large objects only.
    pub data_only: bool,
    /// The sections; none stands for all.
    pub sections: Vec<Section>,
    /// No owners.
    pub no_owner: bool,
    /// No ACLs and default privileges.
    pub no_privileges: bool,
    /// No comments.
    pub no_comments: bool,
    /// No publications.
    pub no_publications: bool,
    /// No subscriptions.
    pub no_subscriptions: bool,
    /// No security labels.
    pub no_security_labels: bool,
    /// No tablespaces.
    pub no_tablespaces: bool,
    /// No large objects.
    pub no_large_objects: bool,
    /// No planner statistics.
    pub no_statistics: bool,
}

/// Options that have been understood.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    options: Options,
    schemas: Vec<Pattern>,
    exclude_schemas: Vec<Pattern>,
    tables: Vec<Pattern>,
    exclude_tables: Vec<Pattern>,
    exclude_table_data: Vec<Pattern>,
    extensions: Vec<Pattern>,
    exclude_extensions: Vec<Pattern>,
}

/// What a selection comes to in a catalog.
#[derive(Debug, Clone)]
pub struct Choice {
    /// By the places of entries: whether the object is selected.
    objects: Vec<bool>,
    /// Of those, whether the entry itself is wanted.
    entries: Vec<bool>,
    /// Whether it need not be a whole database.
    partial: bool,
    /// What connects a selected object with one that is not, and is left out for that; a sentence each.
    pub left_out: Vec<String>,
}

/// A relation's names: its own, then those of the partitioned tables that it is a part of.
type Names<'a> = [(&'a str, &'a str)];

impl Selection {
    /// Understands the options.
    ///
    /// # Errors
    ///
    /// [`Error::Pattern`], [`Error::Contradiction`].
    pub fn new(options: Options) -> Result<Self, Error> {
        if options.schema_only && options.data_only {
            return Err(Error::Contradiction("--schema-only and --data-only leave nothing: choose one"));
        }
        let read = |texts: &[String], of| -> Result<Vec<Pattern>, Error> {
            texts.iter().map(|text| Pattern::new(text, of)).collect()
        };
        Ok(Selection {
            schemas: read(&options.schemas, Of::Schema)?,
            exclude_schemas: read(&options.exclude_schemas, Of::Schema)?,
            tables: read(&options.tables, Of::Relation)?,
            exclude_tables: read(&options.exclude_tables, Of::Relation)?,
            exclude_table_data: read(&options.exclude_table_data, Of::Relation)?,
            extensions: read(&options.extensions, Of::Extension)?,
            exclude_extensions: read(&options.exclude_extensions, Of::Extension)?,
            options,
        })
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Whether it is about a part of the database's objects or of the restore: then the target of a restore need not be empty.
    pub fn is_partial(&self) -> bool {
        let Options { schema_only, data_only, sections, .. } = &self.options;
        *schema_only || *data_only || !sections.is_empty() || self.patterns().next().is_some()
    }

    /// Whether objects of the database as a whole are wanted: casts, publications, large objects ...
    pub fn is_everything(&self) -> bool {
        self.schemas.is_empty() && self.tables.is_empty() && self.extensions.is_empty()
    }

    fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        let includes = self.schemas.iter().chain(&self.tables).chain(&self.extensions);
        let excludes =
            self.exclude_schemas.iter().chain(&self.exclude_tables).chain(&self.exclude_extensions);
        includes.chain(excludes).chain(&self.exclude_table_data)
    }

    /// The options as on a command line; empty when everything is wanted.
    pub fn describe(&self) -> String {
        let Options { schema_only, data_only, sections, .. } = &self.options;
        let patterns = [
            ("--schema", &self.schemas),
            ("--exclude-schema", &self.exclude_schemas),
            ("--table", &self.tables),
            ("--exclude-table", &self.exclude_tables),
            ("--exclude-table-data", &self.exclude_table_data),
            ("--extension", &self.extensions),
            ("--exclude-extension", &self.exclude_extensions),
        ];
        let mut words = Vec::new();
        for (option, patterns) in patterns {
            words.extend(patterns.iter().map(|pattern| format!("{option}={}", pattern.text)));
        }
        words.extend(schema_only.then(|| "--schema-only".to_owned()));
        words.extend(data_only.then(|| "--data-only".to_owned()));
        words.extend(sections.iter().map(|section| format!("--section={}", section_name(*section))));
        let switches = self.switches();
        words.extend(switches.iter().filter(|(_, on)| *on).map(|(option, _)| format!("--no-{option}")));
        words.join(" ")
    }

    fn switches(&self) -> [(&'static str, bool); 9] {
        let options = &self.options;
        [
            ("owner", options.no_owner),
            ("privileges", options.no_privileges),
            ("comments", options.no_comments),
            ("publications", options.no_publications),
            ("subscriptions", options.no_subscriptions),
            ("security-labels", options.no_security_labels),
            ("tablespaces", options.no_tablespaces),
            ("large-objects", options.no_large_objects),
            ("statistics", options.no_statistics),
        ]
    }

    /// Whether a table is wanted, for who knows no more than names: its own, then those of the partitioned tables that it is a
    /// part of, and the extension that makes it.
    pub fn wants_table(&self, names: &Names<'_>, extension: Option<&str>, search_path: &[String]) -> bool {
        match extension {
            Some(extension) => self.wants_configuration(self.wants_extension(extension), names, search_path),
            None => self.wants_relation(names, search_path),
        }
    }

    fn wants_relation(&self, names: &Names<'_>, path: &[String]) -> bool {
        let Some((schema, _)) = names.first() else { return false };
        let included = if !self.tables.is_empty() {
            any_matches(&self.tables, names, path)
        } else {
            self.wants_schema(schema)
        };
        included && !any_matches(&self.exclude_tables, names, path)
    }

    /// Rows of a table that an extension makes come with it, or when the table or its schema is asked for.
    fn wants_configuration(&self, with_extension: bool, names: &Names<'_>, path: &[String]) -> bool {
        let Some((schema, _)) = names.first() else { return false };
        let in_schema = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches_name(schema));
        let by_name =
            any_matches(&self.tables, names, path) || (self.tables.is_empty() && in_schema(&self.schemas));
        (with_extension || by_name)
            && !any_matches(&self.exclude_tables, names, path)
            && !in_schema(&self.exclude_schemas)
    }

    /// Whether everything in a schema is wanted: never beside tables that are asked for by name.
    fn wants_schema(&self, schema: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches_name(schema));
        self.tables.is_empty()
            && (self.schemas.is_empty() || any(&self.schemas))
            && !any(&self.exclude_schemas)
    }

    fn wants_extension(&self, name: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches_name(name));
        let included = if self.extensions.is_empty() { self.is_everything() } else { any(&self.extensions) };
        included && !any(&self.exclude_extensions)
    }

    /// What it comes to in this catalog.
    ///
    /// # Errors
    ///
    /// [`Error::OtherDatabase`], and [`Error::NoMatch`] for patterns of what is wanted.
    pub fn choose(&self, catalog: &Catalog) -> Result<Choice, Error> {
        let database = &catalog.source.database;
        let other = |pattern: &&Pattern| pattern.database.as_ref().is_some_and(|name| name != database);
        if let Some(pattern) = self.patterns().find(other) {
            return Err(Error::OtherDatabase { pattern: pattern.text.clone(), database: database.clone() });
        }
        let path = search_path(catalog);
        let owners = Owners::of(catalog);
        self.refuse_misses(catalog, &owners, &path)?;
        let relations = self.relations(catalog, &owners, &path);
        let mut choice = Choice {
            objects: Vec::with_capacity(catalog.entries.len()),
            entries: Vec::with_capacity(catalog.entries.len()),
            partial: self.is_partial() || of_partial_dump(catalog),
            left_out: Vec::new(),
        };
        for (place, entry) in catalog.entries.iter().enumerate() {
            let is_inside = globals::place(&catalog.entries, entry) == Place::Inside;
            let selected = match owners.of[place] {
                _ if !is_inside => true,
                Belongs::Relation(relation) => relations[relation],
                Belongs::Schema => self.wants_schema(&entry.name),
                Belongs::Extension => self.wants_extension(&entry.name),
                Belongs::InSchema => entry.schema.as_deref().is_some_and(|schema| self.wants_schema(schema)),
                Belongs::Entry(of) => choice.objects[of],
                Belongs::LargeObjects => self.is_everything() && !self.options.no_large_objects,
                Belongs::Database => self.is_everything() && self.wants_kind(&entry.kind),
            };
            let selected = selected && choice.both_ends(catalog, &owners, entry);
            choice.objects.push(selected);
            choice.entries.push(selected && self.wants_entry(catalog, &owners, place, &path));
        }
        Ok(choice)
    }

    /// For each relation, whether it is wanted.
    fn relations(&self, catalog: &Catalog, owners: &Owners<'_>, path: &[String]) -> Vec<bool> {
        let by_itself = |at: usize| {
            let names = owners.names(at);
            match owners.relations[at].extension {
                Some(extension) => {
                    let extension = &catalog.entries[extension].name;
                    self.wants_configuration(self.wants_extension(extension), &names, path)
                }
                None => self.wants_relation(&names, path),
            }
        };
        let own: Vec<bool> = (0..owners.relations.len()).map(by_itself).collect();
        let with_table = |(relation, own_wish): (&belongs::Relation<'_>, &bool)| {
            let table = relation.table.is_some_and(|table| own[table]);
            table || (*own_wish && !relation.is_identity)
        };
        owners.relations.iter().zip(&own).map(with_table).collect()
    }

    fn wants_kind(&self, kind: &str) -> bool {
        let unwanted = |no: bool, kinds: &str| no && kind.starts_with(kinds);
        !unwanted(self.options.no_publications, "PUBLICATION")
            && !unwanted(self.options.no_subscriptions, "SUBSCRIPTION")
    }

    /// Of a selected object, whether this entry is wanted.
    fn wants_entry(&self, catalog: &Catalog, owners: &Owners<'_>, place: usize, path: &[String]) -> bool {
        let (entry, options) = (&catalog.entries[place], &self.options);
        let is_inside = globals::place(&catalog.entries, entry) == Place::Inside;
        let part = match entry.kind.as_str() {
            "STATISTICS DATA" => !options.schema_only && !options.data_only && !options.no_statistics,
            kind => {
                let wanted_kind = match kind {
                    "COMMENT" => !options.no_comments,
                    "SECURITY LABEL" => !options.no_security_labels,
                    _ => !(options.no_privileges && entry.pass == Pass::Acl),
                };
                let is_data = is_data(catalog, owners, place);
                let without_rows = || match owners.of[place] {
                    Belongs::Relation(relation) if is_data => {
                        any_matches(&self.exclude_table_data, &owners.names(relation), path)
                    }
                    _ => false,
                };
                if !is_inside {
                    return wanted_kind;
                }
                wanted_kind
                    && !(if is_data { options.schema_only } else { options.data_only })
                    && !without_rows()
            }
        };
        part && (options.sections.is_empty() || options.sections.contains(&entry.section))
    }

    /// Patterns of what is wanted must match something.
    fn refuse_misses(&self, catalog: &Catalog, owners: &Owners<'_>, path: &[String]) -> Result<(), Error> {
        let mut misses = Vec::new();
        let names_of = |kind: &'static str| {
            catalog.entries.iter().filter(move |entry| entry.kind == kind).map(|entry| entry.name.as_str())
        };
        let schemas =
            || names_of("SCHEMA").chain(catalog.entries.iter().filter_map(|entry| entry.schema.as_deref()));
        for pattern in &self.schemas {
            if !schemas().any(|name| pattern.matches_name(name)) {
                misses.push(format!("--schema={}{}", pattern.text, meant(&pattern.text, schemas())));
            }
        }
        for pattern in &self.extensions {
            if !names_of("EXTENSION").any(|name| pattern.matches_name(name)) {
                let meant = meant(&pattern.text, names_of("EXTENSION"));
                misses.push(format!("--extension={}{meant}", pattern.text));
            }
        }
        for pattern in &self.tables {
            let relations = owners.relations.iter();
            if relations.clone().any(|relation| pattern.matches(relation.schema, relation.name, path)) {
                continue;
            }
            let elsewhere =
                relations.clone().filter(|one| pattern.is_unqualified() && pattern.matches_name(one.name));
            let elsewhere: Vec<String> =
                elsewhere.take(3).map(|relation| sql::qualified(relation.schema, relation.name)).collect();
            let hint = match elsewhere[..] {
                [] => {
                    let names =
                        relations.flat_map(|one| [one.name.to_owned(), sql::qualified(one.schema, one.name)]);
                    let names: Vec<String> = names.collect();
                    meant(&pattern.text, names.iter().map(String::as_str))
                }
                _ => format!(" in the search path ({}); there is {}", path.join(", "), elsewhere.join(", ")),
            };
            misses.push(format!("--table={}{hint}", pattern.text));
        }
        if misses.is_empty() { Ok(()) } else { Err(Error::NoMatch { misses }) }
    }
}

/// What somebody may have meant who has typed a name that is not there: the name that is most like it, if one is much like it.
fn meant<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> String {
    let distance = |name: &str| strsim::damerau_levenshtein(typed, name);
    let nearest = names.map(|name| (distance(name), name)).min();
    match nearest.filter(|(distance, name)| *distance <= name.chars().count().min(8) / 4) {
        Some((_, name)) => format!("; there is {name}"),
        None => String::new(),
    }
}

fn any_matches(patterns: &[Pattern], names: &Names<'_>, path: &[String]) -> bool {
    names.iter().any(|(schema, name)| patterns.iter().any(|pattern| pattern.matches(schema, name, path)))
}

/// The schemas in which names without one are looked for.
fn search_path(catalog: &Catalog) -> Vec<String> {
    let setting = catalog.source.settings.iter().find(|(name, _)| name == SEARCH_PATH);
    setting.map_or_else(|| vec!["public".to_owned()], |(_, value)| sql::identifiers(value))
}

/// Whether the archive is itself a part of its database.
pub fn of_partial_dump(catalog: &Catalog) -> bool {
    let mut selections = catalog.source.settings.iter().filter(|(name, _)| name == SELECTION);
    let includes = |word: &str| word.starts_with("--") && !word.starts_with("--no-");
    selections.any(|(_, value)| value.split(' ').any(includes))
}

/// Whether an entry is of the rows' side of pg_dump's schema and data.
fn is_data(catalog: &Catalog, owners: &Owners<'_>, place: usize) -> bool {
    match catalog.entries[place].kind.as_str() {
        "TABLE DATA" | "SEQUENCE SET" | "MATERIALIZED VIEW DATA" | "BLOB METADATA" | "BLOBS" => true,
        _ => match owners.of[place] {
            Belongs::Entry(of) => owners.of[of] == Belongs::LargeObjects,
            _ => false,
        },
    }
}

/// pg_dump's word for a section.
pub fn section_name(section: Section) -> &'static str {
    match section {
        Section::PreData => "pre-data",
        Section::Data => "data",
        Section::PostData => "post-data",
    }
}

impl Choice {
    /// Whether the entry at this place is wanted.
    pub fn contains(&self, place: usize) -> bool {
        self.entries.get(place).copied().unwrap_or(false)
    }

    /// Whether the object of the entry at this place is selected, though perhaps not this entry.
    pub fn selects(&self, place: usize) -> bool {
        self.objects.get(place).copied().unwrap_or(false)
    }

    /// Whether it need not be a whole database: then a restore's target need not be empty.
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// Takes out an entry.
    pub fn leave_out(&mut self, place: usize) {
        if let Some(entry) = self.entries.get_mut(place) {
            *entry = false;
        }
    }

    /// What connects two objects is of use only where both are selected.
    fn both_ends(&mut self, catalog: &Catalog, owners: &Owners<'_>, entry: &Entry) -> bool {
        let told = match entry.kind.as_str() {
            "FK CONSTRAINT" | "PUBLICATION TABLE" | "PUBLICATION TABLES IN SCHEMA" => true,
            // Of a partition that is selected, not of one that is not.
            "TABLE ATTACH" => true,
            "INDEX ATTACH" | "SEQUENCE OWNED BY" => false,
            _ => return true,
        };
        let is_end = |place: &usize| {
            is_relation(&catalog.entries[*place])
                || owners.of[*place] == Belongs::Schema && entry.schema.is_none()
        };
        match dependencies(entry).filter(is_end).find(|place| !self.objects[*place]) {
            None => true,
            Some(end) => {
                if told {
                    let end = catalog.entries[end].label();
                    self.left_out.push(format!("{}: {end} is not selected", entry.label()));
                }
                false
            }
        }
    }

    /// The catalog in which a table whose root is not selected is loaded, and read, by itself.
    pub fn with_selected_roots(&self, mut catalog: Arc<Catalog>) -> Arc<Catalog> {
        let tables = catalog.entries.iter().enumerate().filter(|(_, entry)| entry.kind == "TABLE");
        let unselected: BTreeSet<(String, String)> = tables
            .filter(|(place, _)| !self.selects(*place))
            .filter_map(|(_, entry)| Some((entry.schema.clone()?, entry.name.clone())))
            .collect();
        let is_root = |table: &Table| table.root.as_ref().is_some_and(|root| unselected.contains(root));
        if catalog.tables.iter().any(is_root) {
            for table in &mut Arc::make_mut(&mut catalog).tables {
                table.root.take_if(|root| unselected.contains(root));
            }
        }
        catalog
    }

    /// What the wanted entries need and what is not wanted itself: pairs of places, of the need and of the entry that needs it.
    pub fn missing_needs(&self, catalog: &Catalog) -> Vec<(usize, usize)> {
        let links = links(catalog);
        let mut needs = Vec::new();
        for (place, entry) in catalog.entries.iter().enumerate().filter(|(place, _)| self.contains(*place)) {
            let missing =
                dependencies(entry).filter(|need| !self.contains(*need) && is_real(&catalog.entries[*need]));
            needs.extend(missing.filter(|need| !links.contains(&(*need, place))).map(|need| (need, place)));
        }
        needs
    }
}

/// Pairs of entries that are connected by one of their own, which is left out where one of them is: a partition can do
/// without its table, a sequence without the one that owns it.
fn links(catalog: &Catalog) -> BTreeSet<(usize, usize)> {
    let mut links = BTreeSet::new();
    let is_link = |entry: &&Entry| entry.kind.ends_with(" ATTACH") || entry.kind == "SEQUENCE OWNED BY";
    for entry in catalog.entries.iter().filter(is_link) {
        let ends: Vec<usize> =
            dependencies(entry).filter(|place| catalog.entries[*place].kind != "SCHEMA").collect();
        links.extend(ends.iter().flat_map(|one| ends.iter().map(move |other| (*one, *other))));
    }
    links
}

/// Whether an entry makes something that others need; others wait only for their turn behind rows or an attachment.
fn is_real(entry: &Entry) -> bool {
    let is_action = entry.kind.ends_with(" DATA") || entry.kind.ends_with(" ATTACH");
    !(is_action || matches!(entry.kind.as_str(), "SEQUENCE SET" | "BLOBS"))
}

#[cfg(test)]
mod tests;
