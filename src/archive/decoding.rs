//! A column is read, whatever its bytes are. format-spec/columns.md

use super::columns::{
    CONSTANT, Column, DELTA_SPLIT, DICTIONARY, LENGTHS_UNIFORM, LENGTHS_VARYING, PLAIN, PRESENT_ALL,
    PRESENT_BITMAP, PRESENT_NONE, SPLIT, Scratch, bitmap_len, code_shifts,
};
use super::dictionary::MAX_VALUES;
use super::parse::{Cursor, Fault, to_usize};
use super::planes::{Width, join, undelta};
use super::rows::{Fields, TEXT_NULL};
use super::stream::{StreamDecoder, reserve};

/// The line that would end a COPY of text.
const TEXT_END: &[u8] = b"\\.";

impl Column {
    /// Reads the column of a block whose values have at most `limit` bytes.
    pub fn decode(
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
                self.values.clear();
                return Ok(());
            }
            PRESENT_BITMAP => {
                let bitmap = streams.read(cursor, bitmap_len(rows), &mut scratch.changed)?;
                let bits = (0u32..).step_by(8).zip(bitmap);
                let nulls = bits.flat_map(|(first, byte)| {
                    (0..8).filter(move |bit| byte >> bit & 1 == 0).map(move |bit| first + bit)
                });
                let most = to_usize(rows).next_multiple_of(8);
                reserve(&mut self.nulls, most, position)?;
                self.nulls.extend(nulls);
                let padding = self.nulls.iter().rev().take_while(|null| **null >= rows).count();
                if padding != most - to_usize(rows) {
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
            PLAIN => self.stored = streams.read_or_find(cursor, length, &mut self.values)?,
            CONSTANT => {
                let width = self.uniform.ok_or_else(|| fault("a constant with several lengths"))?;
                let value = streams.read(cursor, width, changed)?;
                self.values.clear();
                reserve(&mut self.values, length, position)?;
                (0..present).for_each(|_| self.values.extend_from_slice(value));
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
        self.stored = streams.read_or_find(cursor, length, &mut self.values)?;
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
            let plane = streams.read(cursor, count, &mut scratch.changed)?;
            for (code, byte) in self.codes.iter_mut().zip(plane) {
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
    pub fn check_text(&self, block: &[u8], alone: bool) -> Result<(), &'static str> {
        let fields = self.fields(block);
        if fields.values.iter().any(|byte| matches!(byte, b'\t' | b'\n')) {
            return Err("a text field contains a tab or a line end");
        }
        let mut fields = Fields { nulls: &[], codes: &[], ..fields };
        let of_one_width = self.uniform.and_then(|width| fields.values.len().checked_div(width));
        let count = of_one_width.unwrap_or(self.lengths.len());
        for value in (0..count).filter_map(|_| fields.next(0)) {
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

/// Replaces `values` by `length` bytes that are stored as planes.
fn read_planes(
    width: Width,
    length: usize,
    values: &mut Vec<u8>,
    buffers: &mut [Vec<u8>; 8],
    cursor: &mut Cursor,
    streams: &mut StreamDecoder,
) -> Result<(), Fault> {
    let count = usize::from(width.bytes());
    let mut planes = [&[][..]; 8];
    for (plane, buffer) in planes.iter_mut().zip(buffers).take(count) {
        *plane = streams.read(cursor, length / count, buffer)?;
    }
    reserve(values, length.saturating_sub(values.len()), cursor.position())?;
    values.resize(length, 0);
    join(width, &planes, values);
    Ok(())
}
