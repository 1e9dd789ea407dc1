//! Thousands of streams on one port: each gets what is its own.
use crate::alone;
use crate::streams::{End, Report, Streams};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

const STREAMS: usize = 2_000;
const OVER_TCP: usize = 200;
/// So many pairs send at a time: a socket's buffer holds that much anywhere.
const AT_ONCE: usize = 50;

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
    each_gets_its_own(Streams::open("dtls-srtp", STREAMS), STREAMS);
}

#[test]
fn streams_share_a_tcp_listener_and_none_gets_anothers_data() {
    let _alone = alone();
    allow_many_files();
    each_gets_its_own(Streams::open_over_tcp("dtls-srtp", OVER_TCP), OVER_TCP);
}

fn each_gets_its_own(mut streams: Streams, count: usize) {
    let mut selected: HashMap<(usize, End), SocketAddr> = HashMap::new();
    let mut ready = 0;
    while ready < 2 * count {
        match streams.next() {
            (number, end, Report::Selected(local)) => {
                selected.insert((number, end), local);
            }
            (_, _, Report::Ready) => ready += 1,
            early => panic!("{early:?}"),
        }
    }
    let addresses = |end| -> HashSet<SocketAddr> {
        let of_this = selected.iter().filter(|((_, of), _)| *of == end);
        of_this.map(|(_, address)| *address).collect()
    };
    assert_eq!(addresses(End::Server).len(), 1, "one port for all");
    assert_eq!(addresses(End::Peer).len(), count, "one for each");

    // By content: the number of the pair, and who sent it, behind a first byte of RTP's (RFC 7983).
    let content = |number: usize, from: End| {
        let text = format!("{number} from {from:?}");
        [&[0x80], text.as_bytes()].concat()
    };
    for first in (0..count).step_by(AT_ONCE) {
        let numbers = first..first + AT_ONCE;
        for number in numbers.clone() {
            for end in End::BOTH {
                streams.send(number, end, &content(number, end));
            }
        }
        let mut received = HashSet::new();
        while received.len() < 2 * AT_ONCE {
            if let (number, end, Report::Received(datagram)) = streams.next() {
                assert_eq!(datagram, content(number, end.other()), "to {end:?}");
                assert!(numbers.contains(&number), "later than it was sent");
                assert!(received.insert((number, end)), "twice the same");
            }
        }
    }
}
