//! Which task waits for which: a pure value, made before the first statement.
//!
//! The graph here is what comes behind the definitions: loading, reading back, and everything of post-data, as parallel as
//! dependencies and locks allow.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::{Catalog, Entry, Index, Lock, Pass, Section, Table, TableIndex};

/// Raw bytes of a part of a table or of large objects, at least: what has two parts is loaded by several workers at once.
const PART_BYTES: u64 = 32 << 20;

/// Tables with fewer raw bytes than this are not loaded frozen: to empty them first, which makes new files, takes the server
/// longer than the rows do (the default of its `wal_skip_threshold` draws the same line).
const FREEZE_BYTES: u64 = 2 << 20;

/// So many streams that write WAL are as fast as one that need not (docs/benchmarks.md).
const WITH_WAL: usize = 2;

/// Kinds of entries that others lock. A kind that is not here is never locked by plan, only by the server.
const RELATIONS: [&str; 3] = ["TABLE", "FOREIGN TABLE", "MATERIALIZED VIEW"];

/// The kind that must wait until the table has been read back: from then on the owner may not see every row.
const ROW_SECURITY: &str = "ROW SECURITY";

/// The kind that makes a large object, without its contents.
const LARGE_OBJECT: &str = "BLOB METADATA";

const EVENT_TRIGGER: &str = "EVENT TRIGGER";

/// Something one worker does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Runs the statements of the entries at these places in the catalog, in one transaction.
    Execute(Vec<usize>),
    /// Loads blocks of a table, by their places in the table's index.
    Load {
        /// The table's number.
        table: u32,
        /// Places in `TableIndex::blocks`.
        blocks: std::ops::Range<usize>,
        /// Whether the table is emptied first and gets frozen rows; no other task loads it then.
        freeze: bool,
    },
    /// Reads a table back and compares.
    Verify {
        /// The table's number.
        table: u32,
        /// The numbers of the tables that are loaded through the same root, and so are read together with this one.
        others: Vec<u32>,
    },
}

impl Action {
    /// The places of the entries whose statements it runs.
    pub fn entries(&self) -> &[usize] {
        match self {
            Action::Execute(entries) => entries,
            Action::Load { .. } | Action::Verify { .. } => &[],
        }
    }

    /// The numbers of the tables whose rows it loads or reads.
    pub fn tables(&self) -> impl Iterator<Item = u32> {
        let (table, others) = match self {
            Action::Execute(_) => (None, [].as_slice()),
            Action::Load { table, .. } => (Some(*table), [].as_slice()),
            Action::Verify { table, others } => (Some(*table), others.as_slice()),
        };
        table.into_iter().chain(others.iter().copied())
    }
}

/// Where the rows are when the graph begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// In the archive.
    InArchive(Streams),
    /// In their tables.
    Loaded,
}

/// What decides how many streams load a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    /// How many tasks may run at one time.
    pub jobs: usize,
    /// Whether rows need no WAL in a table that the same transaction has emptied (`wal_level = minimal`): a single stream is then
    /// as fast as two that need it.
    pub skips_wal: bool,
}

/// A task of the graph.
#[derive(Debug, Clone)]
pub struct Task {
    /// What it does.
    pub action: Action,
    /// Tasks that must have ended before, by place.
    pub after: Vec<usize>,
    /// Tables it locks, by the place of their entry, and how.
    pub locks: Vec<(usize, Lock)>,
    /// An estimate of its work, in bytes: larger tasks start first.
    pub weight: u64,
    /// Bytes that the server may take to build an index; none when it builds none.
    pub memory: Option<u64>,
}

/// What a restore will do after pre-data.
#[derive(Debug, Default)]
pub struct Plan {
    /// The parallel part.
    pub tasks: Vec<Task>,
    /// ACLs, in order, after all tasks.
    pub acls: Vec<usize>,
    /// What runs under the final ACLs, in order.
    pub last: Vec<usize>,
    /// Event triggers and what is about them, in order: when they are there, they fire on whatever a restore still does.
    pub events: Vec<usize>,
}

/// Whether an entry is made before the rows come.
pub fn is_definition(entry: &Entry) -> bool {
    entry.pass == Pass::Main && (entry.section == Section::PreData || is_large_object(entry))
}

