//! Each rule, with the evidence that it is for.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use is::CandidateKind::{self, Host, Relayed, ServerReflexive};

use super::RULES;
use crate::ice::evidence::{Cause, Evidence, Offer};
use crate::ice::{Pair, Transport};

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn offer(candidates: &[(CandidateKind, &str)]) -> Offer {
    let mut offer = Offer::default();
    for (kind, address) in candidates {
        offer.add(*kind, Transport::Udp, addr(address));
    }
    offer
}

const HERE: &str = "192.0.2.1:1000";
const THERE: &str = "203.0.113.2:2000";

fn pair() -> Pair {
    Pair::udp(addr(HERE), addr(THERE))
}

/// Two public hosts; of three checks none was answered, and none came.
fn silence() -> Evidence {
    let mut evidence = Evidence {
        waited: Duration::from_secs(3),
        has_credentials: true,
        local: offer(&[(Host, HERE)]),
        remote: offer(&[(Host, THERE)]),
        over_udp: true,
        shares_transport: true,
        ..Evidence::default()
    };
    (0..3).for_each(|_| evidence.checks.note_sent(pair()));
    evidence
}

/// What it is, with these changes, and that the sentence has these parts.
#[track_caller]
fn expect(cause: Cause, change: impl FnOnce(&mut Evidence), parts: &[&str]) {
    let mut evidence = silence();
    change(&mut evidence);
    let sentence = evidence.to_string();
    assert_eq!(evidence.cause(), cause, "{sentence}");
    for part in parts {
        assert!(sentence.contains(part), "no {part:?} in: {sentence}");
    }
}

/// Nothing is known of where the peer is.
fn unknown(evidence: &mut Evidence) {
    evidence.remote = Offer::default();
    evidence.checks = Default::default();
    (evidence.over_udp, evidence.shares_transport) = (false, false);
}

fn unsent(evidence: &mut Evidence, why: ErrorKind) {
    (0..3).for_each(|_| evidence.checks.note_unsent(addr(THERE), why));
}

#[test]
fn what_was_seen_is_told_before_the_cause() {
    assert_eq!(
        silence().to_string(),
        "of 3 checks in 3 s to the peer's 1 candidate (1 host: 203.0.113.2:2000) from 1 candidate (1 host: \
         192.0.2.1:1000) of ours none was answered, and none of the peer's came: a NAT or a firewall seems to stop UDP \
         between the two sides, so open its ports there (--port-range), or go over TCP (--tcp) or through a TURN \
         server (--turn)"
    );
}

#[test]
fn without_a_relay_or_a_candidate_of_ours() {
    let none = |e: &mut Evidence| e.local = Offer::default();
    let turn = |e: &mut Evidence| {
        none(e);
        e.turn_servers = 1;
    };
    expect(Cause::NoRelay, turn, &["--turn", "no TURN server"]);
    expect(Cause::NoLocalCandidate, none, &["--interface"]);
}

#[test]
fn without_the_peers_credentials() {
    let none = |e: &mut Evidence| e.has_credentials = false;
    expect(
        Cause::NoCredentials,
        none,
        &["have not come within 3 s, so", "set_remote_credentials"],
    );
    let though = |e: &mut Evidence| {
        e.has_credentials = false;
        e.heard.note_authentic(pair());
    };
    let seen = "within 3 s, though a check has, from 203.0.113.2:2000, so";
    expect(Cause::NoCredentials, though, &[seen]);
}

#[test]
fn without_a_candidate_of_the_peers() {
    let own = |e: &mut Evidence| {
        unknown(e);
        e.remote.own = Some(addr(HERE));
    };
    expect(Cause::SameAddress, own, &[HERE, "--announce"]);
    let tcp = |e: &mut Evidence| {
        unknown(e);
        e.remote.has_unused_tcp = true;
    };
    expect(
        Cause::NoCommonTransport,
        tcp,
        &["candidates over TCP", "--tcp"],
    );
    let names = |e: &mut Evidence| {
        unknown(e);
        e.remote.has_names = true;
    };
    expect(
        Cause::UnresolvedNames,
        names,
        &["names", "--hide-addresses"],
    );
    expect(
        Cause::NoRemoteCandidate,
        unknown,
        &["no candidate that can be used", "set_remote_candidate"],
    );
}

