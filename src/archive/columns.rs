//! The payload of a block: rows turned into columns and columns into streams. format-spec/columns.md
//!
//! Encoding looks at the values and not at the types: a wrong guess costs bytes, never data. Decoding needs the number
//! of columns and the form of the rows, nothing else.

use super::dictionary::{Dictionary, MAX_VALUES};
use super::parse::{Cursor, Fault, to_usize};
use super::planes::{Width, delta, join, split, undelta};
use super::stream::{MAX_KEPT, StreamDecoder, StreamEncoder, pays, reserve, take_sample};
use super::{Error, Transfer};
use crate::copy_rows::Row;

const PRESENT_NONE: u8 = 0;
const PRESENT_ALL: u8 = 1;
const PRESENT_BITMAP: u8 = 2;

const LENGTHS_UNIFORM: u8 = 0;
const LENGTHS_VARYING: u8 = 1;
const DICTIONARY: u8 = 2;

const PLAIN: u8 = 0;
const CONSTANT: u8 = 1;
const SPLIT: u8 = 2;
const DELTA_SPLIT: u8 = 3;

/// Bytes of a text row's NULL.
const TEXT_NULL: &[u8] = b"\\N";
/// The line that would end a COPY of text.
const TEXT_END: &[u8] = b"\\.";

/// The fields of one column.
#[derive(Default)]
struct Column {
    /// The rows in which the field is NULL, ascending.
    nulls: Vec<u32>,
    /// The length of all other fields, when they have one.
    uniform: Option<usize>,
    /// The length of each, when they have not.
    lengths: Vec<u32>,
    values: Vec<u8>,
    /// Only when decoded from a dictionary, to which lengths and values then belong: which value each field has.
    codes: Vec<u16>,
    /// Where each value of the dictionary begins and ends.
    places: Vec<(u32, u32)>,
}

/// The columns of a block, and room that is used again for the next block.
pub(super) struct Columns {
    rows: u32,
    columns: Vec<Column>,
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    planes: [Vec<u8>; 8],
    changed: Vec<u8>,
    sample: Vec<u8>,
    dictionary: Dictionary,
    other: Vec<u8>,
}

impl Columns {
    /// Room for nothing yet.
    pub fn new() -> Self {
        Columns { rows: 0, columns: Vec::new(), scratch: Scratch::default() }
    }

