use proptest::prelude::*;

use super::super::shared::{Driver, Mapping, SharedStun};
use super::*;
use crate::ice::StunServer;

const SERVER_AT: &str = "198.51.100.3:3478";
const SOCKET: &str = "10.0.0.1:5000";
const OUTSIDE: &str = "203.0.113.1:6000";

fn server() -> StunServer {
    "stun:stun.example".parse().unwrap()
}

/// Shared sockets, a server that answers while it is there, and what is learnt.
struct Sharing {
    stun: SharedStun,
    start: Instant,
    now: Instant,
    name: Result<Vec<SocketAddr>, String>,
    /// What the server sees; `None` while it is silent.
    outside: Option<SocketAddr>,
    /// When requests left, in seconds, by whom, from where.
    sent: Vec<(f64, Driver, SocketAddr)>,
    last_asked: Option<SocketAddr>,
    lookups: Vec<f64>,
    learnt: Vec<Mapping>,
    troubles: Vec<String>,
}

impl Sharing {
    fn new(outside: Option<&str>) -> Self {
        let now = Instant::now();
        Self {
            stun: SharedStun::default(),
            start: now,
            now,
            name: Ok(vec![addr(SERVER_AT)]),
            outside: outside.map(addr),
            sent: Vec::new(),
            last_asked: None,
            lookups: Vec::new(),
            learnt: Vec::new(),
            troubles: Vec::new(),
        }
    }

    fn ask(&mut self, driver: Driver, base: &str) -> Option<SocketAddr> {
        self.stun
            .ask(self.now, driver, addr(base), &server(), false)
    }

    fn seconds(&self) -> f64 {
        (self.now - self.start).as_secs_f64()
    }

    /// Lets time pass for two loops.
    fn run_until(&mut self, seconds: f64) {
        let end = self.start + Duration::from_secs_f64(seconds);
        loop {
            for driver in 0..2 {
                self.serve(driver);
            }
            let next = (0..2)
                .filter_map(|driver| self.stun.poll_timeout(driver))
                .min();
            match next.filter(|next| *next <= end) {
                Some(next) => self.now = self.now.max(next),
                None => break,
            }
        }
        self.now = end;
    }

    fn serve(&mut self, driver: Driver) {
        self.stun.handle_timeout(self.now, driver);
        while let Some(StunServer { host, port }) = self.stun.poll_lookup() {
            self.lookups.push(self.seconds());
            self.stun.found(self.now, &host, port, &self.name);
        }
        while let Some(transmit) = self.stun.poll_transmit(self.now, driver) {
            self.sent.push((self.seconds(), driver, transmit.local));
            self.last_asked = Some(transmit.remote);
            if let Some(outside) = self.outside.filter(|_| transmit.remote == addr(SERVER_AT)) {
                let answer = success(&transmit.contents, outside);
                self.answer(transmit.local, transmit.remote, &answer);
            }
        }
        self.troubles
            .extend(std::iter::from_fn(|| self.stun.poll_trouble()));
    }

    fn answer(&mut self, local: SocketAddr, remote: SocketAddr, answer: &[u8]) -> bool {
        let answer = Datagram::new(answer);
        let news = self.stun.handle_answer(self.now, local, remote, answer);
        let is_answer = news.is_some();
        self.learnt.extend(news.flatten());
        is_answer
    }
}

fn success(request: &[u8], outside: SocketAddr) -> Vec<u8> {
    let request = Message::from_bytes(request).unwrap();
    let mut answer = Message::builder_success(&request, MessageWriteVec::new());
    let mapped = XorMappedAddress::new(outside, request.transaction_id());
    answer.add_attribute(&mapped).unwrap();
    answer.finish()
}

#[test]
fn one_request_is_for_all_streams_and_the_next_ones_know_at_once() {
    let mut sharing = Sharing::new(Some(OUTSIDE));
    assert_eq!(sharing.ask(0, SOCKET), None);
    sharing.run_until(1.0);
    for driver in [0, 1, 0] {
        assert_eq!(sharing.ask(driver, SOCKET), Some(addr(OUTSIDE)));
    }
    sharing.run_until(80.0);
    let at: Vec<f64> = sharing.sent.iter().map(|(at, ..)| *at).collect();
    assert_eq!(at, [0.0, 25.0, 50.0, 75.0], "it is kept fresh");
    assert_eq!(sharing.lookups, [0.0]);
    let [first] = &sharing.learnt[..] else {
        panic!("{:?}", sharing.learnt);
    };
    assert_eq!((first.mapped, first.before), (addr(OUTSIDE), None));
}

