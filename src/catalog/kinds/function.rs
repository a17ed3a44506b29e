//! FUNCTION and PROCEDURE, window functions included. The server writes the definition: argument defaults, SQL bodies, SET
//! options with their quoting, COST, ROWS, SUPPORT, TRANSFORM.

use super::{Kind, Query};
use crate::catalog::class::PG_PROC;
use crate::catalog::{Draft, Error, ObjectId, Repair, Results, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const FUNCTION: Kind = Kind { tag: "FUNCTION", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    // An internal dependency: the constructor functions of a range type.
    let sql = "
        SELECT p.oid, p.proname, n.nspname, p.prokind,
               (SELECT o.rolname FROM pg_catalog.pg_roles o WHERE o.oid = p.proowner) AS owner,
               pg_catalog.oidvectortypes(p.proargtypes) AS types,
               pg_catalog.pg_get_function_identity_arguments(p.oid) AS arguments,
               pg_catalog.pg_get_functiondef(p.oid) AS definition,
               ARRAY(SELECT e.extname::text
                     FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                     WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
                       AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'x'
                     ORDER BY 1) AS extensions
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE p.prokind <> 'a' AND p.oid >= 16384 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                          WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
                            AND d.deptype IN ('e', 'i'))"
        .to_owned();
    vec![Query { name: "functions", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for row in results.rows("functions") {
        let word = if row.text("prokind")? == "p" { "PROCEDURE" } else { "FUNCTION" };
        let (schema, name) = (row.text("nspname")?, row.text("proname")?);
        let id = ObjectId::new(PG_PROC, row.oid("oid")?);
        let tag = format!("{name}({})", row.text("types")?);
        let mut draft = Draft::new(id, word, Some(schema), &tag, Section::PreData);
        let on = format!("{word} {}({})", sql::qualified(schema, name), row.text("arguments")?);
        let definition = row.text("definition")?;
        // A new database has nothing to replace; where something is there it must not be replaced silently.
        let create = match definition.strip_prefix("CREATE OR REPLACE ") {
            Some(rest) => format!("CREATE {}", rest.trim_end()),
            None => definition.to_owned(),
        };
        draft.create.push(create.into());
        for extension in row.list("extensions")? {
            draft.create.push(format!("ALTER {on} DEPENDS ON EXTENSION {}", sql::ident(extension)).into());
        }
        draft.owner = Some(row.text("owner")?.to_owned());
        draft.drop = vec![format!("DROP {on}")];
        draft.owned = Some(on.clone());
        draft.comment_on = Some(on.clone());
        draft.acl_on = Some(on);
        draft.repair = Repair::Postpone;
        drafts.push(draft);
    }
    Ok(drafts)
}