/// Whether an entry makes a large object.
pub fn is_large_object(entry: &Entry) -> bool {
    entry.section == Section::Data && entry.table.is_none() && entry.kind == LARGE_OBJECT
}

/// What a statement that builds an index on a table with such rows may take of the server's memory, in bytes.
pub type Memory<'a> = dyn Fn(&str, &Table, &TableIndex) -> Option<u64> + 'a;

/// Makes the plan for the other entries that `wanted` lets through. `references` are those of the tables that may have their
/// foreign keys already; none when the restore makes them all.
pub fn plan(
    catalog: &Catalog,
    index: &Index,
    rows: Rows,
    verify: bool,
    references: &References,
    memory: &Memory<'_>,
    wanted: impl Fn(&Entry) -> bool,
) -> Plan {
    let mut plan = Plan::default();
    let wants = |place: usize| catalog.entries.get(place).is_some_and(&wanted);
    let mut builder = Builder {
        catalog,
        index,
        rows,
        verify,
        wants: &wants,
        references,
        memory,
        tasks: Vec::new(),
        of_entry: BTreeMap::new(),
        data_of: data_of(catalog),
        verify_of: BTreeMap::new(),
        through: BTreeMap::new(),
    };
    let wanted = || catalog.entries.iter().enumerate().filter(|(_, entry)| wanted(entry));
    let data =
        |entry: &Entry| (entry.pass, entry.section) == (Pass::Main, Section::Data) && !is_definition(entry);
    wanted().filter(|(_, entry)| data(entry)).for_each(|(place, entry)| builder.add(place, entry));
    builder.follow_references();
    builder.join_partitions();
    for (place, entry) in wanted() {
        match (entry.pass, entry.section) {
            (Pass::Acl, _) => plan.acls.push(place),
            (Pass::PostAcl, _) if is_of_event_trigger(catalog, entry) => plan.events.push(place),
            (Pass::PostAcl, _) => plan.last.push(place),
            (Pass::Main, Section::PostData) => builder.add(place, entry),
            (Pass::Main, Section::PreData | Section::Data) => {}
        }
    }
    plan.tasks = builder.tasks;
    plan
}

fn is_of_event_trigger(catalog: &Catalog, entry: &Entry) -> bool {
    let is_one = |entry: &Entry| entry.kind == EVENT_TRIGGER;
    is_one(entry) || dependencies(entry).any(|place| is_one(&catalog.entries[place]))
}

/// Places of entries with rows, each with those whose rows must be there before.
pub type References = BTreeMap<usize, BTreeSet<usize>>;

/// Whether rows go into a table that is there before the restore begins.
pub fn loads_into_existing(catalog: &Catalog, wants: &dyn Fn(usize) -> bool) -> bool {
    let mut entries = catalog.entries.iter().enumerate();
    entries.any(|(place, entry)| {
        let has_rows = entry.table.is_some() && !entry.holds_large_objects();
        has_rows && wants(place) && !is_made(catalog, entry, wants)
    })
}

/// Whether the table whose rows an entry holds is made by the same restore.
fn is_made(catalog: &Catalog, entry: &Entry, wants: &dyn Fn(usize) -> bool) -> bool {
    let mut own = relations(catalog, entry);
    own.any(wants)
}

/// For the place of a table's entry, the place of the entry that holds its rows.
fn data_of(catalog: &Catalog) -> BTreeMap<usize, usize> {
    let mut data_of = BTreeMap::new();
    for (place, entry) in catalog.entries.iter().enumerate() {
        if entry.table.is_some() {
            data_of.extend(loaded(catalog, place, entry).into_iter().map(|table| (table, place)));
        }
    }
    data_of
}

/// Places of the entries for the table that an entry with rows loads. Where an extension makes the table, it is this entry itself.
fn loaded(catalog: &Catalog, place: usize, entry: &Entry) -> Vec<usize> {
    if catalog.is_configuration(entry) { vec![place] } else { relations(catalog, entry).collect() }
}

/// The same for the tables that a statement is about.
fn tables<'a>(catalog: &'a Catalog, entry: &'a Entry) -> impl Iterator<Item = usize> + 'a {
    let of_extensions =
        dependencies(entry).filter(|place| catalog.is_configuration(&catalog.entries[*place]));
    relations(catalog, entry).chain(of_extensions)
}

