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
pub struct Buffers {
    idle: Mutex<Vec<Vec<u8>>>,
    /// How many are kept. A chunk that is larger than was expected has made its own and gives it here in the end: there would be more
    /// and more.
    most: usize,
}

impl Buffers {
    /// None yet; for so many workers.
    pub fn new(jobs: usize) -> Self {
        Buffers { idle: Mutex::default(), most: 2 * (jobs + 1) }
    }

    /// A buffer that may still hold something.
    pub fn take(&self) -> Vec<u8> {
        locked(&self.idle).pop().unwrap_or_else(|| Vec::with_capacity(ROOM))
    }

    /// Gives one back.
    pub fn give(&self, buffer: Vec<u8>) {
        let mut idle = locked(&self.idle);
        if idle.len() < self.most && (ROOM..=LARGE).contains(&buffer.capacity()) {
            idle.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_go_around_and_do_not_pile_up() {
        let buffers = Buffers::new(1);
        assert_eq!(buffers.take().capacity(), ROOM);
        for capacity in [ROOM - 1, LARGE + 1, ROOM, ROOM + 1, LARGE, ROOM + 2, ROOM + 3] {
            buffers.give(Vec::with_capacity(capacity));
        }
        let kept: Vec<usize> = (0..5).map(|_| buffers.take().capacity()).collect();
        assert_eq!(kept, [ROOM + 2, LARGE, ROOM + 1, ROOM, ROOM]);
        assert!(locked(&buffers.idle).is_empty());
    }
}
