//! TABLE DATA: the rows of a table. Definitions of columns are the table's; here are those that COPY carries.
//!
//! Of a table that an extension makes only the rows that it asks to be dumped (pg_extension.extconfig).

use std::collections::BTreeMap;

use super::relation::{OF_USERS, RELATION, SCHEMA, part_draft, relation_id, rows_by};
use super::{Kind, Query};
use crate::catalog::{
    Attribute, Draft, Error, ObjectId, Relation, Results, Row, Section, Shape, ValueKind, transfer,
};
use crate::pg::Version;

/// Rows of tables.
pub(super) const TABLE_DATA: Kind = Kind { tag: "TABLE DATA", queries, follow_up: None, assemble };

/// Joins `x`, the configuration of an extension, to a relation `c`.
pub(super) const CONFIGURATION: &str = "
    LEFT JOIN (SELECT t.oid, t.condition FROM pg_catalog.pg_extension e
               CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(e.extconfig), pg_catalog.unnest(e.extcondition))
                   t (oid, condition)) x ON x.oid = c.oid";

fn queries(version: Version) -> Vec<Query> {
    let data = format!(
        "SELECT {RELATION}, COALESCE(m.amname = 'heap', false) AS is_heap, x.condition,
                c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery() AS is_absent
           FROM pg_catalog.pg_class c {SCHEMA}
           LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam {CONFIGURATION}
          WHERE c.relkind = 'r' AND {OF_USERS}
          ORDER BY n.nspname, c.relname"
    );
    let column = format!(
        "SELECT a.attrelid AS table_oid, a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type
           FROM pg_catalog.pg_attribute a
           JOIN pg_catalog.pg_class c ON c.oid = a.attrelid {SCHEMA}
          WHERE c.relkind IN ('r', 'p') AND {OF_USERS} AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attgenerated = ''
          ORDER BY a.attrelid, a.attnum"
    );
    // Rows of configuration are loaded into tables whose foreign keys are there already.
    let referenced = "
        SELECT DISTINCT k.conrelid AS table_oid, k.confrelid AS referenced_oid
        FROM pg_catalog.pg_constraint k
        JOIN pg_catalog.pg_extension e ON k.conrelid = ANY (e.extconfig)
        WHERE k.contype = 'f' AND k.conrelid <> k.confrelid"
        .to_owned();
    vec![
        Query { name: "table_data", sql: data },
        Query { name: "table_data_columns", sql: column },
        Query { name: "referenced configuration", sql: referenced },
        unstable_hashes(version),
    ]
}

/// The partitions whose rows may belong into another one in another database: the hash of an enum is that of its OID. An
/// expression's type is not in the catalog; only its operator class tells of an enum. Each is loaded through the topmost of
/// its ancestors that goes by such a hash: what is above that sends rows to the same place everywhere, and all partitions
/// below it are of this sort, so that they can be read back together.
fn unstable_hashes(version: Version) -> Query {
    let parts_of = transfer::parts_of(version);
    let sql = format!(
        "
        WITH RECURSIVE reached (relation, oid) AS (
            SELECT p.partrelid, a.atttypid
            FROM pg_catalog.pg_partitioned_table p
            JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs::int2[])
            WHERE p.partstrat = 'h' AND a.attnum > 0
            UNION
            SELECT s.relation, n.oid FROM reached s JOIN pg_catalog.pg_type t ON t.oid = s.oid {parts_of}
        ),
        by_enum (relation) AS (
            SELECT s.relation FROM reached s JOIN pg_catalog.pg_type t ON t.oid = s.oid WHERE t.typtype = 'e'
            UNION
            SELECT p.partrelid
            FROM pg_catalog.pg_partitioned_table p
            JOIN pg_catalog.pg_opclass k ON k.oid = ANY (p.partclass::pg_catalog.oid[])
            WHERE p.partstrat = 'h' AND k.opcintype = 'pg_catalog.anyenum'::pg_catalog.regtype
        )
        SELECT DISTINCT ON (l.oid) l.oid, r.oid AS root_oid, n.nspname AS root_schema, r.relname AS root
        FROM pg_catalog.pg_class l
        CROSS JOIN LATERAL pg_catalog.pg_partition_ancestors(l.oid) WITH ORDINALITY a (relid, height)
        JOIN by_enum h ON h.relation = a.relid
        JOIN pg_catalog.pg_class r ON r.oid = h.relation AND r.relpersistence <> 't'
        JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
        WHERE l.relkind = 'r' AND l.relispartition
        ORDER BY l.oid, a.height DESC"
    );
    Query { name: "unstable hashes", sql }
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let columns = rows_by(results.rows("table_data_columns"), "table_oid")?;
    let referenced = rows_by(results.rows("referenced configuration"), "table_oid")?;
    let roots = rows_by(results.rows("unstable hashes"), "oid")?;
    let mut drafts = Vec::new();
    for row in results.rows("table_data") {
        let oid = row.oid("oid")?;
        if row.bool("is_absent")? {
            let (schema, name) = (row.text("schema")?, row.text("name")?);
            tracing::warn!(
                "a standby does not have the rows of the unlogged table {schema}.{name}: they are not dumped"
            );
            continue;
        }
        let mut draft = part_draft(row, "TABLE DATA", ObjectId::DATA, Section::Data)?;
        let root = roots.get(&oid).and_then(|rows| rows.first());
        let condition = row.opt_text("condition")?.map(str::to_owned);
        draft.of_configuration = condition.is_some();
        for row in referenced.get(&oid).into_iter().flatten() {
            draft.requires.push(relation_id(row.oid("referenced_oid")?).with_sub(ObjectId::DATA));
        }
        draft.data = Some(Box::new(Relation {
            oid,
            schema: row.text("schema")?.to_owned(),
            name: row.text("name")?.to_owned(),
            bytes: 0,
            pages: 0,
            is_heap: row.bool("is_heap")?,
            columns: attributes(&columns, oid, root.map(|root| root.oid("root_oid")).transpose()?)?,
            text_reason: None,
            root: match root {
                Some(root) => Some((root.text("root_schema")?.to_owned(), root.text("root")?.to_owned())),
                None => None,
            },
            condition,
            large_objects: Vec::new(),
        }));
        drafts.push(draft);
    }
    Ok(drafts)
}

/// The columns of a table in its own order; in that of its root when it has one, so that what comes out of the root after a
/// restore can be compared with all partitions together.
fn attributes(
    columns: &BTreeMap<u32, Vec<&Row>>,
    oid: u32,
    root: Option<u32>,
) -> Result<Vec<Attribute>, Error> {
    let names = columns.get(&root.unwrap_or(oid)).into_iter().flatten();
    let names = names.map(|column| column.text("name")).collect::<Result<Vec<_>, _>>()?;
    let mut own = columns.get(&oid).cloned().unwrap_or_default();
    own.sort_by_key(|column| names.iter().position(|name| column.text("name").is_ok_and(|own| own == *name)));
    own.into_iter().map(attribute).collect()
}

fn attribute(row: &Row) -> Result<Attribute, Error> {
    Ok(Attribute {
        name: row.text("name")?.to_owned(),
        type_name: row.text("type")?.to_owned(),
        value: ValueKind::Opaque,
        shape: Shape::Plain,
    })
}
