//! Mutated copies of real datagrams, thousands at every state of a stream and at both ends of it: no crash, nothing
//! reported that the peer did not send, memory in bounds, and the genuine session goes on.
use crate::{ms, release, secs, withhold_ready};
use handclasp::ice::stun_kind;
use handclasp::stream::{Message, Notification};
use handclasp_tests::{Backend, Event, Flight, Party, Scripted, Side, SrtpKeys, World, plugin};
use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What side 1 is in when both sides are attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting,
    AwaitingPeer,
    NotReady,
    InProgress,
    Finished,
    Restarting,
    Disconnected,
    Closed,
}

const STATES: [State; 8] = [
    State::Starting,
    State::AwaitingPeer,
    State::NotReady,
    State::InProgress,
    State::Finished,
    State::Restarting,
    State::Disconnected,
    State::Closed,
];

/// Mutants for each state, and how many arrive together.
const MUTANTS: usize = 3_000;
const TOGETHER: usize = 30;

/// Most datagrams of this session that are kept to be mutated.
const OVERHEARD: usize = 400;

/// Who shakes hands, and what may be done to it.
#[derive(Clone)]
struct Cast {
    parties: [Party; 2],
    /// Whether it knows its peer's packets from others that come in the peer's name. Before it has finished no
    /// handshake can keep going on in spite of them.
    is_authenticated: bool,
}

fn dtls() -> Cast {
    let party = Party::new(plugin("dtls-srtp"));
    let parties = [party.clone(), party];
    Cast {
        parties,
        is_authenticated: true,
    }
}

fn scripted() -> Cast {
    let greet = Scripted::new()
        .with("PEER")
        .with("CLASSIFY")
        .on("init", &["init_data=a"])
        .on("connection_ready", &["packet=?hello deadline=100"])
        .on("on_deadline", &["packet=?hello deadline=100 again"])
        .on("recv_from_peer", &["finish=keys"]);
    let answer = Scripted::new()
        .with("PEER")
        .with("CLASSIFY")
        .on("init", &["init_data=b"])
        .on(
            "recv_from_peer",
            &["packet=?answer finish=keys", "packet=?answer again"],
        );
    let parties = [greet.party().0, answer.party().0];
    Cast {
        parties,
        is_authenticated: false,
    }
}

type Overheard = Arc<Mutex<VecDeque<Flight>>>;

fn lock(overheard: &Overheard) -> MutexGuard<'_, VecDeque<Flight>> {
    overheard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what is sent from now on, on top of what `drops` does with it.
fn overhear(world: &mut World, overheard: &Overheard) {
    let ears = Arc::clone(overheard);
    let mut drops = std::mem::replace(&mut world.link.drops, Box::new(|_| false));
    world.link.drops = Box::new(move |flight| {
        let mut ears = lock(&ears);
        ears.push_front(flight.clone());
        ears.truncate(OVERHEARD);
        drops(flight)
    });
}

/// All that another session of the same parties sent.
fn rehearse(cast: &Cast) -> Vec<Flight> {
    let mut world = World::pair(Backend::immediate(), &cast.parties[0], &cast.parties[1]);
    let overheard = Overheard::default();
    overhear(&mut world, &overheard);
    world.connect();
    for side in [0, 1] {
        world.send(side, 1, b"\x80another session's");
        world.tell(side, Message::Close).expect("it runs");
    }
    world.run_for(secs(1));
    lock(&overheard).drain(..).collect()
}

struct Scene {
    world: World,
    state: State,
    is_authenticated: bool,
    random: fastrand::Rng,
    rehearsed: Vec<Flight>,
    overheard: Overheard,
    /// What each side's application sent.
    sent: [HashSet<Vec<u8>>; 2],
}

impl Scene {
    /// Comes to the state.
    fn new(state: State, cast: &Cast, rehearsed: Vec<Flight>, seed: u64) -> Self {
        let backend = match seed % 2 {
            0 => Backend::immediate(),
            _ => Backend::delayed(seed, ms(5)),
        };
        let mut world = World::new(seed, backend);
        world.add(&cast.parties[0], &cast.parties[1]);
        match state {
            State::Starting => world.hold(1, "init", secs(4)),
            State::AwaitingPeer => world.tells_init_data = false,
            State::NotReady => withhold_ready(&mut world, 1),
            State::InProgress => {
                let victim = world.sides[1].address(1);
                let is_kept = |flight: &Flight| stun_kind(&flight.contents).is_some();
                world.link.drops = Box::new(move |flight| flight.to == victim && !is_kept(flight));
            }
            _ => {}
        }
        let overheard = Overheard::default();
        overhear(&mut world, &overheard);
        let mut scene = Self {
            world,
            state,
            is_authenticated: cast.is_authenticated,
            random: fastrand::Rng::with_seed(seed),
            rehearsed,
            overheard,
            sent: [HashSet::new(), HashSet::new()],
        };
        scene.arrive();
        scene
    }

