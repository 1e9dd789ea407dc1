//! One side of the demo.
use handclasp::plugin::Role;
use handclasp::stream::{Message, Notification, Refused};
use handclasp::{Application, Replies, StreamHandle};
use std::sync::mpsc::Sender;
use std::time::Instant;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::A, Self::B];

    pub(super) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// A controls ICE and starts the handshake.
    pub(super) fn leads(self) -> bool {
        self == Self::A
    }

    pub(super) fn role(self) -> Role {
        match self {
            Self::A => Role::Initiator,
            Self::B => Role::Responder,
        }
    }
}

/// What a side reports, and when.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) at: Instant,
    pub(super) side: Side,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Notification(Notification),
    Refused(Refused),
    Payload { component_id: u16, payload: Vec<u8> },
}

/// Passes everything on to the session.
pub(super) struct Reporter {
    pub(super) side: Side,
    pub(super) reports: Sender<Report>,
}

impl Reporter {
    fn report(&self, what: What) {
        // Nobody listens any more once the demo has ended.
        let _ = self.reports.send(Report {
            at: Instant::now(),
            side: self.side,
            what,
        });
    }
}

impl Application for Reporter {
    fn notify(&mut self, notification: Notification) {
        self.report(What::Notification(notification));
    }

    fn receive(&mut self, component_id: u16, datagram: &[u8], _replies: &mut Replies<'_>) {
        self.report(What::Payload {
            component_id,
            payload: datagram.to_vec(),
        });
    }

    fn refused(&mut self, _number: Option<u64>, refused: Refused) {
        self.report(What::Refused(refused));
    }
}

/// The signalling of the demo: what one side says that the other must hear.
pub(super) fn signal(from: Side, notification: &Notification, to: &StreamHandle) {
    let message = match notification {
        Notification::LocalCredentials { credentials } => Message::SetRemoteCredentials {
            credentials: credentials.clone(),
        },
        Notification::NewCandidateFull {
            component_id,
            candidate,
        } => Message::SetRemoteCandidate {
            candidate: candidate.clone(),
            component_id: *component_id,
        },
        Notification::CandidateGatheringDone => Message::PeerCandidateGatheringDone,
        Notification::HandshakeInitData {
            component_id,
            init_data,
        } => Message::SetPeerInitData {
            component_id: *component_id,
            role: from.other().role(),
            init_data: init_data.clone(),
        },
        _ => return,
    };
    to.send(message);
}
