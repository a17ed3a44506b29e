//! Parts of a database, dumped or restored alone: pg_dump with the same options sees no difference between source and target.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Arguments, Trial};
use support::{Database, Outcome, Server, TestResult, pgsnap, run};

mod support;

type Test = (&'static str, fn(&Server) -> TestResult);

fn main() {
    let mut arguments = Arguments::from_args();
    // Every trial keeps a core of the server and one of its own busy.
    arguments.test_threads.get_or_insert(2);
    let mut trials = Vec::new();
    for case in CASES {
        for major in [13, 16, 18] {
            let name = |side: &str| format!("{side}: {}", case.options.join(" "));
            trials.push(support::trial(major, &name("dump"), |server| dump_side(server, case)));
            trials.push(support::trial(major, &name("restore"), |server| restore_side(server, case)));
        }
    }
    let tests: [Test; 15] = [
        ("patterns_as_psql_reads_them", patterns_as_psql_reads_them),
        ("patterns_that_match_nothing", patterns_that_match_nothing),
        ("a_filter_file", a_filter_file),
        ("schema_then_data", schema_then_data),
        ("sections_in_archives_of_their_own", sections_in_archives_of_their_own),
        ("foreign_keys_to_what_is_left_out", foreign_keys_to_what_is_left_out),
        ("a_role_with_one_schema", a_role_with_one_schema),
        ("data_into_tables_that_are_there", data_into_tables_that_are_there),
        ("data_alone_in_an_archive", data_alone_in_an_archive),
        ("what_collides_and_what_is_missing", what_collides_and_what_is_missing),
        ("out_of_a_pipe", out_of_a_pipe),
        ("roots_of_hashes", roots_of_hashes),
        ("configuration_of_extensions", configuration_of_extensions),
        ("switches", switches),
        ("inspect_lists_what_is_selected", inspect_lists_what_is_selected),
    ];
    trials.extend(tests.into_iter().flat_map(|(name, test)| support::trials(name, test)));
    trials.extend(staged_trials());
    libtest_mimic::run(&arguments, trials).exit();
}

/// Options that pgsnap and pg_dump share.
struct Case {
    options: &'static [&'static str],
    /// Those of pg_dump, where they differ.
    oracle: Option<&'static [&'static str]>,
    /// What the target holds before.
    target: &'static str,
}

const CASES: &[Case] = &[
    Case {
        options: &["-n", "app", "-e", "hstore", "-T", "\"App 2\".*"],
        oracle: None,
        target: "CREATE SCHEMA other",
    },
    Case { options: &["-n", "app", "-n", "Other|\"App 2\"", "-e", "*"], oracle: None, target: "" },
    Case {
        options: &["--schema=a*|public|other", "-n", "\"App 2\"", "-N", "other"],
        oracle: None,
        target: "CREATE SCHEMA unrelated; CREATE TABLE unrelated.t ()",
    },
    Case {
        options: &["-t", "app.orders", "-t", "app.customers", "-t", "app.(totals|best)"],
        oracle: None,
        target: "CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('sad', 'ok'); CREATE FUNCTION app.touch() RETURNS trigger \
                 LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TABLE app.unrelated ();",
    },
    Case {
        options: &["-t", "app.events", "-t", "*.num?ers", "-T", "other.*"],
        oracle: Some(&["--table-and-children", "app.events", "-t", "*.num?ers", "-T", "other.*"]),
        target: "CREATE SCHEMA app; CREATE SCHEMA \"App 2\"",
    },
    Case { options: &["-T", "app.log", "-T", "other.late"], oracle: None, target: "" },
    Case {
        options: &["--exclude-table-data=app.events", "--exclude-table-data", "app.(log*|best)"],
        oracle: Some(&[
            "--exclude-table-data-and-children=app.events",
            "--exclude-table-data",
            "app.(log*|best)",
        ]),
        target: "",
    },
    Case { options: &["-s"], oracle: None, target: "" },
    Case {
        options: &["-s", "-n", "app", "-O", "-x", "--no-comments", "-T", "app.events", "-T", "app.events_*"],
        oracle: None,
        target: "",
    },
    Case { options: &["--section=pre-data"], oracle: None, target: "" },
    Case { options: &["--exclude-extension=h*", "-T", "other.uses_hstore"], oracle: None, target: "" },
];