    fn arrive(&mut self) {
        let world = &mut self.world;
        match self.state {
            State::Starting => world.run_for(ms(100)),
            State::AwaitingPeer | State::NotReady | State::InProgress => world.run_for(secs(1)),
            _ => world.connect(),
        }
        match self.state {
            State::Restarting => {
                world.signalling_delay = secs(3);
                let restarted = world.tell(1, Message::RestartStream);
                restarted.expect("there is something to restart");
            }
            State::Disconnected => {
                world.link.drops = Box::new(|_| true);
                let is_silent = |side: &Side| side.count("disconnected") > 0;
                world.until(secs(40), |world| world.sides.iter().all(is_silent));
            }
            State::Closed => {
                world.tell(1, Message::Close).expect("it runs");
                world.run_for(ms(100));
            }
            _ => {}
        }
    }

    /// Mutants from everywhere, and both applications talk meanwhile.
    fn attack(&mut self) {
        let mut arrived = 0;
        for round in 0..MUTANTS / TOGETHER {
            for _ in 0..TOGETHER {
                arrived += usize::from(self.send_mutant());
            }
            self.talk(&format!("during the attack {round}"));
            self.world.run_for(ms(20));
        }
        assert!(arrived > MUTANTS * 9 / 10, "{arrived} mutants arrived");
    }

    fn talk(&mut self, about: &str) {
        for side in [0, 1] {
            if self.world.sides[side].stream.route(1, b"\x80").is_ok() {
                let datagram = [b"\x80", about.as_bytes()].concat();
                self.world.send(side, 1, &datagram);
                self.sent[side].insert(datagram);
            }
        }
    }

    /// Returns whether one arrived.
    fn send_mutant(&mut self) -> bool {
        let (victim, original, is_this_session) = self.pick();
        let mutant = self.mutate(&original.contents);
        let is_copy = is_this_session && self.proves(&mutant);
        let peer = self.world.sides[1 - victim].address(1);
        let stranger = SocketAddr::from(([192, 0, 2, 8], self.random.u16(1..100)));
        let from = match self.random.bool() {
            // A check says nowhere whom it is from: a copy proves its sender (RFC 8445, section 19.2). Nothing
            // else comes from there.
            false if is_copy => SocketAddr::from(([192, 0, 2, 7], self.random.u16(1..10))),
            false => stranger,
            true if self.may_come_from_peer(&mutant) => peer,
            true => stranger,
        };
        let may_arrive = from != stranger || !is_copy;
        if may_arrive {
            self.world.inject(victim, 1, from, &mutant);
        }
        may_arrive
    }

    /// A datagram that was sent to one of the sides, in this session or in another.
    fn pick(&mut self) -> (usize, Flight, bool) {
        let overheard = lock(&self.overheard);
        let is_this_session = self.random.u8(0..4) > 0 && !overheard.is_empty();
        let flight = match is_this_session {
            true => overheard[self.random.usize(..overheard.len())].clone(),
            false => self.rehearsed[self.random.usize(..self.rehearsed.len())].clone(),
        };
        let victim = usize::from(flight.to == self.world.sides[1].address(1));
        (victim, flight, is_this_session)
    }

    fn mutate(&mut self, original: &[u8]) -> Vec<u8> {
        let (random, mut mutant) = (&mut self.random, original.to_vec());
        let place = random.usize(..original.len());
        match random.u8(0..7) {
            0 => (0..random.u8(1..4)).for_each(|_| {
                mutant[random.usize(..original.len())] ^= 1 << random.u8(0..8);
            }),
            1 => mutant[place] = random.u8(..),
            2 => mutant.truncate(place),
            3 => mutant.extend((0..random.usize(1..64)).map(|_| random.u8(..))),
            4 => {
                let other = random
                    .choice(&self.rehearsed)
                    .map_or(original, |other| &other.contents);
                mutant.truncate(place);
                mutant.extend(&other[place.min(other.len())..]);
            }
            5 => mutant.extend(original),
            _ => {} // a replay
        }
        mutant
    }

