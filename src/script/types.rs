//! What the columns of an archive hold, from the names of their types and the statements that make the types of users.

use std::collections::{BTreeMap, HashMap};

use super::values::Type;
use crate::archive::{Catalog, Column, Entry, Table, Transfer};
use crate::sql::{name, tokens};

/// Types nested deeper than this are not looked into: the dump sends none.
const DEEPEST: usize = 32;

/// The domains of information_schema, which no archive defines.
const INFORMATION_SCHEMA: [(&str, Type); 5] = [
    ("cardinal_number", Type::Integer),
    ("character_data", Type::Text),
    ("sql_identifier", Type::Text),
    ("time_stamp", Type::Timestamptz),
    ("yes_or_no", Type::Text),
];

/// Schema and name.
type Name = (String, String);

/// How the values of types are made.
pub(super) struct Types<'a> {
    /// The entries that make types, by the types' schemas and names.
    makers: HashMap<(&'a str, &'a str), &'a Entry>,
    /// The multirange types, each with the entry that makes it and its range type.
    multiranges: BTreeMap<Name, &'a Entry>,
    /// Types without an entry that are known.
    known: BTreeMap<Name, Type>,
    /// Whether the types of columns that were looked at are known, by the names of the types.
    asked: HashMap<&'a str, bool>,
}

impl<'a> Types<'a> {
    pub(super) fn new(catalog: &'a Catalog) -> Self {
        let mut makers = HashMap::new();
        let mut multiranges = BTreeMap::new();
        for entry in &catalog.entries {
            let Some(schema) = &entry.schema else { continue };
            if !matches!(entry.kind.as_str(), "TYPE" | "DOMAIN" | "TABLE" | "FOREIGN TABLE") {
                continue;
            }
            makers.insert((schema.as_str(), entry.name.as_str()), entry);
            let definition = if entry.kind == "TYPE" { definition(entry) } else { None };
            let multirange = definition.as_deref().and_then(|of| option(of, "MULTIRANGE_TYPE_NAME"));
            if let Some(multirange) = multirange.and_then(qualified) {
                multiranges.insert(multirange, entry);
            }
        }
        let mut known = BTreeMap::new();
        for extension in &catalog.source.extensions {
            for (name, of) in of_extension(&extension.name) {
                known.insert((extension.schema.clone(), name.to_owned()), of);
            }
        }
        for (name, of) in INFORMATION_SCHEMA {
            known.insert(("information_schema".to_owned(), name.to_owned()), of);
        }
        Types { makers, multiranges, known, asked: HashMap::new() }
    }

