//! Damaged archives on a real server: what is sound comes back equal, what is lost is told, and nothing happens unasked.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Arguments;
use pgsnap::archive::{Archive, BlockRef};
use serde_json::Value;
use support::{Database, Outcome, Server, TestResult, assert_same, pgsnap, run};
use tempfile::TempDir;

#[path = "memory_db/mod.rs"]
mod memory_db;
mod support;

type Test = fn(&Server) -> TestResult;

fn main() {
    let mut arguments = Arguments::from_args();
    // Every trial keeps a core of the server and one of its own busy.
    arguments.test_threads.get_or_insert(2);
    let mut trials = Vec::new();
    let tests: [(&str, Test); 5] = [
        ("each_table_damaged_in_turn", each_table_damaged_in_turn),
        ("structure_damaged", structure_damaged),
        ("cut_short", cut_short),
        ("foreign_key_onto_lost_rows", foreign_key_onto_lost_rows),
        ("intact", intact),
    ];
    for (name, test) in tests {
        trials.extend(support::trials_on(&[13, 17, 18], name, test));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// A database, its archive, and what pg_dump says of it.
struct Source {
    database: Database,
    /// Of the archive, undamaged.
    bytes: Vec<u8>,
    dump: String,
    archive: PathBuf,
    _directory: TempDir,
}

impl Source {
    fn new(database: Database, options: &[&str]) -> Source {
        let directory = tempfile::tempdir().expect("a directory");
        let archive = directory.path().join("a.pgsnap");
        run(pgsnap().args(["dump", "-d", &database.conninfo()]).args(options).arg("-f").arg(&archive))
            .expect_code(0);
        let bytes = fs::read(&archive).expect("the archive");
        Source { dump: database.oracle_dump(&[]), database, bytes, archive, _directory: directory }
    }

    fn memory(server: &Server) -> Source {
        let database = server.create_database("memory");
        let contents = memory_db::Options { rows: 200, vectors: false };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(memory_db::load(&database.conninfo(), &contents)).expect("the memory database");
        // Chunks, so that large tables have several blocks.
        Source::new(database, &["--split-above", "64kB"])
    }

    fn small(server: &Server) -> Source {
        let database = server.create_database("source");
        database.psql(
            "CREATE TABLE customers (id integer PRIMARY KEY, name text);
             INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 3000) i;
             CREATE TABLE orders (id integer PRIMARY KEY, customer integer CONSTRAINT known REFERENCES customers);
             COMMENT ON CONSTRAINT known ON orders IS 'goes with its constraint';
             INSERT INTO orders SELECT i, i FROM generate_series(1, 3000) i;
             CREATE VIEW busy AS SELECT customer, count(*) FROM orders GROUP BY 1",
        );
        Source::new(database, &["--split-above", "32kB"])
    }

    /// Blocks of a table, in the order of the file.
    fn blocks(&self, label: &str) -> Vec<BlockRef> {
        let archive = Archive::from_bytes(self.bytes.clone()).expect("the archive is sound");
        let number = archive.catalog().tables.iter().position(|table| table.label() == label);
        archive.index().tables[number.expect("the table is in the archive")].blocks.clone()
    }

    /// Writes the archive as `change` makes it.
    fn damage(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.bytes.clone();
        change(&mut bytes);
        fs::write(&self.archive, bytes).expect("the archive can be written");
    }

    fn target(&self) -> Database {
        self.database.server.create_database("target")
    }

    /// Refused without being asked, and the target stays as it is.
    fn is_refused(&self, arguments: &[&str], hint: &str) {
        let target = self.target();
        let before = target.oracle_dump(&[]);
        let refused = restore(&target, arguments, &self.archive).expect_code(3);
        assert!(refused.stderr.contains(hint), "no {hint}:\n{}", refused.stderr);
        assert_same("the target before and after", &before, &target.oracle_dump(&[]));
    }
}

fn restore(target: &Database, arguments: &[&str], archive: &Path) -> Outcome {
    run(pgsnap().args(["restore", "--json", "-d", &target.conninfo()]).args(arguments).arg(archive))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What an inspection says of an archive that is damaged.
fn inspect(archive: &Path) -> Value {
    json(&run(pgsnap().args(["inspect", "--json"]).arg(archive)).expect_code(3).stdout)
}

/// The rows that a list of damages counts, if all do.
fn rows_lost(damages: &Value) -> Option<u64> {
    damages.as_array().expect("a list").iter().map(|damage| damage["rows"].as_u64()).sum()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn each_table_damaged_in_turn(server: &Server) -> TestResult {
    let source = Source::memory(server);
    let sound = Archive::from_bytes(source.bytes.clone())?;
    let mut damaged = 0;
    for (table, index) in sound.catalog().tables.iter().zip(&sound.index().tables) {
        let Some(block) = index.blocks.last() else { continue };
        damaged += 1;
        let header_or_payload = if damaged % 2 == 0 { 30 } else { 48 + block.stored_len - 1 };
        source.damage(|bytes| bytes[(block.offset + header_or_payload) as usize] ^= 4);

        let label = table.label();
        let seen = inspect(&source.archive);
        assert_eq!(
            (&seen["archive"]["intact"], &seen["loads_with"]),
            (&false.into(), &"--skip-damaged".into())
        );
        let target = source.target();
        let restored = restore(&target, &["--skip-damaged"], &source.archive).expect_code(4);
        assert!(restored.stderr.contains("warning: table "), "{}", restored.stderr);
        let summary = json(&restored.stdout);
        assert_eq!(summary["losses"], seen["damages"]);
        assert_eq!(summary["losses"][0]["table"], label.as_str());
        assert_eq!(summary["losses"][0]["block"], index.blocks.len() - 1);
        assert_eq!(number(&summary["losses"][0]["offset"]), block.offset);
        assert_eq!(rows_lost(&summary["losses"]), Some(block.rows.into()));
        assert_eq!(number(&summary["rows"]), sound.index().rows - u64::from(block.rows));

        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let pattern = format!("--exclude-table-data={}.{}", quoted(&table.schema), quoted(&table.name));
        // In the order of their names: pg_dump sorts tables by foreign keys, and some of those are not restored.
        let others = |database: &Database| {
            let dump = database.oracle_dump(&["--data-only", &pattern]);
            let mut parts = dump.split("\n\n--\n").collect::<Vec<_>>();
            parts.sort_unstable();
            parts.join("\n\n--\n")
        };
        assert_same(&format!("all but {label}"), &others(&source.database), &others(&target));
        let count = format!("SELECT count(*) FROM ONLY {}.{}", quoted(&table.schema), quoted(&table.name));
        assert_eq!(target.psql(&count).trim(), (index.rows - u64::from(block.rows)).to_string(), "{label}");
    }
    assert!(damaged > 10, "{damaged} tables with rows");
    source.is_refused(&[], "--skip-damaged");
    Ok(())
}

fn structure_damaged(server: &Server) -> TestResult {
    let source = Source::memory(server);
    let length = source.bytes.len();
    let number_at = |place: usize| {
        let bytes = source.bytes[place..place + 8].try_into().expect("eight bytes");
        usize::try_from(u64::from_le_bytes(bytes)).expect("it fits")
    };
    // See format-spec/: the frame of the catalog is behind the header, that of the index where the footer says.
    let catalog = 60..60 + 32 + number_at(60 + 16);
    let index = number_at(length - 60)..number_at(length - 60) + number_at(length - 52);
    let copy = index.end..index.end + catalog.len();
    assert_eq!(copy.end, length - 84);
    let between = source.blocks("public.l2_insights")[0].offset as usize;
    type Change<'a> = &'a dyn Fn(&mut Vec<u8>);
    // What is done, and whether it is still known that no row is lost.
    let changes: [(&str, Change, bool); 8] = [
        ("no footer", &|bytes| bytes.truncate(length - 84), true),
        ("footer zeroed", &|bytes| bytes[length - 84..].fill(0), true),
        ("header zeroed", &|bytes| bytes[..60].fill(0), true),
        ("catalog zeroed", &|bytes| bytes[catalog.clone()].fill(0), true),
        ("index zeroed", &|bytes| bytes[index.clone()].fill(0), true),
        (
            "index and footer zeroed",
            &|bytes| {
                bytes[index.clone()].fill(0);
                bytes[length - 84..].fill(0)
            },
            false,
        ),
        (
            "junk in front and behind",
            &|bytes| {
                bytes.splice(0..0, *b"HTTP/1.1 200\r\n");
                bytes.extend([0; 5000])
            },
            true,
        ),
        ("junk between blocks", &|bytes| drop(bytes.splice(between..between, [0xff; 4096])), true),
    ];
    for (what, change, known) in changes {
        source.damage(|bytes| change(bytes));
        source.is_refused(&[], "--salvage");
        source.is_refused(&["--skip-damaged"], "--salvage");
        let seen = inspect(&source.archive);
        assert_eq!(
            (&seen["archive"]["intact"], &seen["loads_with"]),
            (&false.into(), &"--salvage".into()),
            "{what}"
        );
        let target = source.target();
        let summary = json(&restore(&target, &["--salvage"], &source.archive).expect_code(4).stdout);
        assert_eq!(rows_lost(&summary["losses"]), known.then_some(0), "{what}: {summary}");
        assert_same(what, &source.dump, &target.oracle_dump(&[]));
    }
    source.damage(|bytes| [catalog, copy].into_iter().for_each(|place| bytes[place].fill(0)));
    source.is_refused(&["--salvage"], "nothing can be salvaged");
    let lost = run(pgsnap().arg("inspect").arg(&source.archive)).expect_code(3);
    assert!(lost.stderr.contains("neither the catalog nor its copy"), "{}", lost.stderr);
    Ok(())
}

fn cut_short(server: &Server) -> TestResult {
    let source = Source::small(server);
    let mut blocks = [source.blocks("public.customers"), source.blocks("public.orders")].concat();
    blocks.sort_by_key(|block| block.offset);
    assert!(blocks.len() >= 2);
    for place in [0, blocks.len() / 2, blocks.len() - 1] {
        let cut = blocks[place];
        source.damage(|bytes| bytes.truncate((cut.offset + 47 + cut.stored_len) as usize));
        source.is_refused(&[], "--salvage");
        let whole: u64 = blocks[..place].iter().map(|block| u64::from(block.rows)).sum();
        let seen = inspect(&source.archive);
        let target = source.target();
        let outcome = restore(&target, &["--salvage"], &source.archive).expect_code(4);
        assert!(outcome.stderr.contains("the end of the archive is missing"), "{}", outcome.stderr);
        let summary = json(&outcome.stdout);
        assert_eq!((number(&summary["rows"]), rows_lost(&summary["losses"])), (whole, None));
        assert_eq!(summary["losses"], seen["damages"]);
        let count = "SELECT (SELECT count(*) FROM customers) + (SELECT count(*) FROM orders)";
        assert_eq!(target.psql(count).trim(), whole.to_string());
        // What came back is a part of what there was.
        let rows = |database: &Database| {
            database.psql(
                "SELECT 'c', id, name FROM customers UNION ALL SELECT 'o', id, customer::text FROM orders",
            )
        };
        let all = rows(&source.database);
        let all: std::collections::BTreeSet<&str> = all.lines().collect();
        assert!(rows(&target).lines().all(|row| all.contains(row)));
    }
    Ok(())
}

fn foreign_key_onto_lost_rows(server: &Server) -> TestResult {
    let source = Source::small(server);
    let lost = source.blocks("public.customers")[0];
    source.damage(|bytes| bytes[lost.offset as usize + 60] ^= 1);
    let target = source.target();
    let outcome = restore(&target, &["--skip-damaged", "--jobs", "3"], &source.archive).expect_code(4);
    let summary = json(&outcome.stdout);
    let not_restored = summary["not_restored"].as_array().expect("a list");
    let said = |number: usize, words: &[&str]| {
        let entry = not_restored[number]["what"].as_str().expect("a text");
        assert!(words.iter().all(|word| entry.contains(word)), "{entry}");
    };
    said(0, &["FK CONSTRAINT", "known", "23503"]);
    said(1, &["COMMENT", "needs FK CONSTRAINT", "was not restored"]);
    assert_eq!(not_restored.len(), 2);
    assert!(outcome.stderr.contains("lost: FK CONSTRAINT"), "{}", outcome.stderr);
    let orders = "SELECT count(*), (SELECT count(*) FROM busy) FROM orders";
    assert_eq!(target.psql(orders), "3000|3000\n");
    assert_eq!(target.psql("SELECT count(*) FROM pg_constraint WHERE contype = 'f'"), "0\n");
    // The primary keys are there.
    assert_eq!(
        target.psql("SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND conrelid >= 16384"),
        "2\n"
    );
    let text =
        run(pgsnap().args(["restore", "-d", &source.target().conninfo(), "--salvage"]).arg(&source.archive));
    let text = text.expect_code(4).stdout;
    assert!(text.contains("lost: table public.customers, block 0"), "{text}");
    assert!(text.contains("equal to what is left of the archive"), "{text}");
    Ok(())
}

fn intact(server: &Server) -> TestResult {
    let source = Source::small(server);
    for option in ["--skip-damaged", "--salvage"] {
        let target = source.target();
        let summary = json(&restore(&target, &[option], &source.archive).expect_code(0).stdout);
        assert_eq!(
            (&summary["losses"], &summary["not_restored"]),
            (&Value::Array(vec![]), &Value::Array(vec![]))
        );
        assert_same(option, &source.dump, &target.oracle_dump(&[]));
    }
    // A statement that fails for another reason than lost rows stops the restore as ever.
    let broken = source.database;
    broken.psql("ALTER TABLE orders DROP CONSTRAINT known; DELETE FROM customers WHERE id = 7;
                 ALTER TABLE orders ADD CONSTRAINT known FOREIGN KEY (customer) REFERENCES customers NOT VALID");
    broken.psql("UPDATE pg_constraint SET convalidated = true WHERE conname = 'known'");
    let broken = Source::new(broken, &[]);
    let failed = restore(&broken.target(), &["--salvage"], &broken.archive).expect_code(1);
    assert!(failed.stderr.contains("23503"), "{}", failed.stderr);
    run(pgsnap().args(["restore", "--salvage", "-d", "x", "-"])).expect_code(2);
    Ok(())
}