    /// Whether it is an authentic message still: only FINGERPRINT, the last 8 bytes, is not authenticated.
    fn proves(&self, mutant: &[u8]) -> bool {
        let proof = &mutant[..mutant.len().saturating_sub(8)];
        let is_equal =
            |original: &[u8]| original.len() == mutant.len() && original.starts_with(proof);
        stun_kind(mutant).is_some()
            && lock(&self.overheard)
                .iter()
                .any(|flight| is_equal(&flight.contents))
    }

    /// What nobody can tell from the peer's does not come in its name.
    fn may_come_from_peer(&self, mutant: &[u8]) -> bool {
        let is_over = [
            State::Finished,
            State::Restarting,
            State::Disconnected,
            State::Closed,
        ];
        match mutant.first() {
            _ if stun_kind(mutant).is_some() => true,
            Some(20..=63) => self.is_authenticated && is_over.contains(&self.state),
            _ => false,
        }
    }

    /// All is well again: the session completes or continues, and data flows both ways.
    fn recover(&mut self) {
        release(&mut self.world);
        if self.state == State::AwaitingPeer {
            self.tell_init_data();
        }
        self.world.connect();
        self.world.run_for(secs(5));
        let before = [0, 1].map(|side| self.received(side).len());
        for number in 0..10 {
            self.talk(&format!("after the attack {number}"));
            self.world.run_for(ms(20));
        }
        self.world.run_for(secs(1));
        let after = [0, 1].map(|side| self.received(side).len());
        assert_eq!(
            after,
            before.map(|count| count + 10),
            "data flows both ways"
        );
    }

    /// What signalling has not told.
    fn tell_init_data(&mut self) {
        for side in [0, 1] {
            let said = self.world.sides[side]
                .log
                .iter()
                .find_map(|(_, event)| match event {
                    Event::Said(Notification::HandshakeInitData { init_data, .. }) => {
                        Some(init_data.clone())
                    }
                    _ => None,
                });
            let message = Message::SetPeerInitData {
                component_id: 1,
                role: self.world.sides[1 - side].role,
                init_data: said.expect("its init is over"),
                association: None,
            };
            self.world.tell(1 - side, message).expect("it is wanted");
        }
    }

    /// What a side's application was given.
    fn received(&self, side: usize) -> Vec<&Vec<u8>> {
        let given = self.world.sides[side]
            .log
            .iter()
            .filter_map(|(_, event)| match event {
                Event::Received(_, datagram) => Some(datagram),
                _ => None,
            });
        given.collect()
    }

    /// Nothing was reported that the peer did not send, or twice.
    fn check_reports(&self) {
        for side in [0, 1] {
            let mut seen = HashSet::new();
            for datagram in self.received(side) {
                let text = String::from_utf8_lossy(datagram);
                assert!(
                    self.sent[1 - side].contains(datagram),
                    "side {side} got {text:?}"
                );
                assert!(seen.insert(datagram), "side {side} got {text:?} twice");
            }
            let story = &self.world.sides[side];
            assert!(story.count("handshake_data") <= 1 && story.count("ready") <= 1);
            if self.state != State::Closed {
                assert_eq!(story.told(&["failed", "closed", "could_not_send"]), [""; 0]);
            }
        }
        let keys = [0, 1].map(|side| self.world.sides[side].handshake_data(1));
        if let [Some(one), Some(other)] = keys {
            assert!(
                one == other || SrtpKeys::parse(&one) == SrtpKeys::parse(&other).mirrored(),
                "both agree"
            );
        }
    }

    /// Bytes that the streams hold, as text, where each may take four.
    fn held(&self) -> usize {
        let held = |side: &Side| format!("{:?}", side.stream).len();
        self.world.sides.iter().map(held).sum()
    }
}

/// Says with what a test failed.
struct Told(State, u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("it was in state {:?}, with seed {}", self.0, self.1);
        }
    }
}

fn survives(cast: impl Fn() -> Cast, seeds: std::ops::Range<u64>) {
    for (state, seed) in STATES
        .into_iter()
        .flat_map(|state| seeds.clone().map(move |seed| (state, seed)))
    {
        let _told = Told(state, seed);
        let mut scene = Scene::new(state, &cast(), rehearse(&cast()), seed);
        let before = scene.held();
        let story = scene.world.sides[1].log.len();
        scene.attack();
        let grown = scene.held().saturating_sub(before);
        assert!(grown < 400_000, "by {grown} characters");
        match state {
            State::Closed => assert_eq!(scene.world.sides[1].log.len(), story, "it is over"),
            _ => scene.recover(),
        }
        scene.check_reports();
    }
}

#[test]
fn mutants_do_nothing_to_a_scripted_handshake() {
    survives(scripted, 0..10);
}

#[test]
fn mutants_do_nothing_to_dtls() {
    survives(dtls, 0..10);
}
