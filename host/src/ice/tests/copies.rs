//! Copies of the peer's checks: MESSAGE-INTEGRITY says who wrote a check, and neither who sent it nor when.

use super::limits::{check, request, write};
use super::*;
use crate::ice::newcomers::MAX_NEWCOMERS;
use is::stun::StunMessage;

/// A controlled agent that has selected a pair with its peer, which answers on it.
struct Scene {
    now: Instant,
    agent: Agent,
    peer: Credentials,
    pair: Pair,
    /// Where answers come from as well: whoever relays checks to the peer.
    relays: bool,
    sent: Vec<Transmit>,
}

impl Scene {
    fn new() -> Self {
        fastrand::seed(1);
        let now = Instant::now();
        let mut agent = Agent::new(Config::new(1, false, 1), Credentials::generate(), now);
        let pair = Pair::udp(addr("10.0.0.2:2000"), addr("10.0.0.1:1000"));
        agent.add_local_host(pair.local).expect("a usable address");
        let peer = Credentials::generate();
        agent.set_remote_credentials(peer.clone());
        Self {
            now,
            agent,
            peer,
            pair,
            relays: false,
            sent: Vec::new(),
        }
    }

    fn check(&self, nominates: bool) -> Vec<u8> {
        let to = self.agent.local_credentials();
        request(to, &self.peer, to.pwd(), (true, 1_845_501_695), nominates)
    }

    fn hear(&mut self, from: SocketAddr, datagram: &[u8]) -> bool {
        let pair = Pair::udp(self.pair.local, from);
        let heard = self
            .agent
            .handle_stun(self.now, pair, Datagram::new(datagram));
        self.exchange();
        heard
    }

    fn exchange(&mut self) {
        while let Some(sent) = self.agent.poll_transmit() {
            let message = StunMessage::parse(&sent.contents).expect("it sends STUN");
            let answers = self.relays || sent.remote == self.pair.remote;
            if message.is_binding_request() && answers {
                let answer = StunMessage::binding_reply(message.trans_id(), sent.local);
                let answer = write(answer, self.peer.pwd());
                self.agent
                    .handle_stun(self.now, sent.pair(), Datagram::new(&answer));
            }
            self.sent.push(sent);
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

    fn sent_to(&self, remote: SocketAddr) -> usize {
        let sent = self.sent.iter().filter(|sent| sent.remote == remote);
        sent.count()
    }

    fn is_verified(&self, remote: SocketAddr) -> bool {
        self.agent.is_verified(Transport::Udp, remote)
    }
}

fn elsewhere(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], port))
}

#[test]
fn an_address_is_verified_by_its_answer_and_not_by_a_request() {
    let mut scene = Scene::new();
    let check = scene.check(false);
    assert!(scene.hear(elsewhere(1), &check));
    assert!(!scene.is_verified(elsewhere(1)));
    assert!(scene.agent.expects(Transport::Udp, elsewhere(1)));
    assert!(!scene.agent.expects(Transport::Udp, elsewhere(2)));
    scene.relays = true;
    scene.pass(secs(1));
    assert!(scene.is_verified(elsewhere(1)));
}

#[test]
fn a_copy_of_the_check_of_a_verified_address_is_dropped_elsewhere_and_answered_there() {
    let mut scene = Scene::new();
    let check = scene.check(false);
    assert!(scene.hear(scene.pair.remote, &check));
    scene.pass(secs(1));
    assert!(scene.is_verified(scene.pair.remote));
    let sent = scene.sent_to(scene.pair.remote);
    assert!(!scene.hear(elsewhere(1), &check));
    assert_eq!(scene.sent_to(elsewhere(1)), 0);
    assert!(scene.hear(scene.pair.remote, &check), "its answer was lost");
    assert_eq!(scene.sent_to(scene.pair.remote), sent + 1);
}

#[test]
fn a_copy_that_comes_before_the_check_itself_does_not_stand_in_its_way() {
    for copies in [1, 8, 400] {
        let mut scene = Scene::new();
        let check = scene.check(true);
        for port in 1..=copies {
            scene.hear(elsewhere(port), &check);
        }
        scene.hear(scene.pair.remote, &check);
        scene.pass(ms(200));
        let check = scene.check(true);
        scene.hear(scene.pair.remote, &check);
        scene.pass(ms(200));
        assert!(scene.is_verified(scene.pair.remote), "{copies}");
        assert_eq!(scene.agent.selected_pair(), Some(scene.pair), "{copies}");
    }
}

