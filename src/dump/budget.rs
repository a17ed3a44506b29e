//! How many bytes of rows may be between the server and the file at one time.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A shared limit. What is larger than the whole limit passes alone, so that no row is too large to be dumped.
pub struct Budget {
    limit: usize,
    taken: Mutex<Taken>,
    freed: Condvar,
}

#[derive(Default)]
struct Taken {
    bytes: usize,
    /// How many wait: to wake nobody takes as long as to wake somebody.
    waiting: usize,
}

/// A part of the budget, given back when dropped.
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Budget { limit, taken: Mutex::default(), freed: Condvar::new() })
    }

    /// Takes a share if it is free now.
    pub fn try_take(self: &Arc<Self>, bytes: usize) -> Option<Share> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        self.fits(&taken, bytes).then(|| {
            taken.bytes += bytes;
            Share { budget: Arc::clone(self), bytes }
        })
    }

    /// Waits until a share is free. Nobody may wait who holds a share himself.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Share {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.waiting += 1;
        let full = |taken: &mut Taken| !self.fits(taken, bytes);
        let mut taken = self.freed.wait_while(taken, full).unwrap_or_else(PoisonError::into_inner);
        taken.waiting -= 1;
        taken.bytes += bytes;
        Share { budget: Arc::clone(self), bytes }
    }

    fn fits(&self, taken: &Taken, bytes: usize) -> bool {
        taken.bytes == 0 || taken.bytes.saturating_add(bytes) <= self.limit
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.budget.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.bytes -= self.bytes;
        if taken.waiting > 0 {
            self.budget.freed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fit_or_wait_and_the_largest_passes_alone() {
        let budget = Budget::new(10);
        let six = budget.try_take(6).unwrap();
        assert!(budget.try_take(5).is_none());
        let four = budget.try_take(4).unwrap();
        let waiter = std::thread::spawn({
            let budget = Arc::clone(&budget);
            move || drop(budget.take(1000))
        });
        drop(four);
        drop(six);
        waiter.join().unwrap();
        assert!(budget.try_take(10).is_some());
    }
}
