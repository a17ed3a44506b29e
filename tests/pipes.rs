//! An archive through a pipe: `pgsnap dump -f - | pgsnap restore -`, and all that can happen to it on the way.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed};
use pgsnap::archive::{Archive, ArchiveWriter, BlockDecoder, BlockEncoder, BlockPosition, Header};
use support::{Database, Outcome, Server, TestResult, assert_same, pgsnap, run};

#[path = "memory_db/mod.rs"]
mod memory_db;
mod support;

type Test = fn(&Server) -> TestResult;

fn main() {
    let mut arguments = Arguments::from_args();
    // Every trial keeps a core of the server and one of its own busy.
    arguments.test_threads.get_or_insert(2);
    let on_every_server: [(&str, Test); 3] = [
        ("memory_database_jobs_1", |server| memory_database(server, "1")),
        ("memory_database_jobs_4", |server| memory_database(server, "4")),
        ("row_types_of_tables", row_types_of_tables),
    ];
    let on_some: [(&str, Test); 9] = [
        ("configuration_of_extensions", configuration_of_extensions),
        ("empty_database", empty_database),
        ("damage_is_noticed_before_a_row_is_committed", damage_is_noticed_before_a_row_is_committed),
        ("target_not_empty", target_not_empty),
        ("writer_killed", writer_killed),
        ("reader_killed", reader_killed),
        ("failed_row", failed_row),
        ("to_a_file", to_a_file),
        ("terminals_are_refused", terminals_are_refused),
    ];
    let every = on_every_server.iter().flat_map(|(name, test)| support::trials(name, *test));
    let some = on_some.iter().flat_map(|(name, test)| support::trials_on(&[13, 17, 18], name, *test));
    let on_one = support::trials_on(&[18], "too_many_rows_in_order", too_many_rows_in_order);
    libtest_mimic::run(&arguments, every.chain(some).chain(on_one).collect()).exit();
}

/// Fails unless the text holds all of these words.
fn expect_words(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "the message does not say {word:?}:\n{text}");
    }
}

/// A directory in which nothing can be made, not even by root.
const NOWHERE: &str = "/proc";

fn dump_to_pipe(source: &Database, options: &[&str]) -> Command {
    let mut command = pgsnap();
    command.args(["dump", "-d", &source.conninfo(), "-f", "-"]).args(options);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn restore_from_pipe(target: &Database, options: &[&str]) -> Command {
    let mut command = pgsnap();
    command.args(["restore", "-d", &target.conninfo(), "-"]).args(options);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Gives `bytes` to a restore. A restore that stops reading is not disturbed by that.
fn restore_bytes(target: &Database, options: &[&str], bytes: &[u8]) -> Result<Outcome, Failed> {
    let mut child = restore_from_pipe(target, options).spawn()?;
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        scope.spawn(move || drop(stdin.write_all(bytes)));
        outcome(child)
    })
}

fn outcome(child: Child) -> Result<Outcome, Failed> {
    Ok(Outcome::of("the process", child.wait_with_output()?))
}

/// The archive of a database, from a dump to a pipe that ended well and said all it had to say to stderr.
fn archive_of(source: &Database, options: &[&str]) -> Result<Vec<u8>, Failed> {
    let output = dump_to_pipe(source, options).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    expect_words(&stderr, &["dumped", "standard output"]);
    Ok(output.stdout)
}

