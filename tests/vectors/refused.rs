//! Vectors that a reader refuses.
use super::Vector;
pub fn vectors() -> Vec<Vector> {
    vec![]
}
