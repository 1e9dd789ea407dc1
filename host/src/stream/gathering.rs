//! Candidates of a stream: those of its sockets, and those of STUN and TURN servers.
use super::{Notification, Stage, Stream};
use crate::component::{Arrival, Cause, Component};
use crate::ice::{self, Datagram, Gatherer, Pair, RelayEnd, RelayId, RelayRequest, hidden};
use std::collections::{BTreeSet, VecDeque};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How often a machine without addresses is asked for them.
const LOOK: Duration = Duration::from_secs(1);

/// A name that is to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// A name, or an address. One that ends in `.local` is asked for on the local network (RFC 6762).
    pub host: String,
    /// The port at each of the addresses.
    pub port: u16,
    pub(super) of: Owner,
}

impl Lookup {
    /// Of a server that is not a stream's own.
    pub fn of_server(host: String, port: u16) -> Self {
        let of = Owner::Shared;
        Self { host, port, of }
    }
}

/// Whose name it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A server of the stream's, by its index.
    Stun(usize),
    Turn(usize),
    /// A server of many streams', which none of them is told of.
    Shared,
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
    /// When addresses are looked for again, since there are none yet, or only those of loopback.
    again: Option<Instant>,
    /// Whether that was told.
    waits: bool,
}

impl Stream {
    pub(super) fn gather(&mut self, now: Instant) {
        let servers = &self.config.settings.servers;
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
        let patience = self.config.settings.gathering_timeout;
        (gathering.until, gathering.again) = (Some(now + patience), None);
        self.stage = Stage::Gathering;
        for state in self.components.iter_mut().filter(|state| state.stays()) {
            state.component.gatherer_mut().again(now);
        }
    }

    /// The components whose sockets are to be bound now, if any are. Each bound one goes to
    /// [`add_local_address`](Self::add_local_address), then comes [`gathering_done`](Self::gathering_done).
    pub fn poll_gather(&mut self) -> Option<Vec<u16>> {
        let binds =
            std::mem::take(&mut self.gathering.bind) && self.stage != Stage::Ended && !self.closing;
        let staying = self.components.iter().filter(|state| state.stays());
        binds.then(|| staying.map(|state| state.component.id()).collect())
    }

    /// The machine has no address yet, for this reason: it is asked again, until ICE's time is over.
    pub fn wait_for_address(&mut self, now: Instant, reason: &str) {
        self.look_again(now);
        if !std::mem::replace(&mut self.gathering.waits, true) {
            self.warn(format!("{reason}: the stream waits for one"));
        }
    }

    /// The machine may get better addresses than it has: it is asked for them until a pair is found.
    pub fn look_again(&mut self, now: Instant) {
        self.gathering.again = Some(now + LOOK);
    }

    pub(super) fn look(&mut self, now: Instant) {
        let is_due = |again: &mut Instant| *again <= now;
        if self.gathering.again.take_if(is_due).is_none() {
            return;
        }
        let mut components = self.components.iter().filter(|state| state.stays());
        if !self.closing && components.any(|state| !state.component.has_pair()) {
            self.gathering.bind = true;
            self.gathering.until = Some(now + self.config.settings.gathering_timeout);
        }
    }

    /// Whether no socket is to be bound, for only relays are used.
    pub fn is_relay_only(&self) -> bool {
        self.config.settings.servers.relay_only
    }

    /// Those of this machine's addresses that sockets are to be bound to, in that order; `reflexive` if STUN servers are
    /// asked by whoever drives the stream.
    pub fn in_order(&self, addresses: Vec<IpAddr>, reflexive: bool) -> Vec<IpAddr> {
        let settings = &self.config.settings;
        let is_seen = reflexive || !settings.servers.stun.is_empty();
        ice::in_order(&settings.announced, addresses, is_seen)
    }

    /// STUN servers that are not the stream's own see the socket at `base` as `mapped`.
    pub fn add_reflexive(&mut self, component_id: u16, mapped: SocketAddr, base: SocketAddr) {
        if let Ok(state) = self.component_mut(component_id)
            && state.stays()
        {
            let candidate = state.component.add_reflexive(mapped, base);
            self.signal(component_id, candidate);
        }
    }

