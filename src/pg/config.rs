//! From what was typed and what the environment says to where and how to connect.
//!
//! Order of precedence, as in libpq: a connection string in `-d`, the other flags, the service file, PG* environment
//! variables, defaults. Only when none of them says anything about the server is DATABASE_URL looked at.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::conninfo::{self, Parameter};
use super::passfile::{PassFile, Secret};
use super::service;
use super::tls::{ChannelBinding, SslMode, TlsFiles};
use super::{Error, Result};

/// What was typed on the command line.
#[derive(Clone, Default)]
pub struct ConnectArgs {
    /// `-d` or the operand: a database name, a `key=value` string or a URI.
    pub dbname: Option<String>,
    /// `-h`.
    pub host: Option<String>,
    /// `-p`.
    pub port: Option<String>,
    /// `-U`.
    pub user: Option<String>,
    /// `-w`: never ask for a password.
    pub no_password: bool,
    /// `-W`: ask for a password before connecting.
    pub force_password: bool,
    /// Whether the database is only one to make another from: `postgres`, unless `dbname` names it.
    pub maintenance: bool,
}

/// What a process finds around it. A value, so that tests need no process of their own.
#[derive(Clone, Default)]
pub struct Environment {
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// The home directory, where `.pgpass`, `.pg_service.conf` and `.postgresql/` are.
    pub home: Option<PathBuf>,
    /// The name of the operating system's user: the default database user.
    pub user: Option<String>,
}

impl Environment {
    /// This process's environment.
    #[must_use]
    pub fn from_process() -> Self {
        Self {
            variables: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            home: std::env::home_dir(),
            user: whoami::username().ok(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A socket in the directory where PostgreSQL packages put it: the first of [`SOCKET_DIRECTORIES`] that has one.
    DefaultSocket,
    /// A socket in this directory.
    Socket(PathBuf),
    /// A host name or address; the second is the address to use without asking DNS (`hostaddr`).
    Tcp(String, Option<IpAddr>),
}

/// Debian's and PostgreSQL's own default, in the order in which they are tried.
pub(super) const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// One server of the list to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub place: Place,
    pub port: u16,
}

impl Address {
    /// The host as password files name it: sockets in a default directory are `localhost`.
    fn passfile_host(&self) -> String {
        match &self.place {
            Place::DefaultSocket => "localhost".to_owned(),
            Place::Socket(directory)
                if SOCKET_DIRECTORIES.iter().any(|known| directory == Path::new(known)) =>
            {
                "localhost".to_owned()
            }
            Place::Socket(directory) => directory.display().to_string(),
            Place::Tcp(host, _) => host.clone(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::DefaultSocket => write!(f, "local socket port {}", self.port),
            Place::Socket(directory) => write!(f, "socket {}/.s.PGSQL.{}", directory.display(), self.port),
            Place::Tcp(host, _) => write!(f, "host {host} port {}", self.port),
        }
    }
}

/// `target_session_attrs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// How a dead link is noticed on a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keepalive {
    pub enabled: bool,
    pub idle: Duration,
    pub interval: Duration,
    pub count: u32,
    /// How long sent bytes may stay unacknowledged; None is the operating system's own limit.
    pub user_timeout: Option<Duration>,
}

/// Everything needed to open sessions on one database. Debug hides the password.
#[derive(Debug, Clone)]
pub struct ConnectConfig {
    pub(super) addresses: Vec<Address>,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) password: Option<Secret>,
    passfile: PassFile,
    ask_password: bool,
    pub(super) sslmode: SslMode,
    pub(super) tls_files: TlsFiles,
    pub(super) channel_binding: ChannelBinding,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) keepalive: Keepalive,
    pub(super) application_name: Option<String>,
    pub(super) options: Option<String>,
    pub(super) target: Target,
}

