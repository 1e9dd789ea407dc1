//! ICE-TCP (RFC 6544): which ends of connections a side is, and how the core is told of them.
//!
//! An active candidate pairs with a passive one and with nothing else (RFC 6544 §6.2). The core
//! pairs candidates of one protocol, so those of a connection that this side makes are `Tcp` to
//! it, and those of a connection that the peer makes are `SslTcp`, which nothing else uses here.
//! A pair of ours that is active has the candidate's port, 9, at this end: whoever holds the
//! connection knows the port that it really has.
//!
//! What comes of an active candidate is a peer-reflexive one at both ends, with the priority that
//! the checks tell (RFC 8445 §7.2.5.3.2). The core ranks a pair by the candidate it was made with:
//! that has this priority from the start, or the two sides could prefer different pairs.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use is::{Candidate, CandidateKind, Protocol, default_local_preference};

use super::{Pair, Transport};

/// In an active candidate, the place of a port that is not known yet (RFC 6544 §4.5).
pub(crate) const ACTIVE_PORT: u16 = 9;

/// To the core, the protocol of a connection that this side makes.
pub(super) const ACTIVE: Protocol = Protocol::Tcp;
/// To the core, the protocol of a connection that the peer makes.
pub(super) const PASSIVE: Protocol = Protocol::SslTcp;

/// What a side does of ICE-TCP (RFC 6544); host candidates only, and no simultaneous open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tcp {
    /// Nothing.
    #[default]
    Off,
    /// It connects to its peer.
    Active,
    /// It listens for its peer.
    Passive,
    /// Both.
    Both,
}

impl Tcp {
    /// All of them, as they are written.
    const NAMES: [(&'static str, Self); 4] = [
        ("off", Self::Off),
        ("active", Self::Active),
        ("passive", Self::Passive),
        ("both", Self::Both),
    ];

    /// Whether it connects to its peer.
    pub fn connects(self) -> bool {
        matches!(self, Self::Active | Self::Both)
    }

    /// Whether it listens for its peer.
    pub fn listens(self) -> bool {
        matches!(self, Self::Passive | Self::Both)
    }

    /// What a peer must do for the two to meet.
    pub fn counterpart(self) -> Self {
        match self {
            Self::Active => Self::Passive,
            Self::Passive => Self::Active,
            Self::Off | Self::Both => self,
        }
    }
}

impl fmt::Display for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Self::NAMES.iter();
        let (name, _) = names.find(|(_, tcp)| tcp == self).expect("all have one");
        f.write_str(name)
    }
}

/// Why a text is no [`Tcp`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is nothing to do with TCP: write off, active, passive or both")]
pub struct TcpError(String);

impl FromStr for Tcp {
    type Err = TcpError;

    fn from_str(text: &str) -> Result<Self, TcpError> {
        let known = Self::NAMES.iter().find(|(name, _)| *name == text);
        known
            .map(|(_, tcp)| *tcp)
            .ok_or_else(|| TcpError(text.to_owned()))
    }
}

/// What the core calls the transport of a pair.
pub(super) fn protocol(pair: Pair) -> Protocol {
    match pair.transport {
        Transport::Udp => Protocol::Udp,
        Transport::Tcp if pair.local.port() == ACTIVE_PORT => ACTIVE,
        Transport::Tcp => PASSIVE,
    }
}

/// What it means by that.
pub(super) fn transport(protocol: Protocol) -> Transport {
    match protocol {
        Protocol::Udp => Transport::Udp,
        Protocol::Tcp | Protocol::SslTcp | Protocol::Tls => Transport::Tcp,
    }
}

/// Type preferences of host candidates and peer-reflexive ones over TCP, as the core has them:
/// below those of UDP but for relayed ones, which RFC 6544 §4.2 leaves to us.
const HOST: u32 = 90;
const PEER_REFLEXIVE: u32 = 80;

/// What the core gets for connections that are made from `addr`, where there are already `before`
/// of its family.
pub(super) fn active_candidate(addr: SocketAddr, before: usize) -> Candidate {
    let family = u32::from(addr.is_ipv4());
    let others = u32::try_from(before).unwrap_or(u32::MAX);
    let preference = prefer(ACTIVE_DIRECTION, others.saturating_mul(2) + family);
    let priority = PEER_REFLEXIVE << 24 | preference << 8 | 255;
    let (host, foundation) = (CandidateKind::Host, "active".to_owned());
    Candidate::from_parts(
        foundation, 1, ACTIVE, priority, addr, host, None, None, None,
    )
}

/// The priority to signal of such a candidate, as a host's.
pub(super) fn signalled(priority: u32) -> u32 {
    priority + ((HOST - PEER_REFLEXIVE) << 24)
}

/// Direction preferences (RFC 6544 §4.2).
const ACTIVE_DIRECTION: u32 = 6;
const PASSIVE_DIRECTION: u32 = 4;

/// The local preference of a candidate of ours. That UDP goes before TCP is in the type preference.
pub(super) fn local_preference(candidate: &Candidate, same_kind: usize) -> u32 {
    let preference = default_local_preference(candidate, same_kind);
    match candidate.proto() {
        PASSIVE => prefer(PASSIVE_DIRECTION, u32::from(u16::MAX) - preference),
        _ => preference,
    }
}

/// A local preference over TCP; those of one direction differ by their rank, of which 0 is best.
fn prefer(direction: u32, rank: u32) -> u32 {
    const OTHER_BITS: u32 = 13;
    (direction << OTHER_BITS) + ((1 << OTHER_BITS) - 1_u32).saturating_sub(rank)
}
