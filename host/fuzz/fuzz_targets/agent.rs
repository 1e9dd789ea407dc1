//! Two agents that connect, and datagrams that are not theirs: tampered ones, made ones, and such with a valid
//! MESSAGE-INTEGRITY, as only a misbehaving peer can send.
#![no_main]
use arbitrary::Arbitrary;
use handclasp::ice::{Agent, Config, Credentials, Datagram, Event, Pair, Transport};
use handclasp_fuzz::{Made, Tamper, password_of, sign};
use libfuzzer_sys::fuzz_target;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

#[derive(Arbitrary, Debug)]
struct Session<'a> {
    /// Which agent is attacked: the controlling one or the other.
    victim: bool,
    steps: Vec<Step<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    /// Milliseconds.
    Pass(u8),
    /// Eighths of a second in which nothing of the peer's arrives.
    Silence(u8),
    Tampered {
        which: u8,
        tamper: Tamper,
        signed: bool,
        from: u8,
    },
    Made {
        made: Made<'a>,
        signed: bool,
        from: u8,
    },
    Restart(bool),
}

/// Most overheard datagrams to tamper with.
const OVERHEARD: usize = 64;
const DELAY: Duration = Duration::from_millis(5);

struct Flight {
    arrives: Instant,
    to: usize,
    contents: Vec<u8>,
}

struct World {
    agents: [Agent; 2],
    victim: usize,
    now: Instant,
    flying: VecDeque<Flight>,
    /// What was sent to the victim.
    overheard: VecDeque<Vec<u8>>,
    /// All passwords that there ever were.
    passwords: Vec<String>,
    restarts: u8,
}

fuzz_target!(|session: Session<'_>| {
    let mut world = World::new(usize::from(session.victim));
    for step in session.steps {
        match step {
            Step::Pass(millis) => world.run(Duration::from_millis(millis.into()), true),
            Step::Silence(span) => world.run(Duration::from_millis(125) * span.into(), false),
            Step::Tampered {
                which,
                tamper,
                signed,
                from,
            } => {
                let (one, other) = (
                    world.overheard(which),
                    world.overheard(which.rotate_left(4)),
                );
                world.attack(tamper.apply(&one, &other), signed, from);
            }
            Step::Made { made, signed, from } => {
                let transaction = world
                    .overheard(0)
                    .get(8..20)
                    .and_then(|id| id.try_into().ok());
                let ufrag = |agent: &Agent| agent.local_credentials().ufrag().to_owned();
                let [own, peer] = [world.victim, 1 - world.victim].map(|i| ufrag(&world.agents[i]));
                let datagram =
                    made.datagram(transaction.unwrap_or_default(), &format!("{own}:{peer}"));
                world.attack(datagram, signed, from);
            }
            Step::Restart(who) => world.restart(usize::from(who)),
        }
    }
    world.run(Duration::from_secs(1), true);
    let held = format!("{:?}", world.agents[world.victim]).len();
    assert!(held < 1 << 20, "it holds {held} characters");
});

impl World {
    fn new(victim: usize) -> Self {
        fastrand::seed(1); // the ICE core draws from this thread's generator
        let now = Instant::now();
        let agents = [0, 1].map(|index| {
            let config = Config::new(1, index == 0, index as u64);
            Agent::new(config, credentials(index, 0), now)
        });
        let mut world = Self {
            agents,
            victim,
            now,
            flying: VecDeque::new(),
            overheard: VecDeque::new(),
            passwords: Vec::new(),
            restarts: 0,
        };
        for index in [0, 1] {
            let line = world.agents[index]
                .add_local_host(address(index))
                .expect("it is usable");
            let taken = world.agents[1 - index].add_remote_candidate(&line);
            taken.expect("it is a candidate");
        }
        world.introduce();
        world
    }

    /// Tells both agents of each other's credentials.
    fn introduce(&mut self) {
        for index in [0, 1] {
            let credentials = self.agents[index].local_credentials().clone();
            self.passwords.push(credentials.pwd().to_owned());
            self.passwords.dedup();
            self.agents[1 - index].set_remote_credentials(credentials);
        }
    }

