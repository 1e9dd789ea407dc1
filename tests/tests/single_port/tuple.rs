//! A peer's socket that has the credentials of two streams: a 5-tuple is the first one's.
use crate::streams::{End, PATIENCE, Report, Streams};
use crate::{LOOPS, alone};
use handclasp_tests::{authentic, binding_request};
use is::stun::StunMessage;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// The stream that the 5-tuple is of, and the one that is refused.
const FIRST: usize = 0;
const SECOND: usize = 1;
/// So many checks of the second stream are answered.
const ANSWERS: usize = 3;

/// The socket, from which both peers of two streams seem to speak.
struct Peer {
    socket: UdpSocket,
    server: SocketAddr,
    /// "ufrag" and "pwd" of each stream's peer.
    credentials: [(String, String); 2],
    /// Whether checks of each stream are answered.
    answers: [bool; 2],
    /// How many were.
    answered: [usize; 2],
}

impl Peer {
    fn new(streams: &Streams, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_read_timeout(Some(PATIENCE)).expect("it can");
        let credentials = [FIRST, SECOND].map(|number| {
            let (ufrag, pwd) = streams.credentials(number, End::Peer);
            (ufrag.to_owned(), pwd.to_owned())
        });
        Self {
            socket,
            server,
            credentials,
            answers: [true; 2],
            answered: [0; 2],
        }
    }

    fn send(&self, datagram: &[u8]) {
        let sent = self.socket.send_to(datagram, self.server);
        sent.expect("loopback takes it");
    }

    fn check(&self, streams: &Streams, number: usize) {
        let (ufrag, pwd) = streams.credentials(number, End::Server);
        let username = format!("{ufrag}:{}", self.credentials[number].0);
        self.send(&binding_request(&username, pwd, false));
    }

    /// What comes next; a check was answered.
    fn receive(&mut self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let length = self.socket.recv(&mut buffer).expect("something comes");
        let datagram = buffer[..length].to_vec();
        if let Ok(message) = StunMessage::parse(&datagram)
            && let Some((to, _)) = message.split_username()
        {
            let mut each = self.credentials.iter();
            let number = each.position(|(ufrag, _)| ufrag == to);
            let number = number.expect("it is for one of the two");
            if !self.answers[number] {
                return datagram;
            }
            let answer = StunMessage::binding_reply(message.trans_id(), self.server);
            self.send(&authentic(answer, &self.credentials[number].1));
            self.answered[number] += 1;
        }
        datagram
    }
}

/// Two streams that have peers, and are ready; and the port that they share.
fn ready(loops: usize) -> (Streams, SocketAddr) {
    let mut streams = Streams::open_with(loops, "none", 2, |end, options| {
        options.controlling(end == End::Server)
    });
    let (mut server, mut ready) = (None, 0);
    while ready < 4 {
        match streams.next() {
            (_, End::Server, Report::Selected(_, local)) => server = Some(local),
            (_, _, Report::Ready(_)) => ready += 1,
            _ => {}
        }
    }
    (streams, server.expect("ready streams have pairs"))
}

/// An insider of the first stream sends checks in the name of the second one's peer before that comes: its address is
/// nobody's, for it has not answered the first stream.
#[test]
fn an_address_that_has_not_answered_is_nobodys() {
    let _alone = alone();
    for loops in LOOPS {
        answer_one(loops);
    }
}

fn answer_one(loops: usize) {
    let (mut streams, server) = ready(loops);
    let mut peer = Peer::new(&streams, server);
    peer.answers[FIRST] = false;
    for _ in 0..3 {
        peer.check(&streams, FIRST);
        peer.receive();
    }
    let port = peer.socket.local_addr().expect("it is bound").port();
    let best = format!("candidate:7 1 udp 2147483647 127.0.0.1 {port} typ host");
    streams.offer(SECOND, End::Server, &best);
    peer.check(&streams, SECOND);
    while peer.answered[SECOND] < ANSWERS {
        peer.receive();
    }
    peer.send(b"\x80up");
    let (mut selected, mut received) = (Vec::new(), None);
    while received.is_none() || selected.is_empty() {
        match streams.next() {
            (number, End::Server, Report::Selected(..)) => selected.push(number),
            (number, _, Report::Received(_, datagram)) => received = Some((number, datagram)),
            _ => {}
        }
    }
    assert_eq!(received, Some((SECOND, b"\x80up".to_vec())));
    assert_eq!(selected, [SECOND]);
}

