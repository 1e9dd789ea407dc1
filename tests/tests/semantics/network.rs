//! What the network layer asks of a stream, and tells it: statements 18, 20, 25, 26, 33 and 34.
use crate::{ms, secs};
use handclasp::ice::Transport;
use handclasp::stream::Message;
use handclasp_tests::{Backend, Party, World, plugin};

fn world(n_components: u16) -> World {
    let party = Party::new(plugin("none")).components(n_components);
    World::pair(Backend::immediate(), &party, &party)
}

fn ufrags(world: &World, component_id: u16) -> Vec<String> {
    let ufrags = world.sides[0].stream.local_ufrags(component_id);
    ufrags.map(str::to_owned).collect()
}

#[test]
fn s20_both_generations_are_known_by_their_ufrags_until_the_new_pair_stands() {
    let mut world = world(1);
    world.connect();
    world.signalling_delay = ms(500);
    let old = ufrags(&world, 1);
    let restarted = world.tell(0, Message::RestartStream);
    restarted.expect("there is something to restart");
    let both = ufrags(&world, 1);
    world.run_for(secs(3));
    let new = ufrags(&world, 1);
    assert_eq!((old.len(), new.len()), (1, 1));
    assert_eq!(both, [&new[..], &old].concat());
    assert_ne!(old, new);
    assert_eq!(ufrags(&world, 2), [""; 0], "there is no such component");
}

#[test]
fn s33_an_address_is_verified_for_its_component_alone_and_once_it_has_answered() {
    let mut world = world(2);
    let theirs = [1, 2].map(|id| world.sides[1].address(id));
    let verified = |world: &World| {
        let stream = &world.sides[0].stream;
        [1, 2].map(|id| theirs.map(|address| stream.is_verified(id, Transport::Udp, address)))
    };
    assert_eq!(verified(&world), [[false, false], [false, false]]);
    world.connect();
    assert_eq!(verified(&world), [[true, false], [false, true]]);
}

#[test]
fn s34_the_first_data_after_a_silence_is_news_for_the_timer() {
    let mut world = world(1);
    world.connect();
    world.run_for(secs(5));
    let theirs = world.sides[1].address(1);
    for is_news in [true, false] {
        world.inject(0, 1, theirs, b"\x80 media");
        let stream = &mut world.sides[0].stream;
        assert_eq!(stream.has_news(1), is_news);
        assert!(stream.poll_timeout().is_some());
        assert!(!stream.has_news(1));
    }
}

#[test]
fn s18_a_stream_without_a_way_fails_each_component_for_that_reason() {
    let mut world = world(2);
    world.run_for(ms(10)); // it has started
    world.fail(0, "no socket can be bound");
    let expected = [1, 2].map(|id| format!("failed {id} no socket can be bound"));
    assert_eq!(world.sides[0].told(&["failed"]), expected);
}

#[test]
fn s25_what_went_wrong_outside_is_a_warning() {
    let mut world = world(1);
    world.connect();
    world.sides[0].stream.warn("a cable is gone".to_owned());
    world.run_for(ms(1));
    assert_eq!(
        world.sides[0].told(&["warning"]),
        ["warning a cable is gone"]
    );
}

#[test]
fn s26_sockets_are_to_be_bound_unless_only_relays_are_used() {
    for relay_only in [false, true] {
        let mut party = Party::new(plugin("none"));
        let server = "turn:alice:secret@relay.example".parse();
        party.servers.turn = vec![server.expect("a URI")];
        party.servers.relay_only = relay_only;
        let world = World::pair(Backend::immediate(), &party, &party);
        assert_eq!(world.sides[0].stream.is_relay_only(), relay_only);
    }
}
