//! TLS: what `sslmode` and its files mean, as a rustls configuration.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
pub(super) use tokio_postgres::config::ChannelBinding;

use super::{Error, Result};

/// `sslmode`, with libpq's meanings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    pub(super) const WORDS: [(&'static str, SslMode); 6] = [
        ("disable", SslMode::Disable),
        ("allow", SslMode::Allow),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-full", SslMode::VerifyFull),
    ];
}

/// The certificate files that were named, and the directory with the default ones.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsFiles {
    pub root: Option<PathBuf>,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub default_directory: Option<PathBuf>,
}

impl TlsFiles {
    /// The named file, or the default one if it exists.
    fn named_or_default(&self, named: Option<&PathBuf>, default: &str) -> Option<PathBuf> {
        named.cloned().or_else(|| {
            self.default_directory
                .as_ref()
                .map(|directory| directory.join(default))
                .filter(|path| path.exists())
        })
    }

    /// The rustls configuration for connections under `mode`.
    pub(super) fn client_config(&self, mode: SslMode) -> Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier {
            trusted: self.trusted(mode)?,
            check_name: mode == SslMode::VerifyFull,
            provider: Arc::clone(&provider),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Usage(format!("TLS cannot be set up: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let certificate = self.named_or_default(self.certificate.as_ref(), "postgresql.crt");
        let Some(certificate) = certificate else {
            return Ok(builder.with_no_client_auth());
        };
        let key = self.named_or_default(self.key.as_ref(), "postgresql.key").ok_or_else(|| {
            Error::Usage(format!(
                "the client certificate {} has no key: give its file with sslkey",
                certificate.display()
            ))
        })?;
        check_key_mode(&key)?;
        let chain = certificates(&certificate)?;
        let key_der = PrivateKeyDer::from_pem_file(&key).map_err(|error| unreadable(&key, &error))?;
        builder.with_client_auth_cert(chain, key_der).map_err(|error| {
            Error::Usage(format!(
                "the client certificate {} cannot be used with the key {}: {error}",
                certificate.display(),
                key.display()
            ))
        })
    }

    /// The authorities that must have signed the server's certificate; None if it is not checked.
    fn trusted(&self, mode: SslMode) -> Result<Option<Trusted>> {
        // As in libpq, `require` checks the chain when there is a root file.
        let root = match mode {
            SslMode::Disable | SslMode::Allow | SslMode::Prefer => None,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => {
                self.named_or_default(self.root.as_ref(), "root.crt")
            }
        };
        let Some(root) = root else {
            return if matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull) {
                Err(Error::Usage(
                    "sslmode=verify-ca and verify-full need a root certificate: ~/.postgresql/root.crt, sslrootcert=FILE \
                     or sslrootcert=system"
                        .to_owned(),
                ))
            } else {
                Ok(None)
            };
        };
        let certificates = if root == Path::new("system") {
            rustls_native_certs::load_native_certs().certs
        } else {
            certificates(&root)?
        };
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(certificates.iter().cloned());
        if usable == 0 {
            return Err(Error::Usage(format!("no usable root certificate in {}", root.display())));
        }
        Ok(Some(Trusted { roots, certificates }))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &rustls::pki_types::pem::Error) -> Error {
    Error::Usage(format!("cannot read {}: {error}", path.display()))
}

/// libpq's rule: nobody else may read a private key, except that root may own it and share it with a group.
fn check_key_mode(path: &Path) -> Result<()> {
    let metadata =
        path.metadata().map_err(|error| Error::Usage(format!("cannot read {}: {error}", path.display())))?;
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        return Err(Error::Usage(format!(
            "the private key {} can be read by others: chmod 0600 makes it usable",
            path.display()
        )));
    }
    Ok(())
}

/// The root certificates, as anchors and as they stand in the file.
#[derive(Debug)]
struct Trusted {
    roots: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
}

/// Checks as much of the server's certificate as the `sslmode` asks for. The handshake's signature is always checked.
#[derive(Debug)]
struct Verifier {
    trusted: Option<Trusted>,
    check_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(trusted) = &self.trusted else {
            return Ok(ServerCertVerified::assertion());
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &trusted.roots,
            intermediates,
            now,
            algorithms,
        ) {
            Ok(()) => {}
            // PostgreSQL's manual makes one self-signed certificate both the server's and the root's. webpki refuses an
            // authority as a server, after it has checked the dates; the very certificate being in the file is enough.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::Other(_) | CertificateError::UnknownIssuer,
            )) if trusted.certificates.iter().any(|known| known == end_entity) => {}
            Err(error) => return Err(error),
        }
        if self.check_name {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
