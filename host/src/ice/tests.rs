//! Two agents, a simulated link between them, and virtual time.

mod answers;
mod connect;
mod copies;
mod hiding;
mod input;
mod limits;
mod nomination;
mod public;
mod recovery;
mod restart;
mod servers;
mod tcp;
mod why;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::*;

/// The link between the two sides of a [`World`].
struct Link {
    latency: Duration,
    /// Up to this much is added at random, which reorders.
    jitter: Duration,
    /// Of each datagram, each way.
    loss: f64,
    duplicates: f64,
    /// Addresses that neither send nor receive any more.
    dead: Vec<SocketAddr>,
    /// An address translator: what is inside, and how it looks from outside.
    translated: Option<(SocketAddr, SocketAddr)>,
    /// Responses of the first address come from the second.
    answers_from: Option<(SocketAddr, SocketAddr)>,
    random: fastrand::Rng,
    connections: Connections,
    /// By arrival and, where two arrive at once, by departure.
    flying: BTreeMap<(Instant, u64), Transmit>,
    sent: u64,
    /// Where to, since a test last cleared it.
    targets: Vec<SocketAddr>,
}

impl Link {
    fn send(&mut self, now: Instant, mut transmit: Transmit) {
        if !self.connections.carry(&mut transmit) {
            return;
        }
        self.sent += 1;
        self.targets.push(transmit.remote);
        if let Some((inside, outside)) = self.translated {
            match (transmit.local == inside, transmit.remote) {
                (true, _) => transmit.local = outside,
                (false, remote) if remote == inside => return,
                (false, remote) if remote == outside => transmit.remote = inside,
                _ => {}
            }
        }
        if let Some((real, shown)) = self.answers_from
            && transmit.local == real
            && let Some(StunKind::Response { .. }) = stun_kind(&transmit.contents)
        {
            transmit.local = shown;
        }
        let ends = [transmit.local, transmit.remote];
        if self.random.f64() < self.loss || ends.iter().any(|end| self.dead.contains(end)) {
            return;
        }
        let copies = 1 + u64::from(self.random.f64() < self.duplicates);
        for copy in 0..copies {
            let arrival = now + self.latency + self.jitter.mul_f64(self.random.f64());
            self.flying
                .insert((arrival, self.sent * 2 + copy), transmit.clone());
        }
    }
}

/// TCP between the two sides, as a network layer would have it.
#[derive(Default)]
struct Connections {
    listeners: Vec<SocketAddr>,
    /// By the pair of who made it: the address that it really has at that end.
    made: HashMap<Pair, SocketAddr>,
}

impl Connections {
    /// Gives a datagram over TCP the addresses that its receiver knows; false if there is no connection for it.
    fn carry(&mut self, transmit: &mut Transmit) -> bool {
        if transmit.transport == Transport::Udp {
            return true;
        }
        let pair = transmit.pair();
        if pair.local.port() == ACTIVE_PORT {
            let port = 40_000 + u16::try_from(self.made.len()).expect("few connections");
            let local = SocketAddr::new(pair.local.ip(), port);
            let is_there = self.listeners.contains(&pair.remote);
            if is_there {
                transmit.local = *self.made.entry(pair).or_insert(local);
            }
            return is_there;
        }
        let mut made = self.made.iter();
        let is_it = |(made, local): &(&Pair, &SocketAddr)| {
            **local == pair.remote && made.remote == pair.local
        };
        let found = made.find(is_it).map(|(made, _)| made.local);
        transmit.remote = found.unwrap_or(transmit.remote);
        found.is_some()
    }
}

/// One side.
struct Side {
    agent: Agent,
    hosts: Vec<SocketAddr>,
    events: Vec<(Instant, Event)>,
    timeouts: u64,
}

impl Side {
    fn new(config: Config, hosts: &[&str], now: Instant) -> Self {
        let hosts: Vec<SocketAddr> = hosts.iter().map(|host| addr(host)).collect();
        let mut agent = Agent::new(config, Credentials::generate(), now);
        for host in &hosts {
            agent.add_local_host(*host).expect("a usable address");
        }
        Self {
            agent,
            hosts,
            events: Vec::new(),
            timeouts: 0,
        }
    }

    fn credentials(&self) -> Credentials {
        self.agent.local_credentials().clone()
    }

    /// Learns the other's credentials and candidates.
    fn meet(&mut self, other: &Side) {
        self.agent.set_remote_credentials(other.credentials());
        for line in other.agent.local_candidates() {
            self.agent.add_remote_candidate(&line).unwrap();
        }
    }

