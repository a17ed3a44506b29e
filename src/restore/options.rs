//! What a restore is asked to do.

/// The options of a restore.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// How many workers, at least 1.
    pub jobs: usize,
    /// Whether owners are restored; otherwise everything belongs to the role that restores.
    pub owners: bool,
    /// Whether ACLs and default privileges are restored.
    pub privileges: bool,
    /// Whether rows are counted and digests compared after the load.
    pub verify: bool,
}
