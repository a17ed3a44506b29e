//! What a restore would do, after everything that it looks at before the first change.

use std::sync::Arc;

use super::plan::{Action, Plan, Task};
use super::{
    Checked, Clean, Error, Input, RestoreOptions, Server, Shared, Source, check, definitions, first,
};
use super::{loaded, marker, prepare, workers};
use crate::archive::Archive;
use crate::pg::ConnectConfig;
use crate::progress::Monitor;

/// How many of the largest tasks of a phase are named.
const NAMED: usize = 5;

/// What a restore would do.
#[derive(Debug, Clone)]
pub struct Outline {
    /// The phases, in order.
    pub phases: Vec<Phase>,
    /// How many workers.
    pub jobs: usize,
    /// Bytes of the server's memory for all builds of indexes that run at one time.
    pub memory: u64,
    /// Bytes of COPY data.
    pub bytes: u64,
    /// Whether it goes on with what another restore has begun.
    pub resumes: bool,
    /// What of the archive is left out although it belongs to something selected, each with the reason.
    pub left_out: Vec<String>,
}

/// A part of a restore that ends before the next one begins, but for `rows` and what depends on them, which run together.
#[derive(Debug, Clone)]
pub struct Phase {
    /// Its name.
    pub name: &'static str,
    /// Objects, tables or parts of tables, as the name says.
    pub count: usize,
    /// The largest, with bytes of rows; none where size means nothing.
    pub largest: Vec<(String, u64)>,
}

/// Looks at the archive and the target as a restore does, and says what that would do. Nothing is changed.
///
/// # Errors
///
/// Those of a restore before its first change.
pub async fn outline(
    config: &ConnectConfig,
    archive: Arc<Archive>,
    options: &RestoreOptions,
    monitor: Arc<dyn Monitor>,
    interrupt: impl Future<Output = ()>,
) -> Result<Outline, Error> {
    let server = Server::new(config, options);
    tokio::select! {
        outlined = look(&server, archive, options, monitor) => outlined,
        () = interrupt => Err(Error::Interrupted),
    }
}

async fn look(
    server: &Server,
    archive: Arc<Archive>,
    options: &RestoreOptions,
    monitor: Arc<dyn Monitor>,
) -> Result<Outline, Error> {
    let Checked { shared, source, sessions } = check(server, Input::File(archive), options, monitor).await?;
    let Source::File(archive) = source else { return Err(Error::Panicked("the plan")) };
    let (_, index) = archive.shared();
    let budget = workers::budget(first(&sessions)?, options).await?;
    let plan = prepare(&shared, &index, true, &budget);
    let definitions = definitions::definitions(&shared.catalog, |entry| shared.wants(entry));
    Ok(Outline {
        phases: phases(&shared, &definitions, &plan),
        jobs: options.jobs,
        memory: budget.bytes,
        bytes: loaded(&shared, &index).map(|table| table.raw_bytes).sum(),
        resumes: shared.resumes,
        left_out: shared.choice.left_out.clone(),
    })
}

fn phases(shared: &Shared, definitions: &[Task], plan: &Plan) -> Vec<Phase> {
    let mut phases = Vec::new();
    let mut add = |name, count, largest| {
        if count > 0 {
            phases.push(Phase { name, count, largest });
        }
    };
    let chosen = || shared.catalog.entries.iter().filter(|entry| shared.wants(entry));
    if shared.options.clean != Clean::No && !shared.options.create && !shared.resumes {
        let dropped = chosen().filter(|entry| !entry.drop.is_empty()).count();
        add("objects dropped, all or none", dropped, Vec::new());
    }
    let is_open = |place: &&usize| !shared.is_done(&marker::of_entry(shared, **place));
    let count = |places: &[usize]| places.iter().filter(is_open).count();
    let executed =
        |tasks: &[Task]| tasks.iter().map(|task| task.action.entries().iter().filter(is_open).count()).sum();
    add("definitions", executed(definitions), Vec::new());
    let open = |task: &&Task| match marker::of_rows(&task.action) {
        Some(name) => !shared.is_done(&name),
        None => count(task.action.entries()) > 0,
    };
    for (name, of) in [
        ("loads of rows", (|action| matches!(action, Action::Load { .. })) as fn(&Action) -> bool),
        ("comparisons with the archive", |action| matches!(action, Action::Verify { .. })),
        ("indexes, constraints and what else needs the rows", |action| matches!(action, Action::Execute(_))),
    ] {
        let mut tasks: Vec<&Task> = plan.tasks.iter().filter(|task| of(&task.action)).filter(open).collect();
        tasks.sort_by_key(|task| std::cmp::Reverse(task.weight));
        let largest = tasks.iter().take(NAMED).filter(|task| task.weight > 0);
        let largest = largest.map(|task| (shared.label([&task.action].into_iter()), task.weight));
        add(name, tasks.len(), largest.collect());
    }
    add("privileges", count(&plan.acls), Vec::new());
    add("materialized views and settings", count(&plan.last), Vec::new());
    add("event triggers", count(&plan.events), Vec::new());
    phases
}
