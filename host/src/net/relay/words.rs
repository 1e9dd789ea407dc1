//! Why a TLS session with a relay has failed.
use rustls::{CertificateError, Error};
use std::borrow::Cow;

/// Why a session has failed, in part of a sentence about the server.
pub(super) fn words(error: &Error) -> String {
    let why = match error {
        Error::InvalidCertificate(error) => return certificate_words(error).into_owned(),
        Error::NoCertificatesPresented => "it shows no certificate",
        Error::AlertReceived(alert) => {
            let alert = u8::from(*alert);
            return format!("it ends TLS with alert {alert} (RFC 8446, section 6)");
        }
        Error::InvalidMessage(_) => "what it sends is not TLS: is this the port for it?",
        Error::PeerIncompatible(_) => {
            "it has no version of TLS, or no cipher suite, in common with this host: TLS 1.2 or 1.3 is needed"
        }
        Error::DecryptError => "what it sends cannot be decrypted",
        _ => "it does not keep to the rules of TLS",
    };
    why.to_owned()
}

fn certificate_words(error: &CertificateError) -> Cow<'static, str> {
    let why = match error {
        CertificateError::UnknownIssuer => {
            "its certificate is of nobody who is trusted: trust its CA, or the certificate itself (turn_ca)"
        }
        CertificateError::NotValidForName => "its certificate is for another name",
        CertificateError::NotValidForNameContext { expected, .. } => {
            let name = expected.to_str();
            return format!("its certificate is not for {name}").into();
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired, or the clock of this machine is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet, or the clock of this machine is wrong"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not one for servers"
        }
        CertificateError::BadSignature => "a signature of its certificate or its key is wrong",
        CertificateError::Revoked => "its certificate is revoked",
        CertificateError::BadEncoding => "its certificate is damaged",
        // A CA's own certificate is among these, as a relay shows it that has signed it itself.
        _ => {
            "its certificate cannot be verified: if it is signed by itself, trust the certificate itself (turn_ca)"
        }
    };
    why.into()
}
