//! Rows come back from their block byte by byte, and the same rows give the same block whatever was encoded before.

use pgsnap::archive::{BlockPosition, Digest, Table, Transfer};

use super::Input;
use super::forge::{CODER, Coder, table};

/// Most fields of a block here: ten thousand blocks a second say more than a few long ones, which unit tests have.
const MAX_FIELDS: usize = 64;

/// Input: text or binary, columns, rows, one byte of plan per column, bytes for the values.
pub fn holds(input: &[u8]) {
    let (table, rows) = rows(&mut Input(input));
    let position = BlockPosition { chunk: 1, sequence: 2 };
    CODER.with_borrow_mut(|Coder { encoder, decoder, rows: decoded }| {
        let block = encoder.encode(3, &table, position, &rows).unwrap();
        let info = decoder.decode(&table, &block.bytes, decoded).unwrap();
        assert!(info == block.info && *decoded == rows);
        let mut digest = Digest::default();
        assert_eq!(digest.add_rows(&table, &rows).unwrap(), u64::from(info.rows));
        assert!(digest == block.digest);
        encoder.encode(0, &super::forge::table(Transfer::Binary, 1), position, OTHER_ROWS).unwrap();
        assert!(encoder.encode(3, &table, position, &rows).unwrap() == block);
    });
}

const OTHER_ROWS: &[u8] = b"\0\x01\0\0\0\x03abc\0\x01\xff\xff\xff\xff";

/// What the values of a column are like.
struct Plan {
    kind: u8,
    nulls: bool,
    width: usize,
    counter: u64,
}

/// Well-formed rows and their table, from any input.
pub fn rows(input: &mut Input) -> (Table, Vec<u8>) {
    let transfer = if input.u8() & 1 == 1 { Transfer::Text } else { Transfer::Binary };
    let columns = usize::from(input.u8() % 10);
    let count = usize::from(input.u8()).clamp(1, MAX_FIELDS / columns.max(1));
    let plan = |input: &mut Input| {
        let byte = input.u8();
        Plan { kind: byte & 7, nulls: byte & 8 != 0, width: usize::from(byte >> 4), counter: 0 }
    };
    let mut plans = (0..columns).map(|_| plan(input)).collect::<Vec<_>>();
    let mut noise = Noise { bytes: if input.is_empty() { &[0] } else { input.0 }, at: 0, round: 0 };
    let (mut rows, mut field) = (Vec::new(), Vec::new());
    for _ in 0..count {
        match transfer {
            Transfer::Binary => {
                rows.extend(i16::try_from(columns).unwrap().to_be_bytes());
                for plan in &mut plans {
                    if plan.fill(&mut noise, &mut field) {
                        rows.extend(i32::try_from(field.len()).unwrap().to_be_bytes());
                        rows.extend(&field);
                    } else {
                        rows.extend((-1i32).to_be_bytes());
                    }
                }
            }
            Transfer::Text => {
                let start = rows.len();
                for (number, plan) in plans.iter_mut().enumerate() {
                    if number > 0 {
                        rows.push(b'\t');
                    }
                    match plan.fill(&mut noise, &mut field) {
                        true => rows.extend(field.iter().map(|byte| b' ' + (byte & 0x3f))),
                        false => rows.extend(b"\\N"),
                    }
                }
                // Such a line would end the COPY.
                if rows[start..] == *b"\\." {
                    rows.pop();
                }
                rows.push(b'\n');
            }
        }
    }
    (table(transfer, columns), rows)
}

impl Plan {
    /// Sets `field` to the next value; false for NULL.
    fn fill(&mut self, noise: &mut Noise, field: &mut Vec<u8>) -> bool {
        field.clear();
        if self.kind == 7 || self.nulls && noise.next() & 1 == 1 {
            return false;
        }
        self.counter += 1;
        match self.kind {
            0 => field.resize(self.width, 0x61),
            kind @ 1..=3 => {
                let (value, width) = (self.counter * 3 + u64::from(noise.next()), 1 << kind);
                field.extend_from_slice(&value.to_be_bytes()[8 - width..]);
            }
            4 => field.extend(noise.take(self.width)),
            5 => {
                let length = usize::from(noise.next()) % (self.width + 1);
                field.extend(noise.take(length));
            }
            _ => {
                let length = usize::from(noise.next()) % (self.width + 1) * 4;
                field.extend(noise.take(length));
            }
        }
        true
    }
}

/// The bytes of the input over and over, each time different.
struct Noise<'a> {
    bytes: &'a [u8],
    at: usize,
    round: u8,
}

impl Noise<'_> {
    fn next(&mut self) -> u8 {
        let byte = self.bytes[self.at].wrapping_mul(self.round | 1).wrapping_add(self.round);
        self.at += 1;
        if self.at == self.bytes.len() {
            self.at = 0;
            self.round = self.round.wrapping_add(0x35);
        }
        byte
    }

    fn take(&mut self, length: usize) -> impl Iterator<Item = u8> {
        std::iter::repeat_with(|| self.next()).take(length)
    }
}

/// One column of every kind, and several kinds together, in both forms.
pub fn seeds() -> Vec<Vec<u8>> {
    let values = (0..40u8).map(|i| i.wrapping_mul(89) ^ i >> 2).collect::<Vec<_>>();
    let seed = |flags: u8, rows: u8, plans: &[u8]| {
        [&[flags, plans.len().try_into().unwrap(), rows], plans, &values[..]].concat()
    };
    let mut seeds = Vec::new();
    for form in [0, 1] {
        for kind in 0..8 {
            for width in [0x00, 0x40, 0x58] {
                seeds.push(seed(form, 20, &[kind | width]));
            }
        }
        seeds.push(seed(form, 9, &[]));
        seeds.push(seed(form, 30, &[1, 2, 0x0b, 0x40, 0x84, 0xad, 0x26, 7]));
    }
    seeds
}