/// Parameters that are understood, and the environment variable of each.
const KNOWN: [(&str, &str); 21] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("application_name", "PGAPPNAME"),
    ("options", "PGOPTIONS"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("keepalives", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("keepalives_count", ""),
    ("tcp_user_timeout", ""),
];

/// Parameters of libpq that are not implemented, and the values that ask for nothing this program lacks.
const REFUSED: [(&str, &str, &[&str]); 22] = [
    ("gssencmode", "PGGSSENCMODE", &["disable", "prefer"]),
    ("krbsrvname", "PGKRBSRVNAME", &[]),
    ("gsslib", "PGGSSLIB", &[]),
    ("gssdelegation", "PGGSSDELEGATION", &["0"]),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS", &["disable"]),
    ("requiressl", "PGREQUIRESSL", &["0"]),
    ("requirepeer", "PGREQUIREPEER", &[]),
    ("require_auth", "PGREQUIREAUTH", &[]),
    ("sslnegotiation", "PGSSLNEGOTIATION", &["postgres"]),
    ("sslcompression", "PGSSLCOMPRESSION", &["0"]),
    ("sslcertmode", "PGSSLCERTMODE", &["allow"]),
    ("sslcrl", "PGSSLCRL", &[]),
    ("sslcrldir", "PGSSLCRLDIR", &[]),
    ("sslpassword", "", &[]),
    ("sslsni", "PGSSLSNI", &["1"]),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", &["TLSv1", "TLSv1.1", "TLSv1.2"]),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", &["TLSv1.3"]),
    ("min_protocol_version", "PGMINPROTOCOLVERSION", &["3.0"]),
    ("max_protocol_version", "PGMAXPROTOCOLVERSION", &["3.0"]),
    ("replication", "", &["0", "false", "off", "no"]),
    ("client_encoding", "", &["auto", "UTF8"]),
    ("fallback_application_name", "", &[]),
];

/// Parameters by name. Holds secrets: no Debug.
#[derive(Default)]
struct Parameters(BTreeMap<String, String>);

impl Parameters {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn set(&mut self, parameter: Parameter, origin: &str) -> Result<()> {
        let Parameter { name, value } = parameter;
        if let Some((_, _, harmless)) = REFUSED.iter().find(|(refused, ..)| *refused == name) {
            return if value.is_empty() || harmless.contains(&value.as_str()) {
                Ok(())
            } else {
                Err(Error::Usage(format!(
                    "the connection parameter \"{name}\" ({origin}) is not supported with this value; leave it out"
                )))
            };
        }
        if name != "service" && !KNOWN.iter().any(|(known, _)| *known == name) {
            return Err(Error::Usage(format!("unknown connection parameter \"{name}\" ({origin})")));
        }
        self.0.insert(name, value);
        Ok(())
    }

    fn set_default(&mut self, parameter: Parameter, origin: &str) -> Result<()> {
        if self.has(&parameter.name) {
            return Ok(());
        }
        self.set(parameter, origin)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        self.get(name)
            .map(|value| {
                value.trim().parse().map_err(|_| {
                    Error::Usage(format!(
                        "the connection parameter \"{name}\" needs a number, not \"{value}\""
                    ))
                })
            })
            .transpose()
    }

    /// Seconds; zero and less mean the operating system's default or no limit.
    fn seconds(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.number::<i64>(name)?.map(|seconds| u64::try_from(seconds).unwrap_or(0)))
    }

    fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)], default: T) -> Result<T> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        choices.iter().find(|(word, _)| *word == value).map(|(_, choice)| *choice).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            Error::Usage(format!(
                "\"{value}\" is no value of the connection parameter \"{name}\"; it is one of {}",
                words.join(", ")
            ))
        })
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }
}

