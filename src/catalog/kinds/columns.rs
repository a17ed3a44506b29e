//! Columns of tables and materialized views: one query, and the statements for what CREATE cannot say.

use super::Query;
use super::foreign::options_of;
use super::relation::{OF_USERS, SCHEMA, option_list};
use crate::catalog::{Error, Row, Statement};
use crate::pg::Version;
use crate::sql;

/// The server's own option of a column, which nobody may set: a version that those of November 2026 (seen: 15.20) keep there.
const SERVER_OPTION: &str = "pg_attver";

/// The query for the columns of the relations of these kinds (`'r', 'p'`), in order; dropped ones are left out.
pub(super) fn columns_query(name: &'static str, relkinds: &str, version: Version) -> Query {
    let compression = |attribute: &str| match version.major() {
        14.. => format!("{attribute}.attcompression::text"),
        _ => "''".to_owned(),
    };
    let (compression, parent_compression) = (compression("a"), compression("pa"));
    // Since 18 every NOT NULL is a row of pg_constraint, with a name; one that is not valid is an object of its own. Before,
    // a NOT NULL counts as inherited when a parent has it. A child keeps its own where the parents' are not valid yet.
    let not_null_of = |constraint: &str, attribute: &str| {
        format!(
            "LEFT JOIN pg_catalog.pg_constraint {constraint} ON {constraint}.conrelid = {attribute}.attrelid
                  AND {constraint}.contype = 'n' AND {constraint}.convalidated
                  AND {constraint}.conkey = ARRAY[{attribute}.attnum]"
        )
    };
    let (not_null, not_null_name, not_null_no_inherit, not_null_local, not_null_join) = match version.major()
    {
        18.. => {
            let join = not_null_of("nn", "a");
            ("nn.oid IS NOT NULL", "nn.conname", "COALESCE(nn.connoinherit, false)", "nn.conislocal", join)
        }
        _ => ("a.attnotnull", "NULL::text", "false", "false", String::new()),
    };
    let (parent_not_null, parent_not_null_join) = match version.major() {
        18.. => ("pn.oid IS NOT NULL", not_null_of("pn", "pa")),
        _ => ("pa.attnotnull", String::new()),
    };
    let sql = format!(
        "WITH inherited AS (
            SELECT i.inhrelid AS child, pa.attname, pg_catalog.bool_or({parent_not_null}) AS not_null,
                   pg_catalog.bool_or(pd.oid IS NOT NULL AND pa.attgenerated = '') AS has_default,
                   pg_catalog.bool_and(pa.attgenerated <> '') AS is_generated,
                   pg_catalog.min(pg_catalog.pg_get_expr(pd.adbin, pd.adrelid)) AS least_expression,
                   pg_catalog.max(pg_catalog.pg_get_expr(pd.adbin, pd.adrelid)) AS greatest_expression,
                   pg_catalog.min(pa.attstorage::text) AS least_storage,
                   pg_catalog.max(pa.attstorage::text) AS greatest_storage,
                   pg_catalog.bool_or({parent_compression} <> '') AS is_compressed
              FROM pg_catalog.pg_inherits i
              JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind IN ({relkinds}) AND NOT c.relispartition
              {SCHEMA}
              JOIN pg_catalog.pg_attribute pa ON pa.attrelid = i.inhparent AND pa.attnum > 0 AND NOT pa.attisdropped
              LEFT JOIN pg_catalog.pg_attrdef pd ON pd.adrelid = pa.attrelid AND pd.adnum = pa.attnum
              {parent_not_null_join}
             WHERE {OF_USERS}
             GROUP BY i.inhrelid, pa.attname)
         SELECT a.attrelid AS table_oid, a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
                con.nspname AS collation_schema, co.collname AS collation_name, a.attislocal AS local,
                d.oid AS default_oid, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression,
                a.attgenerated::text AS generated,
                CASE WHEN p.is_generated AND p.least_expression = p.greatest_expression
                     THEN p.least_expression = pg_catalog.pg_get_expr(d.adbin, d.adrelid) ELSE false END AS same_generated,
                d.oid IS NULL AND COALESCE(p.has_default, false) AS lacks_default,
                {not_null} AS not_null, {not_null_name} AS not_null_name, {not_null_no_inherit} AS not_null_no_inherit,
                COALESCE({not_null_local}, false) OR NOT COALESCE(p.not_null, false) AS not_null_local,
                CASE WHEN a.attstorage <> t.typstorage OR p.least_storage <> a.attstorage::text
                          OR p.greatest_storage <> a.attstorage::text
                     THEN a.attstorage::text END AS storage,
                CASE WHEN {compression} <> '' OR p.is_compressed THEN {compression} END AS compression,
                CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::pg_catalog.int4 END AS statistics,
                CASE WHEN a.attoptions IS NOT NULL THEN
                    ARRAY(SELECT o.option FROM pg_catalog.unnest(a.attoptions) AS o (option)
                           WHERE NOT pg_catalog.starts_with(o.option, '{SERVER_OPTION}=')) END AS options, {}
           FROM pg_catalog.pg_attribute a
           JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
           {SCHEMA}
           JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
           LEFT JOIN inherited p ON p.child = a.attrelid AND p.attname = a.attname
           LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
           LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation AND a.attcollation <> t.typcollation
           LEFT JOIN pg_catalog.pg_namespace con ON con.oid = co.collnamespace
           {not_null_join}
          WHERE c.relkind IN ({relkinds}) AND {OF_USERS} AND a.attnum > 0 AND NOT a.attisdropped
          ORDER BY a.attrelid, a.attnum",
        options_of("a.attfdwoptions")
    );
    Query { name, sql }
}

/// ` COLLATE c` where the column's collation is not its type's.
pub(super) fn collate(column: &Row) -> Result<String, Error> {
    Ok(match (column.opt_text("collation_schema")?, column.opt_text("collation_name")?) {
        (Some(schema), Some(name)) => format!(" COLLATE {}", sql::qualified(schema, name)),
        _ => String::new(),
    })
}

/// The statements that set a column's storage, compression, statistics target and options.
pub(super) fn alter_column(table: &str, column: &Row) -> Result<Vec<Statement>, Error> {
    let mut actions = Vec::new();
    if let Some(target) = column.opt_int("statistics")? {
        actions.push(format!("SET STATISTICS {target}"));
    }
    match column.opt_text("storage")? {
        Some("p") => actions.push("SET STORAGE PLAIN".to_owned()),
        Some("e") => actions.push("SET STORAGE EXTERNAL".to_owned()),
        Some("m") => actions.push("SET STORAGE MAIN".to_owned()),
        Some("x") => actions.push("SET STORAGE EXTENDED".to_owned()),
        _ => {}
    }
    match column.opt_text("compression")? {
        Some("p") => actions.push("SET COMPRESSION pglz".to_owned()),
        Some("l") => actions.push("SET COMPRESSION lz4".to_owned()),
        Some("") => actions.push("SET COMPRESSION DEFAULT".to_owned()),
        _ => {}
    }
    let options = column.list("options")?;
    if !options.is_empty() {
        actions.push(format!("SET ({})", option_list(&options)));
    }
    let name = sql::ident(column.text("name")?);
    Ok(actions
        .into_iter()
        .map(|action| format!("ALTER TABLE ONLY {table} ALTER COLUMN {name} {action}").into())
        .collect())
}
