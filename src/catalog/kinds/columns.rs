//! Columns of tables and materialized views: one query, and the statements for what CREATE cannot say.

use super::Query;
use super::relation::{OF_USERS, SCHEMA, option_list};
use crate::catalog::{Error, Row, Statement};
use crate::pg::Version;
use crate::sql;

/// The query for the columns of the relations of these kinds (`'r', 'p'`), in order; dropped ones are left out.
pub(super) fn columns_query(name: &'static str, relkinds: &str, version: Version) -> Query {
    let (compression, parent_compression) = if version.major() >= 14 {
        ("a.attcompression", "pa.attcompression")
    } else {
        ("''::pg_catalog.\"char\"", "''::pg_catalog.\"char\"")
    };
    // Since 18 every NOT NULL is a row of pg_constraint, with a name; one that is not valid is an object of its own. Before,
    // a NOT NULL counts as inherited when a parent has it. A child keeps its own where the parents' are not valid yet.
    let (not_null, not_null_name, not_null_no_inherit, not_null_local, not_null_join) = if version.major()
        >= 18
    {
        (
            "nn.oid IS NOT NULL",
            "nn.conname",
            "COALESCE(nn.connoinherit, false)",
            "COALESCE(nn.conislocal, false) OR NOT EXISTS (
                SELECT FROM parent_column p
                  JOIN pg_catalog.pg_constraint pn ON pn.conrelid = p.parent AND pn.contype = 'n' AND pn.convalidated
                       AND pn.conkey = ARRAY[p.attnum]
                 WHERE p.child = a.attrelid AND p.attname = a.attname)",
            "LEFT JOIN pg_catalog.pg_constraint nn ON nn.conrelid = a.attrelid AND nn.contype = 'n' AND nn.convalidated
                  AND nn.conkey = ARRAY[a.attnum]",
        )
    } else {
        (
            "a.attnotnull",
            "NULL::text",
            "false",
            "NOT EXISTS (SELECT FROM parent_column p
                          WHERE p.child = a.attrelid AND p.attname = a.attname AND p.attnotnull)",
            "",
        )
    };
    let sql = format!(
        "WITH parent_column AS (
            SELECT i.inhrelid AS child, i.inhparent AS parent, pa.attname, pa.attnum, pa.attnotnull, pa.attstorage,
                   {parent_compression} AS compression, pa.attgenerated, pg_catalog.pg_get_expr(pd.adbin, pd.adrelid) AS expression
              FROM pg_catalog.pg_inherits i
              JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind IN ({relkinds}) AND NOT c.relispartition
              {SCHEMA}
              JOIN pg_catalog.pg_attribute pa ON pa.attrelid = i.inhparent AND pa.attnum > 0 AND NOT pa.attisdropped
              LEFT JOIN pg_catalog.pg_attrdef pd ON pd.adrelid = pa.attrelid AND pd.adnum = pa.attnum
             WHERE {OF_USERS})
         SELECT a.attrelid AS table_oid, a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
                con.nspname AS collation_schema, co.collname AS collation_name, a.attislocal AS local,
                d.oid AS default_oid, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression,
                a.attgenerated::text AS generated,
                a.attgenerated <> '' AND COALESCE((SELECT pg_catalog.bool_and(p.attgenerated <> ''
                                                   AND p.expression = pg_catalog.pg_get_expr(d.adbin, d.adrelid))
                    FROM parent_column p WHERE p.child = a.attrelid AND p.attname = a.attname), false)
                    AS same_generated,
                d.oid IS NULL AND EXISTS (SELECT FROM parent_column p WHERE p.child = a.attrelid
                    AND p.attname = a.attname AND p.expression IS NOT NULL AND p.attgenerated = '') AS lacks_default,
                {not_null} AS not_null, {not_null_name} AS not_null_name, {not_null_no_inherit} AS not_null_no_inherit,
                ({not_null_local}) AS not_null_local,
                CASE WHEN a.attstorage <> t.typstorage OR EXISTS (SELECT FROM parent_column p WHERE p.child = a.attrelid
                          AND p.attname = a.attname AND p.attstorage <> a.attstorage)
                     THEN a.attstorage::text END AS storage,
                CASE WHEN {compression} <> '' OR EXISTS (SELECT FROM parent_column p WHERE p.child = a.attrelid
                          AND p.attname = a.attname AND p.compression <> '')
                     THEN {compression}::text END AS compression,
                CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::pg_catalog.int4 END AS statistics,
                a.attoptions AS options
           FROM pg_catalog.pg_attribute a
           JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
           {SCHEMA}
           JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
           LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
           LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation AND a.attcollation <> t.typcollation
           LEFT JOIN pg_catalog.pg_namespace con ON con.oid = co.collnamespace
           {not_null_join}
          WHERE c.relkind IN ({relkinds}) AND {OF_USERS} AND a.attnum > 0 AND NOT a.attisdropped
          ORDER BY a.attrelid, a.attnum"
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
        actions.push(format!("SET ({})", option_list(options)));
    }
    let name = sql::ident(column.text("name")?);
    Ok(actions
        .into_iter()
        .map(|action| format!("ALTER TABLE ONLY {table} ALTER COLUMN {name} {action}").into())
        .collect())
}
