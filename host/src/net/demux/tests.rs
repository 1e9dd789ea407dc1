use super::{Demux, MAX_EXPECTED, PERIOD, UNVERIFIED_AT_ONCE};
use crate::ice::stun_kind;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const RTP: (u64, u16) = (1, 1);
const RTCP: (u64, u16) = (1, 2);

/// The same for whole datagrams.
impl Demux {
    fn arrives(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Option<(u64, u16)> {
        self.route(now, from, stun_kind(datagram))
    }

    fn keepers(&self, from: SocketAddr, datagram: &[u8]) -> Vec<(u64, u16)> {
        self.expecting(from, stun_kind(datagram))
    }

    fn leaves(&mut self, now: Instant, datagram: &[u8], key: (u64, u16)) {
        self.note_sent(now, stun_kind(datagram).expect("it is STUN"), key);
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

/// A STUN message with that transaction and, if there is one, that USERNAME.
fn stun(class: u8, transaction: u8, username: Option<&str>) -> Vec<u8> {
    let mut message = vec![class, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    message.extend([transaction; 12]);
    if let Some(username) = username {
        message.extend([0, 6, 0, username.len() as u8]);
        message.extend(username.as_bytes());
        message.resize(message.len().next_multiple_of(4), 0);
    }
    message[3] = (message.len() - 20) as u8;
    message
}

#[test]
fn requests_go_by_local_ufrag_wherever_they_come_from() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    demux.set_ufrags(["aaaa"].into_iter(), RTP);
    demux.set_ufrags(["bbbb"].into_iter(), RTCP);
    assert_eq!(
        demux.arrives(at, address(1), &stun(0, 1, Some("aaaa:peer"))),
        Some(RTP)
    );
    assert_eq!(
        demux.arrives(at, address(1), &stun(0, 1, Some("bbbb:peer"))),
        Some(RTCP)
    );
    assert_eq!(
        demux.arrives(at, address(1), &stun(0, 1, Some("cccc:peer"))),
        None
    );
    assert_eq!(demux.arrives(at, address(1), &stun(0, 1, None)), None);
}

#[test]
fn after_a_restart_both_ufrags_count_and_later_the_new_one_alone() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    let request = |ufrag| stun(0, 1, Some(ufrag));
    demux.set_ufrags(["aaaa"].into_iter(), RTP);
    demux.set_ufrags(["bbbb", "aaaa"].into_iter(), RTP);
    assert_eq!(demux.arrives(at, address(1), &request("aaaa:p")), Some(RTP));
    assert_eq!(demux.arrives(at, address(1), &request("bbbb:p")), Some(RTP));
    demux.set_ufrags(["bbbb"].into_iter(), RTP);
    assert_eq!(demux.arrives(at, address(1), &request("aaaa:p")), None);
    assert_eq!(demux.arrives(at, address(1), &request("bbbb:p")), Some(RTP));
}

#[test]
fn responses_go_to_whoever_asked() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    let now = Instant::now();
    demux.leaves(now, &stun(0, 7, Some("peer:aaaa")), RTP);
    demux.leaves(now, &stun(0, 8, Some("peer:bbbb")), RTCP);
    assert_eq!(demux.arrives(at, address(1), &stun(1, 7, None)), Some(RTP));
    assert_eq!(demux.arrives(at, address(1), &stun(1, 8, None)), Some(RTCP));
    assert_eq!(demux.arrives(at, address(1), &stun(1, 9, None)), None);
}

#[test]
fn transactions_are_forgotten_in_time_and_not_before() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    let start = Instant::now();
    demux.leaves(start, &stun(0, 7, None), RTP);
    demux.leaves(start + PERIOD, &stun(0, 8, None), RTP);
    assert_eq!(demux.arrives(at, address(1), &stun(1, 7, None)), Some(RTP));
    demux.leaves(
        start + PERIOD * 2 + Duration::from_secs(1),
        &stun(0, 9, None),
        RTP,
    );
    assert_eq!(demux.arrives(at, address(1), &stun(1, 7, None)), None);
    assert_eq!(demux.arrives(at, address(1), &stun(1, 8, None)), Some(RTP));
}

#[test]
fn all_else_goes_by_verified_address_and_its_first_owner_keeps_it() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    demux.add_address(address(1), RTP);
    demux.add_address(address(1), RTCP);
    demux.add_address(address(2), RTCP);
    assert_eq!(demux.arrives(at, address(1), b"\x80data"), Some(RTP));
    assert_eq!(demux.arrives(at, address(2), b"\x80data"), Some(RTCP));
    assert_eq!(demux.arrives(at, address(3), b"\x80data"), None);
}

