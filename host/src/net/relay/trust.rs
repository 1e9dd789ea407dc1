//! Which relays are trusted over TLS.
use crate::files;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why no relay could be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file that was named cannot be read.
    #[error("{} cannot be read ({source}): name a PEM file with certificates to trust", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file that was named is of no use.
    #[error("{} holds no certificate to trust ({what}): name a PEM file", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, in part of a sentence.
        what: String,
    },
    /// The system has no certificates.
    #[error(
        "this system trusts no certificates, and a relay over TLS needs one: install ca-certificates, or name a PEM file"
    )]
    None,
}

/// Trusts the certificates in `file`; without one, those that the system trusts.
pub(crate) fn client_config(file: Option<&Path>) -> Result<Arc<ClientConfig>, TrustError> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for the default versions");
    let config = match file {
        None => config.with_root_certificates(system_roots()?),
        Some(file) => config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Named::read(file, provider)?)),
    };
    Ok(Arc::new(config.with_no_client_auth()))
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

/// Certificates that somebody named: each stands for those it vouches for, and for itself, whatever name and dates are
/// in it. A relay's own certificate, signed by itself, is so as good as a CA's.
#[derive(Debug)]
struct Named {
    certificates: Vec<CertificateDer<'static>>,
    vouched: Arc<WebPkiServerVerifier>,
}

impl Named {
    fn read(file: &Path, provider: Arc<CryptoProvider>) -> Result<Self, TrustError> {
        let bytes = files::read(file).map_err(|source| TrustError::Unreadable {
            file: file.to_owned(),
            source,
        })?;
        let unusable = |what: String| TrustError::File {
            file: file.to_owned(),
            what,
        };
        // Some editors begin a file with a byte order mark.
        let pem = bytes.strip_prefix("\u{feff}".as_bytes());
        let certificates = CertificateDer::pem_slice_iter(pem.unwrap_or(&bytes));
        let certificates = certificates.collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|error| unusable(pem_words(&error).to_owned()))?;
        let mut roots = RootCertStore::empty();
        for (number, certificate) in (1..).zip(&certificates) {
            let added = roots.add(certificate.clone());
            added.map_err(|_| {
                unusable(format!(
                    "certificate {number} of it is not an X.509 certificate of version 3"
                ))
            })?;
        }
        let vouched = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        // There are no revocation lists, so that it fails without roots only.
        let vouched = vouched
            .build()
            .map_err(|_| unusable("there is none in it".to_owned()))?;
        Ok(Self {
            certificates,
            vouched,
        })
    }
}

/// What is wrong with a file, in part of a sentence.
fn pem_words(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "an END line is missing",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is damaged",
        pem::Error::Base64Decode(_) => "what stands between BEGIN and END is not base64",
        pem::Error::SectionTooLarge => "it is too large",
        _ => "it is not in PEM",
    }
}

/// The key's signatures are always verified: whoever shows a certificate must have its key.
impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.certificates.iter().any(|named| named == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.vouched
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.vouched
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.vouched
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.vouched.supported_verify_schemes()
    }
}
