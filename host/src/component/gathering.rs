//! What STUN and TURN servers bring to a component, and what goes through relays.
use super::{Component, Event, Phase};
use crate::ice::{Found, Gatherer, Pair, RelayRequest, Transport};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

impl Component {
    /// A socket of this component's is bound to `address`. Gives the candidate to signal.
    pub fn add_socket(&mut self, address: SocketAddr) -> Option<String> {
        self.gatherer.add_base(address);
        self.agent.add_local_host(address)
    }

    /// A TCP listener of this component's is bound to `address`. Gives the candidate to signal.
    pub fn add_listener(&mut self, address: SocketAddr) -> Option<String> {
        self.agent.add_local_passive(address)
    }

    /// TCP connections can be made from `ip`. Gives the candidate to signal.
    pub fn add_connector(&mut self, ip: IpAddr) -> Option<String> {
        self.agent.add_local_active(ip)
    }

    /// The TCP connection of `pair` has ended.
    pub fn connection_closed(&mut self, now: Instant, pair: Pair) {
        if self.driver.phase() != Phase::Ended {
            self.agent.connection_closed(now, pair);
            self.settle(now);
        }
    }

    /// Whether every STUN and TURN server has answered or is known not to; there is nothing to wait for after
    /// the end.
    pub fn has_gathered(&self) -> bool {
        self.driver.phase() == Phase::Ended || self.gatherer.is_settled()
    }

    /// Bytes have come on the connection to a relay. What is the application's is given to `application`.
    pub fn handle_relay(
        &mut self,
        now: Instant,
        number: usize,
        bytes: &[u8],
        mut application: impl FnMut(&[u8]),
    ) {
        for relayed in self.gatherer.handle_relay(now, number, bytes) {
            let pair = Pair::udp(relayed.local, relayed.remote);
            let arrival = self.handle_datagram(now, pair, &relayed.contents);
            if arrival == super::Arrival::Application {
                application(&relayed.contents);
            }
        }
        self.settle(now);
    }

    /// Sends a datagram of the application's if `pair` goes through a relay, and tells whether it does.
    pub fn send_relayed(&mut self, now: Instant, pair: Pair, datagram: &[u8]) -> bool {
        let is_relay = is_relay(&self.gatherer, pair);
        if is_relay {
            self.gatherer.send(now, pair.local, pair.remote, datagram);
            self.exchange(now);
        }
        is_relay
    }

    /// What to do next with a connection to a relay.
    pub fn poll_relay(&mut self) -> Option<RelayRequest> {
        self.relay_requests.pop_front()
    }

    /// Whether [`poll_relay`](Self::poll_relay) has something to give.
    pub fn has_relay_requests(&self) -> bool {
        !self.relay_requests.is_empty()
    }

    pub(super) fn poll_found(&mut self) -> Option<Found> {
        self.pump();
        self.gatherer.poll_found()
    }

    pub(super) fn take_found(&mut self, found: Found) {
        match found {
            Found::Reflexive { mapped, base } => {
                if let Some(candidate) = self.agent.add_local_reflexive(mapped, base) {
                    self.tell_candidate(candidate, mapped);
                }
            }
            Found::Relayed { relayed, socket } => {
                if let Some(candidate) = self.agent.add_local_relayed(relayed, socket) {
                    self.tell_candidate(candidate, relayed);
                }
            }
            Found::Gone { relayed } => self.agent.remove_local_relayed(relayed),
            Found::Trouble(reason) => {
                let warning = format!("component {}: {reason}", self.id());
                self.events.push_back(Event::Warning(warning));
            }
        }
    }

    /// What is to leave from a relay's address goes to the relay.
    pub(super) fn exchange(&mut self, now: Instant) {
        let gatherer = &mut self.gatherer;
        if !gatherer.has_relays() {
            return self.pump();
        }
        self.transmits.retain(|transmit| {
            let is_relay = is_relay(gatherer, transmit.pair());
            if is_relay {
                gatherer.send(now, transmit.local, transmit.remote, &transmit.contents);
            }
            !is_relay
        });
        self.pump();
    }

    /// The component has ended: its relays are not needed any more.
    pub(super) fn leave_relays(&mut self, now: Instant) {
        self.exchange(now);
        self.relay_requests.extend(self.gatherer.close(now));
    }

    /// The reason of a failure, and what is wrong with servers.
    pub(super) fn with_troubles(&self, reason: String) -> String {
        match self.gatherer.troubles() {
            Some(troubles) => format!("{reason}; {troubles}"),
            None => reason,
        }
    }

    fn pump(&mut self) {
        while let Some(transmit) = self.gatherer.poll_transmit() {
            self.transmits.push_back(transmit);
        }
        while let Some(request) = self.gatherer.poll_request() {
            self.relay_requests.push_back(request);
        }
    }

    fn tell_candidate(&mut self, line: String, address: SocketAddr) {
        self.events.push_back(Event::Candidate { line, address });
    }
}

fn is_relay(gatherer: &Gatherer, pair: Pair) -> bool {
    pair.transport == Transport::Udp && gatherer.is_relay(pair.local)
}
