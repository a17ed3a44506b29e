//! What is in the database: every object of the kinds in [`kinds`], with its statements, its place in the restore
//! order, its owner, comment and ACL.
//!
//! Only `introspect` talks to the server; everything else is functions from rows to values.

mod acl;
mod class;
mod comments;
mod dependencies;
mod error;
mod globals;
mod introspect;
mod inventory;
pub mod kinds;
mod object;
mod order;
mod row;
mod settings;
mod transfer;
mod uncovered;

pub use error::Error;
pub use globals::Roles;
pub use introspect::{Scope, introspect};
pub use object::{
    Attribute, Draft, Inventory, Item, LargeObject, Lock, Object, ObjectId, Pass, Piece, Relation, Repair,
    Section, Shape, Statement, ValueKind,
};
pub use row::{Columns, Packed, Results, Row, Value};
