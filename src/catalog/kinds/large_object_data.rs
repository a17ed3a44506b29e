//! BLOBS: the contents of all large objects, as the rows of one table (format-spec/large-objects.md).

use super::large_object::{self, LARGE_OBJECTS};
use super::{Kind, Query};
use crate::catalog::class::PG_LARGEOBJECT;
use crate::catalog::{
    Attribute, Draft, Error, LargeObject, ObjectId, Relation, Results, Section, Shape, ValueKind,
};
use crate::pg::Version;

pub(super) const LARGE_OBJECT_DATA: Kind = Kind { tag: "BLOBS", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = "SELECT pg_catalog.pg_relation_size('pg_catalog.pg_largeobject'::pg_catalog.regclass) AS bytes"
        .to_owned();
    vec![Query { name: "large object bytes", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let rows = results.rows(LARGE_OBJECTS);
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let id = ObjectId::new(PG_LARGEOBJECT, 0).with_sub(ObjectId::DATA);
    let mut draft = Draft::new(id, "BLOBS", None, "BLOBS", Section::Data);
    let mut bytes = 0;
    for row in results.rows("large object bytes") {
        bytes = row.int("bytes")?.unsigned_abs();
    }
    let mut large_objects = Vec::with_capacity(rows.len());
    for row in rows {
        draft.requires.push(large_object::id(row)?);
        large_objects.push(LargeObject { oid: row.oid("oid")?, readable: row.bool("readable")? });
    }
    let column = |name: &str, type_name: &str, value| Attribute {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        value,
        shape: Shape::Plain,
    };
    draft.data = Some(Box::new(Relation {
        oid: PG_LARGEOBJECT,
        schema: "pg_catalog".to_owned(),
        name: "pg_largeobject".to_owned(),
        bytes,
        pages: 0,
        is_heap: false,
        columns: vec![
            column("loid", "oid", ValueKind::Opaque),
            column("offset", "bigint", ValueKind::Integer),
            column("data", "bytea", ValueKind::Opaque),
        ],
        text_reason: None,
        root: None,
        condition: None,
        large_objects,
    }));
    Ok(vec![draft])
}
