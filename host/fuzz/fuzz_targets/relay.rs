//! STUN and TURN servers: an allocation on a real relay over datagrams, or over a stream that is cut anywhere, and
//! answers that were tampered with or made up, such with a valid MESSAGE-INTEGRITY among them, as only a misbehaving
//! server can send. The time limit of each input is what tells of a loop that takes nothing.
#![no_main]
use arbitrary::Arbitrary;
use handclasp::ice::{Datagram, Gatherer, RelayEnd, RelayRequest, Servers};
use handclasp_fuzz::{Made, Tamper, sign};
use libfuzzer_sys::fuzz_target;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use stun_proto::types::TransportType;
use turn_server_proto::api::{Transmit, TurnServerApi as _, TurnServerPollRet};
use turn_server_proto::server::TurnServer as Server;
use turn_types::prelude::DelayedTransmitBuild as _;

#[derive(Arbitrary, Debug)]
struct Story<'a> {
    /// Whether the relay is reached over TCP.
    stream: bool,
    steps: Vec<Step<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    /// Eighths of a second.
    Pass(u8),
    /// Something for a peer.
    Send(u8, &'a [u8]),
    /// Something from a peer.
    Peer(u8, &'a [u8]),
    Tampered(u8, Tamper),
    Made(Made<'a>, bool),
    Bytes(&'a [u8]),
    /// From now on a stream brings so many bytes at a time, whatever was written at once; 0: all.
    Cut(u8),
    /// The STUN server answers, or whoever can send in its name.
    Answer(Made<'a>),
    Closed,
    Selects(bool),
}

/// MD5 of `alice:realm:secret` (RFC 8489, section 9.2.2).
const KEY: [u8; 16] = [
    0xe1, 0x62, 0x33, 0xc0, 0x9b, 0x68, 0x5e, 0x3d, 0xd5, 0xe1, 0x76, 0x71, 0x51, 0x3d, 0xb3, 0xdf,
];
/// Most overheard messages to tamper with.
const OVERHEARD: usize = 32;

struct World {
    gatherer: Gatherer,
    server: Server,
    is_stream: bool,
    /// What has been written to the stream and has not arrived, and how many bytes of it arrive at a time.
    under_way: Vec<u8>,
    cut: usize,
    start: Instant,
    now: Instant,
    /// What the relay said.
    overheard: VecDeque<Vec<u8>>,
    /// The transaction ids of the last requests to the STUN server and to the relay.
    asked: [[u8; 12]; 2],
    relayed: Option<SocketAddr>,
}

fuzz_target!(|story: Story<'_>| {
    let mut world = World::new(story.stream);
    world.carry();
    for step in story.steps {
        world.take(step);
        world.carry();
    }
    world.pass(Duration::from_secs(2));
    let now = world.now;
    let _ = world.gatherer.close(now);
    let held = format!("{:?}", world.gatherer).len();
    assert!(held < 1 << 20, "it holds {held} characters");
});

impl World {
    fn new(is_stream: bool) -> Self {
        let start = Instant::now();
        let transport = if is_stream { "tcp" } else { "udp" };
        let turn = format!("turn:alice:secret@203.0.113.9?transport={transport}");
        let servers = Servers {
            stun: vec!["stun:203.0.113.1".parse().expect("it is a URI")],
            turn: vec![turn.parse().expect("it is a URI")],
            relay_only: false,
        };
        let mut server = Server::new(TransportType::Udp, relay(), "realm".to_owned());
        server.add_user("alice".to_owned(), "secret".to_owned());
        let mut gatherer = Gatherer::new(1, &servers, start);
        gatherer.add_base(base());
        gatherer.stun_found(0, &Ok(vec![stun()]));
        gatherer.turn_found(0, &Ok(vec![relay()]));
        Self {
            gatherer,
            server,
            is_stream,
            under_way: Vec::new(),
            cut: 0,
            start,
            now: start,
            overheard: VecDeque::new(),
            asked: [[0; 12]; 2],
            relayed: None,
        }
    }

    fn take(&mut self, step: Step<'_>) {
        match step {
            Step::Pass(eighths) => self.pass(Duration::from_millis(125) * eighths.into()),
            Step::Send(port, bytes) => {
                let local = self.relayed.unwrap_or(base());
                self.gatherer.send(self.now, local, peer(port), bytes);
            }
            Step::Peer(port, bytes) => {
                if let Some(relayed) = self.relayed {
                    self.serve(peer(port), relayed, bytes);
                }
            }
            Step::Tampered(which, tamper) => {
                let pick = |which: u8| {
                    let place = usize::from(which) % self.overheard.len().max(1);
                    self.overheard.get(place).cloned().unwrap_or_default()
                };
                let changed = tamper.apply(&pick(which), &pick(which.rotate_left(4)));
                self.came(&changed);
            }
            Step::Made(made, signed) => {
                let mut message = made.datagram(self.asked[1], "alice");
                if signed {
                    sign(&mut message, &KEY);
                }
                self.came(&message);
            }
            Step::Bytes(bytes) => self.came(bytes),
            Step::Cut(bytes) => self.cut = bytes.into(),
            Step::Answer(made) => {
                let answer = made.datagram(self.asked[0], "");
                self.gatherer
                    .handle_answer(self.now, base(), stun(), Datagram::new(&answer));
            }
            Step::Closed => {
                let reset = RelayEnd::Broken("it was reset".to_owned());
                self.gatherer.relay_closed(self.now, 0, &reset);
            }
            Step::Selects(is_selected) => {
                let pair = handclasp::ice::Pair::udp(base(), peer(1));
                self.gatherer
                    .set_selected(self.now, is_selected.then_some(pair));
            }
        }
    }

    /// Bytes come on the connection to the relay: a datagram, or more of the stream.
    fn came(&mut self, bytes: &[u8]) {
        self.under_way.extend_from_slice(bytes);
        let cut = if self.is_stream { self.cut } else { 0 };
        while !self.under_way.is_empty() && self.under_way.len() >= cut {
            let length = if cut == 0 { self.under_way.len() } else { cut };
            let rest = self.under_way.split_off(length);
            let piece = std::mem::replace(&mut self.under_way, rest);
            let _ = self.gatherer.handle_relay(self.now, 0, &piece);
        }
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        let mut turns = 0;
        self.carry();
        while let Some(due) = self.gatherer.poll_timeout().filter(|due| *due <= end) {
            turns = if due > self.now { 0 } else { turns + 1 };
            assert!(turns < 1000, "time stands still");
            self.now = due.max(self.now);
            self.gatherer.handle_timeout(self.now);
            self.carry();
        }
        self.now = end;
    }

    fn carry(&mut self) {
        for turn in 0.. {
            assert!(turn < 1000, "it never has enough");
            let mut is_idle = true;
            while let Some(transmit) = self.gatherer.poll_transmit() {
                (self.asked[0], is_idle) = (transaction(&transmit.contents), false);
            }
            while let Some(request) = self.gatherer.poll_request() {
                is_idle = false;
                match request {
                    RelayRequest::Open { relay, .. } => {
                        self.gatherer.relay_opened(self.now, relay.number, local());
                    }
                    RelayRequest::Send { contents, .. } => {
                        self.asked[1] = transaction(&contents);
                        self.serve(local(), relay(), &contents);
                    }
                    RelayRequest::Close { .. } => {}
                }
            }
            while self.gatherer.poll_found().is_some() {}
            if is_idle {
                return;
            }
        }
    }

    /// Gives the relay what has arrived at one of its addresses.
    fn serve(&mut self, from: SocketAddr, to: SocketAddr, contents: &[u8]) {
        let elapsed = self.now.duration_since(self.start).as_nanos();
        let at = stun_proto::Instant::from_nanos(elapsed.try_into().expect("a story is short"));
        let transmit = Transmit::new(contents.to_vec(), TransportType::Udp, from, to);
        if let Some(built) = self.server.recv(transmit, at) {
            let (to, contents) = (built.to, built.data.build());
            self.say(to, contents);
        }
        for _ in 0..8 {
            if let TurnServerPollRet::AllocateSocket {
                transport,
                listen_addr,
                client_addr,
                allocation_transport,
                family,
            } = self.server.poll(at)
            {
                let relayed = SocketAddr::new(listen_addr.ip(), 40_000);
                self.relayed = Some(relayed);
                let (client, kind) = (client_addr, allocation_transport);
                let server = &mut self.server;
                server.allocated_socket(
                    transport,
                    listen_addr,
                    client,
                    kind,
                    family,
                    Ok(relayed),
                    at,
                );
            }
            while let Some(transmit) = self.server.poll_transmit(at) {
                self.say(transmit.to, transmit.data);
            }
        }
    }

    fn say(&mut self, to: SocketAddr, mut contents: Vec<u8>) {
        if to != local() {
            return; // it is for a peer
        }
        if self.is_stream {
            contents.resize(contents.len().next_multiple_of(4), 0);
        }
        self.overheard.push_front(contents.clone());
        self.overheard.truncate(OVERHEARD);
        self.came(&contents);
    }
}

fn transaction(message: &[u8]) -> [u8; 12] {
    let id = message.get(8..20).and_then(|id| id.try_into().ok());
    id.unwrap_or_default()
}

fn base() -> SocketAddr {
    ([10, 0, 0, 1], 5000).into()
}

/// This end of the connection to the relay.
fn local() -> SocketAddr {
    ([10, 0, 0, 1], 6000).into()
}

fn stun() -> SocketAddr {
    ([203, 0, 113, 1], 3478).into()
}

fn relay() -> SocketAddr {
    ([203, 0, 113, 9], 3478).into()
}

fn peer(number: u8) -> SocketAddr {
    ([198, 51, 100, number], 700).into()
}
