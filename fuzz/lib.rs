//! What the targets share: archives and blocks whose checksums are right, however wrong the rest is.
//!
//! A fuzzer does not find a CRC by chance; without this it would never get behind the first comparison.

use pgsnap::archive::{
    ArchiveId, ArchiveWriter, BlockEncoder, BlockPosition, Catalog, Column, Entry, Header, Lock, Pass,
    Section, Shape, Source, Table, Transfer, ValueKind,
};

/// The id of all archives here.
pub const ID: ArchiveId = ArchiveId([7; 16]);

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
    Table { entry: 1, schema: "s".to_owned(), name: "t".to_owned(), transfer, text_reason: None, columns }
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

/// A sound archive of one table and two blocks.
pub fn archive() -> Vec<u8> {
    let table = table(Transfer::Binary, 1);
    let entry = Entry {
        id: 1,
        kind: "TABLE DATA".to_owned(),
        schema: None,
        name: "t".to_owned(),
        owner: None,
        section: Section::Data,
        pass: Pass::Main,
        lock: Lock::None,
        create: vec![],
        drop: vec![],
        owned: None,
        tablespace: None,
        access_method: None,
        dependencies: vec![],
        table: Some(0),
    };
    let catalog = Catalog { source: Source::default(), entries: vec![entry], tables: vec![table.clone()] };
    let mut writer = ArchiveWriter::create(Vec::new(), &Header::new(ID, 0), &catalog).unwrap();
    let mut encoder = BlockEncoder::new(ID, 1).unwrap();
    for sequence in 0..2 {
        let rows = b"\0\x01\0\0\0\x04abcd\0\x01\xff\xff\xff\xff".repeat(3);
        let position = BlockPosition { chunk: 0, sequence };
        writer.append(&encoder.encode(0, &table, position, &rows).unwrap()).unwrap();
    }
    writer.finish().unwrap().0
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
