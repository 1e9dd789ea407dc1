//! Whatever the network brings, at any phase: no crash, nothing of a stranger's reaches a plugin, and memory is
//! bounded.
use crate::{ms, release, secs, withhold_ready};
use handclasp::stream::Message;
use handclasp_tests::{Backend, Flight, Journal, Scripted, World};
use proptest::prelude::*;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// What side 1 is in when it is attacked.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Starting,
    AwaitingPeer,
    InProgress,
    InProgressNotReady,
    Finished,
    Closed,
    Failed,
}

const PHASES: [Phase; 7] = [
    Phase::Starting,
    Phase::AwaitingPeer,
    Phase::InProgress,
    Phase::InProgressNotReady,
    Phase::Finished,
    Phase::Closed,
    Phase::Failed,
];

/// What begins so may reach side 1's plugin; nothing an attacker sends does.
const GENUINE: &str = "?genuine";

struct Scene {
    world: World,
    journal: Journal,
    /// Datagrams that were sent to side 1, for mutation and replay.
    overheard: Vec<Flight>,
}

fn scene(phase: Phase, backend: Backend) -> Scene {
    let script = Scripted::new()
        .with("PEER")
        .with("CLASSIFY")
        .on("init", &["init_data=b"]);
    let script = match phase {
        Phase::Finished => script.on("connection_ready", &["finish=keys"]),
        Phase::Failed => script.on("connection_ready", &["answer=-7"]),
        _ => script,
    };
    let (party, journal) = script.party();
    let (peer, _other) = Scripted::new()
        .on("init", &["init_data=a"])
        .on("connection_ready", &["packet=?genuine deadline=500"])
        .on("on_deadline", &["packet=?genuine deadline=500 again"])
        .party();
    let mut world = World::pair(backend, &peer, &party);
    let overheard = Arc::new(Mutex::new(Vec::new()));
    match phase {
        Phase::Starting => world.hold(1, "init", secs(20)),
        Phase::AwaitingPeer => world.tells_init_data = false,
        Phase::InProgressNotReady => withhold_ready(&mut world, 1),
        _ => {}
    }
    let (victim, ears) = (world.sides[1].address(1), Arc::clone(&overheard));
    let mut drops = std::mem::replace(&mut world.link.drops, Box::new(|_| false));
    world.link.drops = Box::new(move |flight| {
        if flight.to == victim {
            ears.lock()
                .expect("nobody panics with it")
                .push(flight.clone());
        }
        drops(flight)
    });
    world.run_for(secs(3));
    release(&mut world);
    if let Phase::Closed = phase {
        world.tell(1, Message::Close).expect("it runs");
        world.run_for(ms(100));
    }
    let overheard = overheard.lock().expect("nobody panics with it").clone();
    Scene {
        world,
        journal,
        overheard,
    }
}

/// A datagram, given what was overheard.
#[derive(Clone, Debug)]
enum Attack {
    /// Anything, perhaps with a header that leads into a parser.
    Bytes(Vec<u8>),
    /// One that was overheard, with some bytes changed, cut or added.
    Mutant {
        which: prop::sample::Index,
        changes: Vec<(prop::sample::Index, u8)>,
        cut: Option<prop::sample::Index>,
    },
    /// One that was overheard, as it was.
    Replay(prop::sample::Index),
}

impl Attack {
    fn datagram(&self, overheard: &[Flight]) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            _ if overheard.is_empty() => Vec::new(),
            Self::Replay(which) => which.get(overheard).contents.clone(),
            Self::Mutant {
                which,
                changes,
                cut,
            } => {
                let mut contents = which.get(overheard).contents.clone();
                for (place, value) in changes {
                    let place = place.index(contents.len());
                    contents[place] = *value;
                }
                if let Some(cut) = cut {
                    contents.truncate(cut.index(contents.len()));
                }
                contents
            }
        }
    }
}

