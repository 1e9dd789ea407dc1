//! What a plugin can do wrong, and what can go wrong in it.
use handclasp_abi as abi;
use std::fmt;

/// A breach of the contract. The fault of the plugin, whatever the network did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's sentence says what it is
pub enum Fault {
    #[error("answered {0}, which is no status of the contract")]
    UnknownStatus(abi::hc_status),
    #[error("finished a second time")]
    FinishedTwice,
    #[error("answered FINISHED, which this call does not allow")]
    FinishedHere,
    #[error("emitted {what} in a call that does not allow it")]
    WrongCall { what: &'static str },
    #[error("emitted {what} twice in one call")]
    EmittedTwice { what: &'static str },
    #[error("emitted more {what} than 64 KiB")]
    TooMuchData { what: &'static str },
    #[error("emitted a packet of {len} bytes, more than its MTU of {mtu}")]
    Oversized { len: usize, mtu: usize },
    #[error(
        "emitted more than {} packets or {} bytes of them in one call",
        abi::HC_MAX_PACKETS,
        abi::HC_MAX_PACKET_BYTES
    )]
    TooManyPackets,
    #[error("emitted {len} bytes at a null pointer")]
    NullWithLength { len: usize },
    #[error("answered PENDING and left all of the {len} bytes that it was to fill zero")]
    NothingExported { len: usize },
    #[error("answered PENDING without making an instance")]
    NoInstance,
}

/// Why a call into a plugin failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// An option's value cannot be used.
    Option,
    /// The peer refused, or what it said cannot be used.
    PeerRejected,
    /// The peer is not who it should be.
    Authentication,
    /// The peer closed: after the finish an orderly end.
    ClosedByPeer,
    /// A call that did not fit the instance's state.
    BadState,
    /// Something the plugin cannot do.
    Unsupported,
    /// A library's error, no randomness, no memory.
    Internal,
    /// The plugin's code panicked or threw.
    Panic,
    /// The plugin broke the contract.
    Fault,
}

impl FailureKind {
    pub(super) fn of(status: abi::hc_status) -> Option<Self> {
        Some(match status {
            abi::HC_ERROR_OPTION => Self::Option,
            abi::HC_ERROR_PEER_REJECTED => Self::PeerRejected,
            abi::HC_ERROR_AUTHENTICATION => Self::Authentication,
            abi::HC_ERROR_CLOSED_BY_PEER => Self::ClosedByPeer,
            abi::HC_ERROR_BAD_STATE => Self::BadState,
            abi::HC_ERROR_UNSUPPORTED => Self::Unsupported,
            abi::HC_ERROR_INTERNAL => Self::Internal,
            abi::HC_ERROR_PANIC => Self::Panic,
            _ => return None,
        })
    }

    /// Continues a sentence.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Option => "an option's value cannot be used",
            Self::PeerRejected => "the peer was rejected",
            Self::Authentication => "the peer could not be authenticated",
            Self::ClosedByPeer => "the peer closed",
            Self::BadState => "it was called in a state it does not know",
            Self::Unsupported => "it cannot do what was asked",
            Self::Internal => "an internal error",
            Self::Panic => "it panicked",
            Self::Fault => "it broke the contract",
        }
    }
}

/// The calls into a plugin, by the names of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are the contract's
pub enum CallName {
    Load,
    Unload,
    Init,
    SetPeer,
    ConnectionReady,
    RecvFromPeer,
    OnDeadline,
    OnWake,
    Close,
    IsHandshake,
    Exporter,
    Destroy,
}

impl CallName {
    /// Each of them.
    pub const ALL: [Self; 12] = [
        Self::Load,
        Self::Unload,
        Self::Init,
        Self::SetPeer,
        Self::ConnectionReady,
        Self::RecvFromPeer,
        Self::OnDeadline,
        Self::OnWake,
        Self::Close,
        Self::IsHandshake,
        Self::Exporter,
        Self::Destroy,
    ];

    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Unload => "unload",
            Self::Init => "init",
            Self::SetPeer => "set_peer",
            Self::ConnectionReady => "connection_ready",
            Self::RecvFromPeer => "recv_from_peer",
            Self::OnDeadline => "on_deadline",
            Self::OnWake => "on_wake",
            Self::Close => "close",
            Self::IsHandshake => "is_handshake",
            Self::Exporter => "exporter",
            Self::Destroy => "destroy",
        }
    }
}

/// The end of an instance that did not come from the application, as a sentence that names plugin and call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The plugin's id.
    pub plugin: String,
    /// The call that failed.
    pub call: CallName,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// The plugin's own words, or what it did wrong.
    pub detail: Option<String>,
}

impl Failure {
    /// Whether an exporter's failure is the end of its instance: all others leave it as it was.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.kind, FailureKind::Panic | FailureKind::Fault)
    }
}

pub(super) const TELL_THE_AUTHOR: &str = "report this to the plugin's author";

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plugin,
            call,
            kind,
            detail,
        } = self;
        write!(f, "plugin {plugin}: {}", call.as_str())?;
        let consequence = match call {
            CallName::Init => "the stream cannot start",
            _ => "the instance was destroyed",
        };
        match (kind, detail) {
            (FailureKind::Fault, Some(detail)) => {
                write!(f, " {detail}; {consequence}, {TELL_THE_AUTHOR}")
            }
            (FailureKind::Panic, Some(detail)) => {
                write!(f, ": {detail}; {consequence}, {TELL_THE_AUTHOR}")
            }
            (_, Some(detail)) => write!(f, ": {detail}"),
            (_, None) => write!(
                f,
                " failed: {}, and it gave no reason; {TELL_THE_AUTHOR}",
                kind.words()
            ),
        }
    }
}

impl std::error::Error for Failure {}
