use super::*;
use crate::ice::Pair;
use stun_proto::types::attribute::ErrorCode;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const ONE: &[&str] = &["turn:alice:secret@relay.example"];

/// A world whose relays have allocated.
fn allocated(servers: &Servers) -> World {
    let mut world = World::new(servers);
    world.begin();
    let count = servers.turn.len();
    assert!(world.run(secs(5), |world| world.relayed().len() == count));
    assert!(world.gatherer.is_settled());
    world
}

/// Whether a datagram to the peer and one back arrive.
fn echoes(world: &mut World, local: SocketAddr, within: Duration) -> bool {
    let until = world.now.duration_since(world.start) + within;
    let (peer, now) = (addr(PEER), world.now);
    let (came, back) = (world.at_peers.len(), world.received.len());
    world.gatherer.send(now, local, peer, b"there");
    if !world.run(until, |world| world.at_peers.len() > came) {
        return false;
    }
    assert_eq!(world.at_peers[came], (local, peer, b"there".to_vec()));
    world.throw(peer, local, b"and back".to_vec());
    world.run(until, |world| world.received.len() > back)
        && world.received[back]
            == Relayed {
                local,
                remote: peer,
                contents: b"and back".to_vec(),
            }
}

#[test]
fn a_peer_is_permitted_when_something_is_sent_to_it() {
    let mut world = allocated(&turn(ONE));
    let local = world.relayed()[0];
    assert!(world.gatherer.is_relay(local));
    world.throw(addr(PEER), local, b"too early".to_vec());
    assert!(echoes(&mut world, local, secs(1)));
    assert_eq!(world.received.len(), 1);
}

#[test]
fn a_channel_makes_datagrams_shorter() {
    let mut world = allocated(&turn(ONE));
    let local = world.relayed()[0];
    assert!(echoes(&mut world, local, secs(1)));
    let length = |world: &mut World| {
        world.gatherer.send(world.now, local, addr(PEER), &[9; 100]);
        match world.gatherer.poll_request() {
            Some(RelayRequest::Send { contents, .. }) => contents.len(),
            other => panic!("{other:?}"),
        }
    };
    assert!(length(&mut world) > 104);
    let pair = Pair::udp(local, addr(PEER));
    world.gatherer.set_selected(world.now, Some(pair));
    let until = world.now.duration_since(world.start) + secs(1);
    world.run(until, |_| false);
    assert_eq!(length(&mut world), 104);
    assert!(echoes(&mut world, local, secs(1)));
}

#[test]
fn an_allocation_outlives_all_its_lifetimes() {
    let mut world = allocated(&turn(ONE));
    let local = world.relayed()[0];
    let pair = Pair::udp(local, addr(PEER));
    world.gatherer.set_selected(world.now, Some(pair));
    for hour in 1..=3 {
        assert!(echoes(&mut world, local, secs(1)), "hour {hour}");
        world.run(secs(hour * 3600), |_| false);
    }
    assert_eq!(world.opened.len(), 1, "{:?}", world.found);
}

#[test]
fn nonces_that_go_stale_cost_nothing() {
    let mut world = World::new(&turn(ONE));
    world.relays[0].0.set_nonce_expiry_duration(secs(100));
    world.begin();
    assert!(world.run(secs(5), |world| !world.relayed().is_empty()));
    let local = world.relayed()[0];
    let pair = Pair::udp(local, addr(PEER));
    world.gatherer.set_selected(world.now, Some(pair));
    for quarter in 1..=8 {
        assert!(echoes(&mut world, local, secs(1)), "quarter {quarter}");
        world.run(secs(quarter * 900), |_| false);
    }
    assert_eq!(world.opened.len(), 1, "{:?}", world.found);
    let seen = world.seen.iter();
    let refused: Vec<u16> = seen.filter_map(|message| stale_nonce(message)).collect();
    for method in [4, 8] {
        assert!(refused.contains(&method), "{method} not in {refused:?}");
    }
}

/// The method of what an error response with 438 (Stale Nonce) refuses (RFC 8656 §17): 4 is Refresh, 8
/// CreatePermission.
fn stale_nonce(message: &[u8]) -> Option<u16> {
    let message = Message::from_bytes(message).ok()?;
    let error = message.attribute::<ErrorCode>().ok()?;
    (error.code() == ErrorCode::STALE_NONCE).then(|| message.method().value())
}

#[test]
fn loss_delays_and_does_not_prevent() {
    for seed in 0..30 {
        let mut world = World::new(&turn(ONE));
        world.random = fastrand::Rng::with_seed(seed);
        world.loss = 0.3;
        world.begin();
        assert!(
            world.run(secs(30), |world| !world.relayed().is_empty()),
            "{seed}"
        );
        let local = world.relayed()[0];
        let echoed = (0..20).any(|_| echoes(&mut world, local, secs(2)));
        assert!(echoed, "{seed}");
    }
}

