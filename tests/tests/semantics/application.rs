//! The application's side: statements 21 to 23, 25 and 26.
use crate::{ms, release, secs, withhold_ready};
use handclasp::StreamOptions;
use handclasp::stream::Message;
use handclasp_tests::{Journal, Party, Scripted, World, for_each_backend};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn party(call: &str, line: &str) -> (Party, Journal) {
    let (mut party, journal) = Scripted::new().with("CLASSIFY").on(call, &[line]).party();
    party.listens = false;
    (party, journal)
}

fn listen(world: &mut World, side: usize) -> Vec<String> {
    let before = world.sides[side].log.len();
    world
        .tell(side, Message::Listen { component_id: 1 })
        .expect("there is such a component");
    world.sides[side].story().split_off(before)
}

#[test]
fn s21_without_a_listener_data_is_dropped_and_the_warning_is_rare() {
    for_each_backend(|backend| {
        let ((a, _journal), (b, _other)) = (
            party("connection_ready", "finish"),
            party("connection_ready", "finish"),
        );
        let mut world = World::pair(backend, &a, &b);
        world.connect();
        for _ in 0..250 {
            world.send(1, 1, b"media");
            world.run_for(ms(100));
        }
        let warnings = world.sides[0].told(&["warning"]);
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings[0].contains("component 1: nobody listens, 1 datagram dropped"));
        assert!(
            warnings[1].contains("100 datagrams dropped"),
            "{warnings:?}"
        );
        assert_eq!(world.sides[0].count("received"), 0);
    });
}

#[test]
fn s21_data_that_waited_for_a_call_is_dropped_without_a_listener_too() {
    for_each_backend(|backend| {
        let (a, _journal) = party("recv_from_peer", "finish=keys");
        let (b, _other) = party("connection_ready", "packet=?last finish=keys");
        let mut world = World::pair(backend, &a, &b);
        world.until(secs(10), |world| world.sides[1].is_ready());
        world.send(1, 1, b"media");
        world.run_for(secs(1));
        assert_eq!(world.sides[0].told(&["received"]), [""; 0]);
        assert_eq!(
            world.sides[0].count("warning component 1: nobody listens, 1 "),
            1
        );
    });
}

/// Both sides' listeners attach when all is over, and learn it.
fn learns_late(call: &str, line: &str, data: &str) {
    for_each_backend(|backend| {
        let ((a, _journal), (b, _other)) = (party(call, line), party(call, line));
        let mut world = World::pair(backend, &a, &b);
        world.connect();
        for side in [0, 1] {
            let learned = listen(&mut world, side);
            let expected = [
                format!("handshake_data 1 {data}"),
                format!("ready 1 {data}"),
            ];
            assert_eq!(
                learned.iter().map(|line| line.trim()).collect::<Vec<_>>(),
                expected.each_ref().map(|e| e.trim())
            );
        }
        for side in [0, 1] {
            world.send(side, 1, b"media");
        }
        world.run_for(secs(1));
        assert!(world.sides.iter().all(|side| side.has("received 1 media")));
    });
}

#[test]
fn s22_a_late_listener_learns_of_a_finish_in_init() {
    learns_late("init", "finish", "");
}

#[test]
fn s22_a_late_listener_learns_of_a_finish_in_connection_ready() {
    learns_late("connection_ready", "finish=keys", "keys");
}

#[test]
fn s22_a_late_listener_learns_of_a_finish_in_on_deadline_and_recv_from_peer() {
    for_each_backend(|backend| {
        let (mut a, _journal) = Scripted::new()
            .on("connection_ready", &["deadline=100"])
            .on("on_deadline", &["packet=?hello finish=keys"])
            .party();
        a.listens = false;
        let (b, _other) = party("recv_from_peer", "finish=keys");
        let mut world = World::pair(backend, &a, &b);
        world.connect();
        for side in [0, 1] {
            assert_eq!(
                listen(&mut world, side),
                ["handshake_data 1 keys", "ready 1 keys"]
            );
        }
    });
}

