//! Who is called when: one test for each cell of the table.
use crate::{ms, release, secs, withhold_ready};
use handclasp::plugin::Role;
use handclasp::stream::Message;
use handclasp_tests::{Backend, Journal, Scripted, World, for_each_backend};

/// Side 1 plays `script` and is not READY. Side 0 is, and says `?hello` once a second.
fn not_ready(backend: Backend, script: Scripted) -> (World, Journal) {
    let (party, journal) = script.party();
    let (peer, _other) = Scripted::new()
        .on("init", &["init_data=peer"])
        .on("connection_ready", &["packet=?hello deadline=1000"])
        .on("on_deadline", &["packet=?hello deadline=1000 again"])
        .party();
    let mut world = World::pair(backend, &peer, &party);
    world.tells_init_data = false;
    withhold_ready(&mut world, 1);
    world.until(secs(5), |world| world.sides[0].count("sent") == 2);
    world.run_for(ms(500));
    assert_eq!(world.sides[1].count("selected"), 0);
    (world, journal)
}

/// The same, and it becomes READY.
fn ready(backend: Backend, script: Scripted) -> (World, Journal) {
    let (mut world, journal) = not_ready(backend, script);
    become_ready(&mut world);
    (world, journal)
}

fn become_ready(world: &mut World) {
    release(world);
    world.until(secs(10), |world| world.sides[1].count("selected") > 0);
    world.run_for(ms(300));
}

fn tell_peer(world: &mut World) {
    let (component_id, role, init_data) = (1, Role::Responder, b"peer".to_vec());
    world
        .tell(
            1,
            Message::SetPeerInitData {
                component_id,
                role,
                init_data,
                association: None,
            },
        )
        .expect("in time");
    world.run_for(ms(300));
}

/// A side whose first instance is there, and whose second one's `init` runs: a new association.
fn starting(backend: Backend, becomes_ready: bool) -> (World, Journal) {
    let (mut world, journal) = not_ready(backend, Scripted::new());
    world.hold(1, "init", world.elapsed() + secs(10));
    for init_data in [b"one", b"two"] {
        let (component_id, role, init_data) = (1, Role::Responder, init_data.to_vec());
        world
            .tell(
                1,
                Message::SetPeerInitData {
                    component_id,
                    role,
                    init_data,
                    association: None,
                },
            )
            .expect("in time");
    }
    world.run_for(secs(1));
    if becomes_ready {
        become_ready(&mut world);
    }
    world.run_for(secs(1));
    (world, journal)
}

/// The calls of the instance that came last.
fn last_life(journal: &Journal) -> Vec<String> {
    let entries = journal.entries();
    let last = entries.iter().map(|entry| entry.instance).max();
    let life = entries.iter().filter(|entry| Some(entry.instance) == last);
    life.map(|entry| entry.call.clone()).collect()
}

#[test]
fn starting_not_ready_datagrams_are_queued() {
    for_each_backend(|backend| {
        let (mut world, journal) = starting(backend, false);
        assert_eq!(journal.count("init"), 1, "the second one runs");
        world.link.drops = Box::new(|_| true); // the peer is silent from here on
        let from = world.sides[0].address(1);
        let marked = ["?one", "?two", "?three"];
        for datagram in marked {
            world.inject(1, 1, from, datagram.as_bytes());
        }
        world.run_for(secs(10));
        assert_eq!(last_life(&journal)[0], "init");
        let got: Vec<_> = journal
            .entries()
            .into_iter()
            .filter(|entry| entry.call == "recv_from_peer")
            .map(|entry| entry.about)
            .collect();
        assert!(got.ends_with(&marked.map(str::to_owned)), "{got:?}");
    });
}

#[test]
fn starting_ready_is_remembered() {
    for_each_backend(|backend| {
        let (mut world, journal) = starting(backend, true);
        assert_eq!(journal.count("connection_ready"), 0);
        world.run_for(secs(10));
        let life = last_life(&journal);
        assert_eq!(
            life.iter()
                .filter(|call| *call == "connection_ready")
                .count(),
            1,
            "{life:?}"
        );
    });
}

#[test]
fn waiting_for_its_peer_not_ready_datagrams_are_queued() {
    for_each_backend(|backend| {
        let (mut world, journal) = not_ready(backend, Scripted::new().with("PEER"));
        assert_eq!(journal.names(1), ["init"]);
        tell_peer(&mut world);
        assert_eq!(
            journal.names(1),
            ["init", "set_peer", "recv_from_peer", "recv_from_peer"]
        );
    });
}

#[test]
fn waiting_for_its_peer_ready_connection_ready_is_deferred() {
    for_each_backend(|backend| {
        let (mut world, journal) = ready(backend, Scripted::new().with("PEER"));
        assert_eq!(journal.names(1), ["init"]);
        tell_peer(&mut world);
        assert_eq!(journal.names(1)[..2], ["init", "set_peer"]);
        assert_eq!(journal.count("connection_ready"), 1);
        assert!(journal.count("recv_from_peer") >= 2);
    });
}

