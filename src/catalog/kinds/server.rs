//! SERVER of foreign data.

use super::foreign::{options, options_of};
use super::{Kind, Query};
use crate::catalog::class::PG_FOREIGN_SERVER;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Foreign servers.
pub(super) const SERVER: Kind = Kind { tag: "SERVER", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "
        SELECT s.oid, s.srvname AS name, w.fdwname AS wrapper, s.srvtype AS type, s.srvversion AS version,
               {}, (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = s.srvowner) AS owner
        FROM pg_catalog.pg_foreign_server s
        JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw",
        options_of("s.srvoptions")
    );
    vec![Query { name: "foreign servers", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("foreign servers").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let name = row.text("name")?;
    let object = format!("SERVER {}", sql::ident(name));
    let id = ObjectId::new(PG_FOREIGN_SERVER, row.oid("oid")?);
    let mut draft = Draft::new(id, "SERVER", None, name, Section::PreData);
    let mut create = format!("CREATE {object}");
    for (column, word) in [("type", "TYPE"), ("version", "VERSION")] {
        if let Some(text) = row.opt_text(column)? {
            create.push_str(&format!(" {word} {}", sql::literal(text)));
        }
    }
    create.push_str(&format!(" FOREIGN DATA WRAPPER {}{}", sql::ident(row.text("wrapper")?), options(row)?));
    draft.create = vec![create.into()];
    draft.drop = vec![format!("DROP {object}")];
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(object.clone());
    draft.acl_on = Some(format!("FOREIGN {object}"));
    draft.comment_on = Some(object);
    Ok(draft)
}
