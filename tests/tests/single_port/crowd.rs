//! Many streams on one port: each gets what is its own.
use crate::streams::{End, PATIENCE, Report, Streams};
use crate::{LOOPS, alone};
use handclasp::StreamOptions;
use handclasp_tests::{Lacking, skip};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::HashSet;
use std::net::{Ipv6Addr, UdpSocket};
use std::time::{Duration, Instant};

const STREAMS: usize = 2_000;
const OVER_TCP: usize = 200;
/// Where not their number is the point.
const FEWER: usize = 100;
/// So many pairs send at a time: a socket's buffer holds that much anywhere.
const AT_ONCE: usize = 50;
/// When what has not arrived is sent again. After a pause of the loop's, on a busy machine, the checks of thousands are
/// due in one turn, and all go to one port, whose buffer holds hundreds.
const AGAIN: Duration = Duration::from_secs(1);

/// Every peer has a socket of its own, and there may be fewer files than that by default.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, wanted).expect("a soft limit may rise to the hard one");
    assert!(
        limit.maximum.is_none_or(|most| most > 2_500),
        "this test opens 2,000 sockets: raise the limit of open files (ulimit -Hn)"
    );
}

#[test]
fn two_thousand_streams_share_a_port_and_none_gets_anothers_data() {
    let _alone = alone();
    allow_many_files();
    for loops in [1, 4] {
        Crowd::connect(Streams::open(loops, "dtls-srtp", STREAMS), STREAMS, 1).exchange();
    }
}

#[test]
fn streams_share_a_tcp_listener_and_none_gets_anothers_data() {
    let _alone = alone();
    allow_many_files();
    for loops in [1, 2] {
        let streams = Streams::open_over_tcp(loops, "dtls-srtp", OVER_TCP);
        Crowd::connect(streams, OVER_TCP, 1).exchange();
    }
}

#[test]
fn each_of_two_components_has_its_port_and_its_handshakes() {
    let _alone = alone();
    for loops in LOOPS {
        let two = |_, options: StreamOptions| options.components(2);
        let streams = Streams::open_with(loops, "dtls-srtp", FEWER, two);
        Crowd::connect(streams, FEWER, 2).exchange();
    }
}

#[test]
fn streams_share_a_port_over_ipv6() {
    let _alone = alone();
    if let Err(error) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) {
        let lacking = Lacking(format!("loopback has no IPv6 ({error}): let it be ::1"));
        return skip("streams that share a port over IPv6", &lacking);
    }
    for loops in LOOPS {
        let streams = Streams::open_with(loops, "dtls-srtp", FEWER, |end, options| {
            options.bind(end.bind(Ipv6Addr::LOCALHOST.into()))
        });
        Crowd::connect(streams, FEWER, 1).exchange();
    }
}

#[test]
fn a_restart_leaves_the_data_of_all_flowing() {
    let _alone = alone();
    for loops in LOOPS {
        restart(loops);
    }
}

fn restart(loops: usize) {
    let mut crowd = Crowd::connect(Streams::open(loops, "dtls-srtp", FEWER), FEWER, 1);
    let restarting: Vec<usize> = (0..FEWER).step_by(7).collect();
    let credentials = |crowd: &Crowd| -> HashSet<(String, String)> {
        let ends = restarting
            .iter()
            .flat_map(|number| End::BOTH.map(|end| (*number, end)));
        let of = ends.map(|(number, end)| crowd.streams.credentials(number, end));
        of.map(|(ufrag, pwd)| (ufrag.to_owned(), pwd.to_owned()))
            .collect()
    };
    let before = credentials(&crowd);
    for (number, end) in restarting.iter().zip(End::BOTH.into_iter().cycle()) {
        crowd.streams.restart(*number, end);
    }
    let mut selected = HashSet::new();
    let deadline = Instant::now() + PATIENCE;
    while selected.len() < 2 * restarting.len() {
        assert!(Instant::now() < deadline, "some never restart");
        selected.extend(crowd.exchange());
    }
    let restarted: HashSet<usize> = selected.into_iter().map(|(number, _)| number).collect();
    assert_eq!(restarted, restarting.iter().copied().collect());
    assert!(
        before.is_disjoint(&credentials(&crowd)),
        "they are new ones"
    );
    crowd.exchange();
}

