//! What a restore is asked to do.

use std::collections::BTreeMap;

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

/// What happens to objects of the target that the archive brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clean {
    /// They are in the way.
    No,
    /// They are dropped; all must be there.
    All,
    /// Those that are there are dropped.
    IfExists,
}

/// What happens after a statement of the archive has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// The restore ends.
    Stop,
    /// What failed is left out, with what needs it, and told at the end.
    Continue,
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
    /// Whether a restore of this archive that was ended is gone on with, if the target holds one.
    pub resume: bool,
    /// What happens to objects that are there.
    pub clean: Clean,
    /// Whether everything is one transaction; `jobs` must be 1 then.
    pub single_transaction: bool,
    /// What happens after an error.
    pub on_error: OnError,
    /// The role that every session takes on.
    pub role: Option<String>,
    /// Other roles, by the names of those in the archive in whose places they come.
    pub map_roles: BTreeMap<String, String>,
    /// Whether triggers do not fire, and foreign keys are not checked, while rows go into tables that are there.
    pub disable_triggers: bool,
}
