//! Catalog and index as bytes: bincode 2, standard configuration. format-spec/wire.md writes these bytes out.
//!
//! The only user of bincode, which is no longer developed; the format is simple enough to be read without it.

use bincode::config::{Configuration, standard};
use bincode::error::DecodeError;
use bincode::serde::{borrow_decode_from_slice, encode_to_vec};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// `value` as bytes.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    encode_to_vec(value, CONFIG).map_err(|error| error.to_string())
}

const CONFIG: Configuration = standard();

/// The value that exactly fills `bytes`.
///
/// bincode allocates what a length claims, up to the limit, and counts every integer with its full width. The limit is
/// therefore the next of four steps above sixteen times the bytes that are there.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let decoded: Result<(T, usize), DecodeError> = match bytes.len() {
        0..=0xffff => borrow_decode_from_slice(bytes, CONFIG.with_limit::<{ 1 << 20 }>()),
        0x1_0000..=0xf_ffff => borrow_decode_from_slice(bytes, CONFIG.with_limit::<{ 1 << 24 }>()),
        0x10_0000..=0xff_ffff => borrow_decode_from_slice(bytes, CONFIG.with_limit::<{ 1 << 28 }>()),
        _ => borrow_decode_from_slice(bytes, CONFIG.with_limit::<{ usize::MAX >> 29 }>()),
    };
    let (value, read) = decoded.map_err(|error| error.to_string())?;
    match bytes.len() - read {
        0 => Ok(value),
        left => Err(format!("{left} bytes too many")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_bytes_is_refused() {
        assert!(decode::<String>(&[0xfc, 0xff, 0xff, 0xff, 0x7f]).is_err());
        assert!(decode::<Vec<String>>(&[0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_err());
        assert!(decode::<String>(&[200, b'a']).is_err());
    }

    #[test]
    fn bytes_left_over_are_refused() {
        assert_eq!(decode::<u32>(&[5]), Ok(5));
        assert_eq!(decode::<u32>(&[5, 0]), Err("1 bytes too many".to_owned()));
    }
}
