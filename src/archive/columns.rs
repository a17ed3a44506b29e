//! The payload of a block: rows turned into columns and columns into streams. format-spec/columns.md
//!
//! Encoding looks at the values and not at the types: a wrong guess costs bytes, never data. Decoding needs the number
//! of columns and the form of the rows, nothing else.

use std::ops::Range;

use super::dictionary::Dictionary;
use super::encoding::RawColumn;
use super::parse::{Cursor, Fault, to_usize};
use super::rows::{Fields, Piece, RowWriter, TEXT_NULL};
use super::stream::{StreamDecoder, StreamEncoder, is_large};
use super::{Error, Transfer};
use crate::copy_rows::Row;

pub(super) const PRESENT_NONE: u8 = 0;
pub(super) const PRESENT_ALL: u8 = 1;
pub(super) const PRESENT_BITMAP: u8 = 2;

pub(super) const LENGTHS_UNIFORM: u8 = 0;
pub(super) const LENGTHS_VARYING: u8 = 1;
pub(super) const DICTIONARY: u8 = 2;

pub(super) const PLAIN: u8 = 0;
pub(super) const CONSTANT: u8 = 1;
pub(super) const SPLIT: u8 = 2;
pub(super) const DELTA_SPLIT: u8 = 3;

/// The fields of one column.
#[derive(Default)]
pub(super) struct Column {
    /// The rows in which the field is NULL, ascending.
    pub nulls: Vec<u32>,
    /// The length of all other fields, when they have one.
    pub uniform: Option<usize>,
    /// The length of each, when they have not.
    pub lengths: Vec<u32>,
    pub values: Vec<u8>,
    /// Where the values stand in the block that was decoded, when they are stored there as they are.
    pub stored: Option<Range<usize>>,
    /// Only when decoded from a dictionary, to which lengths and values then belong: which value each field has.
    pub codes: Vec<u16>,
    /// Where each value of the dictionary begins and ends.
    pub places: Vec<(u32, u32)>,
}

/// The columns of a block, and room that is used again for the next block.
pub(super) struct Columns {
    rows: u32,
    columns: Vec<Column>,
    scratch: Scratch,
    writer: RowWriter,
}

/// Room that all columns use in turn.
#[derive(Default)]
pub(super) struct Scratch {
    pub planes: [Vec<u8>; 8],
    pub changed: Vec<u8>,
    pub sample: Vec<u8>,
    pub dictionary: Dictionary,
    pub other: Vec<u8>,
}

impl Columns {
    /// Room for nothing yet.
    pub fn new() -> Self {
        Columns { rows: 0, columns: Vec::new(), scratch: Scratch::default(), writer: RowWriter::default() }
    }

    /// Makes these the columns of no rows.
    pub fn begin(&mut self, columns: usize) {
        self.make_room(columns);
        self.columns.iter_mut().for_each(|column| column.values.clear());
    }

    /// The same, but for the values, which are overwritten: to clear what has the right length takes time.
    fn make_room(&mut self, columns: usize) {
        if self.columns.iter().any(|column| is_large(column.values.capacity())) {
            *self = Columns::new();
        }
        self.rows = 0;
        self.columns.resize_with(columns, Column::default);
        for column in &mut self.columns {
            column.nulls.clear();
            column.uniform = None;
            column.lengths.clear();
            column.stored = None;
            column.codes.clear();
            column.places.clear();
        }
    }

    /// Adds a row. The rows of a block have at most [`MAX_BLOCK_RAW_LEN`](super::MAX_BLOCK_RAW_LEN) bytes together, so
    /// that their number and every length fit into 32 bits.
    pub fn push(&mut self, row: &Row) {
        for (column, field) in self.columns.iter_mut().zip(row.fields) {
            match field {
                Some(value) => {
                    column.lengths.push(u32::try_from(value.len()).unwrap_or(u32::MAX));
                    column.values.extend_from_slice(value);
                }
                None => column.nulls.push(self.rows),
            }
        }
        self.rows += 1;
    }

    /// How many rows there are.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The columns, after [`encode`](Self::encode), or after [`decode`](Self::decode) of `block`.
    pub fn values<'a>(&'a self, block: &'a [u8]) -> impl Iterator<Item = Values<'a>> {
        self.columns.iter().map(|column| Values {
            nulls: column.nulls.len() as u64,
            bytes: column.bytes(block),
            width: column.uniform.unwrap_or(0),
            different: column.values(block),
        })
    }

    /// Appends the payload of a block to `out`.
    pub fn encode(&mut self, streams: &mut StreamEncoder, out: &mut Vec<u8>) -> Result<(), Error> {
        for column in &mut self.columns {
            let raw = RawColumn::new(self.rows, &column.nulls, &column.lengths, &column.values);
            raw.encode(&mut self.scratch, streams, out)?;
            column.uniform = raw.uniform();
        }
        Ok(())
    }

