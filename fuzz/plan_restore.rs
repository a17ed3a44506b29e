//! From any catalog whose parts agree, a restore takes every entry once and every block once, what is needed before what
//! needs it, and comes to its end.

use std::collections::BTreeSet;

use pgsnap::archive::{
    ArchiveWriter, BlockRef, Catalog, Entry, Header, Index, Lock, Pass, Section, Source, Table, TableIndex,
    Transfer,
};

use super::Input;
use super::forge::{ID, table};
use definitions::definitions;
use plan::{Action, Plan, References, Rows, Streams, Task, plan};
use schedule::Schedule;

// The plan is no public name of the library; it needs nothing of it but the archive.
#[path = "../src/restore/definitions.rs"]
mod definitions;
#[allow(dead_code)]
#[path = "../src/restore/plan.rs"]
mod plan;
#[path = "../src/restore/schedule.rs"]
mod schedule;

/// Less than the largest tables ask for.
const MEMORY: u64 = 200;

/// The kinds that a plan knows, and one that it does not.
const KINDS: [&str; 8] = [
    "TABLE",
    "COMMENT",
    "ROW SECURITY",
    "KIND OF THE FUTURE",
    "BLOB METADATA",
    "BLOBS",
    "SEQUENCE",
    "EVENT TRIGGER",
];

/// Input: jobs and whether to read back, then entries.
pub fn holds(input: &[u8]) {
    let mut input = Input(input);
    let options = input.u8();
    let (jobs, verify) = (usize::from(options & 7) + 1, options & 8 != 0);
    let (catalog, index) = catalog(&mut input);
    // Writing takes much longer than planning.
    if options >= 0xf8 {
        ArchiveWriter::create(Vec::new(), &Header::new(ID, 0), &catalog).unwrap();
    }
    is_planned(&catalog, &index, jobs, verify);
}

/// Panics unless a plan can be made of all of `catalog`.
pub fn is_planned(catalog: &Catalog, index: &Index, jobs: usize, verify: bool) {
    let rows = Rows::InArchive(Streams { jobs, skips_wal: jobs.is_multiple_of(3) });
    let memory = |_: &str, _: &Table, rows: &TableIndex| Some(rows.raw_bytes);
    let plan = plan(catalog, index, rows, verify, &References::new(), &memory, |_| true);
    every_entry_once(catalog, index, &plan);
    needs_come_first(catalog, &plan.tasks);
    let definitions = definitions(catalog, |_| true);
    definitions_in_order(catalog, &definitions);
    comes_to_its_end(definitions, jobs);
    comes_to_its_end(plan.tasks, jobs);
}

/// Entries whose tables and dependencies are right, and everything else is any.
fn catalog(input: &mut Input) -> (Catalog, Index) {
    let (mut entries, mut tables, mut indexes) = (Vec::new(), Vec::new(), Vec::new());
    while !input.is_empty() && entries.len() < 30 {
        let id = u32::try_from(entries.len() + 1).unwrap();
        let (what, order, needs) = (input.u8(), input.u8(), input.u8());
        let holds_rows = what & 0x10 != 0;
        let needs = if id == 1 { 0 } else { needs % 5 };
        let dependencies = (0..needs).map(|_| 1 + u32::from(input.u8()) % (id - 1)).collect();
        let number = u32::try_from(tables.len()).unwrap();
        if holds_rows {
            tables.push(Table { entry: id, ..table(Transfer::Binary, 1) });
            let block = |raw_len: u8| BlockRef {
                table: number,
                offset: 0,
                chunk: 0,
                sequence: 0,
                rows: 1,
                raw_len: u64::from(raw_len) << 23,
                stored_len: 0,
            };
            let blocks = (0..input.u8() % 8).map(|_| block(input.u8())).collect::<Vec<_>>();
            let raw_bytes = blocks.iter().map(|block| block.raw_len).sum();
            indexes.push(TableIndex { blocks, raw_bytes, ..TableIndex::default() });
        }
        entries.push(Entry {
            id,
            kind: KINDS[usize::from(what & 7) % KINDS.len()].to_owned(),
            schema: None,
            name: String::new(),
            owner: None,
            section: match order % 3 {
                1 if !holds_rows => Section::PreData,
                2 if !holds_rows => Section::PostData,
                _ => Section::Data,
            },
            pass: match order >> 2 & 3 {
                2 if !holds_rows => Pass::Acl,
                3 if !holds_rows => Pass::PostAcl,
                _ => Pass::Main,
            },
            lock: [Lock::None, Lock::Share, Lock::Exclusive][usize::from(order >> 4) % 3],
            create: vec![String::new()],
            drop: vec![],
            owned: None,
            tablespace: None,
            access_method: None,
            dependencies,
            table: holds_rows.then_some(number),
        });
    }
    let catalog = Catalog { source: Source::default(), entries, tables };
    (catalog, Index { tables: indexes, ..Index::default() })
}

