//! CAST. A cast has neither schema nor owner: those of users are known by their OID.

use super::{Kind, Query};
use crate::catalog::class::PG_CAST;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Casts.
pub(super) const CAST: Kind = Kind { tag: "CAST", queries, follow_up: None, assemble };

fn queries(version: Version) -> Vec<Query> {
    // The cast from a range to its multirange comes with the range.
    let of_range = if version.major() >= 14 {
        "EXISTS (SELECT FROM pg_catalog.pg_range r
                 WHERE r.rngtypid = c.castsource AND r.rngmultitypid = c.casttarget)"
    } else {
        "false"
    };
    let sql = format!(
        "
        SELECT c.oid, c.castcontext AS context, c.castmethod AS method,
               pg_catalog.format_type(c.castsource, NULL) AS source,
               pg_catalog.format_type(c.casttarget, NULL) AS target,
               n.nspname AS function_schema, p.proname AS function,
               pg_catalog.pg_get_function_identity_arguments(p.oid) AS arguments
        FROM pg_catalog.pg_cast c
        LEFT JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE c.oid >= 16384 AND NOT {of_range}"
    );
    vec![Query { name: "casts", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("casts").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let name = format!("({} AS {})", row.text("source")?, row.text("target")?);
    let object = format!("CAST {name}");
    let how = match row.text("method")? {
        "b" => "WITHOUT FUNCTION".to_owned(),
        "i" => "WITH INOUT".to_owned(),
        "f" => {
            let function = sql::qualified(row.text("function_schema")?, row.text("function")?);
            format!("WITH FUNCTION {function}({})", row.text("arguments")?)
        }
        _ => return Err(row.problem("method", "is no known method of a cast")),
    };
    let context = match row.text("context")? {
        "a" => " AS ASSIGNMENT",
        "i" => " AS IMPLICIT",
        _ => "",
    };
    let id = ObjectId::new(PG_CAST, row.oid("oid")?);
    let mut draft = Draft::new(id, "CAST", None, &object, Section::PreData);
    draft.create = vec![format!("CREATE {object} {how}{context}").into()];
    draft.drop = vec![format!("DROP {object}")];
    draft.comment_on = Some(object);
    Ok(draft)
}
