//! ICE restarts and new associations: statement 20.
use crate::{ms, release, secs};
use handclasp::plugin::Role;
use handclasp::stream::Message;
use handclasp_tests::{Backend, Journal, Scripted, Side, Signalling, World, for_each_backend};

fn script() -> Scripted {
    Scripted::new()
        .with("PEER")
        .with("CLASSIFY")
        .on("init", &["init_data=tls-id:same"])
        .on("connection_ready", &["packet=?hello finish=keys"])
        .on("close", &["packet=?bye"])
}

/// The peer's parameters of a new association.
fn peer(init_data: &str) -> Message {
    let init_data = init_data.as_bytes().to_vec();
    Message::SetPeerInitData {
        component_id: 1,
        role: Role::Initiator,
        init_data,
        association: None,
    }
}

/// Sends a datagram each way every 20 ms.
fn talk(world: &mut World, times: usize) {
    for _ in 0..times {
        world.send(0, 1, b"media");
        world.send(1, 1, b"media");
        world.run_for(ms(20));
    }
}

#[test]
fn s20_an_ice_restart_keeps_the_handshake_and_the_data_flowing() {
    for restarts in [vec![0], vec![1], vec![0, 1]] {
        for_each_backend(|backend| {
            let ((a, journal_a), (b, journal_b)) = (script().party(), script().party());
            let mut world = World::pair(backend, &a, &b);
            world.signalling_delay = ms(700); // long enough for data to need the old pair
            world.connect();
            talk(&mut world, 10);
            for side in &restarts {
                world
                    .tell(*side, Message::RestartStream)
                    .expect("there is something to restart");
            }
            talk(&mut world, 300);
            world.run_for(secs(1));
            for (side, journal) in [(0, &journal_a), (1, &journal_b)] {
                let side = &world.sides[side];
                assert_eq!(side.count("received"), 310);
                assert_eq!(side.count("could_not_send"), 0);
                assert!(
                    side.count("selected") >= 2,
                    "{restarts:?} {:?}",
                    side.told(&["selected", "credentials"])
                );
                assert_eq!(
                    (journal.count("init"), journal.count("connection_ready")),
                    (1, 1)
                );
                assert_eq!(journal.check(), 1);
            }
        });
    }
}

#[test]
fn s20_a_restart_under_loss() {
    for seed in 0..50 {
        let ((a, journal), (b, _other)) = (script().party(), script().party());
        let mut world = World::new(seed, Backend::delayed(seed, ms(10)));
        world.add(&a, &b);
        world.link.make_bad();
        world.until(secs(30), |world| world.sides.iter().all(Side::is_ready));
        let before = world.sides[0].count("selected");
        world
            .tell(0, Message::RestartStream)
            .expect("there is something to restart");
        world.until(secs(30), |world| world.sides[0].count("selected") > before);
        assert_eq!(
            (journal.count("init"), journal.count("connection_ready")),
            (1, 1)
        );
    }
}

fn starts_anew(mut world: World, journal: &Journal, restart: impl FnOnce(&mut World)) {
    world.connect();
    let old = journal.entries()[0].instance;
    restart(&mut world);
    world.run_for(secs(3));
    let lives = |old_one: bool| -> Vec<String> {
        let entries = journal.entries().into_iter();
        entries
            .filter(|entry| (entry.instance == old) == old_one)
            .map(|entry| entry.call)
            .collect()
    };
    let of_old = lives(true);
    assert_eq!(of_old[of_old.len() - 2..], ["close", "destroy"]);
    let of_new = lives(false);
    assert_eq!(of_new[..3], ["init", "set_peer", "connection_ready"]);
    let side = &world.sides[0];
    let mut sent = side.told(&["sent"]);
    sent.sort();
    assert_eq!(sent, ["sent 1 ?bye", "sent 1 ?hello", "sent 1 ?hello"]);
    assert_eq!(side.count("handshake_data 1 keys"), 2);
    assert_eq!(side.count("ready 1 keys"), 2);
    assert_eq!(side.count("init_data 1"), 2);
    assert_eq!(journal.check(), 1);
    assert!(!world.sides[0].stream.owns(old));
    world.send(0, 1, b"media");
    world.run_for(secs(1));
    assert!(world.sides[1].has("received 1 media"));
}

#[test]
fn s20_other_init_data_is_a_new_association() {
    for_each_backend(|backend| {
        let ((a, journal), (b, _other)) = (script().party(), script().party());
        let mut world = World::pair(backend, &a, &b);
        world.tells_numbers = false; // the peer knows nothing of it
        starts_anew(world, &journal, |world| {
            world
                .tell(0, peer("tls-id:other"))
                .expect("it is another association");
        });
    });
}

#[test]
fn s20_another_tls_id_is_a_new_association() {
    for_each_backend(|backend| {
        let ((a, journal), (b, _other)) = (
            script().with("TLS_ID").party(),
            script().with("TLS_ID").party(),
        );
        let mut world = World::pair(backend, &a, &b);
        world.signalling = Signalling::Sdp;
        starts_anew(world, &journal, |world| {
            world.signalling = Signalling::None;
            let sdp = world.sides[1].description();
            assert!(sdp.contains("a=tls-id:same"));
            let sdp = sdp.replace("a=tls-id:same", "a=tls-id:other");
            world
                .tell(0, Message::ParseRemoteSdp { sdp: sdp.clone() })
                .expect("it is a description");
            // What the new instance announces is not known before its init is over.
            world
                .tell(0, Message::GenerateLocalSdp)
                .expect("it waits for that");
            world.run_for(secs(1));
            world
                .tell(0, Message::ParseRemoteSdp { sdp })
                .expect("the same again changes nothing");
        });
    });
}