impl Case {
    fn oracle_dump(&self, database: &Database) -> String {
        database.oracle_dump(self.oracle.unwrap_or(self.options))
    }
}

fn shop(server: &Server) -> Database {
    let source = server.create_database("shop");
    source.load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/selection/shop.sql"));
    source
}

fn dump(source: &Database, archive: &Path, options: &[&str]) -> Outcome {
    run(pgsnap().args(["dump", "-q", "--json", "-d", &source.conninfo(), "-f"]).arg(archive).args(options))
}

fn restore(target: &Database, archive: &Path, options: &[&str]) -> Outcome {
    run(pgsnap().args(["restore", "-q", "--json", "-d", &target.conninfo()]).arg(archive).args(options))
}

/// Compares what pg_dump says, in any order: what it leaves out moves what it does not.
fn assert_same(what: &str, expected: &str, actual: &str) {
    let sorted = |dump: &str| {
        let lines = dump.lines().filter(|line| !line.starts_with("SET default_table"));
        let text = lines.map(|line| format!("{line}\n")).collect::<String>();
        let mut entries: Vec<String> =
            text.split("\n--\n-- ").map(|entry| format!("-- {}\n", entry.trim_end())).collect();
        entries.sort_unstable();
        entries.concat()
    };
    support::assert_same(what, &sorted(expected), &sorted(actual));
}

/// The summary as JSON.
fn json(outcome: &Outcome) -> serde_json::Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.stdout))
}

fn dump_side(server: &Server, case: &Case) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let archive = directory.path().join("part.pgsnap");
    dump(&source, &archive, case.options).expect_code(0);
    let target = server.create_database("target");
    target.psql(case.target);
    restore(&target, &archive, &[]).expect_code(0);
    assert_same("pg_dump of both", &case.oracle_dump(&source), &case.oracle_dump(&target));
    Ok(())
}

fn restore_side(server: &Server, case: &Case) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let archive = directory.path().join("whole.pgsnap");
    dump(&source, &archive, &[]).expect_code(0);
    let target = server.create_database("target");
    target.psql(case.target);
    restore(&target, &archive, case.options).expect_code(0);
    assert_same("pg_dump of both", &case.oracle_dump(&source), &case.oracle_dump(&target));
    Ok(())
}

/// Each fixture of tests/objects in three steps: as in one.
fn staged_trials() -> Vec<Trial> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects");
    let mut fixtures: Vec<PathBuf> = fs::read_dir(directory)
        .expect("tests/objects")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    fixtures.sort();
    let mut trials = Vec::new();
    for fixture in fixtures {
        let text = fs::read_to_string(&fixture).expect("a fixture");
        if text.lines().any(|line| line.starts_with("-- uncovered: ") || line == "-- rows move") {
            continue;
        }
        let majors = support::majors_of(&fixture);
        for major in majors.iter().copied().filter(|major| support::is_at_an_end(&majors, *major)) {
            let name = format!("staged: {}", fixture.file_stem().unwrap_or_default().to_string_lossy());
            let fixture = fixture.clone();
            trials.push(support::trial(major, &name, move |server| staged(server, &fixture)));
        }
    }
    trials
}

