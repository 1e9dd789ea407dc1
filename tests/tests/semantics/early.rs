//! Data from the peer, from the first datagram to the finish: statements 9 to 12.
use crate::{release, secs, withhold_ready};
use handclasp_tests::{Backend, Journal, Party, Scripted, World, for_each_backend};

/// Side 1 plays `script` and is not READY, though its peer is and has sent `packets`.
fn ahead(backend: Backend, script: Scripted, packets: &str) -> (World, Journal) {
    let (slow, journal) = script.party();
    let (fast, _other) = Scripted::new().on("connection_ready", &[packets]).party();
    let mut world = World::pair(backend, &fast, &slow);
    withhold_ready(&mut world, 1);
    world.run_for(secs(3));
    assert_eq!(world.sides[0].count("selected"), 1);
    assert_eq!(world.sides[1].count("selected"), 0);
    (world, journal)
}

/// What side 1 tells of its handshake, once it has become READY.
fn story(world: &mut World) -> Vec<String> {
    release(world);
    world.until(secs(10), |world| world.sides[1].count("selected") > 0);
    world.run_for(secs(1));
    world.sides[1].told(&["sent", "handshake_data", "ready", "failed"])
}

#[test]
fn s09_datagrams_reach_the_handshake_even_before_ready() {
    for_each_backend(|backend| {
        let (_world, journal) = ahead(backend, Scripted::new(), "packet=hello packet=again");
        let expected = ["recv_from_peer hello", "recv_from_peer again"];
        assert_eq!(journal.calls(1)[1..], expected);
    });
}

#[test]
fn s09_after_the_finish_every_datagram_is_the_applications() {
    for_each_backend(|backend| {
        let script = || {
            Scripted::new()
                .on("connection_ready", &["finish=keys"])
                .party()
        };
        let ((a, journal), (b, _other)) = (script(), script());
        let mut world = World::pair(backend, &a, &b);
        world.connect();
        let first_bytes: Vec<u8> = (4..=255).collect(); // 0 to 3 are STUN's (RFC 7983)
        for byte in &first_bytes {
            world.send(1, 1, &[*byte, 0, 0]);
        }
        world.run_for(secs(1));
        assert_eq!(world.sides[0].count("received 1"), first_bytes.len());
        assert_eq!(journal.names(1), ["init", "connection_ready"]);
    });
}

#[test]
fn s10_packets_from_before_ready_leave_first_and_in_order() {
    for_each_backend(|backend| {
        let script = Scripted::new()
            .on("recv_from_peer", &["packet=a packet=b", "packet=c"])
            .on("connection_ready", &["packet=d"]);
        let (mut world, journal) = ahead(backend, script, "packet=hello packet=again");
        assert_eq!(journal.count("recv_from_peer"), 2);
        assert_eq!(world.sides[1].count("sent"), 0);
        let expected = ["sent 1 a", "sent 1 b", "sent 1 c", "sent 1 d"];
        assert_eq!(story(&mut world), expected);
    });
}

#[test]
fn s10_packets_from_before_ready_are_bounded() {
    for_each_backend(|backend| {
        let flight = ["bytes=1200"; 50].join(" ");
        let script = Scripted::new()
            .on("recv_from_peer", &[&format!("packet=old {flight} again")])
            .on("connection_ready", &["packet=new"]);
        let (mut world, journal) = ahead(backend, script, "packets=9");
        assert_eq!(journal.count("recv_from_peer"), 9);
        let mut sent = story(&mut world);
        sent.retain(|line| line.starts_with("sent"));
        let bytes: usize = sent.iter().map(|line| line.len() - "sent 1 ".len()).sum();
        assert!((230 * 1024..=256 * 1024).contains(&bytes), "{bytes} bytes");
        assert_eq!(sent.last().map(String::as_str), Some("sent 1 new"));
        let dropped = 9 * 51 + 1 - sent.len();
        let warning = format!(
            "warning component 1, plugin scripted: {dropped} datagrams of the handshake's were dropped: there was no \
             room for all that waited for READY"
        );
        assert_eq!(world.sides[1].told(&["warning"]), [warning]);
        assert_eq!(world.sides[1].stream.dropped(1), dropped as u64);
    });
}