#[test]
fn s20_the_same_init_data_changes_nothing() {
    for_each_backend(|backend| {
        let ((a, journal), (b, _other)) = (script().party(), script().party());
        let mut world = World::pair(backend, &a, &b);
        world.connect();
        for _ in 0..3 {
            world
                .tell(0, peer("tls-id:same"))
                .expect("nothing is wrong with it");
            world.run_for(ms(100));
        }
        assert_eq!(
            (journal.count("init"), world.sides[0].count("ready")),
            (1, 1)
        );
    });
}

#[test]
fn s20_an_association_can_be_replaced_at_any_time() {
    for seed in 0..100 {
        let ((a, journal), (b, _other)) = (script().party(), script().party());
        let mut world = World::new(seed, Backend::delayed(seed, ms(50)));
        world.add(&a, &b);
        world.tells_init_data = false;
        for other in ["x", "y", "z"] {
            world.run_for(ms(seed * 31 % 170));
            world
                .tell(0, peer(other))
                .expect("it is another association");
        }
        world.run_for(secs(5));
        assert_eq!(journal.check(), 1, "{:?}", journal.entries());
        assert_eq!(journal.count("init"), 3);
        let told = journal.calls(1);
        let last = told.iter().rfind(|call| call.starts_with("set_peer"));
        assert_eq!(last.map(String::as_str), Some("set_peer initiator z"));
        assert!(world.sides[0].is_ready());
    }
}

#[test]
fn s20_a_new_association_of_one_component_holds_up_no_other() {
    for_each_backend(|backend| {
        let ((a, journal), (b, _other)) = (script().party(), script().party());
        let mut world = World::pair(backend, &a.components(2), &b.components(2));
        world.connect();
        world.hold(0, "init", world.elapsed() + secs(10));
        world.tell(0, peer("other")).expect("another association");
        world.run_for(ms(100));
        let from = world.sides[1].address(2);
        world.inject(0, 2, from, b"?late");
        world.run_for(secs(1));
        let heard = journal.calls(2);
        assert!(heard.iter().any(|call| call.contains("?late")), "{heard:?}");
    });
}

#[test]
fn s20_what_has_ended_starts_no_new_association() {
    for_each_backend(|backend| {
        let ((a, journal), (b, _other)) = (script().party(), script().party());
        let mut world = World::pair(backend, &a, &b);
        world.connect();
        world.tell(0, Message::Close).expect("it runs");
        world.run_for(secs(1));
        let refused = world
            .tell(0, peer("tls-id:other"))
            .expect_err("it is closed");
        assert!(refused.to_string().contains("has ended"), "{refused}");
        world.run_for(secs(1));
        assert_eq!((journal.count("init"), journal.check()), (1, 0));
    });
}

#[test]
fn s20_a_restart_during_an_outage_brings_back_what_it_took() {
    for_each_backend(|backend| {
        let ((a, _journal), (b, _other)) = (script().party(), script().party());
        let mut world = World::pair(backend, &a, &b);
        world.connect();
        world.link.drops = Box::new(|_| true);
        world.run_for(secs(40));
        world.send(0, 1, b"media");
        world
            .tell(0, Message::RestartStream)
            .expect("there is something to restart");
        world.run_for(secs(3));
        release(&mut world);
        world.run_for(secs(5));
        for side in &world.sides {
            // What ICE recovers by itself, it recovers under the credentials it had.
            let told = (side.count("credentials"), side.count("selected"));
            assert_eq!(told, (2, 2), "{:?}", side.story());
        }
        world.send(0, 1, b"media");
        world.run_for(secs(1));
        assert_eq!(world.sides[0].count("could_not_send"), 1);
        assert_eq!(world.sides[1].count("received 1 media"), 1);
    });
}

#[test]
fn s20_without_numbers_only_the_initiator_waits_for_an_answer() {
    for (role, at_once) in [(Role::Initiator, 2), (Role::Responder, 3)] {
        let ((a, journal), (b, _other)) = (script().party(), script().party());
        let mut world = World::pair(Backend::immediate(), &a, &b);
        world.tells_numbers = false;
        world.connect();
        for init_data in ["another", "and yet another"] {
            let message = Message::SetPeerInitData {
                component_id: 1,
                role,
                init_data: init_data.into(),
                association: None,
            };
            world.tell(0, message).expect("it is wanted");
        }
        world.run_for(ms(500));
        assert_eq!(journal.count("set_peer"), at_once, "{role:?}");
        // Nobody answers.
        world.run_for(secs(3));
        assert_eq!(journal.count("set_peer"), 3, "{role:?}");
    }
}

#[test]
fn s20_a_restart_tells_all_candidates_again_and_that_these_are_all() {
    let ((a, _journal), (b, _other)) = (script().party(), script().party());
    let mut world = World::pair(Backend::immediate(), &a, &b);
    world.connect();
    let gathered = ["candidate 1", "gathered"];
    assert_eq!(world.sides[0].told(&["candidate", "gathered"]), gathered);
    let restarted = world.tell(0, Message::RestartStream);
    restarted.expect("there is something to restart");
    assert_eq!(
        world.sides[0].told(&["candidate", "gathered"]),
        [gathered; 2].concat()
    );
}