    /// They see it so from now on, and as `before` no more. A component that has a pair needs no other.
    pub fn reflexive_changed(
        &mut self,
        component_id: u16,
        mapped: SocketAddr,
        base: SocketAddr,
        before: Option<SocketAddr>,
    ) {
        let Ok(state) = self.component_mut(component_id) else {
            return;
        };
        if let Some(before) = before {
            state.component.forget_reflexive(before, base);
        }
        if !state.component.has_pair() {
            self.add_reflexive(component_id, mapped, base);
        }
    }

    /// A socket of this component's is bound to `address`.
    pub fn add_local_address(&mut self, component_id: u16, address: SocketAddr) {
        if let Ok(state) = self.component_mut(component_id) {
            let candidate = state.component.add_socket(address);
            self.signal(component_id, candidate);
        }
    }

    /// A TCP listener of this component's is bound to `address`.
    pub fn add_listener(&mut self, component_id: u16, address: SocketAddr) {
        if let Ok(state) = self.component_mut(component_id) {
            let candidate = state.component.add_listener(address);
            self.signal(component_id, candidate);
        }
    }

    /// TCP connections of this component's can be made from `ip`.
    pub fn add_connector(&mut self, component_id: u16, ip: IpAddr) {
        if let Ok(state) = self.component_mut(component_id) {
            let candidate = state.component.add_connector(ip);
            self.signal(component_id, candidate);
        }
    }

    /// The addresses of this machine that candidates leave by.
    pub fn local_addresses(&self) -> BTreeSet<IpAddr> {
        let components = self.components.iter().filter(|state| state.stays());
        components
            .flat_map(|state| state.component.agent().local_addresses())
            .collect()
    }

    /// Candidates of the peer's at these addresses are refused: nobody has them.
    pub fn bar(&mut self, addresses: &[IpAddr]) {
        for state in &mut self.components {
            state.component.agent_mut().bar(addresses);
        }
    }

    /// The machine has lost `address`: its sockets there are gone, and the peer is not told of them again.
    pub fn remove_local_address(&mut self, now: Instant, address: IpAddr) {
        for state in &mut self.components {
            state.component.remove_local_address(now, address);
        }
        self.settle(now);
    }

    /// The TCP connection of one of a component's pairs has ended.
    pub fn connection_closed(&mut self, now: Instant, component_id: u16, pair: Pair) {
        if let Ok(state) = self.component_mut(component_id) {
            state.component.connection_closed(now, pair);
            self.settle(now);
        }
    }

    /// The name that stands for an address of this machine's in what the peer is told, if it does. The local
    /// network is to be answered that the name is there, from before
    /// [`add_local_address`](Self::add_local_address) until the stream has ended.
    pub fn hidden_name(&self, address: IpAddr) -> Option<String> {
        hidden(
            self.hiding.as_deref(),
            &self.config.settings.announced,
            address,
        )
    }

    pub(super) fn signal(&mut self, component_id: u16, candidate: Option<String>) {
        let stays = self
            .component_mut(component_id)
            .is_ok_and(|state| state.stays());
        if let Some(candidate) = candidate.filter(|_| stays) {
            let candidate = self.tagged(&candidate);
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
            Owner::Shared => {}
            Owner::Stun(index) => {
                self.server_found(&lookup.of, |gatherer| gatherer.stun_found(*index, found));
            }
            Owner::Turn(index) => {
                self.server_found(&lookup.of, |gatherer| gatherer.turn_found(*index, found));
            }
        }
        for state in &mut self.components {
            state.component.handle_timeout(now);
        }
        self.settle(now);
    }

    fn server_found(&mut self, of: &Owner, tell: impl Fn(&mut Gatherer)) {
        self.gathering.pending.retain(|pending| pending != of);
        for state in &mut self.components {
            tell(state.component.gatherer_mut());
        }
    }

    /// What to do next with a connection to a relay.
    pub fn poll_relay(&mut self) -> Option<RelayRequest> {
        self.components
            .iter_mut()
            .find_map(|state| state.component.poll_relay())
    }

