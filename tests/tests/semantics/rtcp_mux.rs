//! RTP and RTCP over one component, which two descriptions agree on (RFC 5761).
use crate::{ms, secs};
use handclasp::stream::Message;
use handclasp_tests::{Backend, Journal, Party, Scripted, Signalling, World, for_each_backend};

const MUX: &str = "a=rtcp-mux\r\n";
/// First bytes of both are 128 to 191 (RFC 7983); the second ones differ (RFC 5761, section 4).
const RTP: &[u8] = &[0x80, 0x60, 0, 1];
const RTCP: &[u8] = &[0x80, 0xc8, 0, 6];

fn party(n_components: u16) -> (Party, Journal) {
    let (party, journal) = Scripted::new()
        .with("PEER")
        .with("CLASSIFY")
        .on("init", &["init_data=tls-id:x"])
        .on("connection_ready", &["finish=keys"])
        .on("close", &["packet=?bye"])
        .party();
    (party.components(n_components), journal)
}

/// What a side says of itself.
fn describe(world: &mut World, side: usize) -> String {
    let told = world.tell(side, Message::GenerateLocalSdp);
    told.expect("it has started");
    world.sides[side].description()
}

fn parse(world: &mut World, side: usize, sdp: &str) {
    let sdp = sdp.to_owned();
    let told = world.tell(side, Message::ParseRemoteSdp { sdp });
    told.expect("it is a description");
}

/// Has side 0 offer and side 1 answer, each as `change` leaves it; returns both.
fn negotiate(world: &mut World, change: impl Fn(String) -> String) -> [String; 2] {
    world.signalling = Signalling::None;
    world.run_for(secs(1));
    let offer = change(describe(world, 0));
    parse(world, 1, &offer);
    let answer = change(describe(world, 1));
    parse(world, 0, &answer);
    [offer, answer]
}

fn is_ready(world: &World) -> bool {
    world.sides.iter().all(|side| side.count("ready 1") > 0)
}

/// Component 2 of a side has ended, nothing has failed, and RTP and RTCP come through component 1.
fn expect_multiplexed(world: &mut World, journals: &[&Journal; 2]) {
    world.run_for(secs(100)); // longer than anything waits for a peer
    for (side, journal) in journals.iter().enumerate() {
        let ended = world.sides[side].told(&["closed", "failed", "disconnected"]);
        let two = world.sides[side].stream.component_ids().count() == 2;
        let expected: &[&str] = if two { &["closed 2"] } else { &[] };
        assert_eq!(ended, expected, "{:#?}", world.sides[side].story());
        assert_eq!(world.sides[side].told(&["refused", "warning"]), [""; 0]);
        assert_eq!(journal.check(), 1, "{:?}", journal.entries());
        for packet in [RTP, RTCP] {
            world.send(side, 1, packet);
            world.run_for(secs(1));
            let received = format!("received 1 {}", String::from_utf8_lossy(packet));
            assert!(world.sides[side ^ 1].has(received.trim()), "{packet:?}");
        }
        if two {
            world.send(side, 2, RTCP);
            assert!(world.sides[side].has("could_not_send 2 the component has ended"));
        }
    }
}

#[test]
fn two_components_become_one() {
    for [first, second] in [[2, 2], [2, 1], [1, 2]] {
        for_each_backend(|backend| {
            let ((a, of_a), (b, of_b)) = (party(first), party(second));
            let mut world = World::pair(backend, &a, &b);
            let [offer, answer] = negotiate(&mut world, |sdp| sdp);
            assert!(offer.contains(MUX) && answer.contains(MUX));
            assert_eq!(
                (
                    offer.contains("a=rtcp:5002 IN IP4 10.0.0.1"),
                    offer.contains(" 2 udp ")
                ),
                (first == 2, first == 2),
                "an offer has both, as the peer may not multiplex: {offer}"
            );
            assert!(
                !answer.contains("a=rtcp:") && !answer.contains(" 2 udp "),
                "{answer}"
            );
            assert_eq!(offer.contains("a=rtcp-mux-only"), first == 1);
            assert!(!answer.contains("a=rtcp-mux-only"), "that is for offers");
            world.until(secs(10), is_ready);
            expect_multiplexed(&mut world, &[&of_a, &of_b]);
        });
    }
}

