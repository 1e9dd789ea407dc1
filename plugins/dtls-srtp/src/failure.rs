//! What can go wrong, as sentences for the operator.
use dimpl::{CertificateError, CryptoError, Error as Dtls, SecurityError, UnexpectedMessageError};
use handclasp_plugin::{Error, ErrorKind};

const HANDSHAKE_FAILURE: u8 = 40;

/// What a peer's refusal to agree on cryptography often means.
const RSA: &str = "it may have an RSA certificate, where this plugin knows ECDSA with P-256 or P-384 only: give it \
                   such a certificate, or use dtls-openssl";

/// Whether the session is as good after the error as before it: a record came too early to be understood, or a
/// flight will not be repeated any more. dimpl calls all its errors fatal; these leave its state alone.
pub(crate) fn is_harmless(error: &Dtls) -> bool {
    matches!(
        error,
        Dtls::UnexpectedMessage(UnexpectedMessageError::UnrecognizedAutoServerResponse)
            | Dtls::TransmitHistoryFull
    )
}

/// The reason that ends the session.
pub(crate) fn explain(error: Dtls) -> Error {
    let (kind, sentence) = match &error {
        Dtls::SecurityError(SecurityError::FatalAlert { description }) => {
            let alert = alert(*description);
            (
                ErrorKind::PeerRejected,
                format!("the peer ended DTLS with the alert {alert}; its log may say why"),
            )
        }
        Dtls::SecurityError(
            SecurityError::NoMutuallyAcceptableCipherSuite | SecurityError::NoCommonCipherSuite,
        )
        | Dtls::CryptoError(
            CryptoError::UnsupportedPublicKeyAlgorithm
            | CryptoError::UnsupportedEcCurve
            | CryptoError::SignatureAlgorithmNotOfferedByClient,
        )
        | Dtls::CertificateError(
            CertificateError::UnsupportedEcCurve | CertificateError::NoClientCertificateReceived,
        ) => (
            ErrorKind::PeerRejected,
            format!("DTLS cannot go on with this peer: {error}; {RSA}"),
        ),
        Dtls::SecurityError(
            SecurityError::ServerFinishedVerificationFailed
            | SecurityError::ClientFinishedVerificationFailed,
        )
        | Dtls::CryptoError(CryptoError::SignatureVerificationFailed { .. }) => (
            ErrorKind::Authentication,
            format!("the peer could not prove over DTLS who it is: {error}"),
        ),
        Dtls::ConfigError(_) | Dtls::InvalidState(_) | Dtls::TransmitQueueFull => (
            ErrorKind::Internal,
            format!("the DTLS library failed: {error}"),
        ),
        _ => (
            ErrorKind::PeerRejected,
            format!("DTLS cannot go on with this peer: {error}"),
        ),
    };
    Error::new(kind, sentence)
}

pub(crate) fn anonymous() -> Error {
    Error::new(
        ErrorKind::Authentication,
        "the peer finished DTLS without showing a certificate",
    )
}

pub(crate) fn without_srtp() -> Error {
    Error::new(
        ErrorKind::PeerRejected,
        "the peer finished DTLS without agreeing on an SRTP profile; have it offer use_srtp (RFC 5764)",
    )
}

pub(crate) fn closed() -> Error {
    Error::new(
        ErrorKind::ClosedByPeer,
        "the peer closed the DTLS connection",
    )
}

pub(crate) fn too_large(needed: usize) -> Error {
    Error::new(
        ErrorKind::Internal,
        format_args!("the DTLS library asks for {needed} bytes of buffer, more than it may queue"),
    )
}

/// The warning about an alert that anybody may have sent.
pub(crate) fn doubt(description: u8) -> String {
    let alert = alert(description);
    let hint = match description {
        HANDSHAKE_FAILURE => format!("; if it was the peer, {RSA}"),
        _ => String::new(),
    };
    format!(
        "the peer, or somebody in its name, sent the DTLS alert {alert} in plaintext, which proves nothing, so the \
         handshake goes on{hint}"
    )
}

/// An alert's number, and its name where a handshake has use for it (RFC 8446, section 6).
fn alert(description: u8) -> String {
    let name = match description {
        0 => "close_notify",
        10 => "unexpected_message",
        HANDSHAKE_FAILURE => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        109 => "missing_extension",
        116 => "certificate_required",
        _ => return description.to_string(),
    };
    format!("{description} ({name})")
}
