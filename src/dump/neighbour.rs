//! What a dump owes those who use the server meanwhile: a limit to how fast it reads, and a word when its snapshot gets old.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::worker::{Work, locked};
use crate::progress::Event;

/// So much of the time that was not used may be made up for.
const BURST: Duration = Duration::from_millis(100);
/// A reader that waits looks this often whether the dump has been stopped.
const NAP: Duration = Duration::from_millis(50);

/// A limit to the bytes of rows that all workers read per second.
pub struct Rate {
    per_second: u64,
    /// When what has been read so far would have come, at that rate.
    due: Mutex<Instant>,
}

impl Rate {
    /// So many bytes per second, at least 1.
    pub fn new(per_second: u64) -> Self {
        Rate { per_second: per_second.max(1), due: Mutex::new(Instant::now()) }
    }

    /// Waits until `bytes` more may have been read, or the dump is stopped.
    pub fn wait(&self, bytes: usize, stopped: &AtomicBool) {
        let due = self.due_with(bytes, Instant::now());
        while !stopped.load(Ordering::Relaxed) {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            tokio::task::block_in_place(|| std::thread::sleep(left.min(NAP)));
        }
    }

    fn due_with(&self, bytes: usize, now: Instant) -> Instant {
        let mut due = locked(&self.due);
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        *due = (*due).max(earliest) + Duration::from_secs_f64(bytes as f64 / self.per_second as f64);
        *due
    }
}

/// Warns when the snapshot is as old as `first`, and each time its age has doubled. Never ends; a `first` of nothing is never.
pub async fn watch_snapshot(work: &Work, first: Duration) {
    let ages = std::iter::successors(Some(first), |age| age.checked_mul(2));
    for age in ages.take_while(|age| !age.is_zero()) {
        tokio::time::sleep(age.saturating_sub(work.snapshot.taken().elapsed())).await;
        // The age in time has to do where there is no connection to ask on: all of the dump's are busy.
        let transactions = match work.snapshot.age(&work.config).await {
            Ok(transactions) => format!(" and {transactions} transactions"),
            Err(error) => {
                tracing::info!("asking for the age of the snapshot: {error}");
                String::new()
            }
        };
        work.monitor.report(Event::Warning(format!(
            "the snapshot is {} s{transactions} old: until the dump ends, nothing that was updated or deleted since can be cleaned up; \
             --max-duration ends a dump that takes too long",
            age.as_secs()
        )));
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_adds_up_and_makes_up_for_little() {
        let rate = Rate::new(1000);
        let now = Instant::now() + Duration::from_secs(10);
        assert_eq!(rate.due_with(500, now), now - BURST + Duration::from_millis(500));
        assert_eq!(rate.due_with(2000, now), now - BURST + Duration::from_millis(2500));
        let later = now + Duration::from_secs(60);
        assert_eq!(rate.due_with(100, later), later);
    }

    #[test]
    fn a_stopped_dump_waits_for_nothing() {
        let started = Instant::now();
        Rate::new(1).wait(1_000_000, &AtomicBool::new(true));
        assert!(started.elapsed() < Duration::from_secs(60));
    }
}
