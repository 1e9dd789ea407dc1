//! Candidates from STUN and TURN servers, for one component.
//!
//! A [`Gatherer`] is driven like an [`Agent`](super::Agent): after any call on it take what its
//! `poll_` functions give. Connections to relays are held by whoever drives it:
//! [`RelayRequest`]s say what to do with them, and [`Gatherer::relay_opened`],
//! [`Gatherer::relay_closed`] and [`Gatherer::handle_relay`] are told what became of it.

mod address;
mod binding;
mod found;
mod framing;
mod relay;
mod request;
mod session;
mod shared;
mod stun;
#[cfg(test)]
mod tests;
mod trouble;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::{Datagram, Pair, Servers, Transmit, Transport};
use binding::Binding;
use relay::{Change, Relay};
use stun::Stun;
use trouble::sum_up;

pub use found::{Found, Relayed};
pub use request::{RelayEnd, RelayId, RelayRequest};
pub use shared::Reflexive;
pub(crate) use shared::{Driver, Mapping, SharedStun};

/// Between the first requests to several servers or from several sockets: Ta of RFC 8445 §14.2.
const PACE: Duration = Duration::from_millis(20);

/// STUN and TURN for one component.
#[derive(Debug)]
pub struct Gatherer {
    component_id: u16,
    /// The latest time seen.
    now: Instant,
    stun: Vec<Stun>,
    relays: Vec<Relay>,
    relay_only: bool,
    bases: Vec<SocketAddr>,
    /// Its checks keep the mapping of its base open.
    selected: Option<Pair>,
    found: VecDeque<Found>,
}

impl Gatherer {
    /// Nothing is asked yet: addresses of servers and sockets come later.
    pub fn new(component_id: u16, servers: &Servers, now: Instant) -> Self {
        let stun = servers.stun.iter().map(|server| Stun {
            name: server.to_string(),
            addresses: Vec::new(),
            bindings: Vec::new(),
            cause: None,
        });
        Self {
            component_id,
            now,
            stun: stun.collect(),
            relays: servers.turn.iter().cloned().map(Relay::new).collect(),
            relay_only: servers.relay_only,
            bases: Vec::new(),
            selected: None,
            found: VecDeque::new(),
        }
    }

    /// A socket is bound to `base`.
    pub fn add_base(&mut self, base: SocketAddr) {
        if !self.bases.contains(&base) {
            self.bases.push(base);
            self.ask_all();
        }
    }

    /// The sockets at `address` are of no use any more.
    pub fn remove_bases(&mut self, address: IpAddr) {
        self.bases.retain(|base| base.ip() != address);
        for stun in &mut self.stun {
            stun.bindings.retain(|binding| binding.base.ip() != address);
        }
    }

    /// What the name of a STUN server stands for, at least one address, or why that is not known.
    pub fn stun_found(&mut self, index: usize, addresses: &Result<Vec<SocketAddr>, String>) {
        let Some(stun) = self.stun.get_mut(index) else {
            return;
        };
        match addresses {
            Ok(addresses) => stun.addresses.clone_from(addresses),
            Err(cause) => stun.fail(cause, &mut self.found),
        }
        self.ask_all();
    }

    /// What the name of a TURN server stands for, at least one address, or why that is not known.
    pub fn turn_found(&mut self, index: usize, addresses: &Result<Vec<SocketAddr>, String>) {
        let Some(relay) = self.relays.get_mut(index) else {
            return;
        };
        match addresses {
            Ok(addresses) => relay.found(self.now, addresses.clone()),
            Err(cause) => {
                let change = relay.fail(cause);
                self.changed(change.into_iter().collect());
            }
        }
    }

    /// Each socket asks each server.
    fn ask_all(&mut self) {
        let mut start = self.now;
        for stun in &mut self.stun {
            for &base in &self.bases {
                if stun.ask(base, start) {
                    start += PACE;
                }
            }
        }
    }

