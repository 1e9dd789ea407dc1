//! What comes over connections, and what becomes of those over which nothing comes.
use super::connection::Connection;
use super::listener::Accepted;
use super::{BUFFER, Connections, MAX_EACH, SWEEP};
use crate::ice::{Datagram, StunKind};
use crate::net::keys::{ComponentKey, ReceivePath};
use crate::net::token::Token;
use std::time::{Duration, Instant};

/// What happens to a connection to a peer.
#[derive(Debug)]
pub(in crate::net) enum ConnectionEvent<'a> {
    /// A datagram has come, for the owner or for the one that it is to be. The answer is whether ICE has found
    /// it authentic.
    Datagram(ReceivePath, Datagram<'a>),
    /// The first datagram of a connection is for nobody, if not for this component, whose listener it is.
    Stray(ReceivePath, &'a [u8]),
    /// The owner's connection has ended.
    Closed(ReceivePath, String),
}

/// Most connections that a listener holds which are nobody's; the oldest leave first.
const MAX_STRANGERS: usize = 64;
/// How long a connection may be nobody's, and how long one may take to stand.
const BEGINNING: Duration = Duration::from_secs(10);
/// How long the owner's may be silent: several checks of ICE's, which both sides send every few seconds over
/// every pair that is of use.
const SILENCE: Duration = Duration::from_secs(20);
/// Longer than any first request of a peer's.
const MAX_FIRST: usize = 1500;
/// Most connections that are accepted, and most reads of one, before others have their turn.
const MAX_ACCEPTED: usize = 32;
const MAX_READS: usize = 4;

/// How far a connection was served.
enum Served {
    /// Nothing is left to be done.
    All,
    /// There may be more.
    Some,
    /// It is to be closed without a word.
    Unwanted,
}

impl Connections {
    /// There is something to be done with the connection of this index. Returns whether there may be more.
    pub(in crate::net) fn handle_ready(
        &mut self,
        now: Instant,
        index: usize,
        mut tell: impl FnMut(ConnectionEvent<'_>) -> bool,
    ) -> bool {
        let Some(connection) = self.slab.get_mut(index) else {
            return false;
        };
        if let Some(cause) = connection.ended.take() {
            self.close(now, index, cause, tell);
            return false;
        }
        match self.serve(now, index, &mut tell) {
            Ok(Served::All) => false,
            Ok(Served::Some) => true,
            Ok(Served::Unwanted) => {
                self.remove(index);
                false
            }
            Err(error) => {
                // What came before the end is settled before the end is told of.
                self.slab[index].ended = Some(error.to_string());
                true
            }
        }
    }

    fn close(
        &mut self,
        now: Instant,
        index: usize,
        cause: String,
        mut tell: impl FnMut(ConnectionEvent<'_>) -> bool,
    ) {
        let Connection {
            owner,
            pair,
            local,
            listener,
            ..
        } = self.slab[index];
        self.remove(index);
        if let Some(component) = owner {
            if listener.is_none() {
                self.pauses.begin(now, (component, pair));
            }
            let path = ReceivePath {
                component,
                pair,
                local,
            };
            tell(ConnectionEvent::Closed(path, cause));
        }
    }

    /// Takes connections that have come to the listener of this index; returns whether there may be more.
    pub(in crate::net) fn accept(&mut self, now: Instant, index: usize) -> bool {
        for _ in 0..MAX_ACCEPTED {
            let Some(listener) = self.listeners.get_mut(index) else {
                return false;
            };
            let (io, pair) = match listener.inner.accept(listener.local) {
                Accepted::Connection(io, pair) => (io, pair),
                Accepted::Gone => continue,
                Accepted::Nothing => {
                    self.has_stuck |= listener.inner.is_stuck;
                    return false;
                }
            };
            let entry = self.slab.vacant_entry();
            let key = entry.key();
            let token = Token::Connection(key).into();
            match Connection::accepted(now, pair, (io, index), &self.registry, token) {
                Ok(connection) => drop(entry.insert(connection)),
                Err(error) => {
                    tracing::debug!("a TCP connection of {pair}: {error}");
                    continue;
                }
            }
            listener.inner.strangers.push_back(key);
            if listener.inner.strangers.len() > MAX_STRANGERS
                && let Some(oldest) = listener.inner.strangers.pop_front()
            {
                self.remove(oldest);
            }
        }
        true
    }

    fn serve(
        &mut self,
        now: Instant,
        index: usize,
        tell: &mut impl FnMut(ConnectionEvent<'_>) -> bool,
    ) -> std::io::Result<Served> {
        let connection = &mut self.slab[index];
        connection.finish()?;
        if !connection.is_connected {
            return Ok(Served::All);
        }
        connection.flush();
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut served = Ok(Served::Some);
        for _ in 0..MAX_READS {
            served = match self.slab[index].read(&mut buffer[..BUFFER]) {
                Ok(Some(length)) => {
                    let taken = self.take(now, index, &buffer[..length], tell);
                    Ok(if taken {
                        Served::Some
                    } else {
                        Served::Unwanted
                    })
                }
                Ok(None) => Ok(Served::All),
                Err(error) => Err(error),
            };
            if !matches!(served, Ok(Served::Some)) {
                break;
            }
        }
        self.buffer = buffer;
        served
    }

    /// Takes what was read; returns whether the connection stays.
    fn take(
        &mut self,
        now: Instant,
        index: usize,
        mut bytes: &[u8],
        tell: &mut impl FnMut(ConnectionEvent<'_>) -> bool,
    ) -> bool {
        loop {
            let connection = &mut self.slab[index];
            let Connection {
                pair, local, owner, ..
            } = *connection;
            let Some(datagram) = connection.deframer.next(&mut bytes) else {
                let waiting = connection.deframer.waiting();
                return owner.is_some() || waiting <= MAX_FIRST;
            };
            if let Some(component) = owner {
                connection.heard = now;
                if !datagram.is_empty() {
                    let path = ReceivePath {
                        component,
                        pair,
                        local,
                    };
                    tell(ConnectionEvent::Datagram(path, Datagram::new(datagram)));
                    self.pauses.end((component, pair));
                }
                continue;
            }
            let Some(listener) = connection.listener.and_then(|l| self.listeners.get_mut(l)) else {
                return false;
            };
            let received = Datagram::new(datagram);
            let kind = received.stun();
            let is_request = matches!(kind, Some(StunKind::Request { .. }));
            let path = |component| ReceivePath {
                component,
                pair,
                local,
            };
            let component = listener.demux.route(now, pair.remote, kind, |_| true);
            let Some(component) = component.filter(|_| is_request) else {
                if let Some(sole) = listener.demux.sole_component() {
                    tell(ConnectionEvent::Stray(path(sole), datagram));
                }
                return false;
            };
            if self.owned.accepted(component) >= MAX_EACH
                || !tell(ConnectionEvent::Datagram(path(component), received))
            {
                return false;
            }
            self.adopt(now, index, component);
        }
    }

    /// The connection has proven to be a component's peer's.
    fn adopt(&mut self, now: Instant, index: usize, component: ComponentKey) {
        let connection = &mut self.slab[index];
        connection.owner = Some(component);
        connection.heard = now;
        let (pair, listener) = (connection.pair, connection.listener);
        self.owned.insert((component, pair), index);
        if let Some(listener) = listener.and_then(|l| self.listeners.get_mut(l)) {
            listener.inner.forget(index);
        }
    }

    /// When to call [`sweep`](Self::sweep).
    pub(in crate::net) fn next_sweep(&self) -> Option<Instant> {
        let is_needed = !self.slab.is_empty() || self.has_stuck;
        self.swept.filter(|_| is_needed).map(|swept| swept + SWEEP)
    }

    /// Closes connections over which nothing comes.
    pub(in crate::net) fn sweep(
        &mut self,
        now: Instant,
        mut tell: impl FnMut(ConnectionEvent<'_>) -> bool,
    ) {
        if now < *self.swept.get_or_insert(now) + SWEEP {
            return;
        }
        self.swept = Some(now);
        if std::mem::take(&mut self.has_stuck) {
            let listeners = self.listeners.iter();
            let stuck = listeners.filter(|(_, listener)| listener.inner.is_stuck);
            for listener in stuck.map(|(index, _)| index).collect::<Vec<_>>() {
                if self.accept(now, listener)
                    && let Some(listener) = self.listeners.get_mut(listener)
                {
                    listener.inner.is_stuck = true; // and again next time
                    self.has_stuck = true;
                }
            }
        }
        let is_silent = |(_, connection): &(usize, &Connection)| {
            let patience = match connection.owner {
                Some(_) if connection.is_connected => SILENCE,
                _ => BEGINNING,
            };
            now >= connection.heard + patience
        };
        let silent = self.slab.iter().filter(is_silent).map(|(index, _)| index);
        for index in silent.collect::<Vec<_>>() {
            self.close(now, index, "nothing comes over it".to_owned(), &mut tell);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::addresses::bind::BindOptions;
    use mio::Poll;
    use std::net::{IpAddr, Ipv4Addr, TcpStream};

    #[test]
    fn others_have_their_turn_before_all_are_accepted() {
        let poll = Poll::new().expect("the system can wait");
        let registry = poll.registry().try_clone().expect("it can be shared");
        let mut connections = Connections::new(registry);
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let listener = connections
            .bind(&BindOptions::default(), 1, here, None)
            .expect("there is a free port");
        // Half of them end before they are accepted.
        let clients: Vec<_> = (0..MAX_ACCEPTED + 2)
            .filter_map(|number| {
                let client = TcpStream::connect(listener.local).expect("it listens");
                (number % 2 == 0).then_some(client)
            })
            .collect();
        let now = Instant::now();
        assert!(connections.accept(now, listener.index), "there are more");
        assert_eq!(connections.slab.len(), MAX_ACCEPTED);
        assert!(!connections.accept(now, listener.index), "there are none");
        assert_eq!(connections.slab.len(), MAX_ACCEPTED + 2);
        drop(clients);
    }
}
