//! Failures: statement 18.
use crate::secs;
use handclasp::Failure;
use handclasp::plugin::{CallName, FailureKind};
use handclasp::stream::{Message, Notification};
use handclasp_tests::{Backend, Event, Journal, Scripted, World, for_each_backend};

/// Two components under `script`, each of which gets three datagrams; and a pair that has nothing to do with it.
fn run(backend: Backend, script: Scripted) -> (World, Journal) {
    let (party, journal) = script.party();
    let (peer, _other) = Scripted::new()
        .on("init", &["init_data=b"])
        .on("connection_ready", &["packets=3"])
        .party();
    let (sound, _sound) = Scripted::new()
        .on("connection_ready", &["finish=keys"])
        .party();
    let mut world = World::pair(backend, &party.components(2), &peer.components(2));
    world.add(&sound, &sound);
    world.run_for(secs(10));
    (world, journal)
}

/// Why components of the first side have ended.
fn failures(world: &World) -> Vec<(u16, Failure)> {
    let said = world.sides[0].log.iter();
    let failed = said.filter_map(|(_, event)| match event {
        Event::Said(Notification::ComponentStateFailed {
            component_id,
            reason,
        }) => Some((*component_id, reason.clone())),
        _ => None,
    });
    failed.collect()
}

#[test]
fn s18_a_program_can_tell_why_a_component_has_ended() {
    for (call, name, answer, kind) in [
        (
            "connection_ready",
            CallName::ConnectionReady,
            "answer=-3",
            FailureKind::Authentication,
        ),
        (
            "recv_from_peer",
            CallName::RecvFromPeer,
            "answer=99",
            FailureKind::Fault,
        ),
        ("init", CallName::Init, "answer=-1", FailureKind::Option),
    ] {
        for_each_backend(|backend| {
            let script = Scripted::new().on(call, &[&format!("only=1 {answer}")]);
            let (world, _journal) = run(backend, script);
            let failures = failures(&world);
            let (component_id, Failure::Plugin(failure)) = &failures[0] else {
                panic!("{failures:?}");
            };
            assert_eq!((*component_id, failure.call, failure.kind), (1, name, kind));
            let others = match name {
                CallName::Init => vec![(2, Failure::Sibling { component_id: 1 })],
                _ => Vec::new(),
            };
            assert_eq!(failures[1..], others);
        });
    }
}

/// Has `call` fail on component 1, and looks at everything around it.
fn fails(call: &str, line: &str, reason: &str) {
    for_each_backend(|backend| {
        let other = if call == "connection_ready" {
            "recv_from_peer"
        } else {
            "connection_ready"
        };
        let script = Scripted::new()
            .with("PEER")
            .on(call, &[&format!("only=1 {line}")])
            .on(other, &["only=2 finish=keys"]);
        let (mut world, journal) = run(backend, script);
        let side = &world.sides[0];
        assert_eq!(
            side.told(&["failed"]),
            [format!("failed 1 plugin scripted: {reason}")],
            "{line}"
        );
        assert_eq!(
            side.told(&["ready"]).len(),
            1,
            "the sibling goes on: {:?}",
            side.story()
        );
        assert!(side.has("ready 2 keys"));
        assert!(world.sides[2].is_ready() && world.sides[3].is_ready());
        let life = journal.names(1);
        assert_eq!(life[life.len() - 2..], [call, "destroy"]);
        // Nothing that comes now reaches it.
        let dropped = world.sides[0].stream.dropped(1);
        let from = world.sides[1].address(1);
        world.inject(0, 1, from, b"hello?");
        world.run_for(secs(60));
        assert_eq!(world.sides[0].stream.dropped(1), dropped + 1);
        assert_eq!(journal.names(1), life);
        assert_eq!(world.sides[0].count("failed 1"), 1);
        assert_eq!(journal.check(), 1);
    });
}

#[test]
fn s18_every_call_may_fail_with_a_sentence() {
    fails(
        "set_peer",
        "answer=-3 say=no such peer",
        "set_peer: no such peer",
    );
    fails(
        "recv_from_peer",
        "answer=-2 say=an alert",
        "recv_from_peer: an alert",
    );
    fails(
        "connection_ready",
        "answer=-7 say=out of keys",
        "connection_ready: out of keys",
    );
}

#[test]
fn s18_a_failed_deadline() {
    for_each_backend(|backend| {
        let script = Scripted::new()
            .on("connection_ready", &["deadline=1000"])
            .on("on_deadline", &["only=1 answer=-7 say=too late"]);
        let (world, journal) = run(backend, script);
        assert_eq!(
            world.sides[0].told(&["failed"]),
            ["failed 1 plugin scripted: on_deadline: too late"]
        );
        assert_eq!(journal.count("on_deadline"), 2);
        assert_eq!(journal.check(), 1);
    });
}

#[test]
fn s18_a_failure_without_a_sentence_has_one() {
    let reason = "connection_ready failed: the peer could not be authenticated, and it gave no reason; \
                  report this to the plugin's author";
    fails("connection_ready", "answer=-3", reason);
}

#[test]
fn s18_a_breach_of_the_contract_is_a_failure() {
    let report = "; the instance was destroyed, report this to the plugin's author";
    let breaches = [
        (
            "answer=77",
            "answered 77, which is no status of the contract",
        ),
        (
            "answer=-99",
            "answered -99, which is no status of the contract",
        ),
        ("answer=2", "answered 2, which is no status of the contract"),
        (
            "init_data=late",
            "emitted init_data in a call that does not allow it",
        ),
        (
            "data=early",
            "emitted handshake_data in a call that does not allow it",
        ),
        (
            "data=a data=b finish",
            "emitted handshake_data twice in one call",
        ),
        (
            "packets=65",
            "emitted more than 64 packets or 65536 bytes of them in one call",
        ),
        (
            "bytes=1300",
            "emitted a packet of 1300 bytes, more than its MTU of 1200",
        ),
    ];
    for (line, breach) in breaches {
        fails(
            "connection_ready",
            line,
            &format!("connection_ready {breach}{report}"),
        );
    }
}

