//! ACL of what nobody creates in a restore: members of extensions, and the system's own objects. What they have differs from
//! what initdb or the extension left, which pg_init_privs holds, or from the default.

use std::collections::BTreeMap;

use super::{Kind, Query};
use crate::catalog::acl::{Acl, ITEMS, ITEMS_OF, Target};
use crate::catalog::class::{PG_EXTENSION, PG_INIT_PRIVS};
use crate::catalog::{Draft, Error, Lock, ObjectId, Pass, Results, Row, Section};
use crate::pg::Version;

pub(super) const INITIAL_ACL: Kind = Kind { tag: "ACL", queries, follow_up: None, assemble };

pub(in crate::catalog) const INITIAL_ACLS: &str = "initial acls";

fn queries(_: Version) -> Vec<Query> {
    // An ACL that is NULL is the default one, for columns the empty one.
    let sql = format!(
        "
        WITH wanted (class, oid) AS (
            SELECT 1259::pg_catalog.oid, oid FROM pg_catalog.pg_class WHERE oid < 16384
            UNION ALL SELECT 1247, oid FROM pg_catalog.pg_type WHERE oid < 16384
            UNION ALL SELECT d.classid, d.objid FROM pg_catalog.pg_depend d WHERE d.deptype = 'e' AND d.classid IN (1259, 1247)
        ),
        privileges (class, oid, sub, attname, owner, kind, acl) AS (
            SELECT 1259::pg_catalog.oid, c.oid, 0, NULL::pg_catalog.name, c.relowner,
                   CASE WHEN c.relkind = 'S' THEN 's' ELSE 'r' END::\"char\", c.relacl
            FROM wanted w JOIN pg_catalog.pg_class c ON w.class = 1259 AND c.oid = w.oid
            WHERE c.relkind NOT IN ('i', 'I', 't', 'c')
            UNION ALL
            SELECT 1259, a.attrelid, a.attnum, a.attname, c.relowner, 'c', a.attacl
            FROM wanted w JOIN pg_catalog.pg_attribute a ON w.class = 1259 AND a.attrelid = w.oid
            JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
            WHERE NOT a.attisdropped
            UNION ALL
            SELECT 1247, t.oid, 0, NULL, t.typowner, 'T', t.typacl
            FROM wanted w JOIN pg_catalog.pg_type t ON w.class = 1247 AND t.oid = w.oid
            UNION ALL SELECT 1255, oid, 0, NULL, proowner, 'f', proacl FROM pg_catalog.pg_proc
            UNION ALL SELECT 2612, oid, 0, NULL, lanowner, 'l', lanacl FROM pg_catalog.pg_language
            UNION ALL SELECT 2328, oid, 0, NULL, fdwowner, 'F', fdwacl FROM pg_catalog.pg_foreign_data_wrapper
            UNION ALL SELECT 1417, oid, 0, NULL, srvowner, 'S', srvacl FROM pg_catalog.pg_foreign_server
            UNION ALL SELECT 2615, oid, 0, NULL, nspowner, 'n', nspacl FROM pg_catalog.pg_namespace
                      WHERE nspname <> 'public' AND nspname !~ '^pg_(toast|temp)'
        ),
        changed AS (
            SELECT p.class, p.oid, p.sub, p.attname, p.owner, d.refobjid AS extension_oid,
                   COALESCE(p.acl, pg_catalog.acldefault(p.kind, p.owner)) AS acl,
                   COALESCE(v.initprivs, pg_catalog.acldefault(p.kind, p.owner)) AS base
            FROM privileges p
            LEFT JOIN pg_catalog.pg_init_privs v ON v.classoid = p.class AND v.objoid = p.oid AND v.objsubid = p.sub
            LEFT JOIN pg_catalog.pg_depend d ON d.classid = p.class AND d.objid = p.oid AND d.deptype = 'e'
            WHERE p.acl IS DISTINCT FROM v.initprivs AND (p.oid < 16384 OR d.refobjid IS NOT NULL)
        )
        SELECT o.class, o.oid, o.sub, o.attname, o.extension_oid, i.type, i.schema, i.identity,
               w.rolname AS owner, {ITEMS}
        FROM changed o
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.class, o.oid, 0) i
        LEFT JOIN pg_catalog.pg_roles w ON w.oid = o.owner {ITEMS_OF}
        WHERE i.identity IS NOT NULL AND i.schema IS DISTINCT FROM 'information_schema'
          AND i.identity <> 'information_schema'
        ORDER BY o.class, o.oid, o.sub <> 0, o.sub, x.is_default, x.item"
    );
    vec![Query { name: INITIAL_ACLS, sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut objects: BTreeMap<(u32, u32), Vec<&Row>> = BTreeMap::new();
    for row in results.rows(INITIAL_ACLS) {
        objects.entry((row.oid("class")?, row.oid("oid")?)).or_default().push(row);
    }
    let drafts = objects.into_values().map(|rows| draft(&rows));
    // Some turn out to be the initial ones after all.
    Ok(drafts.collect::<Result<Vec<_>, _>>()?.into_iter().filter(|draft| !draft.create.is_empty()).collect())
}

/// The ACLs of an object and then of its columns: what is revoked from the whole is revoked from the columns too.
fn draft(rows: &[&Row]) -> Result<Draft, Error> {
    let row = rows[0];
    let word = match row.text("type")? {
        "function" | "aggregate" => "FUNCTION",
        "procedure" => "PROCEDURE",
        "type" => "TYPE",
        "language" => "LANGUAGE",
        "schema" => "SCHEMA",
        "foreign-data wrapper" => "FOREIGN DATA WRAPPER",
        "server" => "FOREIGN SERVER",
        "sequence" => "SEQUENCE",
        // Views and foreign tables too.
        _ => "TABLE",
    };
    let on = format!("{word} {}", row.text("identity")?);
    let class = row.oid("class")?;
    // The object itself is not dumped, and its identity would tell that.
    let id = ObjectId { class: PG_INIT_PRIVS, oid: row.oid("oid")?, sub: class.cast_signed() };
    let mut draft = Draft::new(id, "ACL", row.opt_text("schema")?, &on, Section::PostData);
    draft.pass = Pass::Acl;
    draft.lock = Lock::None;
    for rows in rows.chunk_by(|one, other| one.int("sub").ok() == other.int("sub").ok()) {
        let mut acl = Acl::from_initial();
        for row in rows {
            acl.add(row)?;
        }
        let target =
            Target { before: "", on: &on, column: rows[0].opt_text("attname")?, owner: row.text("owner")? };
        draft.create.extend(acl.statements(target).into_iter().map(Into::into));
    }
    let extension = row.opt_int("extension_oid")?.and_then(|oid| u32::try_from(oid).ok());
    draft.requires = extension.map(|oid| ObjectId::new(PG_EXTENSION, oid)).into_iter().collect();
    Ok(draft)
}

/// Every role that these ACLs need beside the owners, who are there.
pub(in crate::catalog) fn roles(results: &Results) -> Result<Vec<String>, Error> {
    let mut roles = Vec::new();
    for row in results.rows(INITIAL_ACLS) {
        let owner = row.opt_text("owner")?;
        for role in [row.opt_text("grantor")?, row.opt_text("grantee")?] {
            if role != owner && !row.bool("is_default")? {
                roles.extend(role.map(str::to_owned));
            }
        }
    }
    Ok(roles)
}