fn staged(server: &Server, fixture: &Path) -> TestResult {
    let (source, directory) = (server.create_database("staged"), tempfile::tempdir()?);
    source.load(fixture);
    let archive = directory.path().join("whole.pgsnap");
    dump(&source, &archive, &[]).expect_code(0);
    let target = server.create_database("target");
    for section in ["pre-data", "data", "post-data"] {
        restore(&target, &archive, &["--section", section]).expect_code(0);
    }
    assert_same("pg_dump of both", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    Ok(())
}

fn sections_in_archives_of_their_own(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let target = server.create_database("target");
    for section in ["pre-data", "data", "post-data"] {
        let archive = directory.path().join(section);
        dump(&source, &archive, &["--section", section]).expect_code(0);
        restore(&target, &archive, &[]).expect_code(0);
    }
    assert_same("pg_dump of both", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    Ok(())
}

fn schema_then_data(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let archive = directory.path().join("whole.pgsnap");
    dump(&source, &archive, &[]).expect_code(0);
    let target = server.create_database("target");
    restore(&target, &archive, &["-s"]).expect_code(0);
    let loaded = restore(&target, &archive, &["-a", "-j", "4"]).expect_code(0);
    assert_eq!(json(&loaded)["verified"], true);
    assert_same("pg_dump of both", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    Ok(())
}

const NASTY: [&str; 14] = [
    "plain",
    "Upper",
    "a.b",
    "a\"b",
    "a$b",
    "a[0]",
    "_int4[]",
    "größe",
    "日本",
    "with blank",
    "a*b",
    "(a|b)",
    "aXb",
    "ab",
];

fn patterns_as_psql_reads_them(server: &Server) -> TestResult {
    let (source, directory) = (server.create_database("patterns"), tempfile::tempdir()?);
    source.psql("CREATE SCHEMA \"S.1\"; CREATE SCHEMA shadow");
    for schema in ["public", "\"S.1\"", "shadow"] {
        for name in NASTY {
            source.psql(&format!("CREATE TABLE {schema}.\"{}\" ()", name.replace('"', "\"\"")));
        }
    }
    source.psql(&format!("ALTER DATABASE {} SET search_path = shadow, \"$user\"", source.name));
    let archive = directory.path().join("whole.pgsnap");
    dump(&source, &archive, &[]).expect_code(0);
    let own_database = format!("{}.public.plain", source.name);
    let patterns = [
        "*",
        "*.*",
        "plain",
        "PLAIN",
        "Upper",
        "\"Upper\"",
        "*.\"Upper\"",
        "public.a*",
        "s.1.*",
        "\"S.1\".*",
        "*.a$b",
        "*.\"a$b\"",
        "*.a?b",
        "*.\"a?b\"",
        "*.\"a*b\"",
        "*.a.b",
        "*.\"a.b\"",
        "*.\"a\"\"b\"",
        "*.a[0]",
        "*.\"a[0]\"",
        "*._int4[]",
        "*.gr?ße",
        "*.GRÖSSE",
        "*.größe",
        "*.日本",
        "*.日?",
        "*.\"with blank\"",
        "*.with blank",
        "*.(plain|ab)",
        "*.\"(a|b)\"",
        "(public|shadow).a[X*]b",
        "*.[[:alnum:]]b",
        "*.a.?b",
        "public.a\\w?b",
        "\"public\".\"plain\"",
        ".plain",
        "public.",
        "*.a+b?X?b",
        own_database.as_str(),
    ];
    for pattern in patterns {
        let mut command = source.server.oracle("pg_dump");
        let oracle = run(command.args(["-s", "-t", pattern, &source.name]));
        let ours = run(pgsnap().args(["inspect", "--json", "-t", pattern]).arg(&archive));
        if oracle.code == Some(0) {
            let lines = oracle
                .stdout
                .lines()
                .filter_map(|line| line.strip_prefix("CREATE TABLE ")?.strip_suffix(" ("));
            // The system's own tables are in the search path, too. Nobody dumps them.
            let expected: BTreeSet<String> = lines.map(unquoted).filter(|name| !is_of_system(name)).collect();
            let found = json(&ours.expect_code(0));
            let entries = found["entries"].as_array().expect("entries").iter();
            let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
            let tables = entries.filter(|entry| entry["kind"] == "TABLE");
            let found: BTreeSet<String> =
                tables.map(|entry| format!("{}\n{}", text(&entry["schema"]), text(&entry["name"]))).collect();
            assert_eq!(expected, found, "{pattern}");
        } else {
            assert!(
                ["no matching tables", "improper", "cross-database"]
                    .iter()
                    .any(|part| oracle.stderr.contains(part)),
                "{}",
                oracle.stderr
            );
            ours.expect_code(2);
        }
    }
    Ok(())
}

fn is_of_system(name: &str) -> bool {
    name.starts_with("pg_catalog\n") || name.starts_with("information_schema\n")
}

/// Schema and name, on a line each, of a qualified name as pg_dump writes it.
fn unquoted(name: &str) -> String {
    let (mut text, mut quoted, mut chars) = (String::new(), false, name.chars().peekable());
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => text.push('"'),
            '"' => quoted = !quoted,
            '.' if !quoted => text.push('\n'),
            char => text.push(char),
        }
    }
    text
}

fn patterns_that_match_nothing(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let (archive, part) = (directory.path().join("whole.pgsnap"), directory.path().join("part.pgsnap"));
    dump(&source, &archive, &[]).expect_code(0);
    let target = server.create_database("target");
    for (options, message) in [
        (["-t", "app.order"], "nothing matches --table=app.order"),
        (
            ["-t", "orders"],
            "nothing matches --table=orders in the search path (postgres, public); there is app.orders",
        ),
        (["-n", "ap"], "nothing matches --schema=ap"),
        (["-e", "postgis"], "nothing matches --extension=postgis"),
        (["-t", "another.app.orders"], "pattern another.app.orders is about another database than"),
        (["-n", "a("], "pattern a(: "),
    ] {
        let refused = [
            dump(&source, &part, &options),
            restore(&target, &archive, &options),
            run(pgsnap().args(["inspect", "--quick"]).args(options).arg(&archive)),
        ];
        for refused in refused {
            let refused = refused.expect_code(2);
            assert!(refused.stderr.contains(&message.replace('"', "\\\"")), "{}", refused.stderr);
        }
    }
    assert!(!part.exists());
    assert_same("the target", "", &target.psql("SELECT relname FROM pg_class WHERE oid >= 16384"));
    // What is not wanted need not be there.
    dump(
        &source,
        &part,
        &["-T", "nothing", "-N", "nowhere", "--exclude-table-data", "x", "--exclude-extension", "y"],
    )
    .expect_code(0);
    Ok(())
}

fn a_filter_file(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let rules = "# what is sold\ninclude schema app # all\nexclude table app . events\nexclude table \"App 2\".*\n\
                 exclude table app.events_*\n\nexclude table_data app.log\nexclude table app.best\n";
    let filter = directory.path().join("rules");
    fs::write(&filter, rules)?;
    let archive = directory.path().join("part.pgsnap");
    let filter_option = format!("--filter={}", filter.display());
    dump(&source, &archive, &[&filter_option]).expect_code(0);
    let target = server.create_database("target");
    // From stdin, too; it selects the same again.
    let mut command = pgsnap();
    command.args(["restore", "-q", "-d", &target.conninfo(), "--filter", "-"]).arg(&archive);
    fed(&mut command, rules.as_bytes()).expect_code(0);
    assert_same(
        "pg_dump of both",
        &source.oracle_dump(&[&filter_option]),
        &target.oracle_dump(&[&filter_option]),
    );
    let mut command = pgsnap();
    command.args(["restore", "-q", "-d", &target.conninfo(), "--filter", "-", "-"]);
    assert!(run(&mut command).expect_code(2).stderr.contains("stdin is either"));
    fs::write(&filter, "include tables app.orders")?;
    let refused = dump(&source, &directory.path().join("x"), &[&filter_option]).expect_code(2);
    assert!(refused.stderr.contains("line 1"), "{}", refused.stderr);
    Ok(())
}

/// Runs a command with this on its stdin.
fn fed(command: &mut Command, bytes: &[u8]) -> Outcome {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        scope.spawn(move || drop(stdin.write_all(bytes)));
        Outcome::of("a program that is fed", child.wait_with_output().expect("its end"))
    })
}

