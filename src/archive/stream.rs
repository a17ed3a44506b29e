//! A stream: bytes whose length the reader knows, stored in the shortest of three ways. format-spec/stream.md

use std::io;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{compress_bound, find_frame_compressed_size};

use super::Error;
use super::parse::{Cursor, Fault};

const STORED: u8 = 0;
const ZSTD: u8 = 1;
const REPEAT: u8 = 2;

/// Buffers of more bytes than this are given back to the system instead of being kept for the next block.
pub(super) const MAX_KEPT: usize = 64 << 20;

/// Streams up to this length are compressed without looking at a sample first.
const SAMPLE_ABOVE: usize = 16 << 10;
/// Length of one of the two pieces of a sample.
const SAMPLE_PIECE: usize = 4 << 10;

/// Whether `compressed` bytes are few enough to be worth the time to decompress them.
pub(super) fn pays(compressed: usize, raw: usize) -> bool {
    compressed < raw - raw / 32
}

/// Writes streams.
pub(super) struct StreamEncoder {
    /// None at level 0: streams are stored, or repeat.
    compressor: Option<Compressor<'static>>,
    /// For samples, always at the fastest level.
    sampler: Compressor<'static>,
    compressed: Vec<u8>,
    sample: Vec<u8>,
}

impl StreamEncoder {
    pub fn new(level: i32) -> Result<Self, Error> {
        let new = |level| {
            Compressor::new(level).map_err(|source| Error::Compression { what: "starting zstd", source })
        };
        Ok(StreamEncoder {
            compressor: (level != 0).then(|| new(level)).transpose()?,
            sampler: new(1)?,
            compressed: Vec::new(),
            sample: Vec::new(),
        })
    }

    /// Appends `raw` to `out` as a stream. With `sampled`, a long stream whose sample does not compress is stored.
    pub fn write(&mut self, raw: &[u8], sampled: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        let Some(first) = raw.first() else { return Ok(()) };
        if is_repeat(raw) {
            out.extend([REPEAT, *first]);
            return Ok(());
        }
        let promising = !sampled || raw.len() <= SAMPLE_ABOVE || self.sample_pays(raw)?;
        if let (Some(compressor), true) = (&mut self.compressor, promising) {
            compress(compressor, raw, &mut self.compressed)?;
            if let (true, Ok(length)) =
                (pays(self.compressed.len(), raw.len()), u32::try_from(self.compressed.len()))
            {
                out.push(ZSTD);
                out.extend(length.to_le_bytes());
                out.extend_from_slice(&self.compressed);
                return Ok(());
            }
        }
        if self.compressed.capacity() > MAX_KEPT {
            self.compressed = Vec::new();
        }
        out.push(STORED);
        out.extend_from_slice(raw);
        Ok(())
    }

    fn sample_pays(&mut self, raw: &[u8]) -> Result<bool, Error> {
        let mut sample = std::mem::take(&mut self.sample);
        take_sample(raw, &mut sample);
        let cost = self.cost(&sample)?;
        let pays = pays(cost, sample.len());
        self.sample = sample;
        Ok(pays)
    }

    /// Whether anything is compressed at all.
    pub fn compresses(&self) -> bool {
        self.compressor.is_some()
    }

    /// How long a sample gets, or stays.
    pub fn cost(&mut self, sample: &[u8]) -> Result<usize, Error> {
        if is_repeat(sample) {
            return Ok(1);
        }
        compress(&mut self.sampler, sample, &mut self.compressed)?;
        Ok(self.compressed.len().min(sample.len()))
    }
}

fn is_repeat(raw: &[u8]) -> bool {
    raw.split_first().is_some_and(|(first, rest)| rest.iter().all(|byte| byte == first))
}

/// Two pieces of `raw`, from the end of its first quarter and of its third; all of it when it is short. Pieces begin at
/// multiples of eight bytes.
pub(super) fn take_sample(raw: &[u8], sample: &mut Vec<u8>) {
    sample.clear();
    if raw.len() <= 2 * SAMPLE_PIECE {
        sample.extend_from_slice(raw);
        return;
    }
    for start in [raw.len() / 4, raw.len() / 4 * 3] {
        let rest = raw.get(start & !7..).unwrap_or_default();
        sample.extend_from_slice(rest.get(..SAMPLE_PIECE).unwrap_or(rest));
    }
}

/// Sets `out` to `raw` as a zstd frame.
fn compress(compressor: &mut Compressor, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    out.clear();
    out.reserve(compress_bound(raw.len()));
    compressor
        .compress_to_buffer(raw, out)
        .map(drop)
        .map_err(|source| Error::Compression { what: "compressing a block", source })
}

