//! One TURN allocation (RFC 8656), on a connection that somebody else holds.

mod clock;
mod intake;
mod permissions;
mod requests;
mod upkeep;

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use stun_proto::types::{AddressFamily, TransportType};
use turn_client_proto::api::{CreatePermissionError, SendError, TurnConfig};
use turn_client_proto::prelude::{DelayedTransmitBuild as _, TurnClientApi as _};
use turn_client_proto::tcp::TurnClientTcp;
use turn_client_proto::types::TurnCredentials;
use turn_client_proto::udp::TurnClientUdp;

use super::binding::Binding;
use super::framing::{Framing, pad};
use crate::ice::TurnServer;
use clock::Clock;
use permissions::Permissions;
use requests::Requests;

turn_client_proto::impl_client!(Client, (Udp, TurnClientUdp), (Tcp, TurnClientTcp));

/// A request is sent again after `RTO`, which doubles up to `MAX_RTO`, and given up after 15.5 s:
/// RFC 8489 §6.2.1 proposes 39.5 s, longer than anybody waits for a connection.
const RTO: Duration = Duration::from_millis(500);
const MAX_RTO: Duration = Duration::from_secs(4);
const ATTEMPTS: u32 = 6;
/// What a session has to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The server relays what comes to this address.
    Allocated(SocketAddr),
    /// It is over, for the reason given in part of a sentence.
    Ended(String),
}

/// A client of one TURN server on a connection of its own.
pub(super) struct Session {
    client: Client,
    clock: Clock,
    local: SocketAddr,
    server: SocketAddr,
    transport: TransportType,
    framing: Framing,
    /// One for each address family at most.
    relayed: Vec<SocketAddr>,
    permissions: Permissions,
    channels: HashSet<SocketAddr>,
    /// Asks the server whether it is there, which also keeps a NAT's mapping open.
    keepalive: Binding,
    wake: Instant,
    requests: Requests,
    is_challenged: bool,
    /// How often the allocation was doubted.
    probes: u8,
    /// The permission that is to tell whether the server still has the allocation.
    probe: Option<IpAddr>,
    last_error: Option<String>,
    ended: bool,
    outgoing: VecDeque<Vec<u8>>,
    told: VecDeque<Told>,
}

/// Without the client, which shows the password.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("server", &self.server)
            .field("relayed", &self.relayed)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A connection to `server` stands and is `local` at this end.
    pub(super) fn new(
        now: Instant,
        config: &TurnServer,
        local: SocketAddr,
        server: SocketAddr,
    ) -> Self {
        let mut turn = TurnConfig::new(TurnCredentials::new(&config.username, &config.password));
        turn.set_request_retransmits(RTO, MAX_RTO, ATTEMPTS, MAX_RTO);
        if server.is_ipv6() {
            turn.add_address_family(AddressFamily::IPV6);
        }
        let (client, transport) = if config.transport.is_stream() {
            let client = TurnClientTcp::allocate(local, server, turn);
            (Client::Tcp(client), TransportType::Tcp)
        } else {
            let client = TurnClientUdp::allocate(local, server, turn);
            (Client::Udp(client), TransportType::Udp)
        };
        Self {
            client,
            clock: Clock::new(now),
            local,
            server,
            transport,
            framing: Framing::default(),
            relayed: Vec::new(),
            permissions: Permissions::default(),
            channels: HashSet::new(),
            keepalive: Binding::new(local, server, now),
            wake: now,
            requests: Requests::default(),
            is_challenged: false,
            probes: 0,
            probe: None,
            last_error: None,
            ended: false,
            outgoing: VecDeque::new(),
            told: VecDeque::new(),
        }
    }

    pub(super) fn relays(&self, address: SocketAddr) -> bool {
        self.relayed.contains(&address)
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn relayed(&self) -> &[SocketAddr] {
        &self.relayed
    }

    /// Sends `data` to `peer` through the relay, as soon as the server permits it.
    pub(super) fn send(&mut self, now: Instant, peer: SocketAddr, data: &[u8]) {
        let at = self.clock.at(now);
        match self.client.send_to(TransportType::Udp, peer, data, at) {
            Ok(Some(built)) => self.push(built.data.build()),
            Err(SendError::NoPermission) => {
                if self.permissions.hold(now, peer, data) {
                    let ip = peer.ip();
                    let asked = self.client.create_permission(TransportType::Udp, ip, at);
                    // One that already exists comes with the channel that is being bound.
                    if let Err(CreatePermissionError::NoAllocation) = asked {
                        self.permissions.refuse(now, ip);
                    }
                }
            }
            Ok(None) | Err(_) => {}
        }
        self.work(now);
    }

    /// Much will be sent to `peer`: a channel saves 32 bytes of each datagram.
    pub(super) fn bind(&mut self, now: Instant, peer: SocketAddr) {
        if self.channels.insert(peer) {
            let at = self.clock.at(now);
            if self
                .client
                .bind_channel(TransportType::Udp, peer, at)
                .is_err()
            {
                self.channels.remove(&peer);
            }
            self.work(now);
        }
    }

    /// Gives the allocation back.
    pub(super) fn close(&mut self, now: Instant) {
        // Without an allocation there is nothing to give back.
        let _ = self.client.delete(self.clock.at(now));
        // The client leaves 50 ms between two requests; nobody will be there then.
        let at = self.clock.at(now + Duration::from_millis(50));
        if let Some(transmit) = self.client.poll_transmit(at) {
            self.push(transmit.data.to_vec());
        }
    }

    pub(super) fn poll_outgoing(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    pub(super) fn poll_told(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    fn push(&mut self, mut message: Vec<u8>) {
        self.requests.note(&message);
        if self.transport == TransportType::Tcp {
            pad(&mut message);
        }
        self.outgoing.push_back(message);
    }
}