fn wait(child: &mut Child, seconds: u64) -> Result<ExitStatus, Failed> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if started.elapsed() > Duration::from_secs(seconds) {
            child.kill()?;
            return Err(format!("the process did not end within {seconds} seconds").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Dumps one database into another through a pipe between two processes that can write no file.
fn pipe(source: &Database, target: &Database, jobs: &str) -> TestResult {
    let at_nowhere = |mut command: Command| {
        command.current_dir(NOWHERE).env("TMPDIR", NOWHERE).env("HOME", NOWHERE);
        command
    };
    let mut dump = at_nowhere(dump_to_pipe(source, &["--jobs", jobs])).spawn()?;
    let mut restore = at_nowhere(restore_from_pipe(target, &["--jobs", jobs]));
    let restore = restore.stdin(dump.stdout.take().expect("a pipe")).spawn()?;
    let restored = outcome(restore)?;
    let dumped = outcome(dump)?.expect_code(0);
    let restored = restored.expect_code(0);
    assert_eq!(dumped.stdout, "", "something else went to stdout");
    expect_words(&restored.stdout, &["restored", "every table equal to the archive"]);
    let expected = source.oracle_dump(&[]);
    assert_same("pg_dump of the source and of the target", &expected, &target.oracle_dump(&[]));
    Ok(())
}

fn memory_database(server: &Server, jobs: &str) -> TestResult {
    let source = server.create_database("memory");
    let contents = memory_db::Options { rows: 300, vectors: server.vector.is_some() };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(memory_db::load(&source.conninfo(), &contents)).map_err(|error| format!("{error:?}"))?;
    pipe(&source, &server.create_database("target"), jobs)
}

fn empty_database(server: &Server) -> TestResult {
    pipe(&server.create_database("empty"), &server.create_database("target"), "2")
}

/// The server opens one table while rows of another are loaded: a load that held tables for itself would wait for ever.
fn row_types_of_tables(server: &Server) -> TestResult {
    let source = server.create_database("source");
    for number in 0..6 {
        let column = if number == 0 { "int".to_owned() } else { format!("t{}", number - 1) };
        source.psql(&format!("CREATE TABLE t{number} (value {column}, filler text)"));
    }
    for number in 0..6 {
        let value = (0..number).fold("7".to_owned(), |value, _| format!("ROW({value}, 'x')"));
        source.psql(&format!(
            "INSERT INTO t{number} SELECT {value}{}, repeat(md5(i::text), 40) FROM generate_series(1, 4000) i",
            if number == 0 { String::new() } else { format!("::t{}", number - 1) }
        ));
    }
    pipe(&source, &server.create_database("target"), "4")
}

/// An extension makes tables with foreign keys: rows that refer to others are far ahead of these, or in another block of the same
/// table.
fn configuration_of_extensions(server: &Server) -> TestResult {
    let source = server.create_database("source");
    source.load(Path::new("tests/objects/extension_configuration.sql"));
    source.psql(
        "INSERT INTO \"Odd one\".tree
             SELECT i, nullif(i / 2, 0), (SELECT string_agg(md5((i * 10 + k)::text), '') FROM generate_series(1, 10) k)
             FROM generate_series(1, 60000) i",
    );
    for jobs in ["1", "4"] {
        pipe(&source, &server.create_database("target"), jobs)?;
    }
    Ok(())
}

/// More of such rows than may wait for the end of a pipe; a file has no limit.
fn too_many_rows_in_order(server: &Server) -> TestResult {
    let source = server.create_database("source");
    source.psql(
        "CREATE EXTENSION pgsnap_configured;
         INSERT INTO tree
             SELECT i, nullif(i / 2, 0),
                 (SELECT string_agg(encode(sha512(int8send(i * 12 + k)), 'base64'), '') FROM generate_series(1, 12) k)
             FROM generate_series(1, 90000) i",
    );
    let bytes = archive_of(&source, &[])?;
    let target = server.create_database("target");
    let outcome = restore_bytes(&target, &["--jobs", "2"], &bytes)?.expect_code(9);
    expect_words(&outcome.stderr, &["public.tree", "too many have to wait", "from a file"]);
    assert_eq!(target.psql("SELECT count(*) FROM tree").trim(), "0");

    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), &bytes)?;
    let target = server.create_database("target");
    let mut command = pgsnap();
    run(command.args(["restore", "--jobs", "4", "-d", &target.conninfo()]).arg(file.path())).expect_code(0);
    assert_eq!(target.psql("SELECT count(*) FROM tree").trim(), "90000");
    Ok(())
}

