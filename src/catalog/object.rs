//! Objects: as a kind's `assemble` drafts them, and as the inventory lists them.

use std::collections::BTreeSet;

/// The identity of an object: OIDs alone collide across catalogs, so a catalog's OID goes with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// OID of the system catalog that holds the object: 1259 for pg_class.
    pub class: u32,
    /// OID of the object; for objects that have none of their own (table data, ACLs ...) that of the object they belong to.
    pub oid: u32,
    /// Tells apart what belongs to one catalog row: 0 is the object itself, see the constants.
    pub sub: i32,
}

impl ObjectId {
    /// `sub` of a relation's rows (TABLE DATA), a sequence's value (SEQUENCE SET), a view's refresh.
    pub const DATA: i32 = -1;
    /// `sub` of attaching a partition (TABLE ATTACH, INDEX ATTACH).
    pub const ATTACH: i32 = -2;
    /// `sub` of the ENABLE ROW LEVEL SECURITY of a table.
    pub const ROW_SECURITY: i32 = -3;
    /// `sub` of a sequence's OWNED BY.
    pub const OWNED_BY: i32 = -4;
    /// `sub` of the real definition of a view that a loop forced to be created as a dummy first.
    pub const REPLACED_VIEW: i32 = -5;
    /// `sub` of an object's ACL.
    pub const ACL: i32 = -6;
    /// `sub` of an object's comment.
    pub const COMMENT: i32 = -7;
    /// `sub` of an object's security labels.
    pub const LABEL: i32 = -8;
    /// `sub` of a relation's planner statistics.
    pub const STATISTICS: i32 = -10;
    /// `sub` of a type's shell.
    pub const SHELL: i32 = -9;
    /// `sub` of the settings of a role or database.
    pub const PROPERTIES: i32 = -11;
    /// `sub` of what a database gets when it is whole: its connection limit, and that it is a template.
    pub const LAST_PROPERTIES: i32 = -12;
    /// `sub` of an index that is built before the constraint that takes it over.
    pub const KEY_INDEX: i32 = -13;

    /// The object of that catalog.
    pub const fn new(class: u32, oid: u32) -> Self {
        ObjectId { class, oid, sub: 0 }
    }

    /// The same catalog row with another `sub`.
    pub const fn with_sub(self, sub: i32) -> Self {
        ObjectId { sub, ..self }
    }
}

/// Where pg_dump puts it, with pg_dump's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Definitions that data needs.
    PreData,
    /// Rows, sequence values.
    Data,
    /// Definitions that come after the rows: indexes, constraints, triggers ...
    PostData,
}

/// Which of pg_restore's three passes restores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// Definitions, rows, constraints.
    Main,
    /// ACLs and default ACLs: after everything of `Main`.
    Acl,
    /// What must run under the final ACLs: refreshes, event triggers.
    PostAcl,
}

/// What the create statements lock on the tables among the dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Nothing that conflicts.
    None,
    /// A lock that conflicts with exclusive ones only, as CREATE INDEX does.
    Share,
    /// ACCESS EXCLUSIVE, or a lock that conflicts with itself.
    Exclusive,
}

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Always there.
    Text(String),
    /// There only when the object `part` is created inside this statement (a column's default).
    Part {
        /// The part.
        part: ObjectId,
        /// The text, with its leading blank.
        text: String,
    },
    /// A parenthesised list without the parentheses: the items that are there, joined by `,\n    `.
    List(Vec<Item>),
}

/// An item of a [`Piece::List`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// When set, the item is there only when this object is created inside the statement (a CHECK constraint).
    pub part: Option<ObjectId>,
    /// The item's text: `Text` and `Part` pieces only.
    pub pieces: Vec<Piece>,
}

/// A statement whose parts may yet be taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement(pub Vec<Piece>);

impl From<String> for Statement {
    fn from(text: String) -> Self {
        Statement(vec![Piece::Text(text)])
    }
}

impl Statement {
    /// The text, without the parts in `separate`.
    pub fn render(&self, separate: &BTreeSet<ObjectId>) -> String {
        let mut text = String::new();
        render(&self.0, separate, &mut text);
        text
    }
}

