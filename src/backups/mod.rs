//! A directory of backups that is written to for years: names, one run at a time, what is suspect, what is kept, what became of each
//! run, and whether there is a backup that is young enough.

mod directory;
mod error;
pub mod history;
mod hook;
mod lock;
pub mod metrics;
mod names;
mod prune;
mod retention;
mod run;
mod sanity;
mod status;

pub use directory::{Backup, Directory, State};
pub use error::Error;
pub use hook::Hook;
pub use lock::Lock;
pub use prune::{Examine, Pruned, prune};
pub use retention::{Policy, WrongClock};
pub use run::{Outcome, Run, RunOptions, not_begun};
pub use sanity::{Limits, Measure};
pub use status::{Status, status, words};
