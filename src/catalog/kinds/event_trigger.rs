//! EVENT TRIGGER: restored last, so that none fires on what a restore does.

use super::{Kind, Query};
use crate::catalog::class::PG_EVENT_TRIGGER;
use crate::catalog::{Draft, Error, ObjectId, Pass, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Event triggers.
pub(super) const EVENT_TRIGGER: Kind = Kind { tag: "EVENT TRIGGER", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let sql = "
        SELECT e.oid, e.evtname AS name, e.evtevent AS event, e.evtenabled AS enabled, e.evttags AS tags,
               e.evtfoid::pg_catalog.regproc::text AS function,
               (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = e.evtowner) AS owner
        FROM pg_catalog.pg_event_trigger e"
        .to_owned();
    vec![Query { name: "event triggers", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("event triggers").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let name = row.text("name")?;
    let object = format!("EVENT TRIGGER {}", sql::ident(name));
    let id = ObjectId::new(PG_EVENT_TRIGGER, row.oid("oid")?);
    let mut draft = Draft::new(id, "EVENT TRIGGER", None, name, Section::PostData);
    draft.pass = Pass::PostAcl;
    let mut create = format!("CREATE {object} ON {}", sql::ident(row.text("event")?));
    let tags = row.list("tags")?;
    if !tags.is_empty() {
        let tags: Vec<String> = tags.iter().map(|tag| sql::literal(tag)).collect();
        create.push_str(&format!(" WHEN TAG IN ({})", tags.join(", ")));
    }
    create.push_str(&format!(" EXECUTE FUNCTION {}()", row.text("function")?));
    draft.create = vec![create.into()];
    let state = match row.text("enabled")? {
        "D" => Some("DISABLE"),
        "R" => Some("ENABLE REPLICA"),
        "A" => Some("ENABLE ALWAYS"),
        _ => None,
    };
    draft.create.extend(state.map(|state| format!("ALTER {object} {state}").into()));
    draft.drop = vec![format!("DROP {object}")];
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(object.clone());
    draft.comment_on = Some(object);
    Ok(draft)
}
