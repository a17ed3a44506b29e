//! What each entry of a catalog belongs to: what decides whether it is wanted.

use std::collections::BTreeMap;

use crate::archive::{Catalog, Entry};
use crate::sql;

/// What decides about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Belongs {
    /// A relation, by its place in [`Owners::relations`]: the entry is it or a part of it.
    Relation(usize),
    /// The schema that it is.
    Schema,
    /// The extension that it is.
    Extension,
    /// The schema that it is in.
    InSchema,
    /// Another entry: a comment, a label, privileges.
    Entry(usize),
    /// The large objects.
    LargeObjects,
    /// The database as a whole.
    Database,
}

/// A relation: a table, a view, a sequence. Its own entry need not be in the catalog.
#[derive(Debug, Default)]
pub(super) struct Relation<'a> {
    pub schema: &'a str,
    pub name: &'a str,
    /// The partitioned table that it is a partition of.
    pub parent: Option<usize>,
    /// For a sequence the table that owns it.
    pub table: Option<usize>,
    /// Whether it is the sequence of an identity column, which goes with its table whatever is said of it.
    pub is_identity: bool,
    /// For a table or sequence that an extension makes: the place of the extension's entry.
    pub extension: Option<usize>,
}

/// The relations of a catalog, and what its entries belong to, by their places.
#[derive(Debug)]
pub(super) struct Owners<'a> {
    pub relations: Vec<Relation<'a>>,
    pub of: Vec<Belongs>,
}

const RELATIONS: [&str; 5] = ["TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE"];

/// Parts of a relation that bear its name.
const NAMESAKES: [&str; 7] = [
    "TABLE DATA",
    "SEQUENCE SET",
    "MATERIALIZED VIEW DATA",
    "TABLE ATTACH",
    "SEQUENCE OWNED BY",
    "ROW SECURITY",
    "STATISTICS DATA",
];

/// Parts of a relation that bear names of their own, some behind the relation's.
const PARTS: [&str; 10] = [
    "DEFAULT",
    "CHECK CONSTRAINT",
    "CONSTRAINT",
    "FK CONSTRAINT",
    "INDEX",
    "INDEX ATTACH",
    "STATISTICS",
    "RULE",
    "TRIGGER",
    "POLICY",
];

/// Whether it is a relation.
pub(super) fn is_relation(entry: &Entry) -> bool {
    RELATIONS.contains(&entry.kind.as_str())
}

/// Places of the entries that an entry depends on.
pub(super) fn dependencies(entry: &Entry) -> impl Iterator<Item = usize> {
    entry.dependencies.iter().map(|id| *id as usize - 1)
}

impl<'a> Owners<'a> {
    /// Of the entries of this catalog.
    pub(super) fn of(catalog: &'a Catalog) -> Self {
        let mut by_name: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut owners = Owners { relations: Vec::new(), of: Vec::with_capacity(catalog.entries.len()) };
        for entry in &catalog.entries {
            let named = is_relation(entry) || NAMESAKES.contains(&entry.kind.as_str());
            if let (true, Some(schema)) = (named, &entry.schema) {
                by_name.entry((schema, &entry.name)).or_insert_with(|| {
                    owners.relations.push(Relation { schema, name: &entry.name, ..Relation::default() });
                    owners.relations.len() - 1
                });
            }
        }
        for (place, entry) in catalog.entries.iter().enumerate() {
            let own = entry.schema.as_deref().and_then(|schema| by_name.get(&(schema, &entry.name)).copied());
            let belongs = owners.belongs(catalog, place, entry, own);
            owners.of.push(belongs);
            if let Some(own) = own {
                owners.relate(catalog, entry, own);
            }
        }
        owners
    }

    fn belongs(&self, catalog: &Catalog, place: usize, entry: &Entry, own: Option<usize>) -> Belongs {
        let by_schema = if entry.schema.is_some() { Belongs::InSchema } else { Belongs::Database };
        let first = || dependencies(entry).next();
        match (entry.kind.as_str(), own) {
            (kind, Some(own)) if is_relation(entry) || NAMESAKES.contains(&kind) => Belongs::Relation(own),
            (kind, _) if PARTS.contains(&kind) => self.relation_of(catalog, entry).unwrap_or(by_schema),
            ("SCHEMA", _) => Belongs::Schema,
            ("EXTENSION", _) => Belongs::Extension,
            ("COMMENT" | "SECURITY LABEL", _) => first().map_or(by_schema, Belongs::Entry),
            ("ACL", _) => granted_on(catalog, place).map_or(by_schema, Belongs::Entry),
            ("BLOB METADATA" | "BLOBS", _) => Belongs::LargeObjects,
            ("PUBLICATION TABLE", _) => Belongs::Database,
            _ => by_schema,
        }
    }

