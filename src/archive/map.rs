//! The bytes of an archive: a memory map of its file, or a buffer.

use std::fs::{File, metadata};
use std::io;
use std::ops::{Deref, Range};
use std::path::Path;

use memmap2::{Advice, Mmap, UncheckedAdvice};

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

    /// The bytes of a range, as far as there are any. A map of a file ends the program with SIGBUS where the disk does not give what
    /// is looked at, so that the system is asked for it before (Linux 5.14).
    pub fn read(&self, range: Range<usize>) -> Result<&[u8], Error> {
        let Some(bytes) = self.get(range.clone()) else { return Ok(&[]) };
        let refused = match self {
            Bytes::Map(map) if !bytes.is_empty() => {
                map.advise_range(Advice::PopulateRead, range.start, range.len()).err()
            }
            _ => None,
        };
        // Older kernels do not know the question.
        match refused.filter(|error| error.raw_os_error().is_some_and(|code| NOT_THERE.contains(&code))) {
            Some(_) => Err(Error::Read { offset: range.start as u64, source: io::Error::other(NOT_GIVEN) }),
            None => Ok(bytes),
        }
    }

    /// All bytes, of which each has been read once.
    pub fn read_all(&self) -> Result<&[u8], Error> {
        const STEP: usize = 16 << 20;
        for start in (0..self.len()).step_by(STEP) {
            let range = start..self.len().min(start + STEP);
            self.read(range.clone())?;
            self.give_back(range);
        }
        Ok(self)
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

/// EFAULT, EHWPOISON: looking at the bytes would be answered with SIGBUS (madvise(2)).
const NOT_THERE: [i32; 2] = [14, 133];

const NOT_GIVEN: &str =
    "the disk does not give the bytes there, or somebody has cut the file short meanwhile";

#[allow(unsafe_code)]
fn map_file(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is private to this process and only read. What the compiler must not see is a byte that changes
    // while a reference to it lives. Archives are written under another name and renamed when they are complete, and
    // pgsnap never changes one afterwards; somebody else who overwrites an archive that is being read makes it an
    // archive whose checksums fail, and somebody who truncates it ends this process with SIGBUS at the worst, not with wrong data.
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
    fn what_the_disk_does_not_give_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(100_000).unwrap();
        let bytes = Bytes::map(file.path()).unwrap();
        // What is behind the end of a file is refused as a bad sector is.
        file.as_file().set_len(50_000).unwrap();
        let error = |result: Result<&[u8], Error>| result.unwrap_err().to_string();
        assert_eq!(bytes.read(40_000..50_000).unwrap().len(), 10_000);
        let said = error(bytes.read(60_000..60_001));
        assert!(
            said.starts_with("cannot read the archive at offset 60000: the disk does not give"),
            "{said}"
        );
        assert_eq!(error(bytes.read_all()), said.replace("60000", "0"));
        assert!(bytes.read(90_000..100_001).unwrap().is_empty());
        assert!(bytes.read(60_000..60_000).unwrap().is_empty());
    }

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
