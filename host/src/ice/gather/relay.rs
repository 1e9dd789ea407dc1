//! A relay through its ups and downs: connections come and go, and an allocation with each.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::RelayRequest;
use super::session::{Session, Told};
use super::trouble::Trouble;
use crate::ice::TurnServer;

/// How long a connection to the server may take.
const CONNECT: Duration = Duration::from_secs(5);
/// A relay that failed at all its addresses is tried again: first after the one, then after twice
/// as long each time, up to the other.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

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
    /// How often it failed since it last worked.
    failures: u32,
    /// Why it cannot be used, if that is known.
    cause: Option<String>,
}

#[derive(Debug)]
enum State {
    /// Its addresses are not known.
    Unknown,
    /// It is opened at that time.
    Pausing(Instant),
    /// Somebody connects, until that time.
    Opening(Instant),
    Running(Box<Session>),
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
            failures: 0,
            cause: None,
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
        let works = matches!(&self.state, State::Running(session) if !session.relayed().is_empty());
        works || self.cause.is_some()
    }

    /// What is wrong with it; that it does not relay so far is wrong, too.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let so_far = match &self.state {
            State::Opening(_) => Some(NO_CONNECTION.to_owned()),
            State::Running(session) if session.relayed().is_empty() => Some(session.cause()),
            State::Unknown | State::Pausing(_) | State::Running(_) => None,
        };
        Some(Trouble {
            server: format!("{} over {}", self.server, self.server.transport),
            cause: self.cause.clone().or(so_far)?,
        })
    }

    pub(super) fn session(&mut self) -> Option<&mut Session> {
        match &mut self.state {
            State::Running(session) => Some(session),
            _ => None,
        }
    }

    pub(super) fn relays(&self, address: SocketAddr) -> bool {
        matches!(&self.state, State::Running(session) if session.relays(address))
    }

    pub(super) fn opened(&mut self, now: Instant, local: SocketAddr) {
        if let State::Opening(_) = self.state {
            let server = self.addresses[self.turn];
            let session = Session::new(now, &self.server, local, server);
            self.state = State::Running(Box::new(session));
            self.handle_timeout(now);
        }
    }

    /// The connection has ended, for the reason given in part of a sentence.
    pub(super) fn closed(&mut self, now: Instant, cause: &str, changes: &mut Vec<Change>) {
        if !matches!(self.state, State::Opening(_) | State::Running(_)) {
            return;
        }
        let relayed = self.session().map(|session| session.relayed().to_vec());
        let downs = relayed.into_iter().flatten();
        changes.extend(downs.map(|relayed| Change::Down { relayed }));
        self.turn = (self.turn + 1) % self.addresses.len();
        let all_failed = self.turn == 0;
        let pause = if all_failed {
            self.pause()
        } else {
            Duration::ZERO
        };
        if all_failed {
            changes.extend(self.fail(cause));
        }
        self.state = State::Pausing(now + pause);
    }

    fn pause(&mut self) -> Duration {
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(8));
        self.failures += 1;
        pause.min(MAX_PAUSE)
    }

    /// Gives the allocation back, and opens no more. Returns what is left to send.
    pub(super) fn close(&mut self, now: Instant) -> Option<Vec<u8>> {
        let last = self.session().and_then(|session| {
            session.close(now);
            session.poll_outgoing()
        });
        self.addresses.clear();
        self.state = State::Unknown;
        last
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(session) = self.session() {
            session.handle_timeout(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Pausing(at) | State::Opening(at) => Some(*at),
            State::Running(session) => session.poll_timeout(),
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
                    address: self.addresses[self.turn],
                    transport: self.server.transport,
                    host: self.server.host.clone(),
                })
            }
            State::Opening(until) if *until <= now => {
                self.closed(now, NO_CONNECTION, changes);
                Some(RelayRequest::Close { relay })
            }
            State::Running(session) => {
                if let Some(contents) = session.poll_outgoing() {
                    return Some(RelayRequest::Send { relay, contents });
                }
                let socket = session.local();
                match session.poll_told()? {
                    Told::Allocated(relayed) => {
                        (self.cause, self.failures) = (None, 0);
                        changes.push(Change::Up { relayed, socket });
                        None
                    }
                    Told::Ended(cause) => {
                        self.closed(now, &cause, changes);
                        Some(RelayRequest::Close { relay })
                    }
                }
            }
            _ => None,
        }
    }
}