    /// The first column of `table` whose binary values cannot be written as text.
    pub(super) fn unknown(&mut self, table: &'a Table) -> Option<&'a Column> {
        if table.transfer == Transfer::Text {
            return None;
        }
        table.columns.iter().find(|column| {
            let name = column.type_name.as_str();
            match self.asked.get(name) {
                Some(is_known) => !is_known,
                None => {
                    let is_known = self.find(name).is_some();
                    self.asked.insert(name, is_known);
                    !is_known
                }
            }
        })
    }

    /// The type of that name, as format_type prints it; `None` when it is not known how its values are made.
    pub(super) fn find(&self, name: &str) -> Option<Type> {
        self.find_at(&tokens(name)?, 0)
    }

    fn find_at(&self, words: &[&str], depth: usize) -> Option<Type> {
        if depth > DEEPEST {
            return None;
        }
        if let [element @ .., "[", "]"] = words {
            return Some(Type::Array(Box::new(self.find_at(element, depth + 1)?)));
        }
        let words = without_modifier(words);
        let Some(of) = qualified(&words) else { return built_in(&words.join(" ")) };
        if let Some(range) = self.multiranges.get(&of) {
            let definition = definition(range)?;
            let bound = option(&definition, "SUBTYPE")?;
            return Some(Type::Multirange(Box::new(self.find_at(bound, depth + 1)?)));
        }
        match self.makers.get(&(of.0.as_str(), of.1.as_str())) {
            Some(maker) => self.made_type(&definition(maker)?, depth + 1),
            None => self.known.get(&of).cloned(),
        }
    }

    fn made_type(&self, definition: &[&str], depth: usize) -> Option<Type> {
        Some(match definition {
            ["ENUM", ..] => Type::Text,
            ["RANGE", ..] => Type::Range(Box::new(self.find_at(option(definition, "SUBTYPE")?, depth)?)),
            ["(", ..] => {
                let field = |item: &[&str]| self.find_at(before_clauses(item.get(1..)?), depth);
                let is_column = |item: &&[&str]| item.first() != Some(&"CONSTRAINT");
                let columns = items(definition).into_iter().filter(is_column);
                Type::Composite(columns.map(field).collect::<Option<_>>()?)
            }
            base => self.find_at(before_clauses(base), depth)?,
        })
    }
}

/// A type of pg_catalog.
fn built_in(name: &str) -> Option<Type> {
    let range = |of| Some(Type::Range(Box::new(of)));
    let multirange = |of| Some(Type::Multirange(Box::new(of)));
    Some(match name {
        "boolean" => Type::Bool,
        "smallint" | "integer" | "bigint" => Type::Integer,
        "real" | "double precision" => Type::Float,
        "numeric" => Type::Numeric,
        "money" => Type::Money,
        "text" | "character varying" | "character" | "bpchar" | "name" | "json" | "xml" | "refcursor" => {
            Type::Text
        }
        "\"char\"" => Type::Char,
        "bytea" => Type::Bytea,
        "uuid" => Type::Uuid,
        "date" => Type::Date,
        "time without time zone" => Type::Time,
        "time with time zone" => Type::TimeTz,
        "timestamp without time zone" => Type::Timestamp,
        "timestamp with time zone" => Type::Timestamptz,
        _ if name == "interval" || name.starts_with("interval ") => Type::Interval,
        "inet" | "cidr" => Type::Network,
        "macaddr" | "macaddr8" => Type::Mac,
        "bit" | "bit varying" => Type::Bit,
        "point" => Type::Point,
        "line" => Type::Line,
        "lseg" => Type::Segment,
        "box" => Type::Box,
        "path" => Type::Path,
        "polygon" => Type::Polygon,
        "circle" => Type::Circle,
        "jsonb" | "jsonpath" => Type::Versioned,
        "tsvector" => Type::TextSearchVector,
        "tsquery" => Type::TextSearchQuery,
        "oid" | "xid" | "cid" => Type::Unsigned,
        "xid8" => Type::UnsignedLong,
        "pg_lsn" => Type::Lsn,
        "tid" => Type::TupleId,
        "pg_snapshot" | "txid_snapshot" => Type::Snapshot,
        "int4range" | "int8range" => return range(Type::Integer),
        "numrange" => return range(Type::Numeric),
        "daterange" => return range(Type::Date),
        "tsrange" => return range(Type::Timestamp),
        "tstzrange" => return range(Type::Timestamptz),
        "int4multirange" | "int8multirange" => return multirange(Type::Integer),
        "nummultirange" => return multirange(Type::Numeric),
        "datemultirange" => return multirange(Type::Date),
        "tsmultirange" => return multirange(Type::Timestamp),
        "tstzmultirange" => return multirange(Type::Timestamptz),
        _ => return None,
    })
}

/// The types of an extension whose values are known.
fn of_extension(extension: &str) -> Vec<(&'static str, Type)> {
    match extension {
        "vector" => {
            vec![("vector", Type::Vector), ("halfvec", Type::HalfVector), ("sparsevec", Type::SparseVector)]
        }
        "hstore" => vec![("hstore", Type::Hstore)],
        "citext" => vec![("citext", Type::Text)],
        "ltree" => ["ltree", "lquery", "ltxtquery"].map(|name| (name, Type::Versioned)).to_vec(),
        "postgis" => vec![("geometry", Type::Hex), ("geography", Type::Hex)],
        "postgis_raster" => vec![("raster", Type::Hex)],
        _ => Vec::new(),
    }
}

/// What the statement of an entry that makes a type says of it: what stands behind AS, or a table's columns. A base type's says
/// nothing of its values; a table that gets columns from another relation or type does not list them.
fn definition(entry: &Entry) -> Option<Vec<&str>> {
    let words = tokens(entry.create.first()?)?;
    match words.as_slice() {
        ["CREATE", "TYPE" | "DOMAIN", _, ".", _, "AS", definition @ ..] => Some(definition.to_vec()),
        ["CREATE", "TABLE", _, ".", _, columns @ ..]
        | ["CREATE", "UNLOGGED" | "FOREIGN", "TABLE", _, ".", _, columns @ ..]
            if columns.starts_with(&["("]) && !columns.contains(&"INHERITS") =>
        {
            Some(columns.to_vec())
        }
        _ => None,
    }
}

fn qualified(words: &[&str]) -> Option<Name> {
    let [schema, ".", of] = words else { return None };
    Some((name(schema), name(of)))
}

/// `numeric(10,2)` and `timestamp(3) without time zone` without what is in parentheses.
fn without_modifier<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut depth = 0;
    let keep = |word: &&&str| {
        depth += i32::from(**word == "(");
        let outside = depth == 0;
        depth -= i32::from(**word == ")");
        outside
    };
    words.iter().filter(keep).copied().collect()
}

/// The type of a column, an attribute or a domain, before what else is said of it.
fn before_clauses<'a, 'b>(words: &'b [&'a str]) -> &'b [&'a str] {
    let clauses = [
        "COLLATE",
        "DEFAULT",
        "NOT",
        "NULL",
        "GENERATED",
        "CONSTRAINT",
        "CHECK",
        "STORAGE",
        "COMPRESSION",
        "OPTIONS",
    ];
    let end = words.iter().position(|word| clauses.contains(word)).unwrap_or(words.len());
    &words[..end]
}

/// The items of the first list in parentheses.
fn items<'a, 'b>(words: &'b [&'a str]) -> Vec<&'b [&'a str]> {
    let mut items = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, word) in words.iter().enumerate() {
        match *word {
            "(" if depth == 0 => (depth, start) = (1, at + 1),
            "(" => depth += 1,
            ")" if depth > 1 => depth -= 1,
            "," | ")" if depth == 1 => {
                if at > start {
                    items.push(&words[start..at]);
                }
                start = at + 1;
                if *word == ")" {
                    break;
                }
            }
            _ => {}
        }
    }
    items
}

/// The value of `WORD = value` in the list of a definition.
fn option<'a, 'b>(definition: &'b [&'a str], word: &str) -> Option<&'b [&'a str]> {
    items(definition).into_iter().find_map(|item| match item {
        [name, "=", value @ ..] if *name == word => Some(value),
        _ => None,
    })
}
