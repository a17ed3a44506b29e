//! What a restore does beside bringing everything back: memory for indexes, what is there already, all or nothing, errors that are
//! passed over, roles.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::path::{Path, PathBuf};

use libtest_mimic::Arguments;
use support::own_server::OwnServer;
use support::{Database, Holder, Outcome, Server, TestResult, assert_same, pgsnap, run};
use tempfile::TempDir;

mod support;

fn main() {
    let mut trials = Vec::new();
    for (name, test) in [
        ("an_index_gets_the_memory_that_it_needs", needed_memory as fn(&Server) -> TestResult),
        ("a_graph_that_does_not_fit_is_told", graph_too_large),
        ("counted", counted),
        ("clean", clean),
        ("clean_of_what_is_missing", clean_of_what_is_missing),
        ("clean_of_a_part", clean_of_a_part),
        ("clean_of_keys_of_large_tables", clean_of_keys_of_large_tables),
        ("single_transaction", single_transaction),
        ("on_error_continue", on_error_continue),
        ("role", role),
        ("mapped_roles", mapped_roles),
        ("ordinary_role", ordinary_role),
        ("dry_run", dry_run),
        ("disabled_triggers", disabled_triggers),
        ("a_load_that_a_deadlock_ended_is_tried_again", deadlocked_load),
    ] {
        trials.extend(support::trials_on(&[15, 17, 18], name, test));
    }
    trials.extend(support::trials_on(&[17], "parallel_builds_without_room", no_room_for_workers));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn dump(source: &Database) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let archive = directory.path().join("a.pgsnap");
    run(pgsnap().args(["dump", "-d", &source.conninfo(), "-f"]).arg(&archive)).expect_code(0);
    (directory, archive)
}

fn restore(target: &Database, archive: &Path, options: &[&str]) -> Outcome {
    run(pgsnap().args(["restore", "-d", &target.conninfo()]).arg(archive).args(options))
}

/// So many random vectors of 384 dimensions.
fn vectors(source: &Database, rows: u32) {
    source.psql(&format!(
        "CREATE EXTENSION vector;
         CREATE TABLE t AS SELECT n AS id,
             (SELECT array_agg(random() + (n - n) * d) FROM generate_series(1, 384) d)::vector(384) AS v
             FROM generate_series(1, {rows}) n"
    ));
}

/// With the server's own 64 MB an index of so many lists fails.
fn needed_memory(server: &Server) -> TestResult {
    let source = server.create_database("restore");
    vectors(&source, 20);
    source.psql(
        "SET maintenance_work_mem = '1GB';
         CREATE INDEX lists ON t USING ivfflat (v vector_l2_ops) WITH (lists = 1000)",
    );
    let (_directory, archive) = dump(&source);
    for memory in [&[][..], &["--memory", "64MB"]] {
        let target = server.create_database("restore");
        restore(&target, &archive, memory).expect_code(0);
        assert_eq!(
            target.psql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'lists'::regclass").trim(),
            "t"
        );
    }
    // A server that has no more is not asked for more.
    let target = server.create_database("restore");
    target.psql(&format!("ALTER DATABASE {} SET effective_cache_size = '8MB'", target.name));
    let said = restore(&target, &archive, &["--memory", "2MB"]).expect_code(1).stderr;
    assert!(said.contains("INDEX public.lists was given 8 MB; --memory gives"), "{said}");
    Ok(())
}

fn counted(server: &Server) -> TestResult {
    let (_source, _directory, archive) = some(server);
    let target = server.create_database("restore");
    let said = restore(&target, &archive, &["--progress", "json", "-j", "3"]).expect_code(0).stderr;
    let is_last = |line: &&str| line.contains("\"type\":\"counted\"") && line.contains("\"tables\":3");
    let last = said.lines().rfind(is_last).ok_or("no count")?;
    let last: serde_json::Value = serde_json::from_str(last)?;
    // Two tables and the contents of large objects; keys, an index, a foreign key, a trigger.
    assert_eq!((&last["tables_of"], &last["rows"]), (&3.into(), &201.into()));
    assert_eq!(last["objects"], last["objects_of"]);
    assert!(last["objects"].as_u64() >= Some(5), "{last}");
    Ok(())
}

