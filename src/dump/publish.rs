//! From a file nobody sees to the archive under its name: whole, durable, private, or not at all.
//!
//! The file is written without a name where the file system can do that (`O_TMPFILE`), so that not even `kill -9` leaves
//! anything behind; elsewhere under a name of its own beside the final one.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::Error;
use crate::archive::ArchiveId;

/// Where a file without a name is linked from.
const DESCRIPTORS: &str = "/proc/self/fd";
/// How the name of a file ends that has not got its own yet, and never will if its dump was killed.
pub const PARTIAL: &str = ".partial";
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A file on its way to its name. Dropped unpublished, it is gone.
#[derive(Debug)]
pub struct Unpublished {
    file: File,
    /// Whatever happens to the path of the directory meanwhile, the file stays in this one.
    directory: File,
    /// Its path, for messages.
    parent: PathBuf,
    name: OsString,
    /// The name it has meanwhile; none as long as it has no name at all.
    partial: Option<OsString>,
}

impl Unpublished {
    /// Opens a new file, mode 0600, that is to become `target`. Refuses an existing target unless `force`.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`], [`Error::NoRegularFile`], [`Error::Storage`]
    pub fn create(target: &Path, force: bool) -> Result<Self, Error> {
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let name = target.file_name().ok_or_else(|| {
            let no_name = io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name");
            storage("create the archive", target)(no_name)
        })?;
        let directory = File::open(&parent).map_err(storage("open the directory", &parent))?;
        Unpublished::create_in(directory, &parent, name, force)
    }

    /// The same for a name in a directory that is open.
    ///
    /// # Errors
    ///
    /// As [`Unpublished::create`].
    pub fn create_in(directory: File, parent: &Path, name: &OsStr, force: bool) -> Result<Self, Error> {
        let path = parent.join(name);
        match rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            // Not even by force: a rename would put the archive in the place of the device, the pipe or the link.
            Ok(there) if FileType::from_raw_mode(there.st_mode) != FileType::RegularFile => {
                return Err(Error::NoRegularFile { path });
            }
            Ok(_) if !force => return Err(Error::Exists { path }),
            _ => {}
        }
        // Some file systems cannot do this; better to know before the dump than after it.
        directory.sync_all().map_err(storage("make names durable in", parent))?;
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let unnamed = match Path::new(DESCRIPTORS).is_dir() {
            true => rustix::fs::openat(&directory, ".", flags | OFlags::TMPFILE, PRIVATE),
            // Without /proc it could never get its name.
            false => Err(Errno::OPNOTSUPP),
        };
        let (file, partial) = match unnamed {
            Ok(file) => (file, None),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                let partial = partial_name(name)?;
                let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
                let file = rustix::fs::openat(&directory, &partial, flags, PRIVATE)
                    .map_err(|errno| storage("create the file", &parent.join(&partial))(errno.into()))?;
                (file, Some(partial))
            }
            Err(errno) => return Err(storage("create a file in", parent)(errno.into())),
        };
        Ok(Unpublished {
            file: File::from(file),
            directory,
            parent: parent.to_owned(),
            name: name.to_owned(),
            partial,
        })
    }

    /// What is written, and can be read back.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Another name than the one it was made for.
    pub fn rename(&mut self, name: &OsStr) {
        name.clone_into(&mut self.name);
    }

    /// Gives the file, which is whole and durable, its name. After an error nothing new stands under the name.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`], [`Error::Storage`]
    pub fn publish(mut self, force: bool) -> Result<(), Error> {
        let path = self.parent.join(&self.name);
        if self.partial.is_none() && !force {
            self.link(&self.name).map_err(|error| exists_or(error, &path))?;
        } else {
            let partial = match self.partial.clone() {
                Some(partial) => partial,
                None => {
                    let partial = partial_name(&self.name)?;
                    self.link(&partial).map_err(storage("create the file", &self.parent.join(&partial)))?;
                    self.partial = Some(partial.clone());
                    partial
                }
            };
            rename(&self.directory, &partial, &self.name, force).map_err(|error| exists_or(error, &path))?;
            self.partial = None;
        }
        self.directory.sync_all().map_err(|error| {
            if !force {
                // What may vanish with the next power cut must not look like a backup until then.
                let _ = rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::empty());
            }
            storage("make the name durable of", &path)(error)
        })
    }

    fn link(&self, name: &OsStr) -> io::Result<()> {
        let unnamed = format!("{DESCRIPTORS}/{}", self.file.as_raw_fd());
        Ok(rustix::fs::linkat(CWD, unnamed, &self.directory, name, AtFlags::SYMLINK_FOLLOW)?)
    }
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            // Nothing more can be done about a file that will not go away, and its name says what it is.
            let _ = rustix::fs::unlinkat(&self.directory, partial, AtFlags::empty());
        }
    }
}

fn exists_or(error: io::Error, path: &Path) -> Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        _ => storage("publish the archive", path)(error),
    }
}

fn rename(directory: &File, from: &OsStr, to: &OsStr, force: bool) -> io::Result<()> {
    let rename = || Ok(rustix::fs::renameat(directory, from, directory, to)?);
    if force {
        return rename();
    }
    match rustix::fs::renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE) {
        // File systems without the flag. Nothing better is left than to look first.
        Err(Errno::INVAL | Errno::NOSYS) => {
            match rustix::fs::statat(directory, to, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                Err(_) => rename(),
            }
        }
        done => Ok(done?),
    }
}

/// `.NAME.RANDOM.partial`, with eight random digits
fn partial_name(name: &OsStr) -> Result<OsString, Error> {
    let mut partial = OsString::from(".");
    partial.push(name);
    // The name of an archive may have 216 bytes of the 255 that a name may have.
    partial.push(format!(".{:.8}{PARTIAL}", ArchiveId::random()?.to_string()));
    Ok(partial)
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
        let dropped = Unpublished::create(&target, false).unwrap();
        dropped.file().write_all(b"half").unwrap();
        drop(dropped);
        assert!(names(directory.path()).is_empty());

        let unpublished = Unpublished::create(&target, false).unwrap();
        unpublished.file().write_all(b"whole").unwrap();
        assert!(!target.exists());
        unpublished.publish(false).unwrap();
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
        let unpublished = Unpublished::create(&target, false).unwrap();
        std::fs::write(&target, "somebody was faster").unwrap();
        assert!(matches!(unpublished.publish(false), Err(Error::Exists { .. })));
        assert!(matches!(Unpublished::create(&target, false), Err(Error::Exists { .. })));
        let unpublished = Unpublished::create(&target, true).unwrap();
        unpublished.file().write_all(b"new").unwrap();
        unpublished.publish(true).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert_eq!(names(directory.path()), ["a.pgsnap"]);
    }
}