    fn selected(&self) -> Option<(Instant, Pair)> {
        self.events
            .iter()
            .rev()
            .find_map(|(at, event)| match event {
                Event::Selected(pair) => Some((*at, *pair)),
                _ => None,
            })
    }

    fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| is(event)).count()
    }
}

/// Both sides and what is between them.
struct World {
    start: Instant,
    now: Instant,
    a: Side,
    b: Side,
    link: Link,
}

impl World {
    /// `a` is controlling; neither knows of the other yet. The seed decides all
    /// that is random, except credentials, on which nothing depends.
    fn new(seed: u64, hosts_a: &[&str], hosts_b: &[&str]) -> Self {
        fastrand::seed(seed);
        let now = Instant::now();
        Self {
            start: now,
            now,
            a: Side::new(Config::new(1, true, 2), hosts_a, now),
            b: Side::new(Config::new(1, false, 1), hosts_b, now),
            link: Link {
                latency: ms(1),
                jitter: ms(0),
                loss: 0.0,
                duplicates: 0.0,
                dead: Vec::new(),
                translated: None,
                answers_from: None,
                random: fastrand::Rng::with_seed(seed),
                connections: Connections::default(),
                flying: BTreeMap::new(),
                sent: 0,
                targets: Vec::new(),
            },
        }
    }

    /// One host address each, both sides introduced.
    fn introduced(seed: u64) -> Self {
        let mut world = Self::new(seed, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
        world.introduce();
        world
    }

    fn introduce(&mut self) {
        self.a.meet(&self.b);
        self.b.meet(&self.a);
    }

    /// B sits behind an address translator that shows it as the address returned;
    /// both are connected over it.
    fn translated(seed: u64) -> (Self, SocketAddr) {
        let mut world = Self::new(seed, &["10.0.0.1:1000"], &["192.168.0.2:2000"]);
        let outside = addr("10.0.0.2:2999");
        world.link.translated = Some((world.b.hosts[0], outside));
        world.introduce();
        world.connect();
        let remote = world.a.agent.selected_pair().map(|pair| pair.remote);
        assert_eq!(remote, Some(outside));
        (world, outside)
    }

    fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        self.run(end, |_| false);
        self.now = end;
    }

    /// Runs until both sides have selected a pair; panics after 60 s.
    fn connect(&mut self) -> Duration {
        let end = self.now + Duration::from_secs(60);
        self.run(end, |world| {
            world.a.agent.selected_pair().is_some() && world.b.agent.selected_pair().is_some()
        });
        let both = [&self.a, &self.b].map(|side| side.selected().expect("a selected pair").0);
        both[0].max(both[1]) - self.start
    }

    fn run(&mut self, end: Instant, done: impl Fn(&World) -> bool) {
        loop {
            for side in [&mut self.a, &mut self.b] {
                while let Some(transmit) = side.agent.poll_transmit() {
                    self.link.send(self.now, transmit);
                }
                while let Some(event) = side.agent.poll_event() {
                    side.events.push((self.now, event));
                }
            }
            if done(self) {
                return;
            }
            let arrival = self.link.flying.keys().next().map(|key| key.0);
            let timeouts = [&mut self.a, &mut self.b].map(|side| side.agent.poll_timeout());
            let Some(next) = timeouts.into_iter().chain([arrival]).flatten().min() else {
                return;
            };
            if next > end {
                return;
            }
            self.now = self.now.max(next);
            self.deliver();
            for side in [&mut self.a, &mut self.b] {
                if side.agent.poll_timeout().is_some_and(|due| due <= self.now) {
                    side.timeouts += 1;
                    side.agent.handle_timeout(self.now);
                }
            }
        }
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.link.flying.first_entry() {
            if entry.key().0 > self.now {
                return;
            }
            let sent = entry.remove();
            let sides = [&mut self.a, &mut self.b];
            let to = sides
                .into_iter()
                .find(|side| side.hosts.iter().any(|host| is_at(&sent, *host)));
            if let Some(side) = to {
                side.agent.handle_stun(
                    self.now,
                    sent.pair().reverse(),
                    Datagram::new(&sent.contents),
                );
            }
        }
    }
}

/// Whether it goes to a socket at `host`, or to that host over TCP.
fn is_at(sent: &Transmit, host: SocketAddr) -> bool {
    match sent.transport {
        Transport::Udp => sent.remote == host,
        Transport::Tcp => sent.remote.ip() == host.ip(),
    }
}

impl Pair {
    /// As its other end has it.
    fn reverse(self) -> Self {
        Self {
            local: self.remote,
            remote: self.local,
            ..self
        }
    }
}

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