    /// Makes these the columns of no rows.
    pub fn begin(&mut self, columns: usize) {
        if self.columns.iter().any(|column| column.values.capacity() > MAX_KEPT) {
            *self = Columns::new();
        }
        self.rows = 0;
        self.columns.resize_with(columns, Column::default);
        for column in &mut self.columns {
            column.nulls.clear();
            column.uniform = None;
            column.lengths.clear();
            column.values.clear();
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

    /// The columns, after [`encode`](Self::encode) or [`decode`](Self::decode).
    pub fn values(&self) -> impl Iterator<Item = Values<'_>> {
        self.columns.iter().map(|column| Values {
            nulls: column.nulls.len() as u64,
            bytes: column.bytes(),
            width: column.uniform.unwrap_or(0),
            different: &column.values,
        })
    }

    /// Appends the payload of a block to `out`.
    pub fn encode(&mut self, streams: &mut StreamEncoder, out: &mut Vec<u8>) -> Result<(), Error> {
        for column in &mut self.columns {
            if let Some((first, rest)) = column.lengths.split_first() {
                let uniform = rest.iter().all(|length| length == first);
                column.uniform = uniform.then(|| usize::try_from(*first)).and_then(Result::ok);
            }
            column.encode(self.rows, &mut self.scratch, streams, out)?;
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
        self.begin(columns);
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
                .checked_sub(column.bytes())
                .and_then(|left| left.checked_sub(nulls))
                .ok_or_else(|| contradiction(cursor))?;
            if transfer == Transfer::Text {
                column.check_text(columns == 1).map_err(|what| cursor.fault(what))?;
            }
        }
        if left != 0 {
            return Err(contradiction(cursor));
        }
        cursor.end()
    }

    /// Gives the rows to `write`, piece by piece, in the form that COPY gave them.
    pub fn write_rows(&self, transfer: Transfer, mut write: impl FnMut(&[u8])) {
        let mut fields = self.columns.iter().map(Column::fields).collect::<Vec<_>>();
        // At most MAX_COLUMNS.
        let count = i16::try_from(fields.len()).unwrap_or(i16::MAX).to_be_bytes();
        for row in 0..self.rows {
            match transfer {
                Transfer::Binary => {
                    write(&count);
                    for column in &mut fields {
                        match column.next(row) {
                            Some((length, value)) => {
                                write(&length.to_be_bytes());
                                write(value);
                            }
                            None => write(&(-1i32).to_be_bytes()),
                        }
                    }
                }
                Transfer::Text => {
                    let mut separator: &[u8] = b"";
                    for column in &mut fields {
                        write(separator);
                        write(column.next(row).map_or(TEXT_NULL, |(_, value)| value));
                        separator = b"\t";
                    }
                    write(b"\n");
                }
            }
        }
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
fn row_overhead(transfer: Transfer, columns: usize) -> u64 {
    let columns = columns as u64;
    match transfer {
        Transfer::Binary => 2 + 4 * columns,
        Transfer::Text => columns.max(1),
    }
}

/// Goes through the fields of a column, row after row.
struct Fields<'a> {
    nulls: &'a [u32],
    uniform: Option<u32>,
    lengths: &'a [u32],
    values: &'a [u8],
    codes: &'a [u16],
    places: &'a [(u32, u32)],
}

impl<'a> Fields<'a> {
    /// The length and the bytes of the field in `row`, `None` for NULL.
    fn next(&mut self, row: u32) -> Option<(u32, &'a [u8])> {
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
            let value = self.values.get(to_usize(start)..to_usize(end)).unwrap_or_default();
            return Some((end - start, value));
        }
        let length = match (self.uniform, self.lengths.split_first()) {
            (Some(length), _) => length,
            (None, Some((length, rest))) => {
                self.lengths = rest;
                *length
            }
            (None, None) => 0,
        };
        // There are as many values as the lengths say: encode made them together, decode checked the sum.
        let end = usize::try_from(length).map_or(self.values.len(), |length| length.min(self.values.len()));
        let (value, rest) = self.values.split_at(end);
        self.values = rest;
        Some((length, value))
    }
}

impl Column {
    fn fields(&self) -> Fields<'_> {
        Fields {
            nulls: &self.nulls,
            uniform: self.uniform.and_then(|length| u32::try_from(length).ok()),
            lengths: &self.lengths,
            values: &self.values,
            codes: &self.codes,
            places: &self.places,
        }
    }

    /// The bytes of the fields.
    fn bytes(&self) -> u64 {
        if self.codes.is_empty() {
            return self.values.len() as u64;
        }
        let places = self.codes.iter().filter_map(|code| self.places.get(usize::from(*code)));
        places.map(|(start, end)| u64::from(end - start)).sum()
    }

    fn encode(
        &self,
        rows: u32,
        scratch: &mut Scratch,
        streams: &mut StreamEncoder,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if self.nulls.is_empty() {
            out.push(PRESENT_ALL);
        } else if self.lengths.is_empty() {
            out.push(PRESENT_NONE);
            return Ok(());
        } else {
            out.push(PRESENT_BITMAP);
            self.write_bitmap(rows, &mut scratch.changed);
            streams.write(&scratch.changed, false, out)?;
        }
        if let Some(width) = self.uniform {
            let mut values = self.values.chunks_exact(width.max(1));
            if let Some(first) = values.next()
                && values.all(|value| value == first)
            {
                write_width(width, out);
                out.push(CONSTANT);
                return streams.write(first, false, out);
            }
        }
        let start = out.len();
        self.write_values(scratch, streams, out)?;
        if streams.compresses() && scratch.dictionary.find(&self.lengths, &self.values) {
            let mut other = std::mem::take(&mut scratch.other);
            other.clear();
            self.write_dictionary(scratch, streams, &mut other)?;
            if other.len() < out.len() - start {
                out.truncate(start);
                out.extend_from_slice(&other);
            }
            scratch.other = other;
        }
        Ok(())
    }

