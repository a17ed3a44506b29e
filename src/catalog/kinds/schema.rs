//! SCHEMA. `public` exists in every new database: it is never created or dropped, only its owner is set when that is not
//! the one it has had since PostgreSQL 15.

use super::{Kind, Query};
use crate::catalog::class::PG_NAMESPACE;
use crate::catalog::{Draft, Error, ObjectId, Results, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const SCHEMA: Kind = Kind { tag: "SCHEMA", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = "
        SELECT n.oid, n.nspname, (SELECT o.rolname FROM pg_catalog.pg_roles o WHERE o.oid = n.nspowner) AS owner
        FROM pg_catalog.pg_namespace n
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        .to_owned();
    vec![Query { name: "schemas", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for row in results.rows("schemas") {
        let name = row.text("nspname")?;
        let owner = row.text("owner")?;
        let on = format!("SCHEMA {}", sql::ident(name));
        let mut draft =
            Draft::new(ObjectId::new(PG_NAMESPACE, row.oid("oid")?), "SCHEMA", None, name, Section::PreData);
        if name != "public" {
            draft.create = vec![format!("CREATE {on}").into()];
            draft.drop = vec![format!("DROP {on}")];
        }
        if name != "public" || owner != "pg_database_owner" {
            draft.owner = Some(owner.to_owned());
            draft.owned = Some(on.clone());
        }
        draft.comment_on = Some(on.clone());
        draft.acl_on = Some(on);
        drafts.push(draft);
    }
    Ok(drafts)
}
