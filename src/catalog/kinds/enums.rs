//! TYPE ... AS ENUM.

use super::types;
use super::{Kind, Query};
use crate::catalog::{Draft, Error, Results};
use crate::pg::Version;
use crate::sql;

pub(super) const ENUM: Kind = Kind { tag: "TYPE", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "
        SELECT {},
               (SELECT pg_catalog.array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
                FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid) AS labels
        FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        WHERE t.typtype = 'e' AND {}",
        types::COLUMNS,
        types::OF_USERS
    );
    vec![Query { name: "enums", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for row in results.rows("enums") {
        let mut draft = types::draft(row, "TYPE")?;
        let name = sql::qualified(row.text("nspname")?, row.text("typname")?);
        let labels: Vec<String> =
            row.list("labels")?.iter().map(|label| format!("\n    {}", sql::literal(label))).collect();
        draft.create = vec![format!("CREATE TYPE {name} AS ENUM ({}\n)", labels.join(",")).into()];
        drafts.push(draft);
    }
    Ok(drafts)
}
