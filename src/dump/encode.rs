//! From rows to blocks on all cores: encoding runs on a rayon pool beside the COPY that feeds it.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use tokio::task::block_in_place;

use super::Error;
use super::budget::Share;
use super::buffers::{Buffers, LARGE, SMALL};
use super::worker::locked;
use crate::archive::{self, ArchiveId, BlockEncoder, BlockPosition, EncodedBlock};

/// The threads that encode, and the encoders whose buffers they reuse.
pub struct EncoderPool {
    threads: rayon::ThreadPool,
    idle: Mutex<Vec<BlockEncoder>>,
    buffers: Arc<Buffers>,
    catalog: Arc<archive::Catalog>,
    id: ArchiveId,
    level: i32,
}

/// A block that is being encoded, with its share of the memory.
pub struct Encoding {
    block: Block,
    share: Share,
}

enum Block {
    UnderWay(Receiver<Result<EncodedBlock, archive::Error>>),
    Done(Result<EncodedBlock, archive::Error>),
}

/// Rows of at most so many bytes are encoded where they are: to wake another thread takes as long.
const AT_ONCE: usize = 64 << 10;

impl EncoderPool {
    /// One thread per core.
    pub fn new(
        catalog: Arc<archive::Catalog>,
        buffers: Arc<Buffers>,
        id: ArchiveId,
        level: i32,
    ) -> Result<Self, Error> {
        let threads = rayon::ThreadPoolBuilder::new()
            .thread_name(|number| format!("encode-{number}"))
            // A panic has been printed already; whoever waits for the block reports it.
            .panic_handler(|_| ())
            .build()
            .map_err(|error| Error::Threads(error.to_string()))?;
        Ok(EncoderPool { threads, idle: Mutex::default(), buffers, catalog, id, level })
    }

    /// Starts encoding whole rows of a table, or encodes them if they are few.
    pub fn start(
        self: &Arc<Self>,
        table: u32,
        position: BlockPosition,
        rows: Vec<u8>,
        share: Share,
    ) -> Encoding {
        if rows.len() <= AT_ONCE {
            let encoded = self.encode(table, position, &rows);
            self.buffers.give(rows);
            return Encoding { block: Block::Done(encoded), share };
        }
        let (sender, receiver) = sync_channel(1);
        let pool = Arc::clone(self);
        self.threads.spawn(move || {
            let encoded = pool.encode(table, position, &rows);
            pool.buffers.give(rows);
            // The receiver is gone only when the dump has failed already.
            let _ = sender.send(encoded);
        });
        Encoding { block: Block::UnderWay(receiver), share }
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
        if rows.len() >= SMALL {
            encoder.reuse(self.buffers.take());
        }
        let block = encoder.encode(table, &self.catalog.tables[table as usize], position, rows);
        if rows.len() <= LARGE {
            locked(&self.idle).push(encoder);
        }
        block
    }
}

impl Encoding {
    /// Waits for the block, which holds up the task that asks and nobody else.
    pub fn wait(self) -> Result<(EncodedBlock, Share), Error> {
        let block = match self.block {
            Block::UnderWay(block) => {
                block_in_place(|| block.recv()).map_err(|_| Error::Panicked("an encoder thread"))?
            }
            Block::Done(block) => block,
        };
        Ok((block?, self.share))
    }
}
