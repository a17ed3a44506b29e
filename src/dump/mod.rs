//! The dump layer.
