//! Reads an archive from its first byte to its last, as it comes out of a pipe: nothing is read twice and nothing is
//! believed before its checksum has come. What is kept of the blocks is their index, which must be the one at the end.

use std::io::Read;
use std::sync::Arc;

use super::block::{BLOCK_HEADER_LEN, BLOCK_MARKER, check_payload};
use super::check::contradictions;
use super::footer::{FOOTER_LEN, FOOTER_MARKER, Footer};
use super::frame::{self, Content, FRAME_HEADER_LEN, FrameHeader, MAX_FRAME_STORED_LEN};
use super::header::HEADER_LEN;
use super::index::{Expected, expect_sequence};
use super::parse::Fault;
use super::{BlockContent, BlockDecoder, BlockInfo, Catalog, Contents, Error, Header, Index, Table};

/// Every structure after the header begins with so many bytes that tell which one it is.
type Marker = [u8; 8];

/// For so many bytes memory is reserved before they have come, and so many are looked at at one time.
const PIECE: usize = 64 << 10;

/// An archive that is being read.
pub struct SequentialReader<R> {
    input: Input<R>,
    header: Header,
    catalog: Arc<Catalog>,
    catalog_frame: Vec<u8>,
    expected: Expected,
    blocks: u64,
    /// What follows the last block, once that has been read.
    after_blocks: Option<Marker>,
}

/// A block that has come; the checksums of its header and of its payload are right.
pub struct ArrivedBlock {
    /// Its place among the blocks of the archive, from 0.
    pub place: u64,
    /// What its header says.
    pub info: BlockInfo,
    /// Where it stands in the archive.
    pub(super) offset: u64,
    bytes: Vec<u8>,
}

impl ArrivedBlock {
    /// Replaces `out` by the rows of the block, which is one of `table`.
    pub fn read(
        &self,
        decoder: &mut BlockDecoder,
        table: &Table,
        out: &mut Vec<u8>,
    ) -> Result<BlockContent, Error> {
        let damaged = |error: Error| Error::Damaged { offset: self.offset, what: error.to_string() };
        decoder.read(table, &self.bytes, out).map_err(damaged)
    }
}