fn every_entry_once(catalog: &Catalog, index: &Index, plan: &Plan) {
    let definitions = definitions(catalog, |_| true);
    let mut places = [&plan.acls[..], &plan.last, &plan.events].concat();
    for list in [&plan.acls, &plan.last, &plan.events] {
        assert!(list.is_sorted(), "what runs in order runs in the archive's order");
    }
    let mut loaded = vec![0; index.tables.len()];
    let mut read_back: Vec<u32> = Vec::new();
    for task in definitions.iter().chain(&plan.tasks) {
        match &task.action {
            Action::Execute(entries) => places.extend(entries),
            Action::Load { table, blocks, freeze } => {
                let table = usize::try_from(*table).unwrap();
                let all = index.tables[table].blocks.len();
                let entry = usize::try_from(catalog.tables[table].entry).unwrap() - 1;
                if blocks.start == 0 {
                    places.push(entry);
                }
                assert_eq!(blocks.start, loaded[table]);
                let is_whole = blocks.start == 0 && blocks.end == all;
                let entry = &catalog.entries[entry];
                // All entries are restored: a table that is there was made by this restore.
                let kind_of = |id: &u32| catalog.entries[usize::try_from(*id).unwrap() - 1].kind.as_str();
                let is_made = entry.dependencies.iter().any(|id| kind_of(id) == "TABLE");
                let is_large = index.tables[table].raw_bytes >= 2 << 20;
                assert_eq!(*freeze, is_whole && is_made && is_large && entry.kind != "BLOBS");
                loaded[table] = blocks.end;
            }
            Action::Verify { table, others } => read_back.extend(others.iter().chain([table]).copied()),
        }
    }
    read_back.sort_unstable();
    assert!(read_back.windows(2).all(|pair| pair[0] != pair[1]), "a table is read back once: {read_back:?}");
    places.sort_unstable();
    assert!(places == (0..catalog.entries.len()).collect::<Vec<_>>(), "every entry once: {places:?}");
    let blocks = index.tables.iter().map(|table| table.blocks.len()).collect::<Vec<_>>();
    assert_eq!(loaded, blocks, "blocks that are loaded");
}

/// The place in the catalog of what a task is about.
fn place_of(catalog: &Catalog, task: &Task) -> usize {
    match &task.action {
        Action::Execute(entries) => entries[0],
        Action::Load { table, .. } | Action::Verify { table, .. } => {
            usize::try_from(catalog.tables[usize::try_from(*table).unwrap()].entry).unwrap() - 1
        }
    }
}

fn needs_come_first(catalog: &Catalog, tasks: &[Task]) {
    let places = tasks.iter().map(|task| place_of(catalog, task)).collect::<Vec<_>>();
    for (number, task) in tasks.iter().enumerate() {
        assert!(task.after.iter().all(|before| *before < number), "a task waits for a later one");
        let entry = &catalog.entries[places[number]];
        let needed = |place: usize| entry.dependencies.iter().any(|id| *id as usize == place + 1);
        for (earlier, place) in places.iter().enumerate().take(number) {
            let ends = !matches!(tasks[earlier].action, Action::Verify { .. });
            let reads_back = matches!(task.action, Action::Verify { .. });
            if ends && !reads_back && needed(*place) {
                assert!(task.after.contains(&earlier), "task {number} does not wait for task {earlier}");
            }
            // Reading back waits for every part of its own table.
            if ends && reads_back && *place == places[number] {
                assert!(task.after.contains(&earlier), "task {number} does not wait for task {earlier}");
            }
        }
    }
}

