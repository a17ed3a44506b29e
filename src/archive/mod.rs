//! The archive: bytes only, no PostgreSQL, no runtime. One file per chapter of `format-spec/`, in the same words.
//!
//! [`ArchiveWriter`] appends header, catalog, blocks, index and footer; [`Archive`] opens what it wrote.
//! [`BlockEncoder`] turns rows of COPY into a block, [`BlockDecoder`] turns it back into the same bytes.
//! [`check::check`] reads everything there is to read, [`salvage::open`] what can still be read of a damaged archive. A reader never writes.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::cast_possible_truncation)]

mod block;
mod catalog;
pub mod check;
mod columns;
mod content;
mod decoding;
mod dictionary;
mod digest;
mod encoding;
mod error;
mod facts;
mod footer;
mod frame;
mod header;
mod index;
mod map;
mod parse;
mod planes;
mod reader;
mod rows;
pub mod salvage;
mod sequential;
mod shape;
mod stream;
mod value;
mod wire;
mod writer;

#[cfg(test)]
mod forged_tests;
#[cfg(test)]
mod tests;

pub use block::{BlockDecoder, BlockEncoder, BlockInfo, BlockPosition, EncodedBlock, MAX_BLOCK_RAW_LEN};
pub use catalog::{Catalog, Column, Entry, Extension, Lock, Pass, Section, Source, Table, Transfer};
pub use content::{BlockContent, Contents};
pub use digest::Digest;
pub use error::Error;
pub use facts::ColumnFacts;
pub use header::{ArchiveId, FORMAT_MAJOR, FORMAT_MINOR, Header};
pub use index::{BlockRef, Index, TableIndex};
pub use reader::Archive;
pub use sequential::{ArrivedBlock, SequentialReader};
pub use shape::Shape;
pub use value::ValueKind;
pub use writer::{ArchiveWriter, Stats};
