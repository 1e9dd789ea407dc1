//! What the application can send, in any order: statement 24.
use crate::{ms, secs};
use handclasp::plugin::Role;
use handclasp::stream::{Lookup, Message, Notification};
use handclasp_tests::{
    Backend, Journal, Party, Scripted, Signalling, World, for_each_backend, plugin,
};
use proptest::prelude::*;
use std::time::Instant;

fn party() -> (Party, Journal) {
    Scripted::new()
        .with("PEER")
        .with("CLASSIFY")
        .on("init", &["init_data=tls-id:x"])
        .on("connection_ready", &["packet=?hello deadline=250"])
        .on("on_deadline", &["packet=?hello deadline=250 again"])
        .on("recv_from_peer", &["packet=?hello finish=keys"])
        .on("close", &["packet=?bye"])
        .party()
}

#[test]
fn s24_what_comes_too_early_waits() {
    for_each_backend(|backend| {
        let ((a, _journal), (b, _other)) = (party(), party());
        let mut world = World::pair(backend, &a, &b);
        world.hold(0, "init", secs(5));
        // Everything of side 1's reaches side 0 before it has started.
        world.run_for(secs(4));
        assert_eq!(world.sides[0].told(&["refused"]), [""; 0]);
        world.until(secs(10), |world| world.sides[0].is_ready());
    });
}

#[test]
fn s24_a_description_that_is_asked_for_early_waits_for_init() {
    let ((a, _journal), (b, _other)) = (party(), party());
    let mut world = World::pair(Backend::immediate(), &a, &b);
    world.hold(0, "init", secs(1));
    for _ in 0..2 {
        world.tell(0, Message::GenerateLocalSdp).expect("it waits");
    }
    let described = |world: &World| world.sides[0].count("sdp");
    assert_eq!(described(&world), 0);
    world.run_for(secs(3));
    assert_eq!(described(&world), 1, "{:?}", world.sides[0].story());
    assert!(world.sides[0].description().contains("a=ice-ufrag:"));
}

#[test]
fn s24_what_cannot_wait_is_refused_with_the_remedy() {
    let ((a, _journal), (b, _other)) = (party(), party());
    let mut world = World::pair(Backend::immediate(), &a, &b);
    world.hold(0, "init", secs(1));
    let mut refused = |message: Message| {
        world
            .tell(0, message)
            .expect_err("too early, or wrong")
            .to_string()
    };
    assert!(refused(Message::GatherCandidates).contains("gathering starts by itself"));
    assert!(refused(Message::RestartStream).contains("wait for local_credentials"));
    assert!(refused(Message::Listen { component_id: 2 }).contains("this stream has 1 to 1"));
    assert!(refused(Message::Listen { component_id: 0 }).contains("there is no component 0"));
    for credentials in ["", "x", "toofewcharacters short", "a b c"] {
        let credentials = credentials.to_owned();
        assert!(
            !refused(Message::SetRemoteCredentials {
                credentials,
                generation: None
            })
            .is_empty()
        );
    }
    let candidate = "candidate:1 2 udp 1 10.0.0.9 9 typ host".to_owned();
    assert!(
        !refused(Message::SetRemoteCandidate {
            candidate,
            component_id: 1
        })
        .is_empty()
    );
    assert!(
        !refused(Message::ParseRemoteSdp {
            sdp: "v=0".to_owned()
        })
        .is_empty()
    );
    assert_eq!(world.sides[0].count("refused"), 10);
    world.run_for(secs(3));
    assert!(world.sides[0].is_ready(), "nothing has changed by it");
}

#[test]
fn s24_what_comes_too_late_is_refused() {
    for_each_backend(|backend| {
        let ((a, _journal), (b, _other)) = (party(), party());
        let mut world = World::pair(backend, &a, &b);
        world.run_for(secs(1));
        world.tell(0, Message::Stop).expect("it runs");
        world.run_for(secs(1));
        let refused = world
            .tell(0, Message::RestartStream)
            .expect_err("it is over");
        assert_eq!(refused.to_string(), "the stream has ended: start another");
        world
            .tell(0, Message::Stop)
            .expect("to stop twice is no fault");
    });
}

#[test]
fn s24_gathering_again_offers_no_candidate_twice() {
    for_each_backend(|backend| {
        let ((a, _journal), (b, _other)) = (party(), party());
        let mut world = World::pair(backend, &a, &b);
        world.run_for(secs(1));
        world
            .tell(0, Message::GatherCandidates)
            .expect("it has started");
        world.run_for(secs(1));
        assert_eq!(
            world.sides[0].told(&["candidate", "gathered"]),
            ["candidate 1", "gathered", "gathered"]
        );
    });
}

