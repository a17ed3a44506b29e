//! Which task may start now: dependencies, locks, memory, and the largest first. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::Task;
use crate::archive::Lock;

/// The state of a task graph under execution.
#[derive(Debug)]
pub struct Schedule {
    tasks: Vec<Task>,
    waiting_for: Vec<usize>,
    followers: Vec<Vec<usize>>,
    /// Tasks whose dependencies are done: the heaviest first, then the plan's order.
    ready: BTreeSet<Key>,
    /// Relations under lock: how many share it, or `EXCLUSIVE`.
    held: BTreeMap<usize, usize>,
    /// Bytes of memory that running tasks have, and may have together.
    memory: u64,
    budget: u64,
    unfinished: usize,
}

/// The weight of a task and its place.
type Key = (std::cmp::Reverse<u64>, usize);

const EXCLUSIVE: usize = usize::MAX;

/// A task of less weight, in bytes, is done within a millisecond or so.
const SMALL: u64 = 64 << 10;

impl Schedule {
    /// All tasks are still to be done, with so many bytes of memory for those that build indexes.
    pub fn new(tasks: Vec<Task>, budget: u64) -> Self {
        let mut followers = vec![Vec::new(); tasks.len()];
        for (place, task) in tasks.iter().enumerate() {
            for before in &task.after {
                followers[*before].push(place);
            }
        }
        let ready = tasks.iter().enumerate().filter(|(_, task)| task.after.is_empty());
        Schedule {
            waiting_for: tasks.iter().map(|task| task.after.len()).collect(),
            ready: ready.map(|(place, task)| (std::cmp::Reverse(task.weight), place)).collect(),
            followers,
            held: BTreeMap::new(),
            memory: 0,
            budget,
            unfinished: tasks.len(),
            tasks,
        }
    }

    /// A task that can start, if there is one, and behind it others like it, up to `most`, if they are all so small that
    /// transactions of their own would take longer than their work. Their locks are held from now on.
    pub fn start(&mut self, most: usize) -> Vec<(usize, Task)> {
        let Some(first) = self.next(self.ready.iter()) else { return Vec::new() };
        let mut together = vec![self.begin(first)];
        while together.len() < most
            && let Some(next) =
                self.next(self.ready.range(first..).take(most).filter(|key| self.are_alike(first, **key)))
        {
            together.push(self.begin(next));
        }
        together
    }