    /// The relation that a part belongs to: the only one that it depends on, or the one that its name begins with, or the one
    /// that its statements name.
    fn relation_of(&self, catalog: &Catalog, entry: &Entry) -> Option<Belongs> {
        let is_owner = |place: &usize| {
            let entry = &catalog.entries[*place];
            is_relation(entry) && entry.kind != "SEQUENCE"
        };
        let mut candidates: Vec<usize> = dependencies(entry).filter(is_owner).collect();
        let mut narrow = |keep: &dyn Fn(&Entry) -> bool| {
            let kept: Vec<usize> =
                candidates.iter().copied().filter(|place| keep(&catalog.entries[*place])).collect();
            if !kept.is_empty() {
                candidates = kept;
            }
        };
        narrow(&|owner| owner.schema == entry.schema);
        narrow(&|owner| {
            entry.name.strip_prefix(&owner.name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        // What else an index or a foreign key names stands behind a table's name only in CREATE INDEX.
        let of_index = matches!(entry.kind.as_str(), "INDEX" | "STATISTICS");
        let statement = if of_index { entry.create.first() } else { entry.drop.first() };
        narrow(&|owner| {
            let name =
                format!(" {}", sql::qualified(owner.schema.as_deref().unwrap_or_default(), &owner.name));
            let inside = format!("{name} ");
            statement.is_some_and(|statement| statement.contains(&inside) || statement.ends_with(&name))
        });
        let part =
            || dependencies(entry).map(|place| self.of[place]).find(|of| matches!(of, Belongs::Relation(_)));
        candidates.first().map(|place| self.of[*place]).or_else(part)
    }

    /// Takes note of how the relation `own` is related to others.
    fn relate(&mut self, catalog: &Catalog, entry: &Entry, own: usize) {
        let other = || {
            dependencies(entry).find_map(|place| match self.of[place] {
                Belongs::Relation(other) if other != own && is_relation(&catalog.entries[place]) => {
                    Some(other)
                }
                _ => None,
            })
        };
        match entry.kind.as_str() {
            "TABLE ATTACH" => self.relations[own].parent = other(),
            "SEQUENCE OWNED BY" => self.relations[own].table = other(),
            "SEQUENCE" => {
                let create = entry.create.first();
                if create.is_some_and(|create| create.starts_with("ALTER TABLE ")) {
                    self.relations[own].is_identity = true;
                    self.relations[own].table = other();
                }
            }
            "TABLE DATA" | "SEQUENCE SET" => {
                let has_own_entry = dependencies(entry).any(|place| self.of[place] == Belongs::Relation(own));
                let extension = dependencies(entry).find(|place| self.of[*place] == Belongs::Extension);
                self.relations[own].extension = extension.filter(|_| !has_own_entry);
            }
            _ => {}
        }
    }

    /// A relation and the partitioned tables that it is a part of, from below.
    pub(super) fn above(&self, relation: usize) -> impl Iterator<Item = usize> {
        let above = |at: &usize| self.relations[*at].parent;
        // An archive may say anything: that tables are parts of each other, too.
        std::iter::successors(Some(relation), above).take(self.relations.len())
    }

    /// The names of a relation: its own, then those of the partitioned tables that it is a part of.
    pub(super) fn names(&self, relation: usize) -> Vec<(&'a str, &'a str)> {
        self.above(relation).map(|at| (self.relations[at].schema, self.relations[at].name)).collect()
    }
}

/// What an ACL is about: the entry whose kind and name its own name repeats, or for the ACL of what an extension makes the
/// extension. None for the system's own objects.
fn granted_on(catalog: &Catalog, place: usize) -> Option<usize> {
    let acl = &catalog.entries[place];
    let find = |is: &dyn Fn(&Entry) -> bool| dependencies(acl).find(|place| is(&catalog.entries[*place]));
    find(&|entry| entry.schema == acl.schema && acl.name == format!("{} {}", entry.kind, entry.name))
        .or_else(|| find(&|entry| entry.kind == "EXTENSION"))
}
