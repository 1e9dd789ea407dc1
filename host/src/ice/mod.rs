//! ICE for one component (RFC 8445): candidates, checks, consent and restarts.
//!
//! Nothing here knows a socket or a clock. An [`Agent`] takes datagrams and time
//! and gives datagrams, events and the next time it wants to be called. After
//! **any** call on it:
//!
//! 1. send what [`Agent::poll_transmit`] gives, until it gives nothing;
//! 2. take what [`Agent::poll_event`] gives, until it gives nothing;
//! 3. call [`Agent::handle_timeout`] when [`Agent::poll_timeout`] is due; a time
//!    that has passed means at once.
//!
//! The life of an agent: [`Agent::new`]; [`Agent::add_local_host`] and
//! [`Agent::set_remote_credentials`] and [`Agent::add_remote_candidate`] in any
//! order; [`Event::Selected`], from which on [`Agent::selected_pair`] says where
//! application data goes; perhaps [`Event::Disconnected`] and another
//! [`Event::Selected`]; perhaps [`Agent::restart`]; perhaps [`Event::Failed`].
//!
//! Over TCP (RFC 6544) a pair is a connection, which whoever drives the agent makes when
//! the first datagram is to go over it; [`Agent::connection_closed`] is told of its end.
//!
//! A [`Gatherer`] beside it asks STUN and TURN servers for more candidates and
//! carries what goes through relays; it is driven in the same way.

mod agent;
mod announced;
mod answers;
mod attributes;
mod budget;
mod candidate;
mod core;
mod credentials;
mod evidence;
mod failure;
mod gather;
mod generation;
mod hiding;
mod liveness;
mod local;
mod newcomers;
mod nomination;
mod pace;
mod repeats;
mod selected;
mod servers;
mod sources;
mod stun;
mod tcp;
#[cfg(test)]
mod tests;
mod transactions;
mod usernames;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use agent::Agent;
pub(crate) use announced::in_order;
pub use announced::{Announced, AnnouncedError};
pub(crate) use budget::Budget;
pub use candidate::{Accepted, CandidateError, Ignored};
pub(crate) use candidate::{is_unicast, mdns_name, with_address};
pub use credentials::{Credentials, CredentialsError, tie_breaker};
pub use evidence::{Addresses, Cause, Checks, Evidence, Offer, PeerChecks, Scope, Tried};
pub use failure::Failure;
pub(crate) use gather::{Driver, Mapping, SharedStun};
pub use gather::{Found, Gatherer, Reflexive, RelayEnd, RelayId, RelayRequest, Relayed};
pub use hiding::Hiding;
pub(crate) use hiding::hidden;
pub(crate) use pace::Pace;
pub use servers::{RelayTransport, ServerUriError, Servers, ServersError, StunServer, TurnServer};
pub use stun::{Datagram, StunKind, TransactionId, stun_kind};
pub(crate) use tcp::ACTIVE_PORT;
pub use tcp::{Tcp, TcpError};

/// What an [`Agent`] is told once.
#[derive(Debug, Clone)]
pub struct Config {
    /// 1 to 256 (RFC 8445 §5.1.2).
    pub component_id: u16,
    /// The role to begin with; a conflict may turn it round (RFC 8445 §7.3.1.1).
    pub controlling: bool,
    /// Whether this side seeks nobody (RFC 8445 §2.5), for servers at public addresses: it checks only addresses from
    /// which the peer's checks came, to see that the peer is there.
    pub lite: bool,
    /// Which of the peer's TCP candidates are of use.
    pub tcp: Tcp,
    /// What the peer is told instead of this machine's own addresses.
    pub announced: Arc<[Announced]>,
    /// What the peer is told instead of those that are not announced; the same for all components of a stream.
    pub hiding: Option<Arc<Hiding>>,
    /// See [`tie_breaker`]; the same for all components of a stream.
    pub tie_breaker: u64,
    /// How long to look for a pair, at first and after a loss, before
    /// [`Event::Failed`]. 30 s unless changed.
    pub ice_timeout: Duration,
    /// How long the peer's credentials may take, from the start and from a restart without a pair, before
    /// [`Event::Failed`]. 30 s unless changed.
    pub signalling_timeout: Duration,
    /// How many of the peer's candidates are taken; 32 unless changed.
    pub max_remote_candidates: usize,
    /// At how many addresses the peer may have proven itself at a time; 32 unless changed.
    pub max_sources: usize,
    /// From when ticks of 100 ms count at which the checks of pairs that live leave, so that those of many components
    /// leave together; each at its own time unless this is given.
    pub ticks_from: Option<Instant>,
}

