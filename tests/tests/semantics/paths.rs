//! Paths that die without a word: statement 34.
use crate::{ms, secs};
use handclasp::ice::stun_kind;
use handclasp_tests::{Backend, Event, Flight, Party, World, plugin};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

const SEEDS: std::ops::Range<u64> = 0..20;

/// What no datagram gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dead {
    Nothing,
    /// A path, by the network that both its ends are in.
    Path(u8),
    /// A path, for what this side sends.
    PathOf(usize, u8),
    Everything,
}

impl Dead {
    fn stops(self, flight: &Flight) -> bool {
        let path = network(flight.from);
        match self {
            Self::Nothing => false,
            Self::Path(dead) => path == dead,
            Self::PathOf(side, dead) => path == dead && octets(flight.from)[2] == side as u8,
            Self::Everything => true,
        }
    }
}

fn octets(address: SocketAddr) -> [u8; 4] {
    match address.ip() {
        std::net::IpAddr::V4(ip) => ip.octets(),
        std::net::IpAddr::V6(_) => panic!("worlds have IPv4"),
    }
}

fn network(address: SocketAddr) -> u8 {
    octets(address)[1]
}

/// Two streams with two paths between them.
struct Scene {
    world: World,
    dead: Rc<Cell<Dead>>,
    /// STUN messages that were sent.
    stun: Rc<Cell<u64>>,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let party = Party {
            two_paths: true,
            ..Party::new(plugin("none"))
        };
        let mut world = World::new(seed, Backend::immediate());
        world.link.jitter = ms(5);
        world.add(&party, &party);
        let (dead, stun) = (Rc::new(Cell::new(Dead::Nothing)), Rc::new(Cell::new(0)));
        let (is_dead, sent) = (Rc::clone(&dead), Rc::clone(&stun));
        world.link.drops = Box::new(move |flight| {
            sent.set(sent.get() + u64::from(stun_kind(&flight.contents).is_some()));
            network(flight.from) != network(flight.to) || is_dead.get().stops(flight)
        });
        Self { world, dead, stun }
    }

    /// Connected for so long that only the selected pair is checked.
    fn settled(seed: u64) -> Self {
        let mut scene = Self::new(seed);
        scene.world.connect();
        scene.world.run_for(secs(40));
        scene
    }

    /// The path that a side's data takes.
    fn path(&self, side: usize) -> Option<u8> {
        let pair = self.world.sides[side].stream.route(1, b"\x80").ok()?;
        Some(network(pair.local))
    }

    /// These sides send every so often.
    fn talk(&mut self, span: Duration, who: &[usize], every: Duration) {
        let end = self.world.elapsed() + span;
        while self.world.elapsed() < end {
            for side in who {
                self.world.send(*side, 1, b"\x80 talk");
            }
            self.world.run_for(every);
        }
    }

    /// How long it takes from now until data of each of these arrives again.
    fn until_heard(&mut self, who: &[usize], every: Duration) -> Duration {
        let died = self.world.elapsed();
        while self.world.elapsed() < died + secs(30) {
            self.talk(every, who, every);
            // What was on its way does not count.
            let heard = who.iter().map(|side| self.heard(side ^ 1, died + ms(20)));
            if let Some(heard) = heard.collect::<Option<Vec<_>>>() {
                return heard.into_iter().max().expect("somebody talks") - died;
            }
        }
        panic!("no data in 30 s");
    }

    fn heard(&self, side: usize, since: Duration) -> Option<Duration> {
        let log = self.world.sides[side].log.iter();
        let mut heard =
            log.filter(|(at, event)| *at >= since && matches!(event, Event::Received(..)));
        heard.next().map(|(at, _)| *at)
    }

    /// How long it takes until data of both sides would go over another path than this.
    fn until_left(&mut self, path: u8) -> Duration {
        let died = self.world.elapsed();
        while self.world.elapsed() < died + secs(30) {
            self.world.run_for(ms(10));
            if [0, 1]
                .iter()
                .all(|side| self.path(*side).is_some_and(|now| now != path))
            {
                return self.world.elapsed() - died;
            }
        }
        panic!("not left in 30 s: {:?}", [0, 1].map(|side| self.path(side)));
    }

    fn selections(&self) -> usize {
        self.world
            .sides
            .iter()
            .map(|side| side.count("selected 1"))
            .sum()
    }

    fn kill_the_path_in_use(&mut self) -> u8 {
        let path = self.path(0).expect("it is connected");
        assert_eq!(self.path(1), Some(path));
        self.dead.set(Dead::Path(path));
        path
    }
}

