//! One enum over the layers' errors.
