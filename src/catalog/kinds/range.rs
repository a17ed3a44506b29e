//! TYPE ... AS RANGE, with its multirange type. A range with a canonical function needs a shell first.

use super::types;
use super::{Kind, Query};
use crate::catalog::class::{PG_PROC, PG_TYPE};
use crate::catalog::{Draft, Error, ObjectId, Results};
use crate::pg::Version;
use crate::sql;

pub(super) const RANGE: Kind = Kind { tag: "TYPE", queries, follow_up: None, assemble };

fn queries(version: Version) -> Vec<Query> {
    let (multirange, join) = if version.major() >= 14 {
        (
            "m.oid AS multirange_oid, m.typarray AS multirange_array, mn.nspname AS multirange_schema,
             m.typname AS multirange",
            "JOIN pg_catalog.pg_type m ON m.oid = r.rngmultitypid
             JOIN pg_catalog.pg_namespace mn ON mn.oid = m.typnamespace",
        )
    } else {
        (
            "0 AS multirange_oid, 0 AS multirange_array, NULL::text AS multirange_schema,
             NULL::text AS multirange",
            "",
        )
    };
    let sql = format!(
        "
        SELECT {}, pg_catalog.format_type(r.rngsubtype, NULL) AS subtype,
               pn.nspname AS opclass_schema, p.opcname AS opclass,
               cn.nspname AS collation_schema, co.collname AS collation,
               dn.nspname AS subdiff_schema, d.proname AS subdiff, r.rngcanonical::pg_catalog.oid AS canonical_oid,
               kn.nspname AS canonical_schema, k.proname AS canonical, {multirange}
        FROM pg_catalog.pg_range r
        JOIN pg_catalog.pg_type t ON t.oid = r.rngtypid
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        JOIN pg_catalog.pg_type s ON s.oid = r.rngsubtype
        LEFT JOIN pg_catalog.pg_opclass p ON p.oid = r.rngsubopc AND NOT p.opcdefault
        LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.opcnamespace
        LEFT JOIN pg_catalog.pg_collation co ON co.oid = r.rngcollation AND r.rngcollation <> s.typcollation
        LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
        LEFT JOIN pg_catalog.pg_proc d ON d.oid = r.rngsubdiff
        LEFT JOIN pg_catalog.pg_namespace dn ON dn.oid = d.pronamespace
        LEFT JOIN pg_catalog.pg_proc k ON k.oid = r.rngcanonical
        LEFT JOIN pg_catalog.pg_namespace kn ON kn.oid = k.pronamespace
        {join}
        WHERE {}",
        types::COLUMNS,
        types::OF_USERS
    );
    vec![Query { name: "ranges", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for row in results.rows("ranges") {
        let mut draft = types::draft(row, "TYPE")?;
        let name = sql::qualified(row.text("nspname")?, row.text("typname")?);
        let mut options = vec![format!("SUBTYPE = {}", row.text("subtype")?)];
        for (word, schema, column) in [
            ("MULTIRANGE_TYPE_NAME", "multirange_schema", "multirange"),
            ("SUBTYPE_OPCLASS", "opclass_schema", "opclass"),
            ("COLLATION", "collation_schema", "collation"),
            ("CANONICAL", "canonical_schema", "canonical"),
            ("SUBTYPE_DIFF", "subdiff_schema", "subdiff"),
        ] {
            if let Some(value) = types::qualified(row, schema, column)? {
                options.push(format!("{word} = {value}"));
            }
        }
        draft.create =
            vec![format!("CREATE TYPE {name} AS RANGE (\n    {}\n)", options.join(",\n    ")).into()];
        for column in ["multirange_oid", "multirange_array"] {
            let oid = row.oid(column)?;
            if oid != 0 {
                draft.aliases.push(ObjectId::new(PG_TYPE, oid));
            }
        }
        let canonical = row.oid("canonical_oid")?;
        if canonical != 0 {
            drafts.push(types::shell(&mut draft, vec![ObjectId::new(PG_PROC, canonical)]));
        }
        drafts.push(draft);
    }
    Ok(drafts)
}
