//! A block: some rows of one table. format-spec/block.md

use std::convert::Infallible;

use super::columns::{Columns, Values, max_payload_len, row_overhead};
use super::digest::RowHasher;
use super::parse::{Cursor, Fault};
use super::rows::LONG_ON_AVERAGE;
use super::stream::{StreamDecoder, StreamEncoder, is_large, reserve};
use super::{ArchiveId, BlockContent, ColumnFacts, Digest, Error, Table, Transfer, ValueKind};
use crate::copy_rows::{Row, fields};

/// What a block begins with.
pub(super) const BLOCK_MARKER: [u8; 8] = *b"\xffPGBLOCK";

/// Length of the header of a block.
pub(super) const BLOCK_HEADER_LEN: usize = 48;

/// Most bytes that the rows of one block may have: 2 GiB, twice the longest row that PostgreSQL can send.
pub const MAX_BLOCK_RAW_LEN: u64 = 1 << 31;

/// What [`BlockDecoder::decode_in_pieces`] gives at once, at most.
const LONGEST_PIECE: usize = 1 << 20;

/// Where a block belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPosition {
    /// The part of the table that one COPY read; any number.
    pub chunk: u32,
    /// Place within the chunk, from 0 without gaps.
    pub sequence: u32,
}

/// What the header of a block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockInfo {
    /// Index into the catalog's tables.
    pub table: u32,
    /// The part of the table.
    pub chunk: u32,
    /// Place within the chunk.
    pub sequence: u32,
    /// Number of rows, at least 1.
    pub rows: u32,
    /// Bytes of the rows in the form of COPY.
    pub raw_len: u64,
    /// Bytes of the payload; the block has 48 more, its header.
    pub stored_len: u64,
}

/// A block that has been decoded again and compared with the rows that went in.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedBlock {
    /// Header and payload.
    pub bytes: Vec<u8>,
    /// What the header says.
    pub info: BlockInfo,
    /// Digest of the rows.
    pub digest: Digest,
    /// Facts about each column.
    pub facts: Vec<ColumnFacts>,
}

/// Makes blocks out of rows. Keeps its buffers: one for each thread that encodes.
pub struct BlockEncoder {
    id: ArchiveId,
    columns: Columns,
    streams: StreamEncoder,
    decoder: BlockDecoder,
    encoded: Vec<u8>,
}

impl BlockEncoder {
    /// `level` is zstd's, 1 to 19; 0 compresses nothing.
    pub fn new(id: ArchiveId, level: i32) -> Result<Self, Error> {
        Ok(BlockEncoder {
            id,
            columns: Columns::new(),
            streams: StreamEncoder::new(level)?,
            decoder: BlockDecoder::new(id)?,
            encoded: Vec::new(),
        })
    }

    /// The block of `rows`: at least one row, at most [`MAX_BLOCK_RAW_LEN`] bytes. The same rows give the same block.
    pub fn encode(
        &mut self,
        table_number: u32,
        table: &Table,
        position: BlockPosition,
        rows: &[u8],
    ) -> Result<EncodedBlock, Error> {
        let raw_len = rows.len() as u64;
        if rows.is_empty() || raw_len > MAX_BLOCK_RAW_LEN {
            let what = format!("the length of the rows of a block of table {}", table.label());
            return Err(Error::Limit { what, found: raw_len, limit: MAX_BLOCK_RAW_LEN });
        }
        let mut digest = Digest::default();
        let mut hasher = RowHasher::new(table);
        let mut walker = fields(table.transfer.format(), table.columns.len(), rows);
        let in_table = |source| Error::Rows { table: table.label(), source };
        self.encoded.clear();
        self.encoded.resize(BLOCK_HEADER_LEN, 0);
        self.columns.begin(table.columns.len());
        let mut alone = None;
        while let Some(row) = walker.next_row().map_err(in_table)? {
            hasher.add(&mut digest, &row);
            if is_large(rows.len()) && row.bytes.len() == rows.len() {
                self.columns.encode_row(&row, &mut self.streams, &mut self.encoded)?;
                alone = Some(facts(row_values(&row), table));
            } else {
                self.columns.push(&row);
            }
        }
        let (facts, count) = match alone {
            Some(facts) => (facts, 1),
            None => {
                self.columns.encode(&mut self.streams, &mut self.encoded)?;
                (facts(self.columns.values(&[]), table), self.columns.rows())
            }
        };
        let info = BlockInfo {
            table: table_number,
            chunk: position.chunk,
            sequence: position.sequence,
            rows: count,
            raw_len,
            stored_len: (self.encoded.len() - BLOCK_HEADER_LEN) as u64,
        };
        if let Some((header, payload)) = self.encoded.split_first_chunk_mut() {
            *header = info.to_bytes(self.id, payload);
        }
        if is_large(rows.len()) {
            self.columns.begin(0);
        }
        if !self.decoder.gives(table, &self.encoded, info, rows) {
            return Err(Error::NotReversible { table: table.label() });
        }
        Ok(EncodedBlock { bytes: std::mem::take(&mut self.encoded), info, digest, facts })
    }

