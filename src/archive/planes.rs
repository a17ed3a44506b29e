//! Values as byte planes, and integers as differences. format-spec/columns.md
//!
//! Plane `k` of values of `width` bytes holds byte `k` of each value. Loops work on tiles that stay in the first cache.

/// A tile: a multiple of every width.
const TILE: usize = 16 << 10;

/// So many values are split at once.
const VECTOR: usize = 16;

/// So many values are joined at once: halves of them stay in the first cache.
const JOINED: usize = 1 << 10;

/// The widths that values can be split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Two,
    Four,
    Eight,
}

impl Width {
    pub fn from_bytes(bytes: usize) -> Option<Self> {
        match bytes {
            2 => Some(Width::Two),
            4 => Some(Width::Four),
            8 => Some(Width::Eight),
            _ => None,
        }
    }

    pub fn bytes(self) -> u8 {
        match self {
            Width::Two => 2,
            Width::Four => 4,
            Width::Eight => 8,
        }
    }
}

macro_rules! by_width {
    ($unsigned:ident, $signed:ident, $width:literal, $split:ident, $delta:ident, $sum:ident) => {
        fn $split(values: &[u8], planes: &mut [Vec<u8>; 8]) {
            for tile in values.chunks(TILE) {
                let (groups, _) = tile.as_chunks::<$width>();
                let (vectors, rest) = groups.as_chunks::<VECTOR>();
                for vector in vectors {
                    let vector = vector.map($unsigned::from_le_bytes);
                    for (plane, shift) in planes.iter_mut().take($width).zip((0u32..).step_by(8)) {
                        plane.extend_from_slice(&vector.map(|value| (value >> shift).to_le_bytes()[0]));
                    }
                }
                for group in rest {
                    for (plane, byte) in planes.iter_mut().zip(group) {
                        plane.push(*byte);
                    }
                }
            }
        }

        fn $delta(values: &[u8], out: &mut Vec<u8>) {
            let mut before = 0;
            out.extend(values.as_chunks::<$width>().0.iter().flat_map(|value| {
                let value = $unsigned::from_be_bytes(*value);
                let difference = value.wrapping_sub(before);
                before = value;
                let sign = (difference.cast_signed() >> ($unsigned::BITS - 1)).cast_unsigned();
                (difference << 1 ^ sign).to_be_bytes()
            }));
        }

        fn $sum(values: &mut [u8]) {
            let mut before: $unsigned = 0;
            for value in values.as_chunks_mut::<$width>().0 {
                let difference = $unsigned::from_be_bytes(*value);
                before = before.wrapping_add(difference >> 1 ^ (difference & 1).wrapping_neg());
                *value = before.to_be_bytes();
            }
        }
    };
}

by_width!(u16, i16, 2, split_2, delta_2, sum_2);
by_width!(u32, i32, 4, split_4, delta_4, sum_4);
by_width!(u64, i64, 8, split_8, delta_8, sum_8);

/// Sets the first `width` of `planes` to the planes of `values`, whose length is a multiple of `width`.
pub(super) fn split(width: Width, values: &[u8], planes: &mut [Vec<u8>; 8]) {
    planes.iter_mut().for_each(Vec::clear);
    match width {
        Width::Two => split_2(values, planes),
        Width::Four => split_4(values, planes),
        Width::Eight => split_8(values, planes),
    }
}

macro_rules! pairs {
    ($pair:ident, $narrow:ty, $wide:ty) => {
        /// Each of `wide` becomes one number of `low` with one of `high` above it.
        fn $pair(low: &[$narrow], high: &[$narrow], wide: &mut [$wide; JOINED]) {
            for ((wide, low), high) in wide.iter_mut().zip(low).zip(high) {
                *wide = <$wide>::from(*low) | <$wide>::from(*high) << <$narrow>::BITS;
            }
        }
    };
}

pairs!(pair_1, u8, u16);
pairs!(pair_2, u16, u32);
pairs!(pair_4, u32, u64);

