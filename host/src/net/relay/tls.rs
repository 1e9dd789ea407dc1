//! Which relays are trusted over TLS.
use super::Peer;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why no relay could be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file that was named is of no use.
    #[error("{} holds no certificate to trust ({source}): name a PEM file", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A certificate in the file that was named is of no use.
    #[error("{} holds a certificate that cannot be trusted: {source}", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The system has no certificates.
    #[error(
        "this system trusts no certificates, and a relay over TLS needs one: install ca-certificates, or name a PEM file"
    )]
    None,
}

/// Trusts the certificates in `file`; without one, those that the system trusts.
pub(crate) fn client_config(file: Option<&Path>) -> Result<Arc<ClientConfig>, TrustError> {
    let roots = match file {
        Some(file) => roots_of(file)?,
        None => system_roots()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn roots_of(file: &Path) -> Result<RootCertStore, TrustError> {
    let unusable = |source| TrustError::File {
        file: file.to_owned(),
        source,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(unusable)? {
        let added = roots.add(certificate.map_err(unusable)?);
        added.map_err(|source| TrustError::Certificate {
            file: file.to_owned(),
            source,
        })?;
    }
    if roots.is_empty() {
        return Err(unusable(pem::Error::NoItemsFound));
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(TrustError::None);
    }
    Ok(roots)
}

/// A session that has not begun.
pub(super) fn session(peer: &Peer<'_>) -> io::Result<ClientConnection> {
    let config = peer.trust.ok_or(ErrorKind::Unsupported)?;
    let name = ServerName::try_from(peer.host.to_owned()).map_err(io::Error::other)?;
    ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)
}
