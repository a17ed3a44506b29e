//! The bytes of an archive, made by hand after format-spec/: what pgsnap's own writer would choose otherwise, or never
//! writes.

use bincode::config::standard;
use bincode::serde::encode_to_vec;
use pgsnap::archive::{
    Archive, ArchiveId, ArchiveWriter, BlockEncoder, BlockPosition, Catalog, EncodedBlock, Header, Index,
    Table,
};
use serde::Serialize;

pub const ID: ArchiveId = ArchiveId(*b"vector of pgsnap");
/// 2026-01-01 00:00 UTC.
pub const SNAPSHOT_TIME: i64 = 1_767_225_600_000_000;

pub const CATALOG_MARKER: &[u8; 8] = b"\xffPGCATLG";
pub const INDEX_MARKER: &[u8; 8] = b"\xffPGINDEX";

const BLOCK_HEADER_LEN: usize = 48;
const FOOTER_LEN: usize = 84;

/// A value of a field, `None` for NULL.
pub type Field = Option<Vec<u8>>;

/// CRC-32 over the archive id and `parts`.
pub fn crc(parts: &[&[u8]]) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new_with_initial(0);
    crc.update(&ID.0);
    parts.iter().for_each(|part| crc.update(part));
    crc.finalize().to_le_bytes()
}

/// How a stream is stored.
#[derive(Clone, Copy)]
pub enum Method {
    Stored,
    Zstd,
    Repeat,
}
pub use Method::{Repeat, Stored, Zstd};

/// `raw` as a stream. A stream of one byte throughout is the only one that can be Repeat.
pub fn stream(method: Method, raw: &[u8]) -> Vec<u8> {
    match method {
        _ if raw.is_empty() => vec![],
        Stored => [&[0], raw].concat(),
        Zstd => zstd_stream(&zstd::bulk::compress(raw, 3).unwrap()),
        Repeat => {
            assert!(raw.iter().all(|byte| *byte == raw[0]), "not one byte throughout: {raw:?}");
            vec![2, raw[0]]
        }
    }
}

/// A stream of the zstd frame `frame`.
pub fn zstd_stream(frame: &[u8]) -> Vec<u8> {
    [&[1], &u32::try_from(frame.len()).unwrap().to_le_bytes()[..], frame].concat()
}

/// How the values of a column are stored; the methods are those of the planes.
#[derive(Clone, Copy)]
pub enum Values<'a> {
    Plain(Method),
    Constant(Method),
    Split(&'a [Method]),
    DeltaSplit(&'a [Method]),
    /// The values of a dictionary, then the planes of the codes.
    Dictionary(Method, &'a [Method]),
}

/// How a column is stored: its bitmap and the planes of its lengths, where it has them, and its values.
#[derive(Clone, Copy)]
pub struct Recipe<'a> {
    pub bitmap: Method,
    pub lengths: [Method; 4],
    pub values: Values<'a>,
}

impl Recipe<'_> {
    pub fn plain(method: Method) -> Self {
        Recipe { bitmap: Stored, lengths: [Stored; 4], values: Values::Plain(method) }
    }
}

/// Planes of groups of as many bytes as there are methods.
fn planes(values: &[u8], methods: &[Method]) -> Vec<u8> {
    let plane = |k: usize| values.iter().skip(k).step_by(methods.len()).copied().collect::<Vec<_>>();
    methods.iter().enumerate().flat_map(|(k, method)| stream(*method, &plane(k))).collect()
}

/// The zigzag differences of big-endian integers of `width` bytes.
fn differences(values: &[u8], width: usize) -> Vec<u8> {
    let bits = 8 * u32::try_from(width).unwrap();
    let mut before = 0u64;
    let mut difference = |group: &[u8]| {
        let value = group.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        // In the highest bits, so that the sign is where i64 has it.
        let difference = (value.wrapping_sub(before) << (64 - bits)).cast_signed() >> (64 - bits);
        before = value;
        let zigzag = (difference << 1 ^ difference >> 63).cast_unsigned();
        zigzag.to_be_bytes()[8 - width..].to_vec()
    };
    values.chunks(width).flat_map(&mut difference).collect()
}

/// The kind of lengths and the lengths of `values`.
fn lengths(values: &[&Vec<u8>], methods: [Method; 4]) -> Vec<u8> {
    let length = |value: &&Vec<u8>| u32::try_from(value.len()).unwrap();
    if values.iter().all(|value| value.len() == values[0].len()) {
        return [&[0], &length(&values[0]).to_le_bytes()[..]].concat();
    }
    let lengths = values.iter().flat_map(|value| length(value).to_be_bytes()).collect::<Vec<_>>();
    [&[1], &planes(&lengths, &methods)[..]].concat()
}