/// Holds the median and the longest of them to these, and says what they are.
fn hold(what: &str, mut took: Vec<Duration>, median: Duration, longest: Duration) {
    took.sort();
    let (middle, last) = (took[took.len() / 2], took[took.len() - 1]);
    println!("{what}: median {middle:?}, longest {last:?}");
    assert!(middle <= median && last <= longest, "{what}: {took:?}");
}

/// Other phases of what each side does by itself.
fn phase(seed: u64) -> Duration {
    ms(seed * 3000 / SEEDS.end + 7)
}

#[test]
fn s34_a_path_that_dies_under_traffic_is_left_at_once() {
    for every in [ms(5), ms(20), ms(50)] {
        let took = SEEDS.map(|seed| {
            let mut scene = Scene::settled(seed);
            scene.talk(secs(5) + phase(seed), &[0, 1], every);
            let path = scene.kill_the_path_in_use();
            let took = scene.until_heard(&[0, 1], every);
            scene.talk(secs(20), &[0, 1], every);
            assert!([0, 1].iter().all(|side| scene.path(*side) != Some(path)));
            assert_eq!(scene.selections(), 4, "each moves once");
            took
        });
        hold(
            &format!("traffic every {every:?}"),
            took.collect(),
            ms(1100),
            ms(1500),
        );
    }
}

#[test]
fn s34_a_path_that_dies_right_after_traffic_began_is_left_at_once() {
    let took = SEEDS.map(|seed| {
        let mut scene = Scene::settled(seed);
        scene.world.run_for(phase(seed));
        scene.talk(ms(200), &[0, 1], ms(20));
        scene.kill_the_path_in_use();
        scene.until_heard(&[0, 1], ms(20))
    });
    hold("traffic began", took.collect(), ms(1100), ms(1500));
}

#[test]
fn s34_a_path_that_dies_idle_is_left_within_seconds() {
    let took = SEEDS.map(|seed| {
        let mut scene = Scene::settled(seed);
        scene.world.run_for(phase(seed));
        let path = scene.kill_the_path_in_use();
        scene.until_left(path)
    });
    hold("idle", took.collect(), secs(6), secs(8));
}

#[test]
fn s34_a_path_that_dies_under_traffic_one_way_is_left_by_both() {
    for talker in [0, 1] {
        let took = SEEDS.map(|seed| {
            let mut scene = Scene::settled(seed);
            scene.talk(secs(5) + phase(seed), &[talker], ms(20));
            scene.kill_the_path_in_use();
            scene.until_heard(&[talker], ms(20))
        });
        hold(
            &format!("only {talker} talks"),
            took.collect(),
            ms(2000),
            ms(3000),
        );
    }
}

#[test]
fn s34_a_path_that_dies_in_one_direction_is_left_by_both() {
    for deaf in [0, 1] {
        let took = SEEDS.map(|seed| {
            let mut scene = Scene::settled(seed);
            scene.talk(secs(5) + phase(seed), &[0, 1], ms(20));
            let path = scene.path(0).expect("it is connected");
            scene.dead.set(Dead::PathOf(deaf ^ 1, path));
            scene.until_heard(&[0, 1], ms(20))
        });
        hold(
            &format!("{deaf} hears nothing"),
            took.collect(),
            ms(2500),
            ms(3500),
        );
    }
}

