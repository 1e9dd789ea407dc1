//! What one side has offered.

use std::fmt;
use std::net::SocketAddr;

use is::CandidateKind;

use super::{Addresses, Scope};
use crate::ice::Transport;

/// The candidates of one side, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offer {
    /// Host candidates over UDP.
    pub host: usize,
    /// Candidates over TCP.
    pub tcp: usize,
    /// Server-reflexive ones.
    pub reflexive: usize,
    /// Peer-reflexive ones.
    pub peer_reflexive: usize,
    /// Relayed ones.
    pub relayed: usize,
    /// How many have an address of IPv4; the others have one of IPv6.
    pub ipv4: usize,
    /// Their addresses as the other side was told them.
    pub addresses: Addresses,
    /// Where its relays are.
    pub relays: Addresses,
    /// Of the peer: whether there were names in the place of addresses, whatever became of them.
    pub has_names: bool,
    /// Of the peer: whether there were candidates over TCP that are of no use here.
    pub has_unused_tcp: bool,
    /// Of the peer: an address that is one of this side's own sockets as well.
    pub own: Option<SocketAddr>,
    scopes: [usize; Scope::ALL.len()],
}

impl Offer {
    pub(in crate::ice) fn add(
        &mut self,
        kind: CandidateKind,
        transport: Transport,
        address: SocketAddr,
    ) {
        let count = match (transport, kind) {
            (Transport::Tcp, _) => &mut self.tcp,
            (Transport::Udp, CandidateKind::Host) => &mut self.host,
            (Transport::Udp, CandidateKind::ServerReflexive) => &mut self.reflexive,
            (Transport::Udp, CandidateKind::PeerReflexive) => &mut self.peer_reflexive,
            (Transport::Udp, CandidateKind::Relayed) => &mut self.relayed,
        };
        *count += 1;
        if kind == CandidateKind::Relayed {
            self.relays.insert(address);
        }
        self.ipv4 += usize::from(address.is_ipv4());
        self.scopes[Scope::of(address.ip()) as usize] += 1;
        self.addresses.insert(address);
    }

    /// How many there are that can be used.
    pub fn total(&self) -> usize {
        self.host + self.tcp + self.reflexive + self.peer_reflexive + self.relayed
    }

    /// How many have an address of IPv6.
    pub fn ipv6(&self) -> usize {
        self.total() - self.ipv4
    }

    /// How many have an address of this scope.
    pub fn of_scope(&self, scope: Scope) -> usize {
        self.scopes[scope as usize]
    }

    /// The one scope that all addresses are of, if it is one, and one that not everybody reaches.
    pub(super) fn narrow(&self) -> Option<Scope> {
        let mut narrow = Scope::ALL.into_iter().skip(1);
        narrow.find(|scope| self.total() > 0 && self.of_scope(*scope) == self.total())
    }

    /// Whether no address is public.
    pub(super) fn is_narrow(&self) -> bool {
        self.total() > 0 && self.of_scope(Scope::Public) == 0
    }
}

/// Says "3 candidates (2 host, 1 srflx: 10.0.0.1:5000, …)", and "1 tcp" of those of TCP.
impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.host, "host"),
            (self.tcp, "tcp"),
            (self.reflexive, "srflx"),
            (self.peer_reflexive, "prflx"),
            (self.relayed, "relay"),
        ];
        let there = kinds.iter().filter(|(count, _)| *count > 0);
        let there: Vec<String> = there
            .map(|(count, kind)| format!("{count} {kind}"))
            .collect();
        match self.total() {
            0 => f.write_str("no candidate"),
            total => write!(
                f,
                "{total} candidate{} ({}: {})",
                if total == 1 { "" } else { "s" },
                there.join(", "),
                self.addresses
            ),
        }
    }
}