#[test]
fn a_wrong_password_is_told() {
    let mut world = World::new(&turn(&["turn:alice:guess@relay.example"]));
    world.begin();
    assert!(world.run(secs(5), |world| !world.found.is_empty()));
    assert_eq!(
        world.troubles(),
        ["turn:relay.example:3478 over UDP: it refuses the user or the password"]
    );
    assert!(world.gatherer.is_settled());
    assert_eq!(
        world.gatherer.troubles().as_deref(),
        world.troubles().first().copied()
    );
}

#[test]
fn a_silent_server_is_given_up_and_the_others_serve() {
    let mut world = World::new(&turn(&[ONE[0], "turn:alice:secret@relay.example:3479"]));
    world.dead.push(addr("203.0.113.9:3478"));
    world.begin();
    assert!(world.run(secs(1), |world| world.relayed().len() == 1));
    assert!(!world.gatherer.is_settled());
    assert!(world.run(secs(16), |world| world.gatherer.is_settled()));
    assert_eq!(
        world.troubles(),
        ["turn:relay.example:3478 over UDP: no answer, is UDP port 3478 blocked?"]
    );
}

#[test]
fn a_dead_relay_is_noticed_and_opened_again() {
    let mut world = allocated(&turn(ONE));
    let first = world.relayed()[0];
    world.run(secs(1), |_| false);
    world.dead.push(addr("203.0.113.9:3478"));
    let gone = Found::Gone { relayed: first };
    let is_gone = |world: &World| world.found.iter().any(|(_, found)| *found == gone);
    assert!(world.run(secs(60), is_gone));
    assert!(!world.gatherer.is_relay(first));

    world.run(secs(600), |_| false);
    let attempts = world.opened.len();
    assert!((5..30).contains(&attempts), "{attempts}");

    world.dead.clear();
    assert!(world.run(secs(700), |world| world.relayed().len() == 2));
    let second = world.relayed()[1];
    assert!(echoes(&mut world, second, secs(5)));
}

#[test]
fn an_allocation_ends_with_the_mapping_of_the_nat_it_was_made_through() {
    let mut world = allocated(&turn(ONE));
    let first = world.relayed()[0];
    world.run(secs(5), |_| false);
    assert!(world.gatherer.is_relay(first));
    world.mapped = addr("192.0.2.33:34");
    assert!(world.run(secs(25), |world| world.relayed().len() == 2));
    assert!(!world.gatherer.is_relay(first));
    let second = world.relayed()[1];
    assert!(echoes(&mut world, second, secs(1)));
}

#[test]
fn a_relay_that_has_forgotten_is_asked_when_the_pair_falls_silent() {
    let mut world = allocated(&turn(ONE));
    let pair = Pair::udp(world.relayed()[0], addr(PEER));
    world.gatherer.set_selected(world.now, Some(pair));
    assert!(echoes(&mut world, pair.local, secs(1)));
    // It has started anew, so fast that nobody noticed.
    world.relays[0].0 = relay(3478);
    world.gatherer.set_selected(world.now, None);
    let until = world.now.duration_since(world.start) + secs(20);
    assert!(world.run(until, |world| world.relayed().len() == 2));
    let second = world.relayed()[1];
    assert!(echoes(&mut world, second, secs(1)));
}

