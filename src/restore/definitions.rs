//! What is made before the rows come, in batches: a transaction each, and some of them side by side. A pure value.

use std::collections::BTreeMap;

use super::plan::{Action, Task, dependencies, is_definition};
use crate::archive::{Catalog, Entry};

/// Entries in one transaction. A table takes up to four locks (its own, those of its TOAST table and of that one's index, that
/// of its sequence), and a server has 64 for each session (the default of `max_locks_per_transaction`).
const BATCH: usize = 16;

/// Kinds of which a database may have very many, and which need nothing that the archive does not name. All others are made one
/// after the other, as the archive has them: pg_dump's order too knows more than the dependencies say.
const SIDE_BY_SIDE: [&str; 7] =
    ["TABLE", "SEQUENCE", "SEQUENCE OWNED BY", "DEFAULT", "TABLE ATTACH", "COMMENT", "BLOB METADATA"];

/// Kinds that entries of other batches may lock.
const LOCKED: [&str; 3] = ["TABLE", "FOREIGN TABLE", "SEQUENCE"];

/// The entries of pre-data that `wanted` lets through, and large objects, whose contents come with the rows of tables. A task
/// comes behind those that it waits for.
pub fn definitions(catalog: &Catalog, wanted: impl Fn(&Entry) -> bool) -> Vec<Task> {
    let mut batches = Batches::default();
    for (place, entry) in catalog.entries.iter().enumerate() {
        if is_definition(entry) && wanted(entry) {
            batches.add(catalog, place, entry);
        }
    }
    batches.tasks
}

#[derive(Default)]
struct Batches {
    tasks: Vec<Task>,
    /// Whether the last batch may run beside others.
    side_by_side: bool,
    /// The first of the batches that run side by side, at the end of the tasks.
    first: usize,
    /// The batch that makes an entry, and the last one that locks it.
    last_to_use: BTreeMap<usize, usize>,
}

impl Batches {
    fn add(&mut self, catalog: &Catalog, place: usize, entry: &Entry) {
        let side_by_side = SIDE_BY_SIDE.contains(&entry.kind.as_str());
        if self.entries() == 0 || self.entries() == BATCH || side_by_side != self.side_by_side {
            self.begin(side_by_side);
        }
        let batch = self.tasks.len() - 1;
        let Task { action: Action::Execute(entries), after, .. } = &mut self.tasks[batch] else { return };
        entries.push(place);
        for need in dependencies(entry) {
            after.extend(self.last_to_use.get(&need).filter(|before| **before != batch));
            if LOCKED.contains(&catalog.entries[need].kind.as_str()) {
                // Batches that lock the same tables come one after the other: they might do it in different orders.
                self.last_to_use.insert(need, batch);
            }
        }
        self.last_to_use.insert(place, batch);
        after.sort_unstable();
        after.dedup();
    }

    fn entries(&self) -> usize {
        match self.tasks.last().map(|task| &task.action) {
            Some(Action::Execute(entries)) => entries.len(),
            _ => 0,
        }
    }

    /// A batch that runs beside none comes behind all that were begun before it, and ahead of all that follow.
    fn begin(&mut self, side_by_side: bool) {
        let next = self.tasks.len();
        let after = match (side_by_side, self.side_by_side) {
            (false, _) => (self.first..next).collect(),
            (true, true) => self.first.checked_sub(1).into_iter().collect(),
            (true, false) => next.checked_sub(1).into_iter().collect(),
        };
        if !side_by_side || !self.side_by_side {
            self.first = next;
        }
        self.side_by_side = side_by_side;
        self.tasks.push(Task {
            action: Action::Execute(Vec::new()),
            after,
            locks: Vec::new(),
            weight: 0,
            memory: None,
        });
    }
}
