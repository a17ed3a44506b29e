//! What is outside a database: roles, and the database itself. The oracle is pg_dump -C and pg_dumpall of a server before the
//! roles and the database are lost, and after a restore of the archive has made them again.
#![allow(clippy::expect_used)] // A test fails by panicking.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::{Arguments, Trial};
use pgsnap::archive::{Archive, Entry};
use support::{MAJORS, Outcome, Server, TestResult, assert_same, pgsnap, run};

mod support;

fn main() {
    let trials = [
        support::trials("lost_server", lost_server),
        support::trials("locales", locales),
        support::trials("tablespace_of_the_database", tablespace_of_the_database),
        support::trials("roles_that_exist_are_kept", roles_that_exist_are_kept),
        support::trials("all_that_is_missing_is_told", all_that_is_missing_is_told),
        support::trials("nothing_is_made_by_halves", nothing_is_made_by_halves),
        support::trials("a_failure_names_the_new_database", a_failure_names_the_new_database),
        support::trials("passwords_only_when_asked_for", passwords_only_when_asked_for),
        support::trials("ordinary_roles_dump_too", ordinary_roles_dump_too),
        support::trials("without_owners_and_privileges", without_owners_and_privileges),
        support::trials("with_a_selection", with_a_selection),
        MAJORS.into_iter().filter(|major| *major < 18).map(to_newer).collect(),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials.into_iter().flatten().collect()).exit();
}

/// Roles and a database of one test on one server, with names of their own; gone with the value. In SQL, PFX stands for the
/// beginning of every role's name, and THE_DB for the database's.
struct Scene {
    server: Server,
    prefix: String,
    database: String,
}

impl Scene {
    fn new(server: &Server) -> Scene {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("pgsnap_{}_{number}x", std::process::id());
        Scene { server: server.clone(), database: format!("Odd \"db\" {prefix}"), prefix }
    }

    /// The same names on another server.
    fn on(&self, server: &Server) -> Scene {
        Scene { server: server.clone(), prefix: self.prefix.clone(), database: self.database.clone() }
    }

    fn sql(&self, text: &str) -> String {
        let database = format!("\"{}\"", self.database.replace('"', "\"\""));
        text.replace("PFX", &self.prefix).replace("THE_DB", &database)
    }

    /// Statements outside the database, one by one.
    fn outside(&self, statements: &[&str]) {
        for statement in statements {
            self.server.psql("postgres", &self.sql(statement));
        }
    }

    fn inside(&self, sql: &str) -> String {
        self.server.psql(&self.database, &self.sql(sql))
    }

    fn dump(&self, archive: &Path, options: &[&str]) -> Outcome {
        run(self.pgsnap("dump").args(["-d", &self.database, "-f"]).arg(archive).args(options))
    }

    fn restore(&self, archive: &Path, options: &[&str]) -> Outcome {
        run(self.pgsnap("restore").arg(archive).args(options))
    }

    /// The program with the way to the server, as superuser.
    fn pgsnap(&self, command: &str) -> Command {
        let mut pgsnap = pgsnap();
        pgsnap.env("PGHOST", &self.server.socket_dir).env("PGPORT", self.server.port.to_string());
        // The database of the environment does not exist when it is to be made.
        pgsnap.env("PGUSER", &self.server.superuser).env("PGDATABASE", &self.database).arg(command);
        pgsnap
    }

    /// The database with everything in it, as pg_dump writes it, without the version of the server.
    fn database_text(&self) -> String {
        let mut command = self.server.oracle("pg_dump");
        let text =
            run(command.args(["--restrict-key=pgsnap", "-C"]).arg(&self.database)).expect_code(0).stdout;
        let text = support::without_versions(&text);
        text.lines().filter(|line| !line.starts_with("-- Dumped")).map(|line| format!("{line}\n")).collect()
    }

