//! TYPE made of input and output functions, and types that are only shells because nobody has filled them.

use super::types;
use super::{Kind, Query};
use crate::catalog::class::PG_PROC;
use crate::catalog::{Draft, Error, ObjectId, Results, Row};
use crate::pg::Version;
use crate::sql;

/// Base types.
pub(super) const BASE_TYPE: Kind = Kind { tag: "SHELL TYPE", queries, follow_up: None, assemble };

/// The options that name functions, and the columns of pg_type.
const FUNCTIONS: [(&str, &str); 8] = [
    ("INPUT", "typinput"),
    ("OUTPUT", "typoutput"),
    ("RECEIVE", "typreceive"),
    ("SEND", "typsend"),
    ("TYPMOD_IN", "typmodin"),
    ("TYPMOD_OUT", "typmodout"),
    ("ANALYZE", "typanalyze"),
    ("SUBSCRIPT", "typsubscript"),
];

fn queries(version: Version) -> Vec<Query> {
    let functions = FUNCTIONS.map(|(_, column)| {
        if column == "typsubscript" && version.major() < 14 {
            return "0::pg_catalog.oid AS typsubscript_oid, NULL::text AS typsubscript".to_owned();
        }
        format!(
            "t.{column}::pg_catalog.oid AS {column}_oid,
             CASE WHEN t.{column} <> 0 THEN t.{column}::pg_catalog.regproc::text END AS {column}"
        )
    });
    // An array type is named by the type that it is the array of.
    let sql = format!(
        "
        SELECT {}, t.typisdefined AS is_defined, t.typlen AS length, t.typcollation <> 0 AS collatable,
               pg_catalog.pg_get_expr(t.typdefaultbin, 0) AS default_expression, t.typdefault AS default,
               CASE WHEN t.typelem <> 0 THEN pg_catalog.format_type(t.typelem, NULL) END AS element,
               t.typcategory::text AS category, t.typispreferred AS preferred, t.typdelim::text AS delimiter,
               t.typalign::text AS alignment, t.typstorage::text AS storage, t.typbyval AS by_value, {}
        FROM pg_catalog.pg_type t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        WHERE {} AND (t.typtype = 'b' OR NOT t.typisdefined)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)",
        types::COLUMNS,
        functions.join(", "),
        types::OF_USERS
    );
    vec![Query { name: "base types", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for row in results.rows("base types") {
        let mut draft = types::draft(row, "TYPE")?;
        let name = sql::qualified(row.text("nspname")?, row.text("typname")?);
        if row.bool("is_defined")? {
            let mut made_by = Vec::new();
            for (_, column) in FUNCTIONS {
                made_by.push(ObjectId::new(PG_PROC, row.oid(&format!("{column}_oid"))?));
            }
            drafts.push(types::shell(&mut draft, made_by));
            let options = options(row)?.join(",\n    ");
            draft.create = vec![format!("CREATE TYPE {name} (\n    {options}\n)").into()];
        } else {
            draft.create = vec![format!("CREATE TYPE {name}").into()];
        }
        drafts.push(draft);
    }
    Ok(drafts)
}

fn options(row: &Row) -> Result<Vec<String>, Error> {
    let mut options = Vec::new();
    for (option, column) in FUNCTIONS {
        if let Some(function) = row.opt_text(column)? {
            options.push(format!("{option} = {function}"));
        }
    }
    options.push(match row.int("length")? {
        -1 => "INTERNALLENGTH = variable".to_owned(),
        length => format!("INTERNALLENGTH = {length}"),
    });
    match (row.opt_text("default_expression")?, row.opt_text("default")?) {
        (Some(expression), _) => options.push(format!("DEFAULT = {expression}")),
        (None, Some(default)) => options.push(format!("DEFAULT = {}", sql::literal(default))),
        (None, None) => {}
    }
    if let Some(element) = row.opt_text("element")? {
        options.push(format!("ELEMENT = {element}"));
    }
    let category = row.text("category")?;
    if category != "U" {
        options.push(format!("CATEGORY = {}", sql::literal(category)));
    }
    let delimiter = row.text("delimiter")?;
    if delimiter != "," {
        options.push(format!("DELIMITER = {}", sql::literal(delimiter)));
    }
    let alignment = match row.text("alignment")? {
        "c" => "char",
        "s" => "int2",
        "i" => "int4",
        "d" => "double",
        _ => return Err(row.problem("alignment", "is no known alignment")),
    };
    let storage = match row.text("storage")? {
        "p" => "plain",
        "e" => "external",
        "x" => "extended",
        "m" => "main",
        _ => return Err(row.problem("storage", "is no known storage")),
    };
    options.extend([format!("ALIGNMENT = {alignment}"), format!("STORAGE = {storage}")]);
    for (option, column) in [
        ("COLLATABLE = true", "collatable"),
        ("PREFERRED = true", "preferred"),
        ("PASSEDBYVALUE", "by_value"),
    ] {
        if row.bool(column)? {
            options.push(option.to_owned());
        }
    }
    Ok(options)
}
