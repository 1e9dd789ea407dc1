//! The path belongs to the peer: statement 33. Whoever sees a check can send it again from anywhere, and whoever has
//! the credentials of a stream, such as its peer, can send new ones in anybody's name.
use crate::dtls::dtls;
use crate::{ms, nominates, release, secs};
use handclasp::ice::{StunKind, stun_kind};
use handclasp::stream::{Message, Notification};
use handclasp_tests::{
    Backend, Event, Flight, Party, Scripted, Signalling, World, authentic, for_each_backend, plugin,
};
use is::stun::{StunMessage, TransId};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// The side that is attacked, which does not control, and its peer.
const VICTIM: usize = 1;
const PEER: usize = 0;

/// Which of the [`victims`]: a full one, a lite one.
const KINDS: [usize; 2] = [0, 1];

/// Where the attacker is, or whom it claims to be.
fn elsewhere(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], port))
}

fn is_request(datagram: &[u8]) -> bool {
    matches!(stun_kind(datagram), Some(StunKind::Request { .. }))
}

/// Everything that was sent, as an eavesdropper sees it.
#[derive(Clone, Default)]
struct Ears(Arc<Mutex<Vec<Flight>>>);

impl Ears {
    /// Listens from now on.
    fn on(world: &mut World) -> Self {
        let ears = Self::default();
        let heard = ears.clone();
        let mut drops = std::mem::replace(&mut world.link.drops, Box::new(|_| false));
        world.link.drops = Box::new(move |flight| {
            heard.0.lock().expect("nobody panics").push(flight.clone());
            drops(flight)
        });
        ears
    }

    fn flights(&self) -> Vec<Flight> {
        self.0.lock().expect("nobody panics").clone()
    }

    /// The checks to the victim.
    fn checks(&self, world: &World) -> Vec<Vec<u8>> {
        let to = world.sides[VICTIM].address(1);
        let flights = self.flights().into_iter();
        let checks = flights.filter(|flight| flight.to == to && is_request(&flight.contents));
        checks.map(|flight| flight.contents).collect()
    }

    /// Bytes that went to this machine.
    fn bytes_to(&self, address: SocketAddr) -> usize {
        let flights = self.flights().into_iter();
        let there = flights.filter(|flight| flight.to.ip() == address.ip());
        there.map(|flight| flight.contents.len()).sum()
    }

    /// Datagrams and bytes that went to this address.
    fn to(&self, address: SocketAddr) -> Vec<Flight> {
        let mut flights = self.flights();
        flights.retain(|flight| flight.to == address);
        flights
    }
}

/// Both kinds of victims, with this as their handshake.
fn victims(party: &Party) -> [(Party, Party); 2] {
    let peer = Party {
        controlling: Some(true),
        ..party.clone()
    };
    [false, true].map(|ice_lite| {
        let victim = Party {
            ice_lite,
            controlling: Some(false),
            ..party.clone()
        };
        (peer.clone(), victim)
    })
}

/// What signalling tells of a side.
fn credentials(world: &World, side: usize) -> (String, String) {
    let told = world.sides[side]
        .log
        .iter()
        .find_map(|(_, event)| match event {
            Event::Said(Notification::LocalCredentials { credentials, .. }) => {
                Some(credentials.clone())
            }
            _ => None,
        });
    let told = told.expect("they were told");
    let (ufrag, pwd) = told.split_once(' ').expect("two words");
    (ufrag.to_owned(), pwd.to_owned())
}

/// A new check to the victim, as only its peer can write one.
fn own_check(world: &World, nominates: bool) -> Vec<u8> {
    let [(to, pwd), (from, _)] = [VICTIM, PEER].map(|side| credentials(world, side));
    let username = format!("{to}:{from}");
    let request =
        StunMessage::binding_request(&username, TransId::new(), true, 1, 1_845_501_695, nominates);
    authentic(request, &pwd)
}

