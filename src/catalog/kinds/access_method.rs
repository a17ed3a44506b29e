//! ACCESS METHOD: of indexes and of tables.

use super::{Kind, Query};
use crate::catalog::class::PG_AM;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Access methods.
pub(super) const ACCESS_METHOD: Kind = Kind { tag: "ACCESS METHOD", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = "
        SELECT m.oid, m.amname AS name, m.amtype AS type, m.amhandler::pg_catalog.regproc::text AS handler
        FROM pg_catalog.pg_am m
        WHERE m.oid >= 16384"
        .to_owned();
    vec![Query { name: "access methods", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("access methods").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let name = row.text("name")?;
    let object = format!("ACCESS METHOD {}", sql::ident(name));
    let of = match row.text("type")? {
        "i" => "INDEX",
        "t" => "TABLE",
        _ => return Err(row.problem("type", "is no known type of access method")),
    };
    let id = ObjectId::new(PG_AM, row.oid("oid")?);
    let mut draft = Draft::new(id, "ACCESS METHOD", None, name, Section::PreData);
    draft.create = vec![format!("CREATE {object} TYPE {of} HANDLER {}", row.text("handler")?).into()];
    draft.drop = vec![format!("DROP {object}")];
    draft.comment_on = Some(object);
    Ok(draft)
}
