//! A controlling peer that nominates one pair after another, or several at a time.

use is::stun::StunMessage;

use super::super::nomination::Nominations;
use super::*;

/// The path that the core prefers, and the other.
const HIGH: usize = 0;
const LOW: usize = 1;

/// A controlled agent, and a peer that does as the test says; it answers on every path that lives.
struct Scene {
    now: Instant,
    agent: Agent,
    peer: Credentials,
    /// As the agent has them.
    paths: [Pair; 2],
    dead: Option<usize>,
    selected: Vec<(Instant, Pair)>,
}

impl Scene {
    /// Both paths have been checked, and the higher one is in use and settled.
    fn new(lite: bool, nominates: [bool; 2]) -> Self {
        fastrand::seed(1);
        let now = Instant::now();
        let mut config = Config::new(1, false, 1);
        config.lite = lite;
        let mut agent = Agent::new(config, Credentials::generate(), now);
        let paths = [("10.0.0.2:2", "10.0.0.1:1"), ("10.1.0.2:2", "10.1.0.1:1")]
            .map(|(local, remote)| Pair::udp(addr(local), addr(remote)));
        for pair in paths {
            agent.add_local_host(pair.local).expect("a usable address");
        }
        let peer = Credentials::generate();
        agent.set_remote_credentials(peer.clone());
        let mut scene = Self {
            now,
            agent,
            peer,
            paths,
            dead: None,
            selected: Vec::new(),
        };
        scene.checks(secs(8), nominates);
        assert_eq!(scene.agent.selected_pair(), Some(scene.paths[HIGH]));
        scene.selected.clear();
        scene
    }

    /// The peer checks a path.
    fn check(&mut self, path: usize, nominates: bool) {
        if self.dead == Some(path) {
            return;
        }
        let to = self.agent.local_credentials().clone();
        let priority = [2_130_706_431, 1_862_270_975][path];
        let check = limits::request(&to, &self.peer, to.pwd(), (true, priority), nominates);
        assert!(
            self.agent
                .handle_stun(self.now, self.paths[path], Datagram::new(&check))
        );
        self.exchange();
    }

    /// The peer checks both every other second, and nominates these.
    fn checks(&mut self, span: Duration, nominates: [bool; 2]) {
        let end = self.now + span;
        while self.now < end {
            for path in [HIGH, LOW] {
                self.check(path, nominates[path]);
            }
            self.pass(secs(2));
        }
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.agent.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.agent.handle_timeout(self.now);
            self.exchange();
        }
        self.now = end;
    }

    fn exchange(&mut self) {
        while let Some(sent) = self.agent.poll_transmit() {
            let pair = sent.pair();
            let is_dead = self.dead.is_some_and(|path| self.paths[path] == pair);
            let message = StunMessage::parse(&sent.contents).expect("it sends STUN");
            if message.is_binding_request() && self.paths.contains(&pair) && !is_dead {
                let answer = StunMessage::binding_reply(message.trans_id(), pair.local);
                let answer = limits::write(answer, self.peer.pwd());
                self.agent
                    .handle_stun(self.now, pair, Datagram::new(&answer));
            }
        }
        while let Some(event) = self.agent.poll_event() {
            if let Event::Selected(pair) = event {
                self.selected.push((self.now, pair));
            }
        }
    }

    /// The paths selected since, and how long the first of them took.
    fn moves(&self, since: Instant) -> (Vec<usize>, Duration) {
        let path = |of: &Pair| self.paths.iter().position(|pair| pair == of);
        let moves = self.selected.iter();
        let paths = moves.map(|(_, pair)| path(pair).expect("one of the two"));
        let took = self
            .selected
            .first()
            .map_or(Duration::MAX, |(at, _)| *at - since);
        (paths.collect(), took)
    }
}

#[test]
fn a_peer_that_nominates_another_pair_is_followed() {
    for lite in [false, true] {
        let mut scene = Scene::new(lite, [true, false]);
        let changed = scene.now;
        scene.checks(secs(60), [false, true]);
        let (paths, took) = scene.moves(changed);
        assert_eq!(paths, [LOW], "lite {lite}");
        assert!(took <= secs(4), "{took:?}");
        let back = scene.now;
        scene.selected.clear();
        scene.checks(secs(60), [true, false]);
        let (paths, took) = scene.moves(back);
        assert_eq!(paths, [HIGH], "lite {lite}");
        assert!(took <= secs(4), "{took:?}");
    }
}

#[test]
fn a_peer_that_nominates_once_is_followed_at_once() {
    for lite in [false, true] {
        let mut scene = Scene::new(lite, [true, false]);
        scene.checks(secs(20), [false, false]);
        assert_eq!(scene.selected, [], "it has not nominated another");
        let changed = scene.now;
        scene.check(LOW, true);
        assert_eq!(scene.moves(changed), (vec![LOW], secs(0)), "lite {lite}");
        scene.checks(secs(60), [false, false]);
        assert_eq!(scene.selected.len(), 1, "lite {lite}");
    }
}

