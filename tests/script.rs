//! `restore --sql`: what psql makes of the script is what the source was.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed};
use support::{Database, Server, TestResult, assert_same, pgsnap, run};

#[path = "memory_db/mod.rs"]
mod memory_db;
mod support;

fn main() {
    let mut trials = vec![
        support::trials_on(&[13, 14, 15, 16, 17], "values", |server| comes_back(&loaded(server, "values"))),
        support::trials("values_in_latin1", latin1),
        support::trials_on(&[14], "multiranges", |server| comes_back(&loaded(server, "multiranges"))),
        support::trials_on(&[15, 16, 17], "vectors", |server| comes_back(&loaded(server, "vectors"))),
        support::trials_on(&[13, 17, 18], "memory_database", memory_database),
        support::trials("values_of_servers", of_servers),
        support::trials_on(&[17], "unknown_types_are_told_before_the_first_byte", unknown_types),
        support::trials_on(&[17], "psql_gets_no_commands", no_commands),
        support::trials_on(&[17], "without_owners_and_privileges", without_owners),
    ];
    for fixture in object_fixtures() {
        let name = fixture.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        trials.push(vec![support::trial(18, &format!("object_{name}"), move |server| {
            let source = server.create_database("script");
            source.load(&fixture);
            comes_back(&source)
        })]);
    }
    libtest_mimic::run(&Arguments::from_args(), trials.into_iter().flatten().collect()).exit();
}

/// The fixtures of `tests/objects` that come back whole.
fn object_fixtures() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects");
    let mut fixtures: Vec<PathBuf> = fs::read_dir(directory)
        .expect("tests/objects")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    fixtures.retain(|fixture| {
        let text = fs::read_to_string(fixture).expect("a fixture");
        support::majors_of(fixture).contains(&18)
            && !text.contains("-- uncovered: ")
            && !text.contains("-- rows move")
    });
    fixtures.sort();
    fixtures
}

fn loaded(server: &Server, fixture: &str) -> Database {
    let source = server.create_database("script");
    source.load(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects").join(fixture).with_extension("sql"),
    );
    source
}

/// Dumps the database and returns the script of its archive.
fn script(source: &Database, options: &[&str]) -> Result<String, Failed> {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    run(pgsnap().args(["dump", "-d", &source.conninfo(), "-f"]).arg(&archive)).expect_code(0);
    let restore = pgsnap().args(["restore", "--sql"]).args(options).arg(&archive).output()?;
    assert_eq!(restore.status.code(), Some(0), "{}", String::from_utf8_lossy(&restore.stderr));
    // Bytes of any encoding, each as one character.
    Ok(restore.stdout.into_iter().map(char::from).collect())
}

fn psql(script: &str, target: &Database) -> TestResult {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), script.chars().map(|c| c as u8).collect::<Vec<_>>())?;
    target.load(file.path());
    Ok(())
}

fn comes_back(source: &Database) -> TestResult {
    let target = source.server.create_database("script_target");
    psql(&script(source, &[])?, &target)?;
    assert_same("pg_dump of source and target", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    Ok(())
}

fn latin1(server: &Server) -> TestResult {
    let options = "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'";
    let (source, target) =
        (server.create_database_with("latin1", options), server.create_database_with("latin1", options));
    source.psql("CREATE TABLE \"ä\" (\"ö\" text); INSERT INTO \"ä\" VALUES ('ü'), (E'\\\\ß'); CREATE TABLE plain (a int)");
    psql(&script(&source, &[])?, &target)?;
    assert_same("pg_dump of source and target", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    Ok(())
}

fn memory_database(server: &Server) -> TestResult {
    let source = server.create_database("memory");
    let contents = memory_db::Options { rows: 300, vectors: server.vector.is_some() };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(memory_db::load(&source.conninfo(), &contents)).map_err(|error| format!("{error:?}"))?;
    comes_back(&source)
}

/// Values that only a server can write as text are text in the archive already.
fn of_servers(server: &Server) -> TestResult {
    let source = server.create_database("script");
    source.psql(
        "CREATE EXTENSION cube;
         CREATE TABLE cubes (a int, b int4range, c cube); INSERT INTO cubes VALUES (1, NULL, '(1,2)'), (2, '[1,5)', NULL);
         CREATE TABLE prices (a money, b cube[]); INSERT INTO prices VALUES (-1234.56, '{(1)}');
         CREATE VIEW v AS SELECT 1 AS x, 'a b'::text AS y;
         CREATE TABLE of_views (v v, n information_schema.sql_identifier); INSERT INTO of_views VALUES ('(1,a b)', 'n');",
    );
    comes_back(&source)
}

/// An archive of a table alone, without the type of its column.
fn unknown_types(server: &Server) -> TestResult {
    let source = server.create_database("script");
    source.psql("CREATE TYPE e AS ENUM ('x'); CREATE TABLE t (a int, b int4range, c e); INSERT INTO t VALUES (1, NULL, 'x')");
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    run(pgsnap().args(["dump", "-t", "t", "-d", &source.conninfo(), "-f"]).arg(&archive)).expect_code(0);
    let refused = run(pgsnap().args(["restore", "--sql"]).arg(&archive)).expect_code(9);
    assert_eq!(refused.stdout, "");
    assert!(refused.stderr.contains("public.t, column c of type public.e"), "{}", refused.stderr);
    let with_server = run(pgsnap().args(["restore", "--sql", "-d", "x"]).arg(&archive)).expect_code(2);
    assert!(with_server.stderr.contains("cannot be used with"), "{}", with_server.stderr);
    Ok(())
}

/// Names and rows that try to leave their place: psql would run what they say.
fn no_commands(server: &Server) -> TestResult {
    let source = server.create_database("script");
    let directory = tempfile::tempdir()?;
    let mark = directory.path().join("mark");
    let command = format!("\\! touch {}", mark.display());
    source.psql(&format!(
        "CREATE TABLE \"x\n{command}\n-- \" (\"c\r{command}\" text, \"USER\" int, a int[]);
         INSERT INTO \"x\n{command}\n-- \" VALUES (E'\\n\\\\.\\n{0}\\n', 1, '{{1}}'), ('{command}', 2, '{{2}}');
         COMMENT ON TABLE \"x\n{command}\n-- \" IS E'a\\n{0}\\n';
         CREATE VIEW v AS SELECT a[1:\"USER\"] FROM \"x\n{command}\n-- \";
         CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$ SELECT '\n{command}\n' $f$;",
        command.replace('\\', "\\\\"),
    ));
    comes_back(&source)?;
    assert!(!mark.exists(), "psql ran what the database said");
    Ok(())
}

fn without_owners(server: &Server) -> TestResult {
    let source = server.create_database("script");
    source.load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/acl.sql"));
    let target = server.create_database("script_target");
    psql(&script(&source, &["--no-owner", "--no-privileges"])?, &target)?;
    let options = ["--no-owner", "--no-privileges"];
    assert_same("pg_dump of source and target", &source.oracle_dump(&options), &target.oracle_dump(&options));
    Ok(())
}