#[test]
fn who_asked_first_sends_and_first_requests_keep_their_distance() {
    let mut sharing = Sharing::new(Some(OUTSIDE));
    for (driver, base) in [
        (1, "10.0.0.1:5000"),
        (0, "10.0.0.2:5000"),
        (0, "10.0.0.1:5000"),
    ] {
        sharing.ask(driver, base);
    }
    sharing.run_until(1.0);
    let expected = [
        (0.0, 1, addr("10.0.0.1:5000")),
        (0.02, 0, addr("10.0.0.2:5000")),
    ];
    assert_eq!(sharing.sent, expected);
}

#[test]
fn a_silent_server_is_asked_in_the_rhythm_of_rfc_8489_and_again_later() {
    let mut sharing = Sharing::new(None);
    sharing.ask(0, SOCKET);
    sharing.run_until(39.0);
    let at: Vec<f64> = sharing.sent.iter().map(|(at, ..)| *at).collect();
    assert_eq!(at, [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]);
    assert_eq!(sharing.ask(0, SOCKET), None, "and no stream asks it anew");
    assert!(sharing.troubles.is_empty());
    sharing.run_until(98.0);
    assert_eq!(sharing.sent.len(), 7);
    let trouble =
        "stun:stun.example:3478: no answer, is UDP port 3478 blocked?; streams go on without it";
    assert_eq!(sharing.troubles, [trouble]);
    let [known] = &sharing.stun.known()[..] else {
        panic!("there is one socket");
    };
    assert_eq!(
        known.trouble.as_deref(),
        Some("no answer, is UDP port 3478 blocked?")
    );
    sharing.run_until(200.0);
    assert_eq!(sharing.sent[7].0, 99.5);
    assert_eq!(
        sharing.lookups,
        [0.0, 99.5, 199.0],
        "its name may stand for another by now"
    );
    assert_eq!(sharing.troubles.len(), 1, "once");
    sharing.outside = Some(addr(OUTSIDE));
    sharing.run_until(300.0);
    assert_eq!(sharing.ask(0, SOCKET), Some(addr(OUTSIDE)));
    assert_eq!(sharing.stun.known()[0].trouble, None);
}

#[test]
fn another_address_from_outside_is_news_and_the_old_one_is_no_more() {
    let mut sharing = Sharing::new(Some(OUTSIDE));
    sharing.ask(0, SOCKET);
    sharing.run_until(1.0);
    sharing.outside = Some(addr("203.0.113.1:7000"));
    sharing.run_until(26.0);
    let second = sharing.learnt[1].clone();
    assert_eq!(second.mapped, addr("203.0.113.1:7000"));
    assert_eq!(second.before, Some(addr(OUTSIDE)));
    assert_eq!(sharing.ask(0, SOCKET), Some(second.mapped));
}

#[test]
fn what_another_server_still_sees_stays() {
    let mut sharing = Sharing::new(Some(OUTSIDE));
    let other: StunServer = "stun:other.example".parse().unwrap();
    sharing.ask(0, SOCKET);
    sharing
        .stun
        .ask(sharing.now, 0, addr(SOCKET), &other, false);
    sharing.run_until(24.0);
    sharing.outside = Some(addr("203.0.113.1:7000"));
    sharing.run_until(30.0);
    let before: Vec<_> = sharing
        .learnt
        .iter()
        .map(|mapping| mapping.before)
        .collect();
    assert_eq!(before, [None, None, None, Some(addr(OUTSIDE))]);
}

#[test]
fn a_server_that_moves_is_found_again_and_what_is_known_stays_meanwhile() {
    let mut sharing = Sharing::new(Some(OUTSIDE));
    sharing.name = Ok(vec![addr(SERVER_AT)]);
    sharing.ask(0, SOCKET);
    sharing.run_until(1.0);
    sharing.outside = None;
    let moved = addr("198.51.100.4:3478");
    sharing.name = Ok(vec![moved]);
    sharing.run_until(200.0);
    assert_eq!(sharing.ask(0, SOCKET), Some(addr(OUTSIDE)));
    assert_eq!(sharing.last_asked, Some(moved));
}

#[test]
fn a_name_that_nobody_knows_is_looked_up_again() {
    let mut sharing = Sharing::new(Some(OUTSIDE));
    sharing.name = Err("its name cannot be resolved".to_owned());
    sharing.ask(0, SOCKET);
    sharing.run_until(59.0);
    assert_eq!((&sharing.lookups[..], sharing.sent.len()), (&[0.0][..], 0));
    let trouble = "stun:stun.example:3478: its name cannot be resolved; streams go on without it";
    assert_eq!(sharing.troubles, [trouble]);
    sharing.name = Ok(vec![addr(SERVER_AT)]);
    sharing.run_until(61.0);
    assert_eq!(sharing.ask(0, SOCKET), Some(addr(OUTSIDE)));
}