    /// Asks the servers again that did not answer.
    pub fn again(&mut self, now: Instant) {
        self.now = self.now.max(now);
        for stun in &mut self.stun {
            stun.bindings.retain(|binding| !binding.has_failed());
            stun.cause = None;
        }
        for relay in &mut self.relays {
            relay.again(self.now);
        }
        self.ask_all();
    }

    /// Whether every server has answered or is known not to.
    pub fn is_settled(&self) -> bool {
        self.relays.iter().all(Relay::is_settled)
            && self.bindings().all(Binding::is_settled)
            && self.found.is_empty()
    }

    /// How many TURN servers are to be used.
    pub fn turn_servers(&self) -> usize {
        self.relays.len()
    }

    /// What is wrong with servers, those included that have not answered so far, in part of a sentence.
    pub fn troubles(&self) -> Option<String> {
        let stun = self.stun.iter().filter_map(Stun::trouble);
        sum_up(stun.chain(self.relays.iter().filter_map(Relay::trouble)))
    }

    /// Why there will not be any candidate, if only relays are used and none of them has given one: what is wrong with
    /// their servers, in part of a sentence, once each has refused to. A server that was silent may yet answer.
    pub fn refusal(&self) -> Option<String> {
        let is_over = self.relay_only && self.relays.iter().all(Relay::is_refused);
        is_over.then(|| self.troubles()).flatten()
    }

    /// The pair that is selected, or that none is: a relay's gets a channel, a socket's needs no other
    /// keepalive, and once a pair is lost each relay is asked whether it still works.
    pub fn set_selected(&mut self, now: Instant, pair: Option<Pair>) {
        self.now = self.now.max(now);
        let before = std::mem::replace(&mut self.selected, pair);
        // Whoever fell silent may not be the peer; and a relay that was not in use can have forgotten us, too.
        if pair.is_none() && before.is_some() {
            let sessions = self.relays.iter_mut().filter_map(Relay::session);
            sessions.for_each(|session| session.probe(now));
        }
        if let Some(pair) = pair
            && let Some(relay) = self.relay_at(pair.local)
            && let Some(session) = relay.session()
        {
            session.bind(now, pair.remote);
        }
    }

    /// Whether there is any relay to send through.
    pub fn has_relays(&self) -> bool {
        !self.relays.is_empty()
    }

    /// Whether `local` is a relay's address, so that what leaves from there goes through
    /// [`send`](Self::send).
    pub fn is_relay(&self, local: SocketAddr) -> bool {
        self.relays.iter().any(|relay| relay.relays(local))
    }

    /// Sends a datagram from the relay's address `local`. Tells whether it leaves, or waits for a permission.
    pub fn send(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        self.now = self.now.max(now);
        let session = self.relay_at(local).and_then(Relay::session);
        session.is_some_and(|session| session.send(now, remote, datagram))
    }

    /// Takes a datagram if it is what a STUN server answers.
    pub fn handle_answer(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: Datagram<'_>,
    ) -> bool {
        self.now = self.now.max(now);
        let mut bindings = self.stun.iter_mut().flat_map(|stun| &mut stun.bindings);
        let kind = datagram.stun();
        let Some(binding) = bindings.find(|binding| binding.is_answer(local, remote, kind)) else {
            return false;
        };
        let base = binding.base;
        if let Some(mapped) = binding.handle_answer(now, datagram.bytes()) {
            self.found.push_back(Found::Reflexive { mapped, base });
        }
        true
    }

    /// The connection to a relay stands; `local` is this end of it.
    pub fn relay_opened(&mut self, now: Instant, number: usize, local: SocketAddr) {
        self.now = self.now.max(now);
        if let Some(relay) = self.relays.get_mut(number) {
            relay.opened(now, local);
        }
    }

    /// The connection to a relay has ended, or there never was one.
    pub fn relay_closed(&mut self, now: Instant, number: usize, end: &RelayEnd) {
        self.now = self.now.max(now);
        if let Some(relay) = self.relays.get_mut(number) {
            let mut changes = Vec::new();
            relay.closed(now, end, &mut changes);
            self.changed(changes);
        }
    }

