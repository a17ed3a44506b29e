//! Getting a session, and what is said when there is none; COPY and snapshots on sessions of every major.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod support;

use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Arguments;
use pgsnap::pg::{
    ConnectArgs, ConnectConfig, Environment, Error, Moment, Purpose, Session, Snapshot, SnapshotOptions, copy,
};
use support::{Server, TestResult, run, trials};

type Check = fn(&Server) -> TestResult;

fn main() {
    let tests: [(&str, Check); 12] = [
        ("logins_that_work", logins_that_work),
        ("logins_that_fail", logins_that_fail),
        ("tls_matrix", tls_matrix),
        ("client_certificate", client_certificate),
        ("server_without_tls", server_without_tls),
        ("settings_win_over_the_roles", settings_win_over_the_roles),
        ("a_terminated_session_says_so", a_terminated_session_says_so),
        ("a_statement_can_be_cancelled", a_statement_can_be_cancelled),
        ("copy_out_and_in", copy_out_and_in),
        ("copies_that_are_loaded_together", copies_that_are_loaded_together),
        ("a_refused_copy_leaves_the_session_in_step", a_refused_copy_leaves_the_session_in_step),
        ("a_snapshot_is_younger_than_its_locks", a_snapshot_is_younger_than_its_locks),
    ];
    let trials = tests.into_iter().flat_map(|(name, test)| trials(name, test)).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

fn config_with(dbname: &str, password: &str) -> Result<ConnectConfig, Error> {
    let environment = Environment {
        variables: [("PGPASSWORD".to_owned(), password.to_owned())].into(),
        home: None,
        user: Some("postgres".to_owned()),
    };
    ConnectConfig::resolve(
        &ConnectArgs { dbname: Some(dbname.to_owned()), ..ConnectArgs::default() },
        &environment,
    )
}

async fn connect(dbname: &str, password: &str) -> Result<Session, Error> {
    Session::connect(&config_with(dbname, password)?, Purpose::Restore, "pgsnap-tests").await
}

fn refusal(dbname: &str, password: &str) -> Error {
    match wait_for(connect(dbname, password)) {
        Ok(_) => panic!("{dbname} connected"),
        Err(error) => {
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
            error
        }
    }
}

fn tcp(server: &Server, more: &str) -> String {
    format!("host=127.0.0.1 port={} user={} dbname=postgres {more}", server.port, server.superuser)
}

async fn value(session: &Session, sql: &str) -> String {
    session.query("asking", sql, &[]).await.unwrap()[0].get(0)
}

/// Whether the session is encrypted.
async fn encrypted(session: &Session) -> bool {
    let sql = "SELECT ssl::text FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()";
    value(session, sql).await == "true"
}

fn logins_that_work(server: &Server) -> TestResult {
    wait_for(async {
        let session = connect(&server.conninfo("postgres"), "").await.unwrap();
        assert_eq!(session.version().major(), server.major);
        assert!(!encrypted(&session).await);
        for (more, tls) in [("", true), ("sslmode=disable", false), ("channel_binding=require", true)] {
            let session = connect(&tcp(server, more), &server.password).await.unwrap();
            assert_eq!(encrypted(&session).await, tls, "{more}");
        }
        let several = format!("host=127.0.0.1,{} port=1,{}", server.socket_dir.display(), server.port);
        connect(&format!("{several} user=postgres target_session_attrs=read-write"), "").await.unwrap();
    });
    Ok(())
}

fn logins_that_fail(server: &Server) -> TestResult {
    let error = refusal(&tcp(server, ""), "canary");
    assert!(matches!(error, Error::Auth { .. }) && error.sqlstate() == Some("28P01"), "{error:?}");
    let error = refusal(&tcp(server, ""), "");
    assert!(matches!(error, Error::PasswordRequired { .. }), "{error:?}");
    let error = refusal(&server.conninfo("no_such_database"), "");
    assert!(matches!(error, Error::NoSuchDatabase { .. }) && error.sqlstate() == Some("3D000"), "{error:?}");
    let error = refusal(&tcp(server, "channel_binding=require sslmode=disable"), &server.password);
    assert!(matches!(error, Error::Auth { .. }), "{error:?}");
    let error = refusal("host=127.0.0.1 port=1", "canary");
    assert!(matches!(&error, Error::Connect { cause, .. } if cause.contains("refused")), "{error:?}");
    let error = refusal("host=/no/such/directory", "");
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    let error = refusal(&tcp(server, "target_session_attrs=standby"), &server.password);
    assert!(matches!(&error, Error::Connect { cause, .. } if cause.contains("standby")), "{error:?}");
    Ok(())
}

fn openssl(directory: &Path, arguments: &[&str]) {
    run(Command::new("openssl").current_dir(directory).args(arguments)).expect_code(0);
}

fn tls_matrix(server: &Server) -> TestResult {
    let directory = tempfile::tempdir()?;
    let other = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other"];
    openssl(directory.path(), &[&other[..], &["-keyout", "other.key", "-out", "other.crt"]].concat());
    let right = server.tls_dir.join("ca.crt").display().to_string();
    let wrong = directory.path().join("other.crt").display().to_string();
    let there = "";
    let elsewhere = "host=elsewhere.example hostaddr=127.0.0.1";
    for (mode, root, host, fails) in [
        ("prefer", &wrong, elsewhere, false),
        ("require", &right, elsewhere, false),
        ("require", &wrong, there, true),
        ("verify-ca", &right, there, false),
        ("verify-ca", &right, elsewhere, false),
        ("verify-ca", &wrong, there, true),
        ("verify-full", &right, there, false),
        ("verify-full", &right, elsewhere, true),
        ("verify-full", &wrong, there, true),
    ] {
        let text = tcp(server, &format!("{host} sslmode={mode} sslrootcert={root}"));
        if fails {
            let error = refusal(&text, &server.password);
            assert!(matches!(error, Error::Tls { .. }), "{text}: {error:?}");
        } else {
            wait_for(async {
                let session = connect(&text, &server.password).await.unwrap();
                assert!(encrypted(&session).await, "{text}");
            });
        }
    }
    for mode in ["verify-ca", "verify-full"] {
        let error = refusal(&tcp(server, &format!("sslmode={mode}")), "");
        assert!(matches!(&error, Error::Usage(text) if text.contains("root certificate")), "{error:?}");
    }
    Ok(())
}

fn client_certificate(server: &Server) -> TestResult {
    let role = "DO $$ BEGIN CREATE ROLE pgsnap_cert LOGIN; EXCEPTION WHEN OTHERS THEN NULL; END $$";
    server.psql("postgres", role);
    let directory = tempfile::tempdir()?;
    let key = directory.path().join("client.key");
    std::fs::copy(server.tls_dir.join("client.key"), &key)?;
    let files = format!("sslcert={}/client.crt sslkey={}", server.tls_dir.display(), key.display());
    let text = tcp(server, &format!("user=pgsnap_cert sslmode=require {files}"));
    wait_for(connect(&text, "")).map_err(|error| error.to_string())?;
    let error = refusal(&tcp(server, "user=pgsnap_cert sslmode=require"), "");
    assert!(matches!(error, Error::Auth { .. }), "{error:?}");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    let error = refusal(&text, "");
    assert!(matches!(&error, Error::Usage(text) if text.contains("0600")), "{error:?}");
    Ok(())
}

/// What answers the request for TLS with a no, as a server without TLS or a man in the middle does.
fn server_without_tls(_: &Server) -> TestResult {
    for mode in ["require", "verify-ca", "verify-full", "prefer"] {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let no = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut request = [0; 8];
            socket.read_exact(&mut request).unwrap();
            socket.write_all(b"N").unwrap();
            let mut startup = [0; 4];
            socket.read_exact(&mut startup).is_ok()
        });
        let directory = tempfile::tempdir()?;
        let ca = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a", "-keyout", "a.key"];
        openssl(directory.path(), &[&ca[..], &["-out", "a.crt"]].concat());
        let text = format!(
            "host=127.0.0.1 port={port} sslmode={mode} sslrootcert={}/a.crt",
            directory.path().display()
        );
        let error = refusal(&text, "canary");
        let went_on_in_plain_text = no.join().unwrap();
        assert_eq!(matches!(error, Error::Tls { .. }), mode != "prefer", "{mode}: {error:?}");
        assert_eq!(went_on_in_plain_text, mode == "prefer", "{mode}");
    }
    Ok(())
}