#[test]
fn s22_a_late_listener_learns_of_a_finish_before_ready() {
    for_each_backend(|backend| {
        let ((a, _other), (b, _journal)) = (
            party("connection_ready", "packet=?hello"),
            party("recv_from_peer", "finish=keys"),
        );
        let mut world = World::pair(backend, &a, &b);
        withhold_ready(&mut world, 1);
        world.run_for(secs(3));
        assert_eq!(listen(&mut world, 1), ["handshake_data 1 keys"]);
        release(&mut world);
        world.run_for(secs(10));
        assert_eq!(world.sides[1].told(&["ready"]), ["ready 1 keys"]);
    });
}

#[test]
fn s22_a_listener_in_time_learns_once() {
    for_each_backend(|backend| {
        let ((a, _journal), (b, _other)) = (
            party("connection_ready", "finish=keys"),
            party("connection_ready", "finish=keys"),
        );
        let mut world = World::pair(backend, &a, &b);
        listen(&mut world, 0);
        world.connect();
        assert_eq!(
            world.sides[0].told(&["handshake_data", "ready"]),
            ["handshake_data 1 keys", "ready 1 keys"]
        );
    });
}

#[test]
fn s22_keys_are_gone_with_their_component() {
    for_each_backend(|backend| {
        let ((a, _journal), (b, _other)) = (
            party("connection_ready", "finish=keys"),
            party("connection_ready", "finish=keys"),
        );
        let mut world = World::pair(backend, &a, &b);
        world.connect();
        world.tell(0, Message::Close).expect("it runs");
        world.run_for(secs(1));
        assert_eq!(listen(&mut world, 0), [""; 0]);
    });
}

#[test]
fn s23_a_failed_send_is_reported_and_the_flow_goes_on() {
    for_each_backend(|backend| {
        let script = || {
            Scripted::new()
                .on("connection_ready", &["finish=keys"])
                .party()
        };
        let ((a, _journal), (b, _other)) = (script(), script());
        let mut world = World::pair(backend, &a, &b);
        world.send(0, 1, b"too early");
        world.connect();
        world.send(0, 1, b"one");
        world.run_for(secs(1));
        // Without consent nothing may be sent (RFC 7675), and later all is well again.
        world.link.drops = Box::new(|_| true);
        world.run_for(secs(35));
        world.send(0, 1, b"in vain");
        release(&mut world);
        world.run_for(secs(10));
        world.send(0, 1, b"two");
        world.run_for(secs(1));
        let reasons = world.sides[0].told(&["could_not_send"]);
        assert_eq!(reasons.len(), 2, "{reasons:?}");
        assert!(reasons[0].contains("wait for component_state_ready"));
        assert!(reasons[1].contains("the peer is silent"));
        assert_eq!(
            world.sides[1].told(&["received"]),
            ["received 1 one", "received 1 two"]
        );
    });
}

#[test]
fn s25_everything_that_happens_is_told_once() {
    for_each_backend(|backend| {
        let (a, _journal) = Scripted::new()
            .with("INSPECT")
            .on("connection_ready", &["only=1 finish=keys"])
            .on(
                "recv_from_peer",
                &["only=2 answer=-2 say=no", "", "answer=-4"],
            )
            .party();
        let (b, _other) = Scripted::new()
            .on("connection_ready", &["packet=?hello! finish=keys"])
            .party();
        let mut world = World::pair(backend, &a.components(2), &b.components(2));
        world.send(0, 1, b"too early");
        world.until(secs(5), |world| {
            world.sides[0].count("failed") > 0 && world.sides[1].is_ready()
        });
        world.hold(0, "recv_from_peer", world.elapsed() + secs(1));
        world.send(1, 1, b"?slow!");
        world.send(1, 1, b"?payload that waits for it");
        world.run_for(secs(2));
        let from = world.sides[1].address(1);
        world.inject(0, 1, from, b"?bye!");
        world.run_for(secs(2));
        let story = world.sides[0].story();
        let mut told = BTreeMap::new();
        for line in &story {
            let (word, _) = line.split_once(' ').unwrap_or((line, ""));
            *told.entry(word).or_insert(0) += 1;
        }
        let of_two_components = ["init_data", "candidate", "remote_candidate", "selected"];
        let once = [
            "credentials",
            "gathered",
            "ready",
            "handshake_data",
            "failed",
            "could_not_send",
            "closed",
            "received",
        ];
        let expected = of_two_components
            .map(|word| (word, 2))
            .into_iter()
            .chain(once.map(|word| (word, 1)));
        assert_eq!(told, expected.collect(), "{story:#?}");
    });
}