/// Every definition comes behind those that it needs; what may not run beside others comes behind all that the archive has before
/// it.
fn definitions_in_order(catalog: &Catalog, tasks: &[Task]) {
    let mut batch_of = vec![None; catalog.entries.len()];
    // For each batch those that have ended when it begins.
    let mut ended: Vec<BTreeSet<usize>> = Vec::new();
    let mut alone = BTreeSet::new();
    for (number, task) in tasks.iter().enumerate() {
        let Action::Execute(entries) = &task.action else { panic!("definitions are statements") };
        assert!(entries.is_sorted() && !entries.is_empty() && entries.len() <= 16);
        let mut before: BTreeSet<usize> = task.after.iter().copied().collect();
        before.extend(task.after.iter().flat_map(|earlier| ended[*earlier].clone()));
        for place in entries {
            for need in &catalog.entries[*place].dependencies {
                let batch: Option<usize> = batch_of[usize::try_from(*need).unwrap() - 1];
                assert!(batch.is_none_or(|batch| batch == number || before.contains(&batch)));
            }
            if !matches!(
                catalog.entries[*place].kind.as_str(),
                "TABLE" | "COMMENT" | "SEQUENCE" | "BLOB METADATA"
            ) {
                assert_eq!(before.len(), number, "a batch that runs beside none waits for all before it");
                alone.insert(number);
            }
            batch_of[*place] = Some(number);
        }
        assert!(alone.iter().all(|earlier| *earlier == number || before.contains(earlier)));
        ended.push(before);
    }
}

/// Runs the tasks with workers that take up to two at once, `jobs` more of them each time; the last that was started ends first.
fn comes_to_its_end(tasks: Vec<Task>, jobs: usize) {
    let mut left = tasks.len();
    let mut schedule = Schedule::new(tasks, MEMORY);
    let mut running: Vec<(usize, Task)> = Vec::new();
    while !schedule.is_done() {
        let together = || schedule.start(2);
        for (place, task) in std::iter::repeat_with(together).take(jobs).flatten() {
            for (_, other) in &running {
                let collide = |(table, lock): &(usize, Lock)| {
                    let mut held = other.locks.iter().filter(|(other, _)| other == table);
                    held.any(|(_, held)| Lock::Exclusive == *held.max(lock))
                };
                assert!(!task.locks.iter().any(collide), "two tasks want the same table");
            }
            running.push((place, task));
            let builds = running.iter().filter_map(|(_, task)| task.memory).filter(|memory| *memory > 0);
            assert!(
                builds.clone().count() < 2 || builds.sum::<u64>() <= MEMORY,
                "builds take too much memory"
            );
        }
        let (place, _) = running.pop().expect("something runs until everything is done");
        schedule.finish(place);
        left -= 1;
    }
    assert_eq!(left, 0);
}

/// A table with rows, an index, a constraint, row security and an ACL.
pub fn seeds() -> Vec<Vec<u8>> {
    // What, order, how many dependencies, the dependencies from 0; for rows: how many blocks, their lengths.
    let rows = [0x13, 0x00, 1, 0, 5, 60, 70, 80, 90, 10];
    let entries = [
        &[0x00, 0x01, 0][..],
        &rows,
        &[0x03, 0x12, 1, 0],
        &[0x03, 0x22, 2, 0, 2],
        &[0x02, 0x02, 1, 0],
        &[0x03, 0x0a, 1, 0],
        &[0x01, 0x0e, 1, 0],
    ]
    .concat();
    [0, 3, 8, 11, 0xfb].map(|options| [&[options], &entries[..]].concat()).to_vec()
}
