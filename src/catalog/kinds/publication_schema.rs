//! PUBLICATION TABLES IN SCHEMA: that a publication has all tables of a schema. Since PostgreSQL 15.

use super::{Kind, Query};
use crate::catalog::class::{PG_NAMESPACE, PG_PUBLICATION, PG_PUBLICATION_NAMESPACE};
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Schemas of publications.
pub(super) const PUBLICATION_SCHEMA: Kind =
    Kind { tag: "PUBLICATION TABLES IN SCHEMA", queries, follow_up: None, assemble };

fn queries(version: Version) -> Vec<Query> {
    if version.major() < 15 {
        return Vec::new();
    }
    let sql = "
        SELECT m.oid, p.oid AS publication_oid, p.pubname AS publication, n.oid AS schema_oid, n.nspname AS schema
        FROM pg_catalog.pg_publication_namespace m
        JOIN pg_catalog.pg_publication p ON p.oid = m.pnpubid
        JOIN pg_catalog.pg_namespace n ON n.oid = m.pnnspid"
        .to_owned();
    vec![Query { name: "schemas of publications", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("schemas of publications").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let (publication, schema) = (row.text("publication")?, row.text("schema")?);
    let id = ObjectId::new(PG_PUBLICATION_NAMESPACE, row.oid("oid")?);
    let name = format!("{publication} {schema}");
    let mut draft = Draft::new(id, "PUBLICATION TABLES IN SCHEMA", None, &name, Section::PostData);
    draft.requires = vec![
        ObjectId::new(PG_NAMESPACE, row.oid("schema_oid")?),
        ObjectId::new(PG_PUBLICATION, row.oid("publication_oid")?),
    ];
    let (publication, schema) = (sql::ident(publication), sql::ident(schema));
    draft.create = vec![format!("ALTER PUBLICATION {publication} ADD TABLES IN SCHEMA {schema}").into()];
    draft.drop = vec![format!("ALTER PUBLICATION {publication} DROP TABLES IN SCHEMA {schema}")];
    Ok(draft)
}
