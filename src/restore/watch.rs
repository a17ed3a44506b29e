//! What the server is at: the longest of the running tasks, told from time to time, with how far the build of an index is.

use std::time::{Duration, Instant};

use super::{Server, Shared, locked};
use crate::pg::{self, Session};
use crate::progress::Event;

/// How often it is told.
const EVERY: Duration = Duration::from_secs(10);

/// A task under way.
#[derive(Debug, Clone)]
pub struct Running {
    /// What it is called.
    pub label: String,
    /// When it began.
    pub since: Instant,
    /// The server process that works on it.
    pub pid: i32,
}

/// Tells, and never ends. What it asks the server for is not needed by the restore: a failure is not one of the restore.
pub async fn watch(shared: &Shared, server: &Server, database: Option<&str>) -> ! {
    let mut session: Option<Session> = None;
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(longest) = longest(shared) else { continue };
        if session.as_ref().is_none_or(Session::is_closed) {
            session = server.connect(database).await.ok();
        }
        let progress = match &session {
            Some(session) => progress(session, longest.pid).await.ok().flatten(),
            None => None,
        };
        let progress = progress.map(|progress| format!(": {progress}")).unwrap_or_default();
        let counts = *locked(&shared.counts);
        let text = format!(
            "{counts} done; {}, for {} s{progress}",
            longest.label,
            longest.since.elapsed().as_secs()
        );
        shared.monitor.report(Event::Working(text));
    }
}

/// The task that runs for the longest time, if that is long.
fn longest(shared: &Shared) -> Option<Running> {
    let running = locked(&shared.running);
    let longest = running.values().min_by_key(|task| task.since)?;
    (longest.since.elapsed() >= EVERY).then(|| longest.clone())
}

/// How far the build of an index by this server process is: the view knows its phases (PostgreSQL 13 to 18; those of HNSW by
/// pgvector 0.8).
async fn progress(session: &Session, pid: i32) -> Result<Option<String>, pg::Error> {
    let sql = format!(
        "SELECT p.phase, CASE WHEN p.blocks_total > 0 THEN p.blocks_done * 100 / p.blocks_total
                              WHEN p.tuples_total > 0 THEN p.tuples_done * 100 / p.tuples_total END AS percent
         FROM pg_catalog.pg_stat_progress_create_index p WHERE p.pid = {pid}"
    );
    let rows = session.ask("asking how far the build of an index is", &sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let phase: Option<String> = pg::column(row, "phase")?;
    let percent: Option<i64> = pg::column(row, "percent")?;
    let percent = percent.map(|percent| format!(", {percent} %")).unwrap_or_default();
    Ok(phase.map(|phase| format!("{phase}{percent}")))
}
