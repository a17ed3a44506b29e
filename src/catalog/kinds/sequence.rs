//! SEQUENCE: also those of identity columns, which ALTER TABLE makes.

use super::relation::{OF_USERS, RELATION, SCHEMA, relation_draft, relation_name};
use super::{Kind, Query};
use crate::catalog::class::PG_CLASS;
use crate::catalog::{Draft, Error, Results, Row};
use crate::pg::Version;
use crate::sql;

/// Sequences.
pub(super) const SEQUENCE: Kind = Kind { tag: "SEQUENCE", queries, follow_up: None, assemble };

fn queries(version: Version) -> Vec<Query> {
    // Up to 14 sequences are logged whatever their table is, and no statement can say so.
    let table_persistence = if version.major() >= 15 { "t" } else { "c" };
    let sql = format!(
        "SELECT {RELATION}, c.relpersistence::text AS persistence, pg_catalog.format_type(s.seqtypid, NULL) AS type,
                s.seqstart AS start, s.seqincrement AS increment, s.seqmin AS minimum, s.seqmax AS maximum,
                s.seqcache AS cache, s.seqcycle AS cycle,
                tn.nspname AS table_schema, t.relname AS table_name, a.attname AS column_name,
                a.attidentity::text AS identity, {table_persistence}.relpersistence::text AS table_persistence
           FROM pg_catalog.pg_class c {SCHEMA}
           JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
           LEFT JOIN pg_catalog.pg_depend i ON i.classid = {PG_CLASS} AND i.objid = c.oid AND i.objsubid = 0
                AND i.refclassid = {PG_CLASS} AND i.refobjsubid > 0 AND i.deptype = 'i'
           LEFT JOIN pg_catalog.pg_class t ON t.oid = i.refobjid
           LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
           LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.refobjid AND a.attnum = i.refobjsubid
          WHERE c.relkind = 'S' AND {OF_USERS}
          ORDER BY n.nspname, c.relname"
    );
    vec![Query { name: "sequence", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("sequence").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let name = relation_name(row)?;
    let mut draft = relation_draft(row, "SEQUENCE", "SEQUENCE")?;
    let persistence = row.text("persistence")?;
    let options = options(row)?;
    let Some(identity) = row.opt_text("identity")? else {
        let unlogged = if persistence == "u" { "UNLOGGED " } else { "" };
        let as_type = match row.text("type")? {
            "bigint" => String::new(),
            type_name => format!("\n    AS {type_name}"),
        };
        draft.create = vec![format!("CREATE {unlogged}SEQUENCE {name}{as_type}{options}").into()];
        return Ok(draft);
    };
    // The table's owner owns it, and it goes when the table goes.
    draft.owned = None;
    draft.drop.clear();
    let always = if identity == "d" { "BY DEFAULT" } else { "ALWAYS" };
    let logged = match persistence {
        same if same == row.text("table_persistence")? => "",
        "u" => "\n    UNLOGGED",
        _ => "\n    LOGGED",
    };
    let table = sql::qualified(row.text("table_schema")?, row.text("table_name")?);
    let column = sql::ident(row.text("column_name")?);
    let statement = format!(
        "ALTER TABLE {table} ALTER COLUMN {column} ADD GENERATED {always} AS IDENTITY (\n    \
         SEQUENCE NAME {name}{logged}{options}\n)"
    );
    draft.create = vec![statement.into()];
    Ok(draft)
}

/// The options but the type, which for an identity column's sequence is the column's.
fn options(row: &Row) -> Result<String, Error> {
    let (type_name, increment) = (row.text("type")?, row.int("increment")?);
    let (type_min, type_max) = match type_name {
        "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
        "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let (default_min, default_max) = if increment > 0 { (1, type_max) } else { (type_min, -1) };
    let mut text = format!("\n    START WITH {}\n    INCREMENT BY {increment}", row.int("start")?);
    match row.int("minimum")? {
        minimum if minimum == default_min => text.push_str("\n    NO MINVALUE"),
        minimum => text.push_str(&format!("\n    MINVALUE {minimum}")),
    }
    match row.int("maximum")? {
        maximum if maximum == default_max => text.push_str("\n    NO MAXVALUE"),
        maximum => text.push_str(&format!("\n    MAXVALUE {maximum}")),
    }
    text.push_str(&format!("\n    CACHE {}", row.int("cache")?));
    if row.bool("cycle")? {
        text.push_str("\n    CYCLE");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::relation::{rows, text};
    use super::*;
    use crate::catalog::Value::{Bool, Int};

    /// What the options of such a sequence read.
    fn said(type_name: &str, increment: i64, minimum: i64, maximum: i64, cycle: bool) -> String {
        let mut results = Results::default();
        let columns = ["type", "start", "increment", "minimum", "maximum", "cache", "cycle"];
        let values =
            [text(type_name), Int(3), Int(increment), Int(minimum), Int(maximum), Int(9), Bool(cycle)];
        rows(&mut results, "sequence", &columns, &[&values]);
        let text = options(&results.rows("sequence")[0]).unwrap_or_else(|error| error.to_string());
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn limits_are_the_defaults_of_type_and_direction_or_said() {
        let bounds = |text: String| text.replace("START WITH 3 INCREMENT BY ", "").replace(" CACHE 9", "");
        assert_eq!(bounds(said("smallint", 2, 1, 32767, false)), "2 NO MINVALUE NO MAXVALUE");
        assert_eq!(bounds(said("integer", 1, 1, 32767, false)), "1 NO MINVALUE MAXVALUE 32767");
        assert_eq!(bounds(said("integer", -1, -2147483648, -1, true)), "-1 NO MINVALUE NO MAXVALUE CYCLE");
        assert_eq!(
            bounds(said("bigint", -1, 1, i64::MAX, false)),
            format!("-1 MINVALUE 1 MAXVALUE {}", i64::MAX)
        );
        assert_eq!(
            bounds(said("bigint", 1, i64::MIN, i64::MAX, false)),
            format!("1 MINVALUE {} NO MAXVALUE", i64::MIN)
        );
    }
}
