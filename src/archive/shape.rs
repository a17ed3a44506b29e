//! Where the binary form of a value embeds OIDs of types. format-spec/digest.md
//!
//! An array and every field of a composite carry the OID of their type, which differs between databases for types that
//! users or initdb made (from OID 10000 on). The digest reads those four bytes as zero.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How deep shapes may nest.
const MAX_DEPTH: usize = 64;

/// Where a value embeds OIDs of types, as far as that matters: a type all of whose OIDs are the
/// same everywhere is `Plain`, whatever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// No OIDs inside.
    Plain,
    /// An array (array_send): the OID of the element type at bytes 8 to 12, elements of the shape.
    Array(Box<Shape>),
    /// A composite (record_send): an OID in front of every field, fields of the shapes.
    Composite(Vec<Shape>),
    /// A range (range_send): bounds of the shape.
    Range(Box<Shape>),
    /// A multirange (multirange_send): ranges whose bounds have the shape.
    Multirange(Box<Shape>),
}

/// A shape in the catalog: its nodes in pre-order, so that no reader has to recurse before it knows the depth.
#[derive(Serialize, Deserialize)]
enum Node {
    Plain,
    Array,
    Composite(u32),
    Range,
    Multirange,
}

impl Shape {
    /// Whether any value of this shape embeds an OID.
    pub(super) fn has_oids(&self) -> bool {
        match self {
            Shape::Plain => false,
            Shape::Array(_) | Shape::Composite(_) => true,
            Shape::Range(bound) | Shape::Multirange(bound) => bound.has_oids(),
        }
    }

    /// Sets the OIDs in `value` to zero; leaves a value that is not of this shape as it is.
    pub(super) fn clear_oids(&self, value: &mut [u8], positions: &mut Vec<usize>) {
        positions.clear();
        let mut reader = Reader { value, position: 0 };
        if self.find_oids(&mut reader, positions).is_none() || reader.position != reader.value.len() {
            return;
        }
        for &position in positions.iter() {
            if let Some(oid) = value.get_mut(position..position + 4) {
                oid.fill(0);
            }
        }
    }

    /// Positions of the OIDs in the value that `reader` is limited to; `None` if it is not of this shape.
    fn find_oids(&self, reader: &mut Reader, positions: &mut Vec<usize>) -> Option<()> {
        match self {
            Shape::Plain => reader.position = reader.value.len(),
            Shape::Array(element) => {
                let dimensions = reader.length()?;
                reader.skip(4)?;
                positions.push(reader.position);
                reader.skip(4)?;
                let mut elements = usize::from(dimensions > 0);
                for _ in 0..dimensions {
                    // A later size may be 0. What is too large a number is also too many for the bytes of the value.
                    elements = elements.saturating_mul(reader.length()?);
                    reader.skip(4)?;
                }
                for _ in 0..elements {
                    element.find_in_field(reader, positions)?;
                }
            }
            Shape::Composite(fields) => {
                if reader.length()? != fields.len() {
                    return None;
                }
                for field in fields {
                    positions.push(reader.position);
                    reader.skip(4)?;
                    field.find_in_field(reader, positions)?;
                }
            }
            Shape::Range(bound) => {
                const EMPTY: u8 = 0x01;
                // Bits of range_send's flags that say a bound is missing: infinite, or null.
                const NO_LOWER: u8 = EMPTY | 0x08 | 0x20;
                const NO_UPPER: u8 = EMPTY | 0x10 | 0x40;
                let flags = reader.byte()?;
                for missing in [NO_LOWER, NO_UPPER] {
                    if flags & missing == 0 {
                        bound.find_in_field(reader, positions)?;
                    }
                }
            }
            Shape::Multirange(bound) => {
                let range = Shape::Range(bound.clone());
                for _ in 0..reader.length()? {
                    range.find_in_field(reader, positions)?;
                }
            }
        }
        Some(())
    }

    /// The same for a value with its int32 length in front, -1 for NULL.
    fn find_in_field(&self, reader: &mut Reader, positions: &mut Vec<usize>) -> Option<()> {
        let length = i32::from_be_bytes(reader.bytes()?);
        if length == -1 {
            return Some(());
        }
        let end = reader.position.checked_add(usize::try_from(length).ok()?)?;
        let mut field = Reader { value: reader.value.get(..end)?, position: reader.position };
        self.find_oids(&mut field, positions)?;
        reader.position = end;
        (field.position == end).then_some(())
    }