fn settings_win_over_the_roles(server: &Server) -> TestResult {
    let database = server.create_database("settings");
    database.psql(&format!("ALTER DATABASE {} SET datestyle = 'SQL, DMY'", database.name));
    database.psql(&format!("ALTER DATABASE {} SET search_path = public", database.name));
    database.psql(&format!("ALTER DATABASE {} SET bytea_output = escape", database.name));
    // The last: nothing can be set in the database after it.
    database.psql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name));
    wait_for(async {
        let config = config_with(&database.conninfo(), "").unwrap();
        let restore = Session::connect(&config, Purpose::Restore, "tests").await.unwrap();
        let dump = Session::connect(&config, Purpose::Dump, "tests").await.unwrap();
        for session in [&restore, &dump] {
            assert_eq!(value(session, "SHOW datestyle").await, "ISO, DMY");
            assert_eq!(value(session, "SHOW search_path").await, "\"\"");
            assert_eq!(value(session, "SHOW bytea_output").await, "hex");
            assert_eq!(value(session, "SHOW row_security").await, "off");
        }
        assert_eq!(value(&restore, "SHOW default_transaction_read_only").await, "off");
        assert_eq!(value(&dump, "SHOW default_transaction_read_only").await, "on");
        assert_eq!(value(&dump, "SHOW application_name").await, "tests");
        let two = restore.execute("SELECT 1; SELECT 2").await.unwrap_err();
        assert_eq!(two.sqlstate(), Some("42601"), "a second statement was accepted");
    });
    Ok(())
}