fn foreign_keys_to_what_is_left_out(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let (whole, part) = (directory.path().join("whole.pgsnap"), directory.path().join("part.pgsnap"));
    let told =
        serde_json::json!(["FK CONSTRAINT app.orders orders_customer: TABLE app.customers is not selected"]);
    dump(&source, &whole, &[]).expect_code(0);
    let options = ["-t", "app.orders"];
    let dumped = json(&dump(&source, &part, &options).expect_code(0));
    assert_eq!(dumped["left_out"], told);
    assert_eq!(
        dumped["needs_outside"],
        serde_json::json!(["FUNCTION app.touch(), by TRIGGER app.orders touch"])
    );
    // A sequence needs no table, though one owns it.
    let without = directory.path().join("without.pgsnap");
    let dumped = json(&dump(&source, &without, &["-n", "app", "-T", "app.customers"]).expect_code(0));
    assert_eq!((&dumped["left_out"], &dumped["needs_outside"]), (&told, &serde_json::json!([])));
    for (archive, options) in [(&whole, &options[..]), (&part, &[][..])] {
        let target = server.create_database("target");
        target.psql("CREATE SCHEMA app; CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'");
        let restored = json(&restore(&target, archive, options).expect_code(0));
        let left_out = if options.is_empty() { serde_json::json!([]) } else { told.clone() };
        assert_eq!((&restored["left_out"], &restored["rows"]), (&left_out, &500.into()));
        let keys = target.psql("SELECT conname FROM pg_constraint WHERE contype = 'f'");
        assert_eq!(keys.trim(), "orders_before");
        let statistics = target.psql("SELECT stxname FROM pg_statistic_ext");
        assert_eq!(statistics.trim(), "orders_statistics");
    }
    Ok(())
}

