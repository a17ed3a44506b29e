//! Buffers of about a block that go around: rows fill one, a block is made in another, the writer gives it back. To get and touch
//! fresh memory for each takes longer than to hash it.

use std::sync::Mutex;

use super::worker::{BLOCK_BYTES, locked};

/// Rows of fewer bytes make a block of its own size.
pub const SMALL: usize = BLOCK_BYTES / 4;
/// Buffers that have held more than this go back to the system.
pub const LARGE: usize = 4 * BLOCK_BYTES;
/// A buffer of rows is full when it has a block of them, and what the server sends at once comes on top.
const ROOM: usize = BLOCK_BYTES + (64 << 10);

/// The buffers that nobody uses.
#[derive(Default)]
pub struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// A buffer that may still hold something.
    pub fn take(&self) -> Vec<u8> {
        locked(&self.0).pop().unwrap_or_else(|| Vec::with_capacity(ROOM))
    }

    /// Gives one back.
    pub fn give(&self, buffer: Vec<u8>) {
        if (ROOM..=LARGE).contains(&buffer.capacity()) {
            locked(&self.0).push(buffer);
        }
    }
}