#[test]
fn components_that_were_ready_say_goodbye() {
    for_each_backend(|backend| {
        let ((a, of_a), (b, of_b)) = (party(2), party(2));
        let mut world = World::pair(backend, &a, &b);
        world.connect();
        negotiate(&mut world, |sdp| sdp);
        world.run_for(secs(1));
        for (side, journal) in [&of_a, &of_b].into_iter().enumerate() {
            assert_eq!(world.sides[side].told(&["sent"]), ["sent 2 ?bye"]);
            let life = ["init", "set_peer", "connection_ready", "close", "destroy"];
            assert_eq!(journal.names(2), life);
        }
        expect_multiplexed(&mut world, &[&of_a, &of_b]);
    });
}

#[test]
fn an_offer_that_comes_while_the_answering_side_starts() {
    for offered in [0, 5, 10, 20, 30, 40, 60, 100] {
        for_each_backend(|backend| {
            let ((a, of_a), (b, of_b)) = (party(2), party(2));
            let mut world = World::pair(backend, &a, &b);
            world.signalling = Signalling::None;
            world.hold(1, "init", secs(1) + ms(10));
            world.run_for(secs(1));
            let offer = describe(&mut world, 0);
            world.run_for(ms(offered));
            parse(&mut world, 1, &offer);
            let told = world.sides[1].count("candidate 2");
            world.run_for(secs(1));
            assert_eq!(world.sides[1].count("candidate 2"), told, "{offered}");
            assert!(world.sides[1].has("gathered"));
            let answer = describe(&mut world, 1);
            parse(&mut world, 0, &answer);
            world.until(secs(10), is_ready);
            expect_multiplexed(&mut world, &[&of_a, &of_b]);
        });
    }
}

#[test]
fn a_slow_start_of_component_2_holds_up_nobody() {
    for_each_backend(|backend| {
        let ((a, of_a), (b, of_b)) = (party(2), party(2));
        let mut world = World::pair(backend, &a, &b);
        world.signalling = Signalling::None;
        world.hold(1, "init", secs(1)); // component 1's
        world.hold(1, "init", secs(30)); // and then component 2's
        world.run_for(secs(2));
        assert_eq!(world.sides[1].told(&["init_data", "credentials"]).len(), 1);
        negotiate(&mut world, |sdp| sdp);
        world.until(secs(5), is_ready);
        expect_multiplexed(&mut world, &[&of_a, &of_b]);
        world.run_for(secs(30));
        assert_eq!(of_b.names(2), ["init", "destroy"]);
    });
}

#[test]
fn what_will_not_be_used_is_not_made() {
    let ((a, _of_a), (b, of_b)) = (party(2), party(2));
    let mut world = World::pair(Backend::immediate(), &a, &b);
    world.signalling = Signalling::None;
    world.hold(1, "init", secs(2));
    world.run_for(secs(1));
    let offer = describe(&mut world, 0);
    parse(&mut world, 1, &offer);
    world.run_for(secs(2));
    let told = world.sides[1].told(&["closed", "init_data", "candidate", "gathered"]);
    assert_eq!(
        told,
        [
            "closed 2",
            "init_data 1 tls-id:x",
            "candidate 1",
            "gathered"
        ]
    );
    assert_eq!(of_b.names(2), [""; 0]);
}

