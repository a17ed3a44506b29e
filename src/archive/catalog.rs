//! The catalog: what the archive holds, written before the data. format-spec/catalog.md

use serde::{Deserialize, Serialize};

use super::wire::{self, ReadsBack};
use super::{Error, Shape, ValueKind};
use crate::copy_rows::Format;

/// Most columns a table of an archive may have: PostgreSQL's limit for a row of a query.
pub(super) const MAX_COLUMNS: usize = 1664;

/// Everything but the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// Where the data came from.
    pub source: Source,
    /// All entries, in restore order.
    pub entries: Vec<Entry>,
    /// The tables whose data the archive holds.
    pub tables: Vec<Table>,
}

impl ReadsBack for Catalog {
    fn reads_back(&self, reader: &mut wire::Reader<'_>) -> Result<bool, wire::Error> {
        let Catalog { source, entries, tables } = self;
        Ok(reader.is(source)? && reader.is_list(entries)? && reader.is_list(tables)?)
    }
}

/// The kind of the entry whose rows are the contents of large objects.
const LARGE_OBJECT_DATA: &str = "BLOBS";

/// The server and the database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Version of the program that wrote the archive.
    pub pgsnap_version: String,
    /// As in `SHOW server_version_num`.
    pub server_version_num: u32,
    /// As in `SHOW server_version`.
    pub server_version: String,
    /// Name of the database.
    pub database: String,
    /// Its encoding, which is that of all text in the blocks.
    pub encoding: String,
    /// Its LC_COLLATE.
    pub collate: String,
    /// Its LC_CTYPE.
    pub ctype: String,
    /// When the snapshot was taken: microseconds since 1970-01-01, UTC.
    pub snapshot_time: i64,
    /// Installed extensions.
    pub extensions: Vec<Extension>,
    /// Roles that entries mention.
    pub roles: Vec<String>,
    /// Those of them that row-level security policies name: needed even when owners and privileges are not restored.
    pub policy_roles: Vec<String>,
    /// Server settings that the data depends on: name and value.
    pub settings: Vec<(String, String)>,
    /// What the database holds and the archive does not, one sentence each.
    pub uncovered: Vec<String>,
}

/// An extension of the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Name.
    pub name: String,
    /// The schema it is installed in.
    pub schema: String,
    /// Installed version.
    pub version: String,
}

/// Something to restore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the list, from 1.
    pub id: u32,
    /// What it is, in pg_dump's words: `TABLE`, `ACL`, ... A reader meets kinds it does not know.
    pub kind: String,
    /// The schema it is in.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
    /// The role that owns it.
    pub owner: Option<String>,
    /// Before, with or after the data.
    pub section: Section,
    /// Which round of a restore it belongs to.
    pub pass: Pass,
    /// What `create` takes on the tables among `dependencies`.
    pub lock: Lock,
    /// Statements that make it, one per string.
    pub create: Vec<String>,
    /// Statements that remove it, one per string.
    pub drop: Vec<String>,
    /// What stands between ALTER and OWNER TO: `TABLE public.t`.
    pub owned: Option<String>,
    /// Its tablespace, when not the default.
    pub tablespace: Option<String>,
    /// Its access method, when it has one.
    pub access_method: Option<String>,
    /// Ids of the entries it needs, all smaller than its own.
    pub dependencies: Vec<u32>,
    /// For TABLE DATA and BLOBS: the index into [`Catalog::tables`].
    pub table: Option<u32>,
}

/// pg_dump's sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Section {
    /// Before the data.
    PreData,
    /// Data.
    Data,
    /// After the data: indexes, constraints, triggers.
    PostData,
}

/// pg_restore's passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Pass {
    /// Everything that is not in another pass.
    Main,
    /// ACLs, when all objects are there.
    Acl,
    /// What must come after the ACLs: event triggers, refreshes.
    PostAcl,
}

/// What a statement takes on the tables it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lock {
    /// Nothing that another statement of a restore could wait for.
    None,
    /// A lock that several statements can hold at once.
    Share,
    /// A lock that only one statement can hold.
    Exclusive,
}

/// A table with data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Id of the entry whose rows these are.
    pub entry: u32,
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// How its rows travel.
    pub transfer: Transfer,
    /// Why they travel as text, when they do.
    pub text_reason: Option<String>,
    /// The partitioned table, schema and name, through which its rows are loaded: the server says which partition they
    /// belong into, and that is not the same everywhere.
    pub root: Option<(String, String)>,
    /// A table that an extension makes has only the rows that the extension does not: what follows the table's name when they
    /// are read, `WHERE ...` or nothing.
    pub condition: Option<String>,
    /// The columns of the COPY, in its order.
    pub columns: Vec<Column>,
}

/// The form of COPY that a table's rows have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transfer {
    /// COPY BINARY.
    Binary,
    /// COPY text.
    Text,
}