/// Tables that need several blocks each, on several chunks.
fn fill(source: &Database) {
    source.psql(
        "CREATE TABLE wide (id int PRIMARY KEY, note text);
         INSERT INTO wide SELECT i, (SELECT string_agg(md5((i * 10 + k)::text), '') FROM generate_series(1, 10) k)
             FROM generate_series(1, 40000) i;
         CREATE TABLE narrow (id bigint, at timestamptz);
         INSERT INTO narrow SELECT i, '2020-01-01 00:00Z'::timestamptz + i * interval '1 s' FROM generate_series(1, 60000) i;
         CREATE TABLE other AS SELECT id AS number, note || 'x' AS remark FROM wide",
    );
}

/// How many rows somebody else sees in the tables of `fill`, and that they are there.
fn visible_rows(target: &Database) -> String {
    target.psql(
        "SELECT (SELECT count(*) FROM wide) + (SELECT count(*) FROM narrow) + (SELECT count(*) FROM other)",
    )
}

fn damage_is_noticed_before_a_row_is_committed(server: &Server) -> TestResult {
    let source = server.create_database("source");
    fill(&source);
    let bytes = archive_of(&source, &["--jobs", "2", "--split-above", "4MB"])?;
    let other = archive_of(&source, &["--jobs", "2", "--split-above", "4MB"])?;
    let archive = Archive::from_bytes(bytes.clone())?;
    let mut places = Vec::new();
    for block in archive.index().tables.iter().flat_map(|table| &table.blocks) {
        places.push(block.offset as usize..block.offset as usize + archive.block(block)?.len());
    }
    places.sort_by_key(|place| place.start);
    assert!(places.len() > 6, "{} blocks", places.len());
    let (start, end) = (places[0].start, places[places.len() - 1].end);
    let blocks = |order: &[usize]| {
        let blocks = order.iter().map(|&number| &bytes[places[number].clone()]).collect::<Vec<_>>().concat();
        [&bytes[..start], &blocks, &bytes[end..]].concat()
    };
    let all: Vec<usize> = (0..places.len()).collect();
    let without = |gone: usize| all.iter().copied().filter(|number| *number != gone).collect::<Vec<_>>();
    let flipped = |at: usize| {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        damaged
    };
    let footer = bytes.len() - 84;
    let middle = places[places.len() / 2].clone();
    let mut damages = vec![
        ("a bit in the header", flipped(20)),
        ("a bit in the catalog", flipped(200)),
        ("a bit in a block's marker", flipped(middle.start)),
        ("a bit in a block's header", flipped(middle.start + 20)),
        ("a bit in a block's rows", flipped(middle.start + 5000)),
        ("a bit in the last block", flipped(end - 1)),
        ("a bit in the index", flipped(end + 40)),
        ("a bit in the copy of the catalog", flipped(footer - 10)),
        ("a bit in the footer", flipped(footer + 30)),
        ("the last bit", flipped(bytes.len() - 1)),
        ("cut to nothing", Vec::new()),
        ("cut in the catalog", bytes[..300].to_vec()),
        ("cut before the blocks", bytes[..start].to_vec()),
        ("cut in a block", bytes[..middle.start + 1000].to_vec()),
        ("cut between blocks", bytes[..middle.end].to_vec()),
        ("cut before the index", bytes[..end].to_vec()),
        ("cut in the index", bytes[..end + 50].to_vec()),
        ("cut before the footer", bytes[..footer].to_vec()),
        ("cut in the footer", bytes[..bytes.len() - 1].to_vec()),
        ("the first block dropped", blocks(&without(0))),
        ("a block dropped", blocks(&without(3))),
        ("the last block dropped", blocks(&without(places.len() - 1))),
        ("a block twice", blocks(&[&all[..4], &all[3..]].concat())),
        ("a byte after the end", [&bytes[..], b"\n"].concat()),
        ("the archive twice", [&bytes[..], &bytes].concat()),
        ("the end of another archive", [&bytes[..end], &other[end.min(other.len())..]].concat()),
        ("a block of another archive", {
            let mut spliced = bytes.clone();
            spliced[middle.clone()].copy_from_slice(&other[middle.clone()]);
            spliced
        }),
    ];
    let mut swapped = all.clone();
    swapped.swap(1, 4);
    damages.push(("two blocks swapped", blocks(&swapped)));
    damages.push(("an index of other rows", another_index(&archive)?));

    for (number, (damage, damaged)) in damages.iter().enumerate() {
        assert!(*damaged != bytes, "{damage}: no damage");
        let target = server.create_database("target");
        let before = target.oracle_dump(&[]);
        let jobs = if number % 2 == 0 { "1" } else { "3" };
        let outcome = restore_bytes(&target, &["--jobs", jobs], damaged)?;
        assert_eq!(outcome.code, Some(3), "{damage}: {}", outcome.stderr);
        if target.psql("SELECT count(*) FROM pg_class WHERE relname = 'wide'").trim() == "1" {
            expect_words(&outcome.stderr, &["no rows were loaded", "drop it before restoring again"]);
            assert_eq!(visible_rows(&target).trim(), "0", "{damage}: rows were committed");
        } else {
            assert_same("the target before and after", &before, &target.oracle_dump(&[]));
        }
        assert!(!outcome.stderr.contains("panicked"), "{damage}: {}", outcome.stderr);
    }
    // The same test of the same bytes, undamaged.
    let target = server.create_database("target");
    restore_bytes(&target, &[], &bytes)?.expect_code(0);
    assert_eq!(visible_rows(&target), visible_rows(&source));
    Ok(())
}