/// Places of the relations among the dependencies.
fn relations<'a>(catalog: &'a Catalog, entry: &'a Entry) -> impl Iterator<Item = usize> + 'a {
    dependencies(entry).filter(|place| RELATIONS.contains(&catalog.entries[*place].kind.as_str()))
}

/// Places of the entries that an entry depends on.
pub fn dependencies(entry: &Entry) -> impl Iterator<Item = usize> {
    entry.dependencies.iter().map(|id| *id as usize - 1)
}

struct Builder<'a> {
    catalog: &'a Catalog,
    index: &'a Index,
    rows: Rows,
    verify: bool,
    /// Whether the entry at a place is restored.
    wants: &'a dyn Fn(usize) -> bool,
    /// For entries with rows: those whose rows must be there before.
    references: &'a References,
    memory: &'a Memory<'a>,
    tasks: Vec<Task>,
    /// The tasks that must have ended when something depends on the entry.
    of_entry: BTreeMap<usize, Vec<usize>>,
    data_of: BTreeMap<usize, usize>,
    /// The task that reads back the table of this entry.
    verify_of: BTreeMap<usize, usize>,
    /// The tables that are loaded through a partitioned table, by its schema and name.
    through: BTreeMap<&'a (String, String), Vec<Partition>>,
}

/// A table that is loaded through its root.
struct Partition {
    /// The place of the entry with its rows.
    place: usize,
    /// The table's number.
    table: u32,
    /// The places of the table's own entry.
    own: Vec<usize>,
}

