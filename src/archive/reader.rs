//! Opens an archive: header, footer, index and catalog are read and compared, blocks are left alone.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::footer::{FOOTER_LEN, FOOTER_MARKER, Footer};
use super::frame::{self, Content, FRAME_HEADER_LEN};
use super::header::HEADER_LEN;
use super::map::Bytes;
use super::parse::Fault;
use super::{BlockInfo, BlockRef, Catalog, Error, Header, Index, Table};

/// An archive whose structure has been found sound. Its blocks are checked when they are decoded.
pub struct Archive {
    pub(super) bytes: Bytes,
    pub(super) header: Header,
    pub(super) catalog: Arc<Catalog>,
    pub(super) index: Arc<Index>,
}

impl Archive {
    /// Opens the file at `path`, which is mapped into memory and must not be changed meanwhile.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::read(Bytes::map(path)?)
    }

    /// The same for a regular file that is open already; `path` is for messages.
    pub fn open_file(file: &File, path: &Path) -> Result<Self, Error> {
        Self::read(Bytes::map_open(file, path)?)
    }

    /// Opens an archive that is in memory.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        Self::read(Bytes::Buffer(bytes))
    }

    fn read(bytes: Bytes) -> Result<Self, Error> {
        let (header, catalog, index) = read_structure(&bytes)?;
        Ok(Archive { bytes, header, catalog: Arc::new(catalog), index: Arc::new(index) })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Catalog and index, for whoever needs them without the archive.
    pub fn shared(&self) -> (Arc<Catalog>, Arc<Index>) {
        (Arc::clone(&self.catalog), Arc::clone(&self.index))
    }

    /// Bytes of the archive.
    pub fn file_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The table that a block or an entry refers to; `None` for a number that is not from this archive.
    pub fn table(&self, number: u32) -> Option<&Table> {
        self.catalog.table(number)
    }

    /// Header and payload of a block, for [`BlockDecoder::decode`](super::BlockDecoder::decode). The header is that of
    /// the block that `block` names; the payload is not looked at.
    pub fn block(&self, block: &BlockRef) -> Result<&[u8], Error> {
        let fault = |fault: Fault| fault.in_archive(block.offset);
        let start = usize::try_from(block.offset).unwrap_or(usize::MAX);
        let length = block.len().and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
        let bytes = self.bytes.read(start..start.saturating_add(length))?;
        let (info, _) = BlockInfo::parse_header(self.header.id, bytes).map_err(fault)?;
        if info != block.info() {
            let what = "the block is another one than the index says".to_owned();
            return Err(fault(Fault { position: 0, what }));
        }
        Ok(bytes)
    }

    /// Lets the system take back the memory of a block that has been read, and of those right before it: an archive may be larger
    /// than the memory of the machine. Small blocks only when a megabyte of them is over: it is a system call.
    pub fn give_back(&self, block: &BlockRef) {
        const STEP: usize = 1 << 20;
        let start = usize::try_from(block.offset).unwrap_or(usize::MAX);
        let length = block.len().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let end = start.saturating_add(length);
        if start / STEP != end / STEP {
            self.bytes.give_back(start / STEP * STEP..end);
        }
    }
}

/// Header, catalog and index of the archive in `bytes`, compared with each other and with the footer.
pub(super) fn read_structure(bytes: &Bytes) -> Result<(Header, Catalog, Index), Error> {
    bytes.read(0..HEADER_LEN.min(bytes.len()))?;
    let header = Header::parse(bytes)?;
    let id = header.id;
    bytes.read(bytes.len().saturating_sub(FOOTER_LEN)..bytes.len())?;
    let footer = Footer::parse(bytes, id)?;
    let footer_at = bytes.len() - FOOTER_LEN;
    // The footer has checked that both are at most `footer_at`.
    let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    let (index_at, index_end) =
        (place(footer.index_offset), place(footer.index_offset.saturating_add(footer.index_len)));
    let damaged = |offset: usize, what: String| Error::Damaged { offset: offset as u64, what };
    let part = |start: usize, end: usize| bytes.read(start..end);
    // The frame at `start`, which ends before `end` and may be followed by all the rest: no more than the frame is read.
    let frame = |start: usize, end: usize| -> Result<&[u8], Error> {
        let header = part(start, end.min(start.saturating_add(FRAME_HEADER_LEN)))?;
        let length = frame::length(id, header);
        part(start, end.min(start.saturating_add(length)))
    };
    if id.checksum(&[part(index_at, index_end)?]) != footer.index_crc {
        return Err(damaged(index_at, "the checksum of the index does not match the footer's".into()));
    }
    let (index, length): (Index, usize) =
        frame::decode(id, Content::Index, part(index_at, index_end)?, index_at as u64)?;
    let end = index_at + length;
    if end != index_end {
        return Err(damaged(end, format!("{} bytes too many in the index", index_end - end)));
    }
    if (index.tables.len() as u64, index.blocks, index.rows)
        != (footer.tables.into(), footer.blocks, footer.rows)
    {
        return Err(damaged(index_at, "index and footer count differently".into()));
    }
    let (catalog, length): (Catalog, usize) =
        frame::decode(id, Content::Catalog, frame(HEADER_LEN, index_at)?, HEADER_LEN as u64)?;
    let blocks_at = HEADER_LEN + length;
    catalog.validate().map_err(|error| damaged(HEADER_LEN, error.to_string()))?;
    index
        .validate(&catalog, blocks_at as u64, footer.index_offset)
        .map_err(|what| damaged(index_at, format!("the index contradicts itself: {what}")))?;
    let copy_end = index_end + (blocks_at - HEADER_LEN);
    if part(HEADER_LEN, blocks_at)? != part(index_end, copy_end.min(footer_at))? {
        return Err(damaged(index_end, "the copy of the catalog is not like the catalog".into()));
    }
    let mut end = copy_end;
    while end < footer_at {
        let bytes = frame(end, footer_at)?;
        if bytes.starts_with(&FOOTER_MARKER) {
            return Err(damaged(end, "a footer in front of the footer".to_owned()));
        }
        end += frame::skip(id, bytes, end as u64)?;
    }
    Ok((header, catalog, index))
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive")
            .field("header", &self.header)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
