//! The orderly end: statement 19.
use crate::{ms, secs};
use handclasp::stream::Message;
use handclasp_tests::{Backend, Journal, Party, Scripted, World, for_each_backend};
use std::collections::HashSet;

fn farewell() -> (Party, Journal) {
    Scripted::new()
        .on("connection_ready", &["finish=keys"])
        .on("close", &["packet=?bye packet=?now"])
        .party()
}

#[test]
fn s19_close_lets_the_plugin_say_goodbye() {
    for_each_backend(|backend| {
        let ((a, journal), (b, _other)) = (farewell(), farewell());
        let mut world = World::pair(backend, &a.components(2), &b.components(2));
        world.connect();
        world.tell(0, Message::Close).expect("it runs");
        world.run_for(secs(1));
        let mut told = world.sides[0].told(&["sent", "closed", "failed", "stopped"]);
        told.sort(); // the two components have no order
        let expected = [
            "closed 1",
            "closed 2",
            "sent 1 ?bye",
            "sent 1 ?now",
            "sent 2 ?bye",
            "sent 2 ?now",
        ];
        assert_eq!(told, expected);
        assert_eq!(
            journal.names(1),
            ["init", "connection_ready", "close", "destroy"]
        );
        world.send(0, 1, b"too late");
        assert!(world.sides[0].has("could_not_send 1 the component has ended"));
    });
}

#[test]
fn s19_a_call_that_fails_before_close_is_a_failure() {
    for_each_backend(|backend| {
        let (party, journal) = Scripted::new()
            .with("PEER")
            .on("set_peer", &["answer=-3 say=no such peer"])
            .party();
        let mut world = World::pair(backend, &party, &party);
        world.hold(0, "set_peer", secs(2));
        world.run_for(secs(1));
        world.tell(0, Message::Close).expect("it runs");
        world.run_for(secs(2));
        let told = world.sides[0].told(&["closed", "failed", "warning"]);
        assert_eq!(told, ["failed 1 plugin scripted: set_peer: no such peer"]);
        assert_eq!(journal.count("close"), 0);
    });
}

#[test]
fn s19_a_peers_close_is_reported() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new()
            .with("CLASSIFY")
            .on("connection_ready", &["finish=keys"])
            .on("recv_from_peer", &["answer=-4 say=close_notify"])
            .party();
        let (b, _other) = farewell();
        let mut world = World::pair(backend, &a, &b);
        world.connect();
        world.tell(1, Message::Close).expect("it runs");
        world.run_for(secs(1));
        assert_eq!(
            world.sides[0].told(&["closed", "failed"]),
            ["closed 1 by peer"]
        );
        assert_eq!(
            journal.names(1),
            ["init", "connection_ready", "recv_from_peer", "destroy"]
        );
    });
}

#[test]
fn s19_a_peers_close_in_progress_is_a_failure() {
    for_each_backend(|backend| {
        let (a, _journal) = Scripted::new()
            .with("CLASSIFY")
            .on("recv_from_peer", &["answer=-4 say=close_notify"])
            .party();
        let (b, _other) = farewell();
        let mut world = World::pair(backend, &a, &b);
        world.until(secs(5), |world| {
            world.sides[1].is_ready() && world.sides[0].count("selected") > 0
        });
        world.tell(1, Message::Close).expect("it runs");
        world.run_for(secs(1));
        assert_eq!(
            world.sides[0].told(&["closed", "failed"]),
            ["failed 1 plugin scripted: recv_from_peer: close_notify"]
        );
    });
}

#[test]
fn s19_close_is_not_called_after_a_failure_and_may_fail_itself() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new()
            .on("connection_ready", &["only=1 answer=-7 say=broken"])
            .on("close", &["packet=?bye answer=-7 say=no ink left"])
            .party();
        let (b, _other) = farewell();
        let mut world = World::pair(backend, &a.components(2), &b.components(2));
        world.run_for(secs(3));
        world.tell(0, Message::Close).expect("it runs");
        world.run_for(secs(1));
        assert_eq!(journal.names(1), ["init", "connection_ready", "destroy"]);
        let told = world.sides[0].told(&["sent", "closed", "failed", "warning"]);
        let expected = [
            "failed 1 plugin scripted: connection_ready: broken",
            "sent 2 ?bye",
            "warning plugin scripted: close: no ink left",
            "closed 2",
        ];
        assert_eq!(told, expected);
        assert_eq!(journal.check(), 0);
    });
}

