//! An instance in whichever state it is, and what each call makes of it.
use crate::plugin::effects::Effects;
use crate::plugin::fault::{CallName, Failure, FailureKind};
use crate::plugin::instance::{
    AwaitingPeer, AwaitingReady, Connected, Failed, Finished, Instance, Role, Spent, Started, Step,
};
use crate::plugin::open::Plugin;
use crate::plugin::request::{Call, ExportParameters, Outcome};
use zeroize::Zeroizing;

/// An instance in whichever state it is.
#[derive(Debug)]
pub(super) enum Live {
    AwaitingPeer(Instance<AwaitingPeer>),
    AwaitingReady(Instance<AwaitingReady>),
    Connected(Instance<Connected>),
    Finished(Instance<Finished>),
    Spent(Instance<Spent>),
}

/// What is left of an instance after a call, and how the handshake stands.
pub(super) struct Answer {
    pub(super) left: Option<Live>,
    pub(super) outcome: Outcome,
}

impl Live {
    /// Makes a call; one that does not fit its state is not made, and fails.
    pub(super) fn run(
        self,
        plugin: &Plugin,
        call: Call,
        now_ns: u64,
        effects: &mut Effects,
    ) -> Answer {
        let name = call.name();
        let answered = match call {
            Call::Init(_) => Err(self),
            Call::SetPeer(role, data) => self.set_peer(role, &data, now_ns, effects),
            Call::ConnectionReady => self.connection_ready(now_ns, effects),
            Call::RecvFromPeer(datagram) => {
                self.recv_from_peer(plugin.inspects(), datagram, now_ns, effects)
            }
            Call::OnDeadline => self.on_deadline(now_ns, effects),
            Call::OnWake => self.on_wake(now_ns, effects),
            Call::Export(parameters) => self.export(&parameters),
            Call::Close => self.close(now_ns, effects),
            Call::Destroy => Ok(self.destroy()),
        };
        answered.unwrap_or_else(|live| Answer::misplaced(plugin, Some(live), name))
    }

    fn set_peer(
        self,
        role: Role,
        data: &[u8],
        now_ns: u64,
        effects: &mut Effects,
    ) -> Result<Answer, Self> {
        match self {
            Self::AwaitingPeer(instance) => {
                Ok(instance.set_peer(role, data, now_ns, effects).into())
            }
            other => Err(other),
        }
    }

    fn connection_ready(self, now_ns: u64, effects: &mut Effects) -> Result<Answer, Self> {
        match self {
            Self::AwaitingReady(instance) => Ok(instance.connection_ready(now_ns, effects).into()),
            other => Err(other),
        }
    }

    fn recv_from_peer(
        mut self,
        inspects: bool,
        datagram: Vec<u8>,
        now_ns: u64,
        effects: &mut Effects,
    ) -> Result<Answer, Self> {
        if inspects && !self.is_handshake(&datagram) {
            return Ok(Answer {
                left: Some(self),
                outcome: Outcome::NotHandshake(datagram),
            });
        }
        Ok(match self {
            Self::AwaitingReady(it) => it.recv_from_peer(&datagram, now_ns, effects).into(),
            Self::Connected(it) => it.recv_from_peer(&datagram, now_ns, effects).into(),
            Self::Finished(it) => it.recv_from_peer(&datagram, now_ns, effects).into(),
            Self::AwaitingPeer(_) | Self::Spent(_) => return Err(self),
        })
    }

    fn on_deadline(self, now_ns: u64, effects: &mut Effects) -> Result<Answer, Self> {
        Ok(match self {
            Self::AwaitingReady(instance) => instance.on_deadline(now_ns, effects).into(),
            Self::Connected(instance) => instance.on_deadline(now_ns, effects).into(),
            Self::Finished(instance) => instance.on_deadline(now_ns, effects).into(),
            Self::AwaitingPeer(_) | Self::Spent(_) => return Err(self),
        })
    }

    fn on_wake(self, now_ns: u64, effects: &mut Effects) -> Result<Answer, Self> {
        Ok(match self {
            Self::AwaitingReady(instance) => instance.on_wake(now_ns, effects).into(),
            Self::Connected(instance) => instance.on_wake(now_ns, effects).into(),
            Self::Finished(instance) => instance.on_wake(now_ns, effects).into(),
            Self::AwaitingPeer(_) | Self::Spent(_) => return Err(self),
        })
    }

    fn close(self, now_ns: u64, effects: &mut Effects) -> Result<Answer, Self> {
        let closed = match self {
            Self::AwaitingPeer(instance) => instance.close(now_ns, effects),
            Self::AwaitingReady(instance) => instance.close(now_ns, effects),
            Self::Connected(instance) => instance.close(now_ns, effects),
            Self::Finished(instance) => instance.close(now_ns, effects),
            Self::Spent(_) => return Err(self),
        };
        Ok(closed.map_or_else(Answer::from, |instance| Answer {
            left: Some(Self::Spent(instance)),
            outcome: Outcome::Closed,
        }))
    }

