//! What the targets share: archives and blocks whose checksums are right, however wrong the rest is.
//!
//! A fuzzer does not find a CRC by chance; without this it would never get behind the first comparison.

use std::cell::RefCell;
use std::sync::LazyLock;

use pgsnap::archive::{
    ArchiveId, ArchiveWriter, BlockDecoder, BlockEncoder, BlockPosition, Catalog, Column, Entry, Header,
    Lock, Pass, Section, Shape, Source, Table, Transfer, ValueKind,
};

/// The id of all archives here.
pub const ID: ArchiveId = ArchiveId([7; 16]);

/// What makes blocks and reads them: kept, because zstd takes longer to start than to work on a few bytes.
pub struct Coder {
    /// Makes blocks of the archive [`ID`].
    pub encoder: BlockEncoder,
    /// Reads them.
    pub decoder: BlockDecoder,
    /// Room for rows.
    pub rows: Vec<u8>,
}

thread_local! {
    /// One for every thread.
    pub static CODER: RefCell<Coder> = RefCell::new(Coder {
        encoder: BlockEncoder::new(ID, 1).unwrap(),
        decoder: BlockDecoder::new(ID).unwrap(),
        rows: Vec::new(),
    });
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&ID.0);
    crc.update(bytes);
    crc.finalize().to_le_bytes()
}

/// A table whose columns have kinds and shapes in turn.
pub fn table(transfer: Transfer, columns: usize) -> Table {
    let kinds = [ValueKind::Integer, ValueKind::Float, ValueKind::Opaque, ValueKind::Uuid];
    let shapes = [
        Shape::Plain,
        Shape::Array(Box::new(Shape::Range(Box::new(Shape::Plain)))),
        Shape::Composite(vec![
            Shape::Plain,
            Shape::Multirange(Box::new(Shape::Array(Box::new(Shape::Plain)))),
        ]),
    ];
    let column = |(value, shape): (&ValueKind, &Shape)| Column {
        name: "c".to_owned(),
        type_name: "t".to_owned(),
        value: *value,
        shape: shape.clone(),
    };
    let columns = kinds.iter().cycle().zip(shapes.iter().cycle()).map(column).take(columns).collect();
    Table {
        entry: 1,
        schema: "s".to_owned(),
        name: "t".to_owned(),
        transfer,
        text_reason: None,
        root: None,
        condition: None,
        columns,
    }
}

/// A block with this payload and right checksums.
pub fn block(rows: u32, raw_len: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"\xffPGBLOCK".to_vec();
    bytes.extend([0; 12]);
    bytes.extend(rows.to_le_bytes());
    bytes.extend(raw_len.to_le_bytes());
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(checksum(payload));
    bytes.extend(checksum(&bytes));
    bytes.extend(payload);
    bytes
}

/// A sound archive of two tables, one in text, and blocks of both.
pub fn archive() -> Vec<u8> {
    let mut tables = vec![table(Transfer::Binary, 2), table(Transfer::Text, 1)];
    tables[1].entry = 2;
    let entry = |id: u32, kind: &str, table: Option<u32>| Entry {
        id,
        kind: kind.to_owned(),
        schema: None,
        name: "t".to_owned(),
        owner: Some("o".to_owned()),
        section: if table.is_none() { Section::PostData } else { Section::Data },
        pass: Pass::Main,
        lock: Lock::Share,
        create: vec!["c".to_owned()],
        drop: vec![],
        owned: None,
        tablespace: None,
        access_method: None,
        dependencies: (1..id).collect(),
        table,
    };
    let entries =
        vec![entry(1, "TABLE DATA", Some(0)), entry(2, "TABLE DATA", Some(1)), entry(3, "INDEX", None)];
    let catalog = Catalog { source: Source::default(), entries, tables };
    let mut writer = ArchiveWriter::create(Vec::new(), &Header::new(ID, 0), &catalog).unwrap();
    let rows = b"\0\x02\0\0\0\x04abcd\xff\xff\xff\xff\0\x02\xff\xff\xff\xff\0\0\0\x04efgh".repeat(3);
    for (number, sequence, rows) in [(0, 0, &rows[..]), (1, 0, b"a\n\\N\nbcd\n"), (0, 1, &rows[..28])] {
        let position = BlockPosition { chunk: 0, sequence };
        let table = &catalog.tables[usize::from(number == 1)];
        let encode = |coder: &mut Coder| coder.encoder.encode(number, table, position, rows).unwrap();
        writer.append(&CODER.with_borrow_mut(encode)).unwrap();
    }
    writer.finish().unwrap().0
}

