//! The different values of a column, found while it is encoded. format-spec/columns.md

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use super::parse::to_usize;

/// Most values of a dictionary: a code has 16 bits.
pub(super) const MAX_VALUES: usize = 1 << 16;

/// After so many fields at least one in [`SELDOM`] must have had a value that was there before.
const AT_FIRST: usize = 512;
const SELDOM: usize = 16;
/// Slots to begin with; a power of two, as it stays.
const SLOTS: usize = 1 << 10;
/// Slots looked at per field, on average, before the values are taken for ones that were made to collide.
const STEPS_PER_FIELD: usize = 16;

/// Finds the dictionary of a column. Keeps its room for the next.
#[derive(Default)]
pub(super) struct Dictionary {
    /// The place in `values` plus one, 0 when free; found by hash, then the next free one.
    slots: Vec<u32>,
    /// Hash and place in the column of each value, in the order in which they first occur.
    values: Vec<(u64, Range<usize>)>,
    codes: Vec<u16>,
}

impl Dictionary {
    /// Whether the fields with these `lengths`, which stand one after the other in `all`, have few enough different
    /// values: no more than half as many as there are fields, and [`MAX_VALUES`].
    pub fn find(&mut self, lengths: &[u32], all: &[u8]) -> bool {
        let most = (lengths.len() / 2).min(MAX_VALUES);
        let mut steps = lengths.len().saturating_mul(STEPS_PER_FIELD);
        self.slots.clear();
        self.slots.resize(SLOTS, 0);
        self.values.clear();
        self.codes.clear();
        let mut start = 0;
        for (number, length) in lengths.iter().enumerate() {
            let place = start..start + to_usize(*length);
            start = place.end;
            let field = all.get(place.clone()).unwrap_or_default();
            let Some(code) = self.code(place, field, all, &mut steps) else { return false };
            let found = self.values.len();
            if found > most || number > AT_FIRST && number + 1 - found < number / SELDOM {
                return false;
            }
            self.codes.push(code);
        }
        true
    }

    /// For each field the number of its value. Each is at most one more than the greatest before it.
    pub fn codes(&self) -> &[u16] {
        &self.codes
    }

    /// Where each value first stands in the column.
    pub fn places(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        self.values.iter().map(|(_, place)| place.clone())
    }

    /// The number of `field`, which stands at `place` of `all`; `None` when there are too many or it took too long.
    fn code(&mut self, place: Range<usize>, field: &[u8], all: &[u8], steps: &mut usize) -> Option<u16> {
        let hash = xxh3_64(field);
        let mut slot = self.home(hash);
        loop {
            *steps = steps.checked_sub(1)?;
            let taken = self.slots.get_mut(slot)?;
            let Some(number) = taken.checked_sub(1) else {
                let number = u16::try_from(self.values.len()).ok()?;
                *taken = u32::from(number) + 1;
                self.values.push((hash, place));
                if self.values.len() * 2 > self.slots.len() {
                    self.grow();
                }
                return Some(number);
            };
            let (known, place) = self.values.get(to_usize(number))?;
            if *known == hash && all.get(place.clone()) == Some(field) {
                return u16::try_from(number).ok();
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// Where to look first.
    fn home(&self, hash: u64) -> usize {
        usize::try_from(hash & (self.slots.len() as u64 - 1)).unwrap_or(0)
    }

    fn grow(&mut self) {
        let slots = self.slots.len() * 4;
        self.slots.clear();
        self.slots.resize(slots, 0);
        for (number, (hash, _)) in (1..).zip(&self.values) {
            let mut slot = self.home(*hash);
            while self.slots.get(slot).is_some_and(|taken| *taken != 0) {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            if let Some(free) = self.slots.get_mut(slot) {
                *free = number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;

    /// The codes and the values of `fields`, `None` when they are not worth a dictionary.
    fn found(fields: &[Vec<u8>]) -> Option<(Vec<u16>, Vec<Vec<u8>>)> {
        let all = fields.concat();
        let mut dictionary = Dictionary::default();
        let lengths = fields.iter().map(|field| field.len().try_into().unwrap()).collect::<Vec<u32>>();
        let worth = dictionary.find(&lengths, &all);
        let values = dictionary.places().map(|place| all[place].to_vec()).collect();
        worth.then(|| (dictionary.codes().to_vec(), values))
    }

    fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    }

    #[test]
    fn values_are_numbered_as_they_occur() {
        let fields = texts(&["b", "", "b", "a", "", "a"]);
        assert_eq!(found(&fields), Some((vec![0, 1, 0, 2, 1, 2], texts(&["b", "", "a"]))));
        assert_eq!(found(&texts(&["b", "", "b", "a", ""])), None);
        assert_eq!(found(&[]), Some((vec![], vec![])));
    }

    #[test]
    fn up_to_as_many_as_codes() {
        let twice = |different: u32| {
            let field = |number: u32| (number % different).to_be_bytes().to_vec();
            (0..3 * different).map(field).collect::<Vec<_>>()
        };
        let mut fields = twice(65_536);
        assert_eq!(found(&fields), None, "they look as if none occurred again");
        fields.splice(0..0, vec![vec![]; 65_536]);
        assert_eq!(found(&fields), None, "65,537 values");
        fields.splice(0..65_536, vec![vec![0; 4]; 65_536]);
        let (codes, values) = found(&fields).unwrap();
        assert_eq!((values.len(), codes.iter().max()), (65_536, Some(&65_535)));
        assert_eq!(found(&twice(480)).unwrap().1.len(), 480);
    }

    #[test]
    fn a_column_whose_values_seldom_occur_again_is_given_up_early() {
        // The values that are all different stand first: of the first 514 fields 32 or 31 had a value seen before.
        let first_different = |different: u32| {
            let fields = (0..2000u32).map(|number| (number % different).to_be_bytes().to_vec());
            found(&fields.collect::<Vec<_>>())
        };
        assert_eq!(first_different(482).unwrap().1.len(), 482);
        assert_eq!(first_different(483), None);
    }
}