#[test]
fn a_copied_nomination_moves_nothing_though_the_triggered_check_is_relayed() {
    let mut scene = Scene::new();
    let mut nominations = Vec::new();
    let mut ordinary = Vec::new();
    for _ in 0..10 {
        for (nominates, kept) in [(true, &mut nominations), (false, &mut ordinary)] {
            let check = scene.check(nominates);
            scene.hear(scene.pair.remote, &check);
            kept.push(check);
        }
        scene.pass(secs(2));
    }
    let check = scene.check(true);
    scene.hear(scene.pair.remote, &check);
    assert_eq!(scene.agent.selected_pair(), Some(scene.pair));
    scene.relays = true;
    for round in 0..30 {
        // The attacker also says in the peer's name that it nominates its pair no more.
        scene.hear(scene.pair.remote, &ordinary[round % 10]);
        scene.hear(elsewhere(1), &nominations[round % 10]);
        scene.pass(secs(1));
    }
    assert_eq!(scene.agent.selected_pair(), Some(scene.pair));
    assert!(!scene.is_verified(elsewhere(1)));
}

#[test]
fn squatters_are_few_are_given_up_and_leave_their_place_to_a_new_check() {
    let mut scene = Scene::new();
    for port in 1..=400 {
        let check = scene.check(false);
        scene.hear(elsewhere(port), &check);
    }
    let answered = |scene: &Scene| {
        let ports = 1..=400;
        ports
            .filter(|port| scene.sent_to(elsewhere(*port)) > 0)
            .count()
    };
    assert_eq!(answered(&scene), MAX_NEWCOMERS);
    scene.pass(secs(6));
    let sent = scene.sent.len();
    scene.pass(secs(20));
    assert_eq!(scene.sent.len(), sent, "nothing more goes to them");
    // And one that is there still leaves in time for the peer.
    for port in 1..=8 {
        let check = scene.check(false);
        scene.hear(elsewhere(port), &check);
    }
    scene.pass(secs(1));
    let check = scene.check(true);
    scene.hear(scene.pair.remote, &check);
    scene.pass(secs(1));
    assert_eq!(scene.agent.selected_pair(), Some(scene.pair));
}

#[test]
fn a_source_that_was_given_up_may_come_again() {
    let mut scene = Scene::new();
    let peer = scene.pair.remote;
    scene.pair.remote = addr("10.0.0.9:9"); // the peer answers nothing yet
    for _ in 0..3 {
        let check = scene.check(true);
        assert!(scene.hear(peer, &check));
        scene.pass(secs(8));
        assert!(!scene.agent.expects(Transport::Udp, peer));
    }
    scene.pair.remote = peer;
    let check = scene.check(true);
    assert!(scene.hear(peer, &check));
    scene.pass(secs(1));
    assert_eq!(scene.agent.selected_pair(), Some(scene.pair));
}

#[test]
fn requests_beyond_the_budget_are_not_looked_at_and_the_peers_own_are() {
    let mut scene = Scene::new();
    let check_it = scene.check(true);
    scene.hear(scene.pair.remote, &check_it);
    scene.pass(secs(1));
    let to = scene.agent.local_credentials().clone();
    let taken = (0..100_000_u32).filter(|round| {
        let check = match round % 100 {
            0 => check(&to, &scene.peer, to.pwd()),
            _ => check_it.clone(),
        };
        let from = elsewhere(1 + u16::try_from(round % 400).expect("a port"));
        let now = scene.now + Duration::from_micros(10) * *round;
        let pair = Pair::udp(scene.pair.local, from);
        scene.agent.handle_stun(now, pair, Datagram::new(&check))
    });
    let taken = taken.count();
    assert!(taken <= 600, "{taken} within a second");
    scene.now += secs(1);
    let check = scene.check(true);
    assert!(scene.hear(scene.pair.remote, &check));
}