    /// Every statement about the test's roles, as pg_dumpall writes it.
    fn roles_text(&self) -> String {
        let mut command = self.server.oracle("pg_dumpall");
        let text = run(command.args(["--restrict-key=pgsnap", "--roles-only"])).expect_code(0).stdout;
        // Headings stand before whichever role comes first: other tests have roles too.
        let text: String = text
            .lines()
            .filter(|line| !line.starts_with("--") && !line.is_empty())
            .map(|line| format!("{line}\n"))
            .collect();
        text.split_inclusive(";\n").filter(|statement| statement.contains(&self.prefix)).collect()
    }

    /// How many of the test's roles and databases there are.
    fn count(&self) -> String {
        let sql = "SELECT count(*) || ' roles' FROM pg_roles WHERE rolname LIKE '%PFX%'
                   UNION ALL SELECT count(*) || ' databases' FROM pg_database WHERE datname LIKE '%PFX%'";
        self.server.psql("postgres", &self.sql(sql))
    }

    fn lose(&self) {
        for outcome in self.drop_all() {
            outcome.expect_code(0);
        }
    }

    fn drop_all(&self) -> Vec<Outcome> {
        let statements = [
            "UPDATE pg_database SET datistemplate = false WHERE datname LIKE '%PFX%'",
            "DROP DATABASE IF EXISTS THE_DB (FORCE)",
            "DO $$ DECLARE role text; BEGIN
                 FOR role IN SELECT rolname FROM pg_roles WHERE rolname LIKE '%PFX%' LOOP
                     EXECUTE format('DROP OWNED BY %I CASCADE', role);
                 END LOOP;
                 FOR role IN SELECT rolname FROM pg_roles WHERE rolname LIKE '%PFX%' LOOP
                     EXECUTE format('DROP ROLE %I', role);
                 END LOOP;
             END $$",
        ];
        let psql = |statement: &str| {
            let mut command = self.server.oracle("psql");
            run(command.args([
                "-XAtq",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                "postgres",
                "-c",
                &self.sql(statement),
            ]))
        };
        statements.into_iter().map(psql).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // A panic inside a drop would hide the failure that is being reported.
        for outcome in self.drop_all().iter().filter(|outcome| outcome.code != Some(0)) {
            eprintln!("something is left behind: {}", outcome.stderr);
        }
    }
}

const NOTHING: &str = "0 roles\n0 databases\n";

const ROLES: &[&str] = &[
    "CREATE ROLE \"PFX Odd \"\"owner\"\"\" NOINHERIT CREATEDB CREATEROLE",
    "CREATE ROLE PFX_app LOGIN PASSWORD 'canary' CONNECTION LIMIT 5 VALID UNTIL '2040-01-01 12:00+02'",
    "CREATE ROLE PFX_login SUPERUSER LOGIN REPLICATION BYPASSRLS VALID UNTIL 'infinity'",
    "CREATE ROLE PFX_group",
    "CREATE ROLE PFX_above",
    "CREATE ROLE PFX_setting",
    // Only the first is named by an object. One is a member of it, one it is a member of, one is there for a setting.
    "GRANT PFX_app TO PFX_login",
    "GRANT PFX_group TO PFX_app WITH ADMIN OPTION",
    "GRANT PFX_above TO PFX_group",
    "GRANT pg_monitor TO PFX_login",
    "COMMENT ON ROLE PFX_app IS 'It''s a \\ backslash, a \"quote\",\na new line; $$ dollars $$ and ünïcode'",
    "ALTER ROLE PFX_app SET search_path = \"$user\", \"A, b\", public",
    "ALTER ROLE PFX_app SET \"PFX.odd\" = 'it''s = \\ \"odd\"\nand long'",
    "ALTER ROLE PFX_app SET role = PFX_group",
    "SECURITY LABEL FOR pgsnap ON ROLE PFX_app IS 'it''s a \\ label'",
];