/// A column of a payload.
pub fn column(fields: &[Field], recipe: Recipe) -> Vec<u8> {
    let present = fields.iter().flatten().collect::<Vec<_>>();
    if present.is_empty() {
        return vec![0];
    }
    let mut bytes = vec![];
    if present.len() == fields.len() {
        bytes.push(1);
    } else {
        bytes.push(2);
        let byte = |rows: &[Field]| {
            (0..).zip(rows).fold(0u8, |byte, (bit, field)| byte | u8::from(field.is_some()) << bit)
        };
        bytes.extend(stream(recipe.bitmap, &fields.chunks(8).map(byte).collect::<Vec<_>>()));
    }
    if let Values::Dictionary(method, codes) = recipe.values {
        let mut different = Vec::<&Vec<u8>>::new();
        let mut numbers = vec![];
        for value in &present {
            let known = different.iter().position(|other| other == value).unwrap_or(different.len());
            if known == different.len() {
                different.push(value);
            }
            numbers.extend(&u16::try_from(known).unwrap().to_be_bytes()[2 - codes.len()..]);
        }
        bytes.push(2);
        bytes.extend(u32::try_from(different.len()).unwrap().to_le_bytes());
        bytes.extend(lengths(&different, recipe.lengths));
        let values = different.iter().copied().flatten().copied().collect::<Vec<_>>();
        return [bytes, stream(method, &values), planes(&numbers, codes)].concat();
    }
    bytes.extend(lengths(&present, recipe.lengths));
    let values = present.iter().flat_map(|field| (*field).clone()).collect::<Vec<_>>();
    let (encoding, rest) = match recipe.values {
        Values::Plain(method) => (vec![0], stream(method, &values)),
        Values::Constant(method) => (vec![1], stream(method, present[0])),
        Values::Split(methods) => (vec![2, u8::try_from(methods.len()).unwrap()], planes(&values, methods)),
        Values::Dictionary(..) => unreachable!("above"),
        Values::DeltaSplit(methods) => (
            vec![3, u8::try_from(methods.len()).unwrap()],
            planes(&differences(&values, methods.len()), methods),
        ),
    };
    [bytes, encoding, rest].concat()
}

/// Rows of COPY BINARY, made of columns.
pub fn binary_rows(columns: &[Vec<Field>]) -> Vec<u8> {
    let count = columns.first().map_or(0, Vec::len);
    (0..count)
        .flat_map(|n| row(&columns.iter().map(|column| column[n].as_deref()).collect::<Vec<_>>()))
        .collect()
}

/// A row of COPY BINARY.
pub fn row(fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes = i16::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
    for field in fields {
        let length = field.map_or(-1, |field| i32::try_from(field.len()).unwrap());
        bytes.extend(length.to_be_bytes());
        bytes.extend(field.unwrap_or_default());
    }
    bytes
}

/// Rows of a table that make one block.
#[derive(Clone)]
pub struct Rows {
    pub table: u32,
    pub chunk: u32,
    pub rows: Vec<u8>,
    /// The payload; pgsnap's when there is none.
    pub payload: Option<Vec<u8>>,
}

/// The block of `rows`.
fn block(encoder: &mut BlockEncoder, table: &Table, rows: &Rows, sequence: u32) -> EncodedBlock {
    let position = BlockPosition { chunk: rows.chunk, sequence };
    let mut block = encoder.encode(rows.table, table, position, &rows.rows).unwrap();
    if let Some(payload) = &rows.payload {
        block.bytes.truncate(BLOCK_HEADER_LEN);
        block.bytes.extend(payload);
        seal_block(&mut block.bytes);
        block.info.stored_len = payload.len() as u64;
    }
    block
}

/// Sets length of the payload and checksums in the header of `block`.
pub fn seal_block(block: &mut [u8]) {
    let (header, payload) = block.split_at_mut(BLOCK_HEADER_LEN);
    header[32..40].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    header[40..44].copy_from_slice(&crc(&[payload]));
    let header_crc = crc(&[&header[..44]]);
    header[44..].copy_from_slice(&header_crc);
}

/// An archive by its parts; the bytes in between are made of them.
#[derive(Clone)]
pub struct Parts {
    pub header: Header,
    /// The frame of the catalog.
    pub catalog: Vec<u8>,
    pub blocks: Vec<u8>,
    pub index: Index,
    /// The frame of the index, instead of the one that `index` gives.
    pub index_frame: Option<Vec<u8>>,
    /// What stands between the index and the footer, instead of the copy of the catalog.
    pub after_index: Option<Vec<u8>>,
}