impl<R: Read> SequentialReader<R> {
    /// Reads header and catalog.
    pub fn open(from: R) -> Result<Self, Error> {
        let mut input = Input { from, offset: 0 };
        let mut bytes = Vec::new();
        input.read_up_to(HEADER_LEN as u64, &mut bytes)?;
        let header = Header::parse(&bytes)?;
        let marker = input.marker("it ends behind the header")?;
        let catalog_frame = input.frame(&header, marker)?;
        let offset = HEADER_LEN as u64;
        let (catalog, _): (Catalog, _) = frame::decode(header.id, Content::Catalog, &catalog_frame, offset)?;
        catalog.validate().map_err(|error| Error::Damaged { offset, what: error.to_string() })?;
        let catalog = Arc::new(catalog);
        let expected = Expected::new();
        Ok(SequentialReader {
            input,
            header,
            catalog,
            catalog_frame,
            expected,
            blocks: 0,
            after_blocks: None,
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The catalog.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The next block, or `None` when the last one has been read. `admit` is told of a block before memory is taken for
    /// its payload, may wait, and what it gives comes with the block.
    pub fn next_block<T>(
        &mut self,
        admit: impl FnOnce(&BlockInfo) -> T,
    ) -> Result<Option<(ArrivedBlock, T)>, Error> {
        if self.after_blocks.is_some() {
            return Ok(None);
        }
        let marker = self.input.marker("it ends between two blocks")?;
        if marker != BLOCK_MARKER {
            self.after_blocks = Some(marker);
            return Ok(None);
        }
        let offset = self.input.offset_of(&marker);
        let in_archive = |fault: Fault| fault.in_archive(offset);
        let damaged = |what| Error::Damaged { offset, what };
        let mut bytes = marker.to_vec();
        self.input.read(BLOCK_HEADER_LEN - marker.len(), &mut bytes, "it ends in the header of a block")?;
        let (info, payload_crc) = BlockInfo::parse_header(self.header.id, &bytes).map_err(in_archive)?;
        let table = self.catalog.table(info.table);
        let table =
            table.ok_or_else(|| damaged(format!("a block of table {}, which is not there", info.table)))?;
        info.check_limits(table).map_err(in_archive)?;
        expect_sequence(&mut self.expected, &info, table).map_err(|error| damaged(error.to_string()))?;
        let admitted = admit(&info);
        let payload_len = usize::try_from(info.stored_len).unwrap_or(usize::MAX);
        self.input.read(payload_len, &mut bytes, "it ends in a block")?;
        let payload = bytes.get(BLOCK_HEADER_LEN..).unwrap_or_default();
        check_payload(self.header.id, payload, payload_crc).map_err(|fault| {
            let what = format!("table {}: {}", table.label(), fault.what);
            Fault { what, ..fault }.in_archive(offset)
        })?;
        let place = self.blocks;
        self.blocks += 1;
        Ok(Some((ArrivedBlock { place, info, offset, bytes }, admitted)))
    }

    /// Reads what follows the blocks, to the end of the archive and of `from`. Everything that it says must be true of
    /// the blocks, which hold these contents.
    pub fn finish(mut self, contents: Contents) -> Result<Index, Error> {
        let id = self.header.id;
        // Whoever has not read all blocks has come to one.
        let marker = self.after_blocks.unwrap_or(BLOCK_MARKER);
        let index_offset = self.input.offset_of(&marker);
        if marker != Content::Index.marker() {
            let what = "neither a block nor the index stands here".to_owned();
            return Err(Error::Damaged { offset: index_offset, what });
        }
        let frame = self.input.frame(&self.header, marker)?;
        let (index, _): (Index, _) = frame::decode(id, Content::Index, &frame, index_offset)?;
        compare(&index, &contents.finish(), &self.catalog)
            .map_err(|what| Error::Damaged { offset: index_offset, what })?;

        let copy_offset = self.input.offset;
        if !self.input.is_next(&self.catalog_frame)? {
            let what = "the copy of the catalog is not like the catalog".to_owned();
            return Err(Error::Damaged { offset: copy_offset, what });
        }
        let mut marker = self.input.marker("no footer at the end")?;
        while marker != FOOTER_MARKER {
            self.input.skip_frame(&self.header, marker)?;
            marker = self.input.marker("no footer at the end")?;
        }
        let footer_offset = self.input.offset_of(&marker);
        let mut bytes = marker.to_vec();
        self.input.read(FOOTER_LEN - marker.len(), &mut bytes, "no footer at the end")?;
        let footer = Footer::parse_at(&bytes, footer_offset, id)?;
        let found = (index_offset, frame.len() as u64, id.checksum(&[&frame]), index.tables.len() as u64);
        let told = (footer.index_offset, footer.index_len, footer.index_crc, footer.tables.into());
        if found != told || (index.blocks, index.rows) != (footer.blocks, footer.rows) {
            let what = "the footer tells of another index than the one that came".to_owned();
            return Err(Error::Damaged { offset: footer_offset, what });
        }
        let end = self.input.offset;
        match self.input.read_up_to(1, &mut bytes)? {
            0 => Ok(index),
            _ => Err(Error::Damaged { offset: end, what: "something follows the footer".to_owned() }),
        }
    }
}

/// Whether `index` says what has come.
fn compare(index: &Index, came: &Index, catalog: &Catalog) -> Result<(), String> {
    if let Some(damage) = contradictions(catalog, index, came).first() {
        return Err(damage.to_string());
    }
    if came != index {
        let (came, told) = (came.blocks, index.blocks);
        return Err(format!("{came} blocks came, and the index tells of {told} or of others"));
    }
    Ok(())
}

/// Where the archive comes from, and how much of it has come.
struct Input<R> {
    from: R,
    offset: u64,
}

impl<R: Read> Input<R> {
    /// Adds the next bytes to `to`: `length`, or fewer where the archive ends. Memory grows with what comes.
    fn read_up_to(&mut self, length: u64, to: &mut Vec<u8>) -> Result<u64, Error> {
        let room = usize::try_from(length).unwrap_or(usize::MAX).min(PIECE);
        to.reserve(room);
        let before = to.len();
        let read = self.from.by_ref().take(length).read_to_end(to);
        let came = (to.len() - before) as u64;
        self.offset += came;
        read.map(|_| came).map_err(|source| Error::Read { offset: self.offset, source })
    }

    /// Adds the next `length` bytes to `to`. `end` says what it means that the archive ends before.
    fn read(&mut self, length: usize, to: &mut Vec<u8>, end: &'static str) -> Result<(), Error> {
        let length = length as u64;
        if self.read_up_to(length, to)? < length {
            return Err(Error::CutShort { what: end, length: self.offset });
        }
        Ok(())
    }

    fn marker(&mut self, end: &'static str) -> Result<Marker, Error> {
        let mut bytes = Vec::new();
        self.read(size_of::<Marker>(), &mut bytes, end)?;
        Ok(bytes.try_into().unwrap_or_default())
    }

    /// Where the marker stands that was read last.
    fn offset_of(&self, marker: &Marker) -> u64 {
        self.offset - marker.len() as u64
    }

    /// The header of the frame that begins with this marker, as it is and parsed.
    fn frame_header(
        &mut self,
        header: &Header,
        marker: Marker,
    ) -> Result<(Vec<u8>, FrameHeader, u64), Error> {
        let offset = self.offset_of(&marker);
        let mut bytes = marker.to_vec();
        self.read(FRAME_HEADER_LEN - marker.len(), &mut bytes, "it ends in the header of a frame")?;
        let frame = FrameHeader::parse(header.id, &bytes).map_err(|fault| fault.in_archive(offset))?;
        Ok((bytes, frame, offset))
    }

    /// The frame that begins with this marker: header and payload, whose checksum is not looked at.
    fn frame(&mut self, header: &Header, marker: Marker) -> Result<Vec<u8>, Error> {
        let (mut bytes, frame, offset) = self.frame_header(header, marker)?;
        if frame.stored_len > MAX_FRAME_STORED_LEN {
            let what = format!("a frame of {} bytes is too long", frame.stored_len);
            return Err(Error::Damaged { offset, what });
        }
        let length = usize::try_from(frame.stored_len).unwrap_or(usize::MAX);
        self.read(length, &mut bytes, "it ends in a frame")?;
        Ok(bytes)
    }

    /// Passes over the frame that begins with this marker; its checksums are right.
    fn skip_frame(&mut self, header: &Header, marker: Marker) -> Result<(), Error> {
        let (mut piece, frame, offset) = self.frame_header(header, marker)?;
        let mut checksum = header.id.hasher();
        let mut left = frame.stored_len;
        while left > 0 {
            let length = left.min(PIECE as u64);
            piece.clear();
            self.read(usize::try_from(length).unwrap_or(PIECE), &mut piece, "it ends in a frame")?;
            checksum.update(&piece);
            left -= length;
        }
        frame.check_payload(checksum.finalize()).map_err(|fault| fault.in_archive(offset))
    }

    /// Whether the next bytes are `expected`.
    fn is_next(&mut self, expected: &[u8]) -> Result<bool, Error> {
        let mut bytes = Vec::new();
        for piece in expected.chunks(PIECE) {
            bytes.clear();
            self.read(piece.len(), &mut bytes, "it ends in the copy of the catalog")?;
            if bytes != piece {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