    /// Lengths and values, one after the other.
    fn write_values(
        &self,
        scratch: &mut Scratch,
        streams: &mut StreamEncoder,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let Scratch { planes, changed, sample, .. } = scratch;
        match self.uniform {
            Some(width) => write_width(width, out),
            None => write_lengths(&self.lengths, planes, changed, streams, out)?,
        }
        let (encoding, width) = self.choose(streams, planes, changed, sample)?;
        out.push(encoding);
        let Some(width) = width else { return streams.write(&self.values, false, out) };
        out.push(width.bytes());
        if encoding == DELTA_SPLIT {
            delta(width, &self.values, changed);
            split(width, changed, planes);
        } else {
            split(width, &self.values, planes);
        }
        for plane in planes.iter().take(usize::from(width.bytes())) {
            streams.write(plane, true, out)?;
        }
        Ok(())
    }

    /// The dictionary that has been found, and which of its values each field has.
    fn write_dictionary(
        &self,
        scratch: &mut Scratch,
        streams: &mut StreamEncoder,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let Scratch { planes, changed, dictionary, .. } = scratch;
        let places = dictionary.places();
        out.push(DICTIONARY);
        out.extend(u32::try_from(places.len()).unwrap_or(u32::MAX).to_le_bytes());
        match self.uniform {
            Some(width) => write_width(width, out),
            None => {
                let lengths = dictionary.places().map(|place| u32::try_from(place.len()).unwrap_or(u32::MAX));
                write_lengths(&lengths.collect::<Vec<_>>(), planes, changed, streams, out)?;
            }
        }
        changed.clear();
        for place in dictionary.places() {
            changed.extend_from_slice(self.values.get(place).unwrap_or_default());
        }
        streams.write(changed, false, out)?;
        for shift in code_shifts(places.len()) {
            changed.clear();
            changed.extend(dictionary.codes().iter().map(|code| (code >> shift).to_le_bytes()[0]));
            streams.write(changed, false, out)?;
        }
        Ok(())
    }

    /// The encoding under which a sample of the values gets shortest; plain unless another is clearly better.
    fn choose(
        &self,
        streams: &mut StreamEncoder,
        planes: &mut [Vec<u8>; 8],
        changed: &mut Vec<u8>,
        sample: &mut Vec<u8>,
    ) -> Result<(u8, Option<Width>), Error> {
        let mut candidates = Vec::new();
        if let Some(width) = self.uniform.and_then(Width::from_bytes) {
            candidates.extend([(SPLIT, width), (DELTA_SPLIT, width)]);
        } else {
            let bits = self.lengths.iter().fold(0, |bits, length| bits | length);
            let widths = [(Width::Four, 3), (Width::Two, 1)];
            candidates
                .extend(widths.iter().filter(|(_, low)| bits & low == 0).map(|(width, _)| (SPLIT, *width)));
        }
        let mut best = (PLAIN, None);
        if candidates.is_empty() || self.values.is_empty() || !streams.compresses() {
            return Ok(best);
        }
        take_sample(&self.values, sample);
        let mut least = streams.cost(sample)?;
        for (encoding, width) in candidates {
            if encoding == DELTA_SPLIT {
                delta(width, sample, changed);
                split(width, changed, planes);
            } else {
                split(width, sample, planes);
            }
            let mut cost = 0;
            for plane in planes.iter().take(usize::from(width.bytes())) {
                cost += streams.cost(plane)?;
            }
            if pays(cost, least) {
                least = cost;
                best = (encoding, Some(width));
            }
        }
        Ok(best)
    }

    /// Bit `row % 8`, counted from the lowest, of byte `row / 8` says that the field is not NULL; the rest is zero.
    fn write_bitmap(&self, rows: u32, bitmap: &mut Vec<u8>) {
        bitmap.clear();
        bitmap.resize(bitmap_len(rows), 0xff);
        if let (Some(last), used @ 1..) = (bitmap.last_mut(), rows % 8) {
            *last = (1 << used) - 1;
        }
        for &row in &self.nulls {
            if let Some(byte) = usize::try_from(row / 8).ok().and_then(|byte| bitmap.get_mut(byte)) {
                *byte &= !(1 << (row % 8));
            }
        }
    }

