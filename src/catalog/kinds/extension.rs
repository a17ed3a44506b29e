//! EXTENSION. Created without a version: the target's default is the one whose library it has. Extensions have an owner in
//! the catalog but no ALTER ... OWNER TO: the role that restores owns them.

use super::{Kind, Query};
use crate::catalog::class::PG_EXTENSION;
use crate::catalog::{Draft, Error, ObjectId, Results, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const EXTENSION: Kind = Kind { tag: "EXTENSION", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    // OIDs below 16384 are initdb's: plpgsql is in every database.
    let sql = "
        SELECT e.oid, e.extname, n.nspname
        FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
        WHERE e.oid >= 16384"
        .to_owned();
    vec![Query { name: "extensions", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for row in results.rows("extensions") {
        let name = row.text("extname")?;
        let on = format!("EXTENSION {}", sql::ident(name));
        let id = ObjectId::new(PG_EXTENSION, row.oid("oid")?);
        let mut draft = Draft::new(id, "EXTENSION", None, name, Section::PreData);
        let schema = sql::ident(row.text("nspname")?);
        draft.create =
            vec![format!("CREATE EXTENSION IF NOT EXISTS {} WITH SCHEMA {schema}", sql::ident(name)).into()];
        draft.drop = vec![format!("DROP {on}")];
        draft.comment_on = Some(on);
        drafts.push(draft);
    }
    Ok(drafts)
}
