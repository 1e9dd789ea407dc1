//! Early is not wrong, odd is not unlawful, and what is gone is not told again: statement 40.
use crate::{ms, secs};
use handclasp::Failure;
use handclasp::ice;
use handclasp::plugin::{InProcess, Role};
use handclasp::stream::{self, Message, Notification, Stream};
use handclasp_tests::{
    Backend, Event, Party, Scripted, Signalling, World, for_each_backend, plugin,
};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// What a side has told since its log had `from` entries, as messages for its peer.
fn told_since(world: &World, side: usize, from: usize) -> Vec<Message> {
    let told = world.sides[side].log[from..].iter();
    told.filter_map(|(_, event)| match event {
        Event::Said(notification) => notification.for_peer(Role::Initiator),
        _ => None,
    })
    .collect()
}

#[test]
fn s40_candidates_of_the_generation_to_come_wait_for_its_credentials() {
    for_each_backend(|backend| {
        let party = Party::new(plugin("none"));
        let mut world = World::pair(backend, &party, &party);
        world.connect();
        world.signalling = Signalling::None;
        let from = world.sides[1].log.len();
        world.tell(1, Message::RestartStream).expect("it runs");
        let (candidates, credentials): (Vec<Message>, Vec<Message>) = told_since(&world, 1, from)
            .into_iter()
            .partition(|message| matches!(message, Message::SetRemoteCandidate { .. }));
        let before = world.sides[0].count("remote_candidate");
        for message in candidates {
            let Message::SetRemoteCandidate { candidate, .. } = &message else {
                continue;
            };
            let candidate = format!("a={candidate}\r\n");
            world
                .tell(
                    0,
                    Message::SetRemoteCandidate {
                        candidate,
                        component_id: 1,
                    },
                )
                .expect("it waits");
        }
        assert_eq!(world.sides[0].count("remote_candidate"), before);
        for message in credentials {
            world.tell(0, message).expect("they are the peer's");
        }
        assert_eq!(world.sides[0].count("remote_candidate"), before + 1);
    });
}

/// Whether a plugin's sender refuses what begins as its handshake does; the rest is alike for all.
fn refuses_handshake(script: fn() -> Scripted, refuses: bool) {
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    for_each_backend(|backend| {
        let finishes = || script().on("connection_ready", &["finish=keys"]).party();
        let ((a, _journal), (b, _other)) = (finishes(), finishes());
        let mut world = World::pair(backend, &a, &b);
        world.connect();
        for payload in [&stun[..], b"?handshake", b"\x80media", b""] {
            world.send(0, 1, payload);
        }
        world.run_for(secs(1));
        let received = world.sides[1].told(&["received"]);
        assert_eq!(received.len(), if refuses { 1 } else { 2 }, "{received:?}");
        let refused = world.sides[0].told(&["could_not_send"]);
        assert_eq!(refused.len(), if refuses { 3 } else { 2 }, "{refused:?}");
        assert!(refused[0].contains("STUN"), "{refused:?}");
        assert_eq!(refused[1].contains("begins with byte 63"), refuses);
    });
}

#[test]
fn s40_payloads_that_cannot_arrive_are_refused_where_they_are_sent() {
    refuses_handshake(|| Scripted::new().with("CLASSIFY"), true);
    refuses_handshake(Scripted::new, false);
    // The first byte is only half its answer.
    refuses_handshake(|| Scripted::new().with("INSPECT"), false);
}

#[test]
fn s40_the_session_of_a_description_has_an_id_of_its_own() {
    let mut ids = BTreeSet::new();
    let party = Party::new(plugin("none"));
    let mut world = World::pair(Backend::immediate(), &party, &party);
    world.run_for(ms(100));
    for side in [0, 1] {
        for _ in 0..2 {
            world
                .tell(side, Message::GenerateLocalSdp)
                .expect("it runs");
            let sdp = world.sides[side].description();
            let origin = sdp.lines().find_map(|line| line.strip_prefix("o=- "));
            let id = origin.and_then(|origin| origin.split(' ').next());
            ids.insert(id.expect("o=").parse::<u64>().expect("a number"));
        }
    }
    assert_eq!(ids.len(), 2, "it stays");
    assert!(
        ids.iter().all(|id| (1 << 20..1 << 63).contains(id)),
        "{ids:?}"
    );
}

#[test]
fn s40_an_address_that_is_gone_is_not_told_again() {
    let mut party = Party::new(plugin("none"));
    party.two_paths = true;
    let mut world = World::pair(Backend::immediate(), &party, &party);
    world.connect();
    let gone = world.sides[0].address(1);
    let told = |world: &mut World| {
        world.tell(0, Message::GenerateLocalSdp).expect("it runs");
        world.sides[0].description()
    };
    let before = told(&mut world);
    assert!(
        before.contains(&format!("c=IN IP4 {}\r\n", gone.ip())),
        "{before}"
    );
    let (now, ip): (Instant, IpAddr) = (world.now(), gone.ip());
    world.sides[0].stream.remove_local_address(now, ip);
    world.link.drops = Box::new(move |flight| flight.to == gone || flight.from == gone);
    let after = told(&mut world);
    assert!(!after.contains(&ip.to_string()), "{after}");
    assert!(after.contains("c=IN IP4 10.1.0.1\r\n"), "{after}");
    let from = world.sides[0].log.len();
    world.tell(0, Message::RestartStream).expect("it runs");
    world.run_for(secs(10));
    let candidates = told_since(&world, 0, from);
    assert!(
        !format!("{candidates:?}").contains(&ip.to_string()),
        "{candidates:?}"
    );
    let pair = world.sides[0]
        .stream
        .route(1, b"\x80")
        .expect("the other path");
    assert_ne!(pair.local.ip(), ip);
}

