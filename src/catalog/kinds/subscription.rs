//! SUBSCRIPTION: made disabled and without a connection, so that a restore never speaks to the publisher. Only superusers
//! may read them.

use super::{Kind, Query};
use crate::catalog::class::PG_SUBSCRIPTION;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

/// Subscriptions.
pub(super) const SUBSCRIPTION: Kind =
    Kind { tag: "SUBSCRIPTION", queries, follow_up: Some(readable), assemble };

const READABLE: &str = "readable subscriptions";
const SUBSCRIPTIONS: &str = "subscriptions";

/// True when this session may read what only superusers may.
pub(in crate::catalog) const MAY_READ: &str =
    "pg_catalog.has_column_privilege('pg_catalog.pg_subscription', 'subconninfo', 'SELECT')";

fn queries(version: Version) -> Vec<Query> {
    // The names of the columns of this version; NULL for what it does not have.
    let since = |major: u32, column: &str| {
        if version.major() >= major { format!("s.{column}::text") } else { "NULL::text".to_owned() }
    };
    let sql = format!(
        "
        SELECT s.oid, s.subname AS name, s.subconninfo AS connection, s.subslotname::text AS slot,
               s.subpublications AS publications, s.subsynccommit AS synchronous_commit,
               {} AS binary, {} AS streaming, {} AS two_phase, {} AS disable_on_error, {} AS password_required,
               {} AS run_as_owner, {} AS origin, {} AS failover,
               (SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = s.subowner) AS owner
        FROM pg_catalog.pg_subscription s
        WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d
                           WHERE d.datname = pg_catalog.current_database())",
        since(14, "subbinary"),
        since(14, "substream"),
        since(15, "subtwophasestate"),
        since(15, "subdisableonerr"),
        since(16, "subpasswordrequired"),
        since(16, "subrunasowner"),
        since(16, "suborigin"),
        since(17, "subfailover"),
    );
    // The statement itself must not be sent where it is not permitted.
    let sql = format!("SELECT {MAY_READ} AS may_read, {} AS statement", sql::literal(&sql));
    vec![Query { name: READABLE, sql }]
}

fn readable(results: &Results) -> Result<Vec<Query>, Error> {
    let mut queries = Vec::new();
    for row in results.rows(READABLE) {
        if row.bool("may_read")? {
            queries.push(Query { name: SUBSCRIPTIONS, sql: row.text("statement")?.to_owned() });
        }
    }
    Ok(queries)
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows(SUBSCRIPTIONS).iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let name = row.text("name")?;
    let object = format!("SUBSCRIPTION {}", sql::ident(name));
    let id = ObjectId::new(PG_SUBSCRIPTION, row.oid("oid")?);
    let mut draft = Draft::new(id, "SUBSCRIPTION", None, name, Section::PostData);
    let publications: Vec<String> = row.list("publications")?.iter().map(|name| sql::ident(name)).collect();
    draft.create = vec![
        format!(
            "CREATE {object} CONNECTION {} PUBLICATION {} WITH ({})",
            sql::literal(row.text("connection")?),
            publications.join(", "),
            options(row)?.join(", ")
        )
        .into(),
    ];
    // With a slot, DROP would connect to the publisher to drop that too.
    draft.drop = vec![
        format!("ALTER {object} DISABLE"),
        format!("ALTER {object} SET (slot_name = NONE)"),
        format!("DROP {object}"),
    ];
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(object.clone());
    draft.comment_on = Some(object);
    Ok(draft)
}

fn options(row: &Row) -> Result<Vec<String>, Error> {
    let slot = row.opt_text("slot")?.map_or_else(|| "NONE".to_owned(), sql::literal);
    let mut options = vec!["connect = false".to_owned(), format!("slot_name = {slot}")];
    // What is not the default; the default of streaming is another one since 18.
    for (option, column, values) in [
        ("binary", "binary", &[("true", "true")][..]),
        (
            "streaming",
            "streaming",
            &[("t", "on"), ("p", "parallel"), ("f", "off"), ("true", "on"), ("false", "off")],
        ),
        ("two_phase", "two_phase", &[("p", "on"), ("e", "on")]),
        ("disable_on_error", "disable_on_error", &[("true", "true")]),
        ("password_required", "password_required", &[("false", "false")]),
        ("run_as_owner", "run_as_owner", &[("true", "true")]),
        ("failover", "failover", &[("true", "true")]),
    ] {
        let found = row.opt_text(column)?;
        let value = values.iter().find(|(found_as, _)| found == Some(found_as));
        options.extend(value.map(|(_, value)| format!("{option} = {value}")));
    }
    let commit = row.text("synchronous_commit")?;
    if commit != "off" {
        options.push(format!("synchronous_commit = {}", sql::literal(commit)));
    }
    if let Some(origin) = row.opt_text("origin")?.filter(|origin| *origin != "any") {
        options.push(format!("origin = {}", sql::literal(origin)));
    }
    Ok(options)
}
