//! The restore layer.