fn graph_too_large(server: &Server) -> TestResult {
    let source = server.create_database("restore");
    vectors(&source, 1500);
    source.psql("CREATE INDEX graph ON t USING hnsw (v vector_l2_ops)");
    let (_directory, archive) = dump(&source);
    let fits = server.create_database("restore");
    let said = restore(&fits, &archive, &[]).expect_code(0).stderr;
    assert!(!said.contains("graph"), "{said}");
    let target = server.create_database("restore");
    let said = restore(&target, &archive, &["--memory", "2MB", "-j", "2"]).expect_code(0).stderr;
    assert!(said.contains("INDEX public.graph: hnsw graph no longer fits"), "{said}");
    assert!(said.contains("--memory gives more"), "{said}");
    Ok(())
}

const SOME: &str = "
    CREATE SCHEMA app;
    CREATE TYPE app.state AS ENUM ('new', 'done');
    CREATE TABLE app.a (id serial PRIMARY KEY, state app.state DEFAULT 'new');
    CREATE TABLE app.b (id int PRIMARY KEY, a int REFERENCES app.a, twice int GENERATED ALWAYS AS (id * 2) STORED);
    INSERT INTO app.a (state) SELECT 'done' FROM generate_series(1, 100);
    INSERT INTO app.b SELECT n, n FROM generate_series(1, 100) n;
    CREATE INDEX b_a ON app.b (a);
    COMMENT ON INDEX app.b_a IS 'of b';
    CREATE VIEW app.v AS SELECT state, count(*) FROM app.a JOIN app.b ON a.id = b.a GROUP BY state;
    CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER t BEFORE UPDATE ON app.a FOR EACH ROW EXECUTE FUNCTION app.f();
    CREATE MATERIALIZED VIEW app.m AS SELECT * FROM app.v;
    SELECT lo_from_bytea(4711, 'large');
    GRANT SELECT ON app.v TO PUBLIC";

fn some(server: &Server) -> (Database, TempDir, PathBuf) {
    let source = server.create_database("restore");
    source.psql(SOME);
    let (directory, archive) = dump(&source);
    (source, directory, archive)
}

