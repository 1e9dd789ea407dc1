//! A gatherer, STUN and TURN servers of another make, and virtual time.

mod binding;
mod quirks;
mod refusal;
mod relay;
mod shared;
mod trouble;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use stun_proto::types::TransportType;
use stun_proto::types::attribute::XorMappedAddress;
use stun_proto::types::message::{
    BINDING, Message, MessageWrite as _, MessageWriteExt as _, MessageWriteVec,
};
use turn_server_proto::api::{Transmit as ServerTransmit, TurnServerApi as _, TurnServerPollRet};
use turn_server_proto::server::TurnServer as Server;
use turn_types::prelude::DelayedTransmitBuild as _;

use super::*;
use crate::ice::StunServer;

const COMPONENT: u16 = 1;

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

type Quirk = Box<dyn FnMut(SocketAddr, &Message<'_>) -> Option<Vec<u8>>>;

/// The network, with everybody in it but the gatherer.
struct World {
    start: Instant,
    now: Instant,
    gatherer: Gatherer,
    /// The STUN server's address, and as what it sees our socket.
    stun: SocketAddr,
    mapped: SocketAddr,
    /// TURN servers, and the address of our connection to each.
    relays: Vec<(Server, Option<SocketAddr>)>,
    /// Which server our connection to each goes to.
    servers: BTreeMap<usize, SocketAddr>,
    /// What a relay answers to a request in place of what it should, if it does.
    quirk: Option<Quirk>,
    /// What came to relays.
    came: Vec<(Instant, Vec<u8>)>,
    /// Addresses that do not answer.
    dead: Vec<SocketAddr>,
    loss: f64,
    random: fastrand::Rng,
    /// By arrival and departure: from where, to where.
    flying: BTreeMap<(Instant, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    sent: u64,
    found: Vec<(Instant, Found)>,
    /// What came to peers: from where, to where.
    at_peers: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    received: Vec<Relayed>,
    opened: Vec<(Instant, SocketAddr)>,
    /// What came from relays.
    seen: Vec<Vec<u8>>,
    /// Datagrams to the STUN server.
    asked: Vec<Instant>,
}

const LATENCY: Duration = Duration::from_millis(20);
const BASE: &str = "10.0.0.1:5000";
const PEER: &str = "198.51.100.7:700";

impl World {
    fn new(servers: &Servers) -> Self {
        let start = Instant::now();
        Self {
            start,
            now: start,
            gatherer: Gatherer::new(COMPONENT, servers, start),
            stun: addr("203.0.113.1:3478"),
            mapped: addr("192.0.2.33:33"),
            relays: servers
                .turn
                .iter()
                .map(|server| (relay(server.port), None))
                .collect(),
            servers: BTreeMap::new(),
            quirk: None,
            came: Vec::new(),
            dead: Vec::new(),
            loss: 0.0,
            random: fastrand::Rng::with_seed(7),
            flying: BTreeMap::new(),
            sent: 0,
            found: Vec::new(),
            at_peers: Vec::new(),
            received: Vec::new(),
            opened: Vec::new(),
            seen: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// All names are known and sockets bound.
    fn begin(&mut self) {
        self.gatherer.add_base(addr(BASE));
        self.gatherer.stun_found(0, &Ok(vec![self.stun]));
        for (number, (relay, _)) in self.relays.iter().enumerate() {
            let address = relay.listen_address();
            self.gatherer.turn_found(number, &Ok(vec![address]));
        }
    }

    fn at(&self) -> stun_proto::Instant {
        let elapsed = self.now.duration_since(self.start).as_nanos();
        stun_proto::Instant::from_nanos(elapsed.try_into().unwrap())
    }

    fn throw(&mut self, from: SocketAddr, to: SocketAddr, contents: Vec<u8>) {
        self.sent += 1;
        let is_dead = self.dead.contains(&from) || self.dead.contains(&to);
        if !is_dead && self.random.f64() >= self.loss {
            self.flying
                .insert((self.now + LATENCY, self.sent), (from, to, contents));
        }
    }

    /// Lets time pass up to `after` from the start, or until `done`.
    fn run(&mut self, after: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.start + after;
        loop {
            self.carry();
            if done(self) {
                return true;
            }
            let next = self.flying.keys().next().map(|(at, _)| *at);
            let due = self.gatherer.poll_timeout();
            let Some(at) = [next, due]
                .into_iter()
                .flatten()
                .min()
                .filter(|at| *at <= end)
            else {
                self.now = end;
                return false;
            };
            self.now = self.now.max(at);
            while let Some(entry) = self.flying.first_entry()
                && entry.key().0 <= self.now
            {
                let (from, to, contents) = entry.remove();
                self.land(from, to, contents);
            }
            self.gatherer.handle_timeout(self.now);
        }
    }

    fn carry(&mut self) {
        while let Some(transmit) = self.gatherer.poll_transmit() {
            self.asked.push(self.now);
            self.throw(transmit.local, transmit.remote, transmit.contents);
        }
        while let Some(request) = self.gatherer.poll_request() {
            self.obey(request);
        }
        while let Some(found) = self.gatherer.poll_found() {
            self.found.push((self.now, found));
        }
    }

    fn obey(&mut self, request: RelayRequest) {
        match request {
            RelayRequest::Open { relay, address, .. } => {
                self.opened.push((self.now, address));
                let port = 6000 + u16::try_from(self.opened.len()).unwrap();
                let local = SocketAddr::new(addr(BASE).ip(), port);
                self.relays[relay.number].1 = Some(local);
                self.servers.insert(relay.number, address);
                self.gatherer.relay_opened(self.now, relay.number, local);
            }
            RelayRequest::Send { relay, contents } => {
                let local = self.relays[relay.number].1;
                let (from, to) = (local.expect("it is open"), self.servers[&relay.number]);
                self.throw(from, to, contents);
            }
            RelayRequest::Close { relay } => self.relays[relay.number].1 = None,
        }
    }

    fn land(&mut self, from: SocketAddr, to: SocketAddr, contents: Vec<u8>) {
        // The relays answer Binding too, but this make of them answers itself.
        let is_binding = Message::from_bytes(&contents).is_ok_and(|m| m.has_method(BINDING));
        let is_relay = self
            .relays
            .iter()
            .any(|(relay, _)| relay.listen_address() == to);
        if to == self.stun || is_binding && is_relay {
            self.answer(from, to, &contents);
        } else if to == addr(BASE) {
            // A second answer to one request is no answer.
            self.gatherer
                .handle_answer(self.now, to, from, Datagram::new(&contents));
        } else if let Some(number) = self.relays.iter().position(|(_, local)| *local == Some(to)) {
            self.seen.push(contents.clone());
            let came = self.gatherer.handle_relay(self.now, number, &contents);
            self.received.extend(came);
        } else if to == addr(PEER) {
            self.at_peers.push((from, to, contents));
        } else {
            self.serve(from, to, &contents);
        }
    }

    fn answer(&mut self, from: SocketAddr, server: SocketAddr, request: &[u8]) {
        let request = Message::from_bytes(request).unwrap();
        let mut response = Message::builder_success(&request, MessageWriteVec::new());
        let mapped = XorMappedAddress::new(self.mapped, request.transaction_id());
        response.add_attribute(&mapped).unwrap();
        self.throw(server, from, response.finish());
    }

    /// Each server is given what comes to it or to what it has allocated.
    fn serve(&mut self, from: SocketAddr, to: SocketAddr, contents: &[u8]) {
        let at = self.at();
        self.came.push((self.now, contents.to_vec()));
        if let Some(quirk) = &mut self.quirk
            && let Ok(request) = Message::from_bytes(contents)
            && let Some(answer) = quirk(to, &request)
        {
            return self.throw(to, from, answer);
        }
        for number in 0..self.relays.len() {
            let server = &mut self.relays[number].0;
            // A relayed port tells whose it is.
            if to != server.listen_address() && to.port() / 1000 != 40 + number as u16 {
                continue;
            }
            let transmit = ServerTransmit::new(contents.to_vec(), TransportType::Udp, from, to);
            if let Some(built) = server.recv(transmit, at) {
                let (from, to) = (built.from, built.to);
                let contents = built.data.build();
                self.throw(from, to, contents);
            }
            self.let_serve(number, from);
        }
    }

    fn let_serve(&mut self, number: usize, client: SocketAddr) {
        let at = self.at();
        for _ in 0..8 {
            let server = &mut self.relays[number].0;
            if let TurnServerPollRet::AllocateSocket {
                transport,
                listen_addr,
                client_addr,
                allocation_transport,
                family,
            } = server.poll(at)
            {
                let port = 40_000 + 1000 * number as u16 + client.port() % 1000;
                let relayed = SocketAddr::new(listen_addr.ip(), port);
                server.allocated_socket(
                    transport,
                    listen_addr,
                    client_addr,
                    allocation_transport,
                    family,
                    Ok(relayed),
                    at,
                );
            }
            while let Some(transmit) = self.relays[number].0.poll_transmit(at) {
                self.throw(transmit.from, transmit.to, transmit.data);
            }
        }
    }

    fn relayed(&self) -> Vec<SocketAddr> {
        let each = self.found.iter().filter_map(|(_, found)| match found {
            Found::Relayed { relayed, .. } => Some(*relayed),
            _ => None,
        });
        each.collect()
    }

    fn troubles(&self) -> Vec<&str> {
        let each = self.found.iter().filter_map(|(_, found)| match found {
            Found::Trouble(reason) => Some(reason.as_str()),
            _ => None,
        });
        each.collect()
    }
}

/// A relay that has just started.
fn relay(port: u16) -> Server {
    let address = SocketAddr::new(addr("203.0.113.9:0").ip(), port);
    let mut relay = Server::new(TransportType::Udp, address, "realm".to_owned());
    relay.add_user("alice".to_owned(), "secret".to_owned());
    relay
}

fn stun_only() -> Servers {
    let stun: StunServer = "stun:stun.example".parse().unwrap();
    Servers {
        stun: vec![stun],
        ..Servers::default()
    }
}

fn turn(uris: &[&str]) -> Servers {
    Servers {
        turn: uris.iter().map(|uri| uri.parse().unwrap()).collect(),
        ..Servers::default()
    }
}
