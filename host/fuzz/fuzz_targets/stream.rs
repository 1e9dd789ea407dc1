//! A whole stream in virtual time, with a plugin that does what it is told: datagrams that were tampered with,
//! whatever signalling says, and calls that complete late.
#![no_main]
use arbitrary::Arbitrary;
use handclasp::plugin::Role;
use handclasp::stream::Message;
use handclasp_fuzz::Tamper;
use handclasp_tests::{Backend, Flight, Scripted, World};
use libfuzzer_sys::fuzz_target;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[derive(Arbitrary, Debug)]
struct Story<'a> {
    plugin: Kind,
    /// Up to so many milliseconds for each half of a call's way; at once if `None`.
    delay: Option<u8>,
    steps: Vec<Step<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Kind {
    FinishesOnReady,
    FinishesOnPacket,
    NeverFinishes,
    Fails,
}

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    /// Hundredths of a second.
    Pass(u8),
    /// Whether everything is lost from now on.
    Lose(bool),
    Send(bool),
    Bytes(u8, &'a [u8]),
    Tampered(u8, u8, Tamper),
    Says(Word<'a>),
}

#[derive(Arbitrary, Debug)]
enum Word<'a> {
    Credentials(&'a str, Option<u64>),
    Candidate(u16, &'a str),
    InitData(u16, bool, &'a [u8], Option<u64>),
    Sdp(&'a str),
    /// A session description of another stream's, changed.
    Foreign(Tamper),
    LocalSdp,
    Gather,
    Gathered,
    Restart,
    Listen(u16),
    Close,
    Stop,
}

const FOREIGN: &[u8] = include_bytes!("../seeds/sdp/handclasp");
/// Most overheard datagrams to tamper with.
const OVERHEARD: usize = 64;

type Overheard = Arc<Mutex<VecDeque<Flight>>>;

fuzz_target!(|story: Story<'_>| {
    let (mut world, overheard) = world(&story);
    let count = story.steps.len();
    for step in story.steps {
        take(&mut world, &overheard, step);
    }
    lose(&mut world, &overheard, false);
    world.run_for(Duration::from_secs(2));
    let held = format!("{:?}", world.sides[1].stream).len();
    assert!(
        held < (1 << 20) + 10_000 * count,
        "it holds {held} characters"
    );
});

fn world(story: &Story<'_>) -> (World, Overheard) {
    let script = Scripted::new()
        .with("PEER")
        .with("CLASSIFY")
        .on("init", &["init_data=b"]);
    let script = match story.plugin {
        Kind::FinishesOnReady => script.on("connection_ready", &["packet=?last finish=keys"]),
        Kind::FinishesOnPacket => script.on("recv_from_peer", &["packet=?last finish=keys"]),
        Kind::NeverFinishes => script.on("recv_from_peer", &["echo deadline=100 again"]),
        Kind::Fails => script.on("recv_from_peer", &["echo", "answer=-7"]),
    };
    let (party, _) = script.on("close", &["packet=?bye"]).party();
    let peer = Scripted::new()
        .on("init", &["init_data=a"])
        .on(
            "connection_ready",
            &["packet=?hello deadline=200 finish=keys"],
        )
        .on("on_deadline", &["packet=?hello deadline=200 again"]);
    let backend = match story.delay {
        Some(millis) => Backend::delayed(1, Duration::from_millis(millis.into())),
        None => Backend::immediate(),
    };
    let mut world = World::pair(backend, &peer.party().0, &party);
    let overheard = Overheard::default();
    lose(&mut world, &overheard, false);
    (world, overheard)
}

/// Listens to what is sent to side 1, and loses it if `all`.
fn lose(world: &mut World, overheard: &Overheard, all: bool) {
    let (victim, ears) = (world.sides[1].address(1), Arc::clone(overheard));
    world.link.drops = Box::new(move |flight| {
        if flight.to == victim {
            let mut ears = ears.lock().unwrap_or_else(PoisonError::into_inner);
            ears.push_front(flight.clone());
            ears.truncate(OVERHEARD);
        }
        all
    });
}

fn take(world: &mut World, overheard: &Overheard, step: Step<'_>) {
    match step {
        Step::Pass(hundredths) => world.run_for(Duration::from_millis(10) * hundredths.into()),
        Step::Lose(all) => lose(world, overheard, all),
        Step::Send(side) => world.send(usize::from(side), 1, b"media"),
        Step::Bytes(from, bytes) => world.inject(1, 1, source(world, from), bytes),
        Step::Tampered(which, from, tamper) => {
            let overheard = overheard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let pick = |which: u8| {
                let flight = overheard.get(usize::from(which) % overheard.len().max(1));
                flight
                    .map(|flight| flight.contents.clone())
                    .unwrap_or_default()
            };
            let datagram = tamper.apply(&pick(which), &pick(which.rotate_left(4)));
            world.inject(1, 1, source(world, from), &datagram);
        }
        Step::Says(word) => {
            let _ = world.tell(1, message(word)); // it may refuse
        }
    }
}

/// The peer, the victim itself, or a stranger.
fn source(world: &World, from: u8) -> SocketAddr {
    match from {
        0..128 => world.sides[0].address(1),
        128..144 => world.sides[1].address(1),
        port => SocketAddr::from(([198, 51, 100, 1], port.into())),
    }
}

fn message(word: Word<'_>) -> Message {
    match word {
        Word::Credentials(credentials, generation) => Message::SetRemoteCredentials {
            credentials: credentials.to_owned(),
            generation,
        },
        Word::Candidate(component_id, candidate) => Message::SetRemoteCandidate {
            candidate: candidate.to_owned(),
            component_id,
        },
        Word::InitData(component_id, initiates, init_data, association) => {
            Message::SetPeerInitData {
                component_id,
                role: if initiates {
                    Role::Initiator
                } else {
                    Role::Responder
                },
                init_data: init_data.to_owned(),
                association,
            }
        }
        Word::Sdp(sdp) => Message::ParseRemoteSdp {
            sdp: sdp.to_owned(),
        },
        Word::Foreign(tamper) => Message::ParseRemoteSdp {
            sdp: String::from_utf8_lossy(&tamper.apply(FOREIGN, FOREIGN)).into_owned(),
        },
        Word::LocalSdp => Message::GenerateLocalSdp,
        Word::Gather => Message::GatherCandidates,
        Word::Gathered => Message::PeerCandidateGatheringDone,
        Word::Restart => Message::RestartStream,
        Word::Listen(component_id) => Message::Listen { component_id },
        Word::Close => Message::Close,
        Word::Stop => Message::Stop,
    }
}
