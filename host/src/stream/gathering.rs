//! Candidates of a stream: those of its sockets, and those of STUN and TURN servers.
use super::{Notification, Stage, Stream};
use crate::component::Component;
use crate::ice::{Gatherer, Pair, RelayId, RelayRequest, announced, hidden};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long servers are waited for before `candidate_gathering_done`. A candidate that comes later is told
/// all the same.
const PATIENCE: Duration = Duration::from_secs(5);

/// A name that is to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// A name, or an address. One that ends in `.local` is asked for on the local network (RFC 6762).
    pub host: String,
    /// The port at each of the addresses.
    pub port: u16,
    pub(super) of: Owner,
}

/// Whose name it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A server of the stream's, by its index.
    Stun(usize),
    Turn(usize),
    /// The peer, which hides the address of candidates behind it.
    Peer,
}

/// How far the gathering has come.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// Sockets are to be bound.
    bind: bool,
    /// All of them are.
    bound: bool,
    lookups: VecDeque<Lookup>,
    /// Servers whose lookups have not come back.
    pending: Vec<Owner>,
    /// When servers are not waited for any more.
    until: Option<Instant>,
}

impl Stream {
    pub(super) fn gather(&mut self, now: Instant) {
        let servers = &self.config.servers;
        let stun = servers.stun.iter().enumerate();
        let stun = stun.map(|(index, s)| (Owner::Stun(index), &s.host, s.port));
        let turn = servers.turn.iter().enumerate();
        let turn = turn.map(|(index, s)| (Owner::Turn(index), &s.host, s.port));
        let gathering = &mut self.gathering;
        for (of, host, port) in stun.chain(turn) {
            if !gathering.pending.contains(&of) {
                gathering.pending.push(of.clone());
                gathering.lookups.push_back(Lookup {
                    host: host.clone(),
                    port,
                    of,
                });
            }
        }
        (gathering.bind, gathering.bound) = (true, false);
        gathering.until = Some(now + PATIENCE);
        self.stage = Stage::Gathering;
        for member in self.components.iter_mut().filter(|member| member.stays()) {
            member.component.gatherer_mut().again(now);
        }
    }

    /// The components whose sockets are to be bound now, if any are. Each bound one goes to
    /// [`add_local_address`](Self::add_local_address), then comes [`gathering_done`](Self::gathering_done).
    pub fn poll_gather(&mut self) -> Option<Vec<u16>> {
        let binds =
            std::mem::take(&mut self.gathering.bind) && self.stage != Stage::Ended && !self.closing;
        let staying = self.components.iter().filter(|member| member.stays());
        binds.then(|| staying.map(|member| member.component.id()).collect())
    }

    /// Whether no socket is to be bound, for only relays are used.
    pub fn is_relay_only(&self) -> bool {
        self.config.servers.relay_only
    }

    /// A socket of this component's is bound to `address`.
    pub fn add_local_address(&mut self, component_id: u16, address: SocketAddr) {
        // A name is no default address: legacy peers stumble over it.
        let is_hidden = self.hidden_name(address.ip()).is_some();
        let told = (!is_hidden).then(|| announced(&self.config.announced, address));
        if let Ok(member) = self.member(component_id) {
            let candidate = member.component.add_socket(address);
            self.tell_candidate(component_id, candidate, told);
        }
    }

    /// A TCP listener of this component's is bound to `address`.
    pub fn add_listener(&mut self, component_id: u16, address: SocketAddr) {
        if let Ok(member) = self.member(component_id) {
            let candidate = member.component.add_listener(address);
            self.signal(component_id, candidate);
        }
    }

    /// TCP connections of this component's can be made from `ip`.
    pub fn add_connector(&mut self, component_id: u16, ip: IpAddr) {
        if let Ok(member) = self.member(component_id) {
            let candidate = member.component.add_connector(ip);
            self.signal(component_id, candidate);
        }
    }

    /// The TCP connection of one of a component's pairs has ended.
    pub fn connection_closed(&mut self, now: Instant, component_id: u16, pair: Pair) {
        if let Ok(member) = self.member(component_id) {
            member.component.connection_closed(now, pair);
            self.settle(now);
        }
    }

    /// The name that stands for an address of this machine's in what the peer is told, if it does. The local
    /// network is to be answered that the name is there, from before
    /// [`add_local_address`](Self::add_local_address) until the stream has ended.
    pub fn hidden_name(&self, address: IpAddr) -> Option<String> {
        hidden(self.hiding.as_deref(), &self.config.announced, address)
    }

    pub(super) fn tell_candidate(
        &mut self,
        component_id: u16,
        candidate: Option<String>,
        default: Option<SocketAddr>,
    ) {
        if let Ok(member) = self.member(component_id) {
            member.default_address = member.default_address.or(default);
        }
        self.signal(component_id, candidate);
    }