const DATABASE: &[&str] = &[
    "CREATE DATABASE THE_DB TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8' OWNER \"PFX Odd \"\"owner\"\"\"",
    "ALTER DATABASE THE_DB SET search_path = public, \"A, b\"",
    "ALTER DATABASE THE_DB SET \"PFX.odd\" = 'it''s'",
    "ALTER ROLE PFX_setting IN DATABASE THE_DB SET statement_timeout = '1min'",
    "ALTER DATABASE THE_DB CONNECTION LIMIT 7",
    "ALTER DATABASE THE_DB IS_TEMPLATE true",
    "COMMENT ON DATABASE THE_DB IS 'a\ncomment'",
    "SECURITY LABEL FOR pgsnap ON DATABASE THE_DB IS 'a\nlabel'",
    "REVOKE ALL ON DATABASE THE_DB FROM PUBLIC",
    "GRANT CONNECT, TEMPORARY ON DATABASE THE_DB TO PFX_app WITH GRANT OPTION",
];

/// The setting holds in the sessions that restore: the CHECK is tried against every row.
const CONTENTS: &str = "
    CREATE TABLE public.t (id integer PRIMARY KEY, tenant text CHECK (tenant = current_setting('PFX.odd')));
    INSERT INTO public.t SELECT n, 'it''s' FROM generate_series(1, 1000) n;
    ALTER TABLE public.t OWNER TO PFX_app;
    CREATE TABLE public.of_the_superuser (id integer);";

fn lost_server(server: &Server) -> TestResult {
    let scene = Scene::new(server);
    scene.outside(ROLES);
    if server.major >= 15 {
        scene.outside(&[
            "GRANT SET ON PARAMETER \"PFX.parameter\" TO PFX_app WITH GRANT OPTION",
            "SET SESSION AUTHORIZATION PFX_app; GRANT SET ON PARAMETER \"PFX.parameter\" TO PFX_group",
            "GRANT SET, ALTER SYSTEM ON PARAMETER \"PFX.parameter\" TO PFX_login",
        ]);
    }
    if server.major >= 16 {
        scene.outside(&[
            "GRANT PFX_group TO \"PFX Odd \"\"owner\"\"\" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE GRANTED BY PFX_app",
            "GRANT PFX_group TO PFX_login GRANTED BY \"PFX Odd \"\"owner\"\"\"",
            "GRANT PFX_group TO PFX_login GRANTED BY PFX_app",
        ]);
    }
    scene.outside(DATABASE);
    scene.inside(CONTENTS);
    let (roles, database) = (scene.roles_text(), scene.database_text());
    for word in [
        "SCRAM",
        "PFX_above",
        "PFX_login",
        "A, b",
        "SECURITY LABEL",
        if server.major >= 15 { "PARAMETER" } else { "" },
    ] {
        assert!(roles.contains(&scene.sql(word)), "{word} is not in\n{roles}");
    }
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    scene.dump(&archive, &["--role-passwords"]).expect_code(0);

    scene.lose();
    assert_eq!(scene.count(), NOTHING);
    let outcome = scene.restore(&archive, &["--create", "--roles", "--jobs", "4"]).expect_code(0);
    assert!(outcome.stdout.contains("since they exist: roles postgres\n"), "{}", outcome.stdout);
    assert_same("roles after a restore from a file", &roles, &scene.roles_text());
    assert_same("database after a restore from a file", &database, &scene.database_text());

    scene.lose();
    let mut command = scene.pgsnap("restore");
    command.args(["-", "-C", "--roles", "--jobs", "1", "--json"]).stdin(File::open(&archive)?);
    let summary: serde_json::Value = serde_json::from_str(&run(&mut command).expect_code(0).stdout)?;
    assert_eq!(summary["kept_roles"], serde_json::json!(["postgres"]));
    let is_restored = |entry: &&Entry| {
        let kept = entry.kind == "ROLE" && entry.name == "postgres";
        let unknown = entry.kind == "STATISTICS DATA" && server.major < 18;
        !kept && !unknown
    };
    let entries = &Archive::open(&archive)?.catalog().entries.clone();
    assert_eq!(summary["objects"], entries.iter().filter(is_restored).count(), "entries that were restored");
    assert_same("roles after a restore from a pipe", &roles, &scene.roles_text());
    assert_same("database after a restore from a pipe", &database, &scene.database_text());
    Ok(())
}