    /// Gives a buffer for the bytes of the next block, whatever it holds.
    pub fn reuse(&mut self, buffer: Vec<u8>) {
        self.encoded = buffer;
    }
}

/// Makes rows out of blocks. Keeps its buffers: one for each thread that decodes.
pub struct BlockDecoder {
    id: ArchiveId,
    columns: Columns,
    streams: StreamDecoder,
}

impl BlockDecoder {
    /// A decoder of blocks of the archive `id`.
    pub fn new(id: ArchiveId) -> Result<Self, Error> {
        Ok(BlockDecoder { id, columns: Columns::new(), streams: StreamDecoder::new()? })
    }

    /// Replaces `out` by the rows of `block`, which is header and payload. Offsets in errors count from its start.
    pub fn decode(&mut self, table: &Table, block: &[u8], out: &mut Vec<u8>) -> Result<BlockInfo, Error> {
        out.clear();
        let info = self.decode_columns(table, block).map_err(|fault| fault.in_block(&table.label()))?;
        let raw_len = usize::try_from(info.raw_len).unwrap_or(usize::MAX);
        reserve(out, raw_len, BLOCK_HEADER_LEN).map_err(|fault| fault.in_block(&table.label()))?;
        let written =
            self.columns.write_rows(block, table.transfer, info.raw_len, LONG_ON_AVERAGE, |piece| {
                out.extend_from_slice(piece.bytes());
                Ok::<_, Infallible>(())
            });
        match written {
            Ok(()) => Ok(info),
        }
    }

    /// Gives the rows of `block`, which is header and payload, to `write`, in pieces of at most 1 MiB that may end
    /// anywhere: so the rows are not in memory twice. All checks are made before the first piece.
    pub fn decode_in_pieces<E: From<Error>>(
        &mut self,
        table: &Table,
        block: &[u8],
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<BlockInfo, E> {
        let info = self.decode_columns(table, block).map_err(|fault| fault.in_block(&table.label()))?;
        self.columns.write_rows(block, table.transfer, info.raw_len, u64::MAX, |piece| {
            piece.bytes().chunks(LONGEST_PIECE).try_for_each(&mut write)
        })?;
        Ok(info)
    }

    /// What `block` is found to hold.
    pub(super) fn examine(&mut self, table: &Table, block: &[u8]) -> Result<(BlockInfo, Digest), Error> {
        let info = self.decode_columns(table, block).map_err(|fault| fault.in_block(&table.label()))?;
        let (mut digest, mut hasher) = (Digest::default(), RowHasher::new(table));
        let written =
            self.columns.write_rows(block, Transfer::Binary, info.raw_len, LONG_ON_AVERAGE, |piece| {
                hasher.add_piece(&mut digest, piece);
                Ok::<_, Infallible>(())
            });
        match written {
            Ok(()) => Ok((info, digest)),
        }
    }

    /// Whether `block` has the header `info` and holds exactly `rows`.
    fn gives(&mut self, table: &Table, block: &[u8], info: BlockInfo, rows: &[u8]) -> bool {
        if self.decode_columns(table, block).ok() != Some(info) {
            return false;
        }
        let mut rest = rows;
        let written =
            self.columns.write_rows(block, table.transfer, info.raw_len, LONG_ON_AVERAGE, |piece| {
                rest = rest.strip_prefix(piece.bytes()).ok_or(())?;
                Ok::<_, ()>(())
            });
        written == Ok(()) && rest.is_empty()
    }

    fn decode_columns(&mut self, table: &Table, block: &[u8]) -> Result<BlockInfo, Fault> {
        let info = BlockInfo::parse(self.id, table, block)?;
        let mut cursor = Cursor::at(block, BLOCK_HEADER_LEN);
        self.columns.decode(
            table.transfer,
            table.columns.len(),
            info.rows,
            info.raw_len,
            &mut cursor,
            &mut self.streams,
        )?;
        Ok(info)
    }

    /// Facts about the columns of `block`, which was decoded last and is one of `table`.
    pub(super) fn facts(&self, table: &Table, block: &[u8]) -> Vec<ColumnFacts> {
        facts(self.columns.values(block), table)
    }

    /// As [`decode`](Self::decode), and says what the index must know of the block.
    pub fn read(&mut self, table: &Table, block: &[u8], out: &mut Vec<u8>) -> Result<BlockContent, Error> {
        let info = self.decode(table, block, out)?;
        let mut digest = Digest::default();
        digest.add_rows(table, out)?;
        Ok(BlockContent { info, digest, facts: self.facts(table, block) })
    }
}

fn facts<'a>(columns: impl Iterator<Item = Values<'a>>, table: &Table) -> Vec<ColumnFacts> {
    let kind = |kind| if table.transfer == Transfer::Binary { kind } else { ValueKind::Opaque };
    let kinds = table.columns.iter().map(|column| kind(column.value));
    columns.zip(kinds).map(|(values, kind)| ColumnFacts::of_values(kind, &values)).collect()
}

