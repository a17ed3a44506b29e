//! Drill: an archive restored into a scratch database, which is compared, checked and dropped. The way to know that an archive can be
//! restored, and how long that takes, before it is needed.

mod check;
mod error;
mod phases;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use check::Checked;
pub use error::Error;

use crate::archive::{Archive, ArchiveId, Catalog};
use crate::pg::{ConnectConfig, Purpose, Session};
use crate::progress::{Event, Monitor};
use crate::restore::{self, Blocks, Clean, Input, OnError, RestoreOptions, RestoreSummary};
use crate::selection::Selection;
use crate::sql;
use crate::verify::{self, VerifyOptions, VerifySummary};
use phases::Phases;

/// What the names of scratch databases begin with.
const SCRATCH: &str = "pgsnap_drill_";

/// The options of a drill.
#[derive(Debug, Clone)]
pub struct DrillOptions {
    /// How many workers, at least 1.
    pub jobs: usize,
    /// What of the archive is restored and compared.
    pub selection: Selection,
}

/// What a drill has found. The scratch database is gone.
#[derive(Debug, Clone)]
pub struct DrillSummary {
    /// What was done, in order, and how long it took.
    pub phases: Vec<(String, Duration)>,
    /// From the first change to the last object: what a restore would take.
    pub recovery: Duration,
    /// What the restore has done.
    pub restored: RestoreSummary,
    /// Every table beside the archive.
    pub verified: VerifySummary,
    /// The checks of indexes and constraints.
    pub checked: Checked,
}

impl DrillSummary {
    /// Whether the archive came back whole.
    pub fn is_good(&self) -> bool {
        self.verified.is_equal() && self.checked.problems.is_empty() && self.restored.not_restored.is_empty()
    }
}

/// Restores, compares and checks an archive in a new database on the server of `config`, whose own database is only connected to.
/// `interrupt` ends it early. Needs a multi-threaded tokio runtime.
///
/// # Errors
///
/// The scratch database is gone then too, but for [`Error::NotDropped`].
pub async fn run(
    config: &ConnectConfig,
    archive: Arc<Archive>,
    options: &DrillOptions,
    monitor: Arc<dyn Monitor>,
    interrupt: impl Future<Output = ()>,
) -> Result<DrillSummary, Error> {
    let mut interrupt = std::pin::pin!(interrupt);
    let phases = Arc::new(Phases::new(monitor));
    phases.step("checking the archive");
    tokio::select! {
        checked = verify::check_archive(&archive) => checked?,
        () = &mut interrupt => return Err(Error::Interrupted),
    }
    phases.step("creating the scratch database");
    let outside = tokio::select! {
        session = Session::connect(config, Purpose::Restore, "pgsnap") => session?,
        () = &mut interrupt => return Err(Error::Interrupted),
    };
    let name = format!("{SCRATCH}{}", ArchiveId::random()?);
    // Not to be interrupted: a database of which nobody knows whether it is there could not be dropped.
    outside.execute(&create_scratch(archive.catalog(), &name, outside.version().major())).await?;
    phases.report(Event::Done(format!("database {name}")));
    let drilled = drill(&config.with_database(&name), archive, options, &phases, interrupt).await;
    phases.step("dropping the scratch database");
    match (drilled, drop_scratch(config, outside, &name).await) {
        (Ok((restored, verified, checked)), Ok(())) => {
            let (phases, recovery) = phases.end();
            Ok(DrillSummary { phases, recovery, restored, verified, checked })
        }
        (Err(error), Ok(())) => Err(error),
        (drilled, Err(source)) => {
            let cause = drilled.err().map(Box::new);
            Err(Error::NotDropped { database: name, source, cause })
        }
    }
}

/// The statement that makes the scratch database as the source was, under its own name and in the default tablespace.
fn create_scratch(catalog: &Catalog, name: &str, major: u32) -> String {
    let source = &catalog.source;
    let entry = catalog.entries.iter().find(|entry| entry.kind == "DATABASE");
    let made_as = entry.and_then(|entry| {
        let make = format!("CREATE DATABASE {} WITH ", sql::ident(&entry.name));
        entry.create.first()?.strip_prefix(&make)
    });
    let mut how = match made_as {
        Some(how) => how.to_owned(),
        // An archive of a part says nothing of its database.
        None => format!(
            "TEMPLATE = template0 ENCODING = {} LC_COLLATE = {} LC_CTYPE = {}",
            sql::literal(&source.encoding),
            sql::literal(&source.collate),
            sql::literal(&source.ctype)
        ),
    };
    if major >= 15 && !how.contains("LOCALE_PROVIDER") {
        how += " LOCALE_PROVIDER = libc";
    }
    format!("CREATE DATABASE {} WITH {how}", sql::ident(name))
}

/// Everything that happens in the scratch database.
async fn drill(
    config: &ConnectConfig,
    archive: Arc<Archive>,
    options: &DrillOptions,
    phases: &Arc<Phases>,
    mut interrupt: impl Future<Output = ()> + Unpin,
) -> Result<(RestoreSummary, VerifySummary, Checked), Error> {
    let restoring = RestoreOptions {
        jobs: options.jobs,
        create: false,
        roles: false,
        force_version: false,
        selection: options.selection.clone(),
        memory: None,
        // It is compared below, so that the time of the restore is its own.
        verify: false,
        blocks: Blocks::Sound,
        resume: false,
        clean: Clean::No,
        single_transaction: false,
        on_error: OnError::Stop,
        role: None,
        map_roles: BTreeMap::new(),
        disable_triggers: false,
    };
    phases.recovery_begins();
    let input = Input::File(Arc::clone(&archive));
    let restored = restore::run(config, input, &restoring, phases.clone(), &mut interrupt).await;
    let restored = restored.map_err(|error| match error {
        // What holds a part of the archive is dropped.
        restore::Error::Unfinished { cause, .. } => Error::Restore(*cause),
        restore::Error::Interrupted => Error::Interrupted,
        error => Error::Restore(error),
    })?;
    phases.recovery_ends();
    let verifying = VerifyOptions {
        jobs: options.jobs,
        selection: options.selection.clone(),
        lock_wait_timeout: Duration::ZERO,
        is_sound: true,
    };
    let verified = verify::run(config, archive, &verifying, phases.clone(), &mut interrupt).await?;
    phases.step("checking indexes and constraints");
    let checked = tokio::select! {
        checked = check::run(config, options.jobs) => checked?,
        () = interrupt => return Err(Error::Interrupted),
    };
    Ok((restored, verified, checked))
}

/// Drops it, with whoever is connected to it. The session that made it may be lost by now.
async fn drop_scratch(config: &ConnectConfig, outside: Session, name: &str) -> Result<(), crate::pg::Error> {
    let drop = format!("DROP DATABASE {} WITH (FORCE)", sql::ident(name));
    match outside.execute(&drop).await {
        Err(_) if outside.is_closed() => {
            Session::connect(config, Purpose::Restore, "pgsnap").await?.execute(&drop).await
        }
        dropped => dropped,
    }
}