#[test]
fn in_progress_not_ready_datagrams_reach_it_and_its_packets_are_queued() {
    for_each_backend(|backend| {
        let script = Scripted::new().on(
            "recv_from_peer",
            &["packet=?one deadline=50", "packet=?two"],
        );
        let (mut world, journal) =
            not_ready(backend, script.on("connection_ready", &["packet=?three"]));
        assert_eq!(
            journal.names(1),
            ["init", "recv_from_peer", "recv_from_peer"]
        );
        assert_eq!(world.sides[1].count("sent"), 0);
        become_ready(&mut world);
        assert_eq!(
            world.sides[1].told(&["sent"]),
            ["sent 1 ?one", "sent 1 ?two", "sent 1 ?three"]
        );
    });
}

#[test]
fn in_progress_ready_comes_once_and_then_datagrams_and_deadlines() {
    for_each_backend(|backend| {
        let script = Scripted::new()
            .on("recv_from_peer", &["deadline=50"])
            .on("connection_ready", &["deadline=1500"]);
        let (mut world, journal) = ready(backend, script);
        world.run_for(secs(3));
        let mut names = journal.names(1);
        names.dedup();
        let expected = [
            "init",
            "recv_from_peer",
            "connection_ready",
            "recv_from_peer",
            "on_deadline",
            "recv_from_peer",
        ];
        assert_eq!(names, expected);
        assert_eq!(journal.check(), 1);
    });
}

#[test]
fn finished_not_ready_its_data_is_reported_and_the_peers_is_the_applications() {
    for_each_backend(|backend| {
        let (world, journal) = not_ready(
            backend,
            Scripted::new().on("recv_from_peer", &["finish=keys"]),
        );
        let told = world.sides[1].told(&["handshake_data", "ready", "received"]);
        assert_eq!(told, ["handshake_data 1 keys", "received 1 ?hello"]);
        assert_eq!(journal.names(1), ["init", "recv_from_peer"]);
    });
}

#[test]
fn finished_ready_classified_datagrams_are_the_handshakes_and_the_rest_is_not() {
    for_each_backend(|backend| {
        let script = Scripted::new()
            .with("CLASSIFY")
            .on("recv_from_peer", &["finish=keys"]);
        let (mut world, journal) = ready(backend, script);
        assert_eq!(world.sides[1].told(&["ready"]), ["ready 1 keys"]);
        let before = journal.count("recv_from_peer");
        let from = world.sides[0].address(1);
        for datagram in ["media", "?again", "media"] {
            world.inject(1, 1, from, datagram.as_bytes());
        }
        world.run_for(ms(100));
        assert_eq!(
            world.sides[1].told(&["received"]),
            ["received 1 media", "received 1 media"]
        );
        assert_eq!(journal.count("recv_from_peer"), before + 1);
        assert_eq!(journal.count("connection_ready"), 0);
    });
}

/// It has failed, or was closed: whatever comes, nothing but `destroy` was called.
fn over(mut world: World, journal: &Journal) {
    world.run_for(ms(300));
    let life = journal.names(1);
    assert_eq!(life.last().map(String::as_str), Some("destroy"));
    let (dropped, told) = (world.sides[1].stream.dropped(1), world.sides[1].log.len());
    let sent = world.sides[0].count("sent");
    world.run_for(secs(5));
    let more = (world.sides[0].count("sent") - sent) as u64;
    assert!(
        world.sides[1].stream.dropped(1) >= dropped + more,
        "data is dropped and counted"
    );
    assert_eq!(journal.names(1), life);
    assert_eq!(
        world.sides[1].log.len(),
        told,
        "{:?}",
        &world.sides[1].story()[told..]
    );
    assert_eq!(world.sides[1].stream.poll_timeout(), None);
}

#[test]
fn failed_not_ready_nothing_is_called() {
    for_each_backend(|backend| {
        let (world, journal) = not_ready(
            backend,
            Scripted::new().on("recv_from_peer", &["answer=-7 packet=?x"]),
        );
        assert_eq!(world.sides[1].count("failed"), 1);
        over(world, &journal);
    });
}

#[test]
fn failed_ready_nothing_is_called() {
    for_each_backend(|backend| {
        let (world, journal) = ready(
            backend,
            Scripted::new().on("connection_ready", &["answer=-7"]),
        );
        assert_eq!(world.sides[1].count("failed"), 1);
        over(world, &journal);
    });
}

#[test]
fn closed_not_ready_nothing_is_called() {
    for_each_backend(|backend| {
        let (mut world, journal) = not_ready(backend, Scripted::new());
        world.tell(1, Message::Close).expect("it runs");
        over(world, &journal);
    });
}

#[test]
fn closed_ready_nothing_is_called() {
    for_each_backend(|backend| {
        let (mut world, journal) = ready(backend, Scripted::new());
        world.tell(1, Message::Close).expect("it runs");
        over(world, &journal);
    });
}
