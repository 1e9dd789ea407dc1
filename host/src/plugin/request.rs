//! A call as a message: what the component asks, and what comes back, now or later.
//!
//! A [`Request`] owns the instance it calls, so nothing else can call it meanwhile; the [`Completion`] brings
//! it back. Whoever carries requests out is free to do it at once ([`Request::run`] on the spot), on another
//! thread, or elsewhere.
use super::emitted::Emitted;
use super::fault::{CallName, Failure};
use super::instance::{
    AwaitingPeer, AwaitingReady, Connected, Finished, InitParameters, Instance, Role, Started,
    Step, init,
};
use super::open::Plugin;
use crate::hidden::Hidden;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;
use zeroize::Zeroizing;

/// `now` on the plugins' clock: nanoseconds since `epoch`, in the host's life.
pub(crate) fn nanos_since(epoch: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(epoch).as_nanos()).unwrap_or(u64::MAX)
}

/// A call to be made.
#[derive(Debug)]
pub struct Request {
    instance_id: u64,
    call: Call,
    emitted: Emitted,
}

/// The calls a component makes, each with the instance in a state that allows it.
#[derive(Debug)]
pub enum Call {
    /// Make an instance; the only call that may take long.
    Init(Arc<Plugin>, InitParameters),
    /// Tell it its role and its peer's init data.
    SetPeer(Instance<AwaitingPeer>, Role, Vec<u8>),
    /// ICE has a selected pair.
    ConnectionReady(Instance<AwaitingReady>),
    /// A datagram for a handshake in progress, or for a finished one.
    RecvFromPeer(Live, Vec<u8>),
    /// The deadline is due.
    OnDeadline(Live),
    /// The plugin asked to be woken.
    OnWake(Live),
    /// Say the last words; the instance does not come back.
    Close(Live),
}

/// An instance in whichever state it is.
#[derive(Debug)]
#[allow(missing_docs)] // the states are documented where they are defined
pub enum Live {
    AwaitingPeer(Instance<AwaitingPeer>),
    AwaitingReady(Instance<AwaitingReady>),
    Connected(Instance<Connected>),
    Finished(Instance<Finished>),
}

/// What came of a [`Request`].
#[derive(Debug)]
pub struct Completion {
    /// The instance that was called.
    pub instance_id: u64,
    /// How the handshake stands.
    pub outcome: Outcome,
    /// What the plugin emitted.
    pub emitted: Emitted,
}

/// How a handshake stands after a call.
pub enum Outcome {
    /// The instance lives on, finished or not.
    Live(Live),
    /// The handshake finished in this call, with what was agreed on; without an instance if it did in `init`.
    Finished(Option<Live>, Zeroizing<Vec<u8>>),
    /// The instance is gone; a failed [`Call::Close`] is a warning.
    Failed(Failure),
    /// The instance said its last words and is gone.
    Closed,
}

/// Without what was agreed on.
impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(_) => f.write_str("Live"),
            Self::Finished(_, data) => write!(f, "Finished({:?})", Hidden(data.len())),
            Self::Failed(failure) => f.debug_tuple("Failed").field(failure).finish(),
            Self::Closed => f.write_str("Closed"),
        }
    }
}

impl Request {
    /// `emitted` is what an earlier completion brought: its memory is used again.
    pub fn new(instance_id: u64, call: Call, emitted: Emitted) -> Self {
        Self {
            instance_id,
            call,
            emitted,
        }
    }

    /// The instance to be called.
    pub fn instance_id(&self) -> u64 {
        self.instance_id
    }

    /// The call to be made.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The plugin that is called, if the call may take long and must not run on an event loop.
    pub fn may_take_long(&self) -> Option<&Arc<Plugin>> {
        match &self.call {
            Call::Init(plugin, _) => Some(plugin),
            _ => None,
        }
    }

    /// Makes the call, in this process and thread.
    pub fn run(self, now_ns: u64) -> Completion {
        let Self {
            instance_id,
            call,
            mut emitted,
        } = self;
        let outcome = call
            .run(now_ns, &mut emitted)
            .unwrap_or_else(Outcome::Failed);
        Completion {
            instance_id,
            outcome,
            emitted,
        }
    }
}

impl Call {
    /// Which call of the contract it is.
    pub fn name(&self) -> CallName {
        match self {
            Self::Init(..) => CallName::Init,
            Self::SetPeer(..) => CallName::SetPeer,
            Self::ConnectionReady(_) => CallName::ConnectionReady,
            Self::RecvFromPeer(..) => CallName::RecvFromPeer,
            Self::OnDeadline(_) => CallName::OnDeadline,
            Self::OnWake(_) => CallName::OnWake,
            Self::Close(_) => CallName::Close,
        }
    }

