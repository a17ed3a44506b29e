//! A directory of backups. It is held open, so that nobody can put another one in its place, and nobody else may write to it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::Error;
use super::error::storage;
use super::names::{ArchiveName, encode};
use super::sanity::Measure;
use crate::archive::Archive;
use crate::archive::check::{Depth, check};
use crate::dump::PARTIAL;

/// Such a directory.
#[derive(Debug)]
pub struct Directory {
    file: File,
    path: PathBuf,
}

/// An archive in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The name of the file.
    pub name: String,
    /// The database it is of.
    pub database: String,
    /// When its snapshot was taken; what its name says when it cannot be read.
    pub at: DateTime<Utc>,
    /// Bytes and rows; no rows when it cannot be read.
    pub measure: Measure,
    /// Whether it is good for anything.
    pub state: State,
    /// The file itself.
    pub(super) inode: u64,
}

/// Whether an archive counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Header, catalog, index and footer are as they should be.
    Good,
    /// It was much smaller than those before it.
    Suspect,
    /// It is damaged, as described.
    Damaged(String),
    /// It only has the name of one of ours, for this reason.
    Foreign(String),
}

impl Directory {
    /// Opens a directory.
    ///
    /// # Errors
    ///
    /// [`Error::Unsafe`], [`Error::Storage`]
    pub fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Without a slash at the end, behind which a link would be followed.
        let path = &path.components().collect::<PathBuf>();
        let file = rustix::fs::openat(CWD, path, flags, Mode::empty());
        let file = File::from(file.map_err(|errno| match errno {
            Errno::LOOP | Errno::NOTDIR => Error::Unsafe {
                path: path.to_owned(),
                why: "it is no directory, or a symbolic link to one: name the directory itself".to_owned(),
            },
            errno => storage("open the directory", path)(errno.into()),
        })?);
        let directory = Directory { file, path: path.to_owned() };
        directory.refuse_unsafe()?;
        Ok(directory)
    }

    /// Opens a directory, and makes it, with mode 0700, if it is not there.
    ///
    /// # Errors
    ///
    /// As [`Directory::open`].
    pub fn open_or_create(path: &Path) -> Result<Self, Error> {
        match rustix::fs::mkdirat(CWD, path, Mode::RWXU) {
            Ok(()) => {
                let directory = Directory::open(path)?;
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let parent = parent.unwrap_or(Path::new("."));
                let synced = File::open(parent).and_then(|parent| parent.sync_all());
                synced.map_err(storage("make durable the name of", path))?;
                Ok(directory)
            }
            Err(Errno::EXIST) => Directory::open(path),
            Err(errno) => Err(storage("create the directory", path)(errno.into())),
        }
    }

    fn refuse_unsafe(&self) -> Result<(), Error> {
        let metadata = self.file.metadata().map_err(storage("look at", &self.path))?;
        let us = rustix::process::geteuid().as_raw();
        let why = if metadata.uid() != us {
            format!(
                "it belongs to the user with the id {}, and this is run by {us}: run it as that user",
                metadata.uid()
            )
        } else if metadata.mode() & 0o022 != 0 {
            format!("others may write to it (mode {:o}): chmod go-w", metadata.mode() & 0o7777)
        } else {
            return Ok(());
        };
        Err(Error::Unsafe { path: self.path.clone(), why })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The directory once more, for whoever needs one of his own.
    pub(super) fn handle(&self) -> Result<File, Error> {
        self.file.try_clone().map_err(storage("open the directory", &self.path))
    }

    /// Opens a file in it, and makes it with mode 0600. It must be a regular file, of ours.
    pub(super) fn open_own(&self, name: &str, flags: OFlags) -> Result<File, Error> {
        let path = self.path_of(name);
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(&self.file, name, flags, Mode::RUSR | Mode::WUSR);
        let file = File::from(file.map_err(|errno| match errno {
            Errno::LOOP => Error::Unsafe { path: path.clone(), why: "it is a symbolic link".to_owned() },
            errno => storage("open", &path)(errno.into()),
        })?);
        let metadata = file.metadata().map_err(storage("look at", &path))?;
        if metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw() {
            return Ok(file);
        }
        Err(Error::Unsafe { path, why: "it is no regular file of ours".to_owned() })
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        let unreadable = |errno: Errno| storage("list", &self.path)(errno.into());
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.file).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            // A name that is no UTF-8 is none of ours.
            names.extend(entry.file_name().to_str().ok().map(str::to_owned));
        }
        Ok(names)
    }

    /// The databases of which there are archives.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`]
    pub fn databases(&self) -> Result<BTreeSet<String>, Error> {
        let names = self.names()?;
        Ok(names.iter().filter_map(|name| Some(ArchiveName::parse(name)?.database)).collect())
    }

    /// The names that archives of a database have.
    pub(super) fn names_of(&self, database: &str) -> Result<Vec<ArchiveName>, Error> {
        let mut names: Vec<ArchiveName> =
            self.names()?.iter().filter_map(|name| ArchiveName::parse(name)).collect();
        names.retain(|name| name.database == database);
        Ok(names)
    }

    /// The archives of a database, the oldest first. Blocks are not read.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`]
    pub fn backups(&self, database: &str) -> Result<Vec<Backup>, Error> {
        let mut backups = Vec::new();
        for name in self.names()? {
            if let Some(parsed) = ArchiveName::parse(&name).filter(|parsed| parsed.database == database) {
                backups.extend(self.look_at(name, parsed)?);
            }
        }
        backups.sort_by(|one, other| (one.at, &one.name).cmp(&(other.at, &other.name)));
        Ok(backups)
    }

    /// None when it is gone.
    fn look_at(&self, name: String, parsed: ArchiveName) -> Result<Option<Backup>, Error> {
        let mut backup = Backup {
            name,
            database: parsed.database,
            at: parsed.at,
            measure: Measure { bytes: 0, rows: 0 },
            state: State::Good,
            inode: 0,
        };
        let file = match self.open_own(&backup.name, OFlags::RDONLY) {
            Ok(file) => file,
            Err(Error::Storage { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(Error::Unsafe { why, .. }) => {
                backup.state = State::Foreign(why);
                return Ok(Some(backup));
            }
            Err(error) => {
                backup.state = State::Damaged(error.to_string());
                return Ok(Some(backup));
            }
        };
        let path = self.path_of(&backup.name);
        let metadata = file.metadata().map_err(storage("look at", &path))?;
        (backup.measure.bytes, backup.inode) = (metadata.len(), metadata.ino());
        match Archive::open_file(&file, &path) {
            Ok(archive) => {
                let database = &archive.catalog().source.database;
                backup.measure.rows = archive.index().tables.iter().map(|table| table.rows).sum();
                backup.at =
                    DateTime::from_timestamp_micros(archive.header().snapshot_time).unwrap_or(parsed.at);
                if *database != backup.database {
                    backup.state = State::Foreign(format!("it is an archive of database {database}"));
                } else if parsed.is_suspect {
                    backup.state = State::Suspect;
                }
            }
            Err(error) => backup.state = State::Damaged(error.to_string()),
        }
        Ok(Some(backup))
    }

    /// Reads every block of an archive, with so many threads; one that is damaged is so from now on.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`]
    pub fn examine(&self, backup: &mut Backup, threads: usize) -> Result<(), Error> {
        let path = self.path_of(&backup.name);
        let file = self.open_own(&backup.name, OFlags::RDONLY)?;
        let damages = match Archive::open_file(&file, &path) {
            Ok(archive) => check(&archive, Depth::Full, threads, &mut |_, _| ()).err().unwrap_or_default(),
            Err(error) => {
                backup.state = State::Damaged(error.to_string());
                return Ok(());
            }
        };
        if let Some(first) = damages.first() {
            backup.state = State::Damaged(format!("{first} ({} places in all)", damages.len()));
        }
        Ok(())
    }

    /// Deletes an archive, if it is still the one that was looked at.
    pub(super) fn delete(&self, backup: &Backup) -> Result<(), Error> {
        let path = self.path_of(&backup.name);
        let failed = |errno: Errno| storage("delete", &path)(errno.into());
        let there =
            rustix::fs::statat(&self.file, &backup.name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        if there.st_ino != backup.inode {
            return Err(Error::Unsafe {
                path,
                why: "it is another file than it was a moment ago".to_owned(),
            });
        }
        rustix::fs::unlinkat(&self.file, &backup.name, AtFlags::empty()).map_err(failed)
    }

    pub(super) fn sync(&self) -> Result<(), Error> {
        self.file.sync_all().map_err(storage("make durable", &self.path))
    }

    /// Deletes what killed dumps of a database have left, where a file cannot be without a name. For whoever has the lock.
    pub(super) fn clear(&self, database: &str) -> Result<(), Error> {
        let begins = format!(".{}_", encode(database));
        for name in self.names()? {
            let archive =
                name.strip_suffix(PARTIAL).and_then(|name| name.strip_prefix('.')?.rsplit_once('.'));
            let is_ours = |(archive, _): (&str, &str)| {
                ArchiveName::parse(archive).is_some_and(|parsed| parsed.database == database)
            };
            if name.starts_with(&begins) && archive.is_some_and(is_ours) {
                tracing::info!("deleting {name}, which a run that was killed has left");
                let deleted = rustix::fs::unlinkat(&self.file, OsStr::new(&name), AtFlags::empty());
                deleted.map_err(|errno| storage("delete", &self.path_of(&name))(errno.into()))?;
            }
        }
        Ok(())
    }

    /// Bytes that may still be written.
    pub(super) fn free(&self) -> Result<u64, Error> {
        let free = rustix::fs::fstatvfs(&self.file);
        let free = free.map_err(|errno| storage("ask for the free space of", &self.path)(errno.into()))?;
        Ok(free.f_bavail.saturating_mul(free.f_frsize))
    }
}
