//! What the restored database says of itself: indexes and constraints.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use super::Error;
use crate::pg::{ConnectConfig, Purpose, Session, column};
use crate::sql;

/// insufficient_privilege
const DENIED: &str = "42501";

/// What was checked, and what is wrong.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// Indexes that are valid.
    pub indexes: u64,
    /// Those of them that amcheck compared with their tables.
    pub by_amcheck: u64,
    /// Why amcheck was not asked, if it was not.
    pub no_amcheck: Option<String>,
    /// Constraints that the server has found to hold for every row.
    pub constraints: u64,
    /// Constraints that are not valid, as they were in the source (NOT VALID, NOT ENFORCED).
    pub not_valid: u64,
    /// A sentence for everything that is wrong.
    pub problems: Vec<String>,
}

/// Indexes of users, each with the function of amcheck that checks its kind.
const INDEXES: &str = "\
    SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, i.indisvalid AND i.indisready AS is_valid, \
           CASE WHEN a.amname = 'btree' AND c.relkind = 'i' THEN 'bt_index_check' \
                WHEN a.amname = 'gin' AND c.relkind = 'i' THEN 'gin_index_check' END AS function \
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_am a ON a.oid = c.relam \
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY c.relpages DESC, c.oid";

const CONSTRAINTS: &str = "\
    SELECT pg_catalog.count(*) FILTER (WHERE c.convalidated) AS valid, \
           pg_catalog.count(*) FILTER (WHERE NOT c.convalidated) AS not_valid \
    FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace \
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// The functions of amcheck, with their schema, that are there.
const FUNCTIONS: &str = "\
    SELECT p.proname::text AS name, n.nspname::text AS schema FROM pg_catalog.pg_extension e \
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace \
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid = e.oid \
      AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
    JOIN pg_catalog.pg_proc p ON p.oid = d.objid WHERE e.extname = 'amcheck'";

/// A check by amcheck.
struct Check {
    index: String,
    statement: String,
}

/// Checks the database of `config` with this many sessions.
pub async fn run(config: &ConnectConfig, jobs: usize) -> Result<Checked, Error> {
    let session = Session::connect(config, Purpose::Restore, "pgsnap").await?;
    let mut checked = Checked::default();
    for row in session.query("counting constraints", CONSTRAINTS, &[]).await? {
        let count = |name| column::<i64>(&row, name).map(|count| count.unsigned_abs());
        (checked.constraints, checked.not_valid) = (count("valid")?, count("not_valid")?);
    }
    checked.no_amcheck = install_amcheck(&session).await?;
    let mut functions = Vec::new();
    for row in session.query("looking for amcheck", FUNCTIONS, &[]).await? {
        functions.push((column::<String>(&row, "name")?, column::<String>(&row, "schema")?));
    }
    let mut checks = VecDeque::new();
    for row in session.query("listing indexes", INDEXES, &[]).await? {
        let index: String = column(&row, "name")?;
        if !column::<bool>(&row, "is_valid")? {
            checked.problems.push(format!("index {index} is not valid"));
            continue;
        }
        checked.indexes += 1;
        let function: Option<String> = column(&row, "function")?;
        let oid: u32 = column(&row, "oid")?;
        if let Some((name, schema)) = functions.iter().find(|(name, _)| Some(name) == function.as_ref()) {
            // With every row of the table looked up in the index, where there is such a check.
            let all = if name == "bt_index_check" { ", true" } else { "" };
            let statement = format!("SELECT {}({oid}{all})", sql::qualified(schema, name));
            checks.push_back(Check { index, statement });
        }
    }
    checked.by_amcheck = checks.len() as u64;
    let jobs = jobs.min(checks.len());
    let checks = Arc::new(Mutex::new(checks));
    let mut workers = JoinSet::new();
    for _ in 0..jobs {
        let session = Session::connect(config, Purpose::Restore, "pgsnap").await?;
        workers.spawn(check_indexes(session, Arc::clone(&checks)));
    }
    while let Some(ended) = workers.join_next().await {
        checked.problems.extend(ended.unwrap_or(Err(Error::Panicked("a worker")))?);
    }
    checked.problems.sort();
    Ok(checked)
}

/// Checks until nothing is left to check. What the server says of an index ends no drill.
async fn check_indexes(session: Session, checks: Arc<Mutex<VecDeque<Check>>>) -> Result<Vec<String>, Error> {
    let mut problems = Vec::new();
    loop {
        let next = checks.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(check) = next else { return Ok(problems) };
        match session.execute(&check.statement).await {
            Ok(()) => {}
            Err(error) if session.is_closed() => return Err(error.into()),
            Err(error) => problems.push(format!("index {}: {error}", check.index)),
        }
    }
}

/// Makes the extension, in the scratch database alone. Why it is not there, if it is not.
async fn install_amcheck(session: &Session) -> Result<Option<String>, Error> {
    let available = "SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'amcheck'";
    if session.query("looking for amcheck", available, &[]).await?.is_empty() {
        return Ok(Some("the server does not have it".to_owned()));
    }
    match session.execute("CREATE EXTENSION IF NOT EXISTS amcheck WITH SCHEMA pg_catalog").await {
        Err(error) if error.sqlstate() == Some(DENIED) => Ok(Some("it needs a superuser".to_owned())),
        made => Ok(made.map(|()| None)?),
    }
}