fn any_attack() -> impl Strategy<Value = Attack> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..1500);
    let index = any::<prop::sample::Index>;
    let stun = (0..2u8, any::<u8>(), bytes()).prop_map(|(class, method, mut rest)| {
        rest.truncate(rest.len() / 4 * 4);
        let len = u16::try_from(rest.len())
            .expect("it is short")
            .to_be_bytes();
        [
            &[class, method, len[0], len[1], 0x21, 0x12, 0xa4, 0x42],
            &[7; 12][..],
            &rest,
        ]
        .concat()
    });
    let dtls = bytes().prop_map(|rest| [&[22, 254, 253][..], &rest].concat());
    prop_oneof![
        prop_oneof![bytes(), stun, dtls].prop_map(Attack::Bytes),
        (
            index(),
            proptest::collection::vec((index(), any::<u8>()), 1..6),
            proptest::option::of(index())
        )
            .prop_map(|(which, changes, cut)| Attack::Mutant {
                which,
                changes,
                cut
            }),
        index().prop_map(Attack::Replay),
    ]
}

/// From a stranger, or in the name of the peer or of the victim itself.
fn sources(world: &World) -> [SocketAddr; 4] {
    let (peer, own) = (world.sides[0].address(1), world.sides[1].address(1));
    [
        ([192, 0, 2, 7], 7).into(),
        SocketAddr::new(peer.ip(), 9),
        peer,
        own,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_datagram_is_a_crash_and_no_strangers_reaches_the_plugin(
        phase in proptest::sample::select(PHASES.as_slice()),
        seed in any::<u64>(),
        delayed in any::<bool>(),
        attacks in proptest::collection::vec((any_attack(), 0..4usize, 0..300u64), 1..60),
    ) {
        let backend = match delayed {
            true => Backend::delayed(seed, ms(10)),
            false => Backend::immediate(),
        };
        let Scene { mut world, journal, overheard } = scene(phase, backend);
        for (attack, from, pause) in &attacks {
            let from = sources(&world)[*from];
            let datagram = attack.datagram(&overheard);
            let is_stun = handclasp::ice::stun_kind(&datagram).is_some();
            // In the peer's name anything else is the peer's: its address is all that tells whose data is.
            if from != world.sides[0].address(1) || is_stun {
                world.inject(1, 1, from, &datagram);
            }
            world.run_for(ms(*pause));
        }
        for (call, about) in journal.entries().into_iter().map(|entry| (entry.call, entry.about)) {
            prop_assert!(call != "recv_from_peer" || about.starts_with(GENUINE), "{}", about);
        }
        for line in world.sides[1].told(&["received"]) {
            prop_assert!(line.starts_with("received 1 ?genuine"), "{}", line);
        }
        journal.check();
        if let Phase::InProgress | Phase::Finished = phase {
            prop_assert_eq!(world.sides[1].count("failed"), 0);
        }
    }

    #[test]
    fn in_the_peers_name_anything_is_data_and_no_crash(
        phase in proptest::sample::select(PHASES.as_slice()),
        attacks in proptest::collection::vec((any_attack(), 0..300u64), 1..60),
    ) {
        let Scene { mut world, journal, overheard } = scene(phase, Backend::delayed(1, ms(10)));
        for (attack, pause) in &attacks {
            let from = world.sides[0].address(1);
            world.inject(1, 1, from, &attack.datagram(&overheard));
            world.run_for(ms(*pause));
        }
        journal.check();
        let silent = journal.entries().iter().all(|entry| !entry.about.is_empty() || entry.call != "recv_from_peer");
        prop_assert!(silent, "no datagram a plugin gets is empty");
    }
}

#[test]
fn a_flood_leaves_nothing_behind() {
    // All that a stream holds, as text.
    let held = |world: &World| format!("{:?}", world.sides[1].stream).len();
    let mut most_waiting = 0;
    for phase in PHASES {
        let Scene {
            mut world,
            overheard,
            ..
        } = scene(phase, Backend::immediate());
        let check = overheard.iter().find(|flight| flight.contents[0] == 0);
        let before = held(&world);
        for round in 0..5_000_u32 {
            let stranger = SocketAddr::from((round.to_be_bytes(), 9));
            for from in [stranger, world.sides[0].address(1)] {
                world.inject(1, 1, from, &[b'?'; 1200]);
                if let Some(check) = check {
                    world.inject(1, 1, from, &check.contents);
                }
            }
        }
        // Written as text, a byte takes four.
        let grown = held(&world).saturating_sub(before);
        assert!(grown < 400_000, "{phase:?}: by {grown} characters");
        let stream = format!("{:?}", world.sides[1].stream);
        most_waiting = most_waiting.max(stream.matches("Datagram(").count());
    }
    assert_eq!(most_waiting, 8, "datagrams wait for a plugin");
}