#[test]
fn s26_options_have_the_documented_defaults() {
    // All of them: whoever adds one says here what it is by default.
    let expected = "StreamOptions { plugin: \"none\", plugin_options: [], settings: Settings { n_components: 1, \
                    controlling: false, mtu: 1200, init_timeout: 30s, handshake_timeout: 30s, ice_timeout: 30s, \
                    gathering_timeout: 5s, ice_lite: false, announced: [], hide_addresses: false, servers: Servers { stun: [], turn: [], \
                    relay_only: false } }, bind_options: BindOptions { addresses: [], interfaces: [], denied: [], \
                    no_virtual: false, family: None, port_range: None, single_port: false, receive_buffer: None, \
                    send_buffer: None, tcp: Off, no_udp: false }, listen: true, turn_ca: None, \
                    loss: None, recorder: None }";
    assert_eq!(format!("{:?}", StreamOptions::default()), expected);
}

/// What a stream says to options of which one is out of its bounds, if it does.
fn refused(change: impl FnOnce(&mut Party)) -> Option<String> {
    let (mut party, journal) = Scripted::new().party();
    change(&mut party);
    let stream = party.stream(Instant::now(), true);
    let refused = stream.err().map(|refused| refused.to_string());
    if refused.is_some() {
        assert_eq!(journal.entries(), [], "{refused:?}");
    }
    refused
}

#[test]
fn s26_a_stream_has_at_least_one_component_and_at_most_256() {
    for n in [1, 256] {
        assert_eq!(refused(|party| party.n_components = n), None);
    }
    for n in [0, 257] {
        let sentence = format!("a stream has 1 to 256 components, not {n}");
        assert_eq!(refused(|party| party.n_components = n), Some(sentence));
    }
}

#[test]
fn s26_an_mtu_is_between_256_bytes_and_what_udp_carries() {
    for mtu in [256, 65_507] {
        assert_eq!(refused(|party| party.mtu = mtu), None);
    }
    for mtu in [0, 255, 65_508] {
        let sentence = format!("the MTU is 256 to 65507 bytes, not {mtu}");
        assert_eq!(refused(|party| party.mtu = mtu), Some(sentence));
    }
}

#[test]
fn s26_timeouts_are_between_a_millisecond_and_a_day() {
    let (least, most) = (Duration::from_millis(1), secs(86_400));
    let nano = Duration::from_nanos(1);
    for timeout in [least, most] {
        assert_eq!(refused(|party| party.init_timeout = timeout), None);
        assert_eq!(refused(|party| party.handshake_timeout = timeout), None);
        assert_eq!(refused(|party| party.ice_timeout = timeout), None);
    }
    for timeout in [Duration::ZERO, least - nano, most + nano, Duration::MAX] {
        let sentence = |name| format!("the {name} timeout is 1ms to 86400s, not {timeout:?}");
        assert_eq!(
            refused(|party| party.init_timeout = timeout),
            Some(sentence("init"))
        );
        assert_eq!(
            refused(|party| party.handshake_timeout = timeout),
            Some(sentence("handshake"))
        );
        assert_eq!(
            refused(|party| party.ice_timeout = timeout),
            Some(sentence("ICE"))
        );
    }
}

#[test]
fn s26_both_sides_may_ask_for_the_controlling_role() {
    for_each_backend(|backend| {
        let (mut party, _journal) = Scripted::new()
            .on("connection_ready", &["finish=keys"])
            .party();
        party.controlling = Some(true);
        let mut world = World::pair(backend, &party, &party);
        world.connect();
        world.send(0, 1, b"there");
        world.send(1, 1, b"and back");
        world.run_for(secs(1));
        assert!(
            world.sides[1].has("received 1 there") && world.sides[0].has("received 1 and back")
        );
    });
}