/// Encodings, locales and their providers.
fn locales(server: &Server) -> TestResult {
    let mut options =
        vec!["LOCALE 'C.UTF-8'", "ENCODING 'LATIN1' LOCALE 'C'", "ENCODING 'SQL_ASCII' LOCALE 'C'"];
    if server.major >= 15 {
        options.push("LOCALE_PROVIDER icu ICU_LOCALE 'de-u-kn-true' LOCALE 'C.UTF-8'");
    }
    if server.major >= 16 {
        options.push(
            "LOCALE_PROVIDER icu ICU_LOCALE 'und' ICU_RULES '&a < ''b''' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'",
        );
    }
    if server.major >= 17 {
        options.push("LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'");
    }
    let directory = tempfile::tempdir()?;
    for (number, options) in options.into_iter().enumerate() {
        let scene = Scene::new(server);
        scene.outside(&[&format!("CREATE DATABASE THE_DB TEMPLATE template0 {options}")]);
        scene.inside("CREATE TABLE t (a text); INSERT INTO t VALUES ('a'), ('b2'), ('b10')");
        let before = scene.database_text();
        let archive = directory.path().join(number.to_string());
        scene.dump(&archive, &[]).expect_code(0);
        scene.lose();
        scene.restore(&archive, &["--create"]).expect_code(0);
        assert_same(options, &before, &scene.database_text());
    }
    Ok(())
}

fn tablespace_of_the_database(server: &Server) -> TestResult {
    let scene = Scene::new(server);
    scene.outside(&["CREATE DATABASE THE_DB TEMPLATE template0"]);
    let space = |sql: &str| {
        let mut command = server.oracle("psql");
        command.env("PGOPTIONS", "-c allow_in_place_tablespaces=on");
        run(command.args(["-XAtq", "-d", "postgres", "-c", &scene.sql(sql)])).expect_code(0);
    };
    space("CREATE TABLESPACE \"PFX space\" LOCATION '' WITH (seq_page_cost = 2)");
    scene.outside(&["ALTER DATABASE THE_DB SET TABLESPACE \"PFX space\""]);
    let before = scene.database_text();
    assert!(before.contains("TABLESPACE = "));
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    scene.dump(&archive, &[]).expect_code(0);
    scene.lose();
    scene.restore(&archive, &["--create"]).expect_code(0);
    assert_same("database in its tablespace", &before, &scene.database_text());
    scene.lose();
    space("DROP TABLESPACE \"PFX space\"");
    // The statement of the source is told; no other machine has its directory.
    let outcome = scene.restore(&archive, &["--create"]).expect_code(9);
    let statement =
        "CREATE TABLESPACE \"PFX space\" LOCATION ''; ALTER TABLESPACE \"PFX space\" SET (seq_page_cost=2)";
    assert!(outcome.stderr.contains(&scene.sql(statement)), "{}", outcome.stderr);
    // It is of no concern to a database that is there.
    scene.outside(&["CREATE DATABASE THE_DB TEMPLATE template0"]);
    scene.restore(&archive, &["-d", &scene.database]).expect_code(0);
    Ok(())
}

