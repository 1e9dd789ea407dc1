//! Time and loss: statements 16 and 17.
use crate::{ms, release, secs, withhold_ready};
use handclasp::plugin::Role;
use handclasp::stream::Message;
use handclasp_tests::{Backend, Journal, Party, Scripted, World, fixture, for_each_backend, load};
use std::time::Duration;

fn quiet() -> Party {
    Scripted::new().party().0
}

/// When a call came, counted from `connection_ready`.
fn since_ready(journal: &Journal, call: &str) -> Vec<Duration> {
    let entries = journal.entries();
    let ready = entries
        .iter()
        .find(|entry| entry.call == "connection_ready");
    let ready = ready.expect("it came").now;
    let calls = entries.iter().filter(|entry| entry.call == call);
    calls.map(|entry| entry.now - ready).collect()
}

#[test]
fn s16_a_plugin_is_called_at_its_deadline() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new()
            .on("connection_ready", &["deadline=250"])
            .on(
                "on_deadline",
                &["deadline=100", "deadline=700 deadline=300", ""],
            )
            .party();
        let mut world = World::pair(backend, &a, &quiet());
        world.run_for(secs(5));
        let (came, expected) = (
            since_ready(&journal, "on_deadline"),
            [250, 350, 650].map(ms),
        );
        assert_eq!(came.len(), expected.len(), "{came:?}");
        // Calls may be late by the backend's delay, there and back, each.
        for (came, expected) in came.into_iter().zip(expected) {
            assert!(
                (expected..=expected + ms(150)).contains(&came),
                "{came:?} instead of {expected:?}"
            );
        }
    });
}

#[test]
fn s16_every_call_tells_the_time() {
    let (a, journal) = Scripted::new()
        .on("connection_ready", &["deadline=250"])
        .party();
    let (b, _other) = Scripted::new()
        .on("connection_ready", &["packet=hello"])
        .party();
    let mut world = World::pair(Backend::immediate(), &a, &b);
    world.run_for(secs(2));
    let ready = world.sides[0].when("selected").expect("READY");
    let now = |call: &str| {
        journal
            .entries()
            .iter()
            .find(|e| e.call == call)
            .map(|e| e.now)
    };
    assert_eq!(now("init"), Some(secs(0)));
    assert_eq!(now("connection_ready"), Some(ready));
    assert_eq!(now("on_deadline"), Some(ready + ms(250)));
    let sent = world.sides[1].when("sent").expect("it says hello");
    assert_eq!(now("recv_from_peer"), Some(sent + ms(10)));
}

#[test]
fn s16_a_deadline_in_the_past_means_soon() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new()
            .on("connection_ready", &["deadline=-50"])
            .on("on_deadline", &["deadline=0 again"])
            .party();
        let mut world = World::pair(backend, &a, &quiet());
        world.run_for(secs(2));
        // Soon, and not at once: the host has other things to do.
        let calls = journal.count("on_deadline");
        assert!((20..2000).contains(&calls), "{calls} calls");
    });
}

#[test]
fn s16_a_deadline_can_be_cleared() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new()
            .on("connection_ready", &["deadline=500"])
            .on("recv_from_peer", &["", "deadline=never"])
            .party();
        let (b, _other) = Scripted::new()
            .on("connection_ready", &["packets=2"])
            .party();
        let mut world = World::pair(backend, &a, &b);
        world.run_for(secs(5));
        assert_eq!(
            (
                journal.count("recv_from_peer"),
                journal.count("on_deadline")
            ),
            (2, 0)
        );
    });
}

#[test]
fn s16_a_deadline_outlives_other_calls() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new()
            .on("connection_ready", &["deadline=500"])
            .party();
        let (b, _other) = Scripted::new()
            .on("connection_ready", &["packets=2"])
            .party();
        let mut world = World::pair(backend, &a, &b);
        world.run_for(secs(5));
        assert_eq!(
            (
                journal.count("recv_from_peer"),
                journal.count("on_deadline")
            ),
            (2, 1)
        );
    });
}

#[test]
fn s16_deadlines_go_on_after_the_finish() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new()
            .on("connection_ready", &["deadline=100 finish=keys"])
            .on("on_deadline", &["packet=last deadline=100", ""])
            .party();
        let mut world = World::pair(backend, &a, &quiet());
        world.run_for(secs(2));
        assert_eq!(journal.count("on_deadline"), 2);
        assert_eq!(world.sides[0].told(&["sent"]), ["sent 1 last"]);
    });
}

