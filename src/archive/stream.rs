//! A stream: bytes whose length the reader knows, stored in the shortest of three ways. format-spec/stream.md

use std::io;
use std::ops::Range;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, Strategy, compress_bound, find_frame_compressed_size};

use super::Error;
use super::parse::{Cursor, Fault};

const STORED: u8 = 0;
const ZSTD: u8 = 1;
const REPEAT: u8 = 2;

/// Buffers of more bytes than this are given back to the system instead of being kept for the next block.
const MAX_KEPT: usize = 64 << 20;

/// Whether so many bytes are not kept, and no copy of them is made.
pub(super) fn is_large(bytes: usize) -> bool {
    bytes > MAX_KEPT
}

/// Streams up to this length are compressed without looking at a sample first.
const SAMPLE_ABOVE: usize = 16 << 10;
/// Length of one of the two pieces of a sample.
const SAMPLE_PIECE: usize = 4 << 10;

/// Whether `compressed` bytes are few enough to be worth the time to decompress them.
pub(super) fn pays(compressed: usize, raw: usize) -> bool {
    compressed < raw - raw / 32
}

/// What the bytes of a stream are.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// Values, one after the other: texts repeat each other.
    Values,
    /// One byte of each value, or a code for it: what repeats is single bytes.
    Plane,
}

/// At levels up to this one planes are compressed in a way of their own.
const PLANES_APART: i32 = 9;
/// Bits of the table in which zstd looks for repetitions in a plane, and the shortest that it takes. So little is found
/// that most bytes are coded one by one, by how often they occur: on signs and exponents of floats 7 % shorter than at level
/// 1, at twice the speed, and read faster.
const PLANE_HASH_LOG: u32 = 8;
const PLANE_MIN_MATCH: u32 = 7;

/// Writes streams.
pub(super) struct StreamEncoder {
    /// None at level 0: streams are stored, or repeat.
    compressors: Option<Compressors>,
    /// For samples.
    samplers: Compressors,
    compressed: Vec<u8>,
    sample: Vec<u8>,
}

struct Compressors {
    values: Compressor<'static>,
    planes: Compressor<'static>,
}

impl Compressors {
    fn new(level: i32) -> io::Result<Self> {
        if level > PLANES_APART {
            return Ok(Compressors { values: Compressor::new(level)?, planes: Compressor::new(level)? });
        }
        // From level 1, whatever the level: what the others add to it (target length) would turn the coding of bytes off.
        let mut planes = Compressor::new(1)?;
        planes.set_parameter(CParameter::Strategy(Strategy::ZSTD_fast))?;
        planes.set_parameter(CParameter::HashLog(PLANE_HASH_LOG))?;
        planes.set_parameter(CParameter::MinMatch(PLANE_MIN_MATCH))?;
        Ok(Compressors { values: Compressor::new(level)?, planes })
    }

    /// Appends `raw` to `out` as a zstd frame.
    fn append(&mut self, raw: &[u8], content: Content, out: &mut Vec<u8>) -> Result<(), Error> {
        let compressor = match content {
            Content::Values => &mut self.values,
            Content::Plane => &mut self.planes,
        };
        out.reserve(compress_bound(raw.len()));
        let mut end = io::Cursor::new(&mut *out);
        end.set_position(end.get_ref().len() as u64);
        compressor
            .compress_to_buffer(raw, &mut end)
            .map(drop)
            .map_err(|source| Error::Compression { what: "compressing a block", source })
    }
}

impl StreamEncoder {
    pub fn new(level: i32) -> Result<Self, Error> {
        let new = |level| {
            Compressors::new(level).map_err(|source| Error::Compression { what: "starting zstd", source })
        };
        Ok(StreamEncoder {
            compressors: (level != 0).then(|| new(level)).transpose()?,
            samplers: new(1)?,
            compressed: Vec::new(),
            sample: Vec::new(),
        })
    }

    /// Appends `raw` to `out` as a stream. A long plane whose sample does not compress is stored.
    pub fn write(&mut self, raw: &[u8], content: Content, out: &mut Vec<u8>) -> Result<(), Error> {
        let Some(first) = raw.first() else { return Ok(()) };
        if is_repeat(raw) {
            out.extend([REPEAT, *first]);
            return Ok(());
        }
        let promising = match content {
            Content::Values => true,
            Content::Plane => raw.len() <= SAMPLE_ABOVE || self.sample_pays(raw, content)?,
        };
        if let (Some(compressors), true) = (&mut self.compressors, promising) {
            let start = out.len();
            out.extend([ZSTD, 0, 0, 0, 0]);
            let frame = out.len();
            compressors.append(raw, content, out)?;
            let length = out.len() - frame;
            if let (true, Ok(length)) = (pays(length, raw.len()), u32::try_from(length)) {
                let place = out.get_mut(start + 1..frame).unwrap_or_default();
                place.copy_from_slice(&length.to_le_bytes());
                return Ok(());
            }
            out.truncate(start);
        }
        out.push(STORED);
        out.extend_from_slice(raw);
        Ok(())
    }

    fn sample_pays(&mut self, raw: &[u8], content: Content) -> Result<bool, Error> {
        let mut sample = std::mem::take(&mut self.sample);
        take_sample(raw, &mut sample);
        let cost = self.cost(&sample, content)?;
        let pays = pays(cost, sample.len());
        self.sample = sample;
        Ok(pays)
    }

    /// Whether anything is compressed at all.
    pub fn compresses(&self) -> bool {
        self.compressors.is_some()
    }

