//! Catalog and index as bytes. format-spec/wire.md
//!
//! bincode 2 writes them, in its standard configuration. It does not read them: for a text it allocates what the length
//! claims before it looks whether so many bytes are there.

use bincode::config::standard;
use bincode::serde::encode_to_vec;
pub(super) use serde::de::value::Error;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, SeqAccess,
    VariantAccess, Visitor,
};
use serde::{Serialize, forward_to_deserialize_any};

use super::parse::{Cursor, Fault};

/// `value` as bytes.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    encode_to_vec(value, standard()).map_err(|error| error.to_string())
}

/// The value that exactly fills `bytes`. No length in them is believed before it is compared with the bytes left, and
/// what the elements of lists and the texts take in memory is at most `memory` bytes.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], memory: usize) -> Result<T, String> {
    let mut reader = Reader { cursor: Cursor::new(bytes), memory };
    let value = T::deserialize(&mut reader).map_err(|error| error.to_string())?;
    reader.cursor.end().map_err(|fault| fault.what)?;
    Ok(value)
}

/// A value that can be compared with its bytes. A large one does it part by part, so that it is never in memory twice.
pub(super) trait ReadsBack: DeserializeOwned + PartialEq {
    /// Whether the bytes that come next are this value.
    fn reads_back(&self, reader: &mut Reader<'_>) -> Result<bool, Error> {
        Ok(Self::deserialize(reader)? == *self)
    }
}

/// Whether `value` exactly fills `bytes`, and [`decode`] would take them.
pub(super) fn is(value: &impl ReadsBack, bytes: &[u8], memory: usize) -> bool {
    let mut reader = Reader { cursor: Cursor::new(bytes), memory };
    value.reads_back(&mut reader).is_ok_and(|same| same) && reader.cursor.end().is_ok()
}

/// Takes values off the front of bytes.
pub(super) struct Reader<'de> {
    cursor: Cursor<'de>,
    /// Bytes of memory that may still be taken.
    memory: usize,
}

impl From<Fault> for Error {
    fn from(Fault { position, what }: Fault) -> Self {
        Error::custom(format!("{what}, at byte {position}"))
    }
}

