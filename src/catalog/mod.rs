//! What is in the database: every object of the kinds in [`kinds`], with its statements, its place in the restore
//! order, its owner, comment and ACL.
//!
//! Only `introspect` talks to the server; everything else is functions from rows to values.

mod error;
pub mod kinds;
mod object;
mod row;

pub use error::Error;
pub use object::{
    Attribute, Draft, Inventory, Item, Lock, Object, ObjectId, Pass, Piece, Relation, Repair, Section, Shape,
    Statement, ValueKind,
};
pub use row::{Results, Row, Value};
