//! MATERIALIZED VIEW: created without rows; `materialized_view_data` refreshes it.

use super::columns::{alter_column, columns_query};
use super::relation::{
    OF_USERS, RELATION, ROW_TYPES, SCHEMA, STORAGE, bare, depends_on_extensions, extensions_of,
    relation_draft, relation_name, replica_identity, row_types, rows_by, with_clause,
};
use super::view::RETURN_RULE;
use super::{Kind, Query};
use crate::catalog::class::{PG_CLASS, PG_REWRITE};
use crate::catalog::{Draft, Error, ObjectId, Repair, Results, Row};
use crate::pg::Version;

/// Materialized views.
pub(super) const MATERIALIZED_VIEW: Kind =
    Kind { tag: "MATERIALIZED VIEW", queries, follow_up: None, assemble };

fn queries(version: Version) -> Vec<Query> {
    let extensions = extensions_of(PG_CLASS, "c.oid");
    let sql = format!(
        "SELECT {RELATION}, {ROW_TYPES}, {STORAGE}, {RETURN_RULE}, {extensions},
                c.relreplident::text AS replica_identity, pg_catalog.pg_get_viewdef(c.oid) AS definition
           FROM pg_catalog.pg_class c {SCHEMA}
          WHERE c.relkind = 'm' AND {OF_USERS}
          ORDER BY n.nspname, c.relname"
    );
    vec![Query { name: "materialized_view", sql }, columns_query("materialized_view_column", "'m'", version)]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let columns = rows_by(results.rows("materialized_view_column"), "table_oid")?;
    let mut drafts = Vec::new();
    for row in results.rows("materialized_view") {
        drafts.push(draft(row, columns.get(&row.oid("oid")?).map_or(&[], Vec::as_slice))?);
    }
    Ok(drafts)
}

fn draft(row: &Row, columns: &[&Row]) -> Result<Draft, Error> {
    let name = relation_name(row)?;
    let mut draft = relation_draft(row, "MATERIALIZED VIEW", "TABLE")?;
    draft.columns_of = Some(name.clone());
    draft.aliases = row_types(row)?;
    draft.aliases.push(ObjectId::new(PG_REWRITE, row.oid("return_rule")?));
    draft.tablespace = Some(row.text("tablespace")?.to_owned());
    draft.access_method = row.opt_text("access_method")?.map(str::to_owned);
    draft.repair = Repair::Postpone;
    let options = with_clause(&row.list("options")?, &row.list("toast_options")?);
    let definition = bare(row.text("definition")?);
    draft.create =
        vec![format!("CREATE MATERIALIZED VIEW {name}{options} AS\n {definition}\n  WITH NO DATA").into()];
    for column in columns {
        draft.create.extend(alter_column(&name, column)?);
    }
    draft.create.extend(replica_identity(&name, row.text("replica_identity")?));
    draft.create.extend(depends_on_extensions(row, &format!("MATERIALIZED VIEW {name}"))?);
    Ok(draft)
}