fn a_role_with_one_schema(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    source.psql(
        "CREATE SCHEMA own AUTHORIZATION pgsnap_shop; SET SESSION AUTHORIZATION pgsnap_shop;
         CREATE TABLE own.t (id serial, n int GENERATED ALWAYS AS IDENTITY); INSERT INTO own.t VALUES (DEFAULT, DEFAULT);
         RESET SESSION AUTHORIZATION; ALTER ROLE pgsnap_shop LOGIN",
    );
    let conninfo = source.conninfo().replace("user=postgres", "user=pgsnap_shop");
    let archive = directory.path().join("own.pgsnap");
    let as_role = |options: &[&str]| {
        run(pgsnap().args(["dump", "-q", "-d", &conninfo, "--force", "-f"]).arg(&archive).args(options))
    };
    let refused = as_role(&[]).expect_code(9);
    assert!(refused.stderr.contains("app.customers"), "{}", refused.stderr);
    for options in [["-n", "own"], ["-t", "own.t"]] {
        as_role(&options).expect_code(0);
        let target = server.create_database("target");
        target.psql(if options[0] == "-t" { "CREATE SCHEMA own AUTHORIZATION pgsnap_shop" } else { "" });
        restore(&target, &archive, &[]).expect_code(0);
        assert_same("pg_dump of both", &source.oracle_dump(&options), &target.oracle_dump(&options));
    }
    Ok(())
}

