//! One handshake's instance. Its state is its type: a call in the wrong order does not compile, and of a call that
//! fails nothing comes back that could be called.
mod init;
mod judge;
mod raw;

use super::effects::Effects;
use super::fault::{CallName, Failure, FailureKind, Fault};
use super::lent::{Loan, lend};
use super::unwind::guarded;
use handclasp_abi as abi;
use raw::{Raw, Verdict, is_zero};
use std::fmt;
use std::marker::PhantomData;
use std::slice;
use zeroize::Zeroizing;

pub use init::{InitParameters, Started, init};

/// Who starts the handshake: from offer and answer or the application, never from the ICE role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// This side starts.
    Initiator,
    /// The peer starts.
    Responder,
}

impl Role {
    /// The role of the other side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initiator => "initiator",
            Self::Responder => "responder",
        })
    }
}

/// State: made, and waiting for [`set_peer`](Instance::set_peer).
#[derive(Debug)]
pub enum AwaitingPeer {}
/// State: in progress before [`connection_ready`](Instance::connection_ready).
#[derive(Debug)]
pub enum AwaitingReady {}
/// State: in progress after [`connection_ready`](Instance::connection_ready).
#[derive(Debug)]
pub enum Connected {}
/// State: finished; retransmissions and alerts are still its business.
#[derive(Debug)]
pub enum Finished {}

/// State: failed, or it has said its last words; there is nothing left to do but to destroy it.
#[derive(Debug)]
pub enum Spent {}

/// The states in which a handshake is in progress and takes datagrams.
pub trait InProgress {}
impl InProgress for AwaitingReady {}
impl InProgress for Connected {}

/// An instance in the state `S`. Dropping it destroys it, too.
#[derive(Debug)]
pub struct Instance<S> {
    /// One word to move: instances change hands with every call.
    raw: Box<Raw>,
    state: PhantomData<S>,
}

/// How a call on a handshake in progress ended.
pub enum Step<S> {
    /// It goes on.
    Pending(Instance<S>),
    /// It is over, with what was agreed on.
    Finished(Instance<Finished>, Zeroizing<Vec<u8>>),
}

/// Without what was agreed on.
impl<S> fmt::Debug for Step<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending(_) => "Pending",
            Self::Finished(..) => "Finished",
        })
    }
}

/// A call that failed.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub failure: Failure,
    /// What is left: nothing after an `init` that says so itself.
    pub instance: Option<Instance<Spent>>,
}

/// Destroys the instance.
impl From<Failed> for Failure {
    fn from(failed: Failed) -> Self {
        failed.failure
    }
}

impl Instance<AwaitingPeer> {
    /// Tells the instance its role and what the peer's `init` produced.
    ///
    /// # Errors
    /// The plugin's failure, or its breach of the contract.
    pub fn set_peer(
        self,
        role: Role,
        init_data: &[u8],
        now_ns: u64,
        effects: &mut Effects,
    ) -> Result<Step<AwaitingReady>, Failed> {
        let init_data = lend(Loan::InitData, init_data);
        let peer = abi::hc_peer {
            struct_size: size_of::<abi::hc_peer>() as u32,
            role: match role {
                Role::Initiator => abi::HC_ROLE_INITIATOR,
                Role::Responder => abi::HC_ROLE_RESPONDER,
            },
            init_data: init_data.bytes(),
        };
        let peer = lend(Loan::Peer, slice::from_ref(&peer));
        let set_peer = self
            .raw
            .plugin
            .set_peer()
            .expect("only a plugin with hc.peer/1 awaits its peer");
        self.raw
            .call(CallName::SetPeer, now_ns, effects, |instance, call| {
                // SAFETY: `Raw::call` passes its own instance and table; `peer` outlives the call.
                unsafe { set_peer(instance, peer.as_ptr(), call) }
            })
            .map(|(raw, verdict)| step(raw, verdict))
    }
}

impl Instance<AwaitingReady> {
    /// ICE has a selected pair.
    ///
    /// # Errors
    /// The plugin's failure, or its breach of the contract.
    pub fn connection_ready(
        self,
        now_ns: u64,
        effects: &mut Effects,
    ) -> Result<Step<Connected>, Failed> {
        let connection_ready = self.raw.plugin.calls().connection_ready;
        self.raw
            .call(
                CallName::ConnectionReady,
                now_ns,
                effects,
                |instance, call| {
                    // SAFETY: `Raw::call` passes its own instance and table.
                    unsafe { connection_ready(instance, call) }
                },
            )
            .map(|(raw, verdict)| step(raw, verdict))
    }
}

impl<S: InProgress> Instance<S> {
    /// A datagram from a validated address.
    ///
    /// # Errors
    /// The plugin's failure, or its breach of the contract.
    pub fn recv_from_peer(
        self,
        datagram: &[u8],
        now_ns: u64,
        effects: &mut Effects,
    ) -> Result<Step<S>, Failed> {
        self.raw
            .recv(datagram, now_ns, effects)
            .map(|(raw, verdict)| step(raw, verdict))
    }

    /// The deadline is due.
    ///
    /// # Errors
    /// The plugin's failure, or its breach of the contract.
    pub fn on_deadline(self, now_ns: u64, effects: &mut Effects) -> Result<Step<S>, Failed> {
        self.raw
            .deadline(now_ns, effects)
            .map(|(raw, verdict)| step(raw, verdict))
    }