/// The columns of one row.
fn row_values<'a>(row: &Row<'a, '_>) -> impl Iterator<Item = Values<'a>> {
    row.fields.iter().map(|field| {
        let different = field.unwrap_or_default();
        let bytes = different.len();
        Values { nulls: field.is_none().into(), bytes: bytes as u64, width: bytes, different }
    })
}

impl BlockInfo {
    pub(super) fn to_bytes(self, id: ArchiveId, payload: &[u8]) -> [u8; BLOCK_HEADER_LEN] {
        let mut bytes = Vec::with_capacity(BLOCK_HEADER_LEN);
        bytes.extend(BLOCK_MARKER);
        for number in [self.table, self.chunk, self.sequence, self.rows] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.raw_len.to_le_bytes());
        bytes.extend(self.stored_len.to_le_bytes());
        bytes.extend(id.checksum(&[payload]).to_le_bytes());
        bytes.extend(id.checksum(&[&bytes]).to_le_bytes());
        let mut header = [0; BLOCK_HEADER_LEN];
        header.copy_from_slice(&bytes);
        header
    }

    /// The header of `block`, whose checksums and lengths are checked.
    pub(super) fn parse(id: ArchiveId, table: &Table, block: &[u8]) -> Result<Self, Fault> {
        let (info, payload_crc) = Self::parse_header(id, block)?;
        info.check_limits(table)?;
        let mut cursor = Cursor::at(block, BLOCK_HEADER_LEN);
        let payload = cursor.take(usize::try_from(info.stored_len).unwrap_or(usize::MAX))?;
        cursor.end()?;
        check_payload(id, payload, payload_crc)?;
        Ok(info)
    }

    /// Whether `table` can have such a block.
    pub(super) fn check_limits(&self, table: &Table) -> Result<(), Fault> {
        let columns = table.columns.len();
        let fault = |what| Err(Fault { position: BLOCK_HEADER_LEN, what });
        let least = u64::from(self.rows).saturating_mul(row_overhead(table.transfer, columns));
        if self.rows == 0 || self.raw_len > MAX_BLOCK_RAW_LEN || self.raw_len < least {
            return fault(format!("a block of {} rows and {} bytes is impossible", self.rows, self.raw_len));
        }
        if self.stored_len > max_payload_len(columns, self.rows, self.raw_len) {
            return fault("the payload is longer than any payload of such rows".to_owned());
        }
        Ok(())
    }

    /// The header at the start of `bytes` and the checksum of the payload that it announces.
    pub(super) fn parse_header(id: ArchiveId, bytes: &[u8]) -> Result<(Self, u32), Fault> {
        let mut cursor = Cursor::new(bytes);
        cursor.require(&BLOCK_MARKER, "block")?;
        let info = BlockInfo {
            table: cursor.u32()?,
            chunk: cursor.u32()?,
            sequence: cursor.u32()?,
            rows: cursor.u32()?,
            raw_len: cursor.u64()?,
            stored_len: cursor.u64()?,
        };
        let payload_crc = cursor.u32()?;
        let covered = bytes.get(..cursor.position()).unwrap_or_default();
        if cursor.u32()? != id.checksum(&[covered]) {
            let what = "the checksum of the block's header does not match".to_owned();
            return Err(Fault { position: 0, what });
        }
        Ok((info, payload_crc))
    }
}