fn a_terminated_session_says_so(server: &Server) -> TestResult {
    wait_for(async {
        let text = server.conninfo("postgres");
        let (victim, other) = (connect(&text, "").await.unwrap(), connect(&text, "").await.unwrap());
        let terminate = "SELECT pg_catalog.pg_terminate_backend($1)";
        other.query("terminating", terminate, &[&victim.pid()]).await.unwrap();
        while !victim.is_closed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let error = victim.query("asking", "SELECT 1", &[]).await.unwrap_err();
        assert!(matches!(error, Error::Lost { .. }) && error.sqlstate() == Some("57P01"), "{error:?}");
    });
    Ok(())
}

fn a_statement_can_be_cancelled(server: &Server) -> TestResult {
    wait_for(async {
        for (text, password) in [(server.conninfo("postgres"), ""), (tcp(server, ""), &server.password)] {
            let session = connect(&text, password).await.unwrap();
            let handle = session.cancel_handle();
            let cancel = async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                handle.cancel().await.unwrap();
            };
            let (slept, ()) = tokio::join!(session.execute("SELECT pg_catalog.pg_sleep(60)"), cancel);
            assert_eq!(slept.unwrap_err().sqlstate(), Some("57014"));
        }
    });
    Ok(())
}

fn copy_out_and_in(server: &Server) -> TestResult {
    wait_for(async {
        for (text, password) in [(server.conninfo("postgres"), ""), (tcp(server, ""), &server.password)] {
            let session = connect(&text, password).await.unwrap();
            session.batch("CREATE TEMP TABLE t (a int, b text)").await.unwrap();
            let rows: String = (0..50_000).map(|row| format!("{row}\t{}\n", "x".repeat(row % 70))).collect();
            let mut load = copy::CopyIn::start(&session, "COPY pg_temp.t FROM STDIN").await.unwrap();
            for piece in rows.as_bytes().chunks(70_001) {
                load.send(piece.to_vec()).await.unwrap();
            }
            assert_eq!(load.finish().await.unwrap(), 50_000);
            let all = ("COPY pg_temp.t FROM STDIN".to_owned(), rows.clone().into_bytes());
            let together = copy::copy_in_together(&session, "TRUNCATE pg_temp.t", &[all]).await;
            assert_eq!(together.unwrap(), [50_000]);
            let mut dropped = copy::CopyIn::start(&session, "COPY pg_temp.t FROM STDIN").await.unwrap();
            dropped.send(b"1\tx\n".to_vec()).await.unwrap();
            drop(dropped);
            let ordered = "COPY (SELECT * FROM pg_temp.t ORDER BY a) TO STDOUT";
            let mut out = Vec::new();
            let sink = |bytes: &[u8]| {
                out.extend_from_slice(bytes);
                Ok::<_, Error>(())
            };
            assert_eq!(copy_out(&session, ordered, sink).await.unwrap(), 50_000);
            let differs = out.iter().zip(rows.as_bytes()).position(|(out, row)| out != row);
            assert_eq!((differs, out.len()), (None, rows.len()), "what came out is not what went in");
        }
    });
    Ok(())
}

