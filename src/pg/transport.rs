//! From an address to a byte stream a server listens on: sockets, keepalives, the TLS negotiation.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::config::{Address, Keepalive, Place, SOCKET_DIRECTORIES};
use super::error::causes;
use super::{Error, Result};

/// A TCP or a Unix stream, or in tests a pipe.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A connected socket.
pub(super) type Socket = Box<dyn ByteStream>;

/// A byte stream to a server, encrypted or not, that knows its channel binding.
pub(super) type Transport = Box<dyn TlsStream + Send + Unpin>;

/// Whether to ask the server for TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    Never,
    IfOffered,
    Always,
}

/// The addresses that stand for one entry of the list of hosts.
pub(super) async fn resolve(address: &Address) -> Result<Vec<Endpoint>> {
    match &address.place {
        Place::DefaultSocket => Ok(SOCKET_DIRECTORIES
            .iter()
            .map(Path::new)
            .find(|directory| directory.join(socket_name(address.port)).exists())
            .or(Some(Path::new(SOCKET_DIRECTORIES[0])))
            .map(|directory| Endpoint::Unix(directory.join(socket_name(address.port))))
            .into_iter()
            .collect()),
        Place::Socket(directory) => Ok(vec![Endpoint::Unix(directory.join(socket_name(address.port)))]),
        Place::Tcp(_, Some(ip)) => Ok(vec![Endpoint::Tcp(SocketAddr::new(*ip, address.port))]),
        Place::Tcp(host, None) => {
            let found = tokio::net::lookup_host((host.as_str(), address.port)).await;
            match found.map(Iterator::collect::<Vec<_>>) {
                Ok(addresses) if !addresses.is_empty() => {
                    Ok(addresses.into_iter().map(Endpoint::Tcp).collect())
                }
                Ok(_) => Err(unknown_host(address, "the name has no address")),
                Err(error) => Err(unknown_host(address, &error.to_string())),
            }
        }
    }
}

fn socket_name(port: u16) -> String {
    format!(".s.PGSQL.{port}")
}

fn unknown_host(address: &Address, cause: &str) -> Error {
    Error::Connect {
        target: address.to_string(),
        cause: cause.to_owned(),
        advice: "is the host name spelled right, and does name resolution work here?",
        sqlstate: None,
    }
}

/// One address of a server.
#[derive(Debug, Clone)]
pub(super) enum Endpoint {
    Tcp(SocketAddr),
    Unix(std::path::PathBuf),
}

impl Endpoint {
    /// Connects the socket. `address` is the entry of the list of hosts that this is an address of.
    pub(super) async fn connect(&self, address: &Address, keepalive: &Keepalive) -> Result<Socket> {
        let connected = match self {
            Endpoint::Tcp(to) => {
                async {
                    let stream = TcpStream::connect(to).await?;
                    stream.set_nodelay(true)?;
                    apply(keepalive, &stream)?;
                    Ok(Box::new(stream) as Socket)
                }
                .await
            }
            Endpoint::Unix(path) => UnixStream::connect(path).await.map(|stream| Box::new(stream) as Socket),
        };
        connected.map_err(|error: io::Error| {
            let (place, advice) = match self {
                Endpoint::Tcp(to) => (
                    format!("{address} ({to})"),
                    "is the server running there, accepting TCP connections (listen_addresses), and not behind a firewall?",
                ),
                Endpoint::Unix(path) => (
                    format!("socket {}", path.display()),
                    "is a server running on this machine, with its socket in that directory? -h gives another one",
                ),
            };
            Error::Connect {
                target: place,
                cause: error.to_string(),
                advice,
                sqlstate: None,
            }
        })
    }
}

fn apply(keepalive: &Keepalive, stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    if keepalive.enabled {
        let parameters = TcpKeepalive::new()
            .with_time(keepalive.idle)
            .with_interval(keepalive.interval)
            .with_retries(keepalive.count);
        socket.set_tcp_keepalive(&parameters)?;
    }
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(keepalive.user_timeout)?;
    Ok(())
}

/// Negotiates encryption on a fresh socket. On Unix sockets there is none, as in libpq.
pub(super) async fn negotiate(
    mut socket: Socket,
    address: &Address,
    encryption: Encryption,
    config: Option<&Arc<ClientConfig>>,
) -> Result<Transport> {
    let (Place::Tcp(host, _), Some(config)) = (&address.place, config) else {
        return Ok(Box::new(Plain(socket)));
    };
    if encryption == Encryption::Never {
        return Ok(Box::new(Plain(socket)));
    }
    let refused = |cause: String, advice| Error::Tls { target: address.to_string(), cause, advice };
    match ask_for_tls(&mut socket).await {
        Ok(b'S') => {}
        Ok(b'N') if encryption == Encryption::IfOffered => return Ok(Box::new(Plain(socket))),
        Ok(b'N') => {
            return Err(refused(
                "the server does not offer TLS".to_owned(),
                "set ssl = on there, or choose a weaker sslmode if the network is trusted",
            ));
        }
        answer => {
            return Err(Error::Connect {
                target: address.to_string(),
                cause: match answer {
                    // An error message is not repeated: it may come from anybody as long as nothing is encrypted.
                    Ok(_) => "the answer to the request for TLS is none of PostgreSQL's".to_owned(),
                    Err(error) => error.to_string(),
                },
                advice: "is this the port of a PostgreSQL server, and has it free connections?",
                sqlstate: None,
            });
        }
    }
    let mut connector = MakeRustlsConnect::new(ClientConfig::clone(config));
    let connector = MakeTlsConnect::<Socket>::make_tls_connect(&mut connector, host)
        .map_err(|error| refused(error.to_string(), "TLS needs a host name or an IP address"))?;
    match connector.connect(socket).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(refused(causes(&error), tls_advice(&error))),
    }
}

/// Sends an SSLRequest and reads the one byte that answers it: S or N.
async fn ask_for_tls(socket: &mut Socket) -> io::Result<u8> {
    let mut request = bytes::BytesMut::new();
    postgres_protocol::message::frontend::ssl_request(&mut request);
    socket.write_all(&request).await?;
    // Exactly one byte: what a man in the middle adds in plain text must not be taken for the server's.
    socket.read_u8().await
}

fn tls_advice(error: &io::Error) -> &'static str {
    use rustls::CertificateError as Bad;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(bad)) => match bad {
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "connect under a name that the certificate's subjectAltName lists, or use sslmode=verify-ca"
            }
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "the server needs a certificate that is valid now; is the clock right here and there?"
            }
            Bad::Other(_) => {
                "the certificate must be of X.509 version 3, with the server's name as subjectAltName"
            }
            _ => "the file in sslrootcert must hold the authority that signed the server's certificate",
        },
        _ => {
            "does the server ask for a client certificate (sslcert, sslkey), or for another TLS version than 1.2 and 1.3?"
        }
    }
}

/// A socket without encryption.
pub(super) struct Plain(pub Socket);

impl AsyncRead for Plain {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Plain {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl TlsStream for Plain {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}