/// A role that exists is left as it is, and gets no membership; its name is told.
fn roles_that_exist_are_kept(server: &Server) -> TestResult {
    let scene = Scene::new(server);
    scene.outside(&[
        "CREATE ROLE PFX_kept LOGIN",
        "CREATE ROLE PFX_lost LOGIN",
        "CREATE ROLE PFX_group",
        "ALTER ROLE PFX_kept SET work_mem = '8MB'",
        "COMMENT ON ROLE PFX_kept IS 'as it was'",
        "GRANT PFX_group TO PFX_kept, PFX_lost",
        "CREATE DATABASE THE_DB TEMPLATE template0",
    ]);
    scene.inside("CREATE TABLE t (); ALTER TABLE t OWNER TO PFX_kept; CREATE TABLE u (); ALTER TABLE u OWNER TO PFX_lost");
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    scene.dump(&archive, &[]).expect_code(0);
    scene.lose();
    scene.outside(&["CREATE ROLE PFX_kept NOLOGIN CREATEDB"]);
    // Into a database that is there, the roles only.
    scene.outside(&["CREATE DATABASE THE_DB TEMPLATE template0"]);
    let into = ["-d", &scene.database, "--roles"];
    let outcome = scene.restore(&archive, &into).expect_code(0);
    let told = scene.sql("since they exist: roles PFX_kept, postgres\n");
    assert!(outcome.stdout.contains(&told), "{}", outcome.stdout);
    let state = "SELECT rolname, rolcanlogin, rolcreatedb, shobj_description(r.oid, 'pg_authid'), s.setconfig,
                        ARRAY(SELECT g.rolname FROM pg_auth_members JOIN pg_roles g ON g.oid = roleid WHERE member = r.oid)
                 FROM pg_roles r LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid
                 WHERE rolname LIKE 'PFX%' ORDER BY 1";
    let expected = "PFX_group|f|f|||{}\nPFX_kept|f|t|||{}\nPFX_lost|t|f|||{PFX_group}\n";
    assert_same("roles", &scene.sql(expected), &server.psql("postgres", &scene.sql(state)));
    Ok(())
}

fn all_that_is_missing_is_told(server: &Server) -> TestResult {
    let scene = Scene::new(server);
    scene.outside(ROLES);
    scene.outside(DATABASE);
    scene.inside(CONTENTS);
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    scene.dump(&archive, &[]).expect_code(0);
    let refused = |options: &[&str], lines: &[&str]| {
        let before = scene.count();
        let outcome = scene.restore(&archive, options).expect_code(9);
        for line in lines {
            assert!(outcome.stderr.contains(&scene.sql(line)), "{line} is not in\n{}", outcome.stderr);
        }
        assert_eq!(scene.count(), before);
        outcome.stderr
    };
    let exists = format!("database {} exists: drop or rename it", scene.database);
    refused(&["--create"], &[&exists]);
    refused(&["--create", "--roles"], &[&exists]);
    scene.lose();
    let stderr = refused(
        &["--create"],
        &[
            "role PFX Odd \"owner\" does not exist: create it, or all that are missing with --roles, or",
            "role PFX_app does not exist: create it, or all that are missing with --roles, or",
            "role PFX_setting does not exist: create it, or all that are missing with --roles; settings",
        ],
    );
    // Nothing that is restored names them.
    for role in ["PFX_login", "PFX_group", "PFX_above"] {
        assert!(!stderr.contains(&scene.sql(role)), "{stderr}");
    }
    // A role of a setting is needed whatever is left out.
    refused(&["--create", "--no-owner", "--no-privileges"], &["role PFX_setting does not exist"]);
    Ok(())
}

/// When the database or a role cannot be made, neither is.
fn nothing_is_made_by_halves(server: &Server) -> TestResult {
    let scene = Scene::new(server);
    scene.outside(&["CREATE ROLE PFX_app", "CREATE DATABASE THE_DB TEMPLATE template0"]);
    scene.inside("CREATE TABLE t (); ALTER TABLE t OWNER TO PFX_app");
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    scene.dump(&archive, &[]).expect_code(0);
    scene.lose();
    for attributes in ["CREATEROLE NOCREATEDB", "NOCREATEROLE CREATEDB"] {
        scene.outside(&[&format!("CREATE ROLE PFX_restorer LOGIN {attributes}")]);
        let before = scene.count();
        let outcome = scene
            .restore(&archive, &["--create", "--roles", "-U", &scene.sql("PFX_restorer")])
            .expect_code(9);
        assert!(
            outcome.stderr.contains("42501") && !outcome.stderr.contains("drop it"),
            "{}",
            outcome.stderr
        );
        assert_eq!(scene.count(), before);
        scene.lose();
    }
    Ok(())
}