#[test]
fn s24_credentials_that_are_refused_restart_nothing() {
    let ((a, _journal), (b, _other)) = (party(), party());
    let mut world = World::pair(Backend::immediate(), &a, &b);
    world.connect();
    world.signalling = Signalling::None;
    world.tell(1, Message::GenerateLocalSdp).expect("it runs");
    let sdp = world.sides[1].description();
    let value = |name: &str| {
        let mut lines = sdp.lines();
        let value = lines.find_map(|line| line.strip_prefix(name));
        value.expect("it is a description").to_owned()
    };
    let (ufrag, pwd) = (value("a=ice-ufrag:"), value("a=ice-pwd:"));
    let mut say = |message: Message| {
        let is_taken = world.tell(0, message).is_ok();
        world.run_for(ms(10));
        (is_taken, world.sides[0].count("credentials"))
    };
    let credentials = |ufrag: &str| Message::SetRemoteCredentials {
        credentials: format!("{ufrag} {pwd}"),
        generation: None,
    };
    for length in [3, 257] {
        let wrong = "u".repeat(length);
        assert_eq!(say(credentials(&wrong)), (false, 1));
        let sdp = sdp.replace(&ufrag, &wrong);
        assert_eq!(say(Message::ParseRemoteSdp { sdp }), (false, 1));
    }
    assert_eq!(say(credentials(&ufrag)), (true, 1), "it had them");
    assert_eq!(say(credentials(&"u".repeat(256))), (true, 2));
}

#[test]
fn s24_nothing_is_gathered_after_the_close() {
    let ((a, _journal), (b, _other)) = (party(), party());
    let mut world = World::pair(Backend::immediate(), &a, &b);
    world.connect();
    // A turn's messages are all heard before anything is bound.
    let stream = &mut world.sides[0].stream;
    for message in [Message::GatherCandidates, Message::Close] {
        let heard = stream.handle_message(Instant::now(), message);
        heard.expect("it has started");
    }
    assert_eq!(stream.poll_gather(), None);
    let refused = world.tell(0, Message::GatherCandidates);
    let refused = refused.expect_err("it is closed").to_string();
    assert!(refused.contains("closed"), "{refused}");
    assert_eq!(world.sides[0].stream.poll_gather(), None);
}

#[test]
fn s24_servers_that_are_being_looked_up_are_waited_for_once() {
    let mut first = party().0;
    for server in ["stun:one.example", "stun:other.example"] {
        let server = server.parse().expect("RFC 7064");
        first.servers.stun.push(server);
    }
    let mut world = World::pair(Backend::immediate(), &first, &party().0);
    world.run_for(ms(100));
    let stream = &mut world.sides[0].stream;
    let lookups: Vec<Lookup> = std::iter::from_fn(|| stream.poll_lookup()).collect();
    assert_eq!(lookups.len(), 2);
    world
        .tell(0, Message::GatherCandidates)
        .expect("it has started");
    assert_eq!(world.sides[0].stream.poll_lookup(), None);
    let nowhere = Err("nobody knows it".to_owned());
    for (lookup, gathered) in lookups.iter().zip([0, 1]) {
        let stream = &mut world.sides[0].stream;
        stream.handle_lookup(Instant::now(), lookup, &nowhere);
        world.run_for(ms(1));
        assert_eq!(world.sides[0].count("gathered"), gathered);
    }
    world
        .tell(0, Message::GatherCandidates)
        .expect("it has started");
    let stream = &mut world.sides[0].stream;
    let again: Vec<Lookup> = std::iter::from_fn(|| stream.poll_lookup()).collect();
    assert_eq!(again, lookups);
}

#[test]
fn s25_a_candidate_of_the_peers_is_told_once_and_if_it_is_of_use() {
    let mut world = World::pair(Backend::immediate(), &party().0, &party().0);
    world.signalling = Signalling::None;
    world.run_for(ms(100));
    let mut told = |candidate: &str| {
        let candidate = candidate.to_owned();
        let component_id = 1;
        let message = Message::SetRemoteCandidate {
            candidate,
            component_id,
        };
        world.tell(0, message).expect("it is well formed");
        world.sides[0].count("remote_candidate")
    };
    let line = "candidate:1 1 udp 2130706431 10.0.9.9 9 typ host";
    assert_eq!(told(line), 1);
    assert_eq!(told(line), 1, "it is there already");
    assert_eq!(told(&line.replace("udp", "sctp")), 1);
    assert_eq!(told(&line.replace("typ host", "typ pigeon")), 1);
    assert_eq!(told(&line.replace("10.0.9.9", "example.org")), 1);
    assert_eq!(told(&line.replace("10.0.9.9", "example.com")), 1);
    assert_eq!(told(&line.replace("10.0.9.9", "10.0.9.8")), 2);
    let warning = "warning the peer's candidate has the host name example.org, and only names that end in .local are \
                   looked up: have it give addresses";
    assert_eq!(world.sides[0].told(&["warning"]), [warning], "once");
}

