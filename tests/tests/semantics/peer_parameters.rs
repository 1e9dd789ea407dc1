//! Peer parameters: statement 6.
use crate::{ms, secs, withhold_ready};
use handclasp::plugin::Role;
use handclasp::stream::Message;
use handclasp_tests::{
    Backend, Party, Scripted, Signalling, World, fixture, for_each_backend, load,
};

fn scripted(init: &str) -> (Party, handclasp_tests::Journal) {
    Scripted::new()
        .with("PEER")
        .on("init", &[init])
        .on("connection_ready", &["packet=hello deadline=250"])
        .on("on_deadline", &["packet=hello deadline=250 again"])
        .on("recv_from_peer", &["packet=hello finish=keys"])
        .party()
}

#[test]
fn s06_role_and_init_data_come_before_any_packet_in_either_direction() {
    for seed in 0..50 {
        let ((a, journal_a), (b, journal_b)) = (scripted("init_data=a"), scripted("init_data=b"));
        let mut world = World::new(seed, Backend::delayed(seed, ms(30)));
        world.add(&a, &b);
        world.link.make_bad();
        world.tells_init_data = false;
        // The two learn of each other at any time, and not together.
        for (side, role, data) in [(0, Role::Initiator, "b"), (1, Role::Responder, "a")] {
            world.run_for(ms(seed * 37 % 400));
            world
                .tell(side, peer(role, data))
                .expect("it is not too early");
        }
        world.run_for(secs(5));
        assert!(world.sides.iter().all(|side| side.count("sent") > 0));
        for (journal, told) in [
            (journal_a, "set_peer initiator b"),
            (journal_b, "set_peer responder a"),
        ] {
            assert_eq!(journal.calls(1)[1], told);
            assert_eq!(journal.check(), 1);
            assert_eq!(journal.count("set_peer"), 1);
        }
    }
}

fn peer(role: Role, init_data: &str) -> Message {
    let init_data = init_data.as_bytes().to_vec();
    Message::SetPeerInitData {
        component_id: 1,
        role,
        init_data,
        association: None,
    }
}

#[test]
fn s06_descriptions_bring_them_for_each_component() {
    for_each_backend(|backend| {
        let ((a, journal_a), (b, journal_b)) =
            (scripted("only=2 init_data=a2"), scripted("init_data=b"));
        let mut world = World::pair(backend, &a.components(2), &b.components(2));
        world.signalling = Signalling::Sdp;
        world.connect();
        // The answerer starts (RFC 5763, section 5).
        let told = |journal: &handclasp_tests::Journal, id| journal.calls(id)[1].clone();
        assert_eq!(told(&journal_a, 1), "set_peer responder b");
        assert_eq!(told(&journal_a, 2), "set_peer responder b");
        assert_eq!(told(&journal_b, 1), "set_peer initiator");
        assert_eq!(told(&journal_b, 2), "set_peer initiator a2");
    });
}

#[test]
fn s06_ready_before_they_are_known_defers_connection_ready() {
    for_each_backend(|backend| {
        let ((a, journal), (b, _other)) = (scripted("init_data=a"), scripted("init_data=b"));
        let mut world = World::pair(backend, &a, &b);
        world.tells_init_data = false;
        world.run_for(secs(5));
        assert_eq!(world.sides[0].count("selected"), 1);
        assert_eq!(journal.names(1), ["init"]);
        world.tell(0, peer(Role::Initiator, "b")).expect("in time");
        world.run_for(ms(200));
        assert_eq!(journal.names(1), ["init", "set_peer", "connection_ready"]);
    });
}

#[test]
fn s06_a_plugin_that_never_gets_them_fails() {
    for_each_backend(|backend| {
        let ((a, journal), (b, _other)) = (scripted("init_data=a"), scripted("init_data=b"));
        let mut world = World::pair(backend, &a, &b);
        world.tells_init_data = false;
        world.tell(1, peer(Role::Responder, "a")).expect("in time");
        world.run_for(secs(40));
        let failed = world.sides[0].told(&["failed", "ready", "handshake_data"]);
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].contains("give it with parse_remote_sdp or set_peer_init_data"));
        assert_eq!(journal.names(1), ["init", "destroy"]);
    });
}

#[test]
fn s06_it_never_finishes_unauthenticated() {
    for_each_backend(|backend| {
        let greeting = Party::new(load(&fixture("greeting", &[])));
        let mut world = World::pair(backend, &greeting, &greeting);
        world.tells_init_data = false;
        world
            .tell(0, peer(Role::Initiator, "somebody else"))
            .expect("in time");
        world
            .tell(1, peer(Role::Responder, "somebody else"))
            .expect("in time");
        world.run_for(secs(60));
        let reason =
            "failed 1 plugin greeting: recv_from_peer: the peer does not know its own word";
        assert!(world.sides[1].has(reason), "{:?}", world.sides[1].story());
        assert!(
            world
                .sides
                .iter()
                .all(|side| side.told(&["handshake_data", "ready"]).is_empty())
        );
    });
}

#[test]
fn s06_the_first_parameters_hold_until_others_come() {
    let ((a, journal), (b, _other)) = (scripted("init_data=a"), scripted("init_data=b"));
    let mut world = World::pair(Backend::immediate(), &a, &b);
    world.tells_numbers = false; // the peer knows nothing of it
    withhold_ready(&mut world, 0);
    for _ in 0..3 {
        world.tell(0, peer(Role::Initiator, "b")).expect("in time");
    }
    world.run_for(secs(1));
    assert_eq!(journal.calls(1)[1], "set_peer initiator b");
    assert_eq!((journal.count("init"), journal.count("set_peer")), (1, 1));
    world.tell(0, peer(Role::Initiator, "c")).expect("in time");
    world.run_for(secs(1));
    assert!(
        journal
            .calls(1)
            .contains(&"set_peer initiator c".to_owned())
    );
    assert_eq!((journal.count("init"), journal.check()), (2, 1));
}