/// The bytes of one COPY to the sink; the rows that the server counted.
async fn copy_out(
    session: &Session,
    sql: &str,
    mut sink: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<u64, Error> {
    let copied = copy::copy_out_together(session, "", &[sql.to_owned()], "", |_, bytes| sink(bytes)).await;
    copied.map(|copied| copied.rows.iter().sum()).map_err(|(_, error)| error)
}

fn copies_that_are_loaded_together(server: &Server) -> TestResult {
    wait_for(async {
        let mut session = connect(&server.conninfo("postgres"), "").await.unwrap();
        session.batch("CREATE TEMP TABLE t (a int); CREATE TEMP TABLE \"ü\" (a text)").await.unwrap();
        let to =
            |table: &str, rows: &str| (format!("COPY pg_temp.{table} FROM STDIN"), rows.as_bytes().to_vec());
        let many = "1\n".repeat(1_000_000);
        let copies = [to("t", "1\n2\n"), to("t", ""), to("t", &many)];
        let taken = copy::copy_in_together(&session, "BEGIN", &copies).await.unwrap();
        assert_eq!(taken, [2, 0, 1_000_000]);
        session.batch("COMMIT").await.unwrap();
        let failing = [
            (vec![to("t", "3\n"), to("no_such_table", &many), to("t", &many)], 1, "42P01"),
            (vec![to("t", &many.replacen("1", "x", 1)), to("t", &many)], 0, "22P02"),
            (vec![to("t (a, a)", &many)], 0, "42701"),
        ];
        for (copies, which, state) in failing {
            let (at, error) = copy::copy_in_together(&session, "BEGIN", &copies).await.unwrap_err();
            assert_eq!((at, error.sqlstate()), (which, Some(state)), "{error}");
            session.batch("ROLLBACK").await.unwrap();
            let taken = copy::copy_in_together(&session, "", &[to("t", "4\n")]).await.unwrap();
            assert_eq!(taken, [1]);
        }
        assert_eq!(value(&session, "SELECT pg_catalog.count(*)::text FROM pg_temp.t").await, "1000005");
        session.set_client_encoding("LATIN1").await.unwrap();
        let in_latin1 = ("COPY pg_temp.\"ü\" FROM STDIN".to_owned(), b"\xfc\n".to_vec());
        assert_eq!(copy::copy_in_together(&session, "", &[in_latin1]).await.unwrap(), [1]);
        session.set_client_encoding("UTF8").await.unwrap();
        assert_eq!(value(&session, "SELECT a FROM pg_temp.\"ü\"").await, "ü");
    });
    Ok(())
}

fn a_refused_copy_leaves_the_session_in_step(server: &Server) -> TestResult {
    wait_for(async {
        let session = connect(&server.conninfo("postgres"), "").await.unwrap();
        session.batch("CREATE TEMP TABLE t (a int)").await.unwrap();
        for sql in ["COPY public.no_such_table FROM STDIN", "COPY pg_temp.t (no_such_column) FROM STDIN"] {
            let refused = copy::CopyIn::start(&session, sql).await.err().unwrap();
            assert!(matches!(refused.sqlstate(), Some("42P01" | "42703")), "{refused:?}");
            assert_eq!(value(&session, "SELECT 'in step'").await, "in step");
        }
        let several = "COPY (SELECT 1) TO STDOUT; COPY (SELECT 2) TO STDOUT";
        assert_eq!(session.refuse_several(several).await.unwrap_err().sqlstate(), Some("42601"));
        let refused = copy_out(&session, "COPY public.no_such_table TO STDOUT", |_| Ok::<_, Error>(())).await;
        assert_eq!(refused.unwrap_err().sqlstate(), Some("42P01"));
        let mut bad = copy::CopyIn::start(&session, "COPY pg_temp.t FROM STDIN").await.unwrap();
        let mut sent = 0;
        let error = loop {
            match bad.send(b"1\nx\n".repeat(10_000)).await {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
            assert!(sent < 10_000, "the server's error does not surface");
        };
        assert!(error.to_string().contains("COPY t, line 2, column a"), "{error}");
        drop(bad);
        let halfway = "COPY (SELECT 1 / (50000 - g) FROM pg_catalog.generate_series(1, 60000) g) TO STDOUT";
        let error = copy_out(&session, halfway, |_| Ok::<_, Error>(())).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("22012"));
        assert_eq!(value(&session, "SELECT 'in step'").await, "in step");
    });
    Ok(())
}

/// pg_dump takes its snapshot before its locks, and finds the truncated table empty and the log without its line.
fn a_snapshot_is_younger_than_its_locks(server: &Server) -> TestResult {
    let database = server.create_database("race");
    database.psql("CREATE TABLE emptied AS SELECT 1 AS a FROM generate_series(1, 100)");
    database.psql("CREATE TABLE rewritten AS SELECT 1 AS a FROM generate_series(1, 100)");
    database.psql("CREATE TABLE log (line text)");
    wait_for(async {
        let config = config_with(&database.conninfo(), "").unwrap();
        let changing = connect(&database.conninfo(), "").await.unwrap();
        changing
            .batch(
                "BEGIN; TRUNCATE public.emptied; ALTER TABLE public.rewritten ALTER a TYPE bigint; \
                 INSERT INTO public.log VALUES ('done')",
            )
            .await
            .unwrap();
        let short =
            SnapshotOptions { lock_wait_timeout: Duration::from_millis(200), moment: Moment::default() };
        let error = Snapshot::take(&config, &short, None).await.err().unwrap();
        let blocked_by = [changing.pid()];
        assert!(
            matches!(&error, Error::LockTimeout { blockers, .. } if blockers == &blocked_by),
            "{error:?}"
        );
        let commit = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            changing.batch("COMMIT").await.unwrap();
        };
        let patient = SnapshotOptions { lock_wait_timeout: Duration::from_secs(30), ..short };
        let (snapshot, ()) = tokio::join!(Snapshot::take(&config, &patient, None), commit);
        let snapshot = snapshot.unwrap();
        assert_eq!(snapshot.locked().len(), 3);
        let session = snapshot.join(&config).await.unwrap();
        changing.batch("INSERT INTO public.log VALUES ('later')").await.unwrap();
        for (table, rows) in [("emptied", 0), ("rewritten", 100), ("log", 1)] {
            let sql = format!("COPY public.{table} TO STDOUT");
            assert_eq!(copy_out(&session, &sql, |_| Ok::<_, Error>(())).await.unwrap(), rows, "{table}");
        }
        snapshot.confirm().await.unwrap();
    });
    Ok(())
}
