//! PUBLICATION. Its tables and schemas are objects of their own.

use super::{Kind, Query};
use crate::catalog::class::PG_PUBLICATION;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Publications.
pub(super) const PUBLICATION: Kind = Kind { tag: "PUBLICATION", queries, follow_up: None, assemble };

fn queries(version: Version) -> Vec<Query> {
    let generated = if version.major() >= 18 { "p.pubgencols" } else { "'n'::\"char\"" };
    let sql = format!(
        "
        SELECT p.oid, p.pubname AS name, p.puballtables AS all_tables, p.pubinsert AS insert, p.pubupdate AS update,
               p.pubdelete AS delete, p.pubtruncate AS truncate, p.pubviaroot AS via_root, {generated} AS generated,
               (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = p.pubowner) AS owner
        FROM pg_catalog.pg_publication p"
    );
    vec![Query { name: "publications", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("publications").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let name = row.text("name")?;
    let object = format!("PUBLICATION {}", sql::ident(name));
    let id = ObjectId::new(PG_PUBLICATION, row.oid("oid")?);
    let mut draft = Draft::new(id, "PUBLICATION", None, name, Section::PostData);
    let mut published = Vec::new();
    for operation in ["insert", "update", "delete", "truncate"] {
        if row.bool(operation)? {
            published.push(operation);
        }
    }
    let mut options = vec![format!("publish = '{}'", published.join(", "))];
    if row.bool("via_root")? {
        options.push("publish_via_partition_root = true".to_owned());
    }
    if row.text("generated")? == "s" {
        options.push("publish_generated_columns = stored".to_owned());
    }
    let all = if row.bool("all_tables")? { " FOR ALL TABLES" } else { "" };
    draft.create = vec![format!("CREATE {object}{all} WITH ({})", options.join(", ")).into()];
    draft.drop = vec![format!("DROP {object}")];
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(object.clone());
    draft.comment_on = Some(object);
    Ok(draft)
}
