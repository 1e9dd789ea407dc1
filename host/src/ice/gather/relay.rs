//! A relay through its ups and downs: connections come and go, and an allocation with each.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::address::{are_alike, can_be_sent_to};
use super::session::{Session, Told};
use super::trouble::Trouble;
use super::{RelayEnd, RelayRequest};
use crate::ice::TurnServer;

/// How long a connection to the server may take.
const CONNECT: Duration = Duration::from_secs(5);
/// A relay that failed at all its addresses is tried again: first after the one, then after twice
/// as long each time, up to the other.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// An allocation that has lived for so long was worth having.
const STEADY: Duration = Duration::from_secs(60);

/// Why a relay cannot be used that nobody is connected to in time.
const NO_CONNECTION: &str = "it cannot be connected to";

/// One server, and the connection to it.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) server: TurnServer,
    /// What its name stands for; the one at `turn` is used.
    addresses: Vec<SocketAddr>,
    turn: usize,
    state: State,
    /// Whom the server has named in its place, which is tried before the server is asked again (RFC 8489 §10).
    alternate: Option<SocketAddr>,
    /// How often it failed since an allocation was [`STEADY`].
    failures: u32,
    /// How many allocations in a row were not.
    fleeting: u32,
    /// Why it cannot be used, if that is known.
    cause: Option<String>,
    /// How many of its addresses in a row have refused.
    refusals: usize,
    /// Whether it has ever relayed.
    has_served: bool,
}

#[derive(Debug)]
enum State {
    /// Its addresses are not known.
    Unknown,
    /// It is opened at that time.
    Pausing(Instant),
    /// Somebody connects, until that time.
    Opening(Instant),
    Running(Box<Running>),
}

/// A connection that stands.
#[derive(Debug)]
struct Running {
    session: Session,
    /// Since when it relays.
    since: Option<Instant>,
    /// What it is known to relay.
    told: Vec<SocketAddr>,
    /// What it relays besides, and when that is told if it still does.
    held: Vec<(Instant, SocketAddr)>,
}

/// What became of a relay.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Connected from `socket`, it relays what comes to `relayed`.
    Up {
        relayed: SocketAddr,
        socket: SocketAddr,
    },
    /// Nothing is relayed from there any more.
    Down { relayed: SocketAddr },
    /// It cannot be used; the reason is a sentence.
    Failed(String),
}

impl Relay {
    pub(super) fn new(server: TurnServer) -> Self {
        Self {
            server,
            addresses: Vec::new(),
            turn: 0,
            state: State::Unknown,
            alternate: None,
            failures: 0,
            fleeting: 0,
            cause: None,
            refusals: 0,
            has_served: false,
        }
    }

    pub(super) fn found(&mut self, now: Instant, addresses: Vec<SocketAddr>) {
        if matches!(self.state, State::Unknown | State::Pausing(_)) {
            self.addresses = addresses;
            self.turn = 0;
            self.again(now);
        }
    }

    /// Tries again at once.
    pub(super) fn again(&mut self, now: Instant) {
        if let State::Unknown | State::Pausing(_) = self.state
            && !self.addresses.is_empty()
        {
            self.state = State::Pausing(now);
        }
    }

    /// The first of several troubles in a row is told.
    pub(super) fn fail(&mut self, cause: &str) -> Option<Change> {
        let is_new = self.cause.replace(cause.to_owned()).is_none();
        let trouble = self.trouble().filter(|_| is_new);
        trouble.map(|it| Change::Failed(it.to_string()))
    }

    /// Whether it works or is known not to.
    pub(super) fn is_settled(&self) -> bool {
        let works = matches!(&self.state, State::Running(running) if !running.told.is_empty());
        works || self.cause.is_some()
    }

    /// Whether nothing is to be expected of it: its name is not known, or each of its addresses has refused.
    pub(super) fn is_refused(&self) -> bool {
        self.cause.is_some() && !self.has_served && self.refusals >= self.addresses.len()
    }

