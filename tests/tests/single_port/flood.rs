//! 100,000 STUN requests against a port while a stream on it carries data.
use crate::alone;
use crate::streams::{End, PATIENCE, Report, Streams};
use handclasp_tests::{binding_request, resident};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const REQUESTS: usize = 100_000;
/// Ports an authentic peer checks from.
const SOURCES: usize = 2_000;
/// So many requests come before the stream's data is looked at again: a socket's buffer holds that much anywhere.
const BURST: usize = 200;
/// Requests of one agent that are looked at, of those that come from addresses which have not answered.
const PER_SECOND: usize = 400;
const AT_ONCE: usize = 200;

/// A stream that carries data.
struct Running {
    streams: Streams,
    server: SocketAddr,
}

impl Running {
    fn start(loops: usize) -> Self {
        let mut streams = Streams::open(loops, "none", 1);
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

    /// A datagram each way, sent once: there is room for it in each socket's buffer.
    fn carries_data(&mut self, round: usize) {
        for from in End::BOTH {
            let content = format!("{round} from {from:?}").into_bytes();
            self.streams.send(0, from, 1, &content);
            loop {
                match self.streams.report_within(PATIENCE) {
                    Some(Some((_, _, Report::Received(_, datagram)))) => {
                        assert_eq!(datagram, content, "in round {round}");
                        break;
                    }
                    Some(_) => {}
                    None => panic!("no data from {from:?} in round {round}"),
                }
            }
        }
    }
}

/// Datagrams for the sockets at this address that the system has dropped, because a buffer was full.
fn dropped(at: SocketAddr) -> usize {
    let sockets = std::fs::read_to_string("/proc/net/udp").expect("Linux has it");
    let port = format!(":{:04X}", at.port());
    let is_it = |line: &&str| {
        let local = line.split_whitespace().nth(1);
        local.is_some_and(|local| local.ends_with(&port))
    };
    let drops = sockets.lines().filter(is_it).map(|line| {
        let last = line.split_whitespace().next_back();
        let drops = last.and_then(|last| last.parse::<usize>().ok());
        drops.expect("the last word is a number")
    });
    drops.sum()
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
/// were answered with success, and how long it took.
///
/// What arrives at the stream's socket is handled in its order: once the stream's data is there, so were the
/// requests before it. None may have been dropped by the system, whose buffer was never full.
fn flood(
    mut running: Running,
    sources: &[UdpSocket],
    username: &str,
    pwd: &str,
) -> (usize, Duration) {
    running.carries_data(0);
    let begun = Instant::now();
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
    assert_eq!(dropped(running.server), dropped_before, "all were handled");
    answered += sources.iter().map(responses).sum::<usize>();
    (answered, begun.elapsed())
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
    for loops in [1, 2] {
        let running = Running::start(loops);
        let (username, _) = running.check();
        let guess = "x".repeat(24);
        let (answered, _) = flood(running, &sources(16), &username, &guess);
        assert_eq!(answered, 0, "whoever does not know the password");
    }
}

#[test]
fn requests_to_nobody_cost_nothing_that_stays() {
    let _alone = alone();
    for loops in [1, 2] {
        let (running, guess) = (Running::start(loops), "x".repeat(24));
        let (answered, _) = flood(running, &sources(16), "nobody:noone", &guess);
        assert_eq!(answered, 0, "whoever asks for nobody");
    }
}

#[test]
fn an_authentic_peers_requests_from_two_thousand_ports_leave_its_data_flowing() {
    let _alone = alone();
    for loops in [1, 2] {
        let running = Running::start(loops);
        let (username, pwd) = running.check();
        let (answered, took) = flood(running, &sources(SOURCES), &username, &pwd);
        assert!(answered > 0, "some are looked at");
        let most = AT_ONCE + PER_SECOND * (1 + took.as_secs() as usize);
        assert!(
            answered <= most,
            "{answered} of {REQUESTS} were answered in {took:?}: so many have not the time of all others"
        );
    }
}