fn data_into_tables_that_are_there(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let archive = directory.path().join("whole.pgsnap");
    dump(&source, &archive, &[]).expect_code(0);
    let expected = source.oracle_dump(&[]);
    let tables = ["-a", "-t", "app.orders", "-t", "app.customers", "-t", "app.log"];

    // Into the source itself, after an accident. What refers to the rows waits for them: customers, then orders.
    source.psql("TRUNCATE app.orders, app.customers CASCADE; DROP TABLE app.log");
    let missing = restore(&source, &archive, &tables).expect_code(9);
    assert!(missing.stderr.contains("table app.log does not exist"), "{}", missing.stderr);
    assert_eq!(source.psql("SELECT count(*) FROM app.customers").trim(), "0");
    restore(&source, &archive, &["-t", "app.log"]).expect_code(0);
    restore(&source, &archive, &tables[..5]).expect_code(0);
    assert_same("pg_dump before and after", &expected, &source.oracle_dump(&[]));

    // Rows that are there already are not mixed with others unless that is asked for.
    let refused = restore(&source, &archive, &["-a", "-t", "app.log", "-t", "app.customers"]).expect_code(9);
    for table in ["table app.log holds rows", "table app.customers holds rows"] {
        assert!(refused.stderr.contains(table), "{}", refused.stderr);
    }
    assert_same("pg_dump before and after", &expected, &source.oracle_dump(&[]));
    let appended = restore(&source, &archive, &["-a", "-t", "app.log", "--no-verify"]).expect_code(0);
    assert_eq!(json(&appended)["rows"], 200);
    assert_eq!(source.psql("SELECT count(*) FROM app.log").trim(), "400");

    // Out of a pipe there is no order.
    source.psql("TRUNCATE app.orders, app.customers CASCADE");
    let mut command = pgsnap();
    command.args(["restore", "-q", "-d", &source.conninfo(), "-"]).args(&tables[..5]);
    let refused = fed(&mut command, &fs::read(&archive)?).expect_code(9);
    assert!(refused.stderr.contains("table app.orders has foreign keys"), "{}", refused.stderr);
    Ok(())
}