/// The archive with the rows of its first block replaced by others, in a block that has right checksums; its index is still
/// that of the old rows.
fn another_index(archive: &Archive) -> Result<Vec<u8>, Failed> {
    let (id, index) = (archive.header().id, archive.index());
    let mut blocks: Vec<_> = index.tables.iter().flat_map(|table| &table.blocks).collect();
    blocks.sort_by_key(|block| block.offset);
    let mut writer = ArchiveWriter::create(Vec::new(), &Header::new(id, 0), archive.catalog())?;
    let (mut decoder, mut encoder) = (BlockDecoder::new(id)?, BlockEncoder::new(id, 1)?);
    let mut rows = Vec::new();
    let mut block_bytes = Vec::new();
    for block in &blocks {
        let table = archive.table(block.table).expect("a table");
        decoder.decode(table, archive.block(block)?, &mut rows)?;
        let position = BlockPosition { chunk: block.chunk, sequence: block.sequence };
        writer.append(&encoder.encode(block.table, table, position, &rows)?)?;
        block_bytes.push(encoder.encode(block.table, table, position, &rows)?.bytes);
    }
    let (whole, _) = writer.finish()?;
    // Other rows of the same length: the first block of the index's first table, its last byte changed.
    let table = archive.table(blocks[0].table).expect("a table");
    decoder.decode(table, archive.block(blocks[0])?, &mut rows)?;
    let last = rows.len() - 1;
    rows[last] ^= 1;
    let position = BlockPosition { chunk: blocks[0].chunk, sequence: blocks[0].sequence };
    let changed = encoder.encode(blocks[0].table, table, position, &rows)?.bytes;
    let start = blocks[0].offset as usize;
    Ok([&whole[..start], &changed, &whole[start + block_bytes[0].len()..]].concat())
}

fn target_not_empty(server: &Server) -> TestResult {
    let source = server.create_database("source");
    fill(&source);
    let bytes = archive_of(&source, &[])?;
    let target = server.create_database("target");
    target.psql("CREATE TABLE precious (a int)");
    let before = target.oracle_dump(&[]);
    let outcome = restore_bytes(&target, &[], &bytes)?.expect_code(9);
    expect_words(&outcome.stderr, &["not empty", "precious"]);
    assert_same("the target before and after", &before, &target.oracle_dump(&[]));
    Ok(())
}

