//! What a running dump or restore reports, and to whom.

use std::fmt;

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
    /// What is done of this step, beside bytes.
    Counted(Counts),
    /// What has been under way for the longest time: `INDEX public.i, for 60 s: building index: loading tuples, 43 %`.
    Working(String),
    /// Something that the user should know, though it goes on.
    Warning(String),
    /// One object or table is done: `table public.events: 12 rows`.
    Done(String),
}

/// What is done of a step of a restore.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows in tables.
    pub rows: u64,
    /// Tables whose rows are in place.
    pub tables: Part,
    /// Other things that are made: definitions in the first step, indexes, constraints, triggers and their like in the second.
    pub objects: Part,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    /// So many are done.
    pub done: usize,
    /// Of so many.
    pub of: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { rows, tables, objects } = self;
        if tables.of > 0 {
            write!(f, "{} of {} tables ({rows} rows), ", tables.done, tables.of)?;
        }
        write!(f, "{} of {} objects", objects.done, objects.of)
    }
}

/// Receives events, from any thread, in no particular order between workers. It must be quick.
pub trait Monitor: Send + Sync {
    /// Takes one event.
    fn report(&self, event: Event);
}