    /// Appends the payload of a block of this one row to `out`, without a copy of its fields.
    pub fn encode_row(
        &mut self,
        row: &Row,
        streams: &mut StreamEncoder,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        for field in row.fields {
            let length = field.map(|field| u32::try_from(field.len()).unwrap_or(u32::MAX));
            let nulls = if field.is_none() { &[0][..] } else { &[] };
            RawColumn::new(1, nulls, length.as_slice(), field.unwrap_or_default()).encode(
                &mut self.scratch,
                streams,
                out,
            )?;
        }
        Ok(())
    }

    /// Reads the payload of a block of `rows` rows that have `raw_len` bytes. The caller has capped both.
    pub fn decode(
        &mut self,
        transfer: Transfer,
        columns: usize,
        rows: u32,
        raw_len: u64,
        cursor: &mut Cursor,
        streams: &mut StreamDecoder,
    ) -> Result<(), Fault> {
        self.make_room(columns);
        self.rows = rows;
        let contradiction =
            |cursor: &Cursor| cursor.fault("the values and the length of the rows do not agree");
        // What is left of raw_len for values, when everything else in the rows is taken off.
        let fixed = u64::from(rows) * row_overhead(transfer, columns);
        let mut left = raw_len.checked_sub(fixed).ok_or_else(|| contradiction(cursor))?;
        for column in &mut self.columns {
            column.decode(rows, left, &mut self.scratch, cursor, streams)?;
            let nulls = match transfer {
                Transfer::Binary => 0,
                Transfer::Text => (column.nulls.len() * TEXT_NULL.len()) as u64,
            };
            left = left
                .checked_sub(column.bytes(cursor.bytes()))
                .and_then(|left| left.checked_sub(nulls))
                .ok_or_else(|| contradiction(cursor))?;
            if transfer == Transfer::Text {
                column.check_text(cursor.bytes(), columns == 1).map_err(|what| cursor.fault(what))?;
            }
        }
        if left != 0 {
            return Err(contradiction(cursor));
        }
        cursor.end()
    }

    /// Gives the rows, after [`decode`](Self::decode) of `block`, to `write` in the form of `transfer`, until its first
    /// error. There are about `bytes` of them; in parts above so many on average.
    pub fn write_rows<E>(
        &mut self,
        block: &[u8],
        transfer: Transfer,
        bytes: u64,
        in_parts_above: u64,
        write: impl FnMut(Piece) -> Result<(), E>,
    ) -> Result<(), E> {
        let columns = self.columns.iter().map(|column| column.fields(block)).collect();
        self.writer.write(transfer, columns, self.rows, bytes, in_parts_above, write)
    }
}

/// What there is to know of the fields of a column.
pub(super) struct Values<'a> {
    /// How many are NULL.
    pub nulls: u64,
    /// Bytes of the others.
    pub bytes: u64,
    /// The length of each of the others, 0 when they have several.
    pub width: usize,
    /// The bytes of all values, those that occur again perhaps only once, in the order in which they first occur.
    pub different: &'a [u8],
}

/// Most bytes that the payload of a block can have.
///
/// No more than `raw_len` are values. Beside them a column has a bit and four bytes of length per row. Its bytes of kinds
/// and widths and what its streams begin with (up to five bytes each; a bitmap, four planes of lengths and four of values,
/// or eight of values of one length, or a dictionary's lengths, values and codes) are less than 64. Codes and lengths in a
/// dictionary of half as many values as rows have four bytes per row together.
pub(super) fn max_payload_len(columns: usize, rows: u32, raw_len: u64) -> u64 {
    let rows = u64::from(rows);
    raw_len + columns as u64 * (64 + rows.div_ceil(8) + 4 * rows)
}

/// Bytes of a row beside its values; in Text also beside its NULLs.
pub(super) fn row_overhead(transfer: Transfer, columns: usize) -> u64 {
    let columns = columns as u64;
    match transfer {
        Transfer::Binary => 2 + 4 * columns,
        Transfer::Text => columns.max(1),
    }
}

impl Column {
    pub fn fields<'a>(&'a self, block: &'a [u8]) -> Fields<'a> {
        Fields {
            nulls: &self.nulls,
            uniform: self.uniform.and_then(|length| u32::try_from(length).ok()),
            lengths: &self.lengths,
            values: self.values(block),
            codes: &self.codes,
            places: &self.places,
        }
    }

    fn values<'a>(&'a self, block: &'a [u8]) -> &'a [u8] {
        match &self.stored {
            Some(range) => block.get(range.clone()).unwrap_or_default(),
            None => &self.values,
        }
    }

    /// The bytes of the fields.
    fn bytes(&self, block: &[u8]) -> u64 {
        if self.codes.is_empty() {
            return self.values(block).len() as u64;
        }
        let places = self.codes.iter().filter_map(|code| self.places.get(usize::from(*code)));
        places.map(|(start, end)| u64::from(end - start)).sum()
    }
}

/// How far each plane of codes is shifted, from the highest.
pub(super) fn code_shifts(values: usize) -> impl Iterator<Item = u32> {
    [8, 0].into_iter().skip(usize::from(values <= 1 << 8))
}

pub(super) fn bitmap_len(rows: u32) -> usize {
    to_usize(rows.div_ceil(8))
}
