//! PROCEDURAL LANGUAGE that no extension has brought.

use super::{Kind, Query};
use crate::catalog::class::PG_LANGUAGE;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Languages.
pub(super) const LANGUAGE: Kind = Kind { tag: "PROCEDURAL LANGUAGE", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let function = |column: &str, name: &str| {
        format!("CASE WHEN l.{column} <> 0 THEN l.{column}::pg_catalog.regproc::text END AS {name}")
    };
    let sql = format!(
        "
        SELECT l.oid, l.lanname AS name, l.lanpltrusted AS trusted, {}, {}, {},
               (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = l.lanowner) AS owner
        FROM pg_catalog.pg_language l
        WHERE l.lanispl AND l.oid >= 16384",
        function("lanplcallfoid", "handler"),
        function("laninline", "inline"),
        function("lanvalidator", "validator")
    );
    vec![Query { name: "languages", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("languages").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let name = row.text("name")?;
    let quoted = sql::ident(name);
    let id = ObjectId::new(PG_LANGUAGE, row.oid("oid")?);
    let mut draft = Draft::new(id, "PROCEDURAL LANGUAGE", None, name, Section::PreData);
    let trusted = if row.bool("trusted")? { "TRUSTED " } else { "" };
    let mut create = format!("CREATE {trusted}PROCEDURAL LANGUAGE {quoted} HANDLER {}", row.text("handler")?);
    for (word, column) in [("INLINE", "inline"), ("VALIDATOR", "validator")] {
        if let Some(function) = row.opt_text(column)? {
            create.push_str(&format!(" {word} {function}"));
        }
    }
    draft.create = vec![create.into()];
    draft.drop = vec![format!("DROP PROCEDURAL LANGUAGE {quoted}")];
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(format!("PROCEDURAL LANGUAGE {quoted}"));
    draft.comment_on = Some(format!("LANGUAGE {quoted}"));
    // Only a trusted language can be granted.
    draft.acl_on = row.bool("trusted")?.then(|| format!("LANGUAGE {quoted}"));
    Ok(draft)
}
