//! The workers that carry out a task graph, each with a session of its own.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::memory::Budget;
use super::plan::{Action, Task};
use super::schedule::Schedule;
use super::watch::Running;
use super::{Error, RestoreOptions, Shared, load, locked, marker, statements};
use crate::archive::{Archive, Index};
use crate::pg::{self, Session};
use crate::progress::Event;

/// What maintenance_work_mem may be, in kB (PostgreSQL 13 to 18).
const LEAST_KILOBYTES: u64 = 1 << 10;
const MOST_KILOBYTES: u64 = i32::MAX as u64;
/// pgvector's notice of an HNSW graph (0.5 to 0.8; it has no translations).
const GRAPH_TOO_LARGE: &str = "no longer fits into maintenance_work_mem";
/// disk_full, out_of_memory: parallel workers share memory that the system has to have at once; /dev/shm of a container has 64 MB.
const NO_ROOM: [&str; 2] = ["53100", "53200"];

/// What the tasks load and what they compare with.
#[derive(Clone)]
pub struct Data {
    /// None when the rows are loaded.
    pub archive: Option<Arc<Archive>>,
    /// None before the rows.
    pub index: Option<Arc<Index>>,
}

/// Carries out the graph, with as many bytes for builds of indexes that run at one time; the first error ends it. The sessions come
/// back.
pub async fn run(
    shared: &Arc<Shared>,
    data: &Data,
    mut idle: Vec<Session>,
    tasks: Vec<Task>,
    memory: u64,
) -> Result<Vec<Session>, Error> {
    let mut schedule = Schedule::new(tasks, memory);
    let mut running = JoinSet::new();
    while !schedule.is_done() {
        while let Some(session) = idle.pop() {
            let Some((place, task)) = schedule.start() else {
                idle.push(session);
                break;
            };
            if pass_over(shared, data, &task) {
                schedule.finish(place);
                idle.push(session);
                continue;
            }
            let label = shared.label(&task.action);
            let pid = session.pid();
            locked(&shared.running).insert(place, Running { label, since: Instant::now(), pid });
            running.spawn(run_task(Arc::clone(shared), data.clone(), session, place, task));
        }
        if schedule.is_done() {
            break;
        }
        let ended = running.join_next().await.unwrap_or(Ok(Err(Error::Panicked("the plan"))));
        let (place, session) = ended.unwrap_or(Err(Error::Panicked("a worker")))?;
        if let Some(Running { label, since, .. }) = locked(&shared.running).remove(&place) {
            shared.took(label, since.elapsed());
        }
        schedule.finish(place);
        idle.push(session);
    }
    Ok(idle)
}

/// Whether a restore that goes on finds the task done.
fn pass_over(shared: &Shared, data: &Data, task: &Task) -> bool {
    let is_done = match &task.action {
        Action::Execute(places) => {
            places.iter().all(|place| shared.is_done(&marker::of_entry(shared, *place)))
        }
        action => marker::of_rows(action).is_some_and(|task| shared.is_done(&task)),
    };
    if let (true, Action::Load { table, blocks, .. }, Some(index)) = (is_done, &task.action, &data.index) {
        let blocks = &index.tables[*table as usize].blocks[blocks.clone()];
        shared.monitor.report(Event::Advanced(blocks.iter().map(|block| block.raw_len).sum()));
    }
    is_done
}

async fn run_task(
    shared: Arc<Shared>,
    data: Data,
    mut session: Session,
    place: usize,
    task: Task,
) -> Result<(usize, Session), Error> {
    session.reset_client_encoding().await?;
    match (&task.action, &data.archive, &data.index) {
        (Action::Execute(entries), ..) => match (task.memory, entries.as_slice()) {
            (Some(memory), [entry]) => build(&shared, &session, *entry, memory).await?,
            _ => statements::execute(&shared, &session, entries).await?,
        },
        (Action::Load { table, .. }, Some(archive), _) => {
            let entry = shared.entry_of(*table);
            if !shared.needs_what_is_left_out(entry)
                && let Err(error) = load::load(&shared, archive, &mut session, &task.action).await
            {
                shared.leave_out(entry, error)?;
                load::give_up(&shared, &session).await?;
            }
        }
        (Action::Verify { table, others }, _, Some(index)) => {
            let entries = others.iter().chain([table]).map(|table| shared.entry_of(*table));
            if !{ entries }.any(|entry| shared.is_left_out(entry)) {
                match load::verify(&shared, index, &mut session, *table, others).await {
                    Ok(()) => shared.note_soon(marker::of_rows(&task.action)),
                    Err(error) => shared.leave_out(shared.entry_of(*table), error)?,
                }
            }
        }
        (Action::Load { .. } | Action::Verify { .. }, ..) => return Err(Error::Panicked("the plan")),
    }
    Ok((place, session))
}

/// The memory for builds of indexes on this server.
pub async fn budget(session: &Session, options: &RestoreOptions) -> Result<Budget, Error> {
    let sql = "SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) AS own,
                      pg_catalog.pg_size_bytes(pg_catalog.current_setting('effective_cache_size')) AS cached";
    let rows = session.ask("asking for the server's memory settings", sql).await?;
    let bytes = |name: &str| match rows.first() {
        Some(row) => pg::column::<i64>(row, name).map(i64::unsigned_abs),
        None => Ok(0),
    };
    Ok(Budget::new(options.memory, bytes("own")?, bytes("cached")?, options.jobs))
}

/// Restores an entry that builds an index, with so many bytes of memory.
async fn build(shared: &Shared, session: &Session, place: usize, memory: u64) -> Result<(), Error> {
    let kilobytes = (memory >> 10).clamp(LEAST_KILOBYTES, MOST_KILOBYTES);
    session
        .batch(&format!("SET maintenance_work_mem = '{kilobytes}kB'; SET client_min_messages = 'notice'"))
        .await?;
    session.take_notices();
    match statements::execute(shared, session, &[place]).await {
        Err(Error::Statement { source, object })
            if source.sqlstate().is_some_and(|state| NO_ROOM.contains(&state))
                && !shared.options.single_transaction =>
        {
            tracing::info!("{object} is built again, without parallel workers: {source}");
            // After an error within a savepoint a transaction is still open.
            session.batch("ROLLBACK; SET max_parallel_maintenance_workers = 0").await?;
            statements::execute(shared, session, &[place]).await?;
            session.batch("RESET max_parallel_maintenance_workers").await?;
        }
        built => built?,
    }
    session.batch("SET client_min_messages = 'warning'").await?;
    if let Some(notice) = session.take_notices().into_iter().find(|notice| notice.contains(GRAPH_TOO_LARGE)) {
        shared.monitor.report(Event::Warning(format!(
            "{}: {notice}. The index is whole, but was built slowly, with {} MB; --memory gives more",
            shared.catalog.entries[place].label(),
            kilobytes >> 10
        )));
    }
    Ok(())
}
