//! What the reason of a failure tells: statements 17 and 18.
use crate::{ms, secs};
use handclasp::plugin::Role;
use handclasp::stream::Message;
use handclasp_tests::{Backend, Party, Scripted, Side, World, for_each_backend};

fn party(on_ready: &str, on_datagram: &str) -> Party {
    let script = Scripted::new()
        .with("PEER")
        .on("init", &["init_data=word"])
        .on("connection_ready", &[on_ready])
        .on("recv_from_peer", &[on_datagram]);
    let (mut party, _journal) = script.party();
    party.handshake_timeout = secs(5);
    party
}

fn peer(role: Role) -> Message {
    Message::SetPeerInitData {
        component_id: 1,
        role,
        init_data: b"word".to_vec(),
        association: None,
    }
}

fn failure(side: &Side) -> String {
    let failed = side.told(&["failed"]);
    assert_eq!(failed.len(), 1, "{:?}", side.story());
    let reason = failed[0].strip_prefix("failed 1 ");
    reason.expect("it is component 1").to_owned()
}

/// Both sides are told the same role.
fn alike(backend: Backend, role: Role) -> [String; 2] {
    let party = match role {
        Role::Initiator => party("packet=hello", ""),
        Role::Responder => party("", ""),
    };
    let mut world = World::pair(backend, &party, &party);
    world.tells_init_data = false;
    for side in 0..2 {
        world.tell(side, peer(role)).expect("it is not too early");
    }
    world.run_for(secs(10));
    [failure(&world.sides[0]), failure(&world.sides[1])]
}

#[test]
fn s17_two_sides_of_one_role_are_told_what_the_other_must_be() {
    let begin = "plugin scripted: handshake timed out 5 s after ICE connected";
    for_each_backend(|backend| {
        let initiators = format!(
            "{begin} (as initiator): 1 datagram of another kind came; the peer must be responder, with the same plugin"
        );
        assert_eq!(
            alike(backend, Role::Initiator),
            [&*initiators, &*initiators]
        );
    });
    for_each_backend(|backend| {
        let responders = format!(
            "{begin} (as responder): no datagram came but ICE's checks; the peer must be initiator, with the same \
             plugin"
        );
        assert_eq!(
            alike(backend, Role::Responder),
            [&*responders, &*responders]
        );
    });
}

const WARNED: &str = "it warned: the peer sent an alert";

#[test]
fn s17_a_warning_of_the_plugin_is_in_the_reason() {
    for_each_backend(|backend| {
        let sends = party("packet=alert", "");
        let warns = party("", "say=the peer sent an alert");
        let mut world = World::pair(backend, &sends, &warns);
        world.run_for(secs(10));
        let expected = format!(
            "plugin scripted: handshake timed out 5 s after ICE connected (as responder): {WARNED}"
        );
        assert_eq!(failure(&world.sides[1]), expected);
    });
}

#[test]
fn s18_a_warning_of_the_plugin_is_in_the_reason_why_ice_ended() {
    for_each_backend(|backend| {
        let sends = party("packet=alert", "");
        let mut warns = party("", "say=the peer sent an alert");
        warns.handshake_timeout = secs(300);
        let mut world = World::pair(backend, &sends, &warns);
        world.run_for(secs(1));
        world.fail(0, "it has gone");
        world.run_for(secs(90));
        let reason = failure(&world.sides[1]);
        assert!(
            reason.starts_with("ICE failed: disconnected from 10.0.0.1:5001, no answer for 6"),
            "{reason}"
        );
        assert!(
            reason.ends_with(&format!("; plugin scripted: {WARNED}")),
            "{reason}"
        );
    });
}

#[test]
fn s06_a_second_role_for_the_same_init_data_is_refused() {
    for_each_backend(|backend| {
        let mut world = World::pair(backend, &party("", ""), &party("", ""));
        world.tells_init_data = false;
        world.run_for(ms(500));
        for _ in 0..2 {
            let told = world.tell(0, peer(Role::Initiator));
            told.expect("the same again is nothing new");
        }
        let refused = "component 1 is initiator already: its role does not change while the peer's init data stays the \
                       same";
        let told = world.tell(0, peer(Role::Responder));
        assert_eq!(told.expect_err("it is contrary").to_string(), refused);
    });
}
