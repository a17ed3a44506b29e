//! What can go wrong with an archive.

use std::io;
use std::path::PathBuf;

use crate::copy_rows;

/// Errors of the archive layer. Offsets are bytes from the start of the archive unless a message says otherwise.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the messages say it
pub enum Error {
    #[error("cannot open archive {}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("cannot open archive {}: it is not a regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error("this is not a pgsnap archive")]
    NotAnArchive,
    #[error(
        "the archive went through a transfer that rewrites line ends or the eighth bit; copy it again in binary mode"
    )]
    TextMode,
    #[error("the archive is cut short: {what} (it has {length} bytes)")]
    CutShort { what: &'static str, length: u64 },
    #[error(
        "the archive has format version {major}.{minor}, this pgsnap reads up to {}.x: use a newer pgsnap",
        super::FORMAT_MAJOR
    )]
    Version { major: u16, minor: u16 },
    #[error(
        "the archive needs features that this pgsnap does not have (required feature bits {bits}): use a newer pgsnap"
    )]
    Features { bits: String },
    #[error("the archive is damaged at offset {offset}: {what}")]
    Damaged { offset: u64, what: String },
    #[error("{damage}; nothing can be salvaged: neither the catalog nor its copy can be read")]
    NothingToSalvage { damage: String },
    #[error("a block of table {table} is damaged at byte {offset} of the block: {what}")]
    Block { table: String, offset: u64, what: String },
    #[error("the rows of table {table} are not rows of COPY: {source}")]
    Rows { table: String, source: copy_rows::Error },
    #[error("{what} has {found}, the archive format allows {limit}")]
    Limit { what: String, found: u64, limit: u64 },
    #[error("the catalog contradicts itself: {what}")]
    Catalog { what: String },
    #[error(
        "block {sequence} of chunk {chunk} of table {table} was appended out of order, expected block {expected}"
    )]
    Order { table: String, chunk: u32, sequence: u32, expected: u32 },
    #[error(
        "a block of table {table} did not decode to the rows that went in; this is a bug or a fault of the memory"
    )]
    NotReversible { table: String },
    #[error("compression failed while {what}: {source}")]
    Compression { what: &'static str, source: io::Error },
    #[error("cannot serialize the {what}: {message}")]
    Serialize { what: &'static str, message: String },
    #[error("not enough memory for the {bytes} bytes of {what}")]
    Memory { what: &'static str, bytes: u64 },
    #[error("cannot get random bytes from the operating system: {message}")]
    Random { message: String },
    #[error("cannot read the archive at offset {offset}: {source}")]
    Read { offset: u64, source: io::Error },
    #[error("cannot write to the archive at offset {offset}: {source}")]
    Write { offset: u64, source: io::Error },
}

impl Error {
    /// Whether it says that bytes are not what they were when they were written.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Error::CutShort { .. } | Error::NotAnArchive | Error::TextMode | Error::Damaged { .. })
    }
}
