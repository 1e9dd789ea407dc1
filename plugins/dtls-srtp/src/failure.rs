//! dimpl's errors as sentences for the operator.
use dimpl::{CertificateError, CryptoError, Error as Dtls, SecurityError, UnexpectedMessageError};
use handclasp_plugin::{Error, ErrorKind};

/// Whether the session is as good after the error as before it: a datagram was refused, or a flight will not
/// be repeated any more. dimpl calls all its errors fatal; these leave its state alone.
pub(crate) fn is_harmless(error: &Dtls) -> bool {
    matches!(
        error,
        Dtls::UnexpectedMessage(UnexpectedMessageError::UnrecognizedAutoServerResponse)
            | Dtls::ReceiveQueueFull
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
        | Dtls::CertificateError(CertificateError::UnsupportedEcCurve) => (
            ErrorKind::PeerRejected,
            format!(
                "DTLS cannot go on with this peer ({error}); it may have an RSA certificate, where this plugin \
                 knows ECDSA with P-256 or P-384 only: give it such a certificate, or use dtls-openssl"
            ),
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

/// An alert's number, and its name where a handshake has use for it (RFC 8446, section 6).
pub(crate) fn alert(description: u8) -> String {
    let name = match description {
        0 => "close_notify",
        10 => "unexpected_message",
        40 => "handshake_failure",
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