    /// The plugin asked to be woken.
    ///
    /// # Errors
    /// The plugin's failure, or its breach of the contract.
    pub fn on_wake(self, now_ns: u64, effects: &mut Effects) -> Result<Step<S>, Failed> {
        self.raw
            .wake(now_ns, effects)
            .map(|(raw, verdict)| step(raw, verdict))
    }
}

impl Instance<Finished> {
    /// A datagram of the handshake after its finish.
    ///
    /// # Errors
    /// The plugin's failure (an orderly [`FailureKind::ClosedByPeer`] among them), or its breach of the
    /// contract.
    pub fn recv_from_peer(
        self,
        datagram: &[u8],
        now_ns: u64,
        effects: &mut Effects,
    ) -> Result<Self, Failed> {
        self.raw
            .recv(datagram, now_ns, effects)
            .and_then(still_finished(CallName::RecvFromPeer))
    }

    /// The deadline is due.
    ///
    /// # Errors
    /// As for [`recv_from_peer`](Self::recv_from_peer).
    pub fn on_deadline(self, now_ns: u64, effects: &mut Effects) -> Result<Self, Failed> {
        self.raw
            .deadline(now_ns, effects)
            .and_then(still_finished(CallName::OnDeadline))
    }

    /// The plugin asked to be woken.
    ///
    /// # Errors
    /// As for [`recv_from_peer`](Self::recv_from_peer).
    pub fn on_wake(self, now_ns: u64, effects: &mut Effects) -> Result<Self, Failed> {
        self.raw
            .wake(now_ns, effects)
            .and_then(still_finished(CallName::OnWake))
    }

    /// Derives keying material (RFC 5705) into `out`. An absent and an empty context differ.
    ///
    /// # Errors
    /// The plugin's failure: [`FailureKind::Unsupported`] where it exports nothing, or not this. Only after
    /// [`FailureKind::Panic`] and [`FailureKind::Fault`] is the instance not to be called any more.
    pub fn export(
        &mut self,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), Failure> {
        let status = self.raw.export(label, context, out);
        let failure = |kind, fault: Option<Fault>| {
            let detail = fault.map(|fault| fault.to_string());
            Err(self.raw.failure(CallName::Exporter, kind, detail))
        };
        match FailureKind::of(status) {
            None if status != abi::HC_PENDING => {
                failure(FailureKind::Fault, Some(Fault::UnknownStatus(status)))
            }
            None if is_zero(out) => {
                let fault = Fault::NothingExported { len: out.len() };
                failure(FailureKind::Fault, Some(fault))
            }
            None => Ok(()),
            Some(kind) => failure(kind, None),
        }
    }

    /// Nothing but the end is left.
    pub(super) fn spend(self) -> Instance<Spent> {
        Instance::of(self.raw)
    }
}

impl<S> Instance<S> {
    fn of(raw: Box<Raw>) -> Self {
        Self {
            raw,
            state: PhantomData,
        }
    }

    /// Lets the plugin say its last words.
    ///
    /// # Errors
    /// The plugin's failure, which changes nothing: there is nothing left to do but to destroy the instance either way.
    pub fn close(self, now_ns: u64, effects: &mut Effects) -> Result<Instance<Spent>, Failed> {
        effects.begin();
        let Some(close) = self.raw.plugin.close() else {
            return Ok(Instance::of(self.raw));
        };
        self.raw
            .call(CallName::Close, now_ns, effects, |instance, call| {
                // SAFETY: `Raw::call` passes its own instance and table.
                unsafe { close(instance, call) }
            })
            .and_then(|(raw, verdict)| match verdict {
                Verdict::Pending => Ok(Instance::of(raw)),
                Verdict::Finished => Err(raw.fault(CallName::Close, Fault::FinishedHere)),
            })
    }

    /// The end of it.
    pub fn destroy(mut self) {
        self.raw.destroy();
    }

    /// Asks the plugin whether a datagram is the handshake's, where its map of first bytes is not enough.
    pub fn is_handshake(&mut self, datagram: &[u8]) -> bool {
        let Raw {
            plugin, instance, ..
        } = &*self.raw;
        let datagram = lend(Loan::Datagram, datagram);
        plugin.is_handshake().is_none_or(|is_handshake| {
            guarded(plugin.id(), CallName::IsHandshake, || {
                // SAFETY: this instance is called by its owner only; the datagram outlives the call.
                unsafe { is_handshake(*instance, datagram.bytes()) != 0 }
            })
        })
    }
}

#[inline]
fn step<S>(mut raw: Box<Raw>, verdict: Verdict) -> Step<S> {
    match verdict {
        Verdict::Pending => Step::Pending(Instance::of(raw)),
        Verdict::Finished => {
            let data = raw.collector.handshake_data.take().unwrap_or_default();
            Step::Finished(Instance::of(raw), data)
        }
    }
}

fn still_finished(
    name: CallName,
) -> impl FnOnce((Box<Raw>, Verdict)) -> Result<Instance<Finished>, Failed> {
    move |(raw, verdict)| match verdict {
        Verdict::Pending => Ok(Instance::of(raw)),
        Verdict::Finished => Err(raw.fault(name, Fault::FinishedTwice)),
    }
}
