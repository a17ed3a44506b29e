//! What a restore is asked to do.

use crate::selection::Selection;

/// What is known of the blocks of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocks {
    /// Nothing. They are checked before the first change; a damaged one refuses the archive.
    Unchecked,
    /// All are sound, and none is missing.
    Sound,
    /// Those of the index are sound, others are lost. What cannot be restored for want of their rows is left out and told.
    Incomplete,
}

/// The options of a restore.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// How many workers, at least 1.
    pub jobs: usize,
    /// Whether the database is made, under the name that it has in the archive.
    pub create: bool,
    /// Whether the roles of the archive are made that do not exist.
    pub roles: bool,
    /// Whether a server may be older than the one the archive comes from. `verify` must be set then: what an older server
    /// makes of newer rows is only known when they are read back.
    pub force_version: bool,
    /// What of the archive is restored. Without owners everything belongs to the role that restores.
    pub selection: Selection,
    /// Bytes for all builds of indexes that run at one time; none when the server's settings decide.
    pub memory: Option<u64>,
    /// Whether rows are counted and digests compared after the load.
    pub verify: bool,
    /// What is known of the archive.
    pub blocks: Blocks,
}
