//! The handshake in virtual time: languages together, loss, wrong secrets, forgeries.
use crate::project::{Language, project};
use handclasp::plugin::Role;
use handclasp::stream::Message;
use handclasp_tests::{Backend, Event, Party, World, for_each_backend, load};
use std::time::Duration;

const SECRET: &str = "known to both of them";

fn party(language: Language, psk: &str) -> Party {
    Party::new(load(&project(language).library())).option("psk", psk)
}

/// Each with each, in both roles.
fn pairs() -> impl Iterator<Item = [Language; 2]> + Clone {
    let languages = Language::here();
    let others = languages.clone();
    let each_with = move |a| others.clone().into_iter().map(move |b| [a, b]);
    languages.into_iter().flat_map(each_with)
}

fn ends(world: &World) -> [Vec<String>; 2] {
    [0, 1].map(|side| world.sides[side].told(&["handshake_data", "ready", "failed"]))
}

#[test]
fn every_language_shakes_hands_with_every_other() {
    for [a, b] in pairs() {
        for_each_backend(|backend| {
            let parties = [a, b].map(|language| party(language, SECRET).components(2));
            let mut world = World::pair(backend, &parties[0], &parties[1]);
            world.connect();
            let key = |side: usize, id| world.sides[side].handshake_data(id).expect("it is ready");
            for id in [1, 2] {
                assert_eq!(key(0, id), key(1, id), "{a:?} with {b:?}");
                assert_eq!(key(0, id).len(), 32);
            }
            assert_ne!(key(0, 1), key(0, 2));
        });
    }
}

#[test]
fn loss_reordering_and_duplicates_only_cost_time() {
    for (seed, [a, b]) in (0..54).zip(pairs().cycle()) {
        let mut world = World::new(seed, Backend::immediate());
        world.add(&party(a, SECRET), &party(b, SECRET));
        world.link.make_bad();
        world.until(Duration::from_secs(30), |world| {
            world.sides.iter().all(|side| side.is_ready())
        });
    }
}

#[test]
fn a_proof_is_repeated_until_it_is_answered() {
    for [a, b] in pairs() {
        let (a, b) = (party(a, SECRET), party(b, SECRET));
        let mut world = World::pair(Backend::immediate(), &a, &b);
        // The first five answers are lost, the first of which ends the handshake of the responder.
        let mut answers = 0;
        world.link.drops = Box::new(move |flight| {
            answers += usize::from(flight.contents[0] == 33);
            flight.contents[0] == 33 && answers <= 5
        });
        world.connect();
        let proofs: Vec<_> = sent(&world, 0).collect();
        let waits = proofs
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).as_millis());
        assert_eq!(waits.collect::<Vec<_>>(), [250, 500, 1000, 1000, 1000]);
        world.run_for(Duration::from_secs(10));
        assert_eq!(sent(&world, 0).count(), 6, "the end is the end");
        assert_eq!(sent(&world, 1).count(), 6);
    }
}

fn sent(world: &World, side: usize) -> impl Iterator<Item = Duration> {
    let log = world.sides[side].log.iter();
    log.filter_map(|(at, event)| matches!(event, Event::Sent(..)).then_some(*at))
}

#[test]
fn another_secret_fails_at_once() {
    for [a, b] in pairs() {
        for_each_backend(|backend| {
            let (a, b) = (party(a, SECRET), party(b, "known to one of them"));
            let mut world = World::pair(backend, &a, &b);
            world.run_for(Duration::from_secs(1));
            for ends in ends(&world) {
                let [end] = &ends[..] else {
                    panic!("one end is expected: {ends:?}");
                };
                assert!(end.starts_with("failed 1 "), "{end}");
                assert!(
                    end.contains("the peer has another psk: give both sides the same one"),
                    "{end}"
                );
            }
        });
    }
}

#[test]
fn forgeries_are_ignored() {
    for language in Language::here() {
        let party = party(language, SECRET);
        let mut world = World::pair(Backend::immediate(), &party, &party);
        world.link.drops = Box::new(|flight| matches!(flight.contents[0], 32 | 33));
        world.run_for(Duration::from_secs(1));
        for (side, from) in [(0, 1), (1, 0)] {
            let from = world.sides[from].address(1);
            for first in [32, 33] {
                for len in [1, 32, 33, 34, 1200] {
                    let mut forged = vec![0; len];
                    forged[0] = first;
                    world.inject(side, 1, from, &forged);
                }
            }
        }
        assert_eq!(ends(&world), [[""; 0]; 2]);
        world.link.drops = Box::new(|_| false);
        world.connect();
    }
}

#[test]
fn a_reflected_proof_proves_nothing() {
    for language in Language::here() {
        let party = party(language, SECRET);
        let mut world = World::pair(Backend::immediate(), &party, &party);
        world.link.drops = Box::new(|flight| flight.contents[0] == 32);
        world.run_for(Duration::from_secs(1));
        let proof = world.sides[0]
            .log
            .iter()
            .find_map(|(_, event)| match event {
                Event::Sent(_, _, packet) => Some(packet.clone()),
                _ => None,
            });
        let mut proof = proof.expect("the initiator has begun");
        let from = world.sides[1].address(1);
        world.inject(0, 1, from, &proof);
        proof[0] = 33;
        world.inject(0, 1, from, &proof);
        assert_eq!(ends(&world), [[""; 0]; 2]);
    }
}

#[test]
fn a_secret_that_is_none_fails_in_init() {
    for language in Language::here() {
        let party = party(language, "fifteen bytes !");
        let mut world = World::pair(Backend::immediate(), &party, &party);
        world.run_for(Duration::from_secs(1));
        for ends in ends(&world) {
            let sentence = format!(
                "failed 1 plugin {}: init: psk is too short",
                language.plugin()
            );
            assert!(ends[0].starts_with(&sentence), "{ends:?}");
        }
    }
}

#[test]
fn a_peer_with_another_handshake_is_told_from_this_one() {
    for language in Language::here() {
        let party = party(language, SECRET);
        let mut world = World::pair(Backend::immediate(), &party, &party);
        world.tells_init_data = false;
        let other = Message::SetPeerInitData {
            component_id: 1,
            role: Role::Initiator,
            init_data: b"sha-256 AB:CD".to_vec(),
            association: None,
        };
        world.tell(0, other).expect("it is not too early");
        world.run_for(Duration::from_secs(1));
        let told = world.sides[0].told(&["failed"]);
        assert!(told[0].contains("is no challenge of 64 bytes"), "{told:?}");
    }
}
