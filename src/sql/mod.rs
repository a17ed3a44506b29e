//! The sql layer.