/// Answers the victim's checks that went to the attacker since, as the peer to whom they are passed on does.
fn relay(world: &mut World, ears: &Ears, seen: &mut usize) {
    let (_, pwd) = credentials(world, PEER);
    let from = world.sides[VICTIM].address(1);
    let flights = ears.flights();
    for flight in &flights[*seen..] {
        let message = StunMessage::parse(&flight.contents);
        if let (Ok(message), true) = (message, flight.to.ip() == elsewhere(0).ip())
            && message.is_binding_request()
        {
            let answer = StunMessage::binding_reply(message.trans_id(), from);
            world.inject(VICTIM, 1, flight.to, &authentic(answer, &pwd));
        }
    }
    *seen = flights.len();
}

/// Sends from the victim to its peer; returns how many arrive.
fn arrivals(world: &mut World, count: usize, mut meanwhile: impl FnMut(&mut World)) -> usize {
    let before = world.sides[PEER].count("received 1 media");
    for _ in 0..count {
        world.send(VICTIM, 1, b"media");
        world.run_for(ms(20));
        meanwhile(world);
    }
    world.run_for(secs(1));
    world.sides[PEER].count("received 1 media") - before
}

#[test]
fn s33_a_copied_check_opens_the_plugin_to_nobody() {
    for kind in KINDS {
        for_each_backend(|backend| {
            let (party, journal) = Scripted::new().party();
            let (peer, victim) = &victims(&party)[kind];
            let mut world = World::pair(backend, peer, victim);
            let ears = Ears::on(&mut world);
            world.run_for(secs(2));
            let checks = ears.checks(&world);
            assert!(checks.len() > 1, "{kind}");
            for (port, check) in (1..).zip(&checks) {
                world.inject(VICTIM, 1, elsewhere(port), check);
                world.inject(VICTIM, 1, elsewhere(port), b"forged");
                world.run_for(ms(50));
                world.inject(VICTIM, 1, elsewhere(port), b"forged");
            }
            world.run_for(secs(10));
            let calls = journal.calls(1);
            assert!(!calls.iter().any(|call| call.contains("forged")), "{kind}");
        });
    }
}

#[test]
fn s33_a_copied_check_opens_the_application_to_nobody() {
    for kind in KINDS {
        for_each_backend(|backend| {
            let (peer, victim) = &victims(&Party::new(plugin("none")))[kind];
            let mut world = World::pair(backend, peer, victim);
            let ears = Ears::on(&mut world);
            world.connect();
            for (port, check) in (1..).zip(&ears.checks(&world)) {
                world.inject(VICTIM, 1, elsewhere(port), check);
                world.inject(VICTIM, 1, elsewhere(port), b"forged");
            }
            world.run_for(secs(10));
            assert_eq!(world.sides[VICTIM].count("received"), 0, "{kind}");
        });
    }
}

#[test]
fn s33_what_a_peer_sends_whose_ice_is_ahead_is_not_lost() {
    for kind in KINDS {
        for_each_backend(|backend| {
            let (slow, journal) = Scripted::new().party();
            let packets = "packet=one packet=two packet=three";
            let fast = Scripted::new().on("connection_ready", &[packets]);
            let (fast, _other) = fast.party();
            let (peer, _) = &victims(&fast)[kind];
            let (_, victim) = &victims(&slow)[kind];
            let mut world = World::pair(backend, peer, victim);
            // No check of the victim's is answered yet.
            let to = world.sides[VICTIM].address(1);
            world.link.drops =
                Box::new(move |flight| flight.to == to && flight.contents.starts_with(&[1, 1]));
            world.run_for(secs(1));
            assert_eq!(world.sides[PEER].count("selected"), 1);
            assert_eq!(journal.count("recv_from_peer"), 0);
            release(&mut world);
            world.run_for(secs(3));
            let mut received = journal.calls(1);
            received.retain(|call| call.starts_with("recv"));
            let expected = ["one", "two", "three"].map(|packet| format!("recv_from_peer {packet}"));
            assert_eq!(received, expected);
        });
    }
}

