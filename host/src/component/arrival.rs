//! What comes to a component, and what is dropped of it.
use super::driver::Route;
use super::{Arrival, Cause, Component, Event, Phase};
use crate::ice::{Datagram, Pair, Transport};
use std::net::SocketAddr;
use std::time::Instant;

impl Component {
    /// A datagram that arrived at the local address of `pair` from its remote one. Anything may stand in it; an
    /// empty one is nobody's (RFC 7983 tells by the first byte, and RFC 4571 has none to carry over TCP).
    pub fn handle_datagram(&mut self, now: Instant, pair: Pair, datagram: Datagram<'_>) -> Arrival {
        let bytes = datagram.bytes();
        if bytes.is_empty() {
            return Arrival::Consumed;
        }
        let is_stun = datagram.stun().is_some();
        let Pair {
            transport,
            local,
            remote,
        } = pair;
        if self.driver.phase() == Phase::Ended {
            return match is_stun {
                true => Arrival::Consumed,
                false => self.drop(now, Cause::Ended),
            };
        }
        if !is_stun && !self.agent.is_verified(transport, remote) {
            if !self.agent.expects(transport, remote) {
                return self.drop(now, Cause::Unverified);
            }
            return self.keep(now, (transport, remote), bytes);
        }
        if !is_stun {
            self.data_began |= self.agent.note_data(now, pair);
        }
        let may_be_answer = is_stun && transport == Transport::Udp;
        let arrival = if may_be_answer && self.gatherer.handle_answer(now, local, remote, datagram)
        {
            Arrival::Consumed
        } else if is_stun {
            self.handle_stun(now, pair, datagram)
        } else {
            self.arrived += 1;
            self.came.note(bytes);
            match self.admit(now, self.arrived, bytes) {
                Arrival::Application => return Arrival::Application,
                arrival => arrival,
            }
        };
        self.settle(now);
        arrival
    }

    /// Keeps a datagram from where the peer may be until it is known to be there.
    fn keep(&mut self, now: Instant, source: (Transport, SocketAddr), datagram: &[u8]) -> Arrival {
        self.arrived += 1;
        self.came.note(datagram);
        for number in self.strangers.keep(source, self.arrived, datagram) {
            self.take_drop(now, number, Cause::Unverified);
        }
        Arrival::Waiting(self.arrived)
    }

    /// Hands in a datagram that is not ICE's, from a verified address, with its number.
    fn admit(&mut self, now: Instant, number: u64, datagram: &[u8]) -> Arrival {
        match self.driver.handle_datagram(number, datagram) {
            Route::Application => Arrival::Application,
            Route::Taken => Arrival::Consumed,
            Route::Waiting => Arrival::Waiting(number),
            Route::Dropped(cause) => self.drop(now, cause),
        }
    }

    /// So many datagrams of the handshake's, or for a relay, could not be sent.
    pub fn note_unsent(&mut self, now: Instant, cause: Cause, count: usize) {
        for _ in 0..count {
            self.drops.note(now, cause);
        }
    }

    fn drop(&mut self, now: Instant, cause: Cause) -> Arrival {
        self.drops.note(now, cause);
        Arrival::Dropped(cause)
    }

    fn handle_stun(&mut self, now: Instant, pair: Pair, datagram: Datagram<'_>) -> Arrival {
        if !self.agent.handle_stun(now, pair, datagram) {
            return Arrival::Consumed;
        }
        let (transport, remote) = (pair.transport, pair.remote);
        if !self.agent.is_verified(transport, remote) {
            return Arrival::Authentic;
        }
        // A selected pair, and all that follows from it, is told before what the peer has sent.
        self.settle(now);
        let taken = self.strangers.take((transport, remote));
        self.drops.note_ahead(now, taken.lost);
        for (number, datagram) in taken.datagrams {
            match self.admit(now, number, &datagram) {
                Arrival::Application => self.events.push_back(Event::Application(datagram)),
                Arrival::Dropped(cause) => {
                    self.events.push_back(Event::Dropped(Some(number), cause));
                }
                _ => {}
            }
        }
        Arrival::Verified
    }
}