#[test]
fn a_peer_that_checks_the_old_pair_no_more_is_followed_whether_it_answers_there_or_not() {
    for (lite, dead) in [(false, None), (false, Some(HIGH)), (true, None)] {
        let mut scene = Scene::new(lite, [true, false]);
        let left = scene.now;
        scene.dead = dead;
        for _ in 0..30 {
            scene.check(LOW, true);
            scene.pass(secs(2));
        }
        let (paths, took) = scene.moves(left);
        assert_eq!(paths, [LOW], "lite {lite}, dead {dead:?}");
        assert!(took <= secs(10), "{took:?}");
    }
}

#[test]
fn a_peer_that_nominates_every_pair_means_the_highest() {
    for lite in [false, true] {
        let mut scene = Scene::new(lite, [true, true]);
        scene.checks(secs(600), [true, true]);
        assert_eq!(scene.selected, [], "lite {lite}");
        // A check of the highest pair is lost.
        scene.pass(secs(2));
        for _ in 0..2 {
            scene.check(LOW, true);
            scene.pass(secs(1));
        }
        scene.checks(secs(60), [true, true]);
        assert_eq!(scene.selected, [], "lite {lite}");
    }
}

#[test]
fn a_peer_that_nominates_every_pair_gets_the_highest_back_after_a_silence_there() {
    for lite in [false, true] {
        let mut scene = Scene::new(lite, [true, true]);
        let start = scene.now;
        for _ in 0..4 {
            scene.check(LOW, true);
            scene.pass(secs(2));
        }
        scene.checks(secs(60), [true, true]);
        assert_eq!(scene.moves(start).0, [LOW, HIGH], "lite {lite}");
    }
}

#[test]
fn what_a_peer_nominated_before_it_settled_is_not_a_move() {
    for lite in [false, true] {
        let mut scene = Scene::new(lite, [true, true]);
        // As libnice: it concludes, and checks the pair in use alone and seldom.
        for _ in 0..10 {
            scene.pass(secs(if lite { 7 } else { 25 }));
            scene.check(HIGH, true);
        }
        assert_eq!(scene.selected, [], "lite {lite}");
    }
}

#[test]
fn a_pair_that_does_not_answer_is_not_moved_to() {
    let mut scene = Scene::new(false, [true, false]);
    let (local, remote) = (scene.paths[HIGH].local, addr("10.0.0.1:9"));
    scene.paths[LOW] = Pair::udp(local, remote);
    scene.dead = Some(LOW);
    let to = scene.agent.local_credentials().clone();
    for _ in 0..10 {
        let check = limits::request(&to, &scene.peer, to.pwd(), (true, 1), true);
        assert!(
            scene
                .agent
                .handle_stun(scene.now, scene.paths[LOW], Datagram::new(&check))
        );
        scene.check(HIGH, false);
        scene.pass(secs(2));
    }
    assert_eq!(scene.selected, []);
    scene.dead = None;
    let answers = scene.now;
    scene.checks(secs(20), [false, false]);
    let (paths, took) = scene.moves(answers);
    assert_eq!(paths, [LOW], "it was nominated, and is valid now");
    assert!(took <= secs(4), "{took:?}");
}

/// Two pairs, the first of which the core selected.
fn two() -> [Pair; 2] {
    [2, 3].map(|port| Pair::udp(addr("10.0.0.2:2"), ([10, 0, 0, 1], port).into()))
}

#[test]
fn a_nomination_that_was_overtaken_is_not_a_move() {
    let ([high, low], start) = (two(), Instant::now());
    let mut nominations = Nominations::new(high, start);
    let mut nominates_low = |after: Duration| {
        let now = start + after;
        nominations.note_answer(now, low);
        nominations.note_request(now, low, true, high);
        nominations.note_request(now, high, false, high);
        nominations.take_move(now)
    };
    assert_eq!(nominates_low(secs(1)), None);
    assert_eq!(nominates_low(secs(6)), Some(low));
}

#[test]
fn a_pair_that_data_has_left_must_answer_again_before_it_is_moved_to() {
    let ([dead, rival], start) = (two(), Instant::now());
    let mut nominations = Nominations::new(dead, start);
    nominations.note_answer(start, dead);
    nominations.leave_for(rival, start + secs(2));
    nominations.note_request(start + secs(3), dead, true, dead);
    assert_eq!(nominations.take_move(start + secs(3)), None);
    nominations.note_answer(start + secs(4), dead);
    assert_eq!(nominations.take_move(start + secs(4)), Some(dead));
}
