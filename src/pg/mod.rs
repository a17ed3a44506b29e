//! The server: where it is and how to log in, sessions with known settings, one consistent snapshot, COPY streams.
//!
//! [`ConnectConfig`] says where, [`Session`] is one connection, [`Snapshot`] several that see the same moment, and
//! [`copy`] moves table data through a session.

mod blockers;
mod config;
mod conninfo;
pub mod copy;
mod error;
mod meanwhile;
mod open;
mod passfile;
mod service;
mod session;
mod settings;
mod snapshot;
mod tap;
mod tls;
mod transport;
mod version;

pub use config::{ConnectArgs, ConnectConfig, Environment};
pub use error::{Error, Result, ServerMessage};
pub use open::{CancelHandle, cancel_all};
pub use session::{Session, column};
pub use settings::Purpose;
pub use snapshot::{Candidate, Moment, Snapshot, SnapshotOptions, Wanted};
pub use version::Version;
