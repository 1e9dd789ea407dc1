use super::*;
use stun_proto::types::attribute::ErrorCode;
use turn_types::message::ALLOCATE;

const REFUSED: &str = "turn:relay.example:3478 over UDP: connection refused";

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn relay_only(uris: &[&str]) -> Servers {
    Servers {
        relay_only: true,
        ..turn(uris)
    }
}

const ONE: &[&str] = &["turn:alice:secret@relay.example"];

fn refused() -> RelayEnd {
    RelayEnd::Refused("connection refused".to_owned())
}

/// Lets `number` connect, and refuses it.
fn refuse(world: &mut World, number: usize) {
    let until = world.now.duration_since(world.start) + secs(60);
    let before = world.opened.len();
    assert!(world.run(until, |world| world.opened.len() > before));
    world.gatherer.relay_closed(world.now, number, &refused());
}

#[test]
fn a_server_that_refuses_leaves_nothing_to_wait_for() {
    let mut world = World::new(&relay_only(ONE));
    assert_eq!(world.gatherer.refusal(), None, "nobody was asked");
    world.begin();
    refuse(&mut world, 0);
    assert_eq!(world.gatherer.refusal().as_deref(), Some(REFUSED));
    // Nor does it while it is tried again.
    world.run(secs(2), |world| world.opened.len() > 1);
    assert_eq!(world.gatherer.refusal().as_deref(), Some(REFUSED));
}

#[test]
fn a_wrong_password_leaves_nothing_to_wait_for() {
    let mut world = World::new(&relay_only(&["turn:alice:guess@relay.example"]));
    world.begin();
    assert!(world.run(secs(1), |world| world.gatherer.refusal().is_some()));
}

#[test]
fn a_name_that_nobody_knows_leaves_nothing_to_wait_for() {
    let mut gatherer = Gatherer::new(COMPONENT, &relay_only(ONE), Instant::now());
    gatherer.turn_found(0, &Err("no such name".to_owned()));
    assert_eq!(
        gatherer.refusal().as_deref(),
        Some("turn:relay.example:3478 over UDP: no such name")
    );
}

#[test]
fn sockets_of_this_machine_serve_without_relays() {
    let mut world = World::new(&turn(ONE));
    world.begin();
    refuse(&mut world, 0);
    assert_eq!(world.gatherer.refusal(), None);
}

#[test]
fn each_address_of_a_server_is_asked_before_it_has_refused() {
    let mut world = World::new(&relay_only(ONE));
    let addresses = vec![addr("203.0.113.66:3478"), addr("203.0.113.67:3478")];
    world.gatherer.turn_found(0, &Ok(addresses));
    refuse(&mut world, 0);
    assert_eq!(world.gatherer.refusal(), None);
    refuse(&mut world, 0);
    assert_eq!(world.gatherer.refusal().as_deref(), Some(REFUSED));
}

#[test]
fn a_silent_server_may_answer_yet() {
    let mut world = World::new(&relay_only(&[
        "turn:alice:secret@relay.example:3479",
        "turn:alice:guess@relay.example",
    ]));
    world.dead.push(addr("203.0.113.9:3479"));
    world.begin();
    assert!(!world.run(secs(100), |world| world.gatherer.refusal().is_some()));
    world.dead.clear();
    assert!(world.run(secs(140), |world| world.relayed().len() == 1));
}

#[test]
fn a_busy_server_may_have_room_yet() {
    for code in [
        ErrorCode::ALLOCATION_QUOTA_REACHED,
        ErrorCode::SERVER_ERROR,
        ErrorCode::INSUFFICIENT_CAPACITY,
    ] {
        let mut world = World::new(&relay_only(ONE));
        world.quirk = Some(Box::new(move |_, request| {
            let mut response = Message::builder_error(request, MessageWriteVec::new());
            let code = ErrorCode::builder(code).build().unwrap();
            response.add_attribute(&code).unwrap();
            request.has_method(ALLOCATE).then(|| response.finish())
        }));
        world.begin();
        assert!(!world.run(secs(20), |world| world.gatherer.refusal().is_some()));
        assert!(world.opened.len() > 2, "{code}");
        world.quirk = None;
        assert!(world.run(secs(60), |world| world.relayed().len() == 1));
    }
}

/// It was there, and may be started again.
#[test]
fn a_server_that_has_served_may_come_back() {
    let mut world = World::new(&relay_only(ONE));
    world.begin();
    assert!(world.run(secs(5), |world| world.relayed().len() == 1));
    world.gatherer.relay_closed(world.now, 0, &refused());
    for _ in 0..3 {
        refuse(&mut world, 0);
        assert_eq!(world.gatherer.refusal(), None);
    }
    let until = world.now.duration_since(world.start) + secs(60);
    assert!(world.run(until, |world| world.relayed().len() == 2));
}