impl ConnectConfig {
    /// What the command line and the environment mean. Reads the service and the password file, talks to nobody.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for unknown, unsupported or contradicting parameters, and for a password in `args.dbname`:
    /// a command line can be read by every user of the machine.
    pub fn resolve(args: &ConnectArgs, environment: &Environment) -> Result<Self> {
        if args.no_password && args.force_password {
            return Err(Error::Usage("-w and -W exclude each other".to_owned()));
        }
        let parameters = collect(args, environment)?;
        let user = parameters
            .get("user")
            .map(str::to_owned)
            .or_else(|| environment.user.clone())
            .ok_or_else(|| Error::Usage("no database user: give one with -U or PGUSER".to_owned()))?;
        let home_file = |name: &str| environment.home.as_ref().map(|home| home.join(name));
        let passfile = match parameters.path("passfile").or_else(|| home_file(".pgpass")) {
            Some(path) => PassFile::read(&path)?,
            None => PassFile::default(),
        };
        let sslrootcert = parameters.get("sslrootcert");
        let default_sslmode =
            if sslrootcert == Some("system") { SslMode::VerifyFull } else { SslMode::Prefer };
        let sslmode = parameters.choice("sslmode", &SslMode::WORDS, default_sslmode)?;
        if sslrootcert == Some("system") && sslmode != SslMode::VerifyFull {
            return Err(Error::Usage(
                "sslrootcert=system needs sslmode=verify-full: anybody can get a certificate from a public authority"
                    .to_owned(),
            ));
        }
        Ok(Self {
            addresses: addresses(&parameters)?,
            database: parameters.get("dbname").unwrap_or(&user).to_owned(),
            user,
            password: parameters.get("password").map(|password| Secret(password.to_owned())),
            passfile,
            ask_password: args.force_password,
            sslmode,
            tls_files: TlsFiles {
                root: parameters.path("sslrootcert"),
                certificate: parameters.path("sslcert"),
                key: parameters.path("sslkey"),
                default_directory: home_file(".postgresql"),
            },
            channel_binding: parameters.choice(
                "channel_binding",
                &[
                    ("disable", ChannelBinding::Disable),
                    ("prefer", ChannelBinding::Prefer),
                    ("require", ChannelBinding::Require),
                ],
                ChannelBinding::Prefer,
            )?,
            connect_timeout: match parameters.seconds("connect_timeout")? {
                None => Some(Duration::from_secs(30)),
                Some(0) => None,
                Some(seconds) => Some(Duration::from_secs(seconds)),
            },
            keepalive: keepalive(&parameters)?,
            application_name: parameters.get("application_name").map(str::to_owned),
            options: parameters.get("options").map(str::to_owned),
            target: parameters.choice(
                "target_session_attrs",
                &[
                    ("any", Target::Any),
                    ("read-write", Target::ReadWrite),
                    ("read-only", Target::ReadOnly),
                    ("primary", Target::Primary),
                    ("standby", Target::Standby),
                    ("prefer-standby", Target::PreferStandby),
                ],
                Target::Any,
            )?,
        })
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The same server and user, another database.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// `database d on host h port p as user u`: safe to print.
    #[must_use]
    pub fn describe(&self) -> String {
        let places: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        format!("database {} on {} as user {}", self.database, places.join(" or "), self.user)
    }

    /// Whether `-W` asked for a password that nobody has been asked for yet.
    #[must_use]
    pub fn needs_password_prompt(&self) -> bool {
        self.ask_password
    }

    /// The password a person typed. It takes precedence over every other.
    pub fn set_password(&mut self, password: String) {
        self.password = Some(Secret(password));
        self.ask_password = false;
    }

    /// The password for one of the addresses.
    pub(super) fn password_for(&self, address: &Address) -> Option<&Secret> {
        self.password.as_ref().or_else(|| {
            self.passfile.find(&address.passfile_host(), address.port, &self.database, &self.user)
        })
    }
}

fn collect(args: &ConnectArgs, environment: &Environment) -> Result<Parameters> {
    let mut parameters = Parameters::default();
    for (name, value) in [("host", &args.host), ("port", &args.port), ("user", &args.user)] {
        if let Some(value) = value {
            parameters.set(Parameter { name: name.to_owned(), value: value.clone() }, "command line")?;
        }
    }
    match &args.dbname {
        Some(text) if conninfo::is_connection_string(text) => {
            for parameter in conninfo::parse(text)? {
                if parameter.name == "password" {
                    return Err(Error::Usage(
                        "a password on the command line can be read by every user of this machine: put it into ~/.pgpass \
                         (mode 0600), PGPASSWORD or DATABASE_URL"
                            .to_owned(),
                    ));
                }
                parameters.set(parameter, "-d")?;
            }
        }
        Some(name) => parameters.set(Parameter { name: "dbname".to_owned(), value: name.clone() }, "-d")?,
        None => {}
    }
    let nothing_typed = parameters.0.is_empty();
    let database_typed = parameters.has("dbname");
    let nothing_set = ["PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"]
        .iter()
        .all(|name| environment.get(name).is_none());
    if let Some(url) = environment.get("DATABASE_URL").filter(|_| nothing_typed && nothing_set) {
        for parameter in conninfo::parse(url)? {
            parameters.set(parameter, "DATABASE_URL")?;
        }
    }
    let service = parameters.get("service").or_else(|| environment.get("PGSERVICE"));
    if let Some(service) = service.map(str::to_owned) {
        for parameter in service::read(&service, environment)? {
            parameters.set_default(parameter, "service file")?;
        }
    }
    let refused = REFUSED.iter().map(|(name, variable, _)| (*name, *variable));
    for (name, variable) in KNOWN.into_iter().chain(refused) {
        if let Some(value) = environment.get(variable) {
            parameters.set_default(Parameter { name: name.to_owned(), value: value.to_owned() }, variable)?;
        }
    }
    if args.maintenance && !database_typed {
        parameters.set(Parameter { name: "dbname".to_owned(), value: "postgres".to_owned() }, "default")?;
    }
    Ok(parameters)
}

fn addresses(parameters: &Parameters) -> Result<Vec<Address>> {
    let list = |name: &str| -> Vec<String> {
        parameters
            .get(name)
            .map(|text| text.split(',').map(|item| item.trim().to_owned()).collect())
            .unwrap_or_default()
    };
    let (hosts, hostaddrs, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = hosts.len().max(hostaddrs.len()).max(1);
    for (name, items) in [("host", &hosts), ("hostaddr", &hostaddrs)] {
        if !items.is_empty() && items.len() != count {
            return Err(Error::Usage(format!(
                "{} values of \"{name}\" do not go with {count} servers",
                items.len()
            )));
        }
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(Error::Usage(format!(
            "{} ports do not go with {count} hosts: give one port, or one for each host",
            ports.len()
        )));
    }
    (0..count)
        .map(|at| {
            let host = hosts.get(at).map(String::as_str).unwrap_or_default();
            let hostaddr = hostaddrs.get(at).map(String::as_str).unwrap_or_default();
            let port = ports.get(at).or(ports.first()).map(String::as_str).unwrap_or_default();
            Ok(Address { place: place(host, hostaddr)?, port: parse_port(port)? })
        })
        .collect()
}

fn place(host: &str, hostaddr: &str) -> Result<Place> {
    if !hostaddr.is_empty() {
        let address = hostaddr
            .parse()
            .map_err(|_| Error::Usage(format!("\"{hostaddr}\" is no IP address; \"hostaddr\" needs one")))?;
        let name = if host.is_empty() { hostaddr } else { host };
        return Ok(Place::Tcp(name.to_owned(), Some(address)));
    }
    if host.starts_with('/') {
        return Ok(Place::Socket(PathBuf::from(host)));
    }
    if host.starts_with('@') {
        return Err(Error::Usage(format!("sockets in the abstract namespace are not supported: {host}")));
    }
    Ok(if host.is_empty() { Place::DefaultSocket } else { Place::Tcp(host.to_owned(), None) })
}

fn parse_port(text: &str) -> Result<u16> {
    if text.is_empty() {
        return Ok(5432);
    }
    text.parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| Error::Usage(format!("\"{text}\" is no port; a port is a number from 1 to 65535")))
}

fn keepalive(parameters: &Parameters) -> Result<Keepalive> {
    // A zero asks libpq for the operating system's default, which is two hours of silence. Ours is a minute.
    let positive = |name: &str, default: u64| -> Result<u64> {
        Ok(parameters.seconds(name)?.filter(|value| *value > 0).unwrap_or(default))
    };
    Ok(Keepalive {
        enabled: parameters.seconds("keepalives")? != Some(0),
        idle: Duration::from_secs(positive("keepalives_idle", 30)?),
        interval: Duration::from_secs(positive("keepalives_interval", 10)?),
        count: u32::try_from(positive("keepalives_count", 3)?).unwrap_or(u32::MAX),
        user_timeout: match parameters.seconds("tcp_user_timeout")? {
            None => Some(Duration::from_secs(60)),
            Some(0) => None,
            Some(milliseconds) => Some(Duration::from_millis(milliseconds)),
        },
    })
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
