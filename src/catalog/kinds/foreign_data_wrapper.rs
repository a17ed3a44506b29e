//! FOREIGN DATA WRAPPER.

use super::foreign::{options, options_of};
use super::{Kind, Query};
use crate::catalog::class::PG_FOREIGN_DATA_WRAPPER;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Foreign-data wrappers.
pub(super) const FOREIGN_DATA_WRAPPER: Kind =
    Kind { tag: "FOREIGN DATA WRAPPER", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = format!(
        "
        SELECT w.oid, w.fdwname AS name,
               CASE WHEN w.fdwhandler <> 0 THEN w.fdwhandler::pg_catalog.regproc::text END AS handler,
               CASE WHEN w.fdwvalidator <> 0 THEN w.fdwvalidator::pg_catalog.regproc::text END AS validator,
               {}, (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = w.fdwowner) AS owner
        FROM pg_catalog.pg_foreign_data_wrapper w",
        options_of("w.fdwoptions")
    );
    vec![Query { name: "foreign-data wrappers", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("foreign-data wrappers").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let name = row.text("name")?;
    let object = format!("FOREIGN DATA WRAPPER {}", sql::ident(name));
    let id = ObjectId::new(PG_FOREIGN_DATA_WRAPPER, row.oid("oid")?);
    let mut draft = Draft::new(id, "FOREIGN DATA WRAPPER", None, name, Section::PreData);
    let mut create = format!("CREATE {object}");
    for (column, word) in [("handler", "HANDLER"), ("validator", "VALIDATOR")] {
        if let Some(function) = row.opt_text(column)? {
            create.push_str(&format!(" {word} {function}"));
        }
    }
    create.push_str(&options(row)?);
    draft.create = vec![create.into()];
    draft.drop = vec![format!("DROP {object}")];
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(object.clone());
    draft.acl_on = Some(object.clone());
    draft.comment_on = Some(object);
    Ok(draft)
}
