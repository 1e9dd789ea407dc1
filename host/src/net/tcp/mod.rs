//! TCP connections that carry datagrams between peers (ICE-TCP: RFC 6544, framed as RFC 4571 says).
//!
//! A connection is made when ICE sends the first datagram over its pair, and again after a pause if it ended
//! and ICE still wants it. One that comes to a listener is nobody's until its first frame has proven to be an
//! authentic request to a component; until then little of it is kept, and not for long.
mod connection;
mod listener;
mod owned;
mod pauses;
mod serve;

use super::addresses::bind::BindOptions;
use super::bindings::Bindings;
use super::demux::Directory;
use super::keys::{Binding, ComponentKey, StreamKey};
use super::token::Token;
use crate::ice::{ACTIVE_PORT, Pair};
use connection::Connection;
use listener::Listener;
use mio::Registry;
use owned::Owned;
use pauses::Pauses;
use slab::Slab;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

pub(super) use serve::ConnectionEvent;

/// A component's pair.
type Key = (ComponentKey, Pair);

/// All connections of a loop, and all listeners.
pub(super) struct Connections {
    registry: Registry,
    slab: Slab<Connection>,
    owned: Owned,
    pauses: Pauses,
    listeners: Bindings<Listener>,
    /// Whether the system had no place for a connection to one of them.
    has_stuck: bool,
    buffer: Box<[u8]>,
    /// Those with something to write at the end of a turn.
    unflushed: Vec<usize>,
    /// When they were last looked over for those that say nothing.
    swept: Option<Instant>,
}

/// Several of the longest frames.
const BUFFER: usize = 256 * 1024;
/// Most connections of a component each way: made, and accepted.
const MAX_EACH: usize = 16;
/// Between looks for those that say nothing.
const SWEEP: Duration = Duration::from_secs(1);

/// Why a datagram did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SendError {
    #[error("the TCP connection to the peer is gone")]
    Gone,
    #[error("the TCP connection to the peer is slower than what is sent over it")]
    Full,
}

impl Connections {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            slab: Slab::new(),
            owned: Owned::default(),
            pauses: Pauses::default(),
            listeners: Bindings::new(),
            has_stuck: false,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            unflushed: Vec::new(),
            swept: None,
        }
    }

    /// A listener for a component at `address`, at `port` if that is given and free.
    pub(super) fn bind(
        &mut self,
        bind_options: &BindOptions,
        component_id: u16,
        address: IpAddr,
        port: Option<u16>,
    ) -> io::Result<Binding> {
        let Self {
            registry,
            listeners,
            ..
        } = self;
        listeners.bind(bind_options, component_id, address, |ports, index, _| {
            let listener = bind_options.listen_at(address, port, ports)?;
            let token = Token::Listener(index).into();
            let (listener, local) = Listener::register(listener, registry, token)?;
            Ok((listener, local, Directory::own()))
        })
    }

    /// Requests with these local ufrags are for the component that has this binding.
    pub(super) fn set_ufrags<'a>(
        &mut self,
        binding: Binding,
        stream: StreamKey,
        ufrags: impl Iterator<Item = &'a str>,
    ) {
        self.listeners.set_ufrags(binding, stream, ufrags);
    }

    /// Sends a datagram over the connection of a pair. One that this side is to make is begun if there is none.
    ///
    /// # Errors
    /// It does not leave.
    pub(super) fn send(
        &mut self,
        now: Instant,
        component: ComponentKey,
        pair: Pair,
        datagram: &[u8],
    ) -> Result<(), SendError> {
        let key = (component, pair);
        let index = self
            .owned
            .find(key)
            .or_else(|| self.open(now, key))
            .ok_or(SendError::Gone)?;
        let connection = &mut self.slab[index];
        if !connection.push(datagram) {
            return Err(SendError::Full);
        }
        if connection.is_full() {
            connection.flush();
        } else if self.unflushed.last() != Some(&index) {
            self.unflushed.push(index);
        }
        Ok(())
    }

    /// Writes what waits to be sent together.
    pub(super) fn flush(&mut self) {
        for index in self.unflushed.drain(..) {
            if let Some(connection) = self.slab.get_mut(index) {
                connection.flush();
            }
        }
    }

    fn open(&mut self, now: Instant, key: Key) -> Option<usize> {
        let (component, pair) = key;
        if pair.local.port() != ACTIVE_PORT || !self.pauses.is_over(now, key) {
            return None;
        }
        if self.owned.made(component) >= MAX_EACH {
            self.pauses.begin(now, key);
            return None;
        }
        let entry = self.slab.vacant_entry();
        let index = entry.key();
        let token = Token::Connection(index).into();
        match Connection::open(now, pair, component, &self.registry, token) {
            Ok(connection) => {
                entry.insert(connection);
                self.owned.insert(key, index);
                Some(index)
            }
            Err(error) => {
                tracing::debug!("a TCP connection of {pair}: {error}");
                self.pauses.begin(now, key);
                None
            }
        }
    }

    /// A pair with the port that its connection really has at this end.
    pub(super) fn as_it_is(&self, component: ComponentKey, pair: Pair) -> Pair {
        let index = self.owned.find((component, pair));
        match index.map(|index| self.slab[index].local) {
            Some(local) => Pair { local, ..pair },
            None => pair,
        }
    }

    /// A stream leaves a listener, which closes after the last one, and with it what came there and is nobody's.
    pub(super) fn release(&mut self, binding: Binding, stream: StreamKey) {
        if !self.listeners.leave(binding, stream) {
            return;
        }
        let mut listener = self.listeners.remove(binding.index);
        // Closing takes it out of the registry anyway.
        let _ = listener.deregister(&self.registry);
        for index in listener.strangers {
            self.remove(index);
        }
    }

    /// A component has ended.
    pub(super) fn close_all_of(&mut self, component: ComponentKey) {
        self.flush(); // its last words
        for index in self.owned.of(component) {
            self.remove(index);
        }
        self.pauses.forget(component);
    }

    fn remove(&mut self, index: usize) {
        let mut connection = self.slab.remove(index);
        connection.deregister(&self.registry);
        match (connection.owner, connection.listener) {
            (Some(component), _) => self.owned.remove(component, index),
            (None, Some(listener)) => {
                if let Some(listener) = self.listeners.get_mut(listener) {
                    listener.inner.forget(index);
                }
            }
            (None, None) => {}
        }
    }
}