/// The first bytes of an archive.
static HEADER: LazyLock<Vec<u8>> = LazyLock::new(|| archive()[..60].to_vec());

/// A frame that holds `raw` as it is.
fn frame(marker: &[u8; 8], raw: &[u8]) -> Vec<u8> {
    const STORED: u8 = 0;
    let payload = if raw.is_empty() { vec![] } else { [&[STORED], raw].concat() };
    let mut bytes = marker.to_vec();
    bytes.extend((raw.len() as u64).to_le_bytes());
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(checksum(&payload));
    bytes.extend(checksum(&bytes));
    bytes.extend(payload);
    bytes
}

/// An archive of these parts: catalog and index as they are before they are packed, the blocks, and how many tables,
/// blocks and rows the footer counts.
pub fn assemble(catalog: &[u8], index: &[u8], blocks: &[u8], counts: [u8; 3]) -> Vec<u8> {
    let catalog = frame(b"\xffPGCATLG", catalog);
    let index = frame(b"\xffPGINDEX", index);
    let mut bytes = [HEADER.as_slice(), catalog.as_slice(), blocks].concat();
    let index_at = bytes.len() as u64;
    bytes.extend([&index[..], &catalog].concat());
    let [tables, blocks, rows] = counts;
    let mut footer = b"\xffPGFOOTR".to_vec();
    footer.extend(ID.0);
    footer.extend(index_at.to_le_bytes());
    footer.extend((index.len() as u64).to_le_bytes());
    footer.extend(checksum(&index));
    footer.extend(u32::from(tables).to_le_bytes());
    footer.extend((bytes.len() as u64 + 84).to_le_bytes());
    footer.extend(u64::from(blocks).to_le_bytes());
    footer.extend(u64::from(rows).to_le_bytes());
    footer.extend(checksum(&footer));
    footer.extend(b"PGSNAP\r\n");
    [bytes, footer].concat()
}

/// Makes the checksums of `archive` right, as far as its structures can still be found.
pub fn seal(archive: &mut [u8]) {
    set_checksum(archive, 0..56, 56);
    let Some(footer) = archive.len().checked_sub(84) else { return };
    let index = number(archive, footer + 24);
    let mut position = 60;
    while position < index.min(footer) {
        // A frame has its lengths at 8 and 16, a block at 24 and 32; their headers end with both checksums.
        let header = if archive.get(position + 1..position + 8) == Some(b"PGBLOCK") { 48 } else { 32 };
        let stored = number(archive, position + header - 16);
        seal_part(archive, position, header, stored);
        position = position.saturating_add(header).saturating_add(stored);
    }
    let mut position = index;
    while position < footer {
        let end = position.saturating_add(32).saturating_add(number(archive, position + 16));
        seal_part(archive, position, 32, end - position - 32);
        if position == index {
            set_checksum(archive, index..end.min(footer), footer + 40);
        }
        position = end;
    }
    set_checksum(archive, footer..footer + 72, footer + 72);
}

fn seal_part(archive: &mut [u8], start: usize, header: usize, stored: usize) {
    let payload = start + header;
    set_checksum(archive, payload..payload.saturating_add(stored), payload - 8);
    set_checksum(archive, start..payload - 4, payload - 4);
}

fn number(archive: &[u8], at: usize) -> usize {
    let bytes = archive.get(at..at + 8).unwrap_or(&[0xff; 8]);
    u64::from_le_bytes(bytes.try_into().unwrap()) as usize
}

fn set_checksum(archive: &mut [u8], covered: std::ops::Range<usize>, at: usize) {
    let Some(crc) = archive.get(covered).map(checksum) else { return };
    if let Some(place) = archive.get_mut(at..at + 4) {
        place.copy_from_slice(&crc);
    }
}