    fn destroy(self) -> Answer {
        match self {
            Self::AwaitingPeer(instance) => instance.destroy(),
            Self::AwaitingReady(instance) => instance.destroy(),
            Self::Connected(instance) => instance.destroy(),
            Self::Finished(instance) => instance.destroy(),
            Self::Spent(instance) => instance.destroy(),
        }
        Answer {
            left: None,
            outcome: Outcome::Gone,
        }
    }

    fn export(self, parameters: &ExportParameters) -> Result<Answer, Self> {
        let Self::Finished(mut instance) = self else {
            return Err(self);
        };
        let ExportParameters {
            label,
            context,
            length,
        } = parameters;
        let mut key = Zeroizing::new(vec![0; *length]);
        let exported = instance.export(label.as_bytes(), context.as_deref(), &mut key);
        Ok(match exported {
            Ok(()) => Answer {
                left: Some(Self::Finished(instance)),
                outcome: Outcome::Exported(key),
            },
            Err(failure) if failure.is_final() => Answer {
                left: Some(Self::Spent(instance.spend())),
                outcome: Outcome::Failed(failure),
            },
            Err(failure) => Answer {
                left: Some(Self::Finished(instance)),
                outcome: Outcome::NotExported(why_not_exported(&failure)),
            },
        })
    }

    fn is_handshake(&mut self, datagram: &[u8]) -> bool {
        match self {
            Self::AwaitingReady(instance) => instance.is_handshake(datagram),
            Self::Connected(instance) => instance.is_handshake(datagram),
            Self::Finished(instance) => instance.is_handshake(datagram),
            // Not asked: what is received in such a state is refused.
            Self::AwaitingPeer(_) | Self::Spent(_) => true,
        }
    }
}

/// A failure that leaves the instance as it was: the exporter has no words of its own.
fn why_not_exported(failure: &Failure) -> String {
    let id = &failure.plugin;
    match failure.kind {
        FailureKind::Unsupported => {
            format!(
                "plugin {id} does not export this: see which labels, contexts and lengths it serves"
            )
        }
        kind => format!("plugin {id} does not export this: {}", kind.words()),
    }
}

/// The host's fault, not the plugin's: the call is not made.
pub(super) fn misplaced(plugin: &Plugin, call: CallName) -> Failure {
    Failure {
        plugin: plugin.id().to_owned(),
        call,
        kind: FailureKind::BadState,
        detail: Some("this host called it out of order: please report this".to_owned()),
    }
}

impl Answer {
    pub(super) fn misplaced(plugin: &Plugin, left: Option<Live>, call: CallName) -> Self {
        Self {
            left,
            outcome: Outcome::Failed(misplaced(plugin, call)),
        }
    }

    fn pending(live: Live) -> Self {
        Self {
            left: Some(live),
            outcome: Outcome::Pending,
        }
    }

    fn finished(instance: Instance<Finished>, data: Zeroizing<Vec<u8>>) -> Self {
        Self {
            left: Some(Live::Finished(instance)),
            outcome: Outcome::Finished(data),
        }
    }
}

impl From<Failed> for Answer {
    fn from(failed: Failed) -> Self {
        Self {
            left: failed.instance.map(Live::Spent),
            outcome: Outcome::Failed(failed.failure),
        }
    }
}

impl From<Result<Started, Failed>> for Answer {
    fn from(made: Result<Started, Failed>) -> Self {
        match made {
            Ok(Started::Finished(instance)) => Self {
                left: instance.map(Live::Spent),
                outcome: Outcome::Finished(Zeroizing::default()),
            },
            Ok(Started::AwaitingPeer(instance)) => Self::pending(Live::AwaitingPeer(instance)),
            Ok(Started::AwaitingReady(instance)) => Self::pending(Live::AwaitingReady(instance)),
            Err(failed) => failed.into(),
        }
    }
}

impl From<Result<Step<AwaitingReady>, Failed>> for Answer {
    fn from(step: Result<Step<AwaitingReady>, Failed>) -> Self {
        match step {
            Ok(Step::Pending(instance)) => Self::pending(Live::AwaitingReady(instance)),
            Ok(Step::Finished(instance, data)) => Self::finished(instance, data),
            Err(failed) => failed.into(),
        }
    }
}

impl From<Result<Step<Connected>, Failed>> for Answer {
    fn from(step: Result<Step<Connected>, Failed>) -> Self {
        match step {
            Ok(Step::Pending(instance)) => Self::pending(Live::Connected(instance)),
            Ok(Step::Finished(instance, data)) => Self::finished(instance, data),
            Err(failed) => failed.into(),
        }
    }
}

impl From<Result<Instance<Finished>, Failed>> for Answer {
    fn from(after: Result<Instance<Finished>, Failed>) -> Self {
        match after {
            Ok(instance) => Self::pending(Live::Finished(instance)),
            Err(failed) => failed.into(),
        }
    }
}