/// Whether `payload` has this checksum.
pub(super) fn check_payload(id: ArchiveId, payload: &[u8], checksum: u32) -> Result<(), Fault> {
    if checksum == id.checksum(&[payload]) {
        return Ok(());
    }
    let what = "the checksum of the payload does not match".to_owned();
    Err(Fault { position: BLOCK_HEADER_LEN, what })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::cast_possible_truncation)]
    use super::*;
    use crate::archive::tests::{ID, table};

    const POSITION: BlockPosition = BlockPosition { chunk: 0, sequence: 0 };

    #[test]
    fn the_limits_of_a_block_are_exact() {
        let table = table(Transfer::Binary, 3);
        let least = 10 * row_overhead(Transfer::Binary, 3);
        let holds = |rows, raw_len, stored_len| {
            let info = BlockInfo { table: 0, chunk: 0, sequence: 0, rows, raw_len, stored_len };
            info.check_limits(&table).is_ok()
        };
        for (rows, raw_len, possible) in [
            (0, least, false),
            (10, least - 1, false),
            (10, least, true),
            (10, MAX_BLOCK_RAW_LEN, true),
            (10, MAX_BLOCK_RAW_LEN + 1, false),
        ] {
            assert_eq!(holds(rows, raw_len, 0), possible, "{rows} rows of {raw_len} bytes");
        }
        let most = max_payload_len(3, 10, least);
        assert!(holds(10, least, most) && !holds(10, least, most + 1));

        // Zeros that nobody reads take no memory; the first two are no row of three columns.
        let mut encoder = BlockEncoder::new(ID, 1).unwrap();
        let zeros = vec![0; MAX_BLOCK_RAW_LEN as usize + 1];
        let mut refused = |rows: &[u8]| encoder.encode(0, &table, POSITION, rows).err();
        assert!(
            matches!(refused(&zeros), Some(Error::Limit { found, .. }) if found == MAX_BLOCK_RAW_LEN + 1)
        );
        assert!(matches!(refused(&zeros[1..]), Some(Error::Rows { .. })));
        assert!(matches!(refused(&[]), Some(Error::Limit { found: 0, .. })));
    }

    #[test]
    fn a_block_that_gives_other_rows_is_noticed() {
        let (id, position) = (ArchiveId([1; 16]), POSITION);
        let table = table(Transfer::Text, 1);
        let block = BlockEncoder::new(id, 1).unwrap().encode(0, &table, position, b"abc\nd\n").unwrap();
        let mut decoder = BlockDecoder::new(id).unwrap();
        let mut gives = |info, rows: &[u8]| decoder.gives(&table, &block.bytes, info, rows);
        assert!(gives(block.info, b"abc\nd\n"));
        for other in [&b"abc\ne\n"[..], b"abc\nd", b"abc\nd\n\n", b"", b"\nabc\nd\n"] {
            assert!(!gives(block.info, other));
        }
        assert!(!gives(BlockInfo { chunk: 1, ..block.info }, b"abc\nd\n"));

        // An encoder whose own decoder finds something else.
        let mut encoder = BlockEncoder::new(id, 1).unwrap();
        encoder.decoder = BlockDecoder::new(ArchiveId([2; 16])).unwrap();
        let error = encoder.encode(0, &table, position, b"abc\n").unwrap_err();
        assert!(matches!(error, Error::NotReversible { .. }), "{error}");
    }
}
