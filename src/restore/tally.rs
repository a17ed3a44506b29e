//! How many of the tables and objects of a task graph are done. No I/O.

use std::collections::BTreeMap;

use super::plan::{Action, Task};
use crate::archive::Index;
use crate::progress::Counts;

/// The count of a task graph under execution.
#[derive(Debug)]
pub struct Tally {
    tasks: Vec<Share>,
    /// The loads of each table that are still to come.
    loads: BTreeMap<u32, usize>,
    counts: Counts,
}

/// What a task adds when it ends.
#[derive(Debug)]
enum Share {
    Objects(usize),
    Load { table: u32, rows: u64 },
    Nothing,
}

impl Tally {
    /// Nothing is done. Without an index, nothing is loaded.
    pub fn new(tasks: &[Task], index: Option<&Index>) -> Self {
        let share = |task: &Task| match &task.action {
            Action::Execute(entries) => Share::Objects(entries.len()),
            Action::Load { table, blocks, .. } => {
                let blocks = index.and_then(|index| index.tables[*table as usize].blocks.get(blocks.clone()));
                let rows = blocks.into_iter().flatten().map(|block| u64::from(block.rows)).sum();
                Share::Load { table: *table, rows }
            }
            Action::Verify { .. } => Share::Nothing,
        };
        let mut tally = Tally {
            tasks: tasks.iter().map(share).collect(),
            loads: BTreeMap::new(),
            counts: Counts::default(),
        };
        for task in &tally.tasks {
            match task {
                Share::Objects(count) => tally.counts.objects.of += count,
                Share::Load { table, .. } => *tally.loads.entry(*table).or_default() += 1,
                Share::Nothing => {}
            }
        }
        tally.counts.tables.of = tally.loads.len();
        tally
    }

    /// What is done.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes note that the task at this place has ended, and says what is done now.
    pub fn finish(&mut self, place: usize) -> Counts {
        match self.tasks[place] {
            Share::Objects(count) => self.counts.objects.done += count,
            Share::Load { table, rows } => {
                self.counts.rows += rows;
                if let Some(left) = self.loads.get_mut(&table) {
                    *left -= 1;
                    self.counts.tables.done += usize::from(*left == 0);
                }
            }
            Share::Nothing => {}
        }
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{BlockRef, TableIndex};

    #[test]
    fn a_table_is_done_with_its_last_part() {
        let task = |action| Task { action, after: Vec::new(), locks: Vec::new(), weight: 0, memory: None };
        let load = |blocks| task(Action::Load { table: 0, blocks, freeze: false });
        let tasks = [
            load(0..1),
            load(1..3),
            task(Action::Verify { table: 0, others: Vec::new() }),
            task(Action::Execute(vec![1, 2])),
        ];
        let block =
            BlockRef { table: 0, offset: 0, chunk: 0, sequence: 0, rows: 5, raw_len: 9, stored_len: 9 };
        let table = TableIndex { blocks: vec![block, block, block], ..TableIndex::default() };
        let index = Index { tables: vec![table], ..Index::default() };
        let mut tally = Tally::new(&tasks, Some(&index));
        let said: Vec<String> = [1, 2, 0, 3].map(|place| tally.finish(place).to_string()).into();
        assert_eq!(
            said,
            [
                "0 of 1 tables (10 rows), 0 of 2 objects",
                "0 of 1 tables (10 rows), 0 of 2 objects",
                "1 of 1 tables (15 rows), 0 of 2 objects",
                "1 of 1 tables (15 rows), 2 of 2 objects"
            ]
        );
        assert_eq!(Tally::new(&tasks[3..], None).finish(0).to_string(), "2 of 2 objects");
    }
}
