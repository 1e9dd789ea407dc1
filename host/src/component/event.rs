//! What a component tells its stream.
use super::{Cause, Failure};
use crate::hidden::Hidden;
use crate::ice::{Pair, Transport};
use std::fmt;
use std::net::SocketAddr;
use zeroize::Zeroizing;

/// What a component tells its stream.
pub enum Event {
    /// What `init` produced for the peer.
    InitData(Vec<u8>),
    /// A candidate of ours, `candidate:…`, to be signalled.
    Candidate(String),
    /// ICE selected a pair, the first or another.
    SelectedPair(Pair),
    /// A check came with other credentials of the peer's than it is known by here, those of this ufrag.
    PeerNamed(String),
    /// An address at which the peer had proven itself counts no longer: see [`Arrival::Verified`].
    Unverified(Transport, SocketAddr),
    /// The peer is silent; nothing is sent until it is heard again (RFC 7675).
    Disconnected,
    /// The handshake agreed on this.
    HandshakeData(Zeroizing<Vec<u8>>),
    /// Handshake finished and ICE ready: data flows.
    Ready(Zeroizing<Vec<u8>>),
    /// The key with this label, which was asked for.
    ExportedKey(String, Zeroizing<Vec<u8>>),
    /// The key with this label is not exported, for a reason.
    NotExported(String, String),
    /// A datagram for the application that had to wait for a call's outcome, or for its address to be verified.
    Application(Vec<u8>),
    /// A datagram is dropped that [waited](Arrival::Waiting) with this number, or that a relay carried.
    Dropped(Option<u64>, Cause),
    /// Something the operator should read.
    Warning(String),
    /// The end, if it is not in good order.
    Failed(Failure),
    /// The orderly end.
    Closed {
        /// By the peer, or by this side.
        by_peer: bool,
    },
}

/// Without keys and datagrams.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, field): (_, &dyn fmt::Debug) = match self {
            Self::InitData(data) => ("InitData", data),
            Self::Candidate(line) => ("Candidate", line),
            Self::SelectedPair(pair) => ("SelectedPair", pair),
            Self::PeerNamed(ufrag) => ("PeerNamed", ufrag),
            Self::Unverified(_, remote) => ("Unverified", remote),
            Self::Disconnected => return f.write_str("Disconnected"),
            Self::HandshakeData(data) => ("HandshakeData", &Hidden(data.len())),
            Self::Ready(data) => ("Ready", &Hidden(data.len())),
            Self::ExportedKey(label, _) => ("ExportedKey", label),
            Self::NotExported(label, reason) => ("NotExported", &(label, reason)),
            Self::Application(data) => ("Application", &Hidden(data.len())),
            Self::Dropped(number, cause) => ("Dropped", &(number, cause)),
            Self::Warning(warning) => ("Warning", warning),
            Self::Failed(failure) => ("Failed", failure),
            Self::Closed { by_peer } => ("Closed", by_peer),
        };
        f.debug_tuple(name).field(field).finish()
    }
}

/// Where an incoming datagram belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It was ICE's, and the peer wrote it; whether the peer is where it came from is not known.
    Authentic,
    /// It was ICE's and the peer's, from an address that has answered a check: what follows from there is this
    /// component's, until [`Event::Unverified`].
    Verified,
    /// It was ICE's or the handshake's.
    Consumed,
    /// It waits for its turn, or for its source to prove to be the peer's, with this number; if it is dropped in the
    /// end, an event says so.
    Waiting(u64),
    /// It is nobody's.
    Dropped(Cause),
    /// It is the application's, which is told of it after what came before it.
    Told,
    /// It is the application's; it still stands in the caller's buffer.
    Application,
}

/// Why a datagram of the application could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The handshake is not finished, or ICE has no pair yet.
    #[error("the component is not ready: wait for component_state_ready")]
    NotReady,
    /// Consent has expired (RFC 7675).
    #[error(
        "the peer is silent and consent has expired; the component recovers or fails by itself"
    )]
    Disconnected,
    /// The component has failed or is closed.
    #[error("the component has ended")]
    Ended,
    /// It has no bytes.
    #[error("an empty datagram is not sent: send at least one byte")]
    Empty,
    /// Its receiver would take it for ICE's.
    #[error(
        "it is a STUN message, which the peer would take for ICE's (RFC 7983): put a byte above 3 before it"
    )]
    Stun,
    /// Its receiver would take it for the handshake's.
    #[error(
        "it begins with byte {0}, which the peer would take for the handshake's (RFC 7983): put another byte before it"
    )]
    Handshake(u8),
}