impl Reader<'_> {
    fn u64(&mut self) -> Result<u64, Error> {
        match self.cursor.u8()? {
            byte @ 0..=0xfa => Ok(byte.into()),
            0xfb => Ok(self.cursor.u16()?.into()),
            0xfc => Ok(self.cursor.u32()?.into()),
            0xfd => Ok(self.cursor.u64()?),
            byte => Err(self.cursor.fault(format!("no number begins with {byte:#04x}")).into()),
        }
    }

    fn u32(&mut self) -> Result<u32, Error> {
        let number = self.u64()?;
        u32::try_from(number).map_err(|_| self.cursor.fault(format!("{number} is too large a number")).into())
    }

    /// Takes `bytes` off the memory that is left.
    fn charge(&mut self, bytes: usize) -> Result<(), Error> {
        self.memory = self
            .memory
            .checked_sub(bytes)
            .ok_or_else(|| self.cursor.fault("more values than the length of the frame allows"))?;
        Ok(())
    }

    /// Whether the value that comes next is `expected`.
    pub fn is<T: DeserializeOwned + PartialEq>(&mut self, expected: &T) -> Result<bool, Error> {
        Ok(T::deserialize(self)? == *expected)
    }

    /// Whether the list that comes next is `expected`. Only one element at a time is in memory.
    pub fn is_list<T: DeserializeOwned + PartialEq>(&mut self, expected: &[T]) -> Result<bool, Error> {
        if self.length()? != expected.len() {
            return Ok(false);
        }
        for element in expected {
            self.charge(size_of::<T>())?;
            if !self.is(element)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many bytes or elements follow. Each element has at least one byte.
    fn length(&mut self) -> Result<usize, Error> {
        let (length, left) = (self.u64()?, self.cursor.remaining());
        usize::try_from(length).ok().filter(|length| *length <= left).ok_or_else(|| {
            self.cursor
                .fault(format!("{length} announced of what has at least one byte, {left} bytes left"))
                .into()
        })
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u8(self.cursor.u8()?)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u32(self.u32()?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u64(self.u64()?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let zigzag = self.u64()?;
        let magnitude = (zigzag >> 1).cast_signed();
        visitor.visit_i64(if zigzag & 1 == 0 { magnitude } else { !magnitude })
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let length = self.length()?;
        self.charge(length)?;
        let bytes = self.cursor.take(length)?;
        let text = std::str::from_utf8(bytes).map_err(|error| self.cursor.fault(error.to_string()))?;
        if text.contains('\0') {
            return Err(self.cursor.fault("a text has a NUL byte").into());
        }
        visitor.visit_borrowed_str(text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.cursor.u8()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self),
            byte => Err(self.cursor.fault(format!("no option begins with {byte:#04x}")).into()),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.length()?;
        visitor.visit_seq(Elements { reader: self, left, charged: true })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Elements { reader: self, left, charged: false })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("a type that format-spec/wire.md does not have"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u16 u128 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct tuple_struct map
        identifier ignored_any
    }
}

/// The elements of a list, or the parts of a structure.
struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
    /// Whether each takes memory of its own: parts of a structure do not.
    charged: bool,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        if self.charged {
            self.reader.charge(size_of::<T::Value>())?;
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> EnumAccess<'de> for &mut Reader<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let variant = self.u32()?;
        Ok((seed.deserialize(IntoDeserializer::<Error>::into_deserializer(variant))?, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Reader<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, parts: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_tuple(parts, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(fields.len(), visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Case {
        Empty,
        One(u32),
        Two(u8, String),
        Named { left: Option<i64>, right: [u8; 3] },
    }

    fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        decode(bytes, 1 << 20)
    }

    fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
        assert_eq!(read(&encode(&value).unwrap()), Ok(value));
    }

    #[test]
    fn what_bincode_writes_is_read() {
        for number in [0, 1, 250, 251, 0xffff, 0x1_0000, u32::MAX] {
            comes_back(number);
            comes_back(u64::from(number) << 32 | 7);
            comes_back([i64::from(number), -i64::from(number), i64::MAX - i64::from(number)]);
        }
        comes_back([i64::MIN, u64::MAX.cast_signed()]);
        comes_back((200u8, vec![255u8; 300], "a\u{e9}".repeat(150)));
        comes_back(vec![
            Case::Empty,
            Case::One(70_000),
            Case::Two(251, String::new()),
            Case::Named { left: Some(-3), right: [1, 2, 255] },
            Case::Named { left: None, right: [0; 3] },
        ]);
    }

    #[derive(PartialEq, Serialize, Deserialize)]
    struct Listed(Vec<String>, u32);

    impl ReadsBack for Listed {
        fn reads_back(&self, reader: &mut Reader<'_>) -> Result<bool, Error> {
            Ok(reader.is_list(&self.0)? && reader.is(&self.1)?)
        }
    }

    #[test]
    fn a_value_is_its_bytes_and_no_others() {
        let listed =
            |texts: &[&str], number| Listed(texts.iter().map(|text| (*text).to_owned()).collect(), number);
        let value = listed(&["ab", "c"], 300);
        let bytes = encode(&value).unwrap();
        let memory = 2 * size_of::<String>() + 3;
        assert!(is(&value, &bytes, memory));
        assert!(!is(&value, &bytes, memory - 1));
        assert!(!is(&value, &[&bytes[..], &[0]].concat(), memory));
        assert!(!is(&value, &bytes[..bytes.len() - 1], memory));
        for other in [
            listed(&["ab", "d"], 300),
            listed(&["ab"], 300),
            listed(&["ab", "c", ""], 300),
            listed(&["ab", "c"], 301),
        ] {
            assert!(!is(&other, &bytes, 1 << 20) && !is(&value, &encode(&other).unwrap(), 1 << 20));
        }
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused() {
        for length in [3, 1 << 34, 1 << 62, u64::MAX] {
            let bytes = [&[0xfd][..], &length.to_le_bytes(), b"ab"].concat();
            for error in [
                read::<String>(&bytes).unwrap_err(),
                read::<Vec<u8>>(&bytes).unwrap_err(),
                read::<Vec<String>>(&bytes).unwrap_err(),
            ] {
                assert!(error.starts_with(&format!("{length} announced")), "{error}");
            }
        }
        assert!(read::<String>(&[200, b'a']).is_err());
    }

    #[test]
    fn what_is_no_value_is_refused() {
        assert!(read::<u32>(&[0xfd, 0, 0, 0, 0, 1, 0, 0, 0]).is_err());
        assert!(read::<u64>(&[0xfe; 17]).is_err());
        assert!(read::<u64>(&[0xfd, 1]).is_err());
        assert!(read::<String>(&[1, 0xff]).is_err());
        assert!(read::<String>(&[1, 0]).is_err());
        assert!(read::<Option<u8>>(&[2, 0]).is_err());
        assert!(read::<Case>(&[4]).is_err());
        assert_eq!(read::<bool>(&[1]), Err("a type that format-spec/wire.md does not have".to_owned()));
    }

    #[test]
    fn bytes_left_over_are_refused() {
        assert_eq!(read::<u32>(&[5]), Ok(5));
        assert_eq!(read::<u32>(&[5, 0]), Err("1 bytes too many".to_owned()));
    }

    #[test]
    fn values_take_no_more_memory_than_allowed() {
        let texts = vec!["ab".to_owned(); 10];
        let (bytes, memory) = (encode(&texts).unwrap(), 10 * (size_of::<String>() + 2));
        assert_eq!(decode(&bytes, memory), Ok(texts));
        let error = decode::<Vec<String>>(&bytes, memory - 1).unwrap_err();
        assert!(error.starts_with("more values"), "{error}");
        assert_eq!(decode(&[1, 2, 3], 0), Ok([1u8, 2, 3]));
    }
}