    fn signal(&mut self, component_id: u16, candidate: Option<String>) {
        let stays = self.member(component_id).is_ok_and(|member| member.stays());
        if let Some(candidate) = candidate.filter(|_| stays) {
            self.notify(Notification::NewCandidateFull {
                component_id,
                candidate,
            });
        }
    }

    /// All sockets are bound.
    pub fn gathering_done(&mut self) {
        self.gathering.bound = true;
        self.conclude_gathering(None);
    }

    /// The next name to look up. What is found must come back to [`handle_lookup`](Self::handle_lookup).
    pub fn poll_lookup(&mut self) -> Option<Lookup> {
        let name = self.names.poll_lookup();
        name.or_else(|| self.gathering.lookups.pop_front())
    }

    /// What a name stands for, at least one address, or why that is not known, as part of a sentence.
    pub fn handle_lookup(
        &mut self,
        now: Instant,
        lookup: &Lookup,
        found: &Result<Vec<SocketAddr>, String>,
    ) {
        match &lookup.of {
            Owner::Peer => self.name_found(&lookup.host, found),
            Owner::Stun(index) => {
                self.server_found(&lookup.of, |gatherer| gatherer.stun_found(*index, found));
            }
            Owner::Turn(index) => {
                self.server_found(&lookup.of, |gatherer| gatherer.turn_found(*index, found));
            }
        }
        for member in &mut self.components {
            member.component.handle_timeout(now);
        }
        self.settle(now);
    }

    fn server_found(&mut self, of: &Owner, tell: impl Fn(&mut Gatherer)) {
        self.gathering.pending.retain(|pending| pending != of);
        for member in &mut self.components {
            tell(member.component.gatherer_mut());
        }
    }

    /// What to do next with a connection to a relay.
    pub fn poll_relay(&mut self) -> Option<RelayRequest> {
        self.components
            .iter_mut()
            .find_map(|member| member.component.poll_relay())
    }

    /// The connection to a relay stands; `local` is this end of it.
    pub fn relay_opened(&mut self, now: Instant, relay: RelayId, local: SocketAddr) {
        self.with_relay(now, relay, |component| {
            let gatherer = component.gatherer_mut();
            gatherer.relay_opened(now, relay.number, local);
        });
    }

    /// The connection to a relay has ended, or there never was one; the cause is part of a sentence.
    pub fn relay_closed(&mut self, now: Instant, relay: RelayId, cause: &str) {
        self.with_relay(now, relay, |component| {
            let gatherer = component.gatherer_mut();
            gatherer.relay_closed(now, relay.number, cause);
        });
    }

    fn with_relay(&mut self, now: Instant, relay: RelayId, tell: impl FnOnce(&mut Component)) {
        if let Ok(member) = self.member(relay.component_id) {
            tell(&mut member.component);
            member.component.handle_timeout(now);
            self.settle(now);
        }
    }

    /// Bytes have come on the connection to a relay. What is the application's is given to `application`.
    pub fn handle_relay(
        &mut self,
        now: Instant,
        relay: RelayId,
        bytes: &[u8],
        mut application: impl FnMut(&[u8]),
    ) {
        let Ok(member) = self.member(relay.component_id) else {
            return;
        };
        let (listened, mut unheard) = (member.listened, 0);
        member
            .component
            .handle_relay(now, relay.number, bytes, |datagram| match listened {
                true => application(datagram),
                false => unheard += 1,
            });
        for _ in 0..unheard {
            self.say_unheard(now, relay.component_id);
        }
        self.settle(now);
    }

    /// Sends a datagram of the application's if the pair that [`route`](Self::route) gave goes through a
    /// relay, and tells whether it does.
    pub fn send_relayed(
        &mut self,
        now: Instant,
        component_id: u16,
        pair: Pair,
        datagram: &[u8],
    ) -> bool {
        let member = self.member(component_id);
        member.is_ok_and(|member| member.component.send_relayed(now, pair, datagram))
    }

    pub(super) fn gathering_timeout(&self) -> Option<Instant> {
        let waits = self.stage == Stage::Gathering && self.gathering.bound;
        self.gathering.until.filter(|_| waits)
    }

    /// Says that all candidates are known, if they are or have been waited for until `now`.
    pub(super) fn conclude_gathering(&mut self, now: Option<Instant>) {
        if self.stage != Stage::Gathering || !self.gathering.bound {
            return;
        }
        let late = now
            .zip(self.gathering.until)
            .is_some_and(|(now, until)| now >= until);
        let mut components = self.components.iter().map(|member| &member.component);
        let known = self.gathering.pending.is_empty() && components.all(Component::has_gathered);
        if known || late {
            self.stage = Stage::Gathered;
            self.notify(Notification::CandidateGatheringDone);
        }
    }
}
