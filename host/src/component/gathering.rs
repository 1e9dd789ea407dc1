//! What STUN and TURN servers bring to a component, and what goes through relays.
use super::{Cause, Component, Event, Failure, Phase};
use crate::ice::{self, Found, Gatherer, Pair, RelayRequest, Relayed, Transport, stun_kind};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

impl Component {
    /// A socket of this component's is bound to `address`. Gives the candidate to signal.
    pub fn add_socket(&mut self, address: SocketAddr) -> Option<String> {
        self.gatherer.add_base(address);
        self.agent.add_local_host(address)
    }

    /// STUN servers see this component's socket at `base` as `mapped`. Gives the candidate to signal.
    pub fn add_reflexive(&mut self, mapped: SocketAddr, base: SocketAddr) -> Option<String> {
        self.agent.add_local_reflexive(mapped, base)
    }

    /// They see it so no more.
    pub fn forget_reflexive(&mut self, mapped: SocketAddr, base: SocketAddr) {
        self.agent.forget_local_reflexive(mapped, base);
    }

    /// A TCP listener of this component's is bound to `address`. Gives the candidate to signal.
    pub fn add_listener(&mut self, address: SocketAddr) -> Option<String> {
        self.agent.add_local_passive(address)
    }

    /// TCP connections can be made from `ip`. Gives the candidate to signal.
    pub fn add_connector(&mut self, ip: IpAddr) -> Option<String> {
        self.agent.add_local_active(ip)
    }

    /// The machine has lost `address`: the component's sockets there are gone.
    pub fn remove_local_address(&mut self, now: Instant, address: IpAddr) {
        if self.driver.phase() != Phase::Ended {
            self.gatherer.remove_bases(address);
            self.agent.remove_local_address(address);
            self.settle(now);
        }
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

    /// Bytes have come on the connection to a relay. Returns what peers sent through it, to be handed in as what comes
    /// to a socket is.
    pub fn handle_relay(&mut self, now: Instant, number: usize, bytes: &[u8]) -> Vec<Relayed> {
        let relayed = self.gatherer.handle_relay(now, number, bytes);
        self.settle(now);
        relayed
    }

    /// Sends a datagram of the application's if `pair` goes through a relay that takes it, and tells whether it does.
    pub fn send_relayed(&mut self, now: Instant, pair: Pair, datagram: &[u8]) -> bool {
        let gatherer = &mut self.gatherer;
        let is_sent =
            is_relay(gatherer, pair) && gatherer.send(now, pair.local, pair.remote, datagram);
        self.exchange(now);
        is_sent
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
                    self.events.push_back(Event::Candidate(candidate));
                }
            }
            Found::Relayed { relayed, socket } => {
                if let Some(candidate) = self.agent.add_local_relayed(relayed, socket) {
                    self.events.push_back(Event::Candidate(candidate));
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
        let drops = &mut self.drops;
        self.transmits.retain(|transmit| {
            let (pair, contents) = (transmit.pair(), &transmit.contents);
            let is_relay = is_relay(gatherer, pair);
            // ICE repeats its checks.
            if is_relay
                && !gatherer.send(now, pair.local, pair.remote, contents)
                && stun_kind(contents).is_none()
            {
                drops.note(now, Cause::Unsent);
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

    /// Why there is nothing to wait for: nothing but relays is used, and there will be none.
    pub(super) fn refusal(&self) -> Option<Failure> {
        let refusal = self.gatherer.refusal().filter(|_| !self.is_leaving())?;
        Some(Failure::Ice {
            cause: ice::Failure::NoRelay { refusal },
            notes: Vec::new(),
        })
    }

    fn pump(&mut self) {
        while let Some(transmit) = self.gatherer.poll_transmit() {
            self.transmits.push_back(transmit);
        }
        while let Some(request) = self.gatherer.poll_request() {
            self.relay_requests.push_back(request);
        }
    }
}

fn is_relay(gatherer: &Gatherer, pair: Pair) -> bool {
    pair.transport == Transport::Udp && gatherer.is_relay(pair.local)
}
