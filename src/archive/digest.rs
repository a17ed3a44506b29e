//! The digest of a table: a sum over its rows, whatever their order. format-spec/digest.md

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::rows::Piece;
use super::{Error, Shape, Table, Transfer};
use crate::copy_rows::{Row, fields};

/// Sum, modulo 2^128, of one XXH3 hash of 128 bits per row. Independent of the order of rows and of blocks.
///
/// A row is hashed in the form of COPY BINARY, with embedded type OIDs as zero; a row that travels as text in the same
/// form, with the bytes between the tabs as values.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest(u128);

impl Digest {
    /// Adds all rows; returns how many there are.
    pub fn add_rows(&mut self, table: &Table, rows: &[u8]) -> Result<u64, Error> {
        let mut hasher = RowHasher::new(table);
        let mut walker = fields(table.transfer.format(), table.columns.len(), rows);
        let mut count = 0;
        let in_table = |source| Error::Rows { table: table.label(), source };
        while let Some(row) = walker.next_row().map_err(in_table)? {
            hasher.add(self, &row);
            count += 1;
        }
        Ok(count)
    }

    /// Adds the rows of another digest.
    pub fn merge(&mut self, other: Digest) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_le_bytes().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Digest(u128::from_le_bytes(Deserialize::deserialize(deserializer)?)))
    }
}

/// Hashes the rows of one table.
pub(super) struct RowHasher<'t> {
    /// Per column: the shape, if it embeds OIDs.
    shapes: Vec<Option<&'t Shape>>,
    /// Whether the bytes of a row are already what is to be hashed.
    direct: bool,
    row: Vec<u8>,
    positions: Vec<usize>,
    /// Of a long row: the hash so far, and the number of its next column.
    long: Xxh3,
    column: usize,
}

impl<'t> RowHasher<'t> {
    pub fn new(table: &'t Table) -> Self {
        let binary = table.transfer == Transfer::Binary;
        let shape = |shape: &'t Shape| (binary && shape.has_oids()).then_some(shape);
        let shapes = table.columns.iter().map(|column| shape(&column.shape)).collect::<Vec<_>>();
        let direct = binary && shapes.iter().all(Option::is_none);
        RowHasher { shapes, direct, row: Vec::new(), positions: Vec::new(), long: Xxh3::new(), column: 0 }
    }

    pub fn add(&mut self, digest: &mut Digest, row: &Row) {
        let hash = if self.direct { xxh3_128(row.bytes) } else { self.rewritten(row) };
        digest.merge(Digest(hash));
    }

    /// Adds rows that were decoded, in the form of COPY BINARY.
    pub fn add_piece(&mut self, digest: &mut Digest, piece: Piece) {
        match piece {
            Piece::Rows(mut bytes, ends) => {
                let mut start = 0;
                for end in ends {
                    let Some((row, rest)) = bytes.split_at_mut_checked(end - start) else { return };
                    if self.shapes.iter().any(Option::is_some) {
                        self.clear_oids(row);
                    }
                    digest.merge(Digest(xxh3_128(row)));
                    (bytes, start) = (rest, *end);
                }
            }
            Piece::Frame(bytes) => self.long.update(bytes),
            Piece::Value(bytes) => {
                match self.shapes.get(self.column).copied().flatten() {
                    Some(shape) => {
                        let mut value = bytes.to_vec();
                        shape.clear_oids(&mut value, &mut self.positions);
                        self.long.update(&value);
                    }
                    None => self.long.update(bytes),
                }
                self.column += 1;
            }
            Piece::End => {
                digest.merge(Digest(self.long.digest128()));
                self.long.reset();
                self.column = 0;
            }
        }
    }

    /// Clears the OIDs in a whole row of COPY BINARY.
    fn clear_oids(&mut self, row: &mut [u8]) {
        let Some((_, mut rest)) = row.split_first_chunk_mut::<2>() else { return };
        for shape in &self.shapes {
            let Some((length, fields)) = rest.split_first_chunk_mut() else { return };
            let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
            let Some((field, fields)) = fields.split_at_mut_checked(length) else { return };
            if let Some(shape) = shape {
                shape.clear_oids(field, &mut self.positions);
            }
            rest = fields;
        }
    }