/// Reads streams.
pub(super) struct StreamDecoder {
    decompressor: Decompressor<'static>,
}

impl StreamDecoder {
    pub fn new() -> Result<Self, Error> {
        let failed = |source| Error::Compression { what: "starting zstd", source };
        Ok(StreamDecoder { decompressor: Decompressor::new().map_err(failed)? })
    }

    /// Replaces `out` by the stream at `cursor`, which is `length` bytes long. The caller has capped `length`.
    pub fn read(&mut self, cursor: &mut Cursor, length: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.clear();
        if length == 0 {
            return Ok(());
        }
        let position = cursor.position();
        match cursor.u8()? {
            STORED => {
                let raw = cursor.take(length)?;
                reserve(out, length, position)?;
                out.extend_from_slice(raw);
            }
            ZSTD => {
                let stored = usize::try_from(cursor.u32()?).unwrap_or(usize::MAX);
                let frame = cursor.take(stored)?;
                reserve(out, length, position)?;
                self.decompress(frame, length, out)
                    .map_err(|error| Fault { position, what: error.to_string() })?;
            }
            REPEAT => {
                let byte = cursor.u8()?;
                reserve(out, length, position)?;
                out.resize(length, byte);
            }
            method => return Err(Fault { position, what: format!("unknown stream method {method}") }),
        }
        Ok(())
    }

    /// Sets `out`, which has room for it and perhaps more, to what `frame` holds: exactly `length` bytes in one zstd frame.
    fn decompress(&mut self, frame: &[u8], length: usize, out: &mut Vec<u8>) -> io::Result<()> {
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        if find_frame_compressed_size(frame).ok() != Some(frame.len()) {
            return Err(invalid("compressed bytes are not one zstd frame".to_owned()));
        }
        let found = self
            .decompressor
            .decompress_to_buffer(frame, out)
            .map_err(|error| invalid(format!("zstd: {error}")))?;
        if found != length {
            return Err(invalid(format!("{found} bytes after decompression, {length} expected")));
        }
        Ok(())
    }
}

/// Makes room for `length` bytes in the empty `out`, or says that memory does not suffice.
pub(super) fn reserve<T>(out: &mut Vec<T>, length: usize, position: usize) -> Result<(), Fault> {
    out.try_reserve(length).map_err(|_| Fault {
        position,
        what: format!("not enough memory for {length} values or bytes that it announces"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::cast_possible_truncation)]
    use super::*;

    fn written(raw: &[u8], sampled: bool) -> Vec<u8> {
        let mut out = Vec::new();
        StreamEncoder::new(1).unwrap().write(raw, sampled, &mut out).unwrap();
        out
    }

    fn read(bytes: &[u8], length: usize) -> Result<Vec<u8>, Fault> {
        let mut cursor = Cursor::new(bytes);
        let mut out = vec![9];
        StreamDecoder::new().unwrap().read(&mut cursor, length, &mut out)?;
        cursor.end()?;
        Ok(out)
    }

    /// Bytes without pattern.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            state.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn each_method_and_back() {
        assert_eq!(written(&[], true), [] as [u8; 0]);
        assert_eq!(written(&[7; 100], true), [REPEAT, 7]);
        assert_eq!(written(b"abc", true), [STORED, b'a', b'b', b'c']);
        let text = b"the quick brown fox ".repeat(50);
        assert_eq!(written(&text, true)[0], ZSTD);
        for raw in [&[][..], &[7; 100], b"abc", &text, &noise(40_000)] {
            for sampled in [true, false] {
                assert_eq!(read(&written(raw, sampled), raw.len()).unwrap(), raw);
            }
        }
    }

    #[test]
    fn noise_is_stored_and_costs_one_byte() {
        assert_eq!(written(&noise(100_000), true).len(), 100_001);
    }

    #[test]
    fn wrong_streams_are_refused() {
        let text = b"the quick brown fox ".repeat(50);
        let good = written(&text, true);
        for length in [text.len() - 1, text.len() + 1] {
            assert!(read(&good, length).is_err());
        }
        assert!(read(&[3, 0], 1).is_err());
        assert!(read(&[STORED, 1], 2).is_err());
        let frame = &good[5..];
        let two = [&[ZSTD][..], &(2 * frame.len() as u32).to_le_bytes(), frame, frame].concat();
        assert!(read(&two, 2 * text.len()).is_err(), "two frames");
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        let fault = reserve(&mut Vec::<u32>::new(), usize::MAX, 7).unwrap_err();
        assert_eq!(fault.position, 7);
        assert!(fault.what.starts_with("not enough memory for 18446744073709551615 "), "{}", fault.what);
    }
}