#[test]
fn who_waits_for_an_address_owns_nothing_and_leaves_it_to_whoever_proves_it() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    demux.set_ufrags(["bbbb"].into_iter(), RTCP);
    demux.expect(address(1), RTP);
    assert_eq!(demux.arrives(at, address(1), b"\x80data"), None);
    assert_eq!(demux.keepers(address(1), b"\x80data"), [RTP]);
    assert!(demux.keepers(address(1), &stun(0, 1, None)).is_empty());
    assert_eq!(
        demux.arrives(at, address(1), &stun(0, 1, Some("bbbb:p"))),
        Some(RTCP)
    );
    demux.expect(address(1), RTCP);
    assert_eq!(demux.keepers(address(1), b"\x80data"), [RTP, RTCP]);
    demux.add_address(address(1), RTCP);
    assert_eq!(demux.arrives(at, address(1), b"\x80data"), Some(RTCP));
    demux.expect(address(1), RTP);
    assert!(demux.keepers(address(1), b"\x80data").is_empty());
}

#[test]
fn what_is_waited_for_is_bounded_both_ways() {
    let mut demux = Demux::new();
    for number in 0..1000_u16 {
        demux.expect(address(number), RTP);
        demux.expect(address(7), (u64::from(number), 1));
    }
    assert_eq!(demux.keepers(address(7), b"\x80").len(), MAX_EXPECTED);
    assert_eq!(demux.expected.len(), MAX_EXPECTED + 1);
    for number in 0..1000 {
        demux.remove((number, 1));
    }
    demux.remove(RTP);
    assert!(demux.expected.is_empty());
}

#[test]
fn a_component_that_leaves_takes_all_its_signs_with_it() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    for (ufrag, port, key) in [("aaaa", 1, RTP), ("bbbb", 2, RTCP)] {
        demux.set_ufrags([ufrag].into_iter(), key);
        demux.add_address(address(port), key);
        demux.leaves(Instant::now(), &stun(0, port as u8, None), key);
    }
    assert!(!demux.remove(RTP), "the other one is left");
    assert_eq!(demux.arrives(at, address(1), b"\x80"), None);
    assert_eq!(
        demux.arrives(at, address(1), &stun(0, 1, Some("aaaa:p"))),
        None
    );
    assert_eq!(demux.arrives(at, address(2), b"\x80"), Some(RTCP));
    assert_eq!(demux.arrives(at, address(1), &stun(1, 1, None)), None);
    assert_eq!(demux.arrives(at, address(2), &stun(1, 2, None)), Some(RTCP));
    assert!(demux.remove(RTCP), "nobody is left");
    assert!(demux.transactions.iter().all(HashMap::is_empty));
}

#[test]
fn what_a_component_asks_for_hours_takes_no_more_memory_and_goes_with_it() {
    let (mut demux, start) = (Demux::new(), Instant::now());
    for key in [RTP, RTCP] {
        demux.set_ufrags([if key == RTP { "aaaa" } else { "bbbb" }].into_iter(), key);
    }
    // One asks every 5 s, as consent does, and the other seldom.
    for number in 0..2000_u32 {
        let now = start + Duration::from_secs(5) * number;
        demux.leaves(now, &stun(0, number as u8, None), RTP);
        if number % 30 == 0 {
            demux.leaves(now, &stun(0, 255, None), RTCP);
        }
    }
    let kept = |demux: &Demux, key| -> usize {
        let signs = &demux.members[&key];
        signs.transactions.iter().map(Vec::len).sum()
    };
    assert!(
        (8..=16).contains(&kept(&demux, RTP)),
        "{}",
        kept(&demux, RTP)
    );
    assert!(kept(&demux, RTCP) <= 2);
    demux.remove(RTP);
    let left: usize = demux.transactions.iter().map(HashMap::len).sum();
    assert!(left <= 2, "those of the other one: {left}");
    demux.remove(RTCP);
    assert!(demux.transactions.iter().all(HashMap::is_empty));
}

#[test]
fn a_second_stream_on_an_owned_address_is_refused() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    demux.set_ufrags(["aaaa"].into_iter(), RTP);
    demux.set_ufrags(["bbbb"].into_iter(), RTCP);
    demux.add_address(address(1), RTP);
    let request = stun(0, 1, Some("bbbb:peer"));
    assert_eq!(demux.arrives(at, address(1), &request), None);
    assert_eq!(demux.arrives(at, address(2), &request), Some(RTCP));
    demux.remove(RTP);
    assert_eq!(
        demux.arrives(at, address(1), &request),
        Some(RTCP),
        "free again"
    );
}

