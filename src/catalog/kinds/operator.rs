//! OPERATOR. The commutator and the negator need not be there yet: the server makes a shell of what it does not know.

use super::relation::OF_USERS;
use super::{Kind, Query};
use crate::catalog::class::PG_OPERATOR;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Operators.
pub(super) const OPERATOR: Kind = Kind { tag: "OPERATOR", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    // An operator without a function is a shell that nobody has filled. The names of operators need no quotes.
    let operand = |column: &str, name: &str| {
        format!("CASE WHEN o.{column} <> 0 THEN pg_catalog.format_type(o.{column}, NULL) END AS {name}")
    };
    let function = |column: &str, name: &str| {
        format!("CASE WHEN o.{column} <> 0 THEN o.{column}::pg_catalog.regproc::text END AS {name}")
    };
    let operator = |column: &str, name: &str| {
        format!(
            "(SELECT 'OPERATOR(' || pg_catalog.quote_ident(xn.nspname) || '.' || x.oprname || ')'
              FROM pg_catalog.pg_operator x JOIN pg_catalog.pg_namespace xn ON xn.oid = x.oprnamespace
              WHERE x.oid = o.{column}) AS {name}"
        )
    };
    let sql = format!(
        "
        SELECT o.oid, n.nspname AS schema, o.oprname AS name, {}, {}, {}, {}, {}, {}, {},
               o.oprcanmerge AS merges, o.oprcanhash AS hashes,
               (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = o.oprowner) AS owner
        FROM pg_catalog.pg_operator o
        JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
        WHERE o.oid >= 16384 AND o.oprcode <> 0 AND {OF_USERS}",
        operand("oprleft", "left_operand"),
        operand("oprright", "right_operand"),
        function("oprcode", "function"),
        function("oprrest", "restrict"),
        function("oprjoin", "join_function"),
        operator("oprcom", "commutator"),
        operator("oprnegate", "negator")
    );
    vec![Query { name: "operators", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("operators").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let (schema, name) = (row.text("schema")?, row.text("name")?);
    let (left, right) = (row.opt_text("left_operand")?, row.opt_text("right_operand")?);
    let operands = format!("({}, {})", left.unwrap_or("NONE"), right.unwrap_or("NONE"));
    let operator = format!("{}.{name}", sql::ident(schema));
    let object = format!("OPERATOR {operator} {operands}");
    let id = ObjectId::new(PG_OPERATOR, row.oid("oid")?);
    let mut draft = Draft::new(id, "OPERATOR", Some(schema), &format!("{name} {operands}"), Section::PreData);
    let mut options = vec![format!("FUNCTION = {}", row.text("function")?)];
    for (option, column) in [
        ("LEFTARG", "left_operand"),
        ("RIGHTARG", "right_operand"),
        ("COMMUTATOR", "commutator"),
        ("NEGATOR", "negator"),
        ("RESTRICT", "restrict"),
        ("JOIN", "join_function"),
    ] {
        if let Some(value) = row.opt_text(column)? {
            options.push(format!("{option} = {value}"));
        }
    }
    for (option, column) in [("MERGES", "merges"), ("HASHES", "hashes")] {
        if row.bool(column)? {
            options.push(option.to_owned());
        }
    }
    draft.create = vec![format!("CREATE OPERATOR {operator} (\n    {}\n)", options.join(",\n    ")).into()];
    draft.drop = vec![format!("DROP {object}")];
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(object.clone());
    draft.comment_on = Some(object);
    Ok(draft)
}