fn a_failure_names_the_new_database(server: &Server) -> TestResult {
    let scene = Scene::new(server);
    scene.outside(&[
        "CREATE ROLE PFX_app",
        "CREATE DATABASE THE_DB TEMPLATE template0",
        "ALTER DATABASE THE_DB IS_TEMPLATE true",
    ]);
    scene.inside("CREATE TABLE t (); ALTER TABLE t OWNER TO PFX_app");
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    // Sessions of the new database cannot begin.
    scene.outside(&["ALTER DATABASE THE_DB SET session_preload_libraries = 'pgsnap_no_such_library'"]);
    let mut command = scene.pgsnap("dump");
    command
        .env("PGOPTIONS", "-c session_preload_libraries=")
        .args(["-d", &scene.database, "-f"])
        .arg(&archive);
    run(&mut command).expect_code(0);
    scene.lose();
    let outcome = scene.restore(&archive, &["--create", "--roles"]).expect_code(5);
    let told = format!(
        "1 roles were made and are whole; the database {}, which this restore made, holds a part of the archive: repair the cause and go on \
         with --resume",
        scene.database
    );
    assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    assert_eq!(scene.count(), "1 roles\n1 databases\n");
    // It is no template yet, so that it can be dropped.
    scene.outside(&["DROP DATABASE THE_DB"]);
    Ok(())
}