fn render(pieces: &[Piece], separate: &BTreeSet<ObjectId>, text: &mut String) {
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Part { part, text: piece } if !separate.contains(part) => text.push_str(piece),
            Piece::Part { .. } => {}
            Piece::List(items) => {
                let present =
                    items.iter().filter(|item| !item.part.is_some_and(|part| separate.contains(&part)));
                for (at, item) in present.enumerate() {
                    text.push_str(if at == 0 { "\n    " } else { ",\n    " });
                    render(&item.pieces, separate, text);
                }
            }
        }
    }
}

/// What can be done with an object that stands in a dependency loop, or that needs something of a later section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// Nothing.
    None,
    /// It may move to post-data (functions, materialized views).
    Postpone,
    /// It may be created as a view of the same columns without content first; `create` then replaces it in post-data.
    DummyView {
        /// The statement that creates the dummy.
        create: String,
    },
}

/// An object as its kind drafts it from catalog rows. The catalog layer adds dependencies, comment and ACL, breaks loops,
/// and makes it an [`Object`].
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its identity.
    pub id: ObjectId,
    /// Other identities by which pg_depend may speak of it: a table's row type and array type, a view's `_RETURN` rule ...
    pub aliases: Vec<ObjectId>,
    /// pg_dump's word for it in a table of contents: `TABLE`, `FK CONSTRAINT`.
    pub kind: &'static str,
    /// Its schema, unquoted.
    pub schema: Option<String>,
    /// Its name as in pg_dump's table of contents, unquoted: `events`, `f(integer)`, `events events_pkey`.
    pub name: String,
    /// The role that owns it; none for objects without an owner.
    pub owner: Option<String>,
    /// The section.
    pub section: Section,
    /// The restore pass.
    pub pass: Pass,
    /// What `create` locks on the tables it depends on.
    pub lock: Lock,
    /// The statements that create it, one each. Empty for what needs none (the schema public).
    pub create: Vec<Statement>,
    /// The statements that drop it, one each.
    pub drop: Vec<String>,
    /// What stands between ALTER and OWNER TO.
    pub owned: Option<String>,
    /// What stands between COMMENT ON and IS; none when it cannot have a comment.
    pub comment_on: Option<String>,
    /// The quoted qualified name that stands before a column's in COMMENT ON COLUMN.
    pub columns_of: Option<String>,
    /// What stands between GRANT ... ON and TO: `TABLE public.t`; none when it cannot have an ACL.
    pub acl_on: Option<String>,
    /// The tablespace: none where it does not apply, empty for the database's default.
    pub tablespace: Option<String>,
    /// The table access method, where it applies.
    pub access_method: Option<String>,
    /// What it needs beyond what pg_depend says.
    pub requires: Vec<ObjectId>,
    /// The object whose statement holds it unless a loop forbids that (a table, for its CHECKs and defaults). `section`
    /// and `create` then are those it has when it stands alone.
    pub inline_in: Option<ObjectId>,
    /// What a loop may do with it.
    pub repair: Repair,
    /// For a type: the functions without which it cannot be made. Those of them that take or give it find its shell, and are
    /// dropped with it.
    pub made_by: Vec<ObjectId>,
    /// Whether it is dumped although it belongs to a member of an extension: the extension asks for it.
    pub of_configuration: bool,
    /// For TABLE DATA: the relation.
    pub data: Option<Box<Relation>>,
    /// The place of its kind in the registry, once all are assembled.
    pub rank: usize,
}

impl Draft {
    /// A draft with the required parts, in `section`, restored in the main pass, with everything else empty.
    pub fn new(id: ObjectId, kind: &'static str, schema: Option<&str>, name: &str, section: Section) -> Self {
        Draft {
            id,
            aliases: Vec::new(),
            kind,
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
            owner: None,
            section,
            pass: Pass::Main,
            lock: if section == Section::PostData { Lock::Exclusive } else { Lock::None },
            create: Vec::new(),
            drop: Vec::new(),
            owned: None,
            comment_on: None,
            columns_of: None,
            acl_on: None,
            tablespace: None,
            access_method: None,
            requires: Vec::new(),
            inline_in: None,
            repair: Repair::None,
            made_by: Vec::new(),
            of_configuration: false,
            data: None,
            rank: 0,
        }
    }