#[test]
fn s11_a_finish_before_ready() {
    for_each_backend(|backend| {
        let script = Scripted::new().on("recv_from_peer", &["packet=last finish=keys"]);
        let (mut world, journal) = ahead(backend, script, "packet=hello");
        assert_eq!(
            world.sides[1].told(&["handshake_data", "ready"]),
            ["handshake_data 1 keys"]
        );
        let expected = ["handshake_data 1 keys", "sent 1 last", "ready 1 keys"];
        assert_eq!(story(&mut world), expected);
        assert_eq!(journal.names(1), ["init", "recv_from_peer"]);
    });
}

#[test]
fn s11_a_finish_that_ready_overtakes() {
    // The call that finishes is under way when READY comes.
    let (slow, journal) = Scripted::new()
        .on("recv_from_peer", &["packet=last finish=keys"])
        .party();
    let (fast, _other) = Scripted::new()
        .on("connection_ready", &["packet=hello"])
        .party();
    let patient = Party {
        call_timeout: secs(60),
        ..slow
    };
    let mut world = World::pair(Backend::immediate(), &fast, &patient);
    world.hold(1, "recv_from_peer", secs(20));
    withhold_ready(&mut world, 1);
    world.run_for(secs(3));
    assert_eq!(journal.names(1), ["init"]);
    release(&mut world);
    world.run_for(secs(27));
    assert!(world.sides[1].when("selected") < Some(secs(20)));
    let told = world.sides[1].told(&["sent", "handshake_data", "ready"]);
    assert_eq!(
        told,
        ["sent 1 last", "handshake_data 1 keys", "ready 1 keys"]
    );
    assert_eq!(journal.names(1), ["init", "recv_from_peer"]);
}

#[test]
fn s12_a_finish_after_ready() {
    for_each_backend(|backend| {
        let (a, _journal) = Scripted::new()
            .on("recv_from_peer", &["packet=x packet=last finish=keys"])
            .party();
        let (b, _other) = Scripted::new()
            .on("connection_ready", &["packet=hello"])
            .party();
        let mut world = World::pair(backend, &a, &b);
        world.run_for(secs(3));
        let told = world.sides[0].told(&["sent", "handshake_data", "ready"]);
        let expected = [
            "sent 1 x",
            "sent 1 last",
            "handshake_data 1 keys",
            "ready 1 keys",
        ];
        assert_eq!(told, expected);
    });
}

#[test]
fn s15_what_came_ahead_of_the_checks_and_found_no_room_is_told_once() {
    const SUCCESS: [u8; 2] = [1, 1];
    for_each_backend(|backend| {
        let (slow, journal) = Scripted::new().party();
        let (fast, _other) = Scripted::new()
            .on("connection_ready", &["packets=20"])
            .party();
        let mut world = World::pair(backend, &fast, &slow);
        let address = world.sides[1].address(1);
        world.link.drops =
            Box::new(move |flight| flight.to == address && flight.contents.starts_with(&SUCCESS));
        world.run_for(secs(3));
        assert_eq!(world.sides[0].count("sent"), 20);
        assert_eq!(journal.count("recv_from_peer"), 0);
        release(&mut world);
        world.run_for(secs(20));
        assert_eq!(journal.count("recv_from_peer"), 8);
        let warning = "warning component 1, plugin scripted: 12 datagrams of the peer's were dropped: more came before \
                       its address had answered a check than can wait";
        assert_eq!(world.sides[1].told(&["warning"]), [warning]);
        assert_eq!(world.sides[1].stream.dropped(1), 12);
    });
}