/// The parts of the archive that pgsnap makes of `catalog` and `rows`, at a zstd level.
pub fn parts(header: &Header, catalog: &Catalog, rows: &[Rows], level: i32) -> Parts {
    let mut encoder = BlockEncoder::new(ID, level).unwrap();
    let mut writer = ArchiveWriter::create(vec![], &Header::new(ID, header.snapshot_time), catalog).unwrap();
    let mut blocks = vec![];
    for (n, part) in rows.iter().enumerate() {
        let same = |earlier: &&Rows| (earlier.table, earlier.chunk) == (part.table, part.chunk);
        let sequence = u32::try_from(rows[..n].iter().filter(same).count()).unwrap();
        let block = block(&mut encoder, &catalog.tables[part.table as usize], part, sequence);
        writer.append(&block).unwrap();
        blocks.extend(block.bytes);
    }
    let bytes = writer.finish().unwrap().0;
    let index = Archive::from_bytes(bytes.clone()).unwrap().index().clone();
    let stored_len = u64::from_le_bytes(bytes[76..84].try_into().unwrap());
    let catalog = bytes[60..92 + usize::try_from(stored_len).unwrap()].to_vec();
    Parts { header: header.clone(), catalog, blocks, index, index_frame: None, after_index: None }
}

/// `value` as wire.md says.
pub fn wire(value: &impl Serialize) -> Vec<u8> {
    encode_to_vec(value, standard()).unwrap()
}

/// A frame of `raw_len` bytes whose payload is `payload`.
pub fn frame(marker: &[u8; 8], raw_len: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = marker.to_vec();
    bytes.extend(raw_len.to_le_bytes());
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(crc(&[payload]));
    bytes.extend(crc(&[&bytes]));
    bytes.extend(payload);
    bytes
}

/// A frame that holds `raw`, stored.
pub fn stored_frame(marker: &[u8; 8], raw: &[u8]) -> Vec<u8> {
    frame(marker, raw.len() as u64, &stream(Stored, raw))
}

impl Parts {
    /// Another frame of the catalog; the blocks move with its end.
    pub fn set_catalog(&mut self, frame: Vec<u8>) {
        for block in self.index.tables.iter_mut().flat_map(|table| &mut table.blocks) {
            block.offset = block.offset + frame.len() as u64 - self.catalog.len() as u64;
        }
        self.catalog = frame;
    }

    /// Frames behind the copy of the catalog.
    pub fn add_frames(&mut self, frames: &[Vec<u8>]) {
        self.after_index = Some([&self.catalog[..], &frames.concat()].concat());
    }

    /// The places of the blocks in `blocks`, in the order of the file.
    pub fn places(&self) -> Vec<std::ops::Range<usize>> {
        let blocks = self.index.tables.iter().flat_map(|table| &table.blocks);
        let mut places = blocks.map(|block| (block.offset, block.stored_len)).collect::<Vec<_>>();
        places.sort_unstable();
        let length = |(_, stored_len): &(u64, u64)| usize::try_from(*stored_len).unwrap() + BLOCK_HEADER_LEN;
        let place = |end: &mut usize, length| {
            *end += length;
            Some(*end - length..*end)
        };
        places.iter().map(length).scan(0, place).collect()
    }

    pub fn bytes(&self) -> Vec<u8> {
        let index_frame =
            self.index_frame.clone().unwrap_or_else(|| stored_frame(INDEX_MARKER, &wire(&self.index)));
        let after_index = self.after_index.as_ref().unwrap_or(&self.catalog);
        let mut bytes = [&header(&self.header)[..], &self.catalog, &self.blocks].concat();
        let index_offset = bytes.len() as u64;
        bytes.extend(&index_frame);
        bytes.extend(after_index);
        let mut footer = b"\xffPGFOOTR".to_vec();
        footer.extend(ID.0);
        footer.extend(index_offset.to_le_bytes());
        footer.extend((index_frame.len() as u64).to_le_bytes());
        footer.extend(crc(&[&index_frame]));
        footer.extend(u32::try_from(self.index.tables.len()).unwrap().to_le_bytes());
        footer.extend(((bytes.len() + FOOTER_LEN) as u64).to_le_bytes());
        footer.extend(self.index.blocks.to_le_bytes());
        footer.extend(self.index.rows.to_le_bytes());
        footer.extend(crc(&[&footer]));
        footer.extend(b"PGSNAP\r\n");
        bytes.extend(footer);
        bytes
    }
}

fn header(header: &Header) -> Vec<u8> {
    let mut bytes = b"\x89PGSNAP\r\n\x1a\n\0".to_vec();
    bytes.extend(header.major.to_le_bytes());
    bytes.extend(header.minor.to_le_bytes());
    bytes.extend(header.required_features.to_le_bytes());
    bytes.extend(header.optional_features.to_le_bytes());
    bytes.extend(ID.0);
    bytes.extend(header.snapshot_time.to_le_bytes());
    bytes.extend(crc(&[&bytes]));
    bytes
}
