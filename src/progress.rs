//! What a running dump or restore reports, and to whom.

/// Something that happened and that a person or a log may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new step has begun: `locking tables`. Steps follow one another.
    Step(String),
    /// How much there is to do in this step, in bytes of table data.
    Total(u64),
    /// So many more bytes of that total have been done. A dump knows the size of tables on disk, and what it reads of each is more or
    /// less than that: it takes it for as much as was expected when all of it has been read.
    Advanced(u64),
    /// What has been under way for the longest time: `INDEX public.i, for 60 s: building index: loading tuples, 43 %`.
    Working(String),
    /// Something that the user should know, though it goes on.
    Warning(String),
    /// One object or table is done: `table public.events: 12 rows`.
    Done(String),
}

/// Receives events, from any thread, in no particular order between workers. It must be quick.
pub trait Monitor: Send + Sync {
    /// Takes one event.
    fn report(&self, event: Event);
}