#[test]
fn answers_to_its_checks_are_refused_as_well() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    demux.add_address(address(1), RTP);
    demux.leaves(Instant::now(), &stun(0, 7, Some("peer:aaaa")), RTP);
    demux.leaves(Instant::now(), &stun(0, 8, Some("peer:bbbb")), RTCP);
    let answer = |transaction| stun(1, transaction, None);
    assert_eq!(
        demux.arrives(at, address(1), &answer(7)),
        Some(RTP),
        "the owner"
    );
    assert_eq!(demux.arrives(at, address(1), &answer(8)), None);
    assert_eq!(demux.arrives(at, address(2), &answer(8)), Some(RTCP));
    demux.remove(RTP);
    assert_eq!(
        demux.arrives(at, address(1), &answer(8)),
        Some(RTCP),
        "free again"
    );
}

#[test]
fn a_server_answers_each_that_asked_it_even_if_a_peer_claims_its_address() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    let server = address(3478);
    for (transaction, key) in [(7, RTP), (8, RTCP)] {
        demux.leaves(Instant::now(), &stun(0, transaction, None), key);
    }
    let answer = |transaction| stun(1, transaction, None);
    for _ in 0..2 {
        assert_eq!(demux.arrives(at, server, &answer(7)), Some(RTP));
        assert_eq!(demux.arrives(at, server, &answer(8)), Some(RTCP));
        demux.add_address(server, RTP);
    }
}

#[test]
fn an_address_is_its_owners_until_ice_gives_it_up_and_then_anothers() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    demux.set_ufrags(["bbbb"].into_iter(), RTCP);
    demux.add_address(address(1), RTP);
    demux.add_address(address(2), RTP);
    demux.remove_address(address(1), RTCP);
    assert_eq!(demux.arrives(at, address(1), b"\x80"), Some(RTP), "not its");
    demux.remove_address(address(1), RTP);
    assert_eq!(demux.arrives(at, address(1), b"\x80"), None);
    assert_eq!(demux.arrives(at, address(2), b"\x80"), Some(RTP));
    let check = stun(0, 1, Some("bbbb:peer"));
    assert_eq!(demux.arrives(at, address(1), &check), Some(RTCP));
    demux.add_address(address(1), RTCP);
    demux.remove(RTP);
    assert_eq!(demux.arrives(at, address(1), b"\x80"), Some(RTCP));
}

#[test]
fn one_components_flood_takes_nothing_of_the_others_time() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    demux.set_ufrags(["aaaa"].into_iter(), RTP);
    demux.set_ufrags(["bbbb"].into_iter(), RTCP);
    demux.add_address(address(1), RTP);
    let request = |ufrag| stun(0, 1, Some(ufrag));
    let flood = (0..100_000_u32).filter(|number| {
        let from = address((number % 50_000) as u16 + 2);
        demux.arrives(at, from, &request("aaaa:p")).is_some()
    });
    assert_eq!(flood.count(), 200);
    assert_eq!(demux.arrives(at, address(1), &request("aaaa:p")), Some(RTP));
    assert_eq!(
        demux.arrives(at, address(2), &request("bbbb:p")),
        Some(RTCP)
    );
    let flood = (0..100_000).filter(|_| {
        let from = demux.arrives(at, address(1), &request("aaaa:p"));
        from.is_some()
    });
    assert_eq!(flood.count(), 499);
    assert_eq!(
        demux.arrives(at, address(2), &request("bbbb:p")),
        Some(RTCP)
    );
}

#[test]
fn a_flood_to_all_components_leaves_those_that_are_verified_their_time() {
    let (mut demux, at) = (Demux::new(), Instant::now());
    let ufrags: Vec<String> = (0..1000).map(|number| format!("{number:04}")).collect();
    for (ufrag, number) in ufrags.iter().zip(0..) {
        demux.set_ufrags([&**ufrag].into_iter(), (number, 1));
    }
    demux.add_address(address(1), (7, 1));
    let mut flood = |at| {
        let each = ufrags.iter().flat_map(|ufrag| [ufrag; 100]);
        let looked_at = each.filter(|ufrag| {
            let request = stun(0, 1, Some(&format!("{ufrag}:p")));
            demux.arrives(at, address(2), &request).is_some()
        });
        let looked_at = looked_at.count();
        let request = stun(0, 1, Some("0007:p"));
        assert_eq!(demux.arrives(at, address(1), &request), Some((7, 1)));
        looked_at
    };
    assert_eq!(flood(at), UNVERIFIED_AT_ONCE as usize);
    assert_eq!(flood(at + Duration::from_millis(500)), 5_000);
}
