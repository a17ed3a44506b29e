//! The bytes of an archive: a memory map of its file, or a buffer.

use std::fs::{File, metadata};
use std::ops::{Deref, Range};
use std::path::Path;

use memmap2::{Mmap, UncheckedAdvice};

use super::Error;

pub(super) enum Bytes {
    Map(Mmap),
    Buffer(Vec<u8>),
}

impl Bytes {
    /// Maps the regular file at `path`.
    pub fn map(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Open { path: path.to_owned(), source };
        // Before opening: opening a FIFO waits for a writer.
        if !metadata(path).map_err(failed)?.is_file() {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        Bytes::map_open(&File::open(path).map_err(failed)?, path)
    }

    /// Maps a regular file that is open; `path` is for messages.
    pub fn map_open(file: &File, path: &Path) -> Result<Self, Error> {
        map_file(file).map(Bytes::Map).map_err(|source| Error::Open { path: path.to_owned(), source })
    }

    /// Lets the system take back the memory of a range, which is read from the file again when it is looked at again.
    pub fn give_back(&self, range: Range<usize>) {
        if let Bytes::Map(map) = self
            && range.start <= range.end
            && range.end <= map.len()
        {
            give_back(map, range);
        }
    }
}

#[allow(unsafe_code)]
fn map_file(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is private to this process and only read. What the compiler must not see is a byte that changes
    // while a reference to it lives. Archives are written under another name and renamed when they are complete, and
    // pgsnap never changes one afterwards; somebody else who overwrites an archive that is being read makes it an
    // archive whose checksums fail, and somebody who truncates it ends this process with SIGBUS, not with wrong data.
    // Bytes are parsed by position, as numbers and slices; no reference to anything but `u8` points into the map.
    unsafe { Mmap::map(file) }
}

#[allow(unsafe_code)]
fn give_back(map: &Mmap, range: Range<usize>) {
    // SAFETY: this is a shared map of a file that is only read, so nothing is lost with a page: whoever looks at it next, in another
    // thread at the same time too, finds the file's bytes again, of which the same holds as above. It is only a matter of memory,
    // so that a refusal means nothing.
    let _ = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len()) };
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Map(map) => map,
            Bytes::Buffer(buffer) => buffer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_read_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let expected: Vec<u8> = (0..100_000u32).map(|number| number.to_le_bytes()[0]).collect();
        std::fs::write(file.path(), &expected).unwrap();
        let bytes = Bytes::map(file.path()).unwrap();
        for range in [0..100_000, 5_000..90_001, 7..8, 99_999..100_001, 0..0] {
            assert_eq!(&bytes[..], &expected[..]);
            bytes.give_back(range);
        }
        assert_eq!(&bytes[..], &expected[..]);
    }
}