/// Fills `values` from the first `width` of `planes`, which have its length together. Pair by pair: what a loop does with two
/// numbers becomes instructions for many; with all planes in one loop it would not.
pub(super) fn join(width: Width, planes: &[&[u8]; 8], values: &mut [u8]) {
    let (mut twos, mut fours, mut eights) = ([[0; JOINED]; 4], [[0; JOINED]; 2], [0; JOINED]);
    let mut tiles = planes.map(|plane| plane.chunks(JOINED));
    for values in values.chunks_mut(JOINED * usize::from(width.bytes())) {
        let tile = tiles.each_mut().map(|tiles| tiles.next().unwrap_or_default());
        for (pair, twos) in tile.as_chunks::<2>().0.iter().zip(&mut twos) {
            pair_1(pair[0], pair[1], twos);
        }
        let [ab, cd, ef, gh] = &twos;
        let [abcd, efgh] = &mut fours;
        match width {
            Width::Two => fill(values, ab.map(u16::to_le_bytes)),
            Width::Four => {
                pair_2(ab, cd, abcd);
                fill(values, abcd.map(u32::to_le_bytes));
            }
            Width::Eight => {
                pair_2(ab, cd, abcd);
                pair_2(ef, gh, efgh);
                pair_4(abcd, efgh, &mut eights);
                fill(values, eights.map(u64::to_le_bytes));
            }
        }
    }
}

fn fill<const WIDTH: usize>(values: &mut [u8], groups: [[u8; WIDTH]; JOINED]) {
    for (value, group) in values.as_chunks_mut().0.iter_mut().zip(groups) {
        *value = group;
    }
}

/// Sets `out` to the differences between each big-endian integer in `values` and the one before it, the first from 0;
/// zigzag: the sign in the lowest bit.
pub(super) fn delta(width: Width, values: &[u8], out: &mut Vec<u8>) {
    out.clear();
    match width {
        Width::Two => delta_2(values, out),
        Width::Four => delta_4(values, out),
        Width::Eight => delta_8(values, out),
    }
}

/// Undoes [`delta`] in place.
pub(super) fn undelta(width: Width, values: &mut [u8]) {
    match width {
        Width::Two => sum_2(values),
        Width::Four => sum_4(values),
        Width::Eight => sum_8(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_of_each_width_by_hand() {
        let mut planes = Default::default();
        split(Width::Two, &[1, 2, 3, 4], &mut planes);
        assert_eq!(planes[..3], [vec![1, 3], vec![2, 4], vec![]]);
        split(Width::Four, &[1, 2, 3, 4, 5, 6, 7, 8], &mut planes);
        assert_eq!(planes[..5], [vec![1, 5], vec![2, 6], vec![3, 7], vec![4, 8], vec![]]);
        split(Width::Eight, &[1, 2, 3, 4, 5, 6, 7, 8], &mut planes);
        assert_eq!(planes[7], [8]);
    }

    #[test]
    fn differences_by_hand() {
        let mut out = Vec::new();
        let values = [5i16, 4, 4, 300, i16::MIN, i16::MAX];
        delta(Width::Two, &values.map(i16::to_be_bytes).concat(), &mut out);
        // 5, -1, 0, 296, -33068 = 32468 modulo 2^16, 65535 = -1 modulo 2^16
        assert_eq!(out, [10u16, 1, 0, 592, 64936, 1].map(u16::to_be_bytes).concat());
        delta(Width::Eight, &[0xff; 8], &mut out);
        assert_eq!(out, [0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn back_and_forth_across_tiles() {
        let values = (0..3 * TILE + 64).map(|i| (i * i / 7 % 251).try_into().unwrap()).collect::<Vec<u8>>();
        for width in [Width::Two, Width::Four, Width::Eight] {
            let mut planes = Default::default();
            split(width, &values, &mut planes);
            let mut joined = vec![0; values.len()];
            join(width, &planes.each_ref().map(|plane| &plane[..]), &mut joined);
            assert!(joined == values);
            let mut differences = Vec::new();
            delta(width, &values, &mut differences);
            undelta(width, &mut differences);
            assert!(differences == values);
        }
    }
}