#[test]
fn s33_an_address_that_never_answers_gets_at_most_three_bytes_for_each_it_sent() {
    for (party, name) in [(dtls("auto"), "dtls"), (Party::new(plugin("none")), "none")] {
        for (kind, (peer, victim)) in ["full", "lite"].into_iter().zip(victims(&party)) {
            let mut world = World::pair(Backend::immediate(), &peer, &victim);
            // Only the attacker is heard: it is the peer, and sends in another's name.
            let peer = world.sides[PEER].address(1);
            world.link.drops = Box::new(move |flight| flight.from == peer);
            let ears = Ears::on(&mut world);
            world.run_for(ms(500));
            let check = own_check(&world, true);
            world.inject(VICTIM, 1, elsewhere(9), &check);
            world.run_for(secs(60));
            let drawn = ears.bytes_to(elsewhere(9));
            println!(
                "{kind}, {name}: {} bytes drew {drawn}, {:.2} times",
                check.len(),
                drawn as f64 / check.len() as f64
            );
            assert!(drawn > 0, "it is answered, and checked");
            assert!(drawn <= 3 * check.len(), "{kind}, {name}: {drawn}");
            assert_eq!(world.sides[VICTIM].count("selected"), 0);
            // Again and again: the ratio stays.
            let mut sent = check.len();
            for number in 0..500 {
                let check = own_check(&world, number % 2 == 0);
                sent += check.len();
                world.inject(VICTIM, 1, elsewhere(9), &check);
                world.inject(VICTIM, 1, elsewhere(9), &check);
                sent += check.len();
                world.run_for(ms(7));
            }
            world.run_for(secs(60));
            let drawn = ears.bytes_to(elsewhere(9));
            assert!(drawn <= 3 * sent, "{kind}, {name}: {drawn} for {sent}");
        }
    }
}

#[test]
fn s33_copies_of_checks_from_400_ports_take_nothing_of_the_pair_in_use() {
    // Where it is far to the peer, the copies come first.
    for (ports, latency) in [
        (1, ms(1)),
        (1, ms(50)),
        (32, ms(50)),
        (40, ms(1)),
        (400, ms(1)),
    ] {
        for (kind, (peer, victim)) in ["full", "lite"]
            .into_iter()
            .zip(victims(&Party::new(plugin("none"))))
        {
            let mut world = World::pair(Backend::immediate(), &peer, &victim);
            world.link.latency = latency;
            let ears = Ears::on(&mut world);
            world.connect();
            world.run_for(secs(20));
            let checks = ears.checks(&world);
            assert!(checks.iter().any(|check| nominates(check)));
            let mut heard = ears.flights().len();
            // Each check once from each port, all at once, and what they trigger is relayed.
            for port in 0..ports {
                let check = &checks[usize::from(port) % checks.len()];
                world.inject(VICTIM, 1, elsewhere(port + 1), check);
            }
            for port in 0..ports {
                let check = checks.iter().rev().find(|check| nominates(check));
                world.inject(VICTIM, 1, elsewhere(port + 1), check.expect("there is one"));
            }
            let arrived = arrivals(&mut world, 400, |world| relay(world, &ears, &mut heard));
            assert_eq!(arrived, 400, "{kind}, {ports}");
            assert_eq!(world.sides[VICTIM].count("selected"), 1, "{kind}, {ports}");
            // And as they are written, from the same ports, for half a minute.
            let mut copied = ears.checks(&world).len();
            let arrived = arrivals(&mut world, 1500, |world| {
                relay(world, &ears, &mut heard);
                let checks = ears.checks(world);
                for check in &checks[copied..] {
                    for port in 0..ports {
                        world.inject(VICTIM, 1, elsewhere(port + 1), check);
                    }
                }
                copied = checks.len();
            });
            assert_eq!(arrived, 1500, "{kind}, {ports}");
            assert_eq!(world.sides[VICTIM].count("selected"), 1, "{kind}, {ports}");
        }
    }
}

