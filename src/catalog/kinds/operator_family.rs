//! OPERATOR FAMILY, with the members that belong to none of its classes.

use super::operator_members::{items, members, query};
use super::relation::OF_USERS;
use super::{Kind, Query};
use crate::catalog::class::PG_OPFAMILY;
use crate::catalog::{Draft, Error, ObjectId, Results, Section};
use crate::pg::Version;
use crate::sql;

/// Operator families.
pub(super) const OPERATOR_FAMILY: Kind = Kind { tag: "OPERATOR FAMILY", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "
        SELECT f.oid, n.nspname AS schema, f.opfname AS name, m.amname AS access_method,
               (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = f.opfowner) AS owner
        FROM pg_catalog.pg_opfamily f
        JOIN pg_catalog.pg_am m ON m.oid = f.opfmethod
        JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace
        WHERE f.oid >= 16384 AND {OF_USERS}"
    );
    vec![Query { name: "operator families", sql }, query("members of operator families", "pg_opfamily")]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let members = members(results, "members of operator families")?;
    let mut drafts = Vec::new();
    for row in results.rows("operator families") {
        let (schema, name, oid) = (row.text("schema")?, row.text("name")?, row.oid("oid")?);
        let method = row.text("access_method")?;
        let object = format!("OPERATOR FAMILY {} USING {}", sql::qualified(schema, name), sql::ident(method));
        let id = ObjectId::new(PG_OPFAMILY, oid);
        let tag = format!("{name} USING {method}");
        let mut draft = Draft::new(id, "OPERATOR FAMILY", Some(schema), &tag, Section::PreData);
        let (items, aliases) = items(members.get(&oid))?;
        draft.create = vec![format!("CREATE {object}").into()];
        if !items.is_empty() {
            draft.create.push(format!("ALTER {object} ADD\n    {}", items.join(",\n    ")).into());
        }
        draft.aliases = aliases;
        draft.drop = vec![format!("DROP {object}")];
        draft.owner = Some(row.text("owner")?.to_owned());
        draft.owned = Some(object.clone());
        draft.comment_on = Some(object);
        drafts.push(draft);
    }
    Ok(drafts)
}