impl Config {
    /// The defaults, for the three that have none.
    pub fn new(component_id: u16, controlling: bool, tie_breaker: u64) -> Self {
        Self {
            component_id,
            controlling,
            lite: false,
            tcp: Tcp::Off,
            announced: Arc::default(),
            hiding: None,
            tie_breaker,
            ice_timeout: Duration::from_secs(30),
            signalling_timeout: Duration::from_secs(30),
            max_remote_candidates: 32,
            max_sources: 32,
            ticks_from: None,
        }
    }
}

/// What carries datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP, to a relay's client as well: what carries them from there does not count.
    Udp,
    /// A TCP connection, each in a frame (RFC 4571).
    Tcp,
}

/// A local and a remote address that datagrams go between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair {
    /// What carries them: a UDP socket and a TCP listener may have one address.
    pub transport: Transport,
    /// One of the addresses given to [`Agent::add_local_host`], a relay's of
    /// [`Agent::add_local_relayed`], or a TCP listener's of [`Agent::add_local_passive`]; at the end
    /// of a connection of ours one of [`Agent::add_local_active`], with the port 9.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
}

impl Pair {
    /// One that UDP goes between.
    pub fn udp(local: SocketAddr, remote: SocketAddr) -> Self {
        let transport = Transport::Udp;
        Self {
            transport,
            local,
            remote,
        }
    }

    /// One of a TCP connection.
    pub fn tcp(local: SocketAddr, remote: SocketAddr) -> Self {
        let transport = Transport::Tcp;
        Self {
            transport,
            local,
            remote,
        }
    }

    /// Where the peer's datagrams come from.
    fn source(self) -> Source {
        (self.transport, self.remote)
    }
}

/// Where the peer's datagrams come from, and over what.
type Source = (Transport, SocketAddr);

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.local, self.remote)?;
        match self.transport {
            Transport::Udp => Ok(()),
            Transport::Tcp => f.write_str(" over TCP"),
        }
    }
}

/// A STUN message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// What is to carry it. Where that is a connection which does not stand, the datagram is lost.
    pub transport: Transport,
    /// The address to send from.
    pub local: SocketAddr,
    /// The address to send to.
    pub remote: SocketAddr,
    /// The datagram.
    pub contents: Vec<u8>,
}

impl Transmit {
    /// Where it goes, and over what.
    pub fn pair(&self) -> Pair {
        Pair {
            transport: self.transport,
            local: self.local,
            remote: self.remote,
        }
    }

    pub(crate) fn new(pair: Pair, contents: Vec<u8>) -> Self {
        Self {
            transport: pair.transport,
            local: pair.local,
            remote: pair.remote,
            contents,
        }
    }
}

/// What an [`Agent`] has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Data can go over this pair from now on. The first one makes the component
    /// READY; later ones follow a better pair, the peer to another, a recovery or a restart.
    Selected(Pair),
    /// An authentic check to the present credentials came with others of the peer's
    /// than it was given, or before any were: those of this ufrag.
    PeerNamed(String),
    /// The peer has proven itself at so many other addresses since that this one is
    /// [verified](Agent::is_verified) no longer.
    Unverified(Transport, SocketAddr),
    /// The selected pair is lost and nothing may be sent (RFC 7675); the agent
    /// goes on looking for another.
    Disconnected,
    /// It is over; only a restart revives it.
    Failed(Failure),
}