#[test]
fn with_wrong_credentials() {
    let foreign = |e: &mut Evidence| e.heard.note_foreign(addr(THERE));
    expect(Cause::OldCredentials, foreign, &["local_credentials"]);
    let strangers = |e: &mut Evidence| e.heard.note_foreign(addr("198.51.100.1:1"));
    expect(Cause::UdpBlocked, strangers, &["for other credentials"]);
    let forged = |e: &mut Evidence| {
        e.heard.note_forged(pair());
        // Ours may be right.
        e.checks.note_answer(pair());
    };
    expect(
        Cause::WrongLocalPassword,
        forged,
        &[
            "1 of the peer's with a wrong password came, from 203",
            "local_credentials",
        ],
    );
    for code in [400, 401] {
        let refused = |e: &mut Evidence| e.checks.note_error(code);
        let seen = format!("1 was answered by an error {code}");
        expect(
            Cause::WrongRemoteCredentials,
            refused,
            &[&seen, "set_remote_credentials"],
        );
    }
    let unauthentic = |e: &mut Evidence| e.checks.note_unauthentic();
    expect(
        Cause::WrongRemoteCredentials,
        unauthentic,
        &["another password"],
    );
    let unknown = |e: &mut Evidence| e.heard.note_unknown(pair());
    expect(
        Cause::WrongRemoteCredentials,
        unknown,
        &["with unknown credentials"],
    );
}

#[test]
fn with_other_answers_than_successes() {
    let rejected = |e: &mut Evidence| e.checks.note_error(500);
    expect(Cause::Rejected, rejected, &["by an error 500", "its log"]);
    let conflict = |e: &mut Evidence| e.checks.note_error(487);
    expect(Cause::RoleConflict, conflict, &["487", "--controlling"]);
}

#[test]
fn without_a_common_transport_or_family() {
    let transport = |e: &mut Evidence| (e.over_udp, e.shares_transport) = (false, false);
    expect(Cause::NoCommonTransport, transport, &["--tcp"]);
    let family = |e: &mut Evidence| {
        e.remote = offer(&[(Host, "[2001:db8::2]:2000")]);
        e.over_udp = false;
    };
    expect(
        Cause::NoCommonFamily,
        family,
        &["this side has only IPv4 and the peer only IPv6", "--ipv4"],
    );
}

#[test]
fn with_answers_and_no_pair() {
    for (controlling, part) in [(true, "--ice-timeout"), (false, "has chosen no pair")] {
        let answered = |e: &mut Evidence| {
            e.controlling = controlling;
            e.checks.note_answer(pair());
        };
        expect(
            Cause::NotNominated,
            answered,
            &["1 was answered, by 203", part],
        );
    }
    let elsewhere = Pair::udp(addr(HERE), addr("198.51.100.9:9"));
    let seen = |e: &mut Evidence| e.checks.note_elsewhere(elsewhere);
    expect(
        Cause::AnsweredElsewhere,
        seen,
        &[
            "1 answer came from 198.51.100.9:9, which was not asked",
            "announce 198.51.100.9",
        ],
    );
}

#[test]
fn with_checks_that_do_not_leave() {
    let forbidden = |e: &mut Evidence| unsent(e, ErrorKind::PermissionDenied);
    expect(
        Cause::Forbidden,
        forbidden,
        &["3 did not leave (permission denied)"],
    );
    let no_route = |e: &mut Evidence| unsent(e, ErrorKind::NetworkUnreachable);
    expect(
        Cause::NoRoute,
        no_route,
        &[
            "(network unreachable)",
            "no route to 203.0.113.2:2000",
            "--interface",
        ],
    );
    let some = |e: &mut Evidence| e.checks.note_unsent(addr(THERE), ErrorKind::WouldBlock);
    expect(Cause::UdpBlocked, some, &["1 did not leave"]);
}

#[test]
fn with_checks_of_the_peers_alone() {
    let heard = |e: &mut Evidence| e.heard.note_authentic(pair());
    expect(
        Cause::OneWay,
        heard,
        &[
            "1 of the peer's came, from 203.0.113.2:2000",
            "to and from 203.0.113.2,",
        ],
    );
}