    fn rewritten(&mut self, row: &Row) -> u128 {
        // A row has at most MAX_COLUMNS fields, and a field of COPY at most 2^30 bytes: both fit.
        let count = i16::try_from(row.fields.len()).unwrap_or(i16::MAX);
        self.row.clear();
        self.row.extend(count.to_be_bytes());
        for (field, shape) in row.fields.iter().zip(&self.shapes) {
            let Some(field) = field else {
                self.row.extend((-1i32).to_be_bytes());
                continue;
            };
            self.row.extend(i32::try_from(field.len()).unwrap_or(i32::MAX).to_be_bytes());
            let start = self.row.len();
            self.row.extend_from_slice(field);
            if let (Some(shape), Some(value)) = (shape, self.row.get_mut(start..)) {
                shape.clear_oids(value, &mut self.positions);
            }
        }
        xxh3_128(&self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Column, ValueKind};

    fn table(transfer: Transfer, shapes: &[Shape]) -> Table {
        let column = |shape: &Shape| Column {
            name: "c".into(),
            type_name: "t".into(),
            value: ValueKind::Opaque,
            shape: shape.clone(),
        };
        Table {
            entry: 1,
            schema: "public".into(),
            name: "t".into(),
            transfer,
            text_reason: None,
            root: None,
            condition: None,
            columns: shapes.iter().map(column).collect(),
        }
    }

    fn digest(table: &Table, rows: &[u8]) -> Digest {
        let mut digest = Digest::default();
        digest.add_rows(table, rows).unwrap();
        digest
    }

    #[test]
    fn order_does_not_matter_and_multiplicity_does() {
        let table = table(Transfer::Binary, &[Shape::Plain]);
        let (a, b) = (b"\0\x01\0\0\0\x01a", b"\0\x01\xff\xff\xff\xff");
        assert_eq!(digest(&table, &[&a[..], b].concat()), digest(&table, &[&b[..], a].concat()));
        assert_ne!(digest(&table, &[&a[..], a].concat()), Digest::default());
        assert_ne!(digest(&table, a), digest(&table, &[&a[..], a, a].concat()));
        assert_ne!(digest(&table, a), digest(&table, b));
    }

    #[test]
    fn a_row_is_hashed_as_copy_binary() {
        let row = b"\0\x02\0\0\0\x01a\xff\xff\xff\xff";
        let plain = digest(&table(Transfer::Binary, &[Shape::Plain, Shape::Plain]), row);
        assert_eq!(plain.to_string(), format!("{:032x}", xxh3_128(row)));
        assert_eq!(format!("{plain:?}"), format!("Digest({plain})"));
        let rewritten = table(Transfer::Binary, &[Shape::Plain, Shape::Array(Box::new(Shape::Plain))]);
        assert_eq!(digest(&rewritten, row), plain);
        assert_eq!(digest(&table(Transfer::Text, &[Shape::Plain, Shape::Plain]), b"a\t\\N\n"), plain);
    }

    #[test]
    fn embedded_oids_do_not_matter_and_other_bytes_do() {
        let row = |oid: u32, value: u8| {
            let array = [[1u32, 0, oid, 1, 1, 1].map(u32::to_be_bytes).concat(), vec![value]].concat();
            [&b"\0\x01\0\0\0\x19"[..], &array].concat()
        };
        let arrays = table(Transfer::Binary, &[Shape::Array(Box::new(Shape::Plain))]);
        assert_eq!(digest(&arrays, &row(16400, 7)), digest(&arrays, &row(99999, 7)));
        assert_ne!(digest(&arrays, &row(16400, 7)), digest(&arrays, &row(16400, 8)));
    }

    #[test]
    fn rows_are_counted_and_checked() {
        let table = table(Transfer::Text, &[Shape::Plain]);
        assert_eq!(Digest::default().add_rows(&table, b"a\nb\n").unwrap(), 2);
        let error = Digest::default().add_rows(&table, b"a\tb\n").unwrap_err();
        assert!(error.to_string().contains("public.t"), "{error}");
    }
}
