//! What is seen of a stream.
use handclasp::ice::Pair;
use handclasp::stream::Notification;
use std::fmt;

/// What was seen of a stream. Reads as a short line.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It told the application something.
    Said(Notification),
    /// It sent a datagram that was not ICE's.
    Sent(u16, Pair, Vec<u8>),
    /// The application got a datagram.
    Received(u16, Vec<u8>),
    /// It refused what its peer's signalling or the test said.
    Refused(String),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Notification as N;
        let text = String::from_utf8_lossy;
        match self {
            Self::Sent(id, _, packet) => write!(f, "sent {id} {}", text(packet)),
            Self::Received(id, datagram) => write!(f, "received {id} {}", text(datagram)),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Said(said) => match said {
                N::HandshakeInitData {
                    component_id: id,
                    init_data,
                    ..
                } => write!(f, "init_data {id} {}", text(init_data)),
                N::LocalCredentials { .. } => write!(f, "credentials"),
                N::NewCandidateFull { component_id, .. } => write!(f, "candidate {component_id}"),
                N::CandidateGatheringDone => write!(f, "gathered"),
                N::NewRemoteCandidateFull { component_id, .. } => {
                    write!(f, "remote_candidate {component_id}")
                }
                N::NewSelectedPair { component_id, .. } => write!(f, "selected {component_id}"),
                N::HandshakeData {
                    component_id: id,
                    data,
                } => write!(f, "handshake_data {id} {}", text(data)),
                N::ComponentStateReady {
                    component_id: id,
                    data,
                } => write!(f, "ready {id} {}", text(data)),
                N::ExportedKey {
                    component_id: id,
                    label,
                    key,
                } => write!(f, "exported {id} {label} {}", key.len()),
                N::CouldNotExportKey {
                    component_id: id,
                    label,
                    reason,
                } => write!(f, "not_exported {id} {label}: {reason}"),
                N::ComponentStateDisconnected { component_id } => {
                    write!(f, "disconnected {component_id}")
                }
                N::ComponentStateFailed {
                    component_id: id,
                    reason,
                } => write!(f, "failed {id} {reason}"),
                N::ComponentClosed {
                    component_id: id,
                    by_peer,
                } => write!(f, "closed {id} {}", if *by_peer { "by peer" } else { "" }),
                N::CouldNotSendPayload {
                    component_id: id,
                    reason,
                } => write!(f, "could_not_send {id} {reason}"),
                N::LocalSdp { .. } => write!(f, "sdp"),
                N::Warning { warning } => write!(f, "warning {warning}"),
                N::Stopped => write!(f, "stopped"),
                other => write!(f, "{other:?}"),
            },
        }
    }
}
