//! READY: statements 7 and 8.
use crate::{ms, release, secs};
use handclasp::stream::Message;
use handclasp_tests::{Backend, Event, Scripted, World, for_each_backend};

#[test]
fn s07_connection_ready_exactly_once() {
    for_each_backend(|backend| {
        let (a, journal_a) = Scripted::new()
            .on("connection_ready", &["finish=keys"])
            .party();
        let (b, journal_b) = Scripted::new()
            .on("connection_ready", &["finish=keys"])
            .party();
        let mut world = World::pair(backend, &a, &b);
        world.connect();
        for side in [0, 1, 0] {
            world
                .tell(side, Message::RestartStream)
                .expect("there is something to restart");
            world.run_for(secs(5));
        }
        for (side, journal) in [(0, journal_a), (1, journal_b)] {
            assert_eq!(
                world.sides[side].count("selected"),
                4,
                "{:?}",
                world.sides[side].story()
            );
            assert_eq!(journal.names(1), ["init", "connection_ready"]);
            assert_eq!(world.sides[side].count("ready"), 1);
        }
    });
}

#[test]
fn s07_not_again_after_an_outage() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new().party();
        let (b, _other) = Scripted::new().party();
        let (mut a, mut b) = (a, b);
        (a.handshake_timeout, b.handshake_timeout) = (secs(300), secs(300));
        let mut world = World::pair(backend, &a, &b);
        world.until(secs(5), |world| world.sides[0].count("selected") == 1);
        world.link.drops = Box::new(|_| true);
        world.run_for(secs(40));
        release(&mut world);
        world.until(secs(60), |world| world.sides[0].count("selected") == 2);
        world.run_for(secs(10));
        let told = world.sides[0].told(&["selected", "disconnected"]);
        assert_eq!(told, ["selected 1", "disconnected 1", "selected 1"]);
        assert_eq!(journal.names(1), ["init", "connection_ready"]);
    });
}

#[test]
fn s07_exactly_once_whatever_the_order() {
    for seed in 0..100 {
        let script = || {
            Scripted::new()
                .with("PEER")
                .on("init", &["init_data=x"])
                .party()
        };
        let ((a, journal_a), (b, journal_b)) = (script(), script());
        let mut world = World::new(seed, Backend::delayed(seed, ms(seed * 3)));
        world.add(&a.components(2), &b.components(2));
        world.link.make_bad();
        world.run_for(secs(20));
        for journal in [journal_a, journal_b] {
            assert_eq!(journal.count("connection_ready"), 2);
            assert_eq!(journal.check(), 2);
        }
    }
}

/// What side 0 tells of, from READY on, if its plugin answers `connection_ready` so.
fn answers(line: &str, expected: &[&str]) {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new().on("connection_ready", &[line]).party();
        let (b, _other) = Scripted::new().party();
        let mut world = World::pair(backend, &a, &b);
        world.run_for(secs(2));
        assert_eq!(world.sides[0].count("selected"), 1);
        let words = ["sent", "handshake_data", "ready", "failed"];
        assert_eq!(world.sides[0].told(&words), expected);
        assert_eq!(journal.names(1), ["init", "connection_ready"]);
    });
}

#[test]
fn s08_nothing_to_send() {
    answers("", &[]);
}

#[test]
fn s08_packets() {
    answers("packet=one packet=two", &["sent 1 one", "sent 1 two"]);
}

#[test]
fn s08_finished() {
    answers("finish=keys", &["handshake_data 1 keys", "ready 1 keys"]);
}

#[test]
fn s08_finished_with_packets() {
    let expected = [
        "sent 1 one",
        "sent 1 two",
        "handshake_data 1 keys",
        "ready 1 keys",
    ];
    answers("packet=one packet=two finish=keys", &expected);
}

#[test]
fn s08_packets_go_over_the_selected_pair() {
    for_each_backend(|backend| {
        let (a, _journal) = Scripted::new()
            .on("connection_ready", &["packet=one"])
            .party();
        let (b, other) = Scripted::new().party();
        let mut world = World::pair(backend, &a.components(2), &b.components(2));
        world.run_for(secs(2));
        for (_, event) in &world.sides[0].log {
            if let Event::Sent(id, pair, _) = event {
                assert_eq!(pair.local, world.sides[0].address(*id));
                assert_eq!(pair.remote, world.sides[1].address(*id));
            }
        }
        assert_eq!(world.sides[0].count("sent"), 2);
        assert_eq!(other.count("recv_from_peer"), 2);
    });
}
