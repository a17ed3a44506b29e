//! `pgsnap verify`: an archive beside a live database. Every kind of difference is made on purpose and must be named.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed};
use pgsnap::archive::{Archive, ArchiveWriter, BlockDecoder, BlockEncoder, BlockPosition, Header};
use serde_json::Value;
use support::{Database, Outcome, Server, TestResult, pgsnap, run};
use tempfile::TempDir;

#[path = "memory_db/mod.rs"]
mod memory_db;
mod support;

type Test = (&'static str, fn(&Server) -> TestResult);

fn main() {
    let every: [Test; 2] =
        [("one_change_is_found", one_change), ("restored_elsewhere_it_is_equal", restored_elsewhere)];
    let some: [Test; 6] = [
        ("tables_that_came_and_went", tables_that_came_and_went),
        ("partitions_are_compared_through_their_root", partitions),
        ("a_part_of_the_database", a_part),
        ("a_damaged_archive_is_not_compared", damaged),
        ("a_forged_condition_runs_no_statement", forged_condition),
        ("nothing_is_known_without_rights_and_locks", without_rights_and_locks),
    ];
    let mut trials = Vec::new();
    for (name, test) in every {
        trials.extend(support::trials(name, test));
    }
    for (name, test) in some {
        trials.extend(support::trials_on(&[13, 17, 18], name, test));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn dump(source: &Database, arguments: &[&str]) -> Result<(TempDir, PathBuf), Failed> {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    run(pgsnap().args(["dump", "-d", &source.conninfo(), "-f"]).arg(&archive).args(arguments)).expect_code(0);
    Ok((directory, archive))
}

fn verify(database: &Database, archive: &Path, arguments: &[&str]) -> Outcome {
    run(pgsnap().args(["verify", "-d", &database.conninfo()]).arg(archive).args(arguments))
}

/// Table and verdict of everything that is not equal; the exit code must say the same.
fn not_equal(database: &Database, archive: &Path, arguments: &[&str]) -> Result<Vec<String>, Failed> {
    let outcome = verify(database, archive, &[arguments, &["--json", "-j", "3"]].concat());
    let report: Value =
        serde_json::from_str(&outcome.stdout).map_err(|error| format!("{error}: {}", outcome.stderr))?;
    let tables = report["tables"].as_array().ok_or("no tables")?;
    let of = |table: &Value, field: &str| table[field].as_str().unwrap_or_default().to_owned();
    let differing: Vec<String> = tables
        .iter()
        .filter(|table| table["verdict"] != "equal")
        .map(|table| {
            format!("{} {} {}", of(table, "verdict"), of(table, "table"), of(table, "what")).trim().to_owned()
        })
        .collect();
    assert_eq!(report["equal"], differing.is_empty());
    outcome.expect_code(if differing.is_empty() { 0 } else { 4 });
    Ok(differing)
}

const TABLES: &str = "
    CREATE TABLE t (id int PRIMARY KEY, name text, size float8, made timestamptz, more int GENERATED ALWAYS AS (id * 2) STORED);
    INSERT INTO t SELECT n, 'name ' || n, CASE WHEN n % 3 = 0 THEN NULL ELSE n / 7.0 END, timestamptz '2026-01-01' + n * interval '1 h'
        FROM generate_series(1, 5000) n;
    CREATE TABLE as_text (r regclass, a int[]); INSERT INTO as_text VALUES ('t', '{1,NULL}'), (NULL, '{}');
    CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES;
    CREATE TABLE empty (a int);
    CREATE TABLE twice (a int); INSERT INTO twice VALUES (1), (1), (2);
    CREATE TYPE mood AS ENUM ('sad', 'well'); CREATE TABLE moods (m mood[]); INSERT INTO moods VALUES ('{sad,well}');
    SELECT lo_from_bytea(5001, '\\x00010203');";

/// Each change alone is found, in its table and in no other; undone, all is equal again.
fn one_change(server: &Server) -> TestResult {
    let source = server.create_database("verify");
    source.psql(TABLES);
    let (_directory, archive) = dump(&source, &[])?;
    assert_eq!(not_equal(&source, &archive, &[])?, [] as [String; 0]);
    // Other places on the pages, the same rows.
    source.psql("UPDATE t SET id = id WHERE id % 2 = 0; CLUSTER t USING t_pkey");
    assert_eq!(not_equal(&source, &archive, &[])?, [] as [String; 0]);
    let same = "different public.t 5000 rows, not the same ones";
    for (change, undo, expected) in [
        ("UPDATE t SET name = 'name 77 ' WHERE id = 77", "UPDATE t SET name = 'name 77' WHERE id = 77", same),
        ("UPDATE t SET size = 0 WHERE id = 3", "UPDATE t SET size = NULL WHERE id = 3", same),
        ("UPDATE t SET name = NULL WHERE id = 5", "UPDATE t SET name = 'name 5' WHERE id = 5", same),
        ("UPDATE t SET name = '' WHERE id = 5", "UPDATE t SET name = 'name 5' WHERE id = 5", same),
        (
            "UPDATE t SET made = made + interval '1 us' WHERE id = 1",
            "UPDATE t SET made = made - interval '1 us' WHERE id = 1",
            same,
        ),
        (
            "UPDATE t SET size = -size WHERE id IN (1, 2)",
            "UPDATE t SET size = -size WHERE id IN (1, 2)",
            same,
        ),
        (
            "CREATE TABLE kept AS SELECT * FROM t WHERE id = 4; DELETE FROM t WHERE id = 4",
            "INSERT INTO t SELECT id, name, size, made FROM kept; DROP TABLE kept",
            "different public.t 5000 rows in the archive, 4999 rows in the database",
        ),
        (
            "INSERT INTO twice VALUES (2)",
            "DELETE FROM twice WHERE ctid = (SELECT max(ctid) FROM twice)",
            "different public.twice 3 rows in the archive, 4 rows in the database",
        ),
        (
            "UPDATE twice SET a = 2 WHERE ctid = '(0,1)'",
            "TRUNCATE twice; INSERT INTO twice VALUES (1), (1), (2)",
            "different public.twice 3 rows, not the same ones",
        ),
        (
            "INSERT INTO nothing DEFAULT VALUES",
            "TRUNCATE nothing; INSERT INTO nothing DEFAULT VALUES",
            "different public.nothing 1 row in the archive, 2 rows in the database",
        ),
        (
            "INSERT INTO empty VALUES (NULL)",
            "TRUNCATE empty",
            "different public.empty 0 rows in the archive, 1 row in the database",
        ),
        (
            "UPDATE as_text SET r = 'twice' WHERE r = 't'::regclass",
            "UPDATE as_text SET r = 't' WHERE r = 'twice'::regclass",
            "different public.as_text 2 rows, not the same ones",
        ),
        (
            "UPDATE moods SET m = '{well,sad}'",
            "UPDATE moods SET m = '{sad,well}'",
            "different public.moods 1 row, not the same ones",
        ),
        (
            "SELECT lo_put(5001, 3, '\\x04')",
            "SELECT lo_put(5001, 3, '\\x03')",
            "different pg_catalog.pg_largeobject 1 row, not the same ones",
        ),
        (
            "SELECT lo_from_bytea(5002, '\\x00')",
            "SELECT lo_unlink(5002)",
            "different pg_catalog.pg_largeobject 1 row in the archive, 2 rows in the database",
        ),
    ] {
        source.psql(change);
        let mut found = not_equal(&source, &archive, &[])?;
        found.retain(|line| line != "extra public.kept");
        assert_eq!(found, [expected], "{change}");
        source.psql(undo);
    }
    assert_eq!(not_equal(&source, &archive, &[])?, [] as [String; 0]);
    Ok(())
}

fn restored_elsewhere(server: &Server) -> TestResult {
    let source = server.create_database("verify");
    let contents = memory_db::Options { rows: 300, vectors: server.vector.is_some() };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(memory_db::load(&source.conninfo(), &contents)).map_err(|error| format!("{error:?}"))?;
    let (_directory, archive) = dump(&source, &["--split-above", "64kB"])?;
    assert_eq!(not_equal(&source, &archive, &[])?, [] as [String; 0]);
    let target = server.create_database("verify_target");
    target.psql("CREATE TABLE takes_oids (a int); CREATE TYPE takes_more AS ENUM ('x'); DROP TABLE takes_oids; DROP TYPE takes_more");
    run(pgsnap().args(["restore", "--no-verify", "-d", &target.conninfo()]).arg(&archive)).expect_code(0);
    assert_eq!(not_equal(&target, &archive, &[])?, [] as [String; 0]);
    let said = verify(&target, &archive, &[]).expect_code(0).stdout;
    assert!(said.contains("15 equal, 0 different, 0 missing, 0 extra"), "{said}");
    Ok(())
}

fn tables_that_came_and_went(server: &Server) -> TestResult {
    let source = server.create_database("verify");
    source.psql(
        "CREATE TABLE a (x int, y text); CREATE TABLE b (x int); CREATE TABLE c (x int); CREATE TABLE d (x int); \
         CREATE TABLE \"e\nf\" (x int); INSERT INTO a VALUES (1, 'y'); INSERT INTO b VALUES (1)",
    );
    let (_directory, archive) = dump(&source, &[])?;
    source.psql(
        "ALTER TABLE a ADD z int; ALTER TABLE a RENAME y TO w; ALTER TABLE b ALTER x TYPE bigint; DROP TABLE c; \
         CREATE VIEW c AS SELECT 1 AS x; CREATE TABLE new (x int); CREATE TEMP TABLE temporary (x int); \
         DROP TABLE d; CREATE TABLE d (x int) PARTITION BY LIST (x)",
    );
    assert_eq!(
        not_equal(&source, &archive, &[])?,
        [
            "different public.a the database has no column y, the archive has no column w, the archive has no column z",
            "different public.b 1 row, not the same ones; column x is of type integer, here bigint",
            "missing public.c",
            "different public.d it is a partitioned table now",
            "extra public.new",
        ]
    );
    source.psql("DROP TABLE \"e\nf\"");
    let told = verify(&source, &archive, &[]).expect_code(4);
    for words in [
        "missing: the database has no table public.c\n",
        "missing: the database has no table public.e\\nf\n",
        "extra: the archive has no rows of table public.new\n",
        "different: table public.b: 1 row, not the same ones",
    ] {
        assert!(told.stdout.contains(words), "{words:?} in {}", told.stdout);
    }
    assert!(told.stderr.contains("not equal: 0 equal, 3 different, 2 missing, 1 extra"), "{}", told.stderr);
    Ok(())
}

/// Which partition a row of an enum is in depends on the OIDs of its database.
fn partitions(server: &Server) -> TestResult {
    let source = server.create_database("verify");
    source.psql(
        "CREATE TYPE e AS ENUM ('a', 'b', 'c', 'd', 'e', 'f'); CREATE TABLE p (k e, n int) PARTITION BY HASH (k); \
         CREATE TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 3, REMAINDER 0); \
         CREATE TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 3, REMAINDER 1); \
         CREATE TABLE p2 PARTITION OF p FOR VALUES WITH (MODULUS 3, REMAINDER 2); \
         INSERT INTO p SELECT unnest(enum_range(NULL::e)), generate_series(1, 300)",
    );
    let (_directory, archive) = dump(&source, &[])?;
    let target = server.create_database("verify_target");
    target.psql("CREATE TYPE shifts_oids AS ENUM ('x', 'y', 'z'); DROP TYPE shifts_oids");
    run(pgsnap().args(["restore", "-d", &target.conninfo()]).arg(&archive)).expect_code(0);
    assert_eq!(not_equal(&target, &archive, &[])?, [] as [String; 0]);
    target.psql("DELETE FROM p WHERE n = 7");
    assert_eq!(
        not_equal(&target, &archive, &[])?,
        ["different public.p 300 rows in the archive, 299 rows in the database"]
    );
    Ok(())
}

fn a_part(server: &Server) -> TestResult {
    let source = server.create_database("verify");
    source.psql("CREATE TABLE a (x int); CREATE TABLE b (x int); CREATE TABLE c (x int)");
    let (_whole, archive) = dump(&source, &[])?;
    let (_partial, part) = dump(&source, &["-t", "a"])?;
    source.psql("INSERT INTO b VALUES (1); CREATE TABLE ab (x int)");
    assert_eq!(not_equal(&source, &archive, &["-t", "a"])?, [] as [String; 0]);
    assert_eq!(not_equal(&source, &archive, &["-t", "a*"])?, ["extra public.ab"]);
    assert_eq!(not_equal(&source, &archive, &["-T", "b", "-T", "ab"])?, [] as [String; 0]);
    // An archive of chosen tables knows nothing of others.
    assert_eq!(not_equal(&source, &part, &[])?, [] as [String; 0]);
    verify(&source, &archive, &["-t", "nobody"]).expect_code(2);
    Ok(())
}

fn damaged(server: &Server) -> TestResult {
    let source = server.create_database("verify");
    source.psql("CREATE TABLE a AS SELECT n, md5(n::text) AS t FROM generate_series(1, 1000) n");
    let (_directory, archive) = dump(&source, &[])?;
    let mut bytes = std::fs::read(&archive)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&archive, bytes)?;
    let refused = verify(&source, &archive, &[]).expect_code(3);
    assert!(refused.stderr.contains("damaged"), "{}", refused.stderr);
    Ok(())
}

/// An archive brings the conditions of an extension's configuration tables: what they become is one COPY, or nothing.
fn forged_condition(server: &Server) -> TestResult {
    let source = server.create_database("verify");
    source.psql("CREATE TABLE a AS SELECT 1 AS n");
    let (directory, archive) = dump(&source, &[])?;
    let honest = Archive::open(&archive)?;
    let mut catalog = honest.catalog().clone();
    let second = r#"WHERE true) TO STDOUT (FORMAT binary); COMMIT; CREATE TABLE "second" (n int); COPY (SELECT "n" FROM "public"."a""#;
    catalog.tables[0].condition = Some(second.to_owned());
    let id = honest.header().id;
    let (mut decoder, mut encoder) = (BlockDecoder::new(id)?, BlockEncoder::new(id, 1)?);
    let mut writer = ArchiveWriter::create(Vec::new(), &Header::new(id, 0), &catalog)?;
    let (table, block) = (&catalog.tables[0], &honest.index().tables[0].blocks[0]);
    let mut rows = Vec::new();
    decoder.decode(table, honest.block(block)?, &mut rows)?;
    let position = BlockPosition { chunk: block.chunk, sequence: block.sequence };
    writer.append(&encoder.encode(block.table, table, position, &rows)?)?;
    let forged = directory.path().join("forged.pgsnap");
    std::fs::write(&forged, writer.finish()?.0)?;
    let refused = verify(&source, &forged, &[]).expect_code(1);
    assert!(refused.stderr.contains("42601"), "{}", refused.stderr);
    assert_eq!(source.psql("SELECT to_regclass('second') IS NULL").trim(), "t");
    Ok(())
}

fn without_rights_and_locks(server: &Server) -> TestResult {
    let source = server.create_database("verify");
    source.psql(
        "DO $$ BEGIN CREATE ROLE pgsnap_verifier LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
         CREATE TABLE a (x int); CREATE TABLE b (x int); GRANT SELECT ON a TO pgsnap_verifier; \
         CREATE TABLE c (x int); GRANT SELECT ON c TO pgsnap_verifier; ALTER TABLE c ENABLE ROW LEVEL SECURITY",
    );
    let (_directory, archive) = dump(&source, &[])?;
    let as_verifier = format!("{} user=pgsnap_verifier", source.conninfo());
    let verify =
        |arguments: &[&str]| run(pgsnap().args(["verify", "-d", &as_verifier]).arg(&archive).args(arguments));
    verify(&["-t", "a"]).expect_code(0);
    let denied = verify(&[]).expect_code(9);
    assert!(denied.stderr.contains("public.b"), "{}", denied.stderr);
    let hidden = verify(&["-t", "c"]).expect_code(6);
    assert!(hidden.stderr.contains("row-level security"), "{}", hidden.stderr);
    let down = run(pgsnap().args(["verify", "-d", "host=/nowhere dbname=x"]).arg(&archive)).expect_code(5);
    assert_eq!(down.stdout, "");
    Ok(())
}