/// Pairs of streams whose components are all ready.
pub(crate) struct Crowd {
    streams: Streams,
    count: usize,
    components: u16,
    rounds: usize,
    /// Whether anything was sent more than once.
    repeats: bool,
}

impl Crowd {
    /// Waits for all handshakes.
    pub(crate) fn connect(mut streams: Streams, count: usize, components: u16) -> Self {
        let (mut selected, mut agreed) = (HashSet::new(), HashSet::new());
        let members = count * usize::from(components);
        let mut ready = 0;
        while ready < 2 * members {
            match streams.next() {
                (_, end, Report::Selected(component_id, local)) => {
                    selected.insert((end, component_id, local));
                }
                (_, end, Report::Ready(data)) => {
                    ready += 1;
                    if end == End::Server {
                        agreed.insert(data.to_vec());
                    }
                }
                early => panic!("{early:?}"),
            }
        }
        let of = |wanted| selected.iter().filter(move |(end, ..)| *end == wanted);
        let ports: HashSet<_> = of(End::Server).map(|(.., local)| local).collect();
        let shared = (of(End::Server).count(), ports.len());
        let one_each = (usize::from(components), usize::from(components));
        assert_eq!(shared, one_each, "a port for each component: {ports:?}");
        assert_eq!(of(End::Peer).count(), members, "peers have their own");
        assert_eq!(agreed.len(), members, "each shakes hands for itself");
        Self {
            streams,
            count,
            components,
            rounds: 0,
            repeats: false,
        }
    }

    /// Sends a datagram each way through every component; it arrives there, and nothing else does. Returns which
    /// ends of which pairs selected another pair of addresses meanwhile.
    pub(crate) fn exchange(&mut self) -> HashSet<(usize, End)> {
        self.rounds += 1;
        let mut selected = HashSet::new();
        for first in (0..self.count).step_by(AT_ONCE) {
            let members = (first..first + AT_ONCE)
                .flat_map(|number| End::BOTH.map(|end| (number, end)))
                .flat_map(|(number, end)| (1..=self.components).map(move |id| (number, end, id)));
            let mut awaited: HashSet<_> = members.collect();
            self.send_to(&awaited);
            let deadline = Instant::now() + PATIENCE;
            while !awaited.is_empty() {
                assert!(Instant::now() < deadline, "{awaited:?} get nothing");
                match self.streams.report_within(AGAIN) {
                    Some(Some((number, end, Report::Received(id, datagram)))) => {
                        let member = (number, end, id);
                        self.check(member, &datagram);
                        let is_new = awaited.remove(&member);
                        assert!(is_new || self.repeats, "{member:?}: twice, or too late");
                    }
                    Some(Some((number, end, Report::Selected(..)))) => {
                        selected.insert((number, end));
                    }
                    Some(Some((number, end, Report::Ready(..)))) => {
                        panic!("{number}, {end:?}: ready again")
                    }
                    Some(None) => {}
                    None => {
                        self.repeats = true;
                        self.send_to(&awaited);
                    }
                }
            }
        }
        selected
    }

    /// Sends each of these its peer's datagram of this round.
    fn send_to(&self, members: &HashSet<(usize, End, u16)>) {
        for &(number, end, id) in members {
            let content = self.content(number, end.other(), id, self.rounds);
            self.streams.send(number, end.other(), id, &content);
        }
    }

    /// It is of this round, or, if it was sent again, of one before.
    fn check(&self, (number, end, id): (usize, End, u16), datagram: &[u8]) {
        let earliest = if self.repeats { 1 } else { self.rounds };
        let mut rounds = earliest..=self.rounds;
        let is_its = rounds.any(|round| datagram == self.content(number, end.other(), id, round));
        assert!(is_its, "{number}, to {end:?}: {datagram:?}");
    }

    /// Behind a first byte of RTP's (RFC 7983).
    fn content(&self, number: usize, from: End, component_id: u16, round: usize) -> Vec<u8> {
        let text = format!("{number} from {from:?} through {component_id} in round {round}");
        [&[0x80], text.as_bytes()].concat()
    }
}
