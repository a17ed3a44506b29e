//! From columns back to rows: some rows at a time, column by column, so that each loop does one thing.

use std::ops::Range;

use super::Transfer;
use super::parse::to_usize;

/// Bytes of a text row's NULL.
pub(super) const TEXT_NULL: &[u8] = b"\\N";

/// Rows are put together in tiles of about this many bytes, which stay in the second cache.
const TILE_BYTES: u64 = 128 << 10;
/// Most rows of a tile.
const TILE_ROWS: u64 = 1 << 10;
/// A row longer than this is given in parts: there is no second copy of it.
const LONG_ROW: usize = 1 << 20;

/// Some bytes of the rows.
pub(super) enum Piece<'a> {
    /// Whole rows, and where each of them ends.
    Rows(&'a mut [u8], &'a [usize]),
    /// The next bytes of a long row, up to the next value.
    Frame(&'a [u8]),
    /// The next value of a long row.
    Value(&'a [u8]),
    /// The end of a long row.
    End,
}

impl Piece<'_> {
    /// The bytes of the rows.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Piece::Rows(bytes, _) => bytes,
            Piece::Frame(bytes) | Piece::Value(bytes) => bytes,
            Piece::End => &[],
        }
    }
}

/// When rows are given in parts, which saves a copy of them: when they are longer than this on average.
pub(super) const LONG_ON_AVERAGE: u64 = 2 << 10;

/// Room for tiles; kept for the next block.
#[derive(Default)]
pub(super) struct RowWriter {
    tile: Vec<u8>,
    /// Per row of the tile: its length, then where its next field goes, at last where it ends.
    places: Vec<usize>,
}

impl RowWriter {
    /// Gives `rows` rows of `columns`, of about `bytes` bytes together, to `write` in the form of `transfer`; in parts, if they
    /// have `in_parts_above` bytes on average. Stops at its first error.
    pub fn write<E>(
        &mut self,
        transfer: Transfer,
        mut columns: Vec<Fields>,
        rows: u32,
        bytes: u64,
        in_parts_above: u64,
        mut write: impl FnMut(Piece) -> Result<(), E>,
    ) -> Result<(), E> {
        if bytes / u64::from(rows.max(1)) > in_parts_above {
            return (0..rows).try_for_each(|row| long_row(transfer, &mut columns, row, &mut write));
        }
        let count = TILE_BYTES.saturating_mul(u64::from(rows)) / bytes.max(1);
        let count = u32::try_from(count.clamp(1, TILE_ROWS)).unwrap_or(1);
        let mut row = 0;
        while row < rows {
            let mut end = rows.min(row.saturating_add(count));
            let mut length = self.measure(transfer, &columns, row..end);
            if length > LONG_ROW {
                end = row + 1;
                length = self.places.first().copied().unwrap_or(0);
                self.places.truncate(1);
            }
            if length > LONG_ROW {
                long_row(transfer, &mut columns, row, &mut write)?;
            } else {
                self.put_together(transfer, &mut columns, row, length);
                write(Piece::Rows(&mut self.tile, &self.places))?;
            }
            row = end;
        }
        Ok(())
    }

    /// Finds the length of each of `rows`; returns their sum.
    fn measure(&mut self, transfer: Transfer, columns: &[Fields], rows: Range<u32>) -> usize {
        let (frame, null) = match transfer {
            Transfer::Binary => (4, 0),
            Transfer::Text => (1, TEXT_NULL.len()),
        };
        let count = to_usize(rows.end - rows.start);
        self.places.clear();
        self.places.resize(count, start(transfer, columns.len()).as_ref().len() + frame * columns.len());
        for column in columns {
            match column.layout(rows.end) {
                Layout::Fixed(width) => self.places.iter_mut().for_each(|place| *place += width),
                Layout::Lengths(lengths) => {
                    for (place, length) in self.places.iter_mut().zip(lengths) {
                        *place += to_usize(*length);
                    }
                }
                Layout::Mixed => {
                    let mut column = column.clone();
                    for (place, row) in self.places.iter_mut().zip(rows.clone()) {
                        *place += column.next(row).map_or(null, <[u8]>::len);
                    }
                }
            }
        }
        self.places.iter().sum()
    }