    fn run(self, now: u64, emitted: &mut Emitted) -> Result<Outcome, Failure> {
        match self {
            Self::Init(plugin, parameters) => {
                init(&plugin, &parameters, now, emitted).map(|started| match started {
                    Started::Finished => Outcome::Finished(None, Zeroizing::default()),
                    Started::AwaitingPeer(instance) => Outcome::Live(Live::AwaitingPeer(instance)),
                    Started::AwaitingReady(instance) => {
                        Outcome::Live(Live::AwaitingReady(instance))
                    }
                })
            }
            Self::SetPeer(instance, role, data) => instance
                .set_peer(role, &data, now, emitted)
                .map(Outcome::from),
            Self::ConnectionReady(instance) => {
                instance.connection_ready(now, emitted).map(Outcome::from)
            }
            Self::RecvFromPeer(live, datagram) => live.recv_from_peer(&datagram, now, emitted),
            Self::OnDeadline(live) => live.on_deadline(now, emitted),
            Self::OnWake(live) => live.on_wake(now, emitted),
            Self::Close(live) => live.close(now, emitted),
        }
    }
}

impl Live {
    /// Whether the handshake has finished.
    pub fn is_finished(&self) -> bool {
        matches!(self, Self::Finished(_))
    }

    /// Asks whether a datagram is the handshake's, where the map of first bytes is not enough.
    pub fn is_handshake(&mut self, datagram: &[u8]) -> bool {
        match self {
            Self::AwaitingPeer(instance) => instance.is_handshake(datagram),
            Self::AwaitingReady(instance) => instance.is_handshake(datagram),
            Self::Connected(instance) => instance.is_handshake(datagram),
            Self::Finished(instance) => instance.is_handshake(datagram),
        }
    }

    fn recv_from_peer(
        self,
        datagram: &[u8],
        now: u64,
        emitted: &mut Emitted,
    ) -> Result<Outcome, Failure> {
        Ok(match self {
            Self::AwaitingPeer(_) => Outcome::Live(self),
            Self::AwaitingReady(instance) => {
                instance.recv_from_peer(datagram, now, emitted)?.into()
            }
            Self::Connected(instance) => instance.recv_from_peer(datagram, now, emitted)?.into(),
            Self::Finished(instance) => instance.recv_from_peer(datagram, now, emitted)?.into(),
        })
    }

    fn on_deadline(self, now: u64, emitted: &mut Emitted) -> Result<Outcome, Failure> {
        Ok(match self {
            Self::AwaitingPeer(_) => Outcome::Live(self),
            Self::AwaitingReady(instance) => instance.on_deadline(now, emitted)?.into(),
            Self::Connected(instance) => instance.on_deadline(now, emitted)?.into(),
            Self::Finished(instance) => instance.on_deadline(now, emitted)?.into(),
        })
    }

    fn on_wake(self, now: u64, emitted: &mut Emitted) -> Result<Outcome, Failure> {
        Ok(match self {
            Self::AwaitingPeer(_) => Outcome::Live(self),
            Self::AwaitingReady(instance) => instance.on_wake(now, emitted)?.into(),
            Self::Connected(instance) => instance.on_wake(now, emitted)?.into(),
            Self::Finished(instance) => instance.on_wake(now, emitted)?.into(),
        })
    }

    fn close(self, now: u64, emitted: &mut Emitted) -> Result<Outcome, Failure> {
        match self {
            Self::AwaitingPeer(instance) => instance.close(now, emitted),
            Self::AwaitingReady(instance) => instance.close(now, emitted),
            Self::Connected(instance) => instance.close(now, emitted),
            Self::Finished(instance) => instance.close(now, emitted),
        }
        .map(|()| Outcome::Closed)
    }
}

impl From<Step<AwaitingReady>> for Outcome {
    fn from(step: Step<AwaitingReady>) -> Self {
        match step {
            Step::Pending(instance) => Self::Live(Live::AwaitingReady(instance)),
            Step::Finished(instance, data) => Self::Finished(Some(Live::Finished(instance)), data),
        }
    }
}

impl From<Step<Connected>> for Outcome {
    fn from(step: Step<Connected>) -> Self {
        match step {
            Step::Pending(instance) => Self::Live(Live::Connected(instance)),
            Step::Finished(instance, data) => Self::Finished(Some(Live::Finished(instance)), data),
        }
    }
}

impl From<Instance<Finished>> for Outcome {
    fn from(instance: Instance<Finished>) -> Self {
        Self::Live(Live::Finished(instance))
    }
}