fn clean(server: &Server) -> TestResult {
    let (source, _directory, archive) = some(server);
    let target = server.create_database("restore");
    restore(&target, &archive, &["--clean", "--if-exists"]).expect_code(0);
    target.psql(
        "INSERT INTO app.a DEFAULT VALUES; DELETE FROM app.b; DROP MATERIALIZED VIEW app.m; DROP VIEW app.v;
         ALTER TABLE app.b DROP COLUMN a; CREATE TABLE kept (a int)",
    );
    restore(&target, &archive, &["--clean"]).expect_code(1);
    restore(&target, &archive, &["--clean", "--if-exists"]).expect_code(0);
    target.psql("DROP TABLE kept");
    assert_same("the database", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    restore(&target, &archive, &["--clean", "-j", "1"]).expect_code(0);
    assert_same("the database", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    // A damaged archive drops nothing.
    let mut bytes = std::fs::read(&archive)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&archive, bytes)?;
    restore(&target, &archive, &["--clean"]).expect_code(3);
    assert_same("the database", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    Ok(())
}

/// Either everything is dropped or nothing.
fn clean_of_what_is_missing(server: &Server) -> TestResult {
    let (_source, _directory, archive) = some(server);
    let target = server.create_database("restore");
    restore(&target, &archive, &[]).expect_code(0);
    target.psql("DROP MATERIALIZED VIEW app.m; CREATE VIEW of_somebody AS SELECT * FROM app.a");
    let before = target.oracle_dump(&[]);
    for (options, word) in [(&["--clean"][..], "app.m"), (&["--clean", "--if-exists"], "of_somebody")] {
        let said = restore(&target, &archive, options).expect_code(1).stderr;
        assert!(said.contains(word) && said.contains("nothing was changed"), "{said}");
        assert_same("what nothing has changed", &before, &target.oracle_dump(&[]));
    }
    Ok(())
}

/// Their indexes are entries that the constraints take over.
fn clean_of_keys_of_large_tables(server: &Server) -> TestResult {
    let source = server.create_database("restore");
    source.load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/constraint_large.sql"));
    let (_directory, archive) = dump(&source);
    let expected = source.oracle_dump(&[]);
    let target = server.create_database("restore");
    restore(&target, &archive, &[]).expect_code(0);
    for part in [&["-n", "large"][..], &["--section", "post-data"], &["-t", "large.parts", "-t", "large.one"]]
    {
        let options = [part, &["--clean"]].concat();
        restore(&target, &archive, &options).expect_code(0);
        assert_same(&format!("after {options:?}"), &expected, &target.oracle_dump(&[]));
    }
    // As a restore leaves it that has ended between an index and its constraint.
    target.psql(
        "ALTER TABLE large.refers DROP CONSTRAINT refers_id_fkey; ALTER TABLE large.t DROP CONSTRAINT t_pkey",
    );
    target.psql("CREATE UNIQUE INDEX t_pkey ON large.t (id) INCLUDE (a) WITH (fillfactor = 77)");
    restore(&target, &archive, &["--section", "post-data", "--clean", "--if-exists"]).expect_code(0);
    assert_same("after an end in between", &expected, &target.oracle_dump(&[]));
    Ok(())
}

fn clean_of_a_part(server: &Server) -> TestResult {
    let (source, _directory, archive) = some(server);
    let target = server.create_database("restore");
    restore(&target, &archive, &[]).expect_code(0);
    target.psql("DELETE FROM app.b");
    restore(&target, &archive, &["-t", "app.b"]).expect_code(9);
    target.psql("DROP MATERIALIZED VIEW app.m; DROP VIEW app.v");
    restore(&target, &archive, &["-t", "app.b", "--clean"]).expect_code(0);
    // The foreign key leads to what is not selected.
    source.psql("DROP MATERIALIZED VIEW app.m; DROP VIEW app.v; ALTER TABLE app.b DROP CONSTRAINT b_a_fkey");
    let b = &["-t", "app.b"][..];
    assert_same("the table", &source.oracle_dump(b), &target.oracle_dump(b));
    Ok(())
}

fn single_transaction(server: &Server) -> TestResult {
    let (source, _directory, archive) = some(server);
    let target = server.create_database("restore");
    restore(&target, &archive, &["--single-transaction"]).expect_code(0);
    assert_same("the database", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    restore(&target, &archive, &["-1", "--clean"]).expect_code(0);
    assert_same("the database", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    // The last statement of all fails, and nothing is there.
    source.psql(&format!(
        "CREATE FUNCTION app.here() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
             RETURN 1 / (current_database() = '{}')::int; END $$;
         CREATE MATERIALIZED VIEW app.fails AS SELECT app.here()",
        source.name
    ));
    let (_directory, archive) = dump(&source);
    let target = server.create_database("restore");
    let before = target.oracle_dump(&[]);
    let said = restore(&target, &archive, &["-1"]).expect_code(1).stderr;
    assert!(said.contains("app.fails") && said.contains("the target is as it was"), "{said}");
    assert_same("what nothing has changed", &before, &target.oracle_dump(&[]));
    Ok(())
}

fn on_error_continue(server: &Server) -> TestResult {
    let (source, _directory, _) = some(server);
    source.psql(&format!(
        "CREATE FUNCTION app.here(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
             RETURN $1 / (current_database() = '{}')::int; END $$;
         CREATE INDEX fails ON app.a (app.here(id)); COMMENT ON INDEX app.fails IS 'gone with it';
         CREATE FUNCTION app.fires() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER of_superusers ON ddl_command_end EXECUTE FUNCTION app.fires()",
        source.name
    ));
    let (_directory, archive) = dump(&source);
    let target = server.create_database("restore");
    let said = restore(&target, &archive, &[]).expect_code(1).stderr;
    assert!(said.contains("INDEX app.fails") && said.contains("division by zero"), "{said}");

    let role = format!("{}_owner", source.name);
    let target = server.create_database("restore");
    server.psql(
        "postgres",
        &format!("CREATE ROLE {role} LOGIN; ALTER DATABASE {} OWNER TO {role}", target.name),
    );
    let conninfo = target.conninfo().replace(&format!("user={}", server.superuser), &format!("user={role}"));
    let mut command = pgsnap();
    command.args(["restore", "-d", &conninfo, "--no-owner", "--on-error", "continue"]).arg(&archive);
    let outcome = run(&mut command).expect_code(4);
    for words in [
        "2 things are lost, 1 are not possible here",
        "lost: INDEX app.fails",
        "COMMENT app.INDEX fails: it needs INDEX app.fails, which was not restored",
        "not possible here: EVENT TRIGGER of_superusers",
    ] {
        assert!(outcome.stderr.contains(words), "it does not say {words:?}: {}", outcome.stderr);
    }
    source.psql("DROP INDEX app.fails; DROP EVENT TRIGGER of_superusers");
    let without_owner = &["--no-owner"][..];
    assert_same("everything else", &source.oracle_dump(without_owner), &target.oracle_dump(without_owner));
    drop(target);
    server.psql("postgres", &format!("DROP ROLE {role}"));
    Ok(())
}

fn role(server: &Server) -> TestResult {
    let (source, _directory, archive) = some(server);
    let target = server.create_database("restore");
    let role = format!("{}_role", source.name);
    server.psql("postgres", &format!("CREATE ROLE {role}; ALTER DATABASE {} OWNER TO {role}", target.name));
    restore(&target, &archive, &["--role", &role, "--no-owner"]).expect_code(0);
    let owners = target.psql(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'app'::regnamespace",
    );
    assert_eq!(owners.trim(), role);
    let said = restore(&target, &archive, &["--role", "no_such_role"]).expect_code(1).stderr;
    assert!(said.contains("no_such_role"), "{said}");
    drop(target);
    server.psql("postgres", &format!("DROP ROLE {role}"));
    Ok(())
}

/// A role that may log in, dropped with the value and after the databases that it owns something in.
struct Role<'a> {
    server: &'a Server,
    name: String,
}

impl<'a> Role<'a> {
    fn new(server: &'a Server, name: String) -> Self {
        server.psql("postgres", &format!("CREATE ROLE {name} LOGIN"));
        Role { server, name }
    }

    fn restores(&self, target: &Database, archive: &Path, options: &[&str]) -> Outcome {
        let as_superuser = format!("user={}", self.server.superuser);
        let conninfo = target.conninfo().replace(&as_superuser, &format!("user={}", self.name));
        run(pgsnap().args(["restore", "-d", &conninfo]).arg(archive).args(options))
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        let mut command = self.server.oracle("psql");
        run(command.args(["-XAtq", "-d", "postgres", "-c", &format!("DROP ROLE {}", self.name)]));
    }
}

fn says(outcome: &Outcome, words: &[&str]) {
    for word in words {
        assert!(outcome.stderr.contains(word), "it does not say {word:?}: {}", outcome.stderr);
    }
}

fn mapped_roles(server: &Server) -> TestResult {
    let source = server.create_database("restore");
    let roles = ["old", "Quoted old", "new"].map(|name| format!("{name} {}", source.name));
    let [old, reader, new] = &roles;
    let roles_of_test = roles.clone().map(|name| Role::new(server, format!("\"{name}\"")));
    source.psql(SOME);
    source.psql(&format!(
        "ALTER TABLE app.a OWNER TO \"{old}\"; ALTER SCHEMA app OWNER TO \"{old}\";
         GRANT SELECT, UPDATE (state) ON app.a TO \"{reader}\" WITH GRANT OPTION;
         ALTER TABLE app.b ENABLE ROW LEVEL SECURITY;
         CREATE POLICY p ON app.b TO \"{old}\", \"{reader}\" USING (id > 0);
         ALTER DEFAULT PRIVILEGES FOR ROLE \"{old}\" IN SCHEMA app GRANT SELECT ON TABLES TO \"{reader}\""
    ));
    let (_directory, archive) = dump(&source);
    let target = server.create_database("restore");
    let mapping = [format!("{old}={new}"), format!("{reader}={}", server.superuser)];
    let options = ["--map-role", &mapping[0], "--map-role", &mapping[1]];
    restore(&target, &archive, &options).expect_code(0);
    let names = target.psql(
        "SELECT pg_get_userbyid(relowner), relacl, (SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'app')
         FROM pg_class WHERE oid = 'app.a'::regclass;
         SELECT polroles::regrole[] FROM pg_policy; SELECT defaclrole::regrole, defaclacl FROM pg_default_acl",
    );
    assert!(!names.contains(old) && !names.contains(reader), "{names}");
    assert_eq!(names.matches(new.as_str()).count(), 8, "{names}");
    let unknown = restore(&target, &archive, &["--map-role", "nobody_at_all=x"]).expect_code(2);
    says(&unknown, &["nobody_at_all", "nothing to map"]);
    drop(target);
    drop(source);
    drop(roles_of_test);
    Ok(())
}

/// As on a managed service: no superuser, and a database that belongs to somebody else, or to the role.
fn ordinary_role(server: &Server) -> TestResult {
    let (source, _first, _) = some(server);
    let owner = Role::new(server, format!("{}_of_source", source.name));
    source.psql(&format!("ALTER TABLE app.b OWNER TO {}; CREATE TABLE plain (a int)", owner.name));
    let (_directory, archive) = dump(&source);
    let guest = Role::new(server, format!("{}_guest", source.name));
    let target = server.create_database("restore");
    target.psql("REVOKE ALL ON SCHEMA public FROM PUBLIC");
    let before = target.oracle_dump(&[]);
    let refused = guest.restores(&target, &archive, &[]).expect_code(9);
    says(
        &refused,
        &[
            "may not give objects to their owner",
            "--map-role",
            "may not create objects in schema public",
            "GRANT CREATE ON SCHEMA public TO",
            "may not create SCHEMA app",
            "GRANT CREATE ON DATABASE",
        ],
    );
    assert_same("what nothing has changed", &before, &target.oracle_dump(&[]));
    target.psql(&format!(
        "GRANT CREATE ON DATABASE {} TO {}; GRANT CREATE, USAGE ON SCHEMA public TO {}",
        target.name, guest.name, guest.name
    ));
    guest.restores(&target, &archive, &["--no-owner", "--no-privileges"]).expect_code(0);
    let bare = &["--no-owner", "--no-privileges", "-N", "public"][..];
    assert_same("what the guest has restored", &source.oracle_dump(bare), &target.oracle_dump(bare));

    let owned = server.create_database("restore");
    owned.psql(&format!("ALTER DATABASE {} OWNER TO {}", owned.name, guest.name));
    if server.major < 15 {
        owned.psql(&format!("ALTER SCHEMA public OWNER TO {}", guest.name));
    }
    guest.restores(&owned, &archive, &["--no-owner"]).expect_code(0);
    let bare = &["--no-owner", "--no-privileges", "-N", "public"][..];
    assert_same("what the owner has restored", &source.oracle_dump(bare), &owned.oracle_dump(bare));
    drop((target, owned, source));
    Ok(())
}

fn dry_run(server: &Server) -> TestResult {
    let (source, _directory, archive) = some(server);
    let target = server.create_database("restore");
    let before = target.oracle_dump(&[]);
    let said = restore(&target, &archive, &["--dry-run", "-j", "2"]).expect_code(0).stdout;
    for words in
        ["definitions\n", "loads of rows\n", "rows of app.a", "with 2 workers", "nothing was changed"]
    {
        assert!(said.contains(words), "it does not say {words:?}: {said}");
    }
    let json = restore(&target, &archive, &["--dry-run", "--json"]).expect_code(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json)?;
    assert_eq!(json["phases"][0]["phase"], "definitions");
    assert_same("what nothing has changed", &before, &target.oracle_dump(&[]));
    // What would be refused is refused.
    restore(&source, &archive, &["--dry-run"]).expect_code(9);
    let create = ["--dry-run", "--create"];
    says(&restore(&source, &archive, &create).expect_code(9), &["exists"]);
    Ok(())
}

fn disabled_triggers(server: &Server) -> TestResult {
    let source = server.create_database("restore");
    let definitions = "CREATE TABLE t (id int PRIMARY KEY, up int REFERENCES t, other int);
        CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t); ALTER TABLE t ADD FOREIGN KEY (other) REFERENCES u;
        CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no rows''; END';";
    let trigger = "CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no()";
    source.psql(&format!(
        "{definitions} INSERT INTO t VALUES (1, 2, NULL), (2, 1, NULL); INSERT INTO u VALUES (1, 2); UPDATE t SET other = 1; {trigger}"
    ));
    let (_directory, archive) = dump(&source);
    let target = server.create_database("restore");
    target.psql(&format!("{definitions} {trigger}"));
    restore(&target, &archive, &["--data-only"]).expect_code(1);
    let target = server.create_database("restore");
    target.psql(&format!("{definitions} {trigger}"));
    restore(&target, &archive, &["--data-only", "--disable-triggers"]).expect_code(0);
    assert_same("the database", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    restore(&target, &archive, &["--disable-triggers"]).expect_code(2);
    Ok(())
}

/// What parallel workers share does not fit into what the system gives: 64 MB of /dev/shm in a container, here files of 50 MB.
fn no_room_for_workers(shared: &Server) -> TestResult {
    let own = OwnServer::start_within(&["prlimit", "--fsize=50000000"], shared, "5940", "64")?;
    let server = &own.server;
    let source = server.create_database("restore");
    vectors(&source, 100);
    let index = "CREATE INDEX graph ON t USING hnsw (v vector_l2_ops)";
    source.psql(&format!("SET max_parallel_maintenance_workers = 0; {index}"));
    let (_directory, archive) = dump(&source);
    let target = server.create_database("restore");
    target.psql(&format!("ALTER DATABASE {} SET min_parallel_table_scan_size = 0", target.name));
    let said = restore(&target, &archive, &[]).expect_code(0).stderr;
    let again = "INDEX public.graph is built again, slower, without parallel workers";
    assert!(said.contains(again), "{said}");
    assert_same("the database", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    Ok(())
}

/// Somebody locks two tables in the order in which the restore does not, and has more patience.
fn deadlocked_load(server: &Server) -> TestResult {
    let source = server.create_database("restore");
    source.psql(
        "CREATE TABLE a AS SELECT n FROM generate_series(1, 1000) n; CREATE TABLE b AS SELECT n FROM generate_series(1, 10) n",
    );
    let (_directory, archive) = dump(&source);
    let target = server.create_database("restore");
    restore(&target, &archive, &["--section", "pre-data"]).expect_code(0);
    target.psql("CREATE TABLE of_nobody ()");
    let waits = "SELECT FROM pg_locks WHERE relation = 'b'::regclass AND NOT granted";
    let _holder = Holder::start(
        &target,
        &format!(
            "SET LOCAL deadlock_timeout = '1h'; LOCK TABLE b IN EXCLUSIVE MODE; LOCK TABLE of_nobody;
             DO $$ BEGIN WHILE NOT EXISTS ({waits}) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
             LOCK TABLE a IN EXCLUSIVE MODE; DROP TABLE of_nobody; COMMIT"
        ),
    );
    let said = restore(&target, &archive, &["--section", "data", "--jobs", "1", "-vv"]).expect_code(0).stderr;
    assert!(said.contains("loading table public.b is tried again"), "{said}");
    assert_same("the database", &source.oracle_dump(&[]), &target.oracle_dump(&[]));
    Ok(())
}
