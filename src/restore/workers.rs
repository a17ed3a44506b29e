//! The workers that carry out a task graph, each with a session of its own.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::memory::Budget;
use super::plan::{Action, Task};
use super::schedule::Schedule;
use super::tally::Tally;
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
/// pgvector's refusal to build lists in less memory than they need (0.5 to 0.8; it has no translations).
const TOO_LITTLE_MEMORY: &str = "maintenance_work_mem is";
/// disk_full, out_of_memory: parallel workers share memory that the system has to have at once; /dev/shm of a container has 64 MB.
const NO_ROOM: [&str; 2] = ["53100", "53200"];

/// Small tasks that one worker carries out together: in one transaction, of which each takes some locks; a server has 64 for each
/// session (the default of `max_locks_per_transaction`).
const TOGETHER: usize = 16;

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
    let mut tally = Tally::new(&tasks, data.index.as_deref());
    let tell = |counts| {
        *locked(&shared.counts) = counts;
        shared.monitor.report(Event::Counted(counts));
    };
    tell(tally.counts());
    let mut schedule = Schedule::new(tasks, memory);
    let mut finish = |schedule: &mut Schedule, place: usize| {
        schedule.finish(place);
        tell(tally.finish(place));
    };
    let mut running = JoinSet::new();
    // Of tasks in one transaction none can be left out.
    let most = if shared.may_leave_out() { 1 } else { TOGETHER };
    while !schedule.is_done() {
        while let Some(session) = idle.pop() {
            let mut started = schedule.start(most);
            if started.is_empty() {
                idle.push(session);
                break;
            }
            started.retain(|(place, task)| {
                let is_done = pass_over(shared, data, task);
                if is_done {
                    finish(&mut schedule, *place);
                }
                !is_done
            });
            let Some((first, _)) = started.first() else {
                idle.push(session);
                continue;
            };
            let label = shared.label(started.iter().map(|(_, task)| &task.action));
            locked(&shared.running)
                .insert(*first, Running { label, since: Instant::now(), pid: session.pid() });
            running.spawn(run_tasks(Arc::clone(shared), data.clone(), session, started));
        }
        if schedule.is_done() {
            break;
        }
        let ended = running.join_next().await.unwrap_or(Ok(Err(Error::Panicked("the plan"))));
        let (places, session) = ended.unwrap_or(Err(Error::Panicked("a worker")))?;
        let first = places.first().and_then(|first| locked(&shared.running).remove(first));
        if let Some(Running { label, since, .. }) = first {
            shared.took(label, since.elapsed());
        }
        places.into_iter().for_each(|place| finish(&mut schedule, place));
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

/// Carries out tasks that are alike.
async fn run_tasks(
    shared: Arc<Shared>,
    data: Data,
    mut session: Session,
    tasks: Vec<(usize, Task)>,
) -> Result<(Vec<usize>, Session), Error> {
    session.reset_client_encoding().await?;
    let (places, tasks): (Vec<usize>, Vec<Task>) = tasks.into_iter().unzip();
    let actions = || tasks.iter().map(|task| &task.action);
    match (tasks.as_slice(), &data.archive, &data.index) {
        ([Task { action: Action::Execute(entries), memory: Some(memory), .. }], ..) if entries.len() == 1 => {
            build(&shared, &session, entries[0], *memory).await?;
        }
        ([Task { action: Action::Execute(_), .. }, ..], ..) => {
            let entries: Vec<usize> = actions().flat_map(Action::entries).copied().collect();
            statements::execute(&shared, &session, &entries).await?;
        }
        ([Task { action: Action::Load { table, .. }, .. }, ..], Some(archive), _) => {
            let entry = shared.entry_of(*table);
            let loads: Vec<&Action> = actions().collect();
            if !shared.needs_what_is_left_out(entry)
                && let Err(error) = load::load(&shared, archive, &mut session, &loads).await
            {
                shared.leave_out(entry, error)?;
                load::give_up(&shared, &session).await?;
            }
        }
        ([Task { action: Action::Verify { .. }, .. }, ..], _, Some(index)) => {
            verify(&shared, index, &mut session, actions().collect()).await?;
        }
        _ => return Err(Error::Panicked("the plan")),
    }
    Ok((places, session))
}

async fn verify(
    shared: &Shared,
    index: &Index,
    session: &mut Session,
    mut tasks: Vec<&Action>,
) -> Result<(), Error> {
    tasks.retain(|task| !task.tables().any(|table| shared.is_left_out(shared.entry_of(table))));
    let Some(first) = tasks.iter().find_map(|task| task.tables().next()) else { return Ok(()) };
    match load::verify(shared, index, session, &tasks).await {
        Ok(()) => tasks.iter().for_each(|task| shared.note_soon(marker::of_rows(task))),
        // A task whose table may be left out comes alone.
        Err(error) => shared.leave_out(shared.entry_of(first), error)?,
    }
    Ok(())
}

/// See [`Streams`](super::plan::Streams).
pub async fn skips_wal(session: &Session) -> Result<bool, Error> {
    let sql = "SELECT pg_catalog.current_setting('wal_level') = 'minimal' AS skips";
    let rows = session.ask("asking what the server writes to its WAL", sql).await?;
    Ok(rows.first().map_or(Ok(false), |row| pg::column(row, "skips"))?)
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
            shared.monitor.report(Event::Warning(format!(
                "{object} is built again, slower, without parallel workers: the system has no room for what they share \
                 (/dev/shm: 64 MB in a container): {source}"
            )));
            // After an error within a savepoint a transaction is still open.
            session.batch("ROLLBACK; SET max_parallel_maintenance_workers = 0").await?;
            statements::execute(shared, session, &[place]).await?;
            session.batch("RESET max_parallel_maintenance_workers").await?;
        }
        built => {
            if let Err(Error::Statement { source, .. }) = &built
                && source.to_string().contains(TOO_LITTLE_MEMORY)
            {
                shared.monitor.report(Event::Warning(format!(
                    "{} was given {} MB; --memory gives the builds of indexes more",
                    shared.catalog.entries[place].label(),
                    kilobytes >> 10
                )));
            }
            built?;
        }
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
