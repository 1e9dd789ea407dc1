//! Our candidates.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use is::{Candidate, CandidateKind, Protocol};

use super::announced::announced;
use super::candidate::component_offset;
use super::hiding::hidden;
use super::tcp::{ACTIVE, PASSIVE, active_candidate, transport};
use super::{Config, Transport};

/// Where a candidate of ours comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A socket is bound to it.
    Host,
    /// A STUN server saw it as the source of what came from the socket at `base`.
    Reflexive { base: SocketAddr },
    /// A TURN server has allocated it, for a connection from the address `socket`.
    Relayed { socket: SocketAddr },
    /// Connections are made from its address; the port is 9.
    Active,
    /// A TCP listener is bound to it.
    Passive,
}

/// A candidate of ours, with the priority the core gave it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local {
    pub(super) addr: SocketAddr,
    pub(super) origin: Origin,
    pub(super) priority: u32,
}

/// A related address that is kept to oneself (RFC 8839 §5.1).
const UNTOLD_PORT: u16 = 9;

impl Origin {
    /// What the core gets; `before` are ours already.
    pub(super) fn candidate(self, addr: SocketAddr, before: &[Local]) -> Option<Candidate> {
        let protocol = self.protocol();
        match self {
            Origin::Active => {
                let is_alike = |local: &&Local| {
                    local.origin == Origin::Active && local.addr.is_ipv4() == addr.is_ipv4()
                };
                let alike = before.iter().filter(is_alike);
                Ok(active_candidate(addr, alike.count()))
            }
            Origin::Host | Origin::Passive => Candidate::host(addr, protocol),
            Origin::Reflexive { base } => Candidate::server_reflexive(addr, base, protocol),
            Origin::Relayed { socket } => Candidate::relayed(addr, socket, protocol),
        }
        .ok()
    }

    /// What the core calls its transport.
    pub(super) fn protocol(self) -> Protocol {
        match self {
            Origin::Active => ACTIVE,
            Origin::Passive => PASSIVE,
            Origin::Host | Origin::Reflexive { .. } | Origin::Relayed { .. } => Protocol::Udp,
        }
    }

    fn kind(self) -> CandidateKind {
        match self {
            Origin::Host | Origin::Active | Origin::Passive => CandidateKind::Host,
            Origin::Reflexive { .. } => CandidateKind::ServerReflexive,
            Origin::Relayed { .. } => CandidateKind::Relayed,
        }
    }
}

impl Local {
    pub(super) fn kind(&self) -> CandidateKind {
        self.origin.kind()
    }

    pub(super) fn transport(&self) -> Transport {
        transport(self.origin.protocol())
    }

    /// Whether it is the same candidate.
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.addr, self.origin) == (other.addr, other.origin)
    }

    /// What datagrams of this candidate leave by (RFC 8445 §4): a relayed one is its own base.
    pub(super) fn base(&self) -> SocketAddr {
        match self.origin {
            Origin::Reflexive { base } => base,
            _ => self.addr,
        }
    }

    /// Whether its datagrams leave by this address of the machine's.
    pub(super) fn leaves_by(&self, address: IpAddr) -> bool {
        self.kind() != CandidateKind::Relayed && self.base().ip() == address
    }

    /// Its address as the peer is told it; `None` if that is a name.
    pub(super) fn told(&self, config: &Config) -> Option<SocketAddr> {
        if self.kind() != CandidateKind::Host {
            return Some(self.addr);
        }
        let name = hidden(config.hiding.as_deref(), &config.announced, self.addr.ip());
        name.is_none()
            .then(|| announced(&config.announced, self.addr))
    }

    /// The line to signal.
    pub(super) fn line(&self, config: &Config) -> String {
        let base = self.base();
        let name = hidden(config.hiding.as_deref(), &config.announced, base.ip());
        // Told of a relay's own address as well, which is no secret.
        let name = name.filter(|_| self.kind() != CandidateKind::Relayed);
        let told = match self.kind() {
            CandidateKind::Host => announced(&config.announced, self.addr),
            _ => self.addr,
        };
        let host = match (&name, self.kind()) {
            (Some(name), CandidateKind::Host) => name.clone(),
            _ => told.ip().to_string(),
        };
        let line = format!(
            "candidate:{} {} {} {} {host} {} typ {}",
            self.foundation(config),
            config.component_id,
            self.transport(),
            self.priority - component_offset(config.component_id),
            told.port(),
            self.kind(),
        );
        match self.origin {
            Origin::Host => line,
            Origin::Active => format!("{line} tcptype active"),
            Origin::Passive => format!("{line} tcptype passive"),
            Origin::Reflexive { base } if config.hiding.is_none() => {
                let base = announced(&config.announced, base);
                format!("{line} raddr {} rport {}", base.ip(), base.port())
            }
            // Who chooses a relay may do so to keep its other addresses to itself.
            Origin::Reflexive { .. } | Origin::Relayed { .. } => {
                let any = match self.addr {
                    SocketAddr::V4(_) => "0.0.0.0",
                    SocketAddr::V6(_) => "::",
                };
                format!("{line} raddr {any} rport {UNTOLD_PORT}")
            }
        }
    }

    /// Equal for candidates of one kind on one address, in every component (RFC 8445 §5.1.1.3). Where addresses are
    /// hidden it is made from a name: who knows how it is made otherwise, finds the address in few tries.
    fn foundation(&self, config: &Config) -> u32 {
        let base: IpAddr = self.base().ip();
        let mut hasher = DefaultHasher::new();
        let (kind, transport) = (self.kind().to_string(), self.transport().to_string());
        match &config.hiding {
            Some(hiding) => (kind, transport, hiding.name(base)).hash(&mut hasher),
            None => (kind, transport, base).hash(&mut hasher),
        }
        // Any half of the hash identifies the few addresses of a machine.
        hasher.finish() as u32
    }

    /// What a STUN server saw of a host candidate behind no NAT. Nothing more for the core to check, but news to
    /// the peer where the host candidate hides behind a name (draft-ietf-mmusic-mdns-ice-candidates, section
    /// 3.1.2.2).
    pub(super) fn seen_as_it_is(&self) -> Self {
        Self {
            origin: Origin::Reflexive { base: self.addr },
            priority: self.priority & 0x00ff_ffff | REFLEXIVE_PREFERENCE << 24,
            ..*self
        }
    }
}

/// RFC 8445 §5.1.2.2.
const REFLEXIVE_PREFERENCE: u32 = 100;

/// The address that datagrams of a local candidate of the core leave by.
pub(super) fn base_of(candidate: &Candidate) -> SocketAddr {
    match candidate.kind() {
        // Its `local` is the connection to the relay.
        CandidateKind::Relayed => candidate.addr(),
        _ => candidate.local(),
    }
}
