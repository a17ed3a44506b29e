//! The bytes of an archive: a memory map of its file, or a buffer.

use std::fs::{File, metadata};
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

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
        let file = File::open(path).map_err(failed)?;
        map_file(&file).map(Bytes::Map).map_err(failed)
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

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Map(map) => map,
            Bytes::Buffer(buffer) => buffer,
        }
    }
}