impl Builder<'_> {
    fn add(&mut self, place: usize, entry: &Entry) {
        let tasks = match entry.table {
            Some(table) => self.add_loads(place, entry, table),
            None => vec![self.add_statements(place, entry)],
        };
        self.of_entry.insert(place, tasks);
    }

    fn push(&mut self, task: Task) -> usize {
        self.tasks.push(task);
        self.tasks.len() - 1
    }

    fn add_loads(&mut self, place: usize, entry: &Entry, table: u32) -> Vec<usize> {
        let index = &self.index.tables[table as usize];
        let Table { root, condition, .. } = &self.catalog.tables[table as usize];
        let are_large_objects = entry.holds_large_objects();
        let after = self.after(entry);
        let own = loaded(self.catalog, place, entry);
        // Where foreign keys are there already, the server locks the tables that they refer to.
        let before = self.references.get(&place).into_iter().flatten().copied().chain(dependencies(entry));
        let referred: BTreeSet<usize> = before
            .filter(|other| *other != place && self.catalog.entries[*other].table.is_some())
            .flat_map(|other| loaded(self.catalog, other, &self.catalog.entries[other]))
            .filter(|table| !own.contains(table))
            .collect();
        let is_made = is_made(self.catalog, entry, self.wants);
        let refers_to_itself = self.references.get(&place).is_some_and(|before| before.contains(&place));
        // A table that was there before is not emptied.
        let may_be_emptied = is_made && !are_large_objects && root.is_none() && condition.is_none();
        let skips_wal =
            matches!(self.rows, Rows::InArchive(Streams { skips_wal: true, jobs }) if jobs <= WITH_WAL);
        // A configuration table may have foreign keys to itself: the extension makes them, and no entry names them.
        let in_one = self.catalog.is_configuration(entry)
            || refers_to_itself && !is_made
            || skips_wal && may_be_emptied;
        let parts = self.parts(table, in_one);
        let freeze = parts.len() == 1 && may_be_emptied && index.raw_bytes >= FREEZE_BYTES;
        let mut loads = Vec::new();
        for blocks in parts {
            let weight = index.blocks[blocks.clone()].iter().map(|block| block.raw_len).sum();
            // TRUNCATE takes the table for itself; streams that share it may run side by side.
            let lock = if freeze { Lock::Exclusive } else { Lock::Share };
            let own = own.iter().map(|table| (*table, lock));
            let locks = own.chain(referred.iter().map(|table| (*table, Lock::Share))).collect();
            loads.push(self.push(Task {
                action: Action::Load { table, blocks, freeze },
                after: after.clone(),
                locks,
                weight,
                memory: None,
            }));
        }
        match root {
            Some(root) => self.through.entry(root).or_default().push(Partition { place, table, own }),
            None => self.add_verify(table, Vec::new(), own, loads.clone(), index.raw_bytes),
        }
        loads
    }

    fn add_verify(&mut self, table: u32, others: Vec<u32>, own: Vec<usize>, after: Vec<usize>, weight: u64) {
        if self.verify {
            let locks = own.iter().map(|table| (*table, Lock::Share)).collect();
            let action = Action::Verify { table, others };
            let verify = self.push(Task { action, after, locks, weight, memory: None });
            self.verify_of.extend(own.iter().map(|table| (*table, verify)));
        }
    }

    /// Rows wait for those that they refer to.
    fn follow_references(&mut self) {
        for (place, before) in self.references {
            let before: BTreeSet<usize> = before
                .iter()
                .filter(|other| *other != place)
                .flat_map(|other| self.of_entry.get(other).into_iter().flatten().copied())
                .collect();
            for task in self.of_entry.get(place).into_iter().flatten() {
                let mut after: BTreeSet<usize> = self.tasks[*task].after.iter().copied().collect();
                after.extend(&before);
                self.tasks[*task].after = after.into_iter().collect();
            }
        }
    }

    /// Rows that are loaded through a partitioned table may end up in any of its partitions: what waits for one waits for all,
    /// and they are read back together.
    fn join_partitions(&mut self) {
        for partitions in std::mem::take(&mut self.through).into_values() {
            let loads = |partition: &Partition| self.of_entry.get(&partition.place).cloned();
            let loads: Vec<usize> = partitions.iter().filter_map(loads).flatten().collect();
            let bytes =
                partitions.iter().map(|partition| self.index.tables[partition.table as usize].raw_bytes);
            let bytes = bytes.sum();
            self.of_entry.extend(partitions.iter().map(|partition| (partition.place, loads.clone())));
            let numbers: Vec<u32> = partitions.iter().map(|partition| partition.table).collect();
            let own = partitions.into_iter().flat_map(|partition| partition.own).collect();
            if let Some((first, others)) = numbers.split_first() {
                self.add_verify(*first, others.to_vec(), own, loads, bytes);
            }
        }
    }

    /// The block ranges that are loaded by a task each: one for a small table or a single worker.
    fn parts(&self, table: u32, in_one: bool) -> Vec<std::ops::Range<usize>> {
        let Rows::InArchive(Streams { jobs, .. }) = self.rows else { return Vec::new() };
        let index = &self.index.tables[table as usize];
        let blocks = index.blocks.len();
        let wanted = usize::try_from(index.raw_bytes / PART_BYTES).unwrap_or(usize::MAX).max(1);
        let count = if jobs == 1 || in_one { 1 } else { wanted.min(blocks.max(1)) };
        (0..count).map(|part| blocks * part / count..blocks * (part + 1) / count).collect()
    }

    fn add_statements(&mut self, place: usize, entry: &Entry) -> usize {
        let locks: Vec<(usize, Lock)> = match entry.lock {
            Lock::None => Vec::new(),
            lock => tables(self.catalog, entry).map(|table| (table, lock)).collect(),
        };
        let weight = locks.iter().map(|(table, _)| self.bytes_of(*table)).sum();
        let mut after = self.after(entry);
        if entry.kind == ROW_SECURITY {
            after.extend(dependencies(entry).filter_map(|table| self.verify_of.get(&table)));
        }
        let memory = self.memory(entry);
        self.push(Task { action: Action::Execute(vec![place]), after, locks, weight, memory })
    }

    fn memory(&self, entry: &Entry) -> Option<u64> {
        let mut tables = tables(self.catalog, entry).filter_map(|table| self.number_of(table));
        let number = tables.next()? as usize;
        let (table, rows) = (&self.catalog.tables[number], &self.index.tables[number]);
        let share = |statement: &String| (self.memory)(statement, table, rows);
        entry.create.iter().find_map(share)
    }

    fn bytes_of(&self, table: usize) -> u64 {
        self.number_of(table).map_or(0, |number| self.index.tables[number as usize].raw_bytes)
    }

    /// The number of the table whose entry is at this place, if the archive has its rows.
    fn number_of(&self, table: usize) -> Option<u32> {
        self.data_of.get(&table).and_then(|data| self.catalog.entries[*data].table)
    }

    /// The tasks an entry waits for: those of its dependencies, and for a table those that load it.
    fn after(&self, entry: &Entry) -> Vec<usize> {
        let mut after = BTreeSet::new();
        for dependency in dependencies(entry) {
            after.extend(self.of_entry.get(&dependency).into_iter().flatten());
            if let Some(data) = self.data_of.get(&dependency) {
                after.extend(self.of_entry.get(data).into_iter().flatten());
            }
        }
        after.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{BlockRef, Source, TableIndex, Transfer};

    fn entry(
        id: u32,
        kind: &str,
        section: Section,
        lock: Lock,
        dependencies: &[u32],
        table: Option<u32>,
    ) -> Entry {
        Entry {
            id,
            kind: kind.to_owned(),
            schema: None,
            name: format!("e{id}"),
            owner: None,
            section,
            pass: if kind == "ACL" { Pass::Acl } else { Pass::Main },
            lock,
            create: Vec::new(),
            drop: Vec::new(),
            owned: None,
            tablespace: None,
            access_method: None,
            dependencies: dependencies.to_vec(),
            table,
        }
    }

    fn rows(jobs: usize) -> Rows {
        Rows::InArchive(Streams { jobs, skips_wal: false })
    }

    fn block(raw_len: u64) -> BlockRef {
        BlockRef { table: 0, offset: 0, chunk: 0, sequence: 0, rows: 1, raw_len, stored_len: raw_len }
    }

    fn example(raw_len: u64) -> (Catalog, Index) {
        let entries = vec![
            entry(1, "TABLE", Section::PreData, Lock::None, &[], None),
            entry(2, "TABLE DATA", Section::Data, Lock::None, &[1], Some(0)),
            entry(3, "INDEX", Section::PostData, Lock::Share, &[1], None),
            entry(4, "CONSTRAINT", Section::PostData, Lock::Exclusive, &[1], None),
            entry(5, "ACL", Section::PostData, Lock::None, &[1], None),
        ];
        let table = Table {
            entry: 2,
            schema: "public".to_owned(),
            name: "t".to_owned(),
            transfer: Transfer::Binary,
            text_reason: None,
            root: None,
            condition: None,
            columns: Vec::new(),
        };
        let blocks: Vec<BlockRef> = (0..4).map(|_| block(raw_len / 4)).collect();
        let tables = vec![TableIndex { blocks, raw_bytes: raw_len, ..TableIndex::default() }];
        (
            Catalog { source: Source::default(), entries, tables: vec![table] },
            Index { tables, ..Index::default() },
        )
    }

    #[test]
    fn post_data_waits_for_the_rows_and_acls_come_last() {
        let (catalog, index) = example(FREEZE_BYTES);
        let plan = plan(&catalog, &index, rows(4), true, &References::new(), &|_, _, _| Some(1), |_| true);
        assert_eq!((plan.acls, plan.last), (vec![4], vec![]));
        let actions: Vec<&Action> = plan.tasks.iter().map(|task| &task.action).collect();
        let load = Action::Load { table: 0, blocks: 0..4, freeze: true };
        assert_eq!(
            actions,
            [
                &load,
                &Action::Verify { table: 0, others: Vec::new() },
                &Action::Execute(vec![2]),
                &Action::Execute(vec![3])
            ]
        );
        assert!(plan.tasks[1..].iter().all(|task| task.after == [0]));
        assert_eq!(plan.tasks[0].locks, [(0, Lock::Exclusive)]);
        assert_eq!(plan.tasks[2].locks, [(0, Lock::Share)]);
        assert_eq!(plan.tasks[3].locks, [(0, Lock::Exclusive)]);
    }

    #[test]
    fn the_rows_of_an_extensions_table_stand_for_it() {
        let (mut catalog, mut index) = example(PART_BYTES * 3);
        catalog.entries[0].kind = "EXTENSION".to_owned();
        catalog.entries[2] = entry(3, "TABLE DATA", Section::Data, Lock::None, &[1, 2], Some(1));
        catalog.entries[3] = entry(4, "RULE", Section::PostData, Lock::Exclusive, &[1, 2], None);
        catalog.tables[0].condition = Some(String::new());
        catalog.tables.push(Table { entry: 3, ..catalog.tables[0].clone() });
        index.tables.push(index.tables[0].clone());
        let plan = plan(&catalog, &index, rows(4), false, &References::new(), &|_, _, _| Some(1), |_| true);
        let after: Vec<&[usize]> = plan.tasks.iter().map(|task| task.after.as_slice()).collect();
        assert_eq!(after, [&[] as &[usize], &[0], &[0]]);
        assert_eq!(plan.tasks[0].locks, [(1, Lock::Share)]);
        assert_eq!(plan.tasks[1].locks, [(2, Lock::Share), (1, Lock::Share)]);
        assert_eq!(plan.tasks[2].locks, [(1, Lock::Exclusive)]);
        assert_eq!(plan.tasks[0].action, Action::Load { table: 0, blocks: 0..4, freeze: false });
    }

    #[test]
    fn a_small_table_is_not_emptied_first() {
        let (catalog, index) = example(FREEZE_BYTES - 4);
        let plan = plan(&catalog, &index, rows(4), false, &References::new(), &|_, _, _| Some(1), |_| true);
        assert_eq!(plan.tasks[0].action, Action::Load { table: 0, blocks: 0..4, freeze: false });
        assert_eq!(plan.tasks[0].locks, [(0, Lock::Share)]);
    }

    #[test]
    fn large_objects_are_made_first_and_filled_by_several() {
        let (mut catalog, index) = example(PART_BYTES * 3);
        catalog.entries[0].kind = LARGE_OBJECT.to_owned();
        catalog.entries[0].section = Section::Data;
        catalog.entries[1].kind = "BLOBS".to_owned();
        catalog.entries.truncate(2);
        assert!(catalog.holds_large_objects(&catalog.tables[0]));
        for (jobs, parts) in [(1, 1), (4, 3)] {
            let plan =
                plan(&catalog, &index, rows(jobs), true, &References::new(), &|_, _, _| Some(1), |_| true);
            let (verify, loads) = plan.tasks.split_last().unwrap();
            let freeze = |task: &Task| matches!(task.action, Action::Load { freeze: true, .. });
            assert_eq!((loads.len(), loads.iter().any(freeze)), (parts, false));
            assert_eq!(verify.action, Action::Verify { table: 0, others: Vec::new() });
            assert_eq!(verify.after, (0..parts).collect::<Vec<_>>());
        }
    }

    #[test]
    fn rows_that_are_loaded_are_read_back_and_waited_for_by_nobody() {
        let (catalog, index) = example(PART_BYTES * 3);
        let plan =
            plan(&catalog, &index, Rows::Loaded, true, &References::new(), &|_, _, _| Some(1), |_| true);
        let actions: Vec<&Action> = plan.tasks.iter().map(|task| &task.action).collect();
        assert_eq!(
            actions,
            [
                &Action::Verify { table: 0, others: Vec::new() },
                &Action::Execute(vec![2]),
                &Action::Execute(vec![3])
            ]
        );
        assert!(plan.tasks.iter().all(|task| task.after.is_empty()));
        assert_eq!(plan.acls, [4]);
    }

    #[test]
    fn a_large_table_is_loaded_in_parts_that_cover_every_block_once() {
        let (catalog, index) = example(PART_BYTES * 3);
        for (jobs, skips_wal, parts) in [(1, false, 1), (2, false, 3), (2, true, 1), (4, true, 3)] {
            let plan = plan(
                &catalog,
                &index,
                Rows::InArchive(Streams { jobs, skips_wal }),
                false,
                &References::new(),
                &|_, _, _| Some(1),
                |_| true,
            );
            let mut next = 0;
            let mut loads = 0;
            for task in &plan.tasks {
                if let Action::Load { blocks, freeze, .. } = &task.action {
                    assert_eq!((blocks.start, *freeze), (next, parts == 1));
                    next = blocks.end;
                    loads += 1;
                }
            }
            assert_eq!((loads, next), (parts, 4));
        }
    }

    #[test]
    fn what_is_not_wanted_is_not_planned_and_not_waited_for() {
        let (catalog, index) = example(100);
        let wanted = |entry: &Entry| entry.table.is_none() && entry.kind != "ACL";
        let plan = plan(&catalog, &index, rows(1), false, &References::new(), &|_, _, _| Some(1), wanted);
        assert_eq!(plan.tasks.len(), 2);
        assert!(plan.tasks.iter().all(|task| task.after.is_empty()) && plan.acls.is_empty());
    }
}
