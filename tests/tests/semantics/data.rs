//! Data from the peer, and whose it is: statements 13 to 15.
use crate::{ms, secs};
use handclasp::plugin::Role;
use handclasp::stream::Message;
use handclasp_tests::{Backend, Journal, Scripted, World, for_each_backend};

/// Side 0 plays `script`; side 1 has no more to say than `packets`.
fn run(backend: Backend, script: Scripted, packets: &str) -> (World, Journal) {
    let (a, journal) = script.party();
    let (b, _other) = Scripted::new().on("connection_ready", &[packets]).party();
    let mut world = World::pair(backend, &a, &b);
    world.run_for(secs(3));
    (world, journal)
}

#[test]
fn s13_a_flight_of_five_is_five_datagrams() {
    for_each_backend(|backend| {
        let (world, journal) = run(backend, Scripted::new(), "packets=5");
        let sent: Vec<_> = (0..5).map(|i| format!("sent 1 {i}")).collect();
        assert_eq!(world.sides[1].told(&["sent"]), sent);
        let received: Vec<_> = (0..5).map(|i| format!("recv_from_peer {i}")).collect();
        assert_eq!(journal.calls(1)[2..], received);
    });
}

#[test]
fn s13_a_packet_has_at_most_the_mtu() {
    for_each_backend(|backend| {
        let (world, _) = run(
            backend,
            Scripted::new().on("connection_ready", &["bytes=1200"]),
            "",
        );
        assert_eq!(
            world.sides[0].count(&format!("sent 1 {}", "x".repeat(1200))),
            1
        );
    });
    for_each_backend(|backend| {
        let script = Scripted::new().on("connection_ready", &["packet=fits bytes=1201"]);
        let (world, journal) = run(backend, script, "");
        let expected = "failed 1 plugin scripted: connection_ready emitted a packet of 1201 bytes, more than its MTU \
                        of 1200; the instance was destroyed, report this to the plugin's author";
        assert_eq!(world.sides[0].told(&["sent", "failed"]), [expected]);
        assert_eq!(journal.check(), 0);
    });
}

#[test]
fn s13_empty_packets_are_not_sent() {
    for_each_backend(|backend| {
        let script = Scripted::new().on("connection_ready", &["packet= packet=x packet="]);
        let (world, _journal) = run(backend, script, "");
        assert_eq!(world.sides[0].told(&["sent"]), ["sent 1 x"]);
    });
}

#[test]
fn s13_empty_datagrams_are_nobodys() {
    let finished = Scripted::new().on("connection_ready", &["finish=keys"]);
    let ((a, _journal), (b, _other)) = (finished.party(), Scripted::new().party());
    let mut world = World::pair(Backend::immediate(), &a, &b);
    world.until(secs(3), |world| world.sides[0].is_ready());
    let peer = world.sides[1].address(1);
    for datagram in [&b""[..], b"x"] {
        world.inject(0, 1, peer, datagram);
    }
    assert_eq!(world.sides[0].told(&["received"]), ["received 1 x"]);
}

#[test]
fn s14_in_progress_what_is_not_the_handshakes_is_dropped_and_counted() {
    for_each_backend(|backend| {
        let (world, journal) = run(
            backend,
            Scripted::new().with("CLASSIFY"),
            "packet=media packet=?mine packet=media",
        );
        assert_eq!(journal.calls(1)[2..], ["recv_from_peer ?mine"]);
        assert_eq!(world.sides[0].count("received"), 0);
        assert_eq!(world.sides[0].stream.dropped(1), 2);
    });
}

#[test]
fn s14_after_the_finish_the_handshake_keeps_its_own() {
    for_each_backend(|backend| {
        let script = Scripted::new()
            .with("CLASSIFY")
            .on("connection_ready", &["finish=keys"])
            .on("recv_from_peer", &["packet=?repeated"]);
        let (world, journal) = run(backend, script, "packet=?last packet=media packet=?last");
        assert_eq!(journal.count("recv_from_peer"), 2);
        assert_eq!(world.sides[0].told(&["received"]), ["received 1 media"]);
        assert_eq!(world.sides[0].told(&["sent"]), ["sent 1 ?repeated"]);
    });
}

#[test]
fn s14_a_function_decides_where_the_first_byte_does_not() {
    for_each_backend(|backend| {
        let script = Scripted::new()
            .with("INSPECT")
            .on("recv_from_peer", &["", "finish=keys"]);
        let packets =
            "packet=?mine! packet=?yours packet=yours! packet=?last! packet=?late packet=?again!";
        let (mut world, journal) = run(backend, script, packets);
        world.send(1, 1, b"not yet ready");
        let expected = ["?mine!", "?last!", "?again!"].map(|text| format!("recv_from_peer {text}"));
        assert_eq!(journal.calls(1)[2..], expected);
        assert_eq!(world.sides[0].told(&["received"]), ["received 1 ?late"]);
        assert_eq!(world.sides[0].stream.dropped(1), 2);
    });
}

#[test]
fn s14_a_slow_call_holds_up_no_data() {
    let script = Scripted::new()
        .with("CLASSIFY")
        .on("connection_ready", &["finish=keys"]);
    let ((a, journal), (b, _other)) = (
        script.party(),
        Scripted::new().on("connection_ready", &["finish"]).party(),
    );
    let mut world = World::pair(Backend::immediate(), &a, &b);
    world.connect();
    world.hold(0, "recv_from_peer", world.elapsed() + secs(5));
    world.send(1, 1, b"?last");
    world.send(1, 1, b"media");
    world.run_for(secs(1));
    assert_eq!(journal.count("recv_from_peer"), 0);
    assert_eq!(world.sides[0].told(&["received"]), ["received 1 media"]);
    world.run_for(secs(5));
    assert_eq!(journal.count("recv_from_peer"), 1);
}

#[test]
fn s15_before_the_peer_is_known_eight_datagrams_wait() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new().with("PEER").party();
        let (b, _other) = Scripted::new()
            .on("connection_ready", &["packets=12"])
            .party();
        let mut world = World::pair(backend, &a, &b);
        world.tells_init_data = false;
        world.run_for(secs(3));
        world.inject(0, 1, ([9, 9, 9, 9], 9).into(), b"a stranger's");
        assert_eq!(journal.names(1), ["init"]);
        assert_eq!(world.sides[0].stream.dropped(1), 4 + 1);
        let (component_id, role, init_data) = (1, Role::Initiator, Vec::new());
        let peer = Message::SetPeerInitData {
            component_id,
            role,
            init_data,
            association: None,
        };
        world.tell(0, peer).expect("in time");
        world.run_for(ms(500));
        // They came before READY or after it, which this side did not know either.
        let mut calls = journal.calls(1);
        calls.retain(|call| call != "connection_ready");
        let kept: Vec<_> = (4..12).map(|i| format!("recv_from_peer {i}")).collect();
        assert_eq!(calls[1], "set_peer initiator");
        assert_eq!(calls[2..], kept);
    });
}