    /// How long a sample gets, or stays.
    pub fn cost(&mut self, sample: &[u8], content: Content) -> Result<usize, Error> {
        if is_repeat(sample) {
            return Ok(1);
        }
        self.compressed.clear();
        self.samplers.append(sample, content, &mut self.compressed)?;
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

/// Reads streams.
pub(super) struct StreamDecoder {
    decompressor: Decompressor<'static>,
}

impl StreamDecoder {
    pub fn new() -> Result<Self, Error> {
        let failed = |source| Error::Compression { what: "starting zstd", source };
        Ok(StreamDecoder { decompressor: Decompressor::new().map_err(failed)? })
    }

    /// The stream at `cursor`, which is `length` bytes long: where it stands when it is stored, otherwise in `out`. The
    /// caller has capped `length`.
    pub fn read<'out, 'block: 'out>(
        &mut self,
        cursor: &mut Cursor<'block>,
        length: usize,
        out: &'out mut Vec<u8>,
    ) -> Result<&'out [u8], Fault> {
        match self.unpack(cursor, length, out)? {
            Some(stored) => Ok(stored),
            None => Ok(out),
        }
    }

    /// The stream at `cursor`: where it stands among the cursor's bytes when it is stored, otherwise in `out`.
    pub fn read_or_find(
        &mut self,
        cursor: &mut Cursor,
        length: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<Range<usize>>, Fault> {
        let stored = self.unpack(cursor, length, out)?;
        Ok(stored.map(|stored| cursor.position() - stored.len()..cursor.position()))
    }

    /// Returns a stream that is stored; replaces `out` by any other.
    fn unpack<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        length: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, Fault> {
        out.clear();
        if length == 0 {
            return Ok(None);
        }
        let position = cursor.position();
        match cursor.u8()? {
            STORED => return cursor.take(length).map(Some),
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
        Ok(None)
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

/// Makes room for `length` more bytes in `out`, or says that memory does not suffice.
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

    fn written(raw: &[u8], content: Content) -> Vec<u8> {
        let mut out = Vec::new();
        StreamEncoder::new(1).unwrap().write(raw, content, &mut out).unwrap();
        out
    }

    fn read(bytes: &[u8], length: usize) -> Result<Vec<u8>, Fault> {
        let mut cursor = Cursor::new(bytes);
        let (mut out, mut buffer) = (vec![9], vec![9]);
        let found = StreamDecoder::new().unwrap().read_or_find(&mut cursor, length, &mut out)?;
        cursor.end()?;
        let read = StreamDecoder::new().unwrap().read(&mut Cursor::new(bytes), length, &mut buffer)?;
        assert_eq!(read, found.map_or(&out[..], |range| &bytes[range]));
        Ok(read.to_vec())
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
    fn a_sample_is_two_pieces_of_a_long_stream() {
        let raw: Vec<u8> = (0..100_003u32).flat_map(|i| (i as u16).to_le_bytes()).collect();
        let sample = |length: usize| {
            let mut sample = vec![1];
            take_sample(&raw[..length], &mut sample);
            sample
        };
        assert_eq!(sample(8192), raw[..8192]);
        assert_eq!(sample(8200), [&raw[2048..6144], &raw[6144..8200]].concat());
        assert_eq!(sample(200_006), [&raw[50_000..54_096], &raw[150_000..154_096]].concat());
        assert!(pays(30, 32) && !pays(31, 32));
    }

    #[test]
    fn only_long_planes_are_judged_by_a_sample() {
        // Without pattern where a sample is taken, zeros elsewhere.
        let plane = |length: usize| {
            let mut raw = vec![0; length];
            for (start, piece) in [length / 4, length / 4 * 3].into_iter().zip(noise(8192).chunks(4096)) {
                raw[start..start + 4096].copy_from_slice(piece);
            }
            raw
        };
        assert_eq!(written(&plane(16 << 10), Content::Plane)[0], ZSTD);
        assert_eq!(written(&plane(32 << 10), Content::Plane)[0], STORED);
        assert_eq!(written(&plane(32 << 10), Content::Values)[0], ZSTD);
    }

    #[test]
    fn each_method_and_back() {
        assert_eq!(written(&[], Content::Plane), [] as [u8; 0]);
        assert_eq!(written(&[7; 100], Content::Plane), [REPEAT, 7]);
        assert_eq!(written(b"abc", Content::Plane), [STORED, b'a', b'b', b'c']);
        let text = b"the quick brown fox ".repeat(50);
        assert_eq!(written(&text, Content::Plane)[0], ZSTD);
        for raw in [&[][..], &[7; 100], b"abc", &text, &noise(40_000)] {
            for content in [Content::Values, Content::Plane] {
                assert_eq!(read(&written(raw, content), raw.len()).unwrap(), raw);
            }
        }
    }

    #[test]
    fn noise_is_stored_and_costs_one_byte() {
        assert_eq!(written(&noise(100_000), Content::Plane).len(), 100_001);
    }

    #[test]
    fn a_plane_is_coded_byte_by_byte_at_every_level() {
        // Half of the bytes are 0, a quarter 1, and so on: two bits each.
        let plane = noise(50_000).iter().map(|byte| byte.leading_zeros() as u8).collect::<Vec<_>>();
        for level in 1..=PLANES_APART {
            let mut out = Vec::new();
            StreamEncoder::new(level).unwrap().write(&plane, Content::Plane, &mut out).unwrap();
            assert!(out.len() < 50_000 * 25 / 10 / 8, "{} bytes at level {level}", out.len());
        }
    }

    #[test]
    fn wrong_streams_are_refused() {
        let text = b"the quick brown fox ".repeat(50);
        let good = written(&text, Content::Plane);
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