    /// Reads the column of a block whose values have at most `limit` bytes.
    fn decode(
        &mut self,
        rows: u32,
        limit: u64,
        scratch: &mut Scratch,
        cursor: &mut Cursor,
        streams: &mut StreamDecoder,
    ) -> Result<(), Fault> {
        let position = cursor.position();
        let fault = |what: &str| Fault { position, what: what.to_owned() };
        match cursor.u8()? {
            PRESENT_ALL => {}
            PRESENT_NONE => {
                reserve(&mut self.nulls, to_usize(rows), position)?;
                self.nulls.extend(0..rows);
                return Ok(());
            }
            PRESENT_BITMAP => {
                streams.read(cursor, bitmap_len(rows), &mut scratch.changed)?;
                let bits = (0u32..).step_by(8).zip(scratch.changed.iter());
                let nulls = bits.flat_map(|(first, byte)| {
                    (0..8).filter(move |bit| byte >> bit & 1 == 0).map(move |bit| first + bit)
                });
                reserve(&mut self.nulls, bitmap_len(rows) * 8, position)?;
                self.nulls.extend(nulls);
                let padding = self.nulls.iter().rev().take_while(|null| **null >= rows).count();
                if padding != bitmap_len(rows) * 8 - to_usize(rows) {
                    return Err(fault("a bitmap has bits beyond the last row"));
                }
                self.nulls.truncate(self.nulls.len() - padding);
                if self.nulls.is_empty() || self.nulls.len() == to_usize(rows) {
                    return Err(fault("a bitmap has the same bit for all rows"));
                }
            }
            _ => return Err(fault("unknown kind of presence")),
        }
        let present = to_usize(rows) - self.nulls.len();
        let form = cursor.u8()?;
        if form == DICTIONARY {
            return self.read_dictionary(present, limit, scratch, cursor, streams);
        }
        let length = self.read_lengths(form, present, limit, scratch, cursor, streams)?;
        let Scratch { planes, changed, .. } = scratch;
        let position = cursor.position();
        let fault = |what: &str| Fault { position, what: what.to_owned() };
        match cursor.u8()? {
            PLAIN => streams.read(cursor, length, &mut self.values)?,
            CONSTANT => {
                let width = self.uniform.ok_or_else(|| fault("a constant with several lengths"))?;
                if length > 0 {
                    streams.read(cursor, width, changed)?;
                }
                reserve(&mut self.values, length, position)?;
                (0..present)
                    .for_each(|_| self.values.extend_from_slice(changed.get(..width).unwrap_or_default()));
            }
            encoding @ (SPLIT | DELTA_SPLIT) => {
                let width =
                    Width::from_bytes(cursor.u8()?.into()).ok_or_else(|| fault("unknown width of planes"))?;
                if length % usize::from(width.bytes()) != 0 {
                    return Err(fault("the values are not whole groups of the width of the planes"));
                }
                read_planes(width, length, &mut self.values, planes, cursor, streams)?;
                if encoding == DELTA_SPLIT {
                    undelta(width, &mut self.values);
                }
            }
            _ => return Err(fault("unknown encoding of values")),
        }
        Ok(())
    }

    /// Reads the lengths of `count` values that have at most `limit` bytes together; returns how many they have.
    fn read_lengths(
        &mut self,
        form: u8,
        count: usize,
        limit: u64,
        scratch: &mut Scratch,
        cursor: &mut Cursor,
        streams: &mut StreamDecoder,
    ) -> Result<usize, Fault> {
        let Scratch { planes, changed, .. } = scratch;
        let position = cursor.position();
        let fault = |what: &str| Fault { position, what: what.to_owned() };
        let length = match form {
            LENGTHS_UNIFORM => {
                let width = to_usize(cursor.u32()?);
                self.uniform = Some(width);
                width as u64 * count as u64
            }
            LENGTHS_VARYING => {
                read_planes(Width::Four, count * 4, changed, planes, cursor, streams)?;
                reserve(&mut self.lengths, count, position)?;
                self.lengths.extend(changed.as_chunks().0.iter().map(|length| u32::from_be_bytes(*length)));
                if self.lengths.iter().all(|length| Some(length) == self.lengths.first()) {
                    return Err(fault("several lengths are all the same"));
                }
                self.lengths.iter().map(|length| u64::from(*length)).sum()
            }
            _ => return Err(fault("unknown kind of lengths")),
        };
        match usize::try_from(length) {
            Ok(length) if length as u64 <= limit => Ok(length),
            _ => Err(fault("the lengths of the fields and the length of the rows do not agree")),
        }
    }

