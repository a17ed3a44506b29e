//! A frame: the container of the catalog and of the index. format-spec/frame.md

use super::parse::{Cursor, Fault};
use super::stream::{self, StreamDecoder, StreamEncoder};
use super::wire::{self, ReadsBack};
use super::{ArchiveId, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Length of the header of a frame.
pub(super) const FRAME_HEADER_LEN: usize = 32;

/// Most bytes a catalog or an index may have before compression.
const MAX_FRAME_RAW_LEN: u64 = 1 << 30;

/// Most bytes that the payload of a catalog or an index may have: its content as it is, and what a stream begins with.
pub(super) const MAX_FRAME_STORED_LEN: u64 = MAX_FRAME_RAW_LEN + 64;

/// zstd level of frames. Of a catalog of 10,000 tables it makes less than level 9 does, in a third of the time.
const LEVEL: i32 = 4;

/// What a frame holds.
#[derive(Clone, Copy)]
pub(super) enum Content {
    Catalog,
    Index,
}

impl Content {
    pub fn marker(self) -> [u8; 8] {
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

/// What every frame may take in memory, however short it is.
const ALLOWANCE: u64 = 16 << 20;
/// What a frame may take in memory for each byte of its payload.
const MEMORY_PER_BYTE: u64 = 256;

/// Most bytes that a frame with a payload of `stored_len` bytes may take: after decompression, and as values.
fn memory_limit(stored_len: u64) -> u64 {
    stored_len.saturating_mul(MEMORY_PER_BYTE).saturating_add(ALLOWANCE)
}

/// `value` as a frame: header and payload. It has been read again and compared.
pub(super) fn encode(
    id: ArchiveId,
    content: Content,
    value: &(impl Serialize + ReadsBack),
) -> Result<Vec<u8>, Error> {
    let what = content.name();
    let raw = wire::encode(value).map_err(|message| Error::Serialize { what, message })?;
    check_length(what, raw.len() as u64)?;
    // What compresses too well would be taken for an attack; nothing takes too much memory when it is only stored.
    for level in [LEVEL, 0] {
        let frame = pack(id, content, &raw, level)?;
        let is_same = |raw: &[u8], memory| wire::is(value, raw, memory).then_some(()).ok_or_else(String::new);
        if read(id, content, &frame, &mut StreamDecoder::new()?, is_same).is_ok() {
            return Ok(frame);
        }
    }
    Err(Error::Serialize { what, message: "what was written is not what it was made of".to_owned() })
}

fn check_length(what: &'static str, found: u64) -> Result<(), Error> {
    let limit = MAX_FRAME_RAW_LEN;
    if found > limit {
        Err(Error::Limit { what: format!("the length of the {what}"), found, limit })
    } else {
        Ok(())
    }
}

/// The frame around `raw`.
fn pack(id: ArchiveId, content: Content, raw: &[u8], level: i32) -> Result<Vec<u8>, Error> {
    let mut payload = Vec::new();
    StreamEncoder::new(level)?.write(raw, stream::Content::Values, &mut payload)?;
    let mut bytes = Vec::with_capacity(FRAME_HEADER_LEN + payload.len());
    bytes.extend(content.marker());
    bytes.extend((raw.len() as u64).to_le_bytes());
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(id.checksum(&[&payload]).to_le_bytes());
    bytes.extend(id.checksum(&[&bytes]).to_le_bytes());
    bytes.extend(payload);
    Ok(bytes)
}

/// The value in the frame at the start of `bytes`, which stand at `offset` of the archive, and the length of the frame.
pub(super) fn decode<T: DeserializeOwned>(
    id: ArchiveId,
    content: Content,
    bytes: &[u8],
    offset: u64,
) -> Result<(T, usize), Error> {
    let mut streams = StreamDecoder::new()?;
    let (value, payload) =
        read(id, content, bytes, &mut streams, wire::decode).map_err(|fault| fault.in_archive(offset))?;
    Ok((value, FRAME_HEADER_LEN + payload))
}

/// The length of the frame at the start of `bytes`, which stand at `offset` of the archive, whatever it holds; its
/// checksums are right.
pub(super) fn skip(id: ArchiveId, bytes: &[u8], offset: u64) -> Result<usize, Error> {
    let (_, payload) = parse(id, bytes).map_err(|fault| fault.in_archive(offset))?;
    Ok(FRAME_HEADER_LEN + payload.len())
}

/// The length of the frame whose header is at the start of `bytes`; that of a header when it is none.
pub(super) fn length(id: ArchiveId, bytes: &[u8]) -> usize {
    let payload =
        FrameHeader::parse(id, bytes).map_or(0, |header| header.stored_len.min(MAX_FRAME_STORED_LEN));
    usize::try_from(payload).unwrap_or(usize::MAX).saturating_add(FRAME_HEADER_LEN)
}

/// Whether a frame begins with `bytes`: its header's checksum is right, the payload is not looked at.
pub(super) fn begins(id: ArchiveId, bytes: &[u8]) -> bool {
    FrameHeader::parse(id, bytes).is_ok()
}

/// Header and payload of the frame at the start of `bytes`; both checksums are right.
fn parse(id: ArchiveId, bytes: &[u8]) -> Result<(FrameHeader, &[u8]), Fault> {
    let header = FrameHeader::parse(id, bytes)?;
    let mut cursor = Cursor::at(bytes, FRAME_HEADER_LEN);
    let payload = cursor.take(usize::try_from(header.stored_len).unwrap_or(usize::MAX))?;
    header.check_payload(id.checksum(&[payload]))?;
    Ok((header, payload))
}

/// The header of a frame; its checksum is right.
pub(super) struct FrameHeader {
    marker: [u8; 8],
    raw_len: u64,
    /// Bytes of the payload.
    pub stored_len: u64,
    payload_crc: u32,
}

impl FrameHeader {
    /// The header at the start of `bytes`.
    pub fn parse(id: ArchiveId, bytes: &[u8]) -> Result<Self, Fault> {
        let mut cursor = Cursor::new(bytes);
        let marker = cursor.array()?;
        let (raw_len, stored_len) = (cursor.u64()?, cursor.u64()?);
        let payload_crc = cursor.u32()?;
        let covered = bytes.get(..cursor.position()).unwrap_or_default();
        if cursor.u32()? != id.checksum(&[covered]) {
            return Err(Fault {
                position: 0,
                what: "the checksum of the header of a frame does not match".to_owned(),
            });
        }
        Ok(FrameHeader { marker, raw_len, stored_len, payload_crc })
    }

    /// Whether `checksum`, which is the payload's, is the one that the header announces.
    pub fn check_payload(&self, checksum: u32) -> Result<(), Fault> {
        if self.payload_crc == checksum {
            return Ok(());
        }
        Err(Fault { position: FRAME_HEADER_LEN, what: "the checksum of a frame does not match".to_owned() })
    }
}

/// What `take` makes of the content of a frame and the memory that it may take; and the length of the payload.
fn read<T>(
    id: ArchiveId,
    content: Content,
    bytes: &[u8],
    streams: &mut StreamDecoder,
    take: impl FnOnce(&[u8], usize) -> Result<T, String>,
) -> Result<(T, usize), Fault> {
    let name = content.name();
    let (FrameHeader { marker, raw_len, .. }, payload) = parse(id, bytes)?;
    if marker != content.marker() {
        return Err(Fault { position: 0, what: format!("no {name} here") });
    }
    let fault = |what| Fault { position: FRAME_HEADER_LEN, what };
    let limit = memory_limit(payload.len() as u64);
    if raw_len > MAX_FRAME_RAW_LEN.min(limit) || payload.len() as u64 > MAX_FRAME_STORED_LEN {
        return Err(fault(format!("a {name} of {raw_len} bytes is too long")));
    }
    let raw_len = usize::try_from(raw_len).unwrap_or(usize::MAX);
    let mut cursor = Cursor::new(payload);
    let mut room = Vec::new();
    let raw = streams.read(&mut cursor, raw_len, &mut room).and_then(|raw| cursor.end().map(|()| raw));
    let raw = raw.map_err(|inner| Fault { position: FRAME_HEADER_LEN + inner.position, ..inner })?;
    let memory = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(raw_len);
    let value = take(raw, memory).map_err(|what| fault(format!("the {name} cannot be read: {what}")))?;
    Ok((value, payload.len()))
}

// What the process takes is read where Linux tells it.
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::archive::Catalog;

    const ID: ArchiveId = ArchiveId([3; 16]);

    impl ReadsBack for u64 {}
    impl ReadsBack for Vec<u64> {}

    fn complaint(raw: &[u8]) -> String {
        let frame = pack(ID, Content::Catalog, raw, LEVEL).unwrap();
        assert!(frame.len() < 10_000);
        decode::<Catalog>(ID, Content::Catalog, &frame, 0).unwrap_err().to_string()
    }

    /// Most bytes of address space this process has had.
    fn peak_memory() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
    }

    #[test]
    fn what_compresses_too_well_is_stored() {
        let facts = vec![0u64; 3 << 20];
        let frame = encode(ID, Content::Index, &facts).unwrap();
        assert!(frame.len() > 3 << 20);
        let (back, end) = decode::<Vec<u64>>(ID, Content::Index, &frame, 0).unwrap();
        assert_eq!((back, end), (facts, frame.len()));
    }

    #[test]
    fn a_frame_has_a_limit() {
        assert!(check_length("index", 1 << 30).is_ok());
        let error = check_length("index", (1 << 30) + 1).unwrap_err().to_string();
        assert_eq!(error, "the length of the index has 1073741825, the archive format allows 1073741824");
    }

    #[test]
    fn what_does_not_come_back_is_noticed() {
        #[derive(Serialize, serde::Deserialize)]
        struct Odd(u8);
        impl PartialEq for Odd {
            fn eq(&self, _: &Odd) -> bool {
                false
            }
        }
        impl ReadsBack for Odd {}
        let error = encode(ID, Content::Index, &Odd(1)).unwrap_err().to_string();
        assert_eq!(error, "cannot serialize the index: what was written is not what it was made of");
    }

    /// A frame with this payload that claims to be a catalog of `raw_len` bytes.
    fn claimed(raw_len: u64, mut frame: Vec<u8>) -> Vec<u8> {
        let payload = &frame[FRAME_HEADER_LEN..];
        let (length, checksum) = (payload.len() as u64, ID.checksum(&[payload]));
        frame[..8].copy_from_slice(&Content::Catalog.marker());
        frame[8..16].copy_from_slice(&raw_len.to_le_bytes());
        frame[16..24].copy_from_slice(&length.to_le_bytes());
        frame[24..28].copy_from_slice(&checksum.to_le_bytes());
        let checksum = ID.checksum(&[&frame[..28]]);
        frame[28..32].copy_from_slice(&checksum.to_le_bytes());
        frame
    }

    #[test]
    fn the_limits_of_a_frame_are_exact() {
        let refused = |frame: &[u8]| decode::<u64>(ID, Content::Catalog, frame, 100).unwrap_err().to_string();
        let frame = |raw_len, payload: usize| claimed(raw_len, vec![0; FRAME_HEADER_LEN + payload]);
        let most = memory_limit(10);
        assert!(!refused(&frame(most, 10)).contains("too long"));
        assert!(refused(&frame(most + 1, 10)).contains("too long"));
        // Zeros that are only read take no memory.
        let most = usize::try_from(MAX_FRAME_STORED_LEN).unwrap();
        assert_eq!(most, (1 << 30) + 64);
        assert!(!refused(&frame(8, most)).contains("too long"));
        assert!(refused(&frame(8, most + 1)).contains("too long"));
    }

    #[test]
    fn damage_is_where_it_is() {
        let mut frame = pack(ID, Content::Catalog, &[7; 100], 0).unwrap();
        let end = 100 + frame.len();
        frame.push(0);
        let error = decode::<u64>(ID, Content::Catalog, &claimed(100, frame), 100).unwrap_err();
        assert!(matches!(error, Error::Damaged { offset, .. } if offset == end as u64), "{error} {end}");
    }

    #[test]
    fn a_frame_of_another_kind_is_refused() {
        let frame = encode(ID, Content::Index, &7u64).unwrap();
        let error = decode::<u64>(ID, Content::Catalog, &frame, 0).unwrap_err().to_string();
        assert_eq!(error, "the archive is damaged at offset 0: no catalog here");
    }

    #[test]
    fn a_short_frame_takes_little_memory() {
        // Texts without bytes take 24 times their length as values.
        let list = [&[0; 8][..], &[0xfc], &(4u32 << 20).to_le_bytes(), &[0; 4 << 20]].concat();
        assert!(complaint(&list).contains("more values than the length of the frame allows"));
        assert!(complaint(&vec![0; 17 << 20]).contains("is too long"));
    }

    #[test]
    fn announced_lengths_take_no_memory() {
        let before = peak_memory();
        let text = [&[0xfd][..], &(1u64 << 34).to_le_bytes(), &[0; 8 << 20]].concat();
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
