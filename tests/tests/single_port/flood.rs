//! 100,000 STUN requests against a port while a stream on it carries data.
use crate::alone;
use crate::streams::{End, Report, Streams};
use handclasp_tests::{binding_request, resident};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

const REQUESTS: usize = 100_000;
/// Ports an authentic peer checks from.
const SOURCES: usize = 2_000;
/// So many requests come before the stream's data is looked at again: a socket's buffer holds that much anywhere.
const BURST: usize = 200;
/// Requests that must have been handled: on a busy machine the system may have dropped some all the same.
const HANDLED: usize = REQUESTS / 10 * 9;

/// A stream that carries data.
struct Running {
    streams: Streams,
    server: SocketAddr,
}

impl Running {
    fn start() -> Self {
        let mut streams = Streams::open("none", 1);
        let (mut server, mut ready) = (None, 0);
        while ready < 2 {
            match streams.next() {
                (_, End::Server, Report::Selected(_, local)) => server = Some(local),
                (_, _, Report::Ready(..)) => ready += 1,
                _ => {}
            }
        }
        Self {
            streams,
            server: server.expect("a ready stream has a pair"),
        }
    }

    /// What a check to the server has as its USERNAME, and the password that authenticates it.
    fn check(&self) -> (String, String) {
        let (ufrag, pwd) = self.streams.credentials(0, End::Server);
        let (peer, _) = self.streams.credentials(0, End::Peer);
        (format!("{ufrag}:{peer}"), pwd.to_owned())
    }

    /// A datagram each way. One is lost where a socket's buffer is full, and that is no fault of the host's: so
    /// each is sent again until it is there.
    fn carries_data(&mut self, round: usize) {
        for from in End::BOTH {
            let content = format!("{round} from {from:?}").into_bytes();
            let arrived = (0..100).any(|_| {
                self.streams.send(0, from, 1, &content);
                self.arrives(&content)
            });
            assert!(arrived, "no data from {from:?} in round {round}");
        }
    }

    fn arrives(&mut self, content: &[u8]) -> bool {
        while let Some(report) = self.streams.report_within(Duration::from_millis(100)) {
            if let Some((_, _, Report::Received(_, datagram))) = report
                && datagram == content
            {
                return true;
            }
        }
        false
    }
}

/// Datagrams for the socket at this address that the system has dropped, because its buffer was full.
fn dropped(at: SocketAddr) -> usize {
    let sockets = std::fs::read_to_string("/proc/net/udp").expect("Linux has it");
    let port = format!(":{:04X}", at.port());
    let is_it = |line: &&str| {
        let local = line.split_whitespace().nth(1);
        local.is_some_and(|local| local.ends_with(&port))
    };
    let drops = sockets.lines().find(is_it).and_then(|line| {
        let last = line.split_whitespace().next_back()?;
        last.parse().ok()
    });
    drops.expect("it is open, and its last word is a number")
}

/// How many success responses to STUN's binding requests wait in a socket.
fn responses(source: &UdpSocket) -> usize {
    let mut buffer = [0; 2048];
    let received = std::iter::from_fn(|| {
        source
            .recv(&mut buffer)
            .ok()
            .map(|_| [buffer[0], buffer[1]])
    });
    received.filter(|of_type| *of_type == [0x01, 0x01]).count()
}

/// What a flood may cost: the sources that are remembered, requests under way, and what the allocator keeps.
const ALLOWANCE: usize = 16 * 1024 * 1024;

/// Sends requests, each from one of the sockets in turn, with the stream's data in between. Returns how many
/// were answered with success.
///
/// What arrives at the stream's socket is handled in its order: once the stream's data is there, so were the
/// requests before it, but those that the system dropped.
fn flood(mut running: Running, sources: &[UdpSocket], username: &str, pwd: &str) -> usize {
    running.carries_data(0);
    let (before, dropped_before) = (resident(std::process::id()), dropped(running.server));
    let mut answered = 0;
    for number in 1..=REQUESTS {
        let source = &sources[number % sources.len()];
        source
            .send_to(&binding_request(username, pwd, true), running.server)
            .expect("loopback takes it");
        answered += responses(source);
        if number % BURST == 0 {
            running.carries_data(number);
        }
    }
    let grown = resident(std::process::id()).saturating_sub(before);
    assert!(grown < ALLOWANCE, "{grown} bytes more than before");
    let handled = REQUESTS - (dropped(running.server) - dropped_before);
    assert!(handled >= HANDLED, "{handled} of {REQUESTS} were handled");
    answered + sources.iter().map(responses).sum::<usize>()
}

fn sources(count: usize) -> Vec<UdpSocket> {
    let source = || {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_nonblocking(true).expect("it can");
        socket
    };
    (0..count).map(|_| source()).collect()
}

#[test]
fn a_strangers_requests_cost_nothing_that_stays() {
    let _alone = alone();
    let running = Running::start();
    let (username, _) = running.check();
    let guess = "x".repeat(24);
    let answered = flood(running, &sources(16), &username, &guess);
    assert_eq!(answered, 0, "whoever does not know the password");
}

#[test]
fn requests_to_nobody_cost_nothing_that_stays() {
    let _alone = alone();
    let guess = "x".repeat(24);
    let answered = flood(Running::start(), &sources(16), "nobody:noone", &guess);
    assert_eq!(answered, 0, "whoever asks for nobody");
}

#[test]
fn an_authentic_peers_requests_from_two_thousand_ports_leave_its_data_flowing() {
    let _alone = alone();
    let running = Running::start();
    let (username, pwd) = running.check();
    let answered = flood(running, &sources(SOURCES), &username, &pwd);
    assert!(
        answered >= HANDLED,
        "{answered} of {REQUESTS} were answered"
    );
}