#[test]
fn s18_a_second_finish_is_a_failure() {
    for_each_backend(|backend| {
        let script = Scripted::new()
            .with("CLASSIFY")
            .on("recv_from_peer", &["finish=keys", "finish=keys"]);
        let (world, journal) = run(backend, script);
        assert_eq!(
            world.sides[0].count("failed 1 plugin scripted: recv_from_peer finished a second time"),
            1
        );
        assert_eq!(journal.check(), 0);
    });
}

#[test]
fn s18_packets_of_a_failing_call_leave_and_its_data_does_not() {
    for_each_backend(|backend| {
        let script = Scripted::new().on(
            "connection_ready",
            &["only=1 packet=alert data=keys answer=-2 say=alert"],
        );
        let (world, _journal) = run(backend, script);
        let told = world.sides[0].told(&["sent", "handshake_data", "ready", "failed"]);
        assert_eq!(
            told,
            [
                "sent 1 alert",
                "failed 1 plugin scripted: connection_ready: alert"
            ]
        );
    });
}

#[test]
fn s18_a_sentence_of_a_call_that_succeeds_is_a_warning() {
    for_each_backend(|backend| {
        let script = Scripted::new().on("connection_ready", &["only=1 say=this peer is old"]);
        let (world, _journal) = run(backend, script);
        assert_eq!(
            world.sides[0].told(&["warning"]),
            ["warning plugin scripted: this peer is old"]
        );
    });
}

/// Two sides of two components, and their journals.
fn two_by_two(backend: Backend) -> (World, [Journal; 2]) {
    let party = || {
        let script = Scripted::new().on("connection_ready", &["finish=keys"]);
        script.party()
    };
    let ((a, of_a), (b, of_b)) = (party(), party());
    let world = World::pair(backend, &a.components(2), &b.components(2));
    (world, [of_a, of_b])
}

/// From now on nothing gets through that is component 2's.
fn cut_component_2(world: &mut World) {
    let sockets = [0, 1].map(|side| world.sides[side].address(2));
    world.link.drops = Box::new(move |flight| sockets.contains(&flight.to));
}

/// Component 2 is over on both sides, with this reason; component 1 lives on without it.
fn component_1_goes_on(world: &mut World, journals: &[Journal; 2], reason: &str) {
    for (side, journal) in journals.iter().enumerate() {
        let told = world.sides[side].told(&["ready", "failed", "closed"]);
        let ready: Vec<_> = told
            .iter()
            .filter(|line| line.starts_with("ready 1"))
            .collect();
        assert_eq!(ready, ["ready 1 keys"], "{told:?}");
        let failed = told.last().expect("it is ready at least");
        assert!(failed.starts_with("failed 2 ICE failed: "), "{told:?}");
        assert!(failed.contains(reason), "{failed}");
        assert_eq!(journal.names(2).last().map(String::as_str), Some("destroy"));
        assert_eq!(journal.check(), 1);
        world.send(side, 1, b"media");
        world.send(side, 2, b"reports");
        world.run_for(secs(1));
        assert!(world.sides[side ^ 1].has("received 1 media"));
        assert!(world.sides[side].has("could_not_send 2 the component has ended"));
    }
    let told = world.sides[0].count("candidate 2");
    for message in [Message::GatherCandidates, Message::RestartStream] {
        world.tell(0, message).expect("the stream lives");
        world.run_for(secs(5));
    }
    assert_eq!(
        world.sides[0].count("selected 1"),
        2,
        "{:#?}",
        world.sides[0].story()
    );
    assert_eq!(world.sides[0].count("candidate 2"), told);
    world
        .tell(0, Message::GenerateLocalSdp)
        .expect("the stream lives");
    let sdp = world.sides[0].description();
    assert!(sdp.contains(" 1 udp ") && !sdp.contains(" 2 udp "), "{sdp}");
}

#[test]
fn s18_a_component_that_never_connects_leaves_its_sibling() {
    for_each_backend(|backend| {
        let (mut world, journals) = two_by_two(backend);
        cut_component_2(&mut world);
        world.run_for(secs(40));
        for side in &world.sides {
            let [ready, failed] = ["ready 1", "failed 2"].map(|line| side.when(line));
            assert!(ready.is_some_and(|at| at < secs(5)), "{:#?}", side.story());
            let in_time = failed.is_some_and(|at| at > secs(30) && at < secs(32));
            assert!(in_time, "{failed:?}");
        }
        let reason = " of ours none was answered, and none of the peer's came: a firewall seems to stop UDP between \
                      the two sides, so open its ports there";
        component_1_goes_on(&mut world, &journals, reason);
    });
}

#[test]
fn s18_a_component_that_loses_its_peer_leaves_its_sibling() {
    for_each_backend(|backend| {
        let (mut world, journals) = two_by_two(backend);
        world.connect();
        cut_component_2(&mut world);
        world.run_for(secs(70));
        for side in &world.sides {
            let lost = side.told(&["disconnected"]);
            assert_eq!(lost, ["disconnected 2"]);
        }
        component_1_goes_on(&mut world, &journals, "no answer for 60 s");
    });
}
