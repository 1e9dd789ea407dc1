//! One TURN allocation (RFC 8656), on a connection that somebody else holds.

mod answers;
mod channels;
mod intake;
mod lifetime;
mod message;
mod permissions;
mod requests;
mod upkeep;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use stun_proto::auth::LongTermClientAuth;
use stun_proto::types::message::LongTermCredentials;

use super::binding::Binding;
use super::framing::{Framing, pad};
use super::request::RelayEnd;
use crate::ice::TurnServer;
use crate::ice::servers::opaque_string;
use channels::Channels;
use lifetime::Lifetime;
use message::{
    Ask, Families, channel_data, channel_length, indication, indication_length, request,
};
use permissions::{Permissions, Verdict};
use requests::Requests;

/// Most bytes of a datagram: over UDP to the server, and of what the server sends to a peer (RFC 768 over IPv4).
const MAX_DATAGRAM: usize = 65_507;
/// Most bytes of a STUN message: a header, and attributes of a whole number of words (RFC 8489 §5).
const MAX_MESSAGE: usize = 20 + 65_532;

/// What a session has to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The server relays what comes to this address.
    Allocated(SocketAddr),
    /// It is over.
    Ended(RelayEnd),
    /// It is over: the server names another one to ask (RFC 8489 §10).
    Elsewhere(SocketAddr),
}

/// A client of one TURN server on a connection of its own.
pub(super) struct Session {
    auth: LongTermClientAuth,
    /// What the server has asked the credentials for.
    realm: Option<String>,
    local: SocketAddr,
    server: SocketAddr,
    is_stream: bool,
    framing: Framing,
    /// One for each address family at most.
    relayed: Vec<SocketAddr>,
    /// Of the allocation.
    lifetime: Option<Lifetime>,
    permissions: Permissions,
    channels: Channels,
    /// Asks the server whether it is there, which also keeps a NAT's mapping open.
    keepalive: Binding,
    requests: Requests,
    last_error: Option<String>,
    ended: bool,
    outgoing: VecDeque<Vec<u8>>,
    told: VecDeque<Told>,
}

/// Without the credentials.
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
        let mut auth = LongTermClientAuth::new();
        let [username, password] =
            [&config.username, &*config.password].map(|it| opaque_string(it));
        auth.set_credentials(LongTermCredentials::new(username, password));
        let is_stream = config.transport.is_stream();
        let mut session = Self {
            auth,
            realm: None,
            local,
            server,
            is_stream,
            framing: Framing::default(),
            relayed: Vec::new(),
            lifetime: None,
            permissions: Permissions::default(),
            channels: Channels::default(),
            keepalive: Binding::new(local, server, now),
            requests: Requests::new(is_stream),
            last_error: None,
            ended: false,
            outgoing: VecDeque::new(),
            told: VecDeque::new(),
        };
        let families = match server {
            SocketAddr::V4(_) => Families::Ipv4,
            SocketAddr::V6(_) => Families::Both,
        };
        session.ask(now, Ask::Allocate(families), 0);
        session
    }

    pub(super) fn relays(&self, address: SocketAddr) -> bool {
        self.relayed.contains(&address)
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends `data` to `peer` through the relay, as soon as the server permits it. Tells whether it may.
    pub(super) fn send(&mut self, now: Instant, peer: SocketAddr, data: &[u8]) -> bool {
        let sent = self.relayed_for(peer).is_some() && self.dispatch(now, peer, data);
        self.work(now);
        sent
    }

    fn dispatch(&mut self, now: Instant, peer: SocketAddr, data: &[u8]) -> bool {
        let channel = self.channels.to(now, peer);
        let (length, max) = match channel {
            Some(_) => (channel_length(data), usize::MAX),
            None => (indication_length(peer, data), MAX_MESSAGE),
        };
        let max = if self.is_stream { max } else { MAX_DATAGRAM };
        if length > max || data.len() > MAX_DATAGRAM {
            return false;
        }
        match self.permissions.judge(now, peer, data) {
            Verdict::Permitted => {}
            Verdict::Asked => return true,
            Verdict::First => return self.ask(now, Ask::Permit(peer.ip()), 0),
            Verdict::Refused => return false,
        }
        let message = match channel {
            Some(number) => Ok(channel_data(number, data)),
            None => indication(peer, data),
        };
        message.map(|message| self.push(message)).is_ok()
    }

    /// Much will be sent to `peer`: a channel saves 32 bytes of each datagram.
    pub(super) fn bind(&mut self, now: Instant, peer: SocketAddr) {
        if self.relayed_for(peer).is_some()
            && let Some(number) = self.channels.number(now, peer)
            && !self.requests.is_under_way(Ask::Bind(peer, number))
        {
            self.ask(now, Ask::Bind(peer, number), 0);
            self.work(now);
        }
    }

    /// Finds out whether the server still has the allocation.
    pub(super) fn probe(&mut self, now: Instant) {
        if !self.relayed.is_empty() {
            self.refresh(now);
            self.work(now);
        }
    }

    /// Gives the allocation back: without one there is nothing to give.
    pub(super) fn close(&mut self, now: Instant) {
        if !self.relayed.is_empty() && self.ask(now, Ask::Release, 0) {
            self.work(now);
        }
    }

    pub(super) fn poll_outgoing(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    pub(super) fn poll_told(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    /// The address from which peers of this one's family hear us.
    fn relayed_for(&self, peer: SocketAddr) -> Option<SocketAddr> {
        let is_of_family = |at: &&SocketAddr| at.is_ipv4() == peer.is_ipv4();
        self.relayed.iter().find(is_of_family).copied()
    }

    /// Tells whether the server is asked. `stale` counts the nonces that were not taken for it.
    fn ask(&mut self, now: Instant, ask: Ask, stale: u8) -> bool {
        match request(ask, &mut self.auth) {
            Ok(bytes) => self.requests.add(now, ask, stale, bytes),
            Err(error) => {
                tracing::debug!("a request to a relay: {error}");
                self.end("what it gives for the credentials cannot be sent back".to_owned());
                false
            }
        }
    }

    fn push(&mut self, mut message: Vec<u8>) {
        if self.is_stream {
            pad(&mut message);
        }
        self.outgoing.push_back(message);
    }
}