fn data_alone_in_an_archive(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let (schema, data) = (directory.path().join("schema.pgsnap"), directory.path().join("data.pgsnap"));
    dump(&source, &schema, &["-s"]).expect_code(0);
    dump(&source, &data, &["-a"]).expect_code(0);
    let target = server.create_database("target");
    let refused = restore(&target, &data, &[]).expect_code(9);
    assert!(refused.stderr.contains("table app.orders does not exist"), "{}", refused.stderr);
    restore(&target, &schema, &[]).expect_code(0);
    restore(&target, &data, &["-j", "4"]).expect_code(0);
    assert_same("pg_dump of both", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    Ok(())
}

fn what_collides_and_what_is_missing(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let archive = directory.path().join("whole.pgsnap");
    dump(&source, &archive, &[]).expect_code(0);
    let target = server.create_database("target");
    let refused = |options: &[&str], sentences: &[&str]| {
        let before = target.oracle_dump(&[]);
        let refused = restore(&target, &archive, options).expect_code(9);
        for sentence in sentences {
            assert!(refused.stderr.contains(sentence), "{sentence}: {}", refused.stderr);
        }
        assert_same("the target before and after", &before, &target.oracle_dump(&[]));
    };
    refused(&["-t", "app.customers"], &["SCHEMA app does not exist", "TYPE app.mood does not exist"]);
    refused(&["-t", "app.totals"], &["TABLE app.orders does not exist, and VIEW app.totals needs it"]);
    refused(
        &["--section", "post-data", "-n", "app"],
        &["TABLE app.orders does not exist", "restore its definition first"],
    );
    target.psql("CREATE SCHEMA app; CREATE TABLE app.customers (); CREATE VIEW app.log AS SELECT 1");
    refused(
        &["-t", "app.(customers|log)"],
        &[
            "TABLE app.customers exists already",
            "TABLE app.log exists already",
            "TYPE app.mood does not exist",
        ],
    );
    // A whole archive goes into an empty database only.
    refused(&[], &["is not empty"]);
    // A trigger does not hold up its table.
    let restored = json(&restore(&target, &archive, &["-t", "app.orders"]).expect_code(0));
    let left_out = restored["left_out"].to_string();
    assert!(left_out.contains("TRIGGER app.orders touch: it needs FUNCTION app.touch()"), "{left_out}");
    assert_eq!(target.psql("SELECT count(*) FROM app.orders").trim(), "500");
    refused(
        &["--section", "post-data", "-t", "app.orders"],
        &["CONSTRAINT app.orders orders_pkey exists already"],
    );
    // A cast that cannot be made does not hold up everything else. A schema that is there stays as it is.
    let target = server.create_database("target");
    target.psql("CREATE SCHEMA other");
    let restored =
        json(&restore(&target, &archive, &["-N", "app", "-N", "App*", "-T", "other.late"]).expect_code(0));
    let left_out = restored["left_out"].to_string();
    assert!(left_out.contains("CAST (app.mood AS integer): it needs TYPE app.mood"), "{left_out}");
    Ok(())
}

fn out_of_a_pipe(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let archive = directory.path().join("whole.pgsnap");
    dump(&source, &archive, &[]).expect_code(0);
    let bytes = fs::read(&archive)?;
    let target = server.create_database("target");
    let mut command = pgsnap();
    command.args([
        "restore",
        "-q",
        "--json",
        "-d",
        &target.conninfo(),
        "-n",
        "app",
        "-T",
        "\"App 2\".*",
        "-",
    ]);
    let restored = json(&fed(&mut command, &bytes).expect_code(0));
    assert_eq!(restored["verified"], true);
    let options = ["-n", "app", "-T", "\"App 2\".*"];
    assert_same("pg_dump of both", &source.oracle_dump(&options), &target.oracle_dump(&options));
    // Damage in rows that are not wanted is damage of the archive.
    let table = pgsnap::archive::Archive::open(&archive)?;
    let log = table.catalog().tables.iter().position(|table| table.name == "log").expect("a table");
    let offset = table.index().tables[log].blocks[0].offset;
    let mut damaged = bytes;
    damaged[offset as usize + 70] ^= 1;
    let target = server.create_database("target");
    target.psql("CREATE SCHEMA app");
    let mut command = pgsnap();
    command.args(["restore", "-q", "-d", &target.conninfo(), "-t", "app.numbers", "-"]);
    fed(&mut command, &damaged).expect_code(3);
    Ok(())
}

fn roots_of_hashes(server: &Server) -> TestResult {
    let (source, directory) = (server.create_database("roots"), tempfile::tempdir()?);
    source.load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/hash_of_enum.sql"));
    let archive = directory.path().join("whole.pgsnap");
    dump(&source, &archive, &[]).expect_code(0);
    let rows = |database: &Database| database.psql("SELECT * FROM public.many ORDER BY id, note, m");
    let expected = rows(&source);
    // With its partitions, and without one of them; and a partition alone, which is no partition then.
    let target = server.create_database("target");
    target.psql("CREATE TYPE public.mood AS ENUM ('happy', 'ok', 'sad')");
    let restored = json(&restore(&target, &archive, &["-t", "many", "-t", "direct0"]).expect_code(0));
    assert_eq!(restored["verified"], true);
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(sorted(&expected), sorted(&rows(&target)));
    let direct = "SELECT * FROM public.direct0 ORDER BY id";
    assert_same("rows of a partition", &source.psql(direct), &target.psql(direct));
    // Rows alone, through the root that is there.
    target.psql("TRUNCATE public.many");
    restore(&target, &archive, &["-a", "-t", "many"]).expect_code(0);
    assert_eq!(sorted(&expected), sorted(&rows(&target)));
    let part = directory.path().join("part.pgsnap");
    dump(&source, &part, &["-a", "-t", "many"]).expect_code(0);
    target.psql("TRUNCATE public.many");
    restore(&target, &part, &[]).expect_code(0);
    assert_eq!(sorted(&expected), sorted(&rows(&target)));
    Ok(())
}

fn configuration_of_extensions(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let archive = directory.path().join("whole.pgsnap");
    dump(&source, &archive, &[]).expect_code(0);
    for options in [
        &["-n", "public", "-e", "pgsnap*"][..],
        &["-e", "pgsnap*", "-t", "app.numbers"],
        &["-t", "other.settings", "-t", "*.\"Z kinds\""],
    ] {
        let part = directory.path().join("part.pgsnap");
        run(pgsnap()
            .args(["dump", "-q", "--force", "-d", &source.conninfo(), "-f"])
            .arg(&part)
            .args(options))
        .expect_code(0);
        for (archive, selection) in [(&archive, options), (&part, &[][..])] {
            let target = server.create_database("target");
            target.psql("CREATE SCHEMA app; CREATE SCHEMA other");
            if options[1] == "other.settings" {
                target.psql("CREATE EXTENSION pgsnap_configured SCHEMA other");
            }
            restore(&target, archive, selection).expect_code(0);
            assert_same("pg_dump of both", &source.oracle_dump(options), &target.oracle_dump(options));
        }
    }
    Ok(())
}

fn switches(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let whole = directory.path().join("whole.pgsnap");
    dump(&source, &whole, &[]).expect_code(0);
    let counts = [
        (
            "--no-comments",
            "SELECT count(*) FROM pg_description WHERE objoid >= 16384 AND classoid <> 'pg_extension'::regclass",
        ),
        ("--no-publications", "SELECT count(*) FROM pg_publication"),
        ("--no-owner", "SELECT count(*) FROM pg_class WHERE relowner <> 10"),
        ("--no-privileges", "SELECT count(*) FROM pg_class WHERE oid >= 16384 AND relacl IS NOT NULL"),
    ];
    for (number, (switch, count)) in counts.into_iter().enumerate() {
        assert_ne!(source.psql(count).trim(), "0", "{switch}");
        let part = directory.path().join(number.to_string());
        dump(&source, &part, &[switch]).expect_code(0);
        for (archive, options) in [(&whole, &[switch][..]), (&part, &[])] {
            let target = server.create_database("target");
            restore(&target, archive, options).expect_code(0);
            assert_eq!(target.psql(count).trim(), "0", "{switch}");
            assert_same("pg_dump of both", &source.oracle_dump(&[switch]), &target.oracle_dump(&[switch]));
        }
    }
    Ok(())
}

fn inspect_lists_what_is_selected(server: &Server) -> TestResult {
    let (source, directory) = (shop(server), tempfile::tempdir()?);
    let archive = directory.path().join("part.pgsnap");
    dump(&source, &archive, &["-n", "app"]).expect_code(0);
    let shown = run(pgsnap().args(["inspect", "--json", "-t", "app.orders"]).arg(&archive)).expect_code(0);
    let shown = json(&shown);
    assert_eq!(shown["source"]["selection"], "--schema=app");
    let tables = shown["tables"].as_array().expect("tables");
    assert_eq!((tables.len(), &tables[0]["name"], &tables[0]["rows"]), (1, &"orders".into(), &500.into()));
    let kinds: BTreeSet<&str> = shown["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["kind"].as_str())
        .collect();
    for kind in [
        "TABLE",
        "SEQUENCE",
        "INDEX",
        "CONSTRAINT",
        "TRIGGER",
        "RULE",
        "POLICY",
        "ROW SECURITY",
        "ACL",
        "COMMENT",
        "STATISTICS",
    ] {
        assert!(kinds.contains(kind), "{kind}: {kinds:?}");
    }
    assert!(!kinds.contains("SCHEMA") && !kinds.contains("VIEW"), "{kinds:?}");
    let text =
        run(pgsnap().args(["inspect", "--list", "-t", "app.orders"]).arg(&archive)).expect_code(0).stdout;
    assert!(
        text.contains("selection  --schema=app\n")
            && text.contains("left out   FK CONSTRAINT app.orders orders_customer"),
        "{text}"
    );
    assert!(text.contains("app.orders_amount") && !text.contains("app.log"), "{text}");
    Ok(())
}
