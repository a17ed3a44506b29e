//! A column is written: its presence, its lengths, and its values under the encoding that is shortest.
//! format-spec/columns.md

use super::Error;
use super::columns::{
    CONSTANT, DELTA_SPLIT, DICTIONARY, LENGTHS_UNIFORM, LENGTHS_VARYING, PLAIN, PRESENT_ALL, PRESENT_BITMAP,
    PRESENT_NONE, SPLIT, Scratch, bitmap_len, code_shifts,
};
use super::parse::to_usize;
use super::planes::{Width, delta, split};
use super::stream::{Content, StreamEncoder, is_large, pays, take_sample};

/// The fields of a column as they came.
pub(super) struct RawColumn<'a> {
    rows: u32,
    /// The rows in which the field is NULL, ascending.
    nulls: &'a [u32],
    /// The length of each other field.
    lengths: &'a [u32],
    /// Their bytes, one after the other.
    values: &'a [u8],
    uniform: Option<usize>,
}

impl<'a> RawColumn<'a> {
    pub fn new(rows: u32, nulls: &'a [u32], lengths: &'a [u32], values: &'a [u8]) -> Self {
        let first = lengths.first().filter(|first| lengths.iter().all(|length| length == *first));
        RawColumn { rows, nulls, lengths, values, uniform: first.copied().map(to_usize) }
    }

    /// The length of all fields that are not NULL, when they have one.
    pub fn uniform(&self) -> Option<usize> {
        self.uniform
    }

    /// Appends the column to `out`.
    pub fn encode(
        &self,
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
            self.write_bitmap(&mut scratch.changed);
            streams.write(&scratch.changed, Content::Plane, out)?;
        }
        // A constant is copied when it is read.
        if let Some(width) = self.uniform.filter(|_| !self.is_large()) {
            let mut values = self.values.chunks_exact(width.max(1));
            if let Some(first) = values.next()
                && values.all(|value| value == first)
            {
                write_width(width, out);
                out.push(CONSTANT);
                return streams.write(first, Content::Values, out);
            }
        }
        let start = out.len();
        self.write_values(scratch, streams, out)?;
        if streams.compresses() && !self.is_large() && scratch.dictionary.find(self.lengths, self.values) {
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

    /// Whether the values are so many bytes that no copy of them is made.
    fn is_large(&self) -> bool {
        is_large(self.values.len())
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
            None => write_lengths(self.lengths, planes, changed, streams, out)?,
        }
        let (encoding, width) = self.choose(streams, planes, changed, sample)?;
        out.push(encoding);
        let Some(width) = width else { return streams.write(self.values, Content::Values, out) };
        out.push(width.bytes());
        if encoding == DELTA_SPLIT {
            delta(width, self.values, changed);
            split(width, changed, planes);
        } else {
            split(width, self.values, planes);
        }
        for plane in planes.iter().take(usize::from(width.bytes())) {
            streams.write(plane, Content::Plane, out)?;
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
        streams.write(changed, Content::Values, out)?;
        for shift in code_shifts(places.len()) {
            changed.clear();
            changed.extend(dictionary.codes().iter().map(|code| (code >> shift).to_le_bytes()[0]));
            streams.write(changed, Content::Plane, out)?;
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
        if candidates.is_empty() || self.values.is_empty() || !streams.compresses() || self.is_large() {
            return Ok(best);
        }
        take_sample(self.values, sample);
        let mut least = streams.cost(sample, Content::Values)?;
        for (encoding, width) in candidates {
            if encoding == DELTA_SPLIT {
                delta(width, sample, changed);
                split(width, changed, planes);
            } else {
                split(width, sample, planes);
            }
            let mut cost = 0;
            for plane in planes.iter().take(usize::from(width.bytes())) {
                cost += streams.cost(plane, Content::Plane)?;
            }
            if pays(cost, least) {
                least = cost;
                best = (encoding, Some(width));
            }
        }
        Ok(best)
    }

    /// Bit `row % 8`, counted from the lowest, of byte `row / 8` says that the field is not NULL; the rest is zero.
    fn write_bitmap(&self, bitmap: &mut Vec<u8>) {
        bitmap.clear();
        bitmap.resize(bitmap_len(self.rows), 0xff);
        if let (Some(last), used @ 1..) = (bitmap.last_mut(), self.rows % 8) {
            *last = (1 << used) - 1;
        }
        for row in self.nulls {
            if let Some(byte) = usize::try_from(row / 8).ok().and_then(|byte| bitmap.get_mut(byte)) {
                *byte &= !(1 << (row % 8));
            }
        }
    }
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
        streams.write(plane, Content::Plane, out)?;
    }
    Ok(())
}