    /// Bytes have come from a relay: a datagram, or the next ones of a stream. Returns what peers sent.
    pub fn handle_relay(&mut self, now: Instant, number: usize, bytes: &[u8]) -> Vec<Relayed> {
        self.now = self.now.max(now);
        let mut received = Vec::new();
        if let Some(session) = self.relays.get_mut(number).and_then(Relay::session) {
            session.handle(now, bytes, |local, remote, datagram| {
                received.push(Relayed {
                    local,
                    remote,
                    contents: datagram.to_vec(),
                });
            });
        }
        received
    }

    /// Gives all allocations back.
    pub fn close(&mut self, now: Instant) -> Vec<RelayRequest> {
        let mut requests = Vec::new();
        for (number, relay) in self.relays.iter_mut().enumerate() {
            let relay_id = RelayId {
                component_id: self.component_id,
                number,
            };
            let is_open = relay.session().is_some();
            let last = relay.close(now);
            requests.extend(last.into_iter().map(|contents| RelayRequest::Send {
                relay: relay_id,
                contents,
            }));
            if is_open {
                requests.push(RelayRequest::Close { relay: relay_id });
            }
        }
        self.stun.clear();
        requests
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        for relay in &mut self.relays {
            relay.handle_timeout(now);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and poll.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.found.is_empty() {
            return Some(self.now);
        }
        let bindings = self.bindings().filter(|binding| !self.rests(binding));
        let relays = self.relays.iter().filter_map(Relay::poll_timeout);
        bindings
            .filter_map(Binding::poll_timeout)
            .chain(relays)
            .min()
    }

    /// The next request to a STUN server.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let (now, selected) = (self.now, self.selected_base());
        for stun in &mut self.stun {
            for binding in &mut stun.bindings {
                if Some(binding.base) == selected && binding.is_settled() {
                    binding.rest(now);
                }
                if let Some(contents) = binding.poll_transmit(now) {
                    let pair = Pair::udp(binding.base, binding.server);
                    return Some(Transmit::new(pair, contents));
                }
            }
            stun.judge(&mut self.found);
        }
        None
    }

    /// What to do next with a connection to a relay.
    pub fn poll_request(&mut self) -> Option<RelayRequest> {
        for number in 0..self.relays.len() {
            let id = RelayId {
                component_id: self.component_id,
                number,
            };
            loop {
                let mut changes = Vec::new();
                let request = self.relays[number].poll(self.now, id, &mut changes);
                let has_changed = !changes.is_empty();
                self.changed(changes);
                match request {
                    Some(request) => return Some(request),
                    None if has_changed => {}
                    None => break,
                }
            }
        }
        None
    }

    /// The next thing that servers have given or taken. Ask after
    /// [`poll_request`](Self::poll_request) and [`poll_transmit`](Self::poll_transmit).
    pub fn poll_found(&mut self) -> Option<Found> {
        self.found.pop_front()
    }

    fn changed(&mut self, changes: Vec<Change>) {
        self.found
            .extend(changes.into_iter().map(|change| match change {
                Change::Up { relayed, socket } => Found::Relayed { relayed, socket },
                Change::Down { relayed } => Found::Gone { relayed },
                Change::Failed(reason) => Found::Trouble(reason),
            }));
    }

    fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.stun.iter().flat_map(|stun| &stun.bindings)
    }

    fn rests(&self, binding: &Binding) -> bool {
        Some(binding.base) == self.selected_base() && binding.is_settled()
    }

    fn selected_base(&self) -> Option<SocketAddr> {
        let over_udp = self
            .selected
            .filter(|pair| pair.transport == Transport::Udp);
        over_udp.map(|pair| pair.local)
    }

    fn relay_at(&mut self, local: SocketAddr) -> Option<&mut Relay> {
        self.relays.iter_mut().find(|relay| relay.relays(local))
    }
}
