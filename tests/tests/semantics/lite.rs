//! ICE-lite streams (RFC 8445, section 2.5): what is refused, and that they connect to full ones.
use crate::dtls::{dtls, keys};
use crate::secs;
use handclasp::ice::{Servers, StunKind, Tcp, stun_kind};
use handclasp::stream::{CALL_TIMEOUT, Config, Message, Settings, Stream};
use handclasp_tests::{Backend, Party, Side, Signalling, World, plugin};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

fn full(mut party: Party, controlling: bool) -> Party {
    party.controlling = Some(controlling);
    party
}

fn lite(party: Party) -> Party {
    let mut party = full(party, false);
    party.ice_lite = true;
    party
}

/// Whether a lite stream can be, with this changed; or why not.
fn with(change: impl FnOnce(&mut Config)) -> Result<(), String> {
    let epoch = Instant::now();
    let mut config = Config {
        plugin: Arc::clone(plugin("none").info()),
        options: Arc::default(),
        settings: Settings {
            ice_lite: true,
            ..Settings::default()
        },
        tcp: Tcp::Off,
        call_timeout: CALL_TIMEOUT,
        epoch,
        drop_counter: Arc::default(),
    };
    change(&mut config);
    let stream = Stream::new(epoch, config);
    stream.map(drop).map_err(|refused| refused.to_string())
}

#[test]
fn what_a_lite_side_cannot_do_is_refused_with_what_to_do_instead() {
    let tcp = |tcp| with(|config| config.tcp = tcp);
    let servers = |servers: Servers| with(|config| config.settings.servers = Arc::new(servers));
    let turn = || vec!["turn:alice:secret@192.0.2.1".parse().expect("a server")];
    assert_eq!(tcp(Tcp::Off), Ok(()));
    assert_eq!(tcp(Tcp::Passive), Ok(()));
    let controls = with(|config| config.settings.controlling = true);
    let stun = servers(Servers {
        stun: vec!["stun:192.0.2.1".parse().expect("a server")],
        ..Servers::default()
    });
    let relay = servers(Servers {
        turn: turn(),
        ..Servers::default()
    });
    let relay_only = servers(Servers {
        turn: turn(),
        relay_only: true,
        ..Servers::default()
    });
    for (refused, instead) in [
        (controls, "leave its peer the controlling role"),
        (tcp(Tcp::Active), "let it listen for TCP only"),
        (tcp(Tcp::Both), "let it listen for TCP only"),
        (stun, "leave out its STUN and TURN servers"),
        (relay, "leave out its STUN and TURN servers"),
        (relay_only, "leave out its STUN and TURN servers"),
    ] {
        let reason = refused.expect_err(instead);
        assert!(reason.contains(instead), "{reason}");
    }
}

#[test]
fn a_lite_peer_of_a_lite_side_is_refused_and_nothing_has_changed() {
    let party = lite(Party::new(plugin("none")));
    let mut world = World::new(1, Backend::immediate());
    world.signalling = Signalling::Sdp;
    world.add(&party, &party);
    world.run_for(secs(5));
    let refused = world.sides[1].told(&["refused:"]);
    assert!(
        refused[0].contains("both sides are ICE-lite"),
        "{refused:?}"
    );
    assert_eq!(refused.len(), 1);
    assert_eq!(world.sides[1].told(&["remote_candidate", "sdp"]), [""; 0]);
    // The stream goes on, with a peer that is not.
    let sdp = world.sides[0].description();
    let of_full = sdp.replace("a=ice-lite\r\n", "");
    assert_ne!(sdp, of_full);
    world
        .tell(1, Message::ParseRemoteSdp { sdp: of_full })
        .expect("a full peer is welcome");
    world.run_for(secs(1));
    assert_eq!(world.sides[1].count("remote_candidate 1"), 1);
}

/// Connects a lite stream and a full one, of which the first makes the offer, and has data go both ways.
fn connect(signalling: Signalling, first: &Party, second: &Party) -> World {
    let mut world = World::new(1, Backend::immediate());
    world.signalling = signalling;
    world.add(first, second);
    let lite = usize::from(second.ice_lite);
    let address = world.sides[lite].address(1);
    let (heard, asked) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (has_heard, has_asked) = (Rc::clone(&heard), Rc::clone(&asked));
    world.link.drops = Box::new(move |flight| {
        let is_request = matches!(stun_kind(&flight.contents), Some(StunKind::Request { .. }));
        if flight.to.ip() == address.ip() && is_request {
            has_heard.set(true);
        }
        if flight.from.ip() == address.ip() && is_request {
            assert!(has_heard.get(), "a lite side seeks nobody");
            has_asked.set(true);
        }
        false
    });
    world.connect();
    world.run_for(secs(10));
    for side in [0, 1] {
        world.send(side ^ 1, 1, b"there");
        world.run_for(secs(1));
        let story = world.sides[side].story();
        assert!(world.sides[side].has("received 1 there"), "{story:?}");
    }
    assert!(asked.get(), "a lite side checks who has checked it");
    assert_eq!(
        world.sides[lite ^ 1].told(&["disconnected", "warning"]),
        [""; 0]
    );
    world
}

/// In both orders: the lite side offers, or the full one.
fn connect_both(signalling: Signalling, party: &Party) -> [World; 2] {
    // Who reads a=ice-lite takes the role that nobody has; without SDP it must be given.
    let full = full(party.clone(), signalling == Signalling::Trickle);
    let lite = lite(party.clone());
    [
        connect(signalling, &lite, &full),
        connect(signalling, &full, &lite),
    ]
}

#[test]
fn a_lite_side_and_a_full_one_connect_whichever_offers() {
    for signalling in [Signalling::Sdp, Signalling::Trickle] {
        let party = Party::new(plugin("none")).components(2);
        for world in connect_both(signalling, &party) {
            assert!(world.sides.iter().all(Side::is_ready));
        }
    }
}

#[test]
fn a_lite_side_and_a_full_one_agree_on_keys_whichever_offers() {
    for signalling in [Signalling::Sdp, Signalling::Trickle] {
        for world in connect_both(signalling, &dtls("auto")) {
            let [first, second] = [&world.sides[0], &world.sides[1]];
            assert_eq!(keys(first), keys(second).mirrored());
        }
    }
}