#[test]
fn a_second_stream_never_gets_a_5_tuple_that_is_anothers() {
    let _alone = alone();
    for loops in LOOPS {
        answer_both(loops);
    }
}

fn answer_both(loops: usize) {
    let (mut streams, server) = ready(loops);
    let mut peer = Peer::new(&streams, server);
    peer.check(&streams, FIRST);
    while peer.answered[FIRST] == 0 {
        peer.receive();
    }
    // By the answer to what comes next, the answer to its check has been taken: the first stream owns the address.
    peer.check(&streams, FIRST);
    peer.receive();
    let port = peer.socket.local_addr().expect("it is bound").port();
    let best = format!("candidate:7 1 udp 2147483647 127.0.0.1 {port} typ host");
    for number in [FIRST, SECOND] {
        streams.offer(number, End::Server, &best);
    }
    while peer.answered[FIRST] == 0 || peer.answered[SECOND] < ANSWERS {
        peer.receive();
    }
    // What comes after the answers has been taken by the time it is reported.
    peer.send(b"\x80up");
    let (mut selected, mut received) = (Vec::new(), None);
    while received.is_none() || selected.is_empty() {
        match streams.next() {
            (number, End::Server, Report::Selected(..)) => selected.push(number),
            (number, _, Report::Received(_, datagram)) => received = Some((number, datagram)),
            _ => {}
        }
    }
    assert_eq!(received, Some((FIRST, b"\x80up".to_vec())));
    assert_eq!(selected, [FIRST], "it is the best candidate of both");
    streams.send(FIRST, End::Server, 1, b"\x80down");
    streams.send(SECOND, End::Server, 1, b"\x80elsewhere");
    let mut received = Vec::new();
    while received.first() != Some(&0x80) {
        received = peer.receive();
    }
    assert_eq!(received, b"\x80down");
    let (number, end, report) = streams.next();
    assert_eq!((number, end), (SECOND, End::Peer));
    assert!(matches!(report, Report::Received(_, datagram) if datagram == b"\x80elsewhere"));
}

/// As behind a NAT that forgets: the same peer comes from one address after the other, and each arrives at whichever loop.
#[test]
fn a_peer_that_changes_its_address_gets_and_sends_in_order_and_replays_reach_nobody() {
    let _alone = alone();
    for loops in LOOPS {
        let (mut streams, server) = ready(loops);
        for change in 0..8 {
            use_address(&mut streams, server, change);
        }
    }
}

fn use_address(streams: &mut Streams, server: SocketAddr, change: u32) {
    let mut peer = Peer::new(streams, server);
    let port = peer.socket.local_addr().expect("it is bound").port();
    let priority = 2_147_483_000 + change;
    let better = format!("candidate:7 1 udp {priority} 127.0.0.1 {port} typ host");
    streams.offer(FIRST, End::Server, &better);
    peer.check(streams, FIRST);
    while !matches!(
        streams.report_within(Duration::from_millis(1)),
        Some(Some((FIRST, End::Server, Report::Selected(..))))
    ) {
        peer.receive();
    }
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    for number in 0..20 {
        let up = [0x80, b'u', number];
        peer.send(&up);
        let replayed = stranger.send_to(&up, server);
        replayed.expect("loopback takes it");
        let received = loop {
            match streams.next() {
                (number, End::Server, Report::Received(_, datagram)) => break (number, datagram),
                (_, End::Server, Report::Selected(..)) => panic!("nothing is better"),
                _ => {}
            }
        };
        assert_eq!(received, (FIRST, up.to_vec()), "once");
        let down = [0x80, b'd', number];
        streams.send(FIRST, End::Server, 1, &down);
        let mut received = Vec::new();
        while received.first() != Some(&0x80) {
            received = peer.receive();
        }
        assert_eq!(received, down);
    }
}
