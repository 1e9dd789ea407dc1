use handclasp_abi as abi;
use std::fmt;

/// What a callback answers: a [`Status`](crate::Status) by default.
pub type Result<T = crate::Status> = std::result::Result<T, Error>;

/// Why this instance cannot go on: what the host reports as its component's failure.
///
/// Bad input from the network is no failure: absorb it and stay pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub(crate) kind: ErrorKind,
    pub(crate) sentence: String,
}

/// The kinds of failure the ABI knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An option's value cannot be used.
    Option,
    /// The peer refused, or what it said cannot be used.
    PeerRejected,
    /// The peer is not who it should be.
    Authentication,
    /// The peer closed. After the finish this is an orderly end, not a failure.
    ClosedByPeer,
    /// A call that does not fit the instance's state.
    BadState,
    /// Something this plugin cannot do.
    Unsupported,
    /// Anything else: a library's error, no randomness, no memory.
    Internal,
}

impl Error {
    /// An error with a sentence for the operator: what happened, and what to do about it.
    pub fn new(kind: ErrorKind, sentence: impl fmt::Display) -> Self {
        Self {
            kind,
            sentence: sentence.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Error {}

impl ErrorKind {
    pub(crate) fn status(self) -> abi::hc_status {
        match self {
            Self::Option => abi::HC_ERROR_OPTION,
            Self::PeerRejected => abi::HC_ERROR_PEER_REJECTED,
            Self::Authentication => abi::HC_ERROR_AUTHENTICATION,
            Self::ClosedByPeer => abi::HC_ERROR_CLOSED_BY_PEER,
            Self::BadState => abi::HC_ERROR_BAD_STATE,
            Self::Unsupported => abi::HC_ERROR_UNSUPPORTED,
            Self::Internal => abi::HC_ERROR_INTERNAL,
        }
    }
}
