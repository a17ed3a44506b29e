//! The one writer: the thread that owns the archive file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::task::JoinHandle;

use super::Error;
use super::budget::Share;
use super::buffers::Buffers;
use super::disk::Disk;
use super::publish::storage;
use crate::archive::{ArchiveWriter, Catalog, EncodedBlock, Header, Stats};

/// Blocks that may wait for the writer, beside the budget of bytes.
const QUEUE: usize = 64;

/// What the writer is told.
pub enum ToWriter {
    /// Appends a block.
    Block(EncodedBlock, Share),
    /// Everything has been appended. Only this makes an archive of the file.
    Finish,
}

/// The running writer.
pub struct Writer(JoinHandle<Result<Stats, Error>>);

impl Writer {
    /// Starts it with header and catalog; it ends when told to finish, or when nobody can tell it any more. The catalog is
    /// packed here, where the memory is that reading it has left free: another thread would take more.
    pub fn start(
        to: Disk,
        buffers: Arc<Buffers>,
        path: PathBuf,
        header: &Header,
        catalog: &Catalog,
    ) -> Result<(Self, SyncSender<ToWriter>), Error> {
        let archive = tokio::task::block_in_place(|| ArchiveWriter::create(to, header, catalog))?;
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = tokio::task::spawn_blocking(move || write(archive, &buffers, &path, receiver));
        Ok((Writer(thread), sender))
    }

    /// Waits for its end.
    pub async fn join(self) -> Result<Stats, Error> {
        self.0.await.unwrap_or(Err(Error::Panicked("the writer")))
    }
}

fn write(
    mut archive: ArchiveWriter<Disk>,
    buffers: &Buffers,
    path: &Path,
    told: Receiver<ToWriter>,
) -> Result<Stats, Error> {
    for message in told {
        match message {
            ToWriter::Block(block, _share) => {
                archive.append(&block)?;
                buffers.give(block.bytes);
            }
            ToWriter::Finish => {
                let (mut file, stats) = archive.finish()?;
                file.flush().map_err(storage("write to", path))?;
                return Ok(stats);
            }
        }
    }
    Err(Error::Interrupted)
}
