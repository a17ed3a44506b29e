//! USER MAPPING: who a role is at a foreign server. Its options, passwords among them, are NULL in the view for those who may not see
//! them; who may read the table (a member of pg_read_all_data) sees them there.

use super::foreign::{options, options_of};
use super::{Kind, Query};
use crate::catalog::class::{PG_FOREIGN_SERVER, PG_USER_MAPPING};
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// User mappings.
pub(super) const USER_MAPPING: Kind =
    Kind { tag: "USER MAPPING", queries, follow_up: Some(readable), assemble };

const READABLE: &str = "readable user mappings";
const USER_MAPPINGS: &str = "user mappings";

/// True when this session may read the options of every user mapping.
pub(in crate::catalog) const MAY_READ: &str =
    "pg_catalog.has_table_privilege('pg_catalog.pg_user_mapping', 'SELECT')";

const TABLE: &str = "(SELECT u.oid AS umid, u.umserver AS srvid, s.srvname, u.umuser, u.umoptions
                        FROM pg_catalog.pg_user_mapping u JOIN pg_catalog.pg_foreign_server s ON s.oid = u.umserver)";

fn queries(_: Version) -> Vec<Query> {
    let from = |from: &str| {
        sql::literal(&format!(
            "
            SELECT m.umid AS oid, m.srvid AS server_oid, m.srvname AS server, m.umuser = 0 AS is_public,
                   (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = m.umuser) AS role, {}
            FROM {from} m",
            options_of("m.umoptions")
        ))
    };
    // The statement itself must not be sent where it is not permitted.
    let (table, view) = (from(TABLE), from("pg_catalog.pg_user_mappings"));
    let sql = format!("SELECT CASE WHEN {MAY_READ} THEN {table} ELSE {view} END AS statement");
    vec![Query { name: READABLE, sql }]
}

fn readable(results: &Results) -> Result<Vec<Query>, Error> {
    let query = |row: &Row| Ok(Query { name: USER_MAPPINGS, sql: row.text("statement")?.to_owned() });
    results.rows(READABLE).iter().map(query).collect()
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows(USER_MAPPINGS).iter().map(draft).collect()
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
