//! What an archive knows about a column without its data. format-spec/facts.md

use serde::{Deserialize, Serialize};

use super::ValueKind;
use super::columns::Values;

/// Facts about the values of one column, in a block or in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnFacts {
    /// How many values are NULL.
    pub nulls: u64,
    /// Bytes of all other values together.
    pub bytes: u64,
    /// The least value, in the bytes of COPY BINARY. `None` when there is no value, when the table travels as text,
    /// when the kind of the column is `Opaque`, and when a value has no width of that kind.
    pub min: Option<Vec<u8>>,
    /// The greatest value, under the same conditions.
    pub max: Option<Vec<u8>>,
}

impl ColumnFacts {
    /// Facts of a column of a block.
    pub(super) fn of_values(kind: ValueKind, values: &Values) -> Self {
        let Values { nulls, bytes, width, different } = *values;
        let mut facts = ColumnFacts { nulls, bytes, min: None, max: None };
        if width == 0 || kind == ValueKind::Opaque {
            return facts;
        }
        let mut keyed = different.chunks_exact(width).map(|value| Some((kind.key(value)?, value)));
        let Some(Some(first)) = keyed.next() else { return facts };
        let (mut min, mut max) = (first, first);
        for value in keyed {
            let Some(value) = value else { return facts };
            if value.0 < min.0 {
                min = value;
            } else if value.0 > max.0 {
                max = value;
            }
        }
        facts.min = Some(min.1.to_vec());
        facts.max = Some(max.1.to_vec());
        facts
    }

    /// Adds what is known of more values of the same column. Of values that compare as equal the first stay.
    pub(super) fn merge(&mut self, kind: ValueKind, more: &ColumnFacts) {
        // Values without a minimum: their kind is not one that has one, and no later block changes that.
        let unknown = |facts: &ColumnFacts| facts.bytes > 0 && facts.min.is_none();
        if unknown(self) || unknown(more) {
            (self.min, self.max) = (None, None);
        } else {
            let key = |value: &Option<Vec<u8>>| value.as_deref().and_then(|value| kind.key(value));
            if more.min.is_some() && (self.min.is_none() || key(&more.min) < key(&self.min)) {
                self.min.clone_from(&more.min);
            }
            if more.max.is_some() && (self.max.is_none() || key(&more.max) > key(&self.max)) {
                self.max.clone_from(&more.max);
            }
        }
        self.nulls = self.nulls.saturating_add(more.nulls);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_values(kind: ValueKind, nulls: u64, width: usize, different: &[u8]) -> ColumnFacts {
        ColumnFacts::of_values(kind, &Values { nulls, bytes: different.len() as u64, width, different })
    }

    fn integers(values: &[i32], nulls: u64) -> ColumnFacts {
        let bytes = values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<_>>();
        of_values(ValueKind::Integer, nulls, 4, &bytes)
    }

    #[test]
    fn merging_blocks_gives_the_facts_of_all_values() {
        let mut facts = ColumnFacts::default();
        for block in [integers(&[], 3), integers(&[5, -7, 5], 1), integers(&[], 2), integers(&[9], 0)] {
            facts.merge(ValueKind::Integer, &block);
        }
        assert_eq!(facts, integers(&[5, -7, 5, 9], 6));
        assert_eq!(facts.min, Some((-7i32).to_be_bytes().to_vec()));
        assert_eq!(facts.max, Some(9i32.to_be_bytes().to_vec()));
    }

    #[test]
    fn of_values_that_compare_as_equal_the_first_stay() {
        // Two NaNs of different bytes, which are greater than all else.
        let [one, other] = [f32::NAN, -f32::NAN].map(|nan| nan.to_be_bytes().to_vec());
        let floats = |values: &[&[u8]]| of_values(ValueKind::Float, 0, 4, &values.concat());
        let ends = |facts: &ColumnFacts| (facts.min.clone(), facts.max.clone());
        let first = (Some(one.clone()), Some(one.clone()));
        assert_eq!(ends(&floats(&[&one, &other])), first);
        let mut facts = floats(&[&one]);
        facts.merge(ValueKind::Float, &floats(&[&other]));
        assert_eq!(ends(&facts), first);
        // Blocks with lesser and greater values, and one without any.
        let mut facts = integers(&[5], 0);
        facts.merge(ValueKind::Integer, &integers(&[7], 0));
        facts.merge(ValueKind::Integer, &integers(&[6], 0));
        facts.merge(ValueKind::Integer, &integers(&[3], 0));
        facts.merge(ValueKind::Integer, &integers(&[], 2));
        assert_eq!(facts, integers(&[5, 7, 6, 3], 2));
    }

    #[test]
    fn a_width_that_the_kind_does_not_have_leaves_no_minimum() {
        let odd = of_values(ValueKind::Integer, 0, 3, &[1, 2, 3]);
        assert_eq!((odd.min.clone(), odd.max.clone(), odd.bytes), (None, None, 3));
        for order in [[&odd, &integers(&[1], 0)], [&integers(&[1], 0), &odd]] {
            let mut facts = ColumnFacts::default();
            order.into_iter().for_each(|block| facts.merge(ValueKind::Integer, block));
            assert_eq!((facts.min, facts.max, facts.bytes), (None, None, 7));
        }
        assert_eq!(of_values(ValueKind::Opaque, 0, 4, &[1, 2, 3, 4]).min, None);
    }
}