#[test]
fn nothing_of_component_2_is_told_or_taken_afterwards() {
    for_each_backend(|backend| {
        let ((a, of_a), (b, of_b)) = (party(2), party(2));
        let mut world = World::pair(backend, &a, &b);
        let [offer, _] = negotiate(&mut world, |sdp| sdp);
        world.until(secs(10), is_ready);
        let late = offer.lines().find(|line| line.contains(" 2 udp "));
        let candidate = late.expect("it has one").replace("a=", "");
        let late = Message::SetRemoteCandidate {
            candidate,
            component_id: 2,
        };
        world.tell(1, late).expect("it is no fault to be late");
        assert_eq!(world.sides[1].count("remote_candidate 2"), 0);
        let late = "10.0.1.1:6002".parse().expect("an address");
        world.sides[1].stream.add_local_address(2, late);
        for message in [Message::GatherCandidates, Message::RestartStream] {
            world.tell(0, message).expect("it has started");
            let again = negotiate(&mut world, |sdp| sdp);
            for sdp in again {
                assert!(sdp.contains(MUX) && sdp.contains(" 1 udp "), "{sdp}");
                assert!(
                    !sdp.contains(" 2 udp ") && !sdp.contains("a=rtcp:"),
                    "{sdp}"
                );
            }
        }
        assert_eq!(world.sides[0].count("candidate 2"), 1);
        assert_eq!(world.sides[1].count("candidate 2"), 1);
        expect_multiplexed(&mut world, &[&of_a, &of_b]);
    });
}

#[test]
fn a_peer_that_does_not_multiplex_gets_both_components() {
    for_each_backend(|backend| {
        let ((a, of_a), (b, of_b)) = (party(2), party(2));
        let mut world = World::pair(backend, &a, &b);
        let [_, answer] = negotiate(&mut world, |sdp| sdp.replace(MUX, ""));
        assert!(answer.contains("a=rtcp:5002 IN IP4 10.0.1.1"), "{answer}");
        world.connect();
        world.send(0, 2, RTCP);
        world.run_for(secs(100));
        assert_eq!(world.sides[1].count("received 2"), 1);
        for side in &world.sides {
            assert_eq!(side.told(&["closed", "failed", "warning"]), [""; 0]);
        }
        assert_eq!((of_a.check(), of_b.check()), (2, 2));
    });
}

#[test]
fn an_answer_multiplexes_only_where_the_offer_does() {
    let ((a, _of_a), (b, _of_b)) = (party(2), party(2));
    let mut world = World::pair(Backend::immediate(), &a, &b);
    world.signalling = Signalling::None;
    world.run_for(secs(1));
    let offer = describe(&mut world, 0).replace(MUX, "");
    parse(&mut world, 1, &offer);
    assert!(!describe(&mut world, 1).contains(MUX), "RFC 8035");
    // A later offer may.
    parse(&mut world, 1, &format!("{offer}{MUX}"));
    assert!(describe(&mut world, 1).contains(MUX));
    assert_eq!(world.sides[1].told(&["closed"]), ["closed 2"]);
}

#[test]
fn a_peer_with_fewer_components_that_does_not_multiplex_is_told_of() {
    let ((a, of_a), (b, _of_b)) = (party(2), party(1));
    let mut world = World::pair(Backend::immediate(), &a, &b);
    negotiate(&mut world, |sdp| {
        sdp.replace(MUX, "").replace("a=rtcp-mux-only\r\n", "")
    });
    world.run_for(secs(100));
    let failed = "failed 2 ICE failed: in 30 s no check left, with no candidate of the peer's";
    assert_eq!(
        world.sides[0].count(failed),
        1,
        "{:#?}",
        world.sides[0].story()
    );
    assert_eq!(world.sides[0].told(&["ready"]), ["ready 1 keys"]);
    assert_eq!(of_a.check(), 1);
}

#[test]
fn three_components_are_not_rtp_and_rtcp() {
    let ((a, _of_a), (b, _of_b)) = (party(3), party(3));
    let mut world = World::pair(Backend::immediate(), &a, &b);
    let [offer, answer] = negotiate(&mut world, |sdp| format!("{sdp}{MUX}"));
    assert!(
        !offer.replacen(MUX, "", 1).contains(MUX) && !answer.replacen(MUX, "", 1).contains(MUX)
    );
    world.connect();
    assert_eq!(world.sides[0].told(&["closed"]), [""; 0]);
}
