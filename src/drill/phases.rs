//! How long each step takes, told by a monitor that passes everything on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Event, Monitor};

/// Takes the time of steps.
pub struct Phases {
    to: Arc<dyn Monitor>,
    times: Mutex<Times>,
}

#[derive(Default)]
struct Times {
    begun: Vec<(String, Instant)>,
    recovery: Option<Instant>,
    took: Duration,
}

impl Phases {
    /// Passes events on to `to`.
    pub fn new(to: Arc<dyn Monitor>) -> Self {
        Phases { to, times: Mutex::default() }
    }

    /// A new step begins.
    pub fn step(&self, step: &str) {
        self.report(Event::Step(step.to_owned()));
    }

    /// What a restore would do begins.
    pub fn recovery_begins(&self) {
        self.times().recovery = Some(Instant::now());
    }

    /// It ends.
    pub fn recovery_ends(&self) {
        let mut times = self.times();
        times.took = times.recovery.map(|begun| begun.elapsed()).unwrap_or_default();
    }

    /// The steps with their times, and that of the recovery.
    pub fn end(&self) -> (Vec<(String, Duration)>, Duration) {
        let times = self.times();
        let ends = times.begun.iter().skip(1).map(|(_, begun)| *begun).chain([Instant::now()]);
        let steps = times.begun.iter().zip(ends);
        let steps = steps.map(|((step, begun), end)| (step.clone(), end.duration_since(*begun)));
        (steps.collect(), times.took)
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Monitor for Phases {
    fn report(&self, event: Event) {
        if let Event::Step(step) = &event {
            self.times().begun.push((step.clone(), Instant::now()));
        }
        self.to.report(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Monitor for Nobody {
        fn report(&self, _: Event) {}
    }

    #[test]
    fn a_step_lasts_until_the_next_one() {
        let phases = Phases::new(Arc::new(Nobody));
        phases.step("one");
        phases.recovery_begins();
        std::thread::sleep(Duration::from_millis(5));
        phases.report(Event::Advanced(7));
        phases.step("two");
        phases.recovery_ends();
        let (steps, recovery) = phases.end();
        let names: Vec<&str> = steps.iter().map(|(step, _)| step.as_str()).collect();
        assert_eq!(names, ["one", "two"]);
        assert!(steps[0].1 >= Duration::from_millis(5) && recovery >= Duration::from_millis(5));
        assert!(steps[1].1 < steps[0].1);
    }
}