    /// Both restart: one by itself, and the other because it hears of it.
    fn restart(&mut self, first: usize) {
        self.restarts = self.restarts.wrapping_add(1);
        for index in [first, 1 - first] {
            self.agents[index].restart(credentials(index, self.restarts));
        }
        self.introduce();
        for index in [0, 1] {
            let lines: Vec<String> = self.agents[index].local_candidates().collect();
            for line in lines {
                let _ = self.agents[1 - index].add_remote_candidate(&line);
            }
        }
        self.drain();
    }

    fn overheard(&self, which: u8) -> Vec<u8> {
        let len = self.overheard.len().max(1);
        self.overheard
            .get(usize::from(which) % len)
            .cloned()
            .unwrap_or_default()
    }

    fn attack(&mut self, mut datagram: Vec<u8>, signed: bool, from: u8) {
        let from = match from {
            0..128 => address(1 - self.victim),
            128..144 => address(self.victim),
            port => SocketAddr::from(([198, 51, 100, 1], port.into())),
        };
        if signed {
            let of_victim = datagram.first().is_none_or(|byte| byte & 1 == 0);
            let whose = if of_victim {
                self.victim
            } else {
                1 - self.victim
            };
            sign(
                &mut datagram,
                self.agents[whose].local_credentials().pwd().as_bytes(),
            );
        }
        let victim = &mut self.agents[self.victim];
        let was_valid = victim.is_verified(Transport::Udp, from);
        let pair = Pair::udp(address(self.victim), from);
        let taken = victim.handle_stun(self.now, pair, Datagram::new(&datagram));
        let is_authentic = password_of(&datagram, &self.passwords).is_some();
        assert!(is_authentic || !taken, "taken without integrity");
        assert!(taken || was_valid || !self.agents[self.victim].is_verified(Transport::Udp, from));
        self.drain();
    }

    fn run(&mut self, span: Duration, delivers: bool) {
        let end = self.now + span;
        let mut turns = 0;
        while let Some(next) = self.next().filter(|next| *next <= end) {
            turns = if next > self.now { 0 } else { turns + 1 };
            assert!(turns < 1000, "time stands still");
            self.now = next.max(self.now);
            for agent in &mut self.agents {
                if agent.poll_timeout().is_some_and(|due| due <= self.now) {
                    agent.handle_timeout(self.now);
                }
            }
            while let Some(flight) = self
                .flying
                .pop_front_if(|flight| flight.arrives <= self.now)
            {
                if delivers {
                    let (to, from) = (address(flight.to), address(1 - flight.to));
                    let pair = Pair::udp(to, from);
                    self.agents[flight.to].handle_stun(
                        self.now,
                        pair,
                        Datagram::new(&flight.contents),
                    );
                }
            }
            self.drain();
        }
        self.now = end;
    }

    fn next(&mut self) -> Option<Instant> {
        let due = self.agents.iter_mut().filter_map(Agent::poll_timeout).min();
        let arrives = self.flying.front().map(|flight| flight.arrives);
        due.into_iter().chain(arrives).min()
    }

    fn drain(&mut self) {
        for index in [0, 1] {
            while let Some(transmit) = self.agents[index].poll_transmit() {
                if transmit.remote != address(1 - index) {
                    continue;
                }
                if index != self.victim {
                    self.overheard.push_front(transmit.contents.clone());
                    self.overheard.truncate(OVERHEARD);
                }
                self.flying.push_back(Flight {
                    arrives: self.now + DELAY,
                    to: 1 - index,
                    contents: transmit.contents,
                });
            }
            while let Some(event) = self.agents[index].poll_event() {
                let Event::Selected(pair) = event else {
                    continue;
                };
                assert_eq!(pair.local, address(index));
            }
        }
    }
}

fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1 + index as u8], 5000))
}

fn credentials(index: usize, generation: u8) -> Credentials {
    let ufrag = format!("ufrag{index}{generation}");
    let pwd = format!("password{index}password{generation:03}password");
    Credentials::new(ufrag, pwd).expect("they are legal")
}