/// What an application may say, sensible or not. The world adds what the sides tell each other.
fn any_message() -> impl Strategy<Value = Message> {
    let text = prop_oneof!["[ -~]{0,40}", "[a-zA-Z0-9+/]{4,8} [a-zA-Z0-9+/]{22,24}"];
    let candidate = prop_oneof![
        "[ -~]{0,60}",
        (0..3u16, 0..4u8, 1..9999u16).prop_map(|(component, host, port)| {
            format!("candidate:1 {component} udp 2130706431 10.0.{host}.1 {port} typ host")
        }),
    ];
    let sdp = prop_oneof![
        "[ -~\r\n]{0,200}",
        Just(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=application 9 udp octet-stream\r\n\
             c=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n\
             a=handclasp-init:scripted eA==\r\n"
                .to_owned()
        ),
    ];
    let role = prop_oneof![Just(Role::Initiator), Just(Role::Responder)];
    prop_oneof![
        (text, proptest::option::of(0..4u64)).prop_map(|(credentials, generation)| {
            Message::SetRemoteCredentials {
                credentials,
                generation,
            }
        }),
        (candidate, 0..4u16).prop_map(|(candidate, component_id)| Message::SetRemoteCandidate {
            candidate,
            component_id
        }),
        sdp.prop_map(|sdp| Message::ParseRemoteSdp { sdp }),
        Just(Message::GenerateLocalSdp),
        Just(Message::PeerCandidateGatheringDone),
        Just(Message::GatherCandidates),
        Just(Message::RestartStream),
        (0..4u16, role, proptest::collection::vec(any::<u8>(), 0..20)).prop_map(
            |(component_id, role, init_data)| {
                Message::SetPeerInitData {
                    component_id,
                    role,
                    init_data,
                    association: None,
                }
            }
        ),
        (0..4u16).prop_map(|component_id| Message::Listen { component_id }),
        Just(Message::Close),
        Just(Message::Stop),
    ]
}

/// A message to a side, or a datagram from it, after a while.
fn any_step() -> impl Strategy<Value = (u64, usize, Option<Message>)> {
    let pause = prop_oneof![Just(0), 0..50u64, 50..2_000u64, 2_000..40_000u64];
    (
        pause,
        0..2usize,
        proptest::option::weighted(0.8, any_message()),
    )
}

fn play(seed: u64, world: &mut World, steps: Vec<(u64, usize, Option<Message>)>) {
    world.link.make_bad();
    for (pause, side, message) in steps {
        world.run_for(ms(pause));
        match message {
            // A refusal is an answer, too.
            Some(message) => drop(world.tell(side, message)),
            None => world.send(side, (seed % 3) as u16, b"?media"),
        }
    }
    world.run_for(secs(100));
    for side in [0, 1] {
        let _ = world.tell(side, Message::Stop);
    }
    world.run_for(secs(5));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s24_any_message_at_any_time_is_no_crash(
        seed in any::<u64>(),
        delay in 0..60u64,
        scripted in any::<bool>(),
        steps in proptest::collection::vec(any_step(), 0..30),
    ) {
        let ((a, journal_a), (b, journal_b)) = if scripted { (party(), party()) } else {
            let none = || (Party::new(plugin("none")), Journal::default());
            (none(), none())
        };
        let mut world = World::new(seed, Backend::delayed(seed, ms(delay)));
        world.add(&a.components(2), &b.components(2));
        play(seed, &mut world, steps);
        for side in &world.sides {
            prop_assert!(side.stream.has_ended(), "{:#?}", side.story());
        }
        prop_assert_eq!((journal_a.check(), journal_b.check()), (0, 0));
    }
}

#[test]
fn s24_what_is_told_to_the_peer_includes_that_there_are_no_more_candidates() {
    let told = Notification::CandidateGatheringDone.for_peer(Role::Initiator);
    assert_eq!(told, Some(Message::PeerCandidateGatheringDone));
    assert_eq!(Notification::Stopped.for_peer(Role::Initiator), None);
}