    /// Makes a tile of the rows that have been measured, which begin with `row` and have `length` bytes.
    fn put_together(&mut self, transfer: Transfer, columns: &mut [Fields], row: u32, length: usize) {
        self.tile.resize(length, 0);
        let start = start(transfer, columns.len());
        let mut next = 0;
        for place in &mut self.places {
            next += std::mem::replace(place, next);
            put(&mut self.tile, place, start.as_ref());
        }
        let mut left = columns.len();
        for column in columns {
            left -= 1;
            match transfer {
                Transfer::Binary => self.put_binary(column, row),
                Transfer::Text => self.put_text(column, row, separator(left)),
            }
        }
    }

    fn put_binary(&mut self, column: &mut Fields, row: u32) {
        let rows = self.places.len();
        match column.layout(row + u32::try_from(rows).unwrap_or(u32::MAX)) {
            Layout::Fixed(1) => self.put_fixed::<1>(column.take(rows)),
            Layout::Fixed(2) => self.put_fixed::<2>(column.take(2 * rows)),
            Layout::Fixed(4) => self.put_fixed::<4>(column.take(4 * rows)),
            Layout::Fixed(8) => self.put_fixed::<8>(column.take(8 * rows)),
            Layout::Fixed(16) => self.put_fixed::<16>(column.take(16 * rows)),
            _ => {
                for (place, row) in self.places.iter_mut().zip(row..) {
                    let field = column.next(row);
                    put(&mut self.tile, place, &length_of(field));
                    put(&mut self.tile, place, field.unwrap_or_default());
                }
            }
        }
    }

    /// Fields of one width: the compiler knows how many bytes it copies.
    fn put_fixed<const WIDTH: usize>(&mut self, values: &[u8]) {
        let length = u32::try_from(WIDTH).unwrap_or(u32::MAX).to_be_bytes();
        for (place, value) in self.places.iter_mut().zip(values.as_chunks::<WIDTH>().0) {
            let rest = self.tile.get_mut(*place..).and_then(<[u8]>::split_first_chunk_mut);
            if let Some((frame, rest)) = rest
                && let Some(field) = rest.first_chunk_mut()
            {
                *frame = length;
                *field = *value;
                *place += length.len() + WIDTH;
            }
        }
    }

    fn put_text(&mut self, column: &mut Fields, row: u32, separator: u8) {
        for (place, row) in self.places.iter_mut().zip(row..) {
            put(&mut self.tile, place, column.next(row).unwrap_or(TEXT_NULL));
            put(&mut self.tile, place, &[separator]);
        }
    }
}

/// Gives the row in parts.
fn long_row<E>(
    transfer: Transfer,
    columns: &mut [Fields],
    row: u32,
    write: &mut impl FnMut(Piece) -> Result<(), E>,
) -> Result<(), E> {
    write(Piece::Frame(start(transfer, columns.len()).as_ref()))?;
    let mut left = columns.len();
    for column in columns {
        left -= 1;
        let field = column.next(row);
        match transfer {
            Transfer::Binary => {
                write(Piece::Frame(&length_of(field)))?;
                write(Piece::Value(field.unwrap_or_default()))?;
            }
            Transfer::Text => {
                write(Piece::Value(field.unwrap_or(TEXT_NULL)))?;
                write(Piece::Frame(&[separator(left)]))?;
            }
        }
    }
    write(Piece::End)
}

/// What stands before the first field of a row.
fn start(transfer: Transfer, columns: usize) -> impl AsRef<[u8]> {
    // At most MAX_COLUMNS.
    let count = i16::try_from(columns).unwrap_or(i16::MAX).to_be_bytes();
    match transfer {
        Transfer::Binary => count.to_vec(),
        Transfer::Text if columns == 0 => b"\n".to_vec(),
        Transfer::Text => Vec::new(),
    }
}

