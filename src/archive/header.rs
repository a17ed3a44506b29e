//! The header: what this file is, which version, which snapshot. format-spec/header.md

use std::fmt;

use super::Error;
use super::parse::Cursor;

/// Version of the format this code writes; a reader refuses a newer major version.
pub const FORMAT_MAJOR: u16 = 1;
/// Minor version this code writes; a reader ignores it.
pub const FORMAT_MINOR: u16 = 0;

/// The first bytes of every archive. The high bit, CR LF, Ctrl-Z, LF and NUL break visibly when a transfer changes text.
pub(super) const MAGIC: [u8; 12] = *b"\x89PGSNAP\r\n\x1a\n\0";

/// Length of the header.
pub(super) const HEADER_LEN: usize = 60;

/// Feature bits this code knows, and their names. An archive that requires any other bit is refused.
const KNOWN_REQUIRED_FEATURES: u64 = 0;

/// Random bytes that every checksum of an archive starts with, so that no part of one archive passes in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveId(pub [u8; 16]);

impl ArchiveId {
    /// A new id.
    pub fn random() -> Result<Self, Error> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| Error::Random { message: error.to_string() })?;
        Ok(ArchiveId(id))
    }

    /// CRC32 (IEEE, as in zlib) over the id followed by `parts`.
    pub(super) fn checksum(&self, parts: &[&[u8]]) -> u32 {
        let mut crc = self.hasher();
        for part in parts {
            crc.update(part);
        }
        crc.finalize()
    }

    /// The checksum of what comes in pieces; it has taken the id.
    pub(super) fn hasher(&self) -> crc32fast::Hasher {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.0);
        crc
    }
}

impl fmt::Display for ArchiveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// The header of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Identifies the archive.
    pub id: ArchiveId,
    /// Format version, major.
    pub major: u16,
    /// Format version, minor.
    pub minor: u16,
    /// Features a reader must know.
    pub required_features: u64,
    /// Features a reader may ignore.
    pub optional_features: u64,
    /// When the snapshot was taken: microseconds since 1970-01-01, UTC.
    pub snapshot_time: i64,
}

impl Header {
    /// A header of the current version without optional features.
    pub fn new(id: ArchiveId, snapshot_time: i64) -> Self {
        Header {
            id,
            major: FORMAT_MAJOR,
            minor: FORMAT_MINOR,
            required_features: 0,
            optional_features: 0,
            snapshot_time,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend(MAGIC);
        bytes.extend(self.major.to_le_bytes());
        bytes.extend(self.minor.to_le_bytes());
        bytes.extend(self.required_features.to_le_bytes());
        bytes.extend(self.optional_features.to_le_bytes());
        bytes.extend(self.id.0);
        bytes.extend(self.snapshot_time.to_le_bytes());
        let crc = self.id.checksum(&[&bytes]);
        bytes.extend(crc.to_le_bytes());
        bytes
    }

    /// The header of `archive`.
    pub(super) fn parse(archive: &[u8]) -> Result<Self, Error> {
        let magic = archive.get(..archive.len().min(MAGIC.len())).unwrap_or_default();
        if !MAGIC.starts_with(magic) {
            let rest = magic.get(1..7).unwrap_or_default();
            return Err(if rest == b"PGSNAP" { Error::TextMode } else { Error::NotAnArchive });
        }
        let Some(bytes) = archive.get(..HEADER_LEN) else {
            return Err(Error::CutShort { what: "the header is not whole", length: archive.len() as u64 });
        };
        let header = Self::parse_fields(bytes)?;
        if header.major != FORMAT_MAJOR {
            return Err(Error::Version { major: header.major, minor: header.minor });
        }
        let unknown = header.required_features & !KNOWN_REQUIRED_FEATURES;
        if unknown != 0 {
            let bits = (0..64).filter(|bit| unknown >> bit & 1 == 1);
            let bits = bits.map(|bit| bit.to_string()).collect::<Vec<_>>().join(", ");
            return Err(Error::Features { bits });
        }
        Ok(header)
    }

    fn parse_fields(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::at(bytes, MAGIC.len());
        let parse = |cursor: &mut Cursor| {
            let (major, minor) = (cursor.u16()?, cursor.u16()?);
            let (required_features, optional_features) = (cursor.u64()?, cursor.u64()?);
            let id = ArchiveId(cursor.array()?);
            let snapshot_time = cursor.i64()?;
            let covered = bytes.get(..cursor.position()).unwrap_or_default();
            if cursor.u32()? != id.checksum(&[covered]) {
                return Err(cursor.fault("the checksum of the header does not match"));
            }
            cursor.end()?;
            Ok(Header { id, major, minor, required_features, optional_features, snapshot_time })
        };
        parse(&mut cursor).map_err(|fault| fault.in_archive(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { optional_features: 5, ..Header::new(ArchiveId([7; 16]), -1) }
    }

    #[test]
    fn round_trip_keeps_unknown_optional_features() {
        let bytes = header().to_bytes();
        assert_eq!(bytes.len(), HEADER_LEN);
        assert_eq!(Header::parse(&bytes).unwrap(), header());
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        for position in 0..HEADER_LEN {
            let mut bytes = header().to_bytes();
            bytes[position] ^= 1;
            let error = Header::parse(&bytes).unwrap_err().to_string();
            assert_eq!(position >= MAGIC.len(), error.contains("the checksum of the header"), "{error}");
        }
    }

    #[test]
    fn ids_are_random() {
        assert_ne!(ArchiveId::random().unwrap(), ArchiveId::random().unwrap());
    }

    #[test]
    fn minor_versions_are_read_and_major_versions_refused() {
        let newer = Header { minor: 9, ..header() };
        assert_eq!(Header::parse(&newer.to_bytes()).unwrap(), newer);
        for major in [0, 2] {
            let error = Header::parse(&Header { major, ..header() }.to_bytes()).unwrap_err();
            assert!(matches!(error, Error::Version { minor: 0, .. }), "{error}");
        }
    }

    #[test]
    fn unknown_required_features_are_named() {
        let error =
            Header::parse(&Header { required_features: 1 << 63 | 2, ..header() }.to_bytes()).unwrap_err();
        assert!(error.to_string().contains("required feature bits 1, 63"), "{error}");
    }

    #[test]
    fn text_mode_and_foreign_files_are_told_apart() {
        let parse = |bytes: &[u8]| Header::parse(bytes).unwrap_err();
        assert!(matches!(parse(b"PGDMP\x01\x0e"), Error::NotAnArchive));
        assert!(matches!(parse(b"\x09PGSNAP\r\n\x1a\n\0"), Error::TextMode));
        assert!(matches!(parse(b"\x89PGSNAP\n\x1a\n\0"), Error::TextMode));
        assert!(matches!(parse(b""), Error::CutShort { .. }));
        assert!(matches!(parse(b"\x89PGS"), Error::CutShort { .. }));
    }
}
