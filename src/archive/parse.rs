//! Reading little-endian numbers from bytes that may be anything.

use super::Error;

/// What is wrong with bytes, and where, counted from the start of what was being parsed.
#[derive(Debug)]
pub(super) struct Fault {
    pub position: usize,
    pub what: String,
}

impl Fault {
    /// The fault as damage in an archive, for a structure that begins at `offset`.
    pub fn in_archive(self, offset: u64) -> Error {
        Error::Damaged { offset: offset + self.position as u64, what: self.what }
    }

    /// The fault as damage in a block.
    pub fn in_block(self, table: &str) -> Error {
        Error::Block { table: table.to_owned(), offset: self.position as u64, what: self.what }
    }
}

/// Reads from the front of bytes; every step is checked.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, position: 0 }
    }

    /// A cursor that starts at `position`, past which `bytes` must reach.
    pub fn at(bytes: &'a [u8], position: usize) -> Self {
        Cursor { bytes, position: position.min(bytes.len()) }
    }

    pub fn position(&self) -> usize {
        self.position
    }

    /// All of the bytes, from before the position.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// A fault at the current position.
    pub fn fault(&self, what: impl Into<String>) -> Fault {
        Fault { position: self.position, what: what.into() }
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let taken = rest
            .get(..length)
            .ok_or_else(|| self.fault(format!("{length} bytes expected, {} left", rest.len())))?;
        self.position += length;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let position = self.position;
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| Fault { position, what: format!("{N} bytes expected") })
    }

    pub fn u8(&mut self) -> Result<u8, Fault> {
        self.array().map(u8::from_le_bytes)
    }

    pub fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, Fault> {
        self.array().map(i64::from_le_bytes)
    }

    /// Takes bytes that must be exactly `expected`.
    pub fn require(&mut self, expected: &[u8], what: &str) -> Result<(), Fault> {
        let position = self.position;
        if self.take(expected.len())? != expected {
            return Err(Fault { position, what: format!("no {what} here") });
        }
        Ok(())
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), Fault> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.fault(format!("{left} bytes too many"))),
        }
    }
}

/// Lossless: pgsnap runs on machines with at least 32 bits.
pub(super) fn to_usize(number: u32) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}
