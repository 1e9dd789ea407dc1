use super::*;
use crate::ice::gather::trouble::Trouble;

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn a_server_that_is_silent_so_far_is_told() {
    let mut world = World::new(&stun_only());
    world.stun.set_port(3479);
    world.loss = 1.0;
    world.begin();
    world.run(secs(0.4), |_| false);
    assert_eq!(world.gatherer.troubles(), None, "too early to say");
    world.run(secs(5.0), |_| false);
    assert_eq!(
        world.gatherer.troubles().as_deref(),
        Some("stun:stun.example:3478: no answer, is UDP port 3479 blocked?")
    );
    assert_eq!(world.found, [], "it may answer yet");

    world.loss = 0.0;
    assert!(world.run(secs(10.0), |world| !world.found.is_empty()));
    assert_eq!(world.gatherer.troubles(), None);
    // It was there: that it has gone since is no trouble of the gathering.
    world.loss = 1.0;
    world.run(secs(100.0), |_| false);
    assert_eq!(world.gatherer.troubles(), None);
}

#[test]
fn a_server_that_answers_one_socket_is_there() {
    let mut world = World::new(&stun_only());
    world.gatherer.add_base(addr("10.0.0.2:5000"));
    world.dead.push(addr("10.0.0.2:5000"));
    world.begin();
    world.run(secs(60.0), |_| false);
    assert!(world.gatherer.is_settled());
    assert_eq!(world.gatherer.troubles(), None);
}

#[test]
fn a_relay_that_is_silent_so_far_is_told() {
    let mut world = World::new(&turn(&["turn:alice:secret@relay.example"]));
    world.loss = 1.0;
    world.begin();
    world.run(secs(5.0), |_| false);
    assert_eq!(
        world.gatherer.troubles().as_deref(),
        Some("turn:relay.example:3478 over UDP: no answer, is UDP port 3478 blocked?")
    );
}

#[test]
fn servers_that_are_silent_alike_are_told_together() {
    let servers = Servers {
        stun: stun_only().stun,
        ..turn(&["turn:alice:secret@relay.example"])
    };
    let mut world = World::new(&servers);
    world.loss = 1.0;
    world.begin();
    world.run(secs(30.0), |_| false);
    assert_eq!(
        world.gatherer.troubles().as_deref(),
        Some(
            "stun:stun.example:3478, turn:relay.example:3478 over UDP: no answer, is UDP port 3478 blocked?"
        )
    );
}

#[test]
fn a_server_that_refuses_is_not_called_silent() {
    let mut world = World::new(&stun_only());
    world.begin();
    let request = world.gatherer.poll_transmit().unwrap();
    let message = Message::from_bytes(&request.contents).unwrap();
    let refusal = Message::builder_error(&message, MessageWriteVec::new()).finish();
    let (now, base) = (world.now, addr(BASE));
    let gatherer = &mut world.gatherer;
    assert!(gatherer.handle_answer(now, base, request.remote, Datagram::new(&refusal)));
    world.run(secs(1.0), |_| false);
    assert_eq!(
        world.troubles(),
        ["stun:stun.example:3478: it answers with an error"]
    );
}

#[test]
fn of_many_servers_a_few_are_named() {
    let trouble = |n: usize, cause: &str| Trouble {
        server: format!("stun:{n}"),
        cause: cause.to_owned(),
    };
    let silent = (1..=9).map(|n| trouble(n, "no answer"));
    let all = [trouble(0, "no such name")].into_iter().chain(silent);
    assert_eq!(
        super::super::trouble::sum_up(all).as_deref(),
        Some("stun:0: no such name; stun:1, stun:2, stun:3 and 6 more: no answer")
    );
}
