//! The footer: the last bytes, without which there is no archive. format-spec/footer.md

use super::parse::{Cursor, Fault};
use super::{ArchiveId, Error};

/// Length of the footer.
pub(super) const FOOTER_LEN: usize = 84;

/// What the footer begins with.
pub(super) const FOOTER_MARKER: [u8; 8] = *b"\xffPGFOOTR";
const END_MAGIC: [u8; 8] = *b"PGSNAP\r\n";

/// Where the index is, and how much there must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub id: ArchiveId,
    pub index_offset: u64,
    pub index_len: u64,
    /// Over the id and the whole index, header included.
    pub index_crc: u32,
    /// Length of the archive, footer included.
    pub file_len: u64,
    pub tables: u32,
    pub blocks: u64,
    pub rows: u64,
}

impl Footer {
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FOOTER_LEN);
        bytes.extend(FOOTER_MARKER);
        bytes.extend(self.id.0);
        bytes.extend(self.index_offset.to_le_bytes());
        bytes.extend(self.index_len.to_le_bytes());
        bytes.extend(self.index_crc.to_le_bytes());
        bytes.extend(self.tables.to_le_bytes());
        bytes.extend(self.file_len.to_le_bytes());
        bytes.extend(self.blocks.to_le_bytes());
        bytes.extend(self.rows.to_le_bytes());
        bytes.extend(self.id.checksum(&[&bytes]).to_le_bytes());
        bytes.extend(END_MAGIC);
        bytes
    }

    /// The footer at the end of `archive`, which belongs to the archive `id`.
    pub fn parse(archive: &[u8], id: ArchiveId) -> Result<Self, Error> {
        let length = archive.len() as u64;
        let start = archive.len().saturating_sub(FOOTER_LEN);
        let bytes = archive.get(start..).unwrap_or_default();
        let missing = Error::CutShort { what: "no footer at the end", length };
        if bytes.len() < FOOTER_LEN || !(bytes.starts_with(&FOOTER_MARKER) || bytes.ends_with(&END_MAGIC)) {
            return Err(missing);
        }
        Self::parse_at(bytes, start as u64, id)
    }

    /// The footer of the archive `id`, whose last bytes are `bytes`, at `offset`.
    pub fn parse_at(bytes: &[u8], offset: u64, id: ArchiveId) -> Result<Self, Error> {
        let length = offset.saturating_add(bytes.len() as u64);
        let footer = Self::parse_fields(bytes).map_err(|fault| fault.in_archive(offset))?;
        let damaged = |what: String| Err(Error::Damaged { offset, what });
        if footer.id != id {
            return damaged(format!("the footer belongs to archive {}, the header to {id}", footer.id));
        }
        if footer.file_len != length {
            return damaged(format!("the archive has {} bytes, the file {length}", footer.file_len));
        }
        if footer.index_offset.checked_add(footer.index_len).is_none_or(|end| end > offset) {
            return damaged("the index does not end before the footer".to_owned());
        }
        Ok(footer)
    }

    /// The footer in `bytes`, compared with nothing but its own checksum.
    pub fn parse_fields(bytes: &[u8]) -> Result<Self, Fault> {
        let mut cursor = Cursor::new(bytes);
        cursor.require(&FOOTER_MARKER, "footer")?;
        let id = ArchiveId(cursor.array()?);
        let (index_offset, index_len) = (cursor.u64()?, cursor.u64()?);
        let (index_crc, tables) = (cursor.u32()?, cursor.u32()?);
        let (file_len, blocks, rows) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
        let covered = bytes.get(..cursor.position()).unwrap_or_default();
        if cursor.u32()? != id.checksum(&[covered]) {
            return Err(cursor.fault("the checksum of the footer does not match"));
        }
        cursor.require(&END_MAGIC, "end magic")?;
        cursor.end()?;
        Ok(Footer { id, index_offset, index_len, index_crc, file_len, tables, blocks, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::ID;

    #[test]
    fn what_has_neither_end_of_a_footer_has_no_footer() {
        let missing = |bytes: &[u8]| matches!(Footer::parse(bytes, ID), Err(Error::CutShort { .. }));
        let none = vec![0; FOOTER_LEN + 5];
        assert!(missing(&none));
        let [mut begins, mut ends] = [none.clone(), none];
        begins[5..5 + FOOTER_MARKER.len()].copy_from_slice(&FOOTER_MARKER);
        ends[FOOTER_LEN + 5 - END_MAGIC.len()..].copy_from_slice(&END_MAGIC);
        assert!(!missing(&begins) && !missing(&ends));
        // Too short for one, whatever it ends with.
        assert!(missing(&ends[6..]) && missing(&begins[5..FOOTER_LEN + 4]));
    }
}