#[test]
fn s34_a_path_that_dies_before_or_around_the_nomination_delays_ready_little() {
    let mut whole = Scene::new(1);
    whole.world.connect();
    let path = whole.path(0).expect("it is connected");
    let took = SEEDS.map(|seed| {
        let mut scene = Scene::new(seed);
        scene.world.run_for(ms(45 + 5 * seed)); // the first checks leave after 50 ms
        scene.dead.set(Dead::Path(path));
        scene.until_left(path)
    });
    hold("around the nomination", took.collect(), ms(3000), ms(3500));
}

#[test]
fn s34_what_dies_soon_after_the_nomination_is_left_soon() {
    let took = SEEDS.map(|seed| {
        let mut scene = Scene::new(seed);
        scene.world.connect();
        scene.talk(phase(seed), &[0, 1], ms(20));
        scene.kill_the_path_in_use();
        scene.until_heard(&[0, 1], ms(20))
    });
    hold("after the nomination", took.collect(), ms(1100), ms(1500));
}

#[test]
fn s34_a_path_that_is_left_may_die_again_and_the_first_be_back() {
    let mut scene = Scene::settled(1);
    for _ in 0..60 {
        scene.talk(secs(7), &[0, 1], ms(20));
        scene.kill_the_path_in_use();
        let took = scene.until_heard(&[0, 1], ms(20));
        assert!(took <= ms(1500), "{took:?}");
    }
}

#[test]
fn s34_loss_moves_no_data() {
    for (every, loss) in [(Some(ms(20)), 0.3), (Some(ms(100)), 0.3), (None, 0.3)] {
        let mut moves = 0;
        for seed in SEEDS {
            let mut scene = Scene::settled(seed);
            let before = scene.selections();
            scene.world.link.loss = loss;
            match every {
                Some(every) => scene.talk(secs(100), &[0, 1], every),
                None => scene.world.run_for(secs(300)),
            }
            moves += scene.selections() - before;
        }
        println!("{every:?}, loss {loss}: {moves} selections");
        assert_eq!(moves, 0, "{every:?}, loss {loss}");
    }
}

#[test]
fn s34_an_idle_pair_is_checked_no_more_than_before() {
    let mut scene = Scene::settled(1);
    scene.stun.set(0);
    scene.world.run_for(secs(300));
    // A check each way every three seconds, and its answer.
    assert!(
        (380..=404).contains(&scene.stun.get()),
        "{}",
        scene.stun.get()
    );
}

#[test]
fn s34_a_pause_of_the_peers_costs_a_check_and_moves_no_data() {
    let mut scene = Scene::settled(1);
    let before = scene.selections();
    scene.talk(secs(3), &[0, 1], ms(20));
    scene.stun.set(0);
    scene.world.run_for(secs(60));
    let idle = 84;
    // One more check each way, its answer, and what it puts off.
    assert!(scene.stun.get() <= idle + 8, "{}", scene.stun.get());
    // A peer that talks and pauses: a check or two for each pause.
    scene.stun.set(0);
    for _ in 0..60 {
        scene.talk(ms(300), &[0, 1], ms(20));
        scene.world.run_for(ms(700));
    }
    assert!(scene.stun.get() <= idle + 60 * 8, "{}", scene.stun.get());
    assert_eq!(scene.selections(), before);
}

#[test]
fn s34_who_never_hears_data_sends_without_a_doubt() {
    for talker in [0, 1] {
        let mut scene = Scene::settled(1);
        let before = scene.selections();
        scene.talk(secs(1), &[talker], ms(20));
        scene.stun.set(0);
        scene.talk(secs(300), &[talker], ms(20));
        assert!(scene.stun.get() <= 404, "{}", scene.stun.get());
        assert_eq!(scene.selections(), before);
    }
}

#[test]
fn s34_where_no_path_lives_checks_get_few() {
    let mut scene = Scene::settled(1);
    scene.talk(secs(3), &[0, 1], ms(20));
    scene.dead.set(Dead::Everything);
    scene.stun.set(0);
    scene.world.run_for(secs(8));
    println!("{} checks in 8 s", scene.stun.get());
    assert!(scene.stun.get() <= 600, "{}", scene.stun.get());
}
