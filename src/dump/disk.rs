//! Writing past the page cache where that is known to go well: an archive of gigabytes would drive out of it what the server has
//! there, and the copy into it took a third of a dump's processor time.

use std::fs::File;
use std::io::{self, Write};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl, fstatfs};
use rustix::io::Errno;

/// What memory, offset and length of such a write must be multiples of: the largest that file systems ask for.
const ALIGNMENT: usize = 4096;
/// Bytes written at once.
const BUFFER: usize = 1 << 20;

/// The types that statfs(2) gives ext4 (also 2 and 3) and XFS. Over a network every such write would wait for the server's disk.
const LOCAL: [i64; 2] = [0xef53, 0x5846_5342];

/// A buffered file.
pub struct Disk {
    file: File,
    /// Longer than it need be: the bytes begin at `start`, which is aligned.
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    direct: bool,
}

impl Disk {
    /// Writes to a new file, which nobody else writes to.
    pub fn past_the_cache(file: File) -> Self {
        let local = fstatfs(&file).is_ok_and(|system| LOCAL.contains(&system.f_type));
        let direct = local && set_direct(&file, true).is_ok();
        Disk { direct, ..Disk::cached(file) }
    }

    /// Writes to a file or a pipe as it is.
    pub fn cached(file: File) -> Self {
        let buffer = vec![0; BUFFER + ALIGNMENT];
        let start = buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Disk { file, buffer, start, filled: 0, direct: false }
    }

    fn write_out(&mut self) -> io::Result<()> {
        let mut left = &self.buffer[self.start..self.start + self.filled];
        while !left.is_empty() {
            match self.file.write(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => left = &left[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Other rules here than those above, or a write that was cut short.
                Err(error) if self.direct && error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                    set_direct(&self.file, false)?;
                    self.direct = false;
                }
                Err(error) => return Err(error),
            }
        }
        self.filled = 0;
        Ok(())
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len().min(BUFFER - self.filled);
        let place = self.start + self.filled;
        self.buffer[place..place + length].copy_from_slice(&bytes[..length]);
        self.filled += length;
        if self.filled == BUFFER {
            self.write_out()?;
        }
        Ok(length)
    }

    /// What is written after this goes through the cache: the end of the file is where it happens to be.
    fn flush(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.direct) {
            set_direct(&self.file, false)?;
        }
        self.write_out()
    }
}

fn set_direct(file: &File, direct: bool) -> io::Result<()> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, direct);
    Ok(fcntl_setfl(file, flags)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_pieces_is_in_the_file() {
        let bytes: Vec<u8> = (0..3 * BUFFER + 12_345).map(|number| (number % 251) as u8).collect();
        for piece in [1000, ALIGNMENT, BUFFER, bytes.len()] {
            for open in [Disk::past_the_cache as fn(File) -> Disk, Disk::cached] {
                // Beside the sources, which are on a disk where the directory for temporary files may not be.
                let file = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
                let mut disk = open(file.reopen().unwrap());
                bytes.chunks(piece).for_each(|piece| disk.write_all(piece).unwrap());
                disk.flush().unwrap();
                disk.write_all(b"end").unwrap();
                disk.flush().unwrap();
                let found = std::fs::read(file.path()).unwrap();
                assert!(found[..bytes.len()] == bytes && found[bytes.len()..] == *b"end");
            }
        }
    }

    #[test]
    fn a_write_that_is_not_aligned_goes_through_the_cache() {
        let file = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let mut handle = file.reopen().unwrap();
        handle.write_all(b"x").unwrap();
        let mut disk = Disk::past_the_cache(handle);
        disk.write_all(&[7; BUFFER + 1]).unwrap();
        disk.flush().unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), [&b"x"[..], &[7; BUFFER + 1]].concat());
    }
}
