//! pgsnap backs up and restores PostgreSQL with no PostgreSQL tool beside it.
//!
//! The layers and what crosses the walls between them: `docs/architecture.md`.

pub mod archive;
#[cfg(feature = "postgres")]
pub mod backups;
#[cfg(feature = "postgres")]
pub mod catalog;
pub mod copy_rows;
#[cfg(feature = "postgres")]
pub mod drill;
#[cfg(feature = "postgres")]
pub mod dump;
#[cfg(feature = "postgres")]
mod error;
pub mod graph;
#[cfg(feature = "postgres")]
pub mod pg;
pub mod progress;
#[cfg(feature = "postgres")]
pub mod restore;
pub mod script;
#[cfg(feature = "postgres")]
pub mod selection;
pub mod sql;
#[cfg(feature = "postgres")]
pub mod verify;

#[cfg(feature = "postgres")]
pub use error::{Class, Error};