#[test]
fn with_addresses_that_few_reach() {
    let docker = |e: &mut Evidence| {
        e.remote = offer(&[(Host, "172.17.0.2:2000")]);
        unsent(e, ErrorKind::NetworkUnreachable);
    };
    expect(
        Cause::UnreachablePeer,
        docker,
        &[
            "address 172.17.0.2 is of Docker's default bridge",
            "--announce",
        ],
    );
    let here = |e: &mut Evidence| e.local = offer(&[(Host, "172.17.0.2:1000")]);
    expect(
        Cause::UnreachableHere,
        here,
        &[
            "address 172.17.0.2 is of Docker's default bridge",
            "--announce",
        ],
    );
    let private = |e: &mut Evidence| {
        e.remote = offer(&[(Host, "192.168.1.2:2000"), (Host, "10.0.0.2:2000")]);
    };
    let mixed = |e: &mut Evidence| {
        e.remote = offer(&[(Host, "192.168.1.2:2000"), (Host, "172.17.0.2:2000")]);
    };
    expect(Cause::UnreachablePeer, mixed, &["addresses are not public"]);
    expect(
        Cause::UnreachablePeer,
        private,
        &["addresses are private", "--stun"],
    );
    let near = |e: &mut Evidence| {
        e.remote = offer(&[(Host, "172.17.0.2:2000")]);
        e.local = offer(&[(Host, "172.17.0.3:1000")]);
        e.shares_network = true;
    };
    expect(Cause::UdpBlocked, near, &["--port-range"]);
}

#[test]
fn with_an_announced_address() {
    let announced = |e: &mut Evidence| e.announced = Some(addr(HERE).ip());
    expect(
        Cause::WrongAnnounced,
        announced,
        &["address 192.0.2.1, so", "--announce"],
    );
    let before_route = |e: &mut Evidence| {
        e.announced = Some(addr("10.0.0.9:1").ip());
        e.remote = offer(&[(Host, "192.168.1.2:2000")]);
        unsent(e, ErrorKind::NetworkUnreachable);
    };
    let is = "address 10.0.0.9, which is private, so";
    expect(Cause::WrongAnnounced, before_route, &[is]);
}

#[test]
fn with_relays() {
    let dead = |e: &mut Evidence| e.turn_servers = 1;
    expect(Cause::NoRelay, dead, &["?transport=tcp"]);
    let relay = (Relayed, "198.51.100.1:5000");
    let ours = |e: &mut Evidence| {
        e.local = offer(&[(Host, HERE), relay]);
        e.turn_servers = 1;
    };
    let where_it_is = "a relay, 198.51.100.1:5000, and";
    expect(Cause::OnlyLocalRelay, ours, &[where_it_is, "give the peer"]);
    let theirs = |e: &mut Evidence| e.remote = offer(&[(ServerReflexive, THERE), relay]);
    expect(
        Cause::OnlyRemoteRelay,
        theirs,
        &[where_it_is, "give this side"],
    );
    let both = |e: &mut Evidence| {
        e.local = offer(&[relay]);
        e.remote = offer(&[relay]);
    };
    expect(Cause::UdpBlocked, both, &["turns:"]);
}

#[test]
fn with_nothing_else_to_tell() {
    let lite = |e: &mut Evidence| {
        e.lite = true;
        e.checks = Default::default();
    };
    expect(
        Cause::NobodyCame,
        lite,
        &["lite", "no check left", "--announce"],
    );
    let tcp = |e: &mut Evidence| (e.over_udp, e.over_tcp) = (false, true);
    expect(Cause::TcpBlocked, tcp, &["stop TCP"]);
    let both = |e: &mut Evidence| e.over_tcp = true;
    expect(
        Cause::UdpBlocked,
        both,
        &["stop UDP and TCP between", "or go through"],
    );
    let near = |e: &mut Evidence| e.shares_network = true;
    expect(Cause::UdpBlocked, near, &["a firewall seems to stop UDP"]);
}

#[test]
fn each_cause_has_a_name_of_its_own_and_one_rule_holds_always() {
    let mut names: Vec<_> = RULES.iter().map(|(cause, _)| cause.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut causes: Vec<_> = RULES.iter().map(|(cause, _)| *cause).collect();
    causes.sort_unstable_by_key(|cause| *cause as usize);
    causes.dedup();
    assert_eq!(names.len(), causes.len());
    let (_, holds) = RULES.last().expect("there are rules");
    assert!(holds(&Evidence::default()));
}
