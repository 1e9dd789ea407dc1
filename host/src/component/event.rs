//! What a component tells its stream.
use crate::ice::Pair;
use std::net::SocketAddr;
use zeroize::Zeroizing;

/// What a component tells its stream.
#[derive(Debug)]
pub enum Event {
    /// What `init` produced for the peer.
    InitData(Vec<u8>),
    /// A candidate of ours, to be signalled.
    Candidate {
        /// `candidate:…`.
        line: String,
        /// Its address.
        address: SocketAddr,
    },
    /// ICE selected a pair, the first or another.
    SelectedPair(Pair),
    /// The peer is silent; nothing is sent until it is heard again (RFC 7675).
    Disconnected,
    /// The handshake agreed on this.
    HandshakeData(Zeroizing<Vec<u8>>),
    /// Handshake finished and ICE ready: data flows.
    Ready(Zeroizing<Vec<u8>>),
    /// A datagram for the application that had to wait for a call's outcome.
    Application(Vec<u8>),
    /// Something the operator should read.
    Warning(String),
    /// The end, with its reason as a sentence.
    Failed(String),
    /// The orderly end.
    Closed {
        /// By the peer, or by this side.
        by_peer: bool,
    },
}

/// Where an incoming datagram belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It was ICE's, and proves its source: what follows from there is this component's.
    Validated,
    /// It was ICE's, the handshake's, or nobody's.
    Consumed,
    /// It is the application's; it still stands in the caller's buffer.
    Application,
}

/// Why a datagram of the application could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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
}
