//! AGGREGATE: plain, ordered-set and hypothetical-set.

use super::{Kind, Query};
use crate::catalog::class::PG_PROC;
use crate::catalog::{Draft, Error, ObjectId, Repair, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const AGGREGATE: Kind = Kind { tag: "AGGREGATE", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = "
        SELECT p.oid, p.proname, n.nspname,
               (SELECT o.rolname FROM pg_catalog.pg_roles o WHERE o.oid = p.proowner) AS owner,
               pg_catalog.oidvectortypes(p.proargtypes) AS types,
               pg_catalog.pg_get_function_identity_arguments(p.oid) AS identity,
               pg_catalog.pg_get_function_arguments(p.oid) AS arguments,
               p.proparallel, a.aggkind,
               NULLIF(a.aggtransfn, 0)::pg_catalog.regproc::text AS sfunc,
               pg_catalog.format_type(a.aggtranstype, NULL) AS stype, a.aggtransspace, a.agginitval,
               NULLIF(a.aggfinalfn, 0)::pg_catalog.regproc::text AS finalfunc,
               a.aggfinalextra, a.aggfinalmodify,
               NULLIF(a.aggcombinefn, 0)::pg_catalog.regproc::text AS combinefunc,
               NULLIF(a.aggserialfn, 0)::pg_catalog.regproc::text AS serialfunc,
               NULLIF(a.aggdeserialfn, 0)::pg_catalog.regproc::text AS deserialfunc,
               NULLIF(a.aggmtransfn, 0)::pg_catalog.regproc::text AS msfunc,
               NULLIF(a.aggminvtransfn, 0)::pg_catalog.regproc::text AS minvfunc,
               pg_catalog.format_type(NULLIF(a.aggmtranstype, 0), NULL) AS mstype, a.aggmtransspace, a.aggminitval,
               NULLIF(a.aggmfinalfn, 0)::pg_catalog.regproc::text AS mfinalfunc,
               a.aggmfinalextra, a.aggmfinalmodify,
               so.nspname AS sort_schema, o.oprname AS sort_operator
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid
        LEFT JOIN pg_catalog.pg_operator o ON o.oid = a.aggsortop
        LEFT JOIN pg_catalog.pg_namespace so ON so.oid = o.oprnamespace
        WHERE p.oid >= 16384 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        .to_owned();
    vec![Query { name: "aggregates", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for row in results.rows("aggregates") {
        let (schema, name) = (row.text("nspname")?, row.text("proname")?);
        let id = ObjectId::new(PG_PROC, row.oid("oid")?);
        let tag = format!("{name}({})", star(row.text("types")?));
        let mut draft = Draft::new(id, "AGGREGATE", Some(schema), &tag, Section::PreData);
        let qualified = sql::qualified(schema, name);
        let signature = format!("{qualified}({})", star(row.text("identity")?));
        let create = format!(
            "CREATE AGGREGATE {qualified}({}) (\n    {}\n)",
            star(row.text("arguments")?),
            options(row)?.join(",\n    ")
        );
        draft.create = vec![create.into()];
        draft.owner = Some(row.text("owner")?.to_owned());
        draft.drop = vec![format!("DROP AGGREGATE {signature}")];
        draft.owned = Some(format!("AGGREGATE {signature}"));
        draft.comment_on = Some(format!("AGGREGATE {signature}"));
        // GRANT takes an ordered-set aggregate by its plain list of argument types.
        draft.acl_on = Some(format!("FUNCTION {qualified}({})", row.text("types")?));
        draft.repair = Repair::Postpone;
        drafts.push(draft);
    }
    Ok(drafts)
}

/// The argument list of an aggregate without arguments is a star.
fn star(arguments: &str) -> &str {
    if arguments.is_empty() { "*" } else { arguments }
}

fn options(row: &Row) -> Result<Vec<String>, Error> {
    let kind = row.text("aggkind")?;
    let mut options = Vec::new();
    for (word, column) in [("SFUNC", "sfunc"), ("STYPE", "stype")] {
        options.push(format!("{word} = {}", row.text(column)?));
    }
    let mut state = |word: &str, space: &str, initial: &str| -> Result<(), Error> {
        if row.int(space)? != 0 {
            options.push(format!("{word}SSPACE = {}", row.int(space)?));
        }
        if let Some(value) = row.opt_text(initial)? {
            options.push(format!("{word}INITCOND = {}", sql::literal(value)));
        }
        Ok(())
    };
    state("", "aggtransspace", "agginitval")?;
    state("M", "aggmtransspace", "aggminitval")?;
    for (word, column) in [
        ("FINALFUNC", "finalfunc"),
        ("COMBINEFUNC", "combinefunc"),
        ("SERIALFUNC", "serialfunc"),
        ("DESERIALFUNC", "deserialfunc"),
        ("MSFUNC", "msfunc"),
        ("MINVFUNC", "minvfunc"),
        ("MSTYPE", "mstype"),
        ("MFINALFUNC", "mfinalfunc"),
    ] {
        if let Some(value) = row.opt_text(column)? {
            options.push(format!("{word} = {value}"));
        }
    }
    // Plain aggregates default to read-only final functions, the others to read-write ones.
    let default_modify = if kind == "n" { "r" } else { "w" };
    for (word, function, extra, modify) in [
        ("FINALFUNC", "finalfunc", "aggfinalextra", "aggfinalmodify"),
        ("MFINALFUNC", "mfinalfunc", "aggmfinalextra", "aggmfinalmodify"),
    ] {
        if row.bool(extra)? {
            options.push(format!("{word}_EXTRA"));
        }
        let modify = row.text(modify)?;
        if row.opt_text(function)?.is_some() && modify != default_modify {
            let value = match modify {
                "r" => "READ_ONLY",
                "s" => "SHAREABLE",
                _ => "READ_WRITE",
            };
            options.push(format!("{word}_MODIFY = {value}"));
        }
    }
    if let (Some(schema), Some(operator)) = (row.opt_text("sort_schema")?, row.opt_text("sort_operator")?) {
        options.push(format!("SORTOP = OPERATOR({}.{operator})", sql::ident(schema)));
    }
    match row.text("proparallel")? {
        "s" => options.push("PARALLEL = SAFE".to_owned()),
        "r" => options.push("PARALLEL = RESTRICTED".to_owned()),
        _ => {}
    }
    if kind == "h" {
        options.push("HYPOTHETICAL".to_owned());
    }
    Ok(options)
}
