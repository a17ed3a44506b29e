//! TRANSFORM of a type for a procedural language.

use super::{Kind, Query};
use crate::catalog::class::PG_TRANSFORM;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Transforms.
pub(super) const TRANSFORM: Kind = Kind { tag: "TRANSFORM", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let function = |oid: &str| {
        format!(
            "(SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname) || '(' ||
                     pg_catalog.pg_get_function_identity_arguments(p.oid) || ')'
              FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
              WHERE p.oid = {oid})"
        )
    };
    let sql = format!(
        "
        SELECT t.oid, pg_catalog.format_type(t.trftype, NULL) AS type, l.lanname AS language,
               {} AS from_sql, {} AS to_sql
        FROM pg_catalog.pg_transform t
        JOIN pg_catalog.pg_language l ON l.oid = t.trflang
        WHERE t.oid >= 16384",
        function("t.trffromsql"),
        function("t.trftosql")
    );
    vec![Query { name: "transforms", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("transforms").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let (of, language) = (row.text("type")?, row.text("language")?);
    let object = format!("TRANSFORM FOR {of} LANGUAGE {}", sql::ident(language));
    let id = ObjectId::new(PG_TRANSFORM, row.oid("oid")?);
    let name = format!("TRANSFORM FOR {of} LANGUAGE {language}");
    let mut draft = Draft::new(id, "TRANSFORM", None, &name, Section::PreData);
    let mut functions = Vec::new();
    for (column, words) in [("from_sql", "FROM SQL"), ("to_sql", "TO SQL")] {
        if let Some(function) = row.opt_text(column)? {
            functions.push(format!("{words} WITH FUNCTION {function}"));
        }
    }
    draft.create = vec![format!("CREATE {object} ({})", functions.join(", ")).into()];
    draft.drop = vec![format!("DROP {object}")];
    draft.comment_on = Some(object);
    Ok(draft)
}
