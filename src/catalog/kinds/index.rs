//! INDEX: those that no constraint has made.

use super::relation::{
    OF_USERS, SCHEMA, TABLE_OF, depends_on_extensions, extensions_of, relation_id, table_name,
};
use super::{Kind, Query};
use crate::catalog::class::PG_CLASS;
use crate::catalog::{Draft, Error, Lock, Results, Row, Section, Statement};
use crate::pg::Version;
use crate::sql;

/// Indexes.
pub(super) const INDEX: Kind = Kind { tag: "INDEX", queries, follow_up: None, assemble };

/// Selected of the index `x` with its pg_index row `i`, for [`index_details`].
pub(super) const INDEX_DETAILS: &str =
    "COALESCE((SELECT s.spcname::text FROM pg_catalog.pg_tablespace s WHERE s.oid = x.reltablespace), '') AS tablespace,
                i.indisclustered AS clustered, i.indisreplident AS replica_identity,
                CASE WHEN i.indexprs IS NOT NULL THEN
                    ARRAY(SELECT pg_catalog.format('%s SET STATISTICS %s', a.attnum, a.attstattarget)
                            FROM pg_catalog.pg_attribute a
                           WHERE a.attrelid = x.oid AND a.attstattarget >= 0 ORDER BY a.attnum) END AS statistics";

/// An index that a restored database can have: complete ones, and those of partitioned tables, which are complete when
/// every partition's is attached. Invalid ones are leftovers of a failed CREATE INDEX CONCURRENTLY.
pub(super) const USABLE: &str = "i.indisready AND (i.indisvalid OR x.relkind = 'I')";

fn queries(_: Version) -> Vec<Query> {
    let extensions = extensions_of(PG_CLASS, "x.oid");
    let sql = format!(
        "SELECT {TABLE_OF}, x.oid, x.relname AS name, pg_catalog.pg_get_indexdef(x.oid) AS definition,
                x.relispartition AS attached, {INDEX_DETAILS}, {extensions}
           FROM pg_catalog.pg_index i
           JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
           JOIN pg_catalog.pg_class c ON c.oid = i.indrelid {SCHEMA}
          WHERE c.relkind IN ('r', 'p', 'm') AND {OF_USERS} AND {USABLE}
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                     WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
          ORDER BY n.nspname, x.relname"
    );
    vec![Query { name: "index", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("index").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let (schema, name) = (row.text("schema")?, row.text("name")?);
    let object = format!("INDEX {}", sql::qualified(schema, name));
    let mut draft = Draft::new(relation_id(row.oid("oid")?), "INDEX", Some(schema), name, Section::PostData);
    draft.requires = vec![relation_id(row.oid("table_oid")?)];
    draft.lock = Lock::Share;
    draft.tablespace = Some(row.text("tablespace")?.to_owned());
    draft.create = vec![row.text("definition")?.to_owned().into()];
    draft.create.extend(index_details(row, &table_name(row)?, name)?);
    draft.create.extend(depends_on_extensions(row, &object)?);
    if !row.bool("attached")? {
        draft.drop = vec![format!("DROP {object}")];
    }
    draft.comment_on = Some(object);
    Ok(draft)
}

/// What CREATE INDEX and ADD CONSTRAINT cannot say, from a row with [`INDEX_DETAILS`].
pub(super) fn index_details(row: &Row, table: &str, index: &str) -> Result<Vec<Statement>, Error> {
    let mut statements: Vec<Statement> = Vec::new();
    // Columns of an index go by number: theirs are generated names.
    let qualified = sql::qualified(row.text("schema")?, index);
    for target in row.list("statistics")? {
        statements.push(format!("ALTER INDEX {qualified} ALTER COLUMN {target}").into());
    }
    let index = sql::ident(index);
    if row.bool("clustered")? {
        statements.push(format!("ALTER TABLE {table} CLUSTER ON {index}").into());
    }
    if row.bool("replica_identity")? {
        statements.push(format!("ALTER TABLE ONLY {table} REPLICA IDENTITY USING INDEX {index}").into());
    }
    Ok(statements)
}