    fn next<'a>(&self, mut keys: impl Iterator<Item = &'a Key>) -> Option<Key> {
        keys.find(|(_, place)| self.can_lock(*place) && self.has_memory(*place)).copied()
    }

    fn are_alike(&self, (weight, one): Key, (_, other): Key) -> bool {
        let kind = |place: usize| std::mem::discriminant(&self.tasks[place].action);
        weight.0 < SMALL && kind(one) == kind(other)
    }

    fn begin(&mut self, key: Key) -> (usize, Task) {
        self.ready.remove(&key);
        let task = self.tasks[key.1].clone();
        self.memory += task.memory.unwrap_or(0);
        for (relation, lock) in &task.locks {
            let holders = self.held.entry(*relation).or_default();
            *holders = if *lock == Lock::Exclusive { EXCLUSIVE } else { *holders + 1 };
        }
        (key.1, task)
    }

    fn can_lock(&self, place: usize) -> bool {
        self.tasks[place].locks.iter().all(|(relation, lock)| match self.held.get(relation) {
            None => true,
            Some(&EXCLUSIVE) => false,
            Some(_) => *lock != Lock::Exclusive,
        })
    }

    /// One that needs more than there is runs alone.
    fn has_memory(&self, place: usize) -> bool {
        let wanted = self.tasks[place].memory.unwrap_or(0);
        wanted == 0 || self.memory == 0 || self.memory.saturating_add(wanted) <= self.budget
    }

    /// Takes note that a task has ended well.
    pub fn finish(&mut self, place: usize) {
        self.memory -= self.tasks[place].memory.unwrap_or(0);
        for (relation, _) in &self.tasks[place].locks {
            match self.held.get_mut(relation) {
                Some(holders) if *holders != EXCLUSIVE && *holders > 1 => *holders -= 1,
                _ => drop(self.held.remove(relation)),
            }
        }
        for follower in std::mem::take(&mut self.followers[place]) {
            self.waiting_for[follower] -= 1;
            if self.waiting_for[follower] == 0 {
                self.ready.insert((std::cmp::Reverse(self.tasks[follower].weight), follower));
            }
        }
        self.unfinished -= 1;
    }

    /// Whether everything is done.
    pub fn is_done(&self) -> bool {
        self.unfinished == 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::Action;
    use super::*;

    fn task(after: &[usize], locks: &[(usize, Lock)], weight: u64) -> Task {
        Task {
            action: Action::Execute(vec![0]),
            after: after.to_vec(),
            locks: locks.to_vec(),
            weight,
            memory: None,
        }
    }

    fn started(schedule: &mut Schedule) -> Vec<usize> {
        std::iter::from_fn(|| schedule.start(1).pop()).map(|(place, _)| place).collect()
    }

    #[test]
    fn heaviest_first_after_what_they_wait_for() {
        let mut schedule = Schedule::new(
            vec![task(&[], &[], 1), task(&[0], &[], 5), task(&[0], &[], 9), task(&[], &[], 2)],
            0,
        );
        assert_eq!(started(&mut schedule), [3, 0]);
        schedule.finish(0);
        assert_eq!(started(&mut schedule), [2, 1]);
        for place in [3, 2, 1] {
            assert!(!schedule.is_done());
            schedule.finish(place);
        }
        assert!(schedule.is_done());
    }

    #[test]
    fn shared_locks_run_together_and_exclusive_ones_alone() {
        let share = task(&[], &[(7, Lock::Share)], 2);
        let exclusive = task(&[], &[(7, Lock::Exclusive)], 1);
        let mut schedule = Schedule::new(vec![share.clone(), share, exclusive.clone(), exclusive], 0);
        assert_eq!(started(&mut schedule), [0, 1]);
        schedule.finish(0);
        assert_eq!(started(&mut schedule), [] as [usize; 0]);
        schedule.finish(1);
        assert_eq!(started(&mut schedule), [2]);
        schedule.finish(2);
        assert_eq!(started(&mut schedule), [3]);
    }

    #[test]
    fn a_blocked_task_does_not_hold_up_others() {
        let mut schedule = Schedule::new(
            vec![
                task(&[], &[(1, Lock::Exclusive)], 9),
                task(&[], &[(1, Lock::Exclusive)], 8),
                task(&[], &[(2, Lock::Exclusive)], 1),
            ],
            0,
        );
        assert_eq!(started(&mut schedule), [0, 2]);
    }

    #[test]
    fn small_tasks_that_are_alike_start_together() {
        let small = |lock| task(&[], &[(7, lock)], 9);
        let load =
            Task { action: Action::Load { table: 0, blocks: 0..1, freeze: false }, ..task(&[], &[], 8) };
        let (share, exclusive) = (small(Lock::Share), small(Lock::Exclusive));
        let tasks = vec![task(&[], &[], SMALL), share.clone(), exclusive, share.clone(), load, share];
        let mut schedule = Schedule::new(tasks, 0);
        let mut start = || schedule.start(2).into_iter().map(|(place, _)| place).collect::<Vec<_>>();
        assert_eq!([start(), start(), start(), start()], [vec![0], vec![1, 3], vec![5], vec![4]]);
        assert!(start().is_empty());
    }

    #[test]
    fn builds_share_the_memory_and_one_that_needs_more_runs_alone() {
        let build = |memory, weight| Task { memory: Some(memory), ..task(&[], &[], weight) };
        let tasks = vec![build(90, 9), build(60, 8), build(40, 7), build(10, 6), task(&[], &[], 5)];
        let mut schedule = Schedule::new(tasks, 80);
        assert_eq!(started(&mut schedule), [0, 4]);
        schedule.finish(0);
        assert_eq!(started(&mut schedule), [1, 3]);
        schedule.finish(1);
        assert_eq!(started(&mut schedule), [2]);
    }
}
