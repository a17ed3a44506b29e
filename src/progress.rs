//! What a running dump or restore reports.
