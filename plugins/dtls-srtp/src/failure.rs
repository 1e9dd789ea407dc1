//! What can go wrong, as sentences for the operator.
use dimpl::{
    CertificateError, CryptoError, CryptoOperation, Error as Dtls, SecurityError,
    UnexpectedMessageError,
};
use handclasp_plugin::{Error, ErrorKind};

/// There is no common ground.
pub(crate) const HANDSHAKE_FAILURE: u8 = 40;
/// The peer's certificate is not one that it announced.
pub(crate) const BAD_CERTIFICATE: u8 = 42;

const CERTIFICATE_UNKNOWN: u8 = 46;

/// The peer agreed to what was not offered.
pub(crate) const ILLEGAL_PARAMETER: u8 = 47;

/// What a peer's refusal of this side's certificate often means.
const STALE: &str =
    "it takes this side's certificate for another's: give it this side's init data again";

/// What a peer's refusal to agree on cryptography often means.
const KEYS: &str = "it may have a certificate that this plugin does not know: give it one for ECDSA with P-256 or P-384; \
                    with RSA, and no others, dtls-openssl works too";

/// Whether the session is as good after the error as before it: a record came too early to be understood or was not
/// made with the keys, or a flight will not be repeated any more. dimpl calls all its errors fatal; these leave its state
/// alone.
pub(crate) fn is_harmless(error: &Dtls) -> bool {
    matches!(
        error,
        Dtls::UnexpectedMessage(UnexpectedMessageError::UnrecognizedAutoServerResponse)
            | Dtls::CryptoError(CryptoError::OperationFailed(CryptoOperation::Decrypt))
            | Dtls::TransmitHistoryFull
    )
}

/// The reason that ends the session.
pub(crate) fn explain(error: Dtls) -> Error {
    let (kind, sentence) = match &error {
        Dtls::SecurityError(SecurityError::FatalAlert { description }) => {
            let why = match *description {
                BAD_CERTIFICATE | CERTIFICATE_UNKNOWN => STALE,
                _ => "its log may say why",
            };
            let alert = alert(*description);
            (
                ErrorKind::PeerRejected,
                format!("the peer ended DTLS with the alert {alert}; {why}"),
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
            format!("DTLS cannot go on with this peer: {error}; {KEYS}"),
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

pub(crate) fn restless() -> Error {
    Error::new(
        ErrorKind::Internal,
        "the DTLS library does not come to an end with what it says",
    )
}

/// The warning about an alert that anybody may have sent.
pub(crate) fn doubt(description: u8) -> String {
    let alert = alert(description);
    let hint = match description {
        BAD_CERTIFICATE | CERTIFICATE_UNKNOWN => format!("; if it was the peer, {STALE}"),
        HANDSHAKE_FAILURE => format!("; if it was the peer, {KEYS}"),
        _ => String::new(),
    };
    format!(
        "the peer, or somebody in its name, sent the DTLS alert {alert} in plaintext, which proves nothing, so the \
         handshake goes on{hint}"
    )
}

/// The alert was the peer's: nothing valid has followed.
pub(crate) fn alerted(description: u8) -> Error {
    let alert = alert(description);
    let hint = match description {
        BAD_CERTIFICATE | CERTIFICATE_UNKNOWN => format!("; {STALE}"),
        HANDSHAKE_FAILURE => format!("; {KEYS}"),
        _ => String::new(),
    };
    Error::new(
        ErrorKind::PeerRejected,
        format_args!(
            "the peer ended DTLS with the alert {alert}, in plaintext, and said nothing since{hint}"
        ),
    )
}

/// The warning about a ServerHello that anybody may have sent.
pub(crate) fn doubt_choice(reason: &str) -> String {
    format!(
        "the peer, or somebody in its name, sent a ServerHello that cannot be agreed to: {reason}; it proves nothing, \
         so the handshake goes on"
    )
}

/// The ServerHello was the peer's, which agreed to what this side did not offer.
pub(crate) fn unacceptable(reason: &str) -> Error {
    Error::new(
        ErrorKind::PeerRejected,
        format_args!("DTLS cannot go on with this peer: {reason}"),
    )
}

/// The client's hello has nothing that this side knows.
pub(crate) fn strange() -> Error {
    Error::new(
        ErrorKind::PeerRejected,
        format_args!("DTLS cannot go on with this peer: no cipher suite is known to both; {KEYS}"),
    )
}

/// What a client is told that there is no handshake with (RFC 5246, section 7.2.2).
pub(crate) fn alert_about(error: &Dtls) -> u8 {
    const PROTOCOL_VERSION: u8 = 70;
    match error {
        Dtls::SecurityError(
            SecurityError::UnsupportedClientVersion(_)
            | SecurityError::ClientHelloLegacyVersionNotDtls12
            | SecurityError::ClientHelloMissingDtls13SupportedVersions,
        ) => PROTOCOL_VERSION,
        _ => HANDSHAKE_FAILURE,
    }
}

/// An alert's number, and its name where a handshake has use for it (RFC 8446, section 6).
fn alert(description: u8) -> String {
    let name = match description {
        0 => "close_notify",
        10 => "unexpected_message",
        HANDSHAKE_FAILURE => "handshake_failure",
        BAD_CERTIFICATE => "bad_certificate",
        43 => "unsupported_certificate",
        45 => "certificate_expired",
        CERTIFICATE_UNKNOWN => "certificate_unknown",
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