#[test]
fn a_socket_asks_servers_of_its_family_only() {
    let mut sharing = Sharing::new(Some(OUTSIDE));
    sharing.ask(0, "[fd00::1]:5000");
    sharing.run_until(30.0);
    assert!(sharing.sent.is_empty());
    assert!(
        sharing.troubles[0].contains("of a family"),
        "{:?}",
        sharing.troubles
    );
    sharing.ask(0, SOCKET);
    sharing.run_until(31.0);
    assert_eq!(sharing.sent.len(), 1);
}

#[test]
fn only_answers_to_its_own_requests_are_taken() {
    let mut sharing = Sharing::new(None);
    sharing.ask(0, SOCKET);
    sharing.stun.poll_lookup().unwrap();
    sharing.stun.found(
        sharing.now,
        "stun.example",
        3478,
        &Ok(vec![addr(SERVER_AT)]),
    );
    let request = sharing.stun.poll_transmit(sharing.now, 0).unwrap();
    let answer = success(&request.contents, addr(OUTSIDE));
    let (local, remote) = (request.local, request.remote);
    assert!(!sharing.answer(local, addr("198.51.100.9:3478"), &answer));
    assert!(!sharing.answer(addr("10.0.0.9:5000"), remote, &answer));
    let mut forged = answer.clone();
    forged[19] ^= 1;
    assert!(!sharing.answer(local, remote, &forged));
    assert!(!sharing.answer(local, remote, &request.contents));
    assert!(sharing.learnt.is_empty());
    assert!(sharing.answer(local, remote, &answer));
    assert_eq!(sharing.learnt.len(), 1);
    assert!(!sharing.answer(local, remote, &answer), "once");
}

#[test]
fn a_server_that_refuses_is_asked_again_later() {
    let mut sharing = Sharing::new(None);
    sharing.ask(0, SOCKET);
    sharing.run_until(0.1);
    let (local, remote) = (addr(SOCKET), addr(SERVER_AT));
    sharing.run_until(0.1);
    let again = sharing.stun.poll_timeout(0).unwrap();
    sharing.now = again;
    let request = sharing.stun.poll_transmit(again, 0).unwrap();
    let mut refusal = success(&request.contents, addr(OUTSIDE));
    refusal[0] |= 1; // an error response
    refusal[1] |= 0x10;
    assert!(sharing.answer(local, remote, &refusal));
    sharing.run_until(59.0);
    assert_eq!(sharing.sent.len(), 1);
    assert!(
        sharing.troubles[0].contains("error"),
        "{:?}",
        sharing.troubles
    );
    sharing.outside = Some(addr(OUTSIDE));
    sharing.run_until(70.0);
    assert_eq!(sharing.ask(0, SOCKET), Some(addr(OUTSIDE)));
}

#[test]
fn what_no_stream_asks_for_any_more_ends_unless_it_is_kept() {
    let mut sharing = Sharing::new(Some(OUTSIDE));
    sharing.ask(0, SOCKET);
    let kept = "10.0.0.2:5000";
    sharing
        .stun
        .ask(sharing.now, 0, addr(kept), &server(), true);
    sharing.run_until(3700.0);
    let bases: Vec<_> = sharing.stun.known().iter().map(|it| it.local).collect();
    assert_eq!(bases, [addr(kept)]);
    sharing.stun.release(addr(kept));
    sharing.run_until(3800.0);
    assert!(sharing.stun.known().is_empty());
    assert_eq!(sharing.stun.poll_timeout(0), None);
}

#[test]
fn servers_and_sockets_are_bounded() {
    let mut stun = SharedStun::default();
    let now = Instant::now();
    for number in 0..2000_u16 {
        let server = StunServer {
            host: format!("{number}.example"),
            port: 1,
        };
        stun.ask(now, 0, addr(SOCKET), &server, false);
        let base = SocketAddr::new(addr(SOCKET).ip(), number + 1);
        stun.ask(
            now,
            0,
            base,
            &StunServer {
                host: "0.example".into(),
                port: 1,
            },
            false,
        );
    }
    assert_eq!(stun.known().len(), 64 + 1024 - 1);
}

proptest! {
    #[test]
    fn any_datagram_is_taken_or_left(
        contents in prop::collection::vec(any::<u8>(), 0..64), at in 0_usize..40, byte in any::<u8>()
    ) {
        let mut sharing = Sharing::new(None);
        sharing.ask(0, SOCKET);
        sharing.stun.poll_lookup().unwrap();
        sharing.stun.found(sharing.now, "stun.example", 3478, &Ok(vec![addr(SERVER_AT)]));
        let request = sharing.stun.poll_transmit(sharing.now, 0).unwrap();
        let mut answer = success(&request.contents, addr(OUTSIDE));
        if let Some(one) = answer.get_mut(at) {
            *one = byte;
        }
        for datagram in [contents, answer] {
            sharing.answer(request.local, request.remote, &datagram);
        }
    }
}
