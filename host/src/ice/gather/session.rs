//! One TURN allocation (RFC 8656), on a connection that somebody else holds.

mod clock;
mod permissions;
mod requests;

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use stun_proto::agent::Transmit;
use stun_proto::types::attribute::ErrorCode;
use stun_proto::types::{AddressFamily, TransportType};
use turn_client_proto::api::{
    CreatePermissionError, SendError, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet,
};
use turn_client_proto::prelude::{DelayedTransmitBuild as _, TurnClientApi as _};
use turn_client_proto::tcp::TurnClientTcp;
use turn_client_proto::types::TurnCredentials;
use turn_client_proto::udp::TurnClientUdp;

use super::binding::{Binding, KEEPALIVE};
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
/// A client that has this much to do in one moment is at odds with itself.
const MAX_TURNS: usize = 64;

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

    /// Takes bytes of the connection. `each` is given what peers sent: our relayed address,
    /// theirs, and the datagram.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        bytes: &[u8],
        mut each: impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) {
        if self.transport == TransportType::Udp {
            self.handle_message(now, bytes, &mut each);
        } else {
            let mut framing = std::mem::take(&mut self.framing);
            framing.push(bytes);
            loop {
                match framing.next() {
                    Ok(Some(message)) => self.handle_message(now, message, &mut each),
                    Ok(None) => break,
                    Err(_) => {
                        self.end("what it sends is not TURN".to_owned());
                        break;
                    }
                }
            }
            self.framing = framing;
        }
        self.work(now);
    }

    fn handle_message(
        &mut self,
        now: Instant,
        message: &[u8],
        each: &mut impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) {
        if self.keepalive.is_answer(self.local, self.server, message) {
            self.keepalive.handle_answer(now, message);
            return;
        }
        let transmit = Transmit::new(message, self.transport, self.server, self.local);
        match self.client.recv(transmit, self.clock.at(now)) {
            TurnRecvRet::PeerData(data) => {
                self.keepalive.rest(now);
                let is_of_family = |at: &&SocketAddr| at.is_ipv4() == data.peer.is_ipv4();
                if let Some(relayed) = self.relayed.iter().find(is_of_family) {
                    each(*relayed, data.peer, data.data());
                }
            }
            TurnRecvRet::Handled | TurnRecvRet::Ignored(_) => self.note_error(message),
            TurnRecvRet::PeerIcmp { .. } => {}
        }
    }

    /// The client does not tell why a request failed, and waits on where there is no hope.
    fn note_error(&mut self, message: &[u8]) {
        let Some(code) = self.requests.take_error(message) else {
            return;
        };
        let is_allocated = !self.relayed.is_empty();
        match code {
            // The first one asks for the credentials (RFC 8489 §9.2.4).
            ErrorCode::UNAUTHORIZED if !std::mem::replace(&mut self.is_challenged, true) => {}
            ErrorCode::UNAUTHORIZED if !is_allocated => {
                self.end("it refuses the user or the password".to_owned());
            }
            ErrorCode::ALLOCATION_MISMATCH if is_allocated => {
                self.end("it has forgotten its allocation".to_owned());
            }
            ErrorCode::STALE_NONCE => {}
            _ => self.last_error = Some(format!("it refuses with error {code}")),
        }
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

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.work(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.ended {
            return None;
        }
        let keepalive = self.keepalive.poll_timeout().filter(|_| self.keeps_alive());
        Some(keepalive.map_or(self.wake, |at| at.min(self.wake)))
    }

    pub(super) fn poll_outgoing(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    pub(super) fn poll_told(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    fn keeps_alive(&self) -> bool {
        !self.relayed.is_empty()
    }

    fn work(&mut self, now: Instant) {
        for _ in 0..MAX_TURNS {
            if self.ended {
                return;
            }
            let at = self.clock.at(now);
            while let Some(event) = self.client.poll_event() {
                self.take(now, event);
            }
            while let Some(transmit) = self.client.poll_transmit(at) {
                self.push(transmit.data.to_vec());
            }
            match self.client.poll(at) {
                TurnPollRet::WaitUntil(wake) if wake <= at => {}
                TurnPollRet::WaitUntil(wake) => {
                    self.wake = self.clock.back(wake);
                    return self.keep_alive(now);
                }
                TurnPollRet::Closed => return self.end(self.cause()),
                // These belong to TCP allocations, which are not asked for.
                TurnPollRet::AllocateTcpSocket { .. } | TurnPollRet::TcpClose { .. } => {}
            }
        }
        self.end("its answers make no sense".to_owned());
    }

    fn keep_alive(&mut self, now: Instant) {
        if !self.keeps_alive() {
            return;
        }
        if let Some(request) = self.keepalive.poll_transmit(now) {
            self.push(request);
        }
        if self.keepalive.has_failed() {
            // It answers no STUN; the requests keep the mapping open all the same.
            self.keepalive = Binding::new(self.local, self.server, now + KEEPALIVE);
        }
        if self.keepalive.is_overdue() {
            self.end("it does not answer any more".to_owned());
        }
    }

    fn take(&mut self, now: Instant, event: TurnEvent) {
        match event {
            TurnEvent::AllocationCreated(_, address) => {
                self.relayed.push(address);
                self.told.push_back(Told::Allocated(address));
            }
            TurnEvent::PermissionCreated(_, ip) => {
                for (peer, data) in self.permissions.release(ip) {
                    self.send(now, peer, &data);
                }
            }
            TurnEvent::PermissionCreateFailed(_, ip) => self.permissions.refuse(now, ip),
            TurnEvent::ChannelCreateFailed(_, peer) => {
                self.channels.remove(&peer);
            }
            // The client closes when none is left.
            TurnEvent::AllocationCreateFailed(_) => {}
            TurnEvent::ChannelCreated(..)
            | TurnEvent::TcpConnected(_)
            | TurnEvent::TcpConnectFailed(_) => {}
        }
    }

    fn cause(&self) -> String {
        let cause = self.last_error.clone();
        let (transport, port) = (self.transport, self.server.port());
        cause.unwrap_or_else(|| format!("it does not answer, is {transport} port {port} blocked?"))
    }

    fn end(&mut self, cause: String) {
        if !std::mem::replace(&mut self.ended, true) {
            self.told.push_back(Told::Ended(cause));
        }
    }

    fn push(&mut self, mut message: Vec<u8>) {
        self.requests.note(&message);
        if self.transport == TransportType::Tcp {
            pad(&mut message);
        }
        self.outgoing.push_back(message);
    }
}
