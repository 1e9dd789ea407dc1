//! What comes through a TURN server is treated as what comes to a socket is.
use crate::{ms, secs};
use handclasp::component::Cause;
use handclasp_tests::{Backend, Scripted, World, for_each_backend};

/// Side 0 has nothing but a relay; both are ready.
fn relayed(backend: Backend) -> World {
    let script = || Scripted::new().on("connection_ready", &["finish=keys"]);
    let ((mut a, _), (b, _)) = (script().party(), script().party());
    a.use_relay_only();
    let mut world = World::pair(backend, &a, &b);
    world.connect();
    world
}

#[test]
fn s09_data_goes_both_ways_through_a_relay() {
    for_each_backend(|backend| {
        let mut world = relayed(backend);
        for number in 0..20 {
            for side in 0..2 {
                world.send(side, 1, format!("{number}").as_bytes());
            }
        }
        world.run_for(secs(1));
        let expected: Vec<_> = (0..20)
            .map(|number| format!("received 1 {number}"))
            .collect();
        for side in &world.sides {
            assert_eq!(side.told(&["received"]), expected);
        }
    });
}

#[test]
fn s25_what_a_relay_brings_overtakes_nothing_that_is_to_be_told() {
    let mut world = relayed(Backend::immediate().in_batches());
    world.run_for(ms(500));
    let before = world.sides[0].log.len();
    world.send(1, 1, b"behind");
    // In the same turn of a loop, and before it.
    world.on_arrival(0, |stream| stream.warn("first".to_owned()));
    world.run_for(ms(100));
    let story = world.sides[0].story();
    let told: Vec<_> = story[before..]
        .iter()
        .filter(|line| line.starts_with("warning") || line.starts_with("received"))
        .collect();
    assert_eq!(told, ["warning first", "received 1 behind"]);
}

#[test]
fn s15_what_could_not_be_sent_is_told_once() {
    let mut world = relayed(Backend::immediate());
    let now = world.now();
    for (cause, count) in [
        (Cause::SlowRelay, 2),
        (Cause::Unsent, 1),
        (Cause::SlowRelay, 1),
    ] {
        let stream = &mut world.sides[0].stream;
        stream.note_unsent(now, 1, cause, count);
    }
    world.run_for(secs(30));
    let expected = "warning component 1, plugin scripted: 1 datagram of the handshake's was not sent: the system, or \
                    the connection to the peer, did not take it; 3 datagrams were not sent: the connection to a relay \
                    is slower than what is sent through it";
    assert_eq!(world.sides[0].told(&["warning"]), [expected]);
    assert_eq!(world.sides[0].stream.dropped(1), 4);
}
