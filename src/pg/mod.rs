//! The pg layer.

/// stub
#[derive(Debug, Clone, Copy)]
pub struct Version(pub u32);
/// stub
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct Error;