#[test]
fn s19_stopped_is_the_last_word() {
    for stop_at in [0, 5, 20, 60, 100, 200, 400] {
        for_each_backend(|backend| {
            let ((a, journal), (b, _other)) = (farewell(), farewell());
            let mut world = World::pair(backend, &a.components(2), &b.components(2));
            world.run_for(ms(stop_at));
            world.tell(0, Message::Stop).expect("it runs");
            world.run_for(secs(5));
            let mut story = world.sides[0].story();
            story.retain(|line| !line.starts_with("refused"));
            assert_eq!(
                story.last().map(String::as_str),
                Some("stopped"),
                "{stop_at}: {story:#?}"
            );
            assert_eq!(world.sides[0].count("closed"), 2);
            assert_eq!(world.sides[0].stream.poll_timeout(), None);
            assert_eq!(journal.check(), 0);
        });
    }
}

#[test]
fn s19_a_stream_that_is_stopped_while_it_starts_gathers_nothing() {
    for_each_backend(|backend| {
        let ((a, journal), (b, _other)) = (farewell(), farewell());
        let mut world = World::pair(backend, &a.components(2), &b.components(2));
        world.hold(0, "init", secs(10));
        world.run_for(secs(1));
        world.tell(0, Message::Stop).expect("it runs");
        world.run_for(secs(20));
        assert_eq!(
            world.sides[0].told(&["credentials", "candidate", "gathered"]),
            [""; 0]
        );
        let over = ["closed 1", "closed 2", "stopped"];
        assert_eq!(world.sides[0].told(&["closed", "stopped"]), over);
        assert_eq!(journal.names(1), ["init", "destroy"]);
        assert_eq!(
            journal.names(2),
            [""; 0],
            "what will not be used is not made"
        );
    });
}

#[test]
fn s19_destroy_runs_exactly_once_whatever_happened() {
    let mut instances = HashSet::new();
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let lines = [
            "",
            "finish=keys",
            "answer=-7",
            "packet=?x deadline=20",
            "answer=77",
            "packet=?y finish=k",
        ];
        let mut pick = |call| {
            (
                call,
                [
                    lines[random.usize(..lines.len())],
                    lines[random.usize(..lines.len())],
                ],
            )
        };
        let calls = [
            "set_peer",
            "connection_ready",
            "recv_from_peer",
            "on_deadline",
            "close",
        ]
        .map(&mut pick);
        let script = || {
            let script = Scripted::new().with("PEER").with("CLASSIFY");
            calls
                .iter()
                .fold(script, |script, (call, lines)| script.on(call, lines))
                .party()
        };
        let ((a, journal_a), (b, journal_b)) = (script(), script());
        let mut world = World::new(seed, Backend::delayed(seed, ms(40)));
        world.add(&a.components(2), &b.components(2));
        world.link.make_bad();
        for _ in 0..4 {
            world.run_for(ms(random.u64(..300)));
            let message = match random.u8(..6) {
                0 => Message::Close,
                1 => Message::Stop,
                2 => Message::RestartStream,
                _ => Message::SetPeerInitData {
                    component_id: random.u16(1..3),
                    role: handclasp::plugin::Role::Initiator,
                    init_data: vec![b'a' + random.u8(..3)],
                    association: None,
                },
            };
            // A refusal is as good.
            let _ = world.tell(random.usize(..2), message);
        }
        drop(world); // with calls still under way
        for journal in [journal_a, journal_b] {
            assert_eq!(journal.check(), 0, "seed {seed}: {:?}", journal.entries());
            let inits = journal
                .entries()
                .into_iter()
                .filter(|entry| entry.call == "init");
            assert!(
                inits
                    .map(|init| init.instance)
                    .all(|id| instances.insert(id)),
                "ids are never reused"
            );
        }
    }
}

#[test]
fn s19_starting_again_leaks_nothing() {
    let (a, journal) = farewell();
    let mut streams = HashSet::new();
    for seed in 0..50 {
        let mut world = World::new(seed, Backend::immediate());
        world.add(&a, &a);
        world.connect();
        for side in [0, 1] {
            streams.insert(world.sides[side].stream.id());
            world.tell(side, Message::Stop).expect("it runs");
        }
        world.run_for(secs(1));
        assert_eq!(journal.check(), 0);
    }
    assert_eq!(
        (
            journal.count("init"),
            journal.count("destroy"),
            streams.len()
        ),
        (100, 100, 100)
    );
}