/// What stands behind a field of a text row after which `left` more follow.
fn separator(left: usize) -> u8 {
    if left == 0 { b'\n' } else { b'\t' }
}

/// What stands before a field of a binary row.
fn length_of(field: Option<&[u8]>) -> [u8; 4] {
    // Lengths have come from 32 bits.
    field.map_or(-1, |field| i32::try_from(field.len()).unwrap_or(i32::MAX)).to_be_bytes()
}

fn put(tile: &mut [u8], place: &mut usize, bytes: &[u8]) {
    let end = *place + bytes.len();
    if let Some(to) = tile.get_mut(*place..end) {
        copy(to, bytes);
    }
    *place = end;
}

/// Copies bytes into as many. Most fields are short: two copies of a length that the compiler knows, which may overlap,
/// take a third of the time of one that it does not know.
fn copy(to: &mut [u8], from: &[u8]) {
    fn both_ends<const LENGTH: usize>(to: &mut [u8], from: &[u8]) {
        if let (Some(to), Some(from)) = (to.first_chunk_mut::<LENGTH>(), from.first_chunk()) {
            *to = *from;
        }
        if let (Some(to), Some(from)) = (to.last_chunk_mut::<LENGTH>(), from.last_chunk()) {
            *to = *from;
        }
    }
    match from.len() {
        0 => {}
        1 => both_ends::<1>(to, from),
        2..4 => both_ends::<2>(to, from),
        4..8 => both_ends::<4>(to, from),
        8..16 => both_ends::<8>(to, from),
        16..=32 => both_ends::<16>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// How fields stand that are not NULL.
enum Layout<'a> {
    /// One after the other, all of this length.
    Fixed(usize),
    /// One after the other, of these lengths.
    Lengths(&'a [u32]),
    /// In a dictionary, or between fields that are NULL.
    Mixed,
}

/// Goes through the fields of a column, row after row.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    /// The rows in which the field is NULL, ascending.
    pub nulls: &'a [u32],
    /// The length of all others, when they have one.
    pub uniform: Option<u32>,
    /// The length of each, when they have not.
    pub lengths: &'a [u32],
    pub values: &'a [u8],
    /// With a dictionary: the number of each field's value; `lengths` are of no use then.
    pub codes: &'a [u16],
    /// Where each value of the dictionary begins and ends.
    pub places: &'a [(u32, u32)],
}

impl<'a> Fields<'a> {
    /// The field in `row`, `None` for NULL.
    pub fn next(&mut self, row: u32) -> Option<&'a [u8]> {
        if let Some((null, rest)) = self.nulls.split_first()
            && *null == row
        {
            self.nulls = rest;
            return None;
        }
        if let Some((code, rest)) = self.codes.split_first() {
            self.codes = rest;
            // decode checked that there is a value of that number.
            let (start, end) = self.places.get(usize::from(*code)).copied().unwrap_or_default();
            return Some(self.values.get(to_usize(start)..to_usize(end)).unwrap_or_default());
        }
        let length = match self.uniform {
            Some(length) => length,
            None => {
                let (length, rest) = self.lengths.split_first()?;
                self.lengths = rest;
                *length
            }
        };
        Some(self.take(to_usize(length)))
    }

    /// How the fields before the row `end` stand.
    fn layout(&self, end: u32) -> Layout<'a> {
        if !self.codes.is_empty() || self.nulls.first().is_some_and(|null| *null < end) {
            return Layout::Mixed;
        }
        self.uniform.map_or(Layout::Lengths(self.lengths), |width| Layout::Fixed(to_usize(width)))
    }

    /// The next bytes of the values. There are as many as the lengths say: encode made them together, decode checked the
    /// sum.
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.values.split_at(length.min(self.values.len()));
        self.values = rest;
        taken
    }
}