/// The dump dies in the middle: the restore ends, and has committed nothing.
fn writer_killed(server: &Server) -> TestResult {
    let source = server.create_database("source");
    fill(&source);
    let bytes = archive_of(&source, &[])?;
    let target = server.create_database("target");
    let mut restore = restore_from_pipe(&target, &["--jobs", "2"]).spawn()?;
    let mut stdin = restore.stdin.take().expect("a pipe");
    stdin.write_all(&bytes[..bytes.len() / 2])?;
    let pid = || {
        target.psql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY %'")
    };
    let started = Instant::now();
    while pid().trim() == "0" {
        assert!(started.elapsed() < Duration::from_secs(30), "no COPY has started");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(visible_rows(&target).trim(), "0", "rows are visible before the end");
    drop(stdin);
    wait(&mut restore, 30)?;
    let outcome = outcome(restore)?.expect_code(3);
    expect_words(&outcome.stderr, &["cut short", "no rows were loaded"]);
    assert_eq!(visible_rows(&target).trim(), "0");
    Ok(())
}

/// Whoever reads the dump goes away: the dump ends at once, with the exit code for storage.
fn reader_killed(server: &Server) -> TestResult {
    let source = server.create_database("source");
    fill(&source);
    for taken in [0, 1, 300_000] {
        let mut dump = dump_to_pipe(&source, &[]).spawn()?;
        let mut stdout = dump.stdout.take().expect("a pipe");
        stdout.read_exact(&mut vec![0; taken])?;
        drop(stdout);
        wait(&mut dump, 30)?;
        let outcome = outcome(dump)?.expect_code(7);
        expect_words(&outcome.stderr, &["cannot write to the archive", "Broken pipe"]);
        assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    }
    Ok(())
}

/// The server refuses a row: the error is told, and nothing is committed, though more would come.
fn failed_row(server: &Server) -> TestResult {
    let source = server.create_database("source");
    fill(&source);
    source.psql(
        "CREATE FUNCTION moody(n int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS \
         'BEGIN RETURN pg_catalog.current_database() NOT LIKE ''target%'' OR n < 23000; END'; \
         ALTER TABLE wide ADD CHECK (moody(id))",
    );
    let bytes = archive_of(&source, &[])?;
    let target = server.create_database("target");
    let mut restore = restore_from_pipe(&target, &["--jobs", "2"]).spawn()?;
    let mut stdin = restore.stdin.take().expect("a pipe");
    // All of it but the end, which never comes.
    let writer = std::thread::spawn(move || {
        let written = stdin.write_all(&bytes[..bytes.len() - 1]);
        (stdin, written)
    });
    wait(&mut restore, 30)?;
    drop(writer.join());
    let outcome = outcome(restore)?.expect_code(1);
    expect_words(&outcome.stderr, &["loading table public.wide", "wide_id_check", "no rows were loaded"]);
    assert_eq!(visible_rows(&target).trim(), "0");
    Ok(())
}

/// Standard output may be a file, and standard input too.
fn to_a_file(server: &Server) -> TestResult {
    let source = server.create_database("source");
    fill(&source);
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let file = fs::File::create(&archive)?;
    let outcome = run(pgsnap()
        .args(["dump", "-d", &source.conninfo(), "--json", "-f", "-"])
        .stdout(file)
        .stderr(Stdio::piped()));
    let outcome = outcome.expect_code(0);
    let summary = outcome.stderr.lines().last().unwrap_or_default();
    expect_words(summary, &["{", "\"type\":\"dump\"", "\"rows\":140000"]);
    run(pgsnap().arg("inspect").arg(&archive)).expect_code(0);
    let target = server.create_database("target");
    let stdin = fs::File::open(&archive)?;
    run(pgsnap().args(["restore", "-d", &target.conninfo(), "-"]).stdin(stdin)).expect_code(0);
    assert_same("source and target", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    assert!(!Path::new("-").exists(), "a file named - was made");
    Ok(())
}

/// On a terminal an archive is noise, and what is typed is no archive.
fn terminals_are_refused(server: &Server) -> TestResult {
    let source = server.create_database("source");
    for arguments in [["dump", "-f", "-"].as_slice(), &["restore", "-"]] {
        let mut command = Command::new("python3");
        command.args(["-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"]);
        command.arg(env!("CARGO_BIN_EXE_pgsnap")).args(arguments).args(["-d", &source.conninfo()]);
        let outcome = run(command.stdin(Stdio::null())).expect_code(2);
        expect_words(&outcome.stdout, &["terminal", "name a file"]);
    }
    Ok(())
}
