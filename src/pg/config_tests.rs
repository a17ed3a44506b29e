use std::os::unix::fs::PermissionsExt;

use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment {
        variables: variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        home: None,
        user: Some("me".to_owned()),
    }
}

fn typed(dbname: &str) -> ConnectArgs {
    ConnectArgs { dbname: Some(dbname.to_owned()), ..ConnectArgs::default() }
}

fn describe(args: &ConnectArgs, variables: &[(&str, &str)]) -> String {
    ConnectConfig::resolve(args, &environment(variables)).unwrap().describe()
}

fn refuse(args: &ConnectArgs, variables: &[(&str, &str)]) -> String {
    match ConnectConfig::resolve(args, &environment(variables)) {
        Err(Error::Usage(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn defaults() {
    let config = ConnectConfig::resolve(&ConnectArgs::default(), &environment(&[])).unwrap();
    assert_eq!(config.describe(), "database me on local socket port 5432 as user me");
    assert_eq!(config.sslmode, SslMode::Prefer);
    assert_eq!(config.connect_timeout, Some(Duration::from_secs(30)));
    assert_eq!(config.keepalive.idle, Duration::from_secs(30));
    assert_eq!(config.keepalive.user_timeout, Some(Duration::from_secs(60)));
}

#[test]
fn precedence_is_libpqs() {
    let variables = [
        ("PGHOST", "env"),
        ("PGPORT", "1"),
        ("PGDATABASE", "envdb"),
        ("PGUSER", "envuser"),
        ("DATABASE_URL", "postgres://url/urldb"),
    ];
    assert_eq!(
        describe(&ConnectArgs::default(), &variables),
        "database envdb on host env port 1 as user envuser"
    );
    assert_eq!(describe(&typed("d"), &variables), "database d on host env port 1 as user envuser");
    let mut args = typed("host=conninfo user=u");
    args.host = Some("flag".to_owned());
    args.port = Some("2".to_owned());
    assert_eq!(describe(&args, &variables), "database envdb on host conninfo port 2 as user u");
}

#[test]
fn database_url_speaks_only_when_nobody_else_does() {
    let url = ("DATABASE_URL", "postgres://u:pw@h:9/d");
    assert_eq!(describe(&ConnectArgs::default(), &[url]), "database d on host h port 9 as user u");
    assert_eq!(
        describe(&ConnectArgs::default(), &[url, ("PGPASSWORD", "x")]),
        "database d on host h port 9 as user u"
    );
    assert_eq!(describe(&typed("x"), &[url]), "database x on local socket port 5432 as user me");
    assert_eq!(
        describe(&ConnectArgs::default(), &[url, ("PGHOST", "e")]),
        "database me on host e port 5432 as user me"
    );
}

#[test]
fn a_password_on_the_command_line_is_refused_and_not_repeated() {
    for text in ["postgres://u:canary@h/d", "host=h password=canary", "postgres://h/d?password=canary"] {
        let message = refuse(&typed(text), &[]);
        assert!(message.contains("~/.pgpass") && !message.contains("canary"), "{message}");
    }
}

#[test]
fn debug_and_describe_hide_the_password() {
    let environment = environment(&[("DATABASE_URL", "postgres://u:canary@h/d")]);
    let mut config = ConnectConfig::resolve(&ConnectArgs::default(), &environment).unwrap();
    assert_eq!(config.password.as_ref().map(|secret| secret.0.as_str()), Some("canary"));
    assert!(!format!("{config:?} {}", config.describe()).contains("canary"));
    config.set_password("canary2".to_owned());
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn several_hosts_with_their_ports() {
    assert_eq!(
        describe(&typed("host=a,b,/run/x port=1,,3 dbname=d"), &[]),
        "database d on host a port 1 or host b port 5432 or socket /run/x/.s.PGSQL.3 as user me"
    );
    assert_eq!(
        describe(&typed("host=a,b port=7 dbname=d"), &[]),
        "database d on host a port 7 or host b port 7 as user me"
    );
    assert!(refuse(&typed("host=a,b,c port=1,2"), &[]).contains("2 ports"));
    assert!(refuse(&typed("host=a,b hostaddr=127.0.0.1"), &[]).contains("hostaddr"));
    assert!(refuse(&typed("hostaddr=localhost"), &[]).contains("IP address"));
    assert!(refuse(&typed("port=70000"), &[]).contains("70000"));
    assert!(refuse(&typed("host=@abstract"), &[]).contains("abstract"));
}

#[test]
fn what_is_not_implemented_is_refused_by_name() {
    assert!(refuse(&typed("hots=a"), &[]).contains("\"hots\""));
    assert!(refuse(&typed("gssencmode=require"), &[]).contains("\"gssencmode\""));
    assert!(refuse(&typed("krbsrvname=x"), &[]).contains("\"krbsrvname\""));
    assert!(refuse(&typed("sslmode=verify"), &[]).contains("verify-full"));
    assert!(refuse(&typed("connect_timeout=soon"), &[]).contains("\"connect_timeout\""));
    assert!(refuse(&ConnectArgs::default(), &[("PGSSLCRL", "x")]).contains("PGSSLCRL"));
    assert!(refuse(&typed("sslrootcert=system sslmode=require"), &[]).contains("verify-full"));
    describe(&typed("gssencmode=prefer load_balance_hosts=disable"), &[("PGGSSENCMODE", "disable")]);
    let args = ConnectArgs { no_password: true, force_password: true, ..ConnectArgs::default() };
    assert!(refuse(&args, &[]).contains("-W"));
}

#[test]
fn timeouts_and_keepalives_can_be_set_and_switched_off() {
    let text = "connect_timeout=0 keepalives=0 keepalives_idle=5 keepalives_interval=2 keepalives_count=4 tcp_user_timeout=0";
    let config = ConnectConfig::resolve(&typed(text), &environment(&[])).unwrap();
    assert_eq!(config.connect_timeout, None);
    assert_eq!(
        config.keepalive,
        Keepalive {
            enabled: false,
            idle: Duration::from_secs(5),
            interval: Duration::from_secs(2),
            count: 4,
            user_timeout: None,
        }
    );
}

#[test]
fn password_and_service_file_are_found() {
    let home = tempfile::tempdir().unwrap();
    let passfile = home.path().join(".pgpass");
    std::fs::write(&passfile, "localhost:5432:d:me:one\nh:*:*:svc:two\n").unwrap();
    std::fs::set_permissions(&passfile, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(
        home.path().join(".pg_service.conf"),
        "# comment\n[other]\nhost=x\n\n[prod]\nhost=h\nuser=svc\ndbname=fromfile\n",
    )
    .unwrap();
    let mut environment = environment(&[("PGUSER", "envuser")]);
    environment.home = Some(home.path().to_owned());
    let config = ConnectConfig::resolve(&typed("service=prod dbname=d"), &environment).unwrap();
    assert_eq!(config.describe(), "database d on host h port 5432 as user svc");
    let password =
        |config: &ConnectConfig| config.password_for(&config.addresses[0]).map(|secret| secret.0.clone());
    assert_eq!(password(&config).as_deref(), Some("two"));
    environment.variables.clear();
    let config = ConnectConfig::resolve(&typed("d"), &environment).unwrap();
    assert_eq!(password(&config).as_deref(), Some("one"));
    assert_eq!(password(&config.with_database("e")), None);
    assert!(matches!(
        ConnectConfig::resolve(&typed("service=none"), &environment),
        Err(Error::Usage(message)) if message.contains("\"none\"")
    ));
}

#[test]
fn a_prompt_is_asked_for_once() {
    let args = ConnectArgs { force_password: true, ..ConnectArgs::default() };
    let mut config = ConnectConfig::resolve(&args, &environment(&[])).unwrap();
    assert!(config.needs_password_prompt());
    config.set_password("x".to_owned());
    assert!(!config.needs_password_prompt());
}

#[test]
fn a_database_to_make_another_from_is_postgres_unless_it_is_typed() {
    let maintenance = |dbname: Option<&str>, variables: &[(&str, &str)]| {
        let args = ConnectArgs { maintenance: true, dbname: dbname.map(str::to_owned), ..Default::default() };
        describe(&args, variables)
    };
    assert!(maintenance(None, &[("PGDATABASE", "lost")]).starts_with("database postgres on "));
    assert!(
        maintenance(None, &[("DATABASE_URL", "postgres://u@far/lost")])
            .starts_with("database postgres on host far")
    );
    assert!(maintenance(Some("host=far"), &[]).starts_with("database postgres on host far"));
    assert!(maintenance(Some("template1"), &[]).starts_with("database template1 on "));
    assert!(maintenance(Some("host=far dbname=other"), &[]).starts_with("database other on host far"));
}
