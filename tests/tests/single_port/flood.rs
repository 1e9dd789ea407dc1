//! 100,000 STUN requests against a port while a stream on it carries data.
use crate::alone;
use crate::streams::{End, Report, Streams};
use is::stun::{StunMessage, TransId};
use is::{DefaultSha1HmacProvider, Sha1HmacProvider};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

const REQUESTS: usize = 100_000;
/// Ports an authentic peer checks from.
const SOURCES: usize = 2_000;
/// So many requests come before the stream's data is looked at again.
const BURST: usize = 500;

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

/// Bytes of memory the process has.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: usize = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .expect("its second word is a number");
    pages * rustix::param::page_size()
}

fn request(username: &str, pwd: &str) -> Vec<u8> {
    let message =
        StunMessage::binding_request(username, TransId::new(), false, 1, 1_845_501_695, false);
    let mut buffer = vec![0; 600];
    let length = message
        .to_bytes(Some(pwd.as_bytes()), &mut buffer, |key, parts| {
            DefaultSha1HmacProvider.sha1_hmac(key, parts)
        })
        .expect("it fits");
    buffer.truncate(length);
    buffer
}

/// What a flood may cost: the sources that are remembered, requests under way, and what the allocator keeps.
const ALLOWANCE: usize = 16 * 1024 * 1024;

/// Sends requests, each from one of the sockets in turn, with the stream's data in between.
fn flood(mut running: Running, sources: &[UdpSocket], username: &str, pwd: &str) {
    running.carries_data(0);
    let before = resident();
    let mut buffer = [0; 2048];
    for number in 1..=REQUESTS {
        let source = &sources[number % sources.len()];
        // A full buffer loses it: it is a flood.
        let _ = source.send_to(&request(username, pwd), running.server);
        while source.recv(&mut buffer).is_ok() {}
        if number % BURST == 0 {
            running.carries_data(number);
        }
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < ALLOWANCE, "{grown} bytes more than before");
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
    flood(running, &sources(16), &username, &guess);
}

#[test]
fn requests_to_nobody_cost_nothing_that_stays() {
    let _alone = alone();
    let guess = "x".repeat(24);
    flood(Running::start(), &sources(16), "nobody:noone", &guess);
}

#[test]
fn an_authentic_peers_requests_from_two_thousand_ports_leave_its_data_flowing() {
    let _alone = alone();
    let running = Running::start();
    let (username, pwd) = running.check();
    flood(running, &sources(SOURCES), &username, &pwd);
}
