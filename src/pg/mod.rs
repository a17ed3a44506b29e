//! The pg layer.