/// How many of these handshakes are over within 30 s of READY, at 30 % loss each way.
fn completed(plugin: &Party, seeds: std::ops::Range<u64>) -> usize {
    let one = |seed| {
        let backend = match seed % 2 {
            0 => Backend::immediate(),
            _ => Backend::delayed(seed, ms(10)),
        };
        let mut world = World::new(seed, backend);
        world.add(plugin, plugin);
        world.link.make_bad();
        world.run_for(secs(60));
        let in_time = |side: &handclasp_tests::Side| {
            let took = side.when("ready").zip(side.when("selected"));
            took.is_some_and(|(ready, selected)| ready - selected <= secs(30))
        };
        world.sides.iter().all(in_time)
    };
    seeds.filter(|seed| one(*seed)).count()
}

#[test]
fn s16_every_handshake_survives_loss() {
    let greeting = Party::new(load(&fixture("greeting", &[])));
    assert_eq!(completed(&greeting, 0..200), 200);
    // It is the deadlines that make it so.
    let unhurried = Party::new(load(&fixture("greeting", &["UNHURRIED"])));
    assert!(completed(&unhurried, 0..50) < 40);
}

#[test]
fn s17_the_timeout_counts_from_ready() {
    for_each_backend(|backend| {
        let (mut party, journal) = Scripted::new().on("recv_from_peer", &["answer=0"]).party();
        party.ice_timeout = secs(300);
        party.handshake_timeout = secs(5);
        let mut peer = quiet();
        (peer.ice_timeout, peer.handshake_timeout) = (secs(300), secs(300));
        let mut world = World::pair(backend, &peer, &party);
        withhold_ready(&mut world, 1);
        world.run_for(secs(60));
        assert_eq!(world.sides[1].count("failed"), 0);
        release(&mut world);
        world.run_for(secs(20));
        let (ready, failed) = (
            world.sides[1].when("selected"),
            world.sides[1].when("failed"),
        );
        assert_eq!(failed, ready.map(|ready| ready + secs(5)));
        let reason = "failed 1 plugin scripted: handshake timed out 5 s after ICE connected: no datagram came but ICE's checks; \
                      the peer must run the same plugin";
        assert_eq!(world.sides[1].told(&["failed"]), [reason]);
        assert_eq!(journal.names(1).last().map(String::as_str), Some("destroy"));
    });
}

#[test]
fn s17_it_is_thirty_seconds_by_default() {
    for_each_backend(|backend| {
        let mut world = World::pair(backend, &quiet(), &quiet());
        world.run_for(secs(60));
        for side in &world.sides {
            let ready = side.when("selected").expect("READY");
            assert_eq!(side.when("failed"), Some(ready + secs(30)));
        }
    });
}

#[test]
fn s17_a_handshake_in_time_never_fails() {
    for_each_backend(|backend| {
        let (a, _journal) = Scripted::new()
            .on("connection_ready", &["deadline=29900"])
            .on("on_deadline", &["finish=keys"])
            .party();
        let (b, _other) = Scripted::new().on("init", &["finish"]).party();
        let mut world = World::pair(backend, &a, &b);
        world.run_for(secs(90));
        assert_eq!(world.sides[0].told(&["ready", "failed"]), ["ready 1 keys"]);
    });
}

#[test]
fn s17_a_new_association_has_its_own_time() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new()
            .on("connection_ready", &["finish=keys"])
            .party();
        let patient = Party {
            init_timeout: secs(300),
            ..a
        };
        let mut world = World::pair(backend, &patient, &quiet());
        world.run_for(secs(20));
        world.hold(0, "init", secs(200));
        let other = Message::SetPeerInitData {
            component_id: 1,
            role: Role::Initiator,
            init_data: b"another".to_vec(),
            association: None,
        };
        world.tell(0, other).expect("it is another association");
        world.run_for(secs(100));
        assert_eq!(world.sides[0].when("failed"), Some(secs(50)));
        assert_eq!(
            world.sides[0].count("failed 1 plugin scripted: handshake timed out 30 s after"),
            1
        );
        world.run_for(secs(100));
        assert_eq!((journal.count("init"), journal.check()), (2, 0));
    });
}
