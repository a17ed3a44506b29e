//! USER MAPPING: who a role is at a foreign server. Its options, passwords among them, are NULL for those who may not see them.

use super::foreign::{options, options_of};
use super::{Kind, Query};
use crate::catalog::class::{PG_FOREIGN_SERVER, PG_USER_MAPPING};
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// User mappings.
pub(super) const USER_MAPPING: Kind = Kind { tag: "USER MAPPING", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "
        SELECT m.umid AS oid, m.srvid AS server_oid, m.srvname AS server, m.umuser = 0 AS is_public,
               (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = m.umuser) AS role, {}
        FROM pg_catalog.pg_user_mappings m",
        options_of("m.umoptions")
    );
    vec![Query { name: "user mappings", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("user mappings").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let server = row.text("server")?;
    let role = if row.bool("is_public")? { None } else { Some(row.text("role")?) };
    let quoted = role.map_or_else(|| "PUBLIC".to_owned(), sql::ident);
    let object = format!("USER MAPPING FOR {quoted} SERVER {}", sql::ident(server));
    let id = ObjectId::new(PG_USER_MAPPING, row.oid("oid")?);
    let name = format!("USER MAPPING {} SERVER {server}", role.unwrap_or("public"));
    let mut draft = Draft::new(id, "USER MAPPING", None, &name, Section::PreData);
    draft.requires = vec![ObjectId::new(PG_FOREIGN_SERVER, row.oid("server_oid")?)];
    draft.create = vec![format!("CREATE {object}{}", options(row)?).into()];
    draft.drop = vec![format!("DROP {object}")];
    Ok(draft)
}