/// A stream that wants sockets.
fn gathering(now: Instant) -> Stream {
    gathering_with(now, |_| {})
}

fn gathering_with(now: Instant, change: impl FnOnce(&mut Party)) -> Stream {
    let plugin = plugin("none");
    let mut calls = InProcess::new(Arc::clone(&plugin));
    let mut party = Party::new(plugin);
    change(&mut party);
    let mut stream = party.stream(now, true).expect("it can be");
    while let Some(request) = stream.poll_request(now) {
        stream.handle_completion(now, calls.run(request, 0));
    }
    assert_eq!(stream.poll_gather(), Some(vec![1]));
    stream
}

fn notifications(stream: &mut Stream) -> impl Iterator<Item = Notification> {
    std::iter::from_fn(|| stream.poll_event()).map(|event| match event {
        stream::Event::Notification(notification) => notification,
        stream::Event::Payload { .. } => panic!("no datagram has come"),
    })
}

fn candidates(stream: &mut Stream) -> usize {
    let told = notifications(stream);
    told.filter(|it| matches!(it, Notification::NewCandidateFull { .. }))
        .count()
}

#[test]
fn s40_servers_are_waited_for_as_long_as_the_options_say() {
    let start = Instant::now();
    for timeout in [ms(1), ms(800), secs(5)] {
        let mut stream = gathering_with(start, |party| {
            party.gathering_timeout = timeout;
            let server = "turn:alice:secret@relay.example".parse::<ice::TurnServer>();
            party.servers.turn = vec![server.expect("it is one")];
        });
        // The server's name is never found.
        stream.gathering_done();
        let is_done = |it: Notification| it == Notification::CandidateGatheringDone;
        let mut now = start;
        while !notifications(&mut stream).any(is_done) {
            now = stream.poll_timeout().expect("it waits");
            stream.handle_timeout(now);
        }
        assert_eq!(now - start, timeout);
    }
}

#[test]
fn s40_a_stream_without_an_address_waits_for_one() {
    let now = Instant::now();
    let mut stream = gathering(now);
    for tries in 1..=3 {
        let last = now + secs(tries - 1);
        stream.wait_for_address(last, "this machine has no address");
        assert_eq!(stream.poll_gather(), None);
        let next = now + secs(tries);
        stream.handle_timeout(next);
        assert_eq!(stream.poll_gather(), Some(vec![1]));
    }
    let told: Vec<_> = notifications(&mut stream).collect();
    let is_warning = |it: &&Notification| matches!(it, Notification::Warning { .. });
    assert_eq!(told.iter().filter(is_warning).count(), 1);
    stream.add_local_address(1, "10.0.0.1:5000".parse().expect("an address"));
    stream.gathering_done();
    assert_eq!(candidates(&mut stream), 1);
}

#[test]
fn s40_waiting_for_an_address_comes_to_an_end() {
    let start = Instant::now();
    let mut stream = gathering(start);
    stream.wait_for_address(start, "this machine has no address");
    let mut failed = None;
    while let Some(now) = stream.poll_timeout().filter(|_| failed.is_none()) {
        stream.handle_timeout(now);
        if stream.poll_gather().is_some() {
            stream.wait_for_address(now, "this machine has no address");
        }
        let mut told = notifications(&mut stream);
        failed = told.find_map(|it| match it {
            Notification::ComponentStateFailed { reason, .. } => Some((now, reason)),
            _ => None,
        });
    }
    let (at, reason) = failed.expect("it does not wait for ever");
    assert_eq!(at - start, secs(60), "as long as for its peer");
    let Failure::Ice {
        cause: ice::Failure::NoPair(evidence),
        ..
    } = &reason
    else {
        panic!("{reason}");
    };
    assert_eq!(evidence.cause(), ice::Cause::NoLocalCandidate);
}

#[test]
fn s40_better_addresses_than_those_of_loopback_are_told_as_they_come() {
    let now = Instant::now();
    let mut stream = gathering(now);
    stream.add_local_address(1, "127.0.0.1:5000".parse().expect("an address"));
    stream.look_again(now);
    stream.gathering_done();
    assert_eq!(candidates(&mut stream), 1);
    stream.handle_timeout(now + secs(1));
    assert_eq!(stream.poll_gather(), Some(vec![1]));
    stream.add_local_address(1, "10.0.0.1:5000".parse().expect("an address"));
    stream.gathering_done();
    let told: Vec<_> = notifications(&mut stream).collect();
    assert!(
        matches!(told[..], [Notification::NewCandidateFull { .. }]),
        "{told:?}"
    );
}
