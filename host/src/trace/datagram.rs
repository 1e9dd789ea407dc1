use super::Stun;
use super::contents::base64;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// A datagram that left or arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Datagram {
    /// The component it is for or from.
    pub component_id: u16,
    /// Which way it went.
    pub direction: Direction,
    /// The address of the stream's own socket.
    pub local: SocketAddr,
    /// The other end's.
    pub remote: SocketAddr,
    /// Set if it went over a connection: to a relay as a piece of a stream of bytes, to the peer in a frame
    /// (RFC 4571) that is not told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// How long it is, without the headers of UDP and IP.
    pub bytes: u16,
    /// What kind it is.
    pub kind: Kind,
    /// What a relay carries on, or has carried here, in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relays: Option<Kind>,
    /// Set if it did not go the way of all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
    /// Why it was dropped, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Set if it waits for its turn: its number, by which an event tells of its end if it is dropped after all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<u64>,
    /// What a STUN message is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stun: Option<Stun>,
    /// A STUN message or DTLS records; never anything else.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "base64")]
    pub contents: Option<Vec<u8>>,
}

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the network.
    Out,
    /// From the network.
    In,
}

/// What carries it, if not UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names are the standards'
pub enum Transport {
    Tcp,
    Tls,
}

/// What a datagram is (RFC 7983).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A STUN message: first byte, magic cookie and length say so.
    Stun,
    /// By its first byte, 20 to 63.
    Dtls,
    /// By its first byte, 64 to 79.
    TurnChannel,
    /// RTP or RTCP, by its first byte, 128 to 191.
    Rtp,
    /// None of these.
    Other,
}

/// What becomes of a datagram that does not go the usual way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Dropped on purpose, where loss was asked for: it did not leave.
    Lost,
    /// It came from an address, or with credentials, that are not the peer's: it was dropped.
    Stray,
    /// It was the peer's, and the component dropped it.
    Dropped,
}