/// One that is not in use answers nobody but its keepalives, which a server that has started anew answers as well.
#[test]
fn all_relays_are_asked_when_the_pair_is_lost() {
    let latest = |world: &World, number: u16| {
        let mut relayed = world.relayed().into_iter().rev();
        relayed.find(|at| at.port() / 1000 == 40 + number).unwrap()
    };
    let pairs: [fn(SocketAddr) -> Pair; 3] = [
        |relayed| Pair::udp(relayed, addr(PEER)),
        |_| Pair::udp(addr(BASE), addr(PEER)),
        |_| Pair::tcp(addr(BASE), addr(PEER)),
    ];
    for pair in pairs {
        let mut world = allocated(&turn(&[ONE[0], "turn:alice:secret@relay.example:3479"]));
        let [first, second] = [0, 1].map(|number| latest(&world, number));
        world.gatherer.set_selected(world.now, Some(pair(first)));
        assert!(echoes(&mut world, first, secs(1)));
        world.run(secs(60), |_| false);
        // The one that is not in use ends, and is there again before anybody has noticed.
        world.relays[1].0 = relay(3479);
        world.run(secs(120), |_| false);
        assert!(world.gatherer.is_relay(second), "nothing has told so far");

        world.gatherer.set_selected(world.now, None);
        let is_gone = |world: &World| !world.gatherer.is_relay(second);
        assert!(world.run(secs(121), is_gone), "it is believed");
        assert!(world.run(secs(125), |world| world.relayed().len() == 3));
        let anew = latest(&world, 1);
        assert!(echoes(&mut world, anew, secs(1)));
        assert!(echoes(&mut world, first, secs(1)), "the other is as it was");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_a_server_sends_is_survived(
        noise in proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), 0..20),
        bends in proptest::collection::vec(proptest::prelude::any::<(usize, usize, u8)>(), 0..200),
    ) {
        let mut world = allocated(&turn(ONE));
        let local = world.relayed()[0];
        echoes(&mut world, local, secs(1));
        let seen = world.seen.clone();
        let bent = bends.iter().map(|(which, at, bits)| {
            let mut message = seen[which % seen.len()].clone();
            let at = at % message.len();
            message[at] ^= bits;
            message
        });
        for message in bent.chain(noise) {
            world.gatherer.handle_relay(world.now, 0, &message);
            world.carry();
        }
        // Whatever became of the relay, it is kept or opened again, and carries datagrams.
        let until = world.now.duration_since(world.start) + secs(600);
        let is_open = |world: &World| {
            world.relayed().last().is_some_and(|relayed| world.gatherer.is_relay(*relayed))
        };
        proptest::prop_assert!(world.run(until, is_open));
        let local = *world.relayed().last().expect("it is open");
        proptest::prop_assert!(echoes(&mut world, local, secs(5)));
    }
}

#[test]
fn a_connection_that_breaks_is_made_anew() {
    let mut world = allocated(&turn(ONE));
    let now = world.now;
    let reset = RelayEnd::Broken("the connection was reset".to_owned());
    world.gatherer.relay_closed(now, 0, &reset);
    assert!(world.run(secs(3), |world| world.relayed().len() == 2));
    assert_eq!(world.gatherer.troubles(), None);
}

#[test]
fn a_server_with_several_addresses_is_tried_at_each() {
    let mut world = World::new(&turn(ONE));
    let addresses = vec![addr("203.0.113.66:3478"), addr("203.0.113.9:3478")];
    world.gatherer.turn_found(0, &Ok(addresses.clone()));
    world.carry();
    let refused = RelayEnd::Refused("refused".to_owned());
    world.gatherer.relay_closed(world.now, 0, &refused);
    assert!(world.run(secs(3), |world| world.relayed().len() == 1));
    let tried: Vec<SocketAddr> = world.opened.iter().map(|(_, address)| *address).collect();
    assert_eq!(tried, addresses);
}

#[test]
fn closing_gives_the_allocation_back() {
    let mut world = allocated(&turn(ONE));
    let requests = world.gatherer.close(world.now);
    let [
        RelayRequest::Send { contents, .. },
        RelayRequest::Close { .. },
    ] = &requests[..]
    else {
        panic!("{requests:?}");
    };
    let refresh = Message::from_bytes(contents).unwrap();
    assert_eq!(refresh.method().value(), 4, "Refresh, RFC 8656 §18");
    assert_eq!(world.gatherer.poll_timeout(), None);
}

#[test]
fn closing_gives_the_allocation_back_though_other_requests_wait() {
    let mut world = allocated(&turn(ONE));
    let local = world.relayed()[0];
    for peer in ["192.0.2.7:7", "192.0.2.8:8", "192.0.2.9:9"] {
        world.gatherer.send(world.now, local, addr(peer), b"data");
    }
    let requests = world.gatherer.close(world.now);
    let methods: Vec<_> = requests
        .iter()
        .filter_map(|request| match request {
            RelayRequest::Send { contents, .. } => {
                Some(Message::from_bytes(contents).unwrap().method().value())
            }
            _ => None,
        })
        .collect();
    assert!(methods.ends_with(&[4]), "{methods:?}");
    assert!(methods.len() > 1, "{methods:?}");
}

#[test]
fn no_password_is_shown() {
    let world = allocated(&turn(ONE));
    assert!(!format!("{:?}", world.gatherer).contains("secret"));
}

#[test]
fn a_connection_has_time_to_open() {
    let mut world = World::new(&turn(&["turn:alice:secret@relay.example?transport=tcp"]));
    world.begin();
    let mut next = |now| {
        world.gatherer.handle_timeout(now);
        (world.gatherer.poll_request(), world.gatherer.poll_timeout())
    };
    let (opens, until) = next(world.start);
    assert!(matches!(opens, Some(RelayRequest::Open { .. })));
    let until = until.expect("it does not wait for ever");
    assert!(until >= world.start + secs(5));
    assert_eq!(next(until - Duration::from_millis(1)).0, None);
    assert!(matches!(next(until).0, Some(RelayRequest::Close { .. })));
}