    /// The connection to a relay stands; `local` is this end of it.
    pub fn relay_opened(&mut self, now: Instant, relay: RelayId, local: SocketAddr) {
        self.with_relay(now, relay, |component| {
            let gatherer = component.gatherer_mut();
            gatherer.relay_opened(now, relay.number, local);
        });
    }

    /// The connection to a relay has ended, or there never was one.
    pub fn relay_closed(&mut self, now: Instant, relay: RelayId, end: &RelayEnd) {
        self.with_relay(now, relay, |component| {
            let gatherer = component.gatherer_mut();
            gatherer.relay_closed(now, relay.number, end);
        });
    }

    fn with_relay(&mut self, now: Instant, relay: RelayId, tell: impl FnOnce(&mut Component)) {
        if let Ok(state) = self.component_mut(relay.component_id) {
            tell(&mut state.component);
            state.component.handle_timeout(now);
            self.settle(now);
        }
    }

    /// Bytes have come on the connection to a relay. What is the application's, and has not to wait for what is still to
    /// be told, is given to `application`.
    pub fn handle_relay(
        &mut self,
        now: Instant,
        relay: RelayId,
        bytes: &[u8],
        mut application: impl FnMut(&[u8]),
    ) {
        let id = relay.component_id;
        let Ok(state) = self.component_mut(id) else {
            return;
        };
        let relayed = state.component.handle_relay(now, relay.number, bytes);
        self.settle(now);
        for datagram in relayed {
            let pair = Pair::udp(datagram.local, datagram.remote);
            let contents = Datagram::new(&datagram.contents);
            match self.handle_datagram(now, id, pair, contents) {
                Arrival::Application => application(&datagram.contents),
                Arrival::Dropped(cause) => self.dropped.push_back((id, None, cause)),
                _ => {}
            }
        }
    }

    /// So many datagrams of the handshake's, or for a relay, could not be sent.
    pub fn note_unsent(&mut self, now: Instant, component_id: u16, cause: Cause, count: usize) {
        if let Ok(state) = self.component_mut(component_id) {
            state.component.note_unsent(now, cause, count);
        }
    }

    /// The system did not take so many checks to `remote`, or requests to a STUN server there.
    pub fn note_unsent_checks(
        &mut self,
        component_id: u16,
        remote: SocketAddr,
        why: ErrorKind,
        count: usize,
    ) {
        if let Ok(state) = self.component_mut(component_id) {
            for _ in 0..count {
                state.component.agent_mut().note_unsent(remote, why);
            }
        }
    }

    /// A datagram has come to a socket of this component's alone, and is for nobody.
    pub fn note_stray(&mut self, component_id: u16, remote: SocketAddr, datagram: Datagram<'_>) {
        if let Ok(state) = self.component_mut(component_id) {
            state.component.agent_mut().note_stray(remote, datagram);
        }
    }

    /// Sends a datagram of the application's if the pair that [`route`](Self::route) gave goes through a
    /// relay that takes it, and tells whether it does.
    pub fn send_relayed(
        &mut self,
        now: Instant,
        component_id: u16,
        pair: Pair,
        datagram: &[u8],
    ) -> bool {
        let state = self.component_mut(component_id);
        state.is_ok_and(|state| state.component.send_relayed(now, pair, datagram))
    }

    pub(super) fn gathering_timeout(&self) -> Option<Instant> {
        let waits = self.stage == Stage::Gathering && self.gathering.bound;
        let until = self.gathering.until.filter(|_| waits);
        let again = self.gathering.again.filter(|_| self.stage != Stage::Ended);
        until.into_iter().chain(again).min()
    }

    /// Says that all candidates are known, if they are or have been waited for until `now`.
    pub(super) fn conclude_gathering(&mut self, now: Option<Instant>) {
        if self.stage != Stage::Gathering || !self.gathering.bound {
            return;
        }
        let late = now
            .zip(self.gathering.until)
            .is_some_and(|(now, until)| now >= until);
        let mut components = self.components.iter().map(|state| &state.component);
        let known = self.gathering.pending.is_empty() && components.all(Component::has_gathered);
        if known || late {
            self.stage = Stage::Gathered;
            self.notify(Notification::CandidateGatheringDone);
        }
    }
}