    fn flatten(&self, depth: usize, nodes: &mut Vec<Node>) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("types nest deeper than {MAX_DEPTH}"));
        }
        let (node, parts) = match self {
            Shape::Plain => (Node::Plain, &[][..]),
            Shape::Array(part) => (Node::Array, std::slice::from_ref(&**part)),
            Shape::Range(part) => (Node::Range, std::slice::from_ref(&**part)),
            Shape::Multirange(part) => (Node::Multirange, std::slice::from_ref(&**part)),
            Shape::Composite(parts) => {
                let count = u32::try_from(parts.len()).map_err(|_| "too many fields".to_owned())?;
                (Node::Composite(count), &parts[..])
            }
        };
        nodes.push(node);
        parts.iter().try_for_each(|part| part.flatten(depth + 1, nodes))
    }

    fn unflatten(depth: usize, nodes: &mut impl Iterator<Item = Node>) -> Result<Self, String> {
        if depth > MAX_DEPTH {
            return Err(format!("types nest deeper than {MAX_DEPTH}"));
        }
        let node = nodes.next().ok_or("a shape is cut short")?;
        let mut part = || Self::unflatten(depth + 1, nodes);
        match node {
            Node::Plain => Ok(Shape::Plain),
            Node::Array => Ok(Shape::Array(Box::new(part()?))),
            Node::Range => Ok(Shape::Range(Box::new(part()?))),
            Node::Multirange => Ok(Shape::Multirange(Box::new(part()?))),
            Node::Composite(count) => {
                Ok(Shape::Composite((0..count).map(|_| part()).collect::<Result<_, _>>()?))
            }
        }
    }
}

impl Serialize for Shape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut nodes = Vec::new();
        self.flatten(1, &mut nodes).map_err(serde::ser::Error::custom)?;
        nodes.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut nodes = Vec::<Node>::deserialize(deserializer)?.into_iter();
        let shape = Shape::unflatten(1, &mut nodes).map_err(D::Error::custom)?;
        match nodes.next() {
            None => Ok(shape),
            Some(_) => Err(D::Error::custom("a shape has parts left over")),
        }
    }
}

struct Reader<'a> {
    value: &'a [u8],
    position: usize,
}