    /// What is wrong with it; that it does not relay so far is wrong, too.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let so_far = match &self.state {
            State::Opening(_) => Some(NO_CONNECTION.to_owned()),
            State::Running(running) if running.since.is_none() => Some(running.session.cause()),
            State::Unknown | State::Pausing(_) | State::Running(_) => None,
        };
        Some(Trouble {
            server: format!("{} over {}", self.server, self.server.transport),
            cause: self.cause.clone().or(so_far)?,
        })
    }

    pub(super) fn session(&mut self) -> Option<&mut Session> {
        match &mut self.state {
            State::Running(running) => Some(&mut running.session),
            _ => None,
        }
    }

    pub(super) fn relays(&self, address: SocketAddr) -> bool {
        matches!(&self.state, State::Running(running) if running.session.relays(address))
    }

    pub(super) fn opened(&mut self, now: Instant, local: SocketAddr) {
        if let State::Opening(_) = self.state {
            let session = Session::new(now, &self.server, local, self.address());
            self.state = State::Running(Box::new(Running {
                session,
                since: None,
                told: Vec::new(),
                held: Vec::new(),
            }));
            self.handle_timeout(now);
        }
    }

    /// Where it is tried now.
    fn address(&self) -> SocketAddr {
        self.alternate.unwrap_or(self.addresses[self.turn])
    }

    /// The connection has ended, or there never was one.
    pub(super) fn closed(&mut self, now: Instant, end: &RelayEnd, changes: &mut Vec<Change>) {
        match &mut self.state {
            State::Opening(_) => {}
            State::Running(running) => {
                let downs = running.told.drain(..);
                changes.extend(downs.map(|relayed| Change::Down { relayed }));
                match running.since.map(|since| now.duration_since(since)) {
                    Some(lived) if lived >= STEADY => (self.failures, self.fleeting) = (0, 0),
                    Some(_) => self.fleeting += 1,
                    None => {}
                }
            }
            State::Unknown | State::Pausing(_) => return,
        }
        self.refusals = match end {
            RelayEnd::Refused(_) => self.refusals + 1,
            RelayEnd::Broken(_) => 0,
        };
        self.alternate = None;
        self.turn = (self.turn + 1) % self.addresses.len();
        let all_failed = self.turn == 0;
        let pause = if all_failed {
            self.pause()
        } else {
            Duration::ZERO
        };
        if all_failed {
            changes.extend(self.fail(end.cause()));
        }
        self.state = State::Pausing(now + pause);
    }

    fn pause(&mut self) -> Duration {
        self.failures += 1;
        growing(self.failures)
    }

    /// It relays what comes to `relayed`. After fleeting allocations one has to last before it is told: else the peer
    /// would get candidate after candidate of it, and have no room for others.
    fn allocated(&mut self, now: Instant, relayed: SocketAddr, changes: &mut Vec<Change>) {
        let fleeting = self.fleeting;
        self.has_served = true;
        let State::Running(running) = &mut self.state else {
            return;
        };
        running.since = Some(now);
        match fleeting {
            // A server may have been started anew.
            0 | 1 => self.tell(relayed, changes),
            _ => running.held.push((now + growing(fleeting - 1), relayed)),
        }
    }

    fn tell(&mut self, relayed: SocketAddr, changes: &mut Vec<Change>) {
        if let State::Running(running) = &mut self.state {
            running.told.push(relayed);
            let socket = running.session.local();
            self.cause = None;
            changes.push(Change::Up { relayed, socket });
        }
    }

    /// The server says to ask another one. That is done once, and only where a server of its kind can be.
    fn redirected(&mut self, now: Instant, to: SocketAddr, changes: &mut Vec<Change>) {
        if self.alternate.is_some() {
            let cause = "the server it sends us to sends us on".to_owned();
            self.closed(now, &RelayEnd::Refused(cause), changes);
        } else if !are_alike(self.address(), to) || !can_be_sent_to(to) {
            let cause =
                format!("it sends us to {to}, which is another kind of address than its own");
            self.closed(now, &RelayEnd::Refused(cause), changes);
        } else {
            self.alternate = Some(to);
            self.state = State::Pausing(now);
        }
    }

    /// Gives the allocation back, and opens no more. Returns what is left to send.
    pub(super) fn close(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let last = self.session().map(|session| {
            session.close(now);
            std::iter::from_fn(|| session.poll_outgoing()).collect()
        });
        self.addresses.clear();
        self.state = State::Unknown;
        last.unwrap_or_default()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(session) = self.session() {
            session.handle_timeout(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Pausing(at) | State::Opening(at) => Some(*at),
            State::Running(running) => {
                let held = running.held.iter().map(|(at, _)| *at);
                held.chain(running.session.poll_timeout()).min()
            }
            State::Unknown => None,
        }
    }

    /// What is due, in the order it happened: changes go to `changes`.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        relay: super::RelayId,
        changes: &mut Vec<Change>,
    ) -> Option<RelayRequest> {
        match &mut self.state {
            State::Pausing(at) if *at <= now => {
                self.state = State::Opening(now + CONNECT);
                Some(RelayRequest::Open {
                    relay,
                    address: self.address(),
                    transport: self.server.transport,
                    host: self.server.host.clone(),
                })
            }
            State::Opening(until) if *until <= now => {
                let end = RelayEnd::Broken(NO_CONNECTION.to_owned());
                self.closed(now, &end, changes);
                Some(RelayRequest::Close { relay })
            }
            State::Running(running) => {
                if let Some(contents) = running.session.poll_outgoing() {
                    return Some(RelayRequest::Send { relay, contents });
                }
                let Some(told) = running.session.poll_told() else {
                    let due = running.held.pop_if(|(at, _)| *at <= now);
                    if let Some((_, relayed)) = due {
                        self.tell(relayed, changes);
                    }
                    return None;
                };
                match told {
                    Told::Allocated(relayed) => {
                        self.allocated(now, relayed, changes);
                        return self.poll(now, relay, changes);
                    }
                    Told::Ended(end) => self.closed(now, &end, changes),
                    Told::Elsewhere(to) => self.redirected(now, to, changes),
                }
                Some(RelayRequest::Close { relay })
            }
            _ => None,
        }
    }
}

/// What is waited for after so many failures.
fn growing(failures: u32) -> Duration {
    let times = 2_u32.saturating_pow(failures.saturating_sub(1).min(8));
    (FIRST_PAUSE * times).min(MAX_PAUSE)
}
