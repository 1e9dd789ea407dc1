//! A stream that tells its peer names instead of addresses, and one that hears of them.
use crate::{ms, secs};
use handclasp::plugin::Role;
use handclasp::stream::{Message, Notification};
use handclasp_tests::{Backend, Event, Party, Signalling, World, plugin};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::mpsc::channel;

fn party() -> Party {
    Party::new(plugin("none")).components(2)
}

fn hiding() -> Party {
    let mut party = party();
    party.hide_addresses = true;
    party
}

/// All that goes to the peer.
fn for_peer(world: &World, side: usize) -> Vec<String> {
    let said = world.sides[side]
        .log
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Said(Notification::LocalSdp { sdp }) => Some(sdp.clone()),
            Event::Said(said) => Some(format!("{:?}", said.for_peer(Role::Initiator)?)),
            _ => None,
        });
    said.collect()
}

#[test]
fn nothing_that_the_peer_is_told_shows_an_address() {
    for signalling in [Signalling::Trickle, Signalling::Sdp] {
        let mut world = World::new(1, Backend::immediate());
        world.signalling = signalling;
        world.add(&hiding(), &party());
        world.until(secs(20), |world| {
            world.sides.iter().all(|side| side.is_ready())
        });
        world
            .tell(0, Message::RestartStream)
            .expect("it has started");
        world
            .tell(0, Message::GenerateLocalSdp)
            .expect("it has started");
        world.run_for(secs(5));
        let told = for_peer(&world, 0);
        assert!(told.iter().any(|told| told.contains(".local ")), "{told:?}");
        for told in told {
            let host = world.sides[0].address(1).ip().to_string();
            assert!(!told.contains(&host), "{told}");
        }
    }
}

#[test]
fn a_name_is_no_default_address() {
    let mut world = World::pair(Backend::immediate(), &hiding(), &party());
    world.run_for(ms(100));
    world
        .tell(0, Message::GenerateLocalSdp)
        .expect("it has started");
    let sdp = world.sides[0].description();
    assert!(sdp.contains("\r\nc=IN IP4 0.0.0.0\r\n"), "{sdp}");
    assert!(sdp.contains("\r\nm=application 9 "), "{sdp}");
}

fn candidate(component_id: u16, name: &str, port: u16) -> Message {
    Message::SetRemoteCandidate {
        component_id,
        candidate: format!("candidate:1 {component_id} udp 1 {name} {port} typ host"),
    }
}

#[test]
fn a_name_of_the_peers_is_looked_up_once_for_all_components() {
    let mut world = World::pair(Backend::immediate(), &party(), &party());
    world.signalling = Signalling::None;
    world.run_for(ms(100));
    let peer = Message::SetRemoteCredentials {
        credentials: "peer aPasswordOfThePeersOwn".to_owned(),
        generation: None,
    };
    world.tell(0, peer).expect("they are well-formed");
    let name = "0b8c9a3e-1f2d-4c5b-8a7e-6d5c4b3a2f1e.local";
    for component_id in [1, 2] {
        world
            .tell(0, candidate(component_id, name, 4000))
            .expect("it is one");
    }
    let stream = &mut world.sides[0].stream;
    let lookup = stream.poll_lookup().expect("it is looked up");
    assert_eq!((lookup.host.as_str(), stream.poll_lookup()), (name, None));
    // Where nobody knew it, it is looked up again with the next candidate.
    world.found(0, &lookup, &Err("nobody answers".to_owned()));
    world.tell(0, candidate(1, name, 4001)).expect("it is one");
    let stream = &mut world.sides[0].stream;
    let lookup = stream.poll_lookup().expect("it is looked up again");
    let found = |port| SocketAddr::from(([10, 0, 1, 77], port));
    world.found(0, &lookup, &Ok(vec![found(4001)]));
    let told = |world: &World| world.sides[0].told(&["remote_candidate"]);
    assert_eq!(told(&world), ["remote_candidate 1"], "the one that waited");
    world
        .tell(
            0,
            candidate(2, &name.to_uppercase().replace("LOCAL", "local"), 4002),
        )
        .expect("it is one");
    assert_eq!(world.sides[0].stream.poll_lookup(), None, "it is known");
    assert_eq!(told(&world)[1..], ["remote_candidate 2"]);
    let (checked, checks) = channel();
    world.link.drops =
        Box::new(move |flight| checked.send((flight.from.port(), flight.to)).is_ok());
    world.run_for(secs(1));
    let checks: BTreeSet<_> = checks.try_iter().collect();
    assert_eq!(
        checks,
        BTreeSet::from([(5001, found(4001)), (5002, found(4002))])
    );
}

#[test]
fn a_peer_names_so_many_names_and_no_more() {
    let mut world = World::pair(Backend::immediate(), &party(), &party());
    world.signalling = Signalling::None;
    world.run_for(ms(100));
    for number in 0..20 {
        world
            .tell(0, candidate(1, &format!("name-{number}.local"), 4000))
            .expect("it is one");
    }
    let stream = &mut world.sides[0].stream;
    let lookups = std::iter::from_fn(|| stream.poll_lookup()).count();
    assert_eq!(lookups, 16);
    assert_eq!(world.sides[0].count("warning name-"), 4);
}
