//! A frame: the container of the catalog and of the index. format-spec/frame.md

use serde::Serialize;
use serde::de::DeserializeOwned;
use zstd::bulk::compress;

use super::parse::{Cursor, Fault};
use super::stream::StreamDecoder;
use super::{ArchiveId, Error, wire};

/// Length of the header of a frame.
pub(super) const FRAME_HEADER_LEN: usize = 32;

/// Most bytes a catalog or an index may have before compression.
const MAX_FRAME_RAW_LEN: u64 = 1 << 30;

/// zstd level of frames: their content is small beside the data, and compresses well.
const LEVEL: i32 = 9;

/// What a frame holds.
#[derive(Clone, Copy)]
pub(super) enum Content {
    Catalog,
    Index,
}

impl Content {
    fn marker(self) -> [u8; 8] {
        match self {
            Content::Catalog => *b"\xffPGCATLG",
            Content::Index => *b"\xffPGINDEX",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Content::Catalog => "catalog",
            Content::Index => "index",
        }
    }
}

/// `value` as a frame: header and payload.
pub(super) fn encode<T: Serialize>(id: ArchiveId, content: Content, value: &T) -> Result<Vec<u8>, Error> {
    let what = content.name();
    let raw = wire::encode(value).map_err(|message| Error::Serialize { what, message })?;
    let raw_len = raw.len() as u64;
    if raw_len > MAX_FRAME_RAW_LEN {
        return Err(Error::Limit {
            what: format!("the length of the {what}"),
            found: raw_len,
            limit: MAX_FRAME_RAW_LEN,
        });
    }
    pack(id, content, &raw)
}

/// The frame around `raw`.
fn pack(id: ArchiveId, content: Content, raw: &[u8]) -> Result<Vec<u8>, Error> {
    let payload =
        compress(raw, LEVEL).map_err(|source| Error::Compression { what: "compressing a frame", source })?;
    let mut bytes = Vec::with_capacity(FRAME_HEADER_LEN + payload.len());
    bytes.extend(content.marker());
    bytes.extend((raw.len() as u64).to_le_bytes());
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(id.checksum(&[&payload]).to_le_bytes());
    bytes.extend(id.checksum(&[&bytes]).to_le_bytes());
    bytes.extend(payload);
    Ok(bytes)
}

/// The value in the frame that begins at `offset` of `archive`, and where the frame ends. It must end at or before
/// `limit`.
pub(super) fn decode<T: DeserializeOwned>(
    id: ArchiveId,
    content: Content,
    archive: &[u8],
    offset: usize,
    limit: usize,
) -> Result<(T, usize), Error> {
    let bytes = archive.get(offset..limit).unwrap_or_default();
    let mut streams = StreamDecoder::new()?;
    let (value, length) =
        decode_or_fault(id, content, bytes, &mut streams).map_err(|fault| fault.in_archive(offset as u64))?;
    Ok((value, offset + length))
}

fn decode_or_fault<T: DeserializeOwned>(
    id: ArchiveId,
    content: Content,
    bytes: &[u8],
    streams: &mut StreamDecoder,
) -> Result<(T, usize), Fault> {
    let name = content.name();
    let mut cursor = Cursor::new(bytes);
    cursor.require(&content.marker(), name)?;
    let (raw_len, stored_len) = (cursor.u64()?, cursor.u64()?);
    let payload_crc = cursor.u32()?;
    let covered = bytes.get(..cursor.position()).unwrap_or_default();
    if cursor.u32()? != id.checksum(&[covered]) {
        return Err(Fault {
            position: 0,
            what: format!("the checksum of the {name}'s header does not match"),
        });
    }
    if raw_len > MAX_FRAME_RAW_LEN {
        return Err(cursor.fault(format!("a {name} of {raw_len} bytes is too long")));
    }
    let payload = cursor.take(usize::try_from(stored_len).unwrap_or(usize::MAX))?;
    let fault = |what| Fault { position: FRAME_HEADER_LEN, what };
    if payload_crc != id.checksum(&[payload]) {
        return Err(fault(format!("the checksum of the {name} does not match")));
    }
    let raw_len = usize::try_from(raw_len).unwrap_or(usize::MAX);
    let raw = streams.decompress_whole(payload, raw_len, FRAME_HEADER_LEN)?;
    let value = wire::decode(&raw).map_err(|what| fault(format!("the {name} cannot be read: {what}")))?;
    Ok((value, cursor.position()))
}

// What the process takes is read where Linux tells it.
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::archive::Catalog;

    const ID: ArchiveId = ArchiveId([3; 16]);

    fn complaint(raw: &[u8]) -> String {
        let frame = pack(ID, Content::Catalog, raw).unwrap();
        assert!(frame.len() < 10_000);
        decode::<Catalog>(ID, Content::Catalog, &frame, 0, frame.len()).unwrap_err().to_string()
    }

    /// Most bytes of address space this process has had.
    fn peak_memory() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
    }

    #[test]
    fn announced_lengths_take_no_memory() {
        let before = peak_memory();
        let text = [&[0xfd][..], &(1u64 << 34).to_le_bytes(), &[0; 16 << 20]].concat();
        // Six texts and two numbers, one byte each, then the extensions.
        let list = [&[0; 8][..], &text].concat();
        let complaints = [complaint(&text), complaint(&list)];
        // The other tests run in the same process and take far less.
        assert!(peak_memory() - before < 1 << 34);
        for complaint in complaints {
            assert!(complaint.contains("17179869184 announced"), "{complaint}");
        }
    }
}
