//! From rows to blocks on all cores: encoding runs on a rayon pool beside the COPY that feeds it.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use super::Error;
use super::worker::locked;
use crate::archive::{self, ArchiveId, BlockEncoder, BlockPosition, EncodedBlock};

/// The threads that encode, and the encoders whose buffers they reuse.
pub struct EncoderPool {
    threads: rayon::ThreadPool,
    idle: Mutex<Vec<BlockEncoder>>,
    catalog: Arc<archive::Catalog>,
    id: ArchiveId,
    level: i32,
}

/// A block that is being encoded.
pub struct Encoding(Receiver<Result<EncodedBlock, archive::Error>>);

impl EncoderPool {
    /// One thread per core.
    pub fn new(catalog: Arc<archive::Catalog>, id: ArchiveId, level: i32) -> Result<Self, Error> {
        let threads = rayon::ThreadPoolBuilder::new()
            .thread_name(|number| format!("encode-{number}"))
            .build()
            .map_err(|_| Error::Panicked("starting the encoder threads"))?;
        Ok(EncoderPool { threads, idle: Mutex::default(), catalog, id, level })
    }

    /// Starts encoding whole rows of a table.
    pub fn start(self: &Arc<Self>, table: u32, position: BlockPosition, rows: Vec<u8>) -> Encoding {
        let (sender, receiver) = sync_channel(1);
        let pool = Arc::clone(self);
        self.threads.spawn(move || {
            let encoded = pool.encode(table, position, &rows);
            // The receiver is gone only when the dump has failed already.
            let _ = sender.send(encoded);
        });
        Encoding(receiver)
    }

    fn encode(
        &self,
        table: u32,
        position: BlockPosition,
        rows: &[u8],
    ) -> Result<EncodedBlock, archive::Error> {
        let idle = locked(&self.idle).pop();
        let mut encoder = match idle {
            Some(encoder) => encoder,
            None => BlockEncoder::new(self.id, self.level)?,
        };
        let block = encoder.encode(table, &self.catalog.tables[table as usize], position, rows);
        locked(&self.idle).push(encoder);
        block
    }
}

impl Encoding {
    /// Waits for the block.
    pub fn wait(self) -> Result<EncodedBlock, Error> {
        Ok(self.0.recv().map_err(|_| Error::Panicked("an encoder thread"))??)
    }
}
