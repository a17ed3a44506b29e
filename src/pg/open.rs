//! Opening a session: which of the servers, with which encryption, as whom.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_postgres::config::{SslMode as DriverSslMode, SslNegotiation};
use tokio_postgres::tls::TlsConnect;
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, SimpleQueryMessage};

use super::config::{Address, ConnectConfig, Keepalive, Target};
use super::tap::{Tap, Tapped};
use super::tls::SslMode;
use super::transport::{self, Encryption, Endpoint};
use super::version::Version;
use super::{Error, Result};

/// Tells the driver that the stream it gets is negotiated already.
struct Negotiated;

impl TlsConnect<Tapped> for Negotiated {
    type Stream = Tapped;
    type Error = Infallible;
    type Future = Ready<std::result::Result<Tapped, Infallible>>;

    fn connect(self, stream: Tapped) -> Self::Future {
        ready(Ok(stream))
    }
}

/// An open connection and the facts about its server.
pub(super) struct Link {
    pub client: Client,
    pub tap: Tap,
    pub driver: AbortHandle,
    /// What ended the connection, once something has.
    pub ended: watch::Receiver<Option<Arc<tokio_postgres::Error>>>,
    /// The last notices of the server.
    pub notices: Arc<Mutex<VecDeque<String>>>,
    pub cancel: CancelHandle,
    pub target: String,
    pub facts: Facts,
}

/// So many notices are kept for those who ask for them.
const NOTICES: usize = 16;

/// What a server says about itself.
pub(super) struct Facts {
    pub version: Version,
    pub version_text: String,
    pub encoding: String,
    pub pid: i32,
    pub in_recovery: bool,
    pub read_only: bool,
}

/// Cancels what a session is doing, from another task. Knows no password.
#[derive(Clone)]
pub struct CancelHandle {
    token: CancelToken,
    place: Dialed,
    timeout: Option<Duration>,
}

/// How a connection was made.
#[derive(Clone)]
struct Dialed {
    address: Address,
    endpoint: Endpoint,
    keepalive: Keepalive,
    encryption: Encryption,
    tls: Option<Arc<ClientConfig>>,
}

impl Dialed {
    async fn dial(&self) -> Result<(Tap, Tapped)> {
        let socket = self.endpoint.connect(&self.address, &self.keepalive).await?;
        let stream = transport::negotiate(socket, &self.address, self.encryption, self.tls.as_ref()).await?;
        Ok(Tap::new(stream))
    }
}

/// How long [`cancel_all`] waits for servers to take the requests.
const CANCEL_PATIENCE: Duration = Duration::from_secs(2);

/// Cancels what several sessions are doing, for a clean-up: a server that cannot be reached in two seconds has lost the
/// sessions anyway.
pub async fn cancel_all(handles: Vec<CancelHandle>) {
    let requests = join_all(handles.iter().map(CancelHandle::cancel));
    let _ = tokio::time::timeout(CANCEL_PATIENCE, requests).await;
}

impl CancelHandle {
    /// Asks the server to cancel the running statement. It says nothing about the outcome: the statement ends with
    /// SQLSTATE 57014, or had ended before.
    ///
    /// # Errors
    ///
    /// When no connection for the request can be made.
    pub async fn cancel(&self) -> Result<()> {
        limited(self.timeout, &self.place.address.to_string(), async {
            let (_, stream) = self.place.dial().await?;
            self.token
                .cancel_query_raw(stream, Negotiated)
                .await
                .map_err(|error| Error::working("cancelling a statement", None, &error))
        })
        .await
    }
}

async fn limited<T>(
    timeout: Option<Duration>,
    target: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(timeout) = timeout else {
        return work.await;
    };
    tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| {
        Err(Error::Connect {
            target: target.to_owned(),
            cause: format!("no answer within {} s", timeout.as_secs()),
            advice: "is the server reachable from here? connect_timeout sets the limit",
            sqlstate: None,
        })
    })
}

/// Opens a connection to the first server of the list that will have us.
pub(super) async fn open(config: &ConnectConfig, application_name: &str) -> Result<Link> {
    let tls = match config.sslmode {
        SslMode::Disable => None,
        mode => Some(Arc::new(config.tls_files.client_config(mode)?)),
    };
    let rounds: &[Target] = match config.target {
        Target::PreferStandby => &[Target::Standby, Target::Any],
        _ => std::slice::from_ref(&config.target),
    };
    let mut failures = Vec::new();
    for target in rounds {
        for address in &config.addresses {
            match open_one_of(config, address, *target, tls.as_ref(), application_name).await {
                Ok(link) => return Ok(link),
                // Nobody there: the next one. Any other answer is an answer, as in libpq.
                Err(error @ Error::Connect { .. }) => failures.push(error),
                Err(error) => return Err(error),
            }
        }
    }
    Err(together(failures))
}

/// One error for all servers that were tried.
fn together(mut failures: Vec<Error>) -> Error {
    if failures.len() > 1 {
        let causes: Vec<_> = failures
            .iter()
            .map(|failure| match failure {
                Error::Connect { target, cause, .. } => format!("{target}: {cause}"),
                other => other.to_string(),
            })
            .collect();
        return Error::Connect {
            target: "any of the servers".to_owned(),
            cause: causes.join("; "),
            advice: "is one of them running and accepting connections?",
            sqlstate: None,
        };
    }
    failures.pop().unwrap_or_else(|| Error::Usage("no server to connect to".to_owned()))
}