impl Reader<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.value.get(self.position..)?.first_chunk()?;
        self.position += N;
        Some(*bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes().map(u8::from_be_bytes)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(i32::from_be_bytes(self.bytes()?)).ok()
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        let position = self.position.checked_add(bytes)?;
        (position <= self.value.len()).then(|| self.position = position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::wire;

    fn field(value: &[u8]) -> Vec<u8> {
        [&i32::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
    }

    fn array(oid: u32, elements: &[Vec<u8>]) -> Vec<u8> {
        let count = u32::try_from(elements.len()).unwrap();
        let header = [1u32, 0, oid, count, 1].map(u32::to_be_bytes).concat();
        [header, elements.concat()].concat()
    }

    fn composite(fields: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let count = u32::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
        let fields = fields.iter().map(|(oid, field)| [&oid.to_be_bytes(), &field[..]].concat());
        [count, fields.collect::<Vec<_>>().concat()].concat()
    }

    fn cleared(shape: &Shape, value: &[u8]) -> Vec<u8> {
        let mut value = value.to_vec();
        shape.clear_oids(&mut value, &mut Vec::new());
        value
    }

    /// An array of composites of (plain, range over plain arrays, NULL).
    fn nested(array_oid: u32, oids: [u32; 3], inner: u32) -> Vec<u8> {
        let range = [&[0x02][..], &field(&array(inner, &[field(b"x")])), &field(&array(inner, &[]))].concat();
        let null = (-1i32).to_be_bytes().to_vec();
        let value = composite(&[(oids[0], field(b"abc")), (oids[1], field(&range)), (oids[2], null)]);
        array(array_oid, &[field(&value), (-1i32).to_be_bytes().to_vec()])
    }

    fn nested_shape() -> Shape {
        let range = Shape::Range(Box::new(Shape::Array(Box::new(Shape::Plain))));
        Shape::Array(Box::new(Shape::Composite(vec![
            Shape::Plain,
            range,
            Shape::Array(Box::new(Shape::Plain)),
        ])))
    }

    #[test]
    fn every_embedded_oid_is_cleared_and_nothing_else() {
        let value = nested(90001, [25, 90002, 90003], 90004);
        assert_eq!(cleared(&nested_shape(), &value), nested(0, [0, 0, 0], 0));
    }

    #[test]
    fn empty_array_and_infinite_range() {
        let empty = [0u32, 0, 777].map(u32::to_be_bytes).concat();
        assert_eq!(cleared(&Shape::Array(Box::new(Shape::Plain)), &empty), [0; 12]);
        let range = Shape::Range(Box::new(Shape::Array(Box::new(Shape::Plain))));
        let upper = |oid| [&[0x08][..], &field(&array(oid, &[]))].concat();
        assert_eq!(cleared(&range, &upper(5)), upper(0));
        assert_eq!(cleared(&range, &[0x01]), [0x01]);
        let multirange = Shape::Multirange(Box::new(Shape::Array(Box::new(Shape::Plain))));
        let value = |oid| [&[0, 0, 0, 1][..], &field(&upper(oid))].concat();
        assert_eq!(cleared(&multirange, &value(5)), value(0));
    }

    #[test]
    fn oids_are_looked_for_only_where_there_are_some() {
        let array = || Box::new(Shape::Array(Box::new(Shape::Plain)));
        let plain = || Box::new(Shape::Plain);
        for (shape, has) in [
            (Shape::Plain, false),
            (Shape::Array(plain()), true),
            (Shape::Composite(vec![]), true),
            (Shape::Range(plain()), false),
            (Shape::Range(array()), true),
            (Shape::Multirange(plain()), false),
            (Shape::Multirange(array()), true),
        ] {
            assert_eq!(shape.has_oids(), has, "{shape:?}");
        }
    }

    #[test]
    fn a_bound_is_there_unless_a_flag_says_otherwise() {
        let range = Shape::Range(Box::new(Shape::Array(Box::new(Shape::Plain))));
        // Inclusive, empty, infinite, null: how many bounds there are.
        for (flags, bounds) in [
            (0x00, 2),
            (0x06, 2),
            (0x01, 0),
            (0x08, 1),
            (0x20, 1),
            (0x10, 1),
            (0x40, 1),
            (0x18, 0),
            (0x60, 0),
        ] {
            let value = |oid| [&[flags][..], &field(&array(oid, &[])).repeat(bounds)].concat();
            assert_eq!(cleared(&range, &value(5)), value(0), "{flags:#x}");
            let longer = [&value(5)[..], &field(&array(5, &[]))].concat();
            assert_eq!(cleared(&range, &longer), longer, "{flags:#x}");
        }
    }

    #[test]
    fn malformed_values_stay_as_they_are() {
        let value = nested(90001, [25, 90002, 90003], 90004);
        for end in 0..value.len() {
            assert_eq!(cleared(&nested_shape(), &value[..end]), value[..end], "cut at {end}");
        }
        let longer = [&value[..], &[0]].concat();
        assert_eq!(cleared(&nested_shape(), &longer), longer);
        // One field less and one more than the type has.
        for fields in [1, 3] {
            let other = composite(&vec![(5, field(b"a")); fields]);
            assert_eq!(cleared(&Shape::Composite(vec![Shape::Plain, Shape::Plain]), &other), other);
        }
        let none = [4u32, 0, 1, u32::MAX >> 1, 1, u32::MAX >> 1, 1, u32::MAX >> 1, 1, 0, 1]
            .map(u32::to_be_bytes)
            .concat();
        let cleared_none = [&none[..8], &[0; 4], &none[12..]].concat();
        assert_eq!(
            cleared(&Shape::Array(Box::new(Shape::Plain)), &none),
            cleared_none,
            "a size of 0 behind large ones"
        );
        let huge = [6u32, 0, 1, u32::MAX >> 1, 1, u32::MAX >> 1, 1].map(u32::to_be_bytes).concat();
        assert_eq!(cleared(&Shape::Array(Box::new(Shape::Plain)), &huge), huge);
    }

    #[test]
    fn shapes_travel_flat_and_deep_ones_are_refused() {
        let bytes = wire::encode(&nested_shape()).unwrap();
        assert_eq!(wire::decode::<Shape>(&bytes, 1 << 10), Ok(nested_shape()));
        let flat = [Shape::Multirange(Box::new(Shape::Plain)), Shape::Composite(vec![]), Shape::Plain];
        let flat = Shape::Composite(flat.to_vec());
        assert_eq!(wire::decode::<Shape>(&wire::encode(&flat).unwrap(), 1 << 10), Ok(flat));
        let refused = |bytes: &[u8], reason: &str| {
            let error = wire::decode::<Shape>(bytes, 1 << 16).unwrap_err();
            assert!(error.contains(reason), "{error}");
        };
        for (wrap, tag) in [(Shape::Array as fn(_) -> _, 1), (Shape::Range, 3), (Shape::Multirange, 4)] {
            let nest = |depth| (1..depth).fold(Shape::Plain, |inner, _| wrap(Box::new(inner)));
            let bytes = wire::encode(&nest(MAX_DEPTH)).unwrap();
            assert_eq!(wire::decode::<Shape>(&bytes, 1 << 16), Ok(nest(MAX_DEPTH)));
            assert!(wire::encode(&nest(MAX_DEPTH + 1)).is_err());
            let mut nodes = vec![tag; 200];
            (nodes[0], nodes[199]) = (199, 0);
            refused(&nodes, "nest deeper than 64");
        }
        refused(&[1, 1], "a shape is cut short");
        refused(&[2, 0, 0], "a shape has parts left over");
    }
}
