//! One datagram passed on to many peers: it leaves for them together, and reaches each in order.
use crate::alone;
use crate::streams::{End, Report, Streams};

/// More than leave in one system call.
const STREAMS: usize = 100;
const ROUNDS: u8 = 20;
/// As many leave in one call, on Linux.
const TOGETHER: usize = 32;

/// Of a length by number and round: some neighbours have the same. The first byte is one of RTP's (RFC 7983).
fn content(number: usize, datagram: &[u8]) -> Vec<u8> {
    let round = datagram[1];
    let mut content = vec![0x80, round];
    content.extend((number as u32).to_be_bytes());
    content.resize(
        6 + (number / 3 + usize::from(round)) % 7 * 150,
        number as u8,
    );
    content
}

#[test]
fn what_is_passed_on_to_all_reaches_each_by_content_and_in_order() {
    let _alone = alone();
    let mut streams = Streams::open(1, "none", STREAMS);
    let mut ready = 0;
    while ready < 2 * STREAMS {
        if let (_, _, Report::Ready(..)) = streams.next() {
            ready += 1;
        }
    }
    streams.pass_on(content);
    let before = streams.departures();
    // Two rounds under way at a time: each peer sees their order.
    let mut rounds_of = [0; STREAMS];
    for first in (0..ROUNDS).step_by(2) {
        for round in [first, first + 1] {
            streams.send(0, End::Peer, 1, &[0x80, round]);
        }
        for _ in 0..2 * STREAMS {
            let (number, End::Peer, Report::Received(_, datagram)) = streams.next() else {
                panic!("the peers receive, and nothing else happens");
            };
            let round = &mut rounds_of[number];
            assert_eq!(datagram, content(number, &[0x80, *round]), "to {number}");
            *round += 1;
        }
    }
    assert_eq!(rounds_of, [ROUNDS; STREAMS]);
    if cfg!(target_os = "linux") {
        let after = streams.departures();
        let rounds = u64::from(ROUNDS);
        let data = rounds + rounds * STREAMS as u64;
        let together = rounds + rounds * STREAMS.div_ceil(TOGETHER) as u64;
        // One of ICE's leaves alone, and what waits leaves before it.
        let ice = (after.datagrams - before.datagrams) - data;
        let calls = after.calls - before.calls;
        assert!(
            calls <= together + 2 * ice,
            "{calls} system calls for {data} datagrams, and {ice} of ICE"
        );
    }
}
