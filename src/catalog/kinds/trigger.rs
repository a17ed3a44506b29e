//! TRIGGER.

use super::relation::{
    OF_USERS, SCHEMA, TABLE_OF, depends_on_extensions, draft_on_table, extensions_of, relation_id, table_name,
};
use super::{Kind, Query};
use crate::catalog::class::PG_TRIGGER;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Triggers.
pub(super) const TRIGGER: Kind = Kind { tag: "TRIGGER", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let extensions = extensions_of(PG_TRIGGER, "t.oid");
    // A partition's copy of its parent's trigger comes with that; only a state of its own has to be set. The copies are
    // internal triggers until 14, so that those of foreign keys have to be told apart by their constraint.
    let sql = format!(
        "SELECT {TABLE_OF}, t.oid, t.tgname AS name, t.tgparentid AS parent_oid,
                (WITH RECURSIVE up (oid, parent) AS (
                     SELECT t.oid, t.tgparentid
                     UNION ALL SELECT a.oid, a.tgparentid FROM pg_catalog.pg_trigger a JOIN up ON a.oid = up.parent)
                 SELECT up.oid FROM up WHERE up.parent = 0) AS root_oid, t.tgenabled::text AS enabled,
                pg_catalog.pg_get_triggerdef(t.oid, false) AS definition, {extensions}
           FROM pg_catalog.pg_trigger t
           JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid {SCHEMA}
           LEFT JOIN pg_catalog.pg_trigger p ON p.oid = t.tgparentid
          WHERE c.relkind IN ('r', 'p', 'f', 'v') AND {OF_USERS}
                AND CASE WHEN t.tgparentid = 0 THEN NOT t.tgisinternal
                         ELSE t.tgenabled <> p.tgenabled AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                              WHERE k.oid = t.tgconstraint AND k.contype = 'f') END
          ORDER BY n.nspname, c.relname, t.tgname"
    );
    vec![Query { name: "trigger", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("trigger").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let (name, table) = (sql::ident(row.text("name")?), table_name(row)?);
    let id = ObjectId::new(PG_TRIGGER, row.oid("oid")?);
    let parent_oid = row.oid("parent_oid")?;
    let mut draft = draft_on_table(row, id, "TRIGGER", row.text("name")?, Section::PostData)?;
    draft.requires = vec![relation_id(row.oid("table_oid")?)];
    let object = format!("TRIGGER {name} ON {table}");
    let cloned = parent_oid != 0;
    if cloned {
        // The parent is there on its own only when it has a state of its own; what makes all of them is the root.
        draft.requires.extend([parent_oid, row.oid("root_oid")?].map(|oid| ObjectId::new(PG_TRIGGER, oid)));
    } else {
        draft.create = vec![row.text("definition")?.to_owned().into()];
        draft.drop = vec![format!("DROP {object}")];
    }
    let state = match row.text("enabled")? {
        "A" => Some("ENABLE ALWAYS"),
        "R" => Some("ENABLE REPLICA"),
        "D" => Some("DISABLE"),
        _ => cloned.then_some("ENABLE"),
    };
    if let Some(state) = state {
        draft.create.push(format!("ALTER TABLE {table} {state} TRIGGER {name}").into());
    }
    draft.create.extend(depends_on_extensions(row, &object)?);
    draft.comment_on = Some(object);
    Ok(draft)
}
