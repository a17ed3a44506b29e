//! From a file nobody sees to the archive under its name: whole, durable, private, or not at all.
//!
//! The file is written without a name where the file system can do that (`O_TMPFILE`), so that not even `kill -9` leaves
//! anything behind; elsewhere under a name of its own beside the final one.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};

use super::Error;
use crate::archive::ArchiveId;

/// Where a file without a name is linked from.
const DESCRIPTORS: &str = "/proc/self/fd";
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A file on its way to its name. Dropped unpublished, it is gone.
#[derive(Debug)]
pub struct Unpublished {
    target: PathBuf,
    directory: File,
    /// The name it has meanwhile; none as long as it has no name at all.
    partial: Option<PathBuf>,
}

impl Unpublished {
    /// Opens a new file, mode 0600, that is to become `target`. Refuses an existing target unless `force`.
    pub fn create(target: &Path, force: bool) -> Result<(Self, File), Error> {
        match target.symlink_metadata() {
            // Not even by force: a rename would put the archive in the place of the device, the pipe or the link.
            Ok(there) if !there.is_file() => return Err(Error::NoRegularFile { path: target.to_owned() }),
            Ok(_) if !force => return Err(Error::Exists { path: target.to_owned() }),
            _ => {}
        }
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let directory = File::open(&parent).map_err(storage("open the directory", &parent))?;
        // Some file systems cannot do this; better to know before the dump than after it.
        directory.sync_all().map_err(storage("make names durable in", &parent))?;
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let unnamed = match Path::new(DESCRIPTORS).is_dir() {
            true => rustix::fs::open(&parent, flags | OFlags::TMPFILE, PRIVATE),
            // Without /proc it could never get its name.
            false => Err(rustix::io::Errno::OPNOTSUPP),
        };
        match unnamed {
            Ok(file) => {
                Ok((Unpublished { target: target.to_owned(), directory, partial: None }, File::from(file)))
            }
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR | rustix::io::Errno::INVAL) => {
                let partial = partial_name(target)?;
                let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
                let file = rustix::fs::open(&partial, flags, PRIVATE)
                    .map_err(|errno| storage("create the file", &partial)(errno.into()))?;
                Ok((
                    Unpublished { target: target.to_owned(), directory, partial: Some(partial) },
                    File::from(file),
                ))
            }
            Err(errno) => Err(storage("create a file in", &parent)(errno.into())),
        }
    }

    /// Gives the file, which is whole and durable, its name. After an error nothing new stands under the name.
    pub fn publish(mut self, file: &File, force: bool) -> Result<(), Error> {
        let target = self.target.clone();
        if self.partial.is_none() && !force {
            self.link(file, &target).map_err(|error| self.exists_or(error))?;
        } else {
            let partial = match self.partial.clone() {
                Some(partial) => partial,
                None => {
                    let partial = partial_name(&target)?;
                    self.link(file, &partial).map_err(storage("create the file", &partial))?;
                    self.partial = Some(partial.clone());
                    partial
                }
            };
            rename(&partial, &target, force).map_err(|error| self.exists_or(error))?;
            self.partial = None;
        }
        self.directory.sync_all().map_err(|error| {
            if !force {
                // What may vanish with the next power cut must not look like a backup until then.
                let _ = std::fs::remove_file(&target);
            }
            storage("make the name durable of", &target)(error)
        })
    }

    fn link(&self, file: &File, name: &Path) -> io::Result<()> {
        let unnamed = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
        Ok(rustix::fs::linkat(CWD, unnamed, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
    }

    fn exists_or(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists { path: self.target.clone() },
            _ => storage("publish the archive", &self.target)(error),
        }
    }
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            // Nothing more can be done about a file that will not go away, and its name says what it is.
            let _ = std::fs::remove_file(partial);
        }
    }
}

fn rename(from: &Path, to: &Path, force: bool) -> io::Result<()> {
    if force {
        return std::fs::rename(from, to);
    }
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // File systems without the flag. Nothing better is left than to look first.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if to.symlink_metadata().is_err() => {
            std::fs::rename(from, to)
        }
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => Err(io::ErrorKind::AlreadyExists.into()),
        done => Ok(done?),
    }
}

/// `.NAME.RANDOM.partial` beside the target.
fn partial_name(target: &Path) -> Result<PathBuf, Error> {
    let name = target.file_name().ok_or_else(|| {
        storage("create the archive", target)(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path has no file name",
        ))
    })?;
    let mut partial = OsString::from(".");
    partial.push(name);
    partial.push(format!(".{}.partial", ArchiveId::random()?));
    Ok(target.with_file_name(partial))
}

/// Wraps an I/O error with what was being done to which path.
pub(super) fn storage(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Storage { action, path, source }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn appears_whole_and_private_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("a.pgsnap");
        let (dropped, mut file) = Unpublished::create(&target, false).unwrap();
        file.write_all(b"half").unwrap();
        drop(dropped);
        assert!(names(directory.path()).is_empty());

        let (unpublished, mut file) = Unpublished::create(&target, false).unwrap();
        file.write_all(b"whole").unwrap();
        assert!(!target.exists());
        unpublished.publish(&file, false).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"whole");
        assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(directory.path()), ["a.pgsnap"]);
    }

    #[test]
    fn what_is_no_regular_file_is_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        for target in [directory.path(), Path::new("/dev/null"), &link] {
            for force in [false, true] {
                let refused = Unpublished::create(target, force);
                assert!(matches!(refused, Err(Error::NoRegularFile { .. })), "{}", target.display());
            }
        }
    }

    #[test]
    fn replaces_only_when_forced() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("a.pgsnap");
        let (unpublished, file) = Unpublished::create(&target, false).unwrap();
        std::fs::write(&target, "somebody was faster").unwrap();
        assert!(matches!(unpublished.publish(&file, false), Err(Error::Exists { .. })));
        assert!(matches!(Unpublished::create(&target, false), Err(Error::Exists { .. })));
        let (unpublished, mut file) = Unpublished::create(&target, true).unwrap();
        file.write_all(b"new").unwrap();
        unpublished.publish(&file, true).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert_eq!(names(directory.path()), ["a.pgsnap"]);
    }
}