impl Transfer {
    /// The form of the rows.
    pub fn format(self) -> Format {
        match self {
            Transfer::Binary => Format::Binary,
            Transfer::Text => Format::Text,
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// The type with its modifiers, as format_type writes it.
    pub type_name: String,
    /// How its minimum and maximum compare and print.
    pub value: ValueKind,
    /// Where its values embed type OIDs.
    pub shape: Shape,
}

impl Table {
    /// The names of its columns.
    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// `schema.name`, for messages; not quoted for SQL.
    pub fn label(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

impl Entry {
    /// `schema.name` or, for what is in no schema, the name; not quoted for SQL.
    pub fn qualified_name(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Kind and name, for messages.
    pub fn label(&self) -> String {
        format!("{} {}", self.kind, self.qualified_name())
    }

    /// Whether its rows are the contents of large objects: format-spec/large-objects.md
    pub fn holds_large_objects(&self) -> bool {
        self.kind == LARGE_OBJECT_DATA
    }
}

impl Catalog {
    /// Whether the rows of a table are the contents of large objects.
    pub fn holds_large_objects(&self, table: &Table) -> bool {
        let entry = (table.entry as usize).checked_sub(1).and_then(|place| self.entries.get(place));
        entry.is_some_and(Entry::holds_large_objects)
    }

    /// Whether an entry holds rows of a table that an extension makes, and that has no entry of its own.
    pub fn is_configuration(&self, entry: &Entry) -> bool {
        entry.table.and_then(|table| self.table(table)).is_some_and(|table| table.condition.is_some())
    }

    /// The table that a block or an entry refers to; `None` for a number that is not from this catalog.
    pub(super) fn table(&self, number: u32) -> Option<&Table> {
        self.tables.get(usize::try_from(number).ok()?)
    }

    /// Whether the parts agree with each other; both writer and reader ask.
    pub(super) fn validate(&self) -> Result<(), Error> {
        let contradiction = |what: String| Err(Error::Catalog { what });
        for (entry, place) in self.entries.iter().zip(1u32..) {
            if entry.id != place {
                return contradiction(format!("entry {place} has the id {}", entry.id));
            }
            if let Some(bad) = entry.dependencies.iter().find(|&&id| id == 0 || id >= entry.id) {
                return contradiction(format!(
                    "entry {place} depends on entry {bad}, which is not before it"
                ));
            }
            if let Some(table) = entry.table {
                if self.table(table).is_none_or(|referred| referred.entry != entry.id) {
                    return contradiction(format!(
                        "entry {place} refers to table {table}, which does not refer back"
                    ));
                }
                if (entry.section, entry.pass) != (Section::Data, Pass::Main) {
                    return contradiction(format!(
                        "entry {place} has rows and is not restored with the data"
                    ));
                }
            }
            let statements = entry.create.iter().chain(&entry.drop);
            let names =
                [Some(&entry.name), entry.schema.as_ref(), entry.owner.as_ref(), entry.owned.as_ref()];
            let places = [Some(&entry.kind), entry.tablespace.as_ref(), entry.access_method.as_ref()];
            if names.into_iter().chain(places).flatten().chain(statements).any(|text| text.contains('\0')) {
                return contradiction(format!("entry {place} has a text with a NUL byte"));
            }
        }
        for (table, number) in self.tables.iter().zip(0u32..) {
            let entry = usize::try_from(table.entry).ok().and_then(|id| self.entries.get(id.checked_sub(1)?));
            if entry.is_none_or(|entry| entry.table != Some(number)) {
                return contradiction(format!(
                    "table {number} is not the table of its entry {}",
                    table.entry
                ));
            }
            if table.columns.len() > MAX_COLUMNS {
                return Err(Error::Limit {
                    what: format!("the number of columns of table {}", table.label()),
                    found: table.columns.len() as u64,
                    limit: MAX_COLUMNS as u64,
                });
            }
            let columns = table.columns.iter().flat_map(|column| [&column.name, &column.type_name]);
            let names = table.root.iter().flat_map(|(schema, name)| [schema, name]);
            let texts = columns.chain([&table.schema, &table.name]).chain(names).chain(&table.condition);
            if texts.into_iter().any(|text| text.contains('\0')) {
                return contradiction(format!("table {number} has a name with a NUL byte"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::catalog;
    use super::*;

    #[test]
    fn the_kind_of_its_entry_tells_what_a_table_holds() {
        let mut catalog = catalog();
        let table = catalog.tables[0].clone();
        assert!(!catalog.holds_large_objects(&table));
        catalog.entries[table.entry as usize - 1].kind = LARGE_OBJECT_DATA.to_owned();
        assert!(catalog.holds_large_objects(&table));
        let of_nobody = |entry| Table { entry, ..table.clone() };
        assert!(!catalog.holds_large_objects(&of_nobody(0)) && !catalog.holds_large_objects(&of_nobody(99)));
        assert_eq!(table.column_names().count(), table.columns.len());
    }
}
