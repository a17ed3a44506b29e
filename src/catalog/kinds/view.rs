//! VIEW.

use super::columns::collate;
use super::relation::{
    OF_USERS, RELATION, ROW_TYPES, SCHEMA, bare, relation_draft, relation_name, row_types, rows_by,
    with_clause,
};
use super::{Kind, Query};
use crate::catalog::class::PG_REWRITE;
use crate::catalog::{Draft, Error, ObjectId, Repair, Results, Row};
use crate::pg::Version;
use crate::sql;

/// Views.
pub(super) const VIEW: Kind = Kind { tag: "VIEW", queries, follow_up: None, assemble };

/// Selected of a view or materialized view `c`: the rule that makes it one.
pub(super) const RETURN_RULE: &str = "(SELECT w.oid FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename = '_RETURN') AS return_rule";

fn queries(_: Version) -> Vec<Query> {
    let view = format!(
        "SELECT {RELATION}, {ROW_TYPES}, {RETURN_RULE}, pg_catalog.pg_get_viewdef(c.oid) AS definition,
                ARRAY(SELECT p FROM pg_catalog.unnest(c.reloptions) p WHERE p NOT LIKE 'check_option=%') AS options,
                (SELECT o.option_value FROM pg_catalog.pg_options_to_table(c.reloptions) o
                  WHERE o.option_name = 'check_option') AS check_option
           FROM pg_catalog.pg_class c {SCHEMA}
          WHERE c.relkind = 'v' AND {OF_USERS}
          ORDER BY n.nspname, c.relname"
    );
    let column = format!(
        "SELECT a.attrelid AS table_oid, a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
                con.nspname AS collation_schema, co.collname AS collation_name
           FROM pg_catalog.pg_attribute a
           JOIN pg_catalog.pg_class c ON c.oid = a.attrelid {SCHEMA}
           JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
           LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation AND a.attcollation <> t.typcollation
           LEFT JOIN pg_catalog.pg_namespace con ON con.oid = co.collnamespace
          WHERE c.relkind = 'v' AND {OF_USERS} AND a.attnum > 0 AND NOT a.attisdropped
          ORDER BY a.attrelid, a.attnum"
    );
    vec![Query { name: "view", sql: view }, Query { name: "view_column", sql: column }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let columns = rows_by(results.rows("view_column"), "table_oid")?;
    let mut drafts = Vec::new();
    for row in results.rows("view") {
        drafts.push(draft(row, columns.get(&row.oid("oid")?).map_or(&[], Vec::as_slice))?);
    }
    Ok(drafts)
}

fn draft(row: &Row, columns: &[&Row]) -> Result<Draft, Error> {
    let name = relation_name(row)?;
    let mut draft = relation_draft(row, "VIEW", "TABLE")?;
    draft.columns_of = Some(name.clone());
    draft.aliases = row_types(row)?;
    draft.aliases.push(ObjectId::new(PG_REWRITE, row.oid("return_rule")?));
    let check_option = match row.opt_text("check_option")? {
        Some("local") => "\n  WITH LOCAL CHECK OPTION",
        Some(_) => "\n  WITH CASCADED CHECK OPTION",
        None => "",
    };
    let head = format!("VIEW {name}{}", with_clause(&row.list("options")?, &[]));
    let definition = bare(row.text("definition")?);
    draft.create = vec![format!("CREATE {head} AS\n {definition}{check_option}").into()];
    // The dummy bears the options too: what reads the view before it is replaced may be planned with them.
    let mut nulls = Vec::new();
    for column in columns {
        let (type_name, alias) = (column.text("type")?, sql::ident(column.text("name")?));
        nulls.push(format!("\n    NULL::{type_name}{} AS {alias}", collate(column)?));
    }
    draft.repair = Repair::DummyView { create: format!("CREATE {head} AS\n SELECT{}", nulls.join(",")) };
    Ok(draft)
}