    /// Reads a dictionary and the codes of `count` fields.
    fn read_dictionary(
        &mut self,
        count: usize,
        limit: u64,
        scratch: &mut Scratch,
        cursor: &mut Cursor,
        streams: &mut StreamDecoder,
    ) -> Result<(), Fault> {
        let position = cursor.position();
        let fault = |what: &str| Fault { position, what: what.to_owned() };
        let different = to_usize(cursor.u32()?);
        if different > MAX_VALUES.min(count / 2) {
            return Err(fault("a dictionary has more values than it can have"));
        }
        let form = cursor.u8()?;
        let length = self.read_lengths(form, different, limit, scratch, cursor, streams)?;
        streams.read(cursor, length, &mut self.values)?;
        reserve(&mut self.places, different, position)?;
        let mut end = 0;
        for number in 0..different {
            let width = self.uniform.and_then(|width| u32::try_from(width).ok());
            let start = end;
            end += width.or_else(|| self.lengths.get(number).copied()).unwrap_or(0);
            self.places.push((start, end));
        }
        reserve(&mut self.codes, count, position)?;
        self.codes.resize(count, 0);
        for shift in code_shifts(different) {
            streams.read(cursor, count, &mut scratch.changed)?;
            for (code, byte) in self.codes.iter_mut().zip(&scratch.changed) {
                *code |= u16::from(*byte) << shift;
            }
        }
        let mut seen = 0;
        for code in self.codes.iter().map(|code| usize::from(*code)) {
            if code > seen {
                return Err(fault("the values of a dictionary are not in the order in which they occur"));
            }
            seen += usize::from(code == seen);
        }
        if seen == different { Ok(()) } else { Err(fault("a dictionary has other values than the fields")) }
    }

    /// Fields of a text row, of which they may be `alone`, that would change its meaning; the encoder never sees such.
    fn check_text(&self, alone: bool) -> Result<(), &'static str> {
        if self.values.iter().any(|byte| matches!(byte, b'\t' | b'\n')) {
            return Err("a text field contains a tab or a line end");
        }
        let mut fields = Fields { nulls: &[], codes: &[], ..self.fields() };
        let count = if self.uniform.is_some() {
            self.values.len() / self.uniform.unwrap_or(0).max(1)
        } else {
            self.lengths.len()
        };
        for (_, value) in (0..count).filter_map(|_| fields.next(0)) {
            if value == TEXT_NULL {
                return Err("a text field that is not NULL reads as NULL");
            }
            if alone && value == TEXT_END {
                return Err("a line of text would end a COPY");
            }
        }
        Ok(())
    }
}

/// How far each plane of codes is shifted, from the highest.
fn code_shifts(values: usize) -> impl Iterator<Item = u32> {
    [8, 0].into_iter().skip(usize::from(values <= 1 << 8))
}

fn write_width(width: usize, out: &mut Vec<u8>) {
    out.push(LENGTHS_UNIFORM);
    out.extend(u32::try_from(width).unwrap_or(u32::MAX).to_le_bytes());
}

fn write_lengths(
    lengths: &[u32],
    planes: &mut [Vec<u8>; 8],
    changed: &mut Vec<u8>,
    streams: &mut StreamEncoder,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    out.push(LENGTHS_VARYING);
    changed.clear();
    changed.extend(lengths.iter().flat_map(|length| length.to_be_bytes()));
    split(Width::Four, changed, planes);
    for plane in planes.iter().take(4) {
        streams.write(plane, false, out)?;
    }
    Ok(())
}

/// Replaces `values` by `length` bytes that are stored as planes.
fn read_planes(
    width: Width,
    length: usize,
    values: &mut Vec<u8>,
    planes: &mut [Vec<u8>; 8],
    cursor: &mut Cursor,
    streams: &mut StreamDecoder,
) -> Result<(), Fault> {
    let count = usize::from(width.bytes());
    for plane in planes.iter_mut().take(count) {
        streams.read(cursor, length / count, plane)?;
    }
    values.clear();
    reserve(values, length, cursor.position())?;
    values.resize(length, 0);
    join(width, planes, values);
    Ok(())
}

fn bitmap_len(rows: u32) -> usize {
    to_usize(rows.div_ceil(8))
}
