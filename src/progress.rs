//! What a running dump or restore reports, and to whom.

/// Something that happened and that a person or a log may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new step has begun: `locking tables`. Steps follow one another.
    Step(String),
    /// How much there is to do in this step, in bytes of table data.
    Total(u64),
    /// So many more bytes of table data have been done.
    Advanced(u64),
    /// One object or table is done: `table public.events: 12 rows`.
    Done(String),
    /// Something the user should know, although the work goes on.
    Warning(String),
}

/// Receives events, from any thread, in no particular order between workers. It must be quick.
pub trait Monitor: Send + Sync {
    /// Takes one event.
    fn report(&self, event: Event);
}

/// A monitor that ignores everything.
pub struct Silent;

impl Monitor for Silent {
    fn report(&self, _: Event) {}
}