async fn open_one_of(
    config: &ConnectConfig,
    address: &Address,
    target: Target,
    tls: Option<&Arc<ClientConfig>>,
    application_name: &str,
) -> Result<Link> {
    let encryptions: &[Encryption] = match config.sslmode {
        SslMode::Disable => &[Encryption::Never],
        SslMode::Allow => &[Encryption::Never, Encryption::Always],
        SslMode::Prefer => &[Encryption::IfOffered],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Encryption::Always],
    };
    let mut failures = Vec::new();
    for endpoint in transport::resolve(address).await? {
        let mut refusal = None;
        for encryption in encryptions {
            let place = Dialed {
                address: address.clone(),
                endpoint: endpoint.clone(),
                keepalive: config.keepalive,
                encryption: *encryption,
                tls: tls.cloned(),
            };
            let attempt = log_in(config, place, application_name);
            match limited(config.connect_timeout, &address.to_string(), attempt).await {
                Ok(link) => match mismatch(target, &link.facts) {
                    None => return Ok(link),
                    Some(cause) => failures.push(Error::Connect {
                        target: link.target.clone(),
                        cause: cause.to_owned(),
                        advice: "target_session_attrs asks for another server",
                        sqlstate: None,
                    }),
                },
                // pg_hba.conf may want TLS: with sslmode=allow the next attempt has it.
                Err(error @ Error::Auth { .. }) => {
                    refusal = Some(error);
                    continue;
                }
                Err(error @ Error::Connect { .. }) => failures.push(error),
                // The refusal of the plain connection says more than the lack of TLS.
                Err(error @ Error::Tls { .. }) => return Err(refusal.unwrap_or(error)),
                Err(error) => return Err(error),
            }
            refusal = None;
            break;
        }
        if let Some(error) = refusal {
            return Err(error);
        }
    }
    Err(together(failures))
}

fn mismatch(target: Target, facts: &Facts) -> Option<&'static str> {
    match target {
        Target::ReadWrite if facts.read_only => Some("the session is read-only"),
        Target::ReadOnly if !facts.read_only => Some("the session is not read-only"),
        Target::Primary if facts.in_recovery => Some("the server is a standby"),
        Target::Standby if !facts.in_recovery => Some("the server is not a standby"),
        _ => None,
    }
}

async fn log_in(config: &ConnectConfig, place: Dialed, application_name: &str) -> Result<Link> {
    let target = format!("database {} on {} as user {}", config.database, place.address, config.user);
    let mut driver_config = Config::new();
    driver_config
        .user(&config.user)
        .dbname(&config.database)
        .application_name(config.application_name.as_deref().unwrap_or(application_name))
        .channel_binding(config.channel_binding)
        // The driver's words for "do not negotiate, call the connector": see Negotiated.
        .ssl_mode(DriverSslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct);
    if let Some(options) = &config.options {
        driver_config.options(options);
    }
    if let Some(password) = config.password_for(&place.address) {
        driver_config.password(&password.0);
    }
    let (tap, stream) = place.dial().await?;
    let (client, mut connection) = driver_config
        .connect_raw(stream, Negotiated)
        .await
        .map_err(|error| Error::opening(target.clone(), &error))?;
    let (ended_sender, ended) = watch::channel(None);
    let notices = Arc::<Mutex<VecDeque<String>>>::default();
    let kept = Arc::clone(&notices);
    let driver = tokio::spawn(async move {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notice(notice)) => {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.truncate(NOTICES - 1);
                    kept.push_front(notice.message().to_owned());
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(error = %super::error::causes(&error), "a connection ended");
                    ended_sender.send_replace(Some(Arc::new(error)));
                    return;
                }
            }
        }
    })
    .abort_handle();
    let facts = ask(&client, &target).await?;
    let cancel = CancelHandle { token: client.cancel_token(), place, timeout: config.connect_timeout };
    Ok(Link { client, tap, driver, ended, notices, cancel, target, facts })
}

async fn ask(client: &Client, target: &str) -> Result<Facts> {
    let sql = "SELECT pg_catalog.current_setting('server_version_num') AS version, \
               pg_catalog.current_setting('server_version') AS version_text, \
               pg_catalog.current_setting('server_encoding') AS encoding, \
               pg_catalog.pg_backend_pid() AS pid, \
               pg_catalog.pg_is_in_recovery() AS in_recovery, \
               pg_catalog.current_setting('transaction_read_only') AS read_only";
    let answer = client.simple_query(sql).await.map_err(|error| Error::opening(target.to_owned(), &error))?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let text = |name: &str| row.and_then(|row| row.get(name)).unwrap_or_default();
    let (Ok(version), Ok(pid)) = (text("version").parse().map(Version::new), text("pid").parse()) else {
        return Err(Error::Connect {
            target: target.to_owned(),
            cause: "the server does not tell its version".to_owned(),
            advice: "is this PostgreSQL?",
            sqlstate: None,
        });
    };
    Ok(Facts {
        version,
        version_text: text("version_text").to_owned(),
        encoding: text("encoding").to_owned(),
        pid,
        in_recovery: text("in_recovery") == "t",
        read_only: text("read_only") == "on",
    })
}