fn passwords_only_when_asked_for(server: &Server) -> TestResult {
    let scene = Scene::new(server);
    scene.outside(&[
        "CREATE ROLE PFX_app LOGIN PASSWORD 'canary'",
        "CREATE DATABASE THE_DB TEMPLATE template0",
    ]);
    scene.inside("CREATE TABLE t (); ALTER TABLE t OWNER TO PFX_app");
    let hash =
        server.psql("postgres", &scene.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'PFX_app'"));
    let hash = hash.trim();
    assert!(hash.starts_with("SCRAM"));
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    let statements = |archive: &Path| -> Result<String, pgsnap::archive::Error> {
        let archive = Archive::open(archive)?;
        Ok(archive.catalog().entries.iter().flat_map(|entry| entry.create.clone()).collect())
    };
    scene.dump(&archive, &[]).expect_code(0);
    assert!(!statements(&archive)?.contains("PASSWORD"));

    let refused =
        scene.dump(&archive, &["--force", "--role-passwords", "-U", &scene.sql("PFX_app")]).expect_code(9);
    assert!(refused.stderr.contains("this role may not read the passwords"), "{}", refused.stderr);

    let dumped = scene.dump(&archive, &["--force", "--role-passwords", "-vv"]).expect_code(0);
    assert!(statements(&archive)?.contains(hash));
    let described = run(pgsnap().args(["inspect", "--json"]).arg(&archive)).expect_code(0);
    // A role that may make roles may not set the password of a superuser, and its error shows no hash.
    scene.outside(&["ALTER ROLE PFX_app SUPERUSER", "CREATE ROLE PFX_restorer LOGIN CREATEROLE CREATEDB"]);
    let other = directory.path().join("b.pgsnap");
    scene.dump(&other, &["--role-passwords"]).expect_code(0);
    scene.inside("DROP TABLE t");
    scene.outside(&["DROP ROLE PFX_app", "DROP DATABASE THE_DB"]);
    let failed =
        scene.restore(&other, &["-C", "--roles", "-vv", "-U", &scene.sql("PFX_restorer")]).expect_code(9);
    scene.lose();
    let restored = scene.restore(&archive, &["-C", "--roles", "-vv"]).expect_code(0);
    let after =
        server.psql("postgres", &scene.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'PFX_app'"));
    assert_eq!(after.trim(), hash);
    for outcome in [refused, dumped, described, failed, restored] {
        assert!(!format!("{}{}", outcome.stdout, outcome.stderr).contains("SCRAM"));
    }
    Ok(())
}

/// Roles and memberships are readable for everybody.
fn ordinary_roles_dump_too(server: &Server) -> TestResult {
    let scene = Scene::new(server);
    scene.outside(ROLES);
    scene.outside(DATABASE);
    scene.outside(&["CREATE ROLE PFX_reader LOGIN", "GRANT CONNECT ON DATABASE THE_DB TO PFX_reader"]);
    scene.inside("CREATE TABLE t (a int); ALTER TABLE t OWNER TO PFX_app; GRANT SELECT ON t TO PFX_reader");
    let directory = tempfile::tempdir()?;
    let (by_reader, by_superuser) = (directory.path().join("a.pgsnap"), directory.path().join("b.pgsnap"));
    scene.dump(&by_reader, &["-U", &scene.sql("PFX_reader")]).expect_code(0);
    scene.dump(&by_superuser, &[]).expect_code(0);
    assert_eq!(Archive::open(&by_reader)?.catalog().entries, Archive::open(&by_superuser)?.catalog().entries);
    Ok(())
}

fn without_owners_and_privileges(server: &Server) -> TestResult {
    let scene = Scene::new(server);
    scene.outside(&[
        "CREATE ROLE PFX_app",
        "CREATE DATABASE THE_DB TEMPLATE template0 OWNER PFX_app",
        "REVOKE CONNECT ON DATABASE THE_DB FROM PUBLIC",
    ]);
    scene.inside("CREATE TABLE t (); ALTER TABLE t OWNER TO PFX_app");
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    scene.dump(&archive, &[]).expect_code(0);
    scene.lose();
    scene.restore(&archive, &["--create", "--no-owner", "--no-privileges"]).expect_code(0);
    let state = "SELECT datdba::regrole, datacl FROM pg_database WHERE datname LIKE '%PFX%'";
    assert_eq!(server.psql("postgres", &scene.sql(state)), "postgres|\n");
    assert_eq!(scene.count(), "0 roles\n1 databases\n");
    Ok(())
}

/// Patterns and sections are about what is in the database: a part of an archive goes into a new database too.
fn with_a_selection(server: &Server) -> TestResult {
    let scene = Scene::new(server);
    scene.outside(&[
        "CREATE ROLE PFX_app",
        "CREATE ROLE PFX_member LOGIN",
        "GRANT PFX_app TO PFX_member",
        "COMMENT ON ROLE PFX_app IS 'a comment'",
        "CREATE DATABASE THE_DB TEMPLATE template0 OWNER PFX_app",
        "ALTER DATABASE THE_DB SET work_mem = '8MB'",
        "COMMENT ON DATABASE THE_DB IS 'a comment'",
    ]);
    scene.inside(
        "CREATE SCHEMA app; CREATE TABLE app.t (a int); INSERT INTO app.t VALUES (1); ALTER TABLE app.t OWNER TO PFX_app;
         CREATE TABLE public.other (a app.t)",
    );
    let directory = tempfile::tempdir()?;
    let (whole, part) = (directory.path().join("whole.pgsnap"), directory.path().join("part.pgsnap"));
    scene.dump(&whole, &[]).expect_code(0);
    scene.dump(&part, &["-n", "app", "--no-owner"]).expect_code(0);
    let (roles, database) = (scene.roles_text(), scene.database_text());
    let header = |text: &str| text.split("\\connect").next().unwrap_or_default().to_owned();
    let asked_for = ["--create", "--roles"];

    // The archive of a part has the roles all the same, with their memberships.
    scene.lose();
    scene.restore(&part, &asked_for).expect_code(0);
    assert_same("roles from a part", &roles, &scene.roles_text());
    assert_eq!(scene.inside("SELECT a FROM app.t"), "1\n");
    assert!(scene.inside("SELECT to_regclass('public.other')").trim().is_empty());

    // The whole database, and a schema of it.
    scene.lose();
    let options = ["--create", "--roles", "--section", "pre-data"];
    scene.restore(&whole, &options).expect_code(0);
    assert_same("roles", &roles, &scene.roles_text());
    assert_same("the database before its contents", &header(&database), &header(&scene.database_text()));
    assert_eq!(scene.inside("SELECT count(*) FROM app.t"), "0\n");
    scene.restore(&whole, &["-d", &scene.database, "--section", "data", "--roles"]).expect_code(0);
    assert_same("the database", &database, &scene.database_text());

    // What a part needs is looked for in a new database, which is empty, and not in the one to connect to.
    scene.lose();
    let outcome = scene.restore(&whole, &["--create", "--roles", "-t", "app.t"]).expect_code(9);
    assert!(outcome.stderr.contains("SCHEMA app does not exist"), "{}", outcome.stderr);
    assert_eq!(scene.count(), NOTHING);
    scene.restore(&whole, &["--create", "--roles", "-n", "app", "--no-comments"]).expect_code(0);
    assert!(!scene.roles_text().contains("COMMENT"));
    assert!(!header(&scene.database_text()).contains("COMMENT"));
    Ok(())
}

/// From a server of an older major to the newest one.
fn to_newer(old: u32) -> Trial {
    let name = format!("pg{old}::to_18");
    match (Server::find(old), Server::find(18)) {
        (Some(old), Some(new)) => Trial::test(name, move || older_to_newer(&old, &new)),
        _ => Trial::test(name, || Ok(())).with_ignored_flag(true),
    }
}

fn older_to_newer(old: &Server, new: &Server) -> TestResult {
    let source = Scene::new(old);
    let target = source.on(new);
    source.outside(ROLES);
    source.outside(DATABASE);
    source.inside(CONTENTS);
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("a.pgsnap");
    // A setting that 14 does not know any more is left out and told.
    if old.major == 13 {
        source.outside(&["ALTER DATABASE THE_DB SET vacuum_cleanup_index_scale_factor = 1"]);
    }
    source.dump(&archive, &[]).expect_code(0);
    let code = if old.major == 13 { 4 } else { 0 };
    let outcome = target.restore(&archive, &["--create", "--roles"]).expect_code(code);
    assert_eq!(
        outcome.stderr.contains("unrecognized configuration parameter \"vacuum_cleanup"),
        old.major == 13
    );
    if old.major == 13 {
        source.outside(&["ALTER DATABASE THE_DB RESET vacuum_cleanup_index_scale_factor"]);
    }
    assert_same("database", &source.database_text(), &target.database_text());
    let attributes = "
        SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
               rolconnlimit, rolvaliduntil AT TIME ZONE 'UTC', s.setconfig, shobj_description(r.oid, 'pg_authid'),
               ARRAY(SELECT g.rolname || ' ' || a.admin_option FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid
                     WHERE a.member = r.oid ORDER BY 1)
        FROM pg_roles r LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = 0
        WHERE rolname LIKE '%PFX%' ORDER BY 1";
    let roles = |scene: &Scene| scene.server.psql("postgres", &scene.sql(attributes));
    assert_same("roles", &roles(&source), &roles(&target));
    // Whether a role has the rights of another one without SET ROLE.
    let rights = "
        SELECT m.rolname, g.rolname, pg_has_role(m.oid, g.oid, 'USAGE') FROM pg_roles m, pg_roles g
        WHERE m.rolname LIKE '%PFX%' AND (g.rolname LIKE '%PFX%' OR g.rolname = 'pg_monitor') ORDER BY 1, 2";
    let rights = |scene: &Scene| scene.server.psql("postgres", &scene.sql(rights));
    assert_same("rights", &rights(&source), &rights(&target));
    Ok(())
}
