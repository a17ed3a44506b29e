//! OPERATOR CLASS, with the members that belong to it.

use super::operator_members::{items, members, query};
use super::relation::OF_USERS;
use super::{Kind, Query};
use crate::catalog::class::PG_OPCLASS;
use crate::catalog::{Draft, Error, ObjectId, Results, Section};
use crate::pg::Version;
use crate::sql;

/// Operator classes.
pub(super) const OPERATOR_CLASS: Kind = Kind { tag: "OPERATOR CLASS", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "
        SELECT c.oid, n.nspname AS schema, c.opcname AS name, m.amname AS access_method, c.opcdefault AS is_default,
               pg_catalog.format_type(c.opcintype, NULL) AS type,
               CASE WHEN c.opckeytype <> 0 THEN pg_catalog.format_type(c.opckeytype, NULL) END AS storage,
               fn.nspname AS family_schema, f.opfname AS family,
               (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = c.opcowner) AS owner
        FROM pg_catalog.pg_opclass c
        JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod
        JOIN pg_catalog.pg_namespace n ON n.oid = c.opcnamespace
        JOIN pg_catalog.pg_opfamily f ON f.oid = c.opcfamily
        JOIN pg_catalog.pg_namespace fn ON fn.oid = f.opfnamespace
        WHERE c.oid >= 16384 AND {OF_USERS}"
    );
    vec![Query { name: "operator classes", sql }, query("members of operator classes", "pg_opclass")]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let members = members(results, "members of operator classes")?;
    let mut drafts = Vec::new();
    for row in results.rows("operator classes") {
        let (schema, name, oid) = (row.text("schema")?, row.text("name")?, row.oid("oid")?);
        let method = row.text("access_method")?;
        let class = sql::qualified(schema, name);
        let object = format!("OPERATOR CLASS {class} USING {}", sql::ident(method));
        let id = ObjectId::new(PG_OPCLASS, oid);
        let tag = format!("{name} USING {method}");
        let mut draft = Draft::new(id, "OPERATOR CLASS", Some(schema), &tag, Section::PreData);
        let (of_class, aliases) = items(members.get(&oid))?;
        let of = row.text("type")?;
        let storage = row.opt_text("storage")?;
        let mut items: Vec<String> =
            storage.map(|storage| format!("STORAGE {storage}")).into_iter().collect();
        items.extend(of_class);
        if items.is_empty() {
            // A class has to have something, and the type that it is for is what it stores otherwise.
            items.push(format!("STORAGE {of}"));
        }
        let family = sql::qualified(row.text("family_schema")?, row.text("family")?);
        let default = if row.bool("is_default")? { "DEFAULT " } else { "" };
        draft.create = vec![
            format!(
                "CREATE OPERATOR CLASS {class}\n    {default}FOR TYPE {of} USING {} FAMILY {family} AS\n    {}",
                sql::ident(method),
                items.join(",\n    ")
            )
            .into(),
        ];
        draft.aliases = aliases;
        draft.drop = vec![format!("DROP {object}")];
        draft.owner = Some(row.text("owner")?.to_owned());
        draft.owned = Some(object.clone());
        draft.comment_on = Some(object);
        drafts.push(draft);
    }
    Ok(drafts)
}