#[test]
fn s33_copied_checks_do_not_keep_a_dead_peers_stream_alive() {
    for (kind, (peer, victim)) in ["full", "lite"]
        .into_iter()
        .zip(victims(&Party::new(plugin("none"))))
    {
        let mut world = World::pair(Backend::immediate(), &peer, &victim);
        let ears = Ears::on(&mut world);
        world.connect();
        world.run_for(secs(10));
        let checks = ears.checks(&world);
        let (address, start) = (world.sides[PEER].address(1), world.elapsed());
        world.link.drops = Box::new(move |flight| flight.from == address);
        for number in 0..14 {
            world.inject(VICTIM, 1, address, &checks[number % checks.len()]);
            world.run_for(secs(5));
        }
        let disconnected = world.sides[VICTIM].when("disconnected");
        let silence = disconnected.expect("it is noticed") - start;
        assert!(silence <= secs(31), "{kind}: {silence:?}");
        assert_eq!(world.sides[VICTIM].count("failed"), 1, "{kind}");
    }
}

#[test]
fn s33_squatters_neither_keep_the_peer_out_nor_a_stream_alive() {
    for (kind, (peer, victim)) in ["full", "lite"]
        .into_iter()
        .zip(victims(&Party::new(plugin("none"))))
    {
        for (comes, count) in [(true, 20), (true, 400), (false, 20)] {
            let mut world = World::pair(Backend::immediate(), &peer, &victim);
            let ears = Ears::on(&mut world);
            let away = Arc::new(Mutex::new(true));
            let (address, is_away) = (world.sides[PEER].address(1), Arc::clone(&away));
            let mut drops = std::mem::replace(&mut world.link.drops, Box::new(|_| false));
            world.link.drops = Box::new(move |flight| {
                let is_away = *is_away.lock().expect("nobody panics");
                drops(flight) || is_away && (flight.from == address || flight.to == address)
            });
            world.run_for(ms(500));
            let began = ears.flights().len();
            for port in 1..=count {
                let check = own_check(&world, true);
                world.inject(VICTIM, 1, elsewhere(port), &check);
            }
            world.run_for(secs(1));
            if comes {
                let start = world.elapsed();
                *away.lock().expect("nobody panics") = false;
                world.connect();
                let took = world.elapsed() - start;
                assert!(took < ms(500), "{kind}, {count}: {took:?}");
                continue;
            }
            world.run_for(secs(30));
            assert_eq!(world.sides[VICTIM].count("failed"), 1, "{kind}");
            let drawn = (1..=count).map(|port| ears.to(elsewhere(port)).len());
            let drawn: usize = drawn.sum();
            assert!(
                drawn <= 3 * usize::from(count),
                "{kind}: {drawn} of {began}"
            );
        }
    }
}

#[test]
fn s33_a_peer_without_candidates_that_never_answers_fails_a_stream_in_its_time() {
    for (kind, (peer, victim)) in ["full", "lite"]
        .into_iter()
        .zip(victims(&Party::new(plugin("none"))))
    {
        let mut world = World::pair(Backend::immediate(), &peer, &victim);
        world.signalling = Signalling::None;
        world.run_for(secs(1));
        let credentials = credentials(&world, PEER);
        let credentials = format!("{} {}", credentials.0, credentials.1);
        world
            .tell(
                VICTIM,
                Message::SetRemoteCredentials {
                    credentials,
                    generation: None,
                },
            )
            .expect("it takes them");
        let check = own_check(&world, true);
        world.inject(VICTIM, 1, elsewhere(1), &check);
        world.run_for(secs(32));
        assert_eq!(world.sides[VICTIM].count("failed"), 1, "{kind}");
    }
}
