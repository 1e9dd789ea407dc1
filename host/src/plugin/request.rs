//! A call as a message: what the component asks, and what comes back, now or later. All of it is plain data, and the
//! instance is a number: it lives with whoever carries requests out, in this process
//! ([`InProcess`](super::InProcess)) or elsewhere.
//!
//! Of one instance no call is requested before the last one's [`Completion`] is there. `init` comes first, and
//! `destroy` last, once for each instance that was there after the call before it.
use super::effects::Effects;
use super::fault::{CallName, Failure};
use super::instance::{InitParameters, Role};
use crate::hidden::Hidden;
use std::fmt;
use std::time::Instant;
use zeroize::Zeroizing;

/// `now` on the plugins' clock: nanoseconds since `epoch`, in the host's life.
pub(crate) fn nanos_since(epoch: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(epoch).as_nanos()).unwrap_or(u64::MAX)
}

/// A call to be made.
#[derive(Debug)]
pub struct Request {
    /// The instance to be called.
    pub instance_id: u64,
    /// The call to be made.
    pub call: Call,
}

/// The calls a component makes.
pub enum Call {
    /// Make the instance; the only call that may take long.
    Init(InitParameters),
    /// Tell it its role and its peer's init data; the first call of a plugin with `hc.peer/1`.
    SetPeer(Role, Vec<u8>),
    /// ICE has a selected pair; once, unless the handshake has finished.
    ConnectionReady,
    /// A datagram that its map of first bytes allows, for a handshake in progress or a finished one. A plugin that
    /// inspects datagrams is asked first whether it is the handshake's.
    RecvFromPeer(Vec<u8>),
    /// The deadline is due.
    OnDeadline,
    /// The plugin asked to be woken.
    OnWake,
    /// Derive keying material of a finished handshake (RFC 5705).
    Export(ExportParameters),
    /// Say the last words: nothing but `destroy` follows.
    Close,
    /// The end of the instance.
    Destroy,
}

/// Without what stands in datagrams.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init(parameters) => f.debug_tuple("Init").field(parameters).finish(),
            Self::SetPeer(role, data) => f.debug_tuple("SetPeer").field(role).field(data).finish(),
            Self::Export(parameters) => f.debug_tuple("Export").field(parameters).finish(),
            Self::RecvFromPeer(datagram) => {
                write!(f, "RecvFromPeer({:?})", Hidden(datagram.len()))
            }
            other => f.write_str(other.name().as_str()),
        }
    }
}

impl Call {
    /// Which call of the contract it is.
    pub fn name(&self) -> CallName {
        match self {
            Self::Init(..) => CallName::Init,
            Self::SetPeer(..) => CallName::SetPeer,
            Self::ConnectionReady => CallName::ConnectionReady,
            Self::RecvFromPeer(..) => CallName::RecvFromPeer,
            Self::OnDeadline => CallName::OnDeadline,
            Self::OnWake => CallName::OnWake,
            Self::Export(..) => CallName::Exporter,
            Self::Close => CallName::Close,
            Self::Destroy => CallName::Destroy,
        }
    }
}

/// Which keying material is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct ExportParameters {
    /// Of RFC 5705: what the key is for.
    pub label: String,
    /// What else the key depends on. An absent and an empty one differ.
    pub context: Option<Vec<u8>>,
    /// How many bytes, at least one.
    pub length: usize,
}

/// Without the context, which may be anything of the application's.
impl fmt::Debug for ExportParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let context = self.context.as_ref().map(|context| Hidden(context.len()));
        f.debug_struct("ExportParameters")
            .field("label", &self.label)
            .field("context", &context)
            .field("length", &self.length)
            .finish()
    }
}

/// What came of a [`Request`].
#[derive(Debug)]
pub struct Completion {
    /// The instance that was called.
    pub instance_id: u64,
    /// Whether there is one still: it is destroyed in the end, also if it has failed.
    pub has_instance: bool,
    /// How the handshake stands.
    pub outcome: Outcome,
    /// What else came of it.
    pub effects: Effects,
}

/// How a handshake stands after a call.
pub enum Outcome {
    /// It goes on as before, finished or not.
    Pending,
    /// It finished in this call, with what was agreed on.
    Finished(Zeroizing<Vec<u8>>),
    /// The plugin says that this datagram is not the handshake's, and has not received it.
    NotHandshake(Vec<u8>),
    /// The keying material that was asked for.
    Exported(Zeroizing<Vec<u8>>),
    /// The plugin does not export that, for a reason; nothing else has changed.
    NotExported(String),
    /// It failed; a failed [`Call::Close`] is a warning.
    Failed(Failure),
    /// The instance said its last words.
    Closed,
    /// There is no instance: it was destroyed, or nobody waits any more for the one that was to be made.
    Gone,
}

/// Without keys and datagrams.
impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("Pending"),
            Self::Finished(data) => write!(f, "Finished({:?})", Hidden(data.len())),
            Self::NotHandshake(datagram) => {
                write!(f, "NotHandshake({:?})", Hidden(datagram.len()))
            }
            Self::Exported(key) => write!(f, "Exported({:?})", Hidden(key.len())),
            Self::NotExported(reason) => f.debug_tuple("NotExported").field(reason).finish(),
            Self::Failed(failure) => f.debug_tuple("Failed").field(failure).finish(),
            Self::Closed => f.write_str("Closed"),
            Self::Gone => f.write_str("Gone"),
        }
    }
}

impl Request {
    /// Its answer where there is no instance (any more).
    pub fn gone(self) -> Completion {
        Completion {
            instance_id: self.instance_id,
            has_instance: false,
            outcome: Outcome::Gone,
            effects: Effects::default(),
        }
    }
}