    /// Kind, schema and name, for messages.
    pub(super) fn describe(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{} {schema}.{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }
}

/// An object in the inventory.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its identity.
    pub id: ObjectId,
    /// As in [`Draft`].
    pub kind: &'static str,
    /// As in [`Draft`].
    pub schema: Option<String>,
    /// As in [`Draft`].
    pub name: String,
    /// As in [`Draft`].
    pub owner: Option<String>,
    /// As in [`Draft`].
    pub section: Section,
    /// As in [`Draft`].
    pub pass: Pass,
    /// As in [`Draft`].
    pub lock: Lock,
    /// As in [`Draft`], rendered.
    pub create: Vec<String>,
    /// As in [`Draft`].
    pub drop: Vec<String>,
    /// As in [`Draft`].
    pub owned: Option<String>,
    /// As in [`Draft`].
    pub tablespace: Option<String>,
    /// As in [`Draft`].
    pub access_method: Option<String>,
    /// Places in the inventory's list, all before its own.
    pub dependencies: Vec<usize>,
    /// As in [`Draft`].
    pub data: Option<Box<Relation>>,
}

/// A relation whose rows are dumped.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Its OID at the source.
    pub oid: u32,
    /// Its schema, unquoted.
    pub schema: String,
    /// Its name, unquoted.
    pub name: String,
    /// Bytes of the table itself and of its TOAST table with index; of a table 0 until [`measure`](super::measure).
    pub bytes: u64,
    /// Pages of the table itself; 0 until [`measure`](super::measure).
    pub pages: u32,
    /// Whether its access method is heap: only then are ctid ranges known to work.
    pub is_heap: bool,
    /// The columns that COPY carries, in order: not dropped, not generated.
    pub columns: Vec<Attribute>,
    /// Why its rows cannot travel in binary; none when they can.
    pub text_reason: Option<String>,
    /// The partitioned table, schema and name unquoted, through which its rows must be loaded.
    pub root: Option<(String, String)>,
    /// For a table of an extension: the condition, `WHERE ...` or nothing, for the rows that the extension does not make.
    pub condition: Option<String>,
    /// For the contents of large objects: all of these.
    pub large_objects: Vec<LargeObject>,
}

/// A large object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LargeObject {
    /// Its OID.
    pub oid: u32,
    /// Whether the dumping role may read it.
    pub readable: bool,
}

/// A column whose values are dumped.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Its name, unquoted.
    pub name: String,
    /// Its type with typmod, as format_type prints it with an empty search_path.
    pub type_name: String,
    /// How minimum and maximum compare.
    pub value: ValueKind,
    /// Where values embed OIDs that differ between databases.
    pub shape: Shape,
}

/// How values of a column compare and print; the same words as in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Not compared.
    Opaque,
    /// bool.
    Bool,
    /// int2, int4, int8.
    Integer,
    /// float4, float8.
    Float,
    /// date.
    Date,
    /// timestamp.
    Timestamp,
    /// timestamptz.
    Timestamptz,
    /// uuid.
    Uuid,
}

/// Where a value in COPY BINARY embeds OIDs of types that differ between databases: from 10000 on, those of initdb and of
/// users. The same words as in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Nowhere.
    Plain,
    /// In the array's header, and perhaps in its elements.
    Array(Box<Shape>),
    /// Before each field, and perhaps in the fields.
    Composite(Vec<Shape>),
    /// In the bounds.
    Range(Box<Shape>),
    /// In the ranges' bounds.
    Multirange(Box<Shape>),
}

/// What introspection found.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// Every object, in restore order: no object depends on a later one.
    pub objects: Vec<Object>,
    /// The roles that owners, ACLs and policies name, sorted, without the system's own.
    pub roles: Vec<String>,
    /// Those of them that policies name.
    pub policy_roles: Vec<String>,
    /// Extensions: name, schema, version.
    pub extensions: Vec<(String, String, String)>,
    /// Server and database settings that the data's meaning depends on: name, value.
    pub settings: Vec<(String, String)>,
    /// What the database holds and this version of pgsnap does not dump, each with kind and name.
    pub uncovered: Vec<String>,
}
