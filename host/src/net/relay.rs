//! Connections to TURN servers: one for each relay of each component, over UDP, TCP or TLS.
mod datagrams;
mod session;
mod stream;
mod tls;
mod trust;
mod words;

use super::keys::StreamKey;
use super::token::Token;
use crate::ice::{RelayEnd, RelayId, RelayTransport};
use datagrams::Datagrams;
use mio::Registry;
use rustls::ClientConfig;
use slab::Slab;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use stream::Stream;

pub use trust::TrustError;
pub(crate) use trust::client_config;

/// A relay of a stream's.
type Owner = (StreamKey, RelayId);

/// All connections of a loop.
pub(super) struct Relays {
    registry: Registry,
    slab: Slab<(Owner, Connection)>,
    by_owner: BTreeMap<Owner, usize>,
    buffer: Box<[u8]>,
}

enum Connection {
    Datagrams(Datagrams),
    Stream(Box<Stream>),
}

/// What happens to a connection to a relay.
#[derive(Debug)]
pub(super) enum RelayEvent<'a> {
    /// It stands; this is our end.
    Opened(SocketAddr),
    /// A datagram, or the next bytes of a stream.
    Bytes(&'a [u8]),
    /// It has ended.
    Closed(RelayEnd),
}

/// What an error of a connection's comes to.
pub(super) fn end_of(error: &io::Error) -> RelayEnd {
    match error.kind() {
        kind @ ErrorKind::ConnectionRefused => RelayEnd::Refused(kind.to_string()),
        // What this host makes of TLS.
        ErrorKind::Other => RelayEnd::Refused(error.to_string()),
        _ => RelayEnd::Broken(error.to_string()),
    }
}

/// Whom a relay over TLS must be.
pub(super) struct Peer<'a> {
    pub(super) address: SocketAddr,
    pub(super) host: &'a str,
    pub(super) trust: Option<&'a Arc<ClientConfig>>,
}

/// More than any datagram, and several records of TLS.
const BUFFER: usize = 64 * 1024;

impl Relays {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            slab: Slab::new(),
            by_owner: BTreeMap::new(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
        }
    }

    /// Connects; gives this end's address if the connection stands at once.
    ///
    /// # Errors
    /// Why there will be no connection.
    pub(super) fn open(
        &mut self,
        owner: Owner,
        transport: RelayTransport,
        peer: &Peer<'_>,
    ) -> io::Result<Option<SocketAddr>> {
        let entry = self.slab.vacant_entry();
        let token = Token::Relay(entry.key()).into();
        let (connection, local) = match transport {
            RelayTransport::Udp => {
                let (datagrams, local) = Datagrams::open(peer.address, &self.registry, token)?;
                (Connection::Datagrams(datagrams), Some(local))
            }
            RelayTransport::Tcp | RelayTransport::Tls => {
                let session = match transport {
                    RelayTransport::Tls => Some(tls::session(peer)?),
                    _ => None,
                };
                let stream = Stream::open(peer.address, session, &self.registry, token)?;
                (Connection::Stream(Box::new(stream)), None)
            }
        };
        self.by_owner.insert(owner, entry.key());
        entry.insert((owner, connection));
        Ok(local)
    }

    /// Sends a datagram, or the next bytes of a stream: all or, if too many wait, none. Tells whether they leave.
    pub(super) fn send(&mut self, owner: Owner, contents: &[u8]) -> bool {
        let Some(&index) = self.by_owner.get(&owner) else {
            return true; // its end has been told
        };
        match &mut self.slab[index].1 {
            Connection::Datagrams(datagrams) => datagrams.send(contents),
            Connection::Stream(stream) => stream.send(contents),
        }
    }

    pub(super) fn close(&mut self, owner: Owner) {
        if let Some(index) = self.by_owner.remove(&owner) {
            let (_, mut connection) = self.slab.remove(index);
            // Closing takes it out of the registry anyway.
            let _ = match &mut connection {
                Connection::Datagrams(datagrams) => datagrams.deregister(&self.registry),
                Connection::Stream(stream) => stream.deregister(&self.registry),
            };
        }
    }

    /// A stream has ended.
    pub(super) fn close_all_of(&mut self, key: StreamKey) {
        let [first, last] = [(0, 0), (u16::MAX, usize::MAX)].map(|(component_id, number)| {
            let relay = RelayId {
                component_id,
                number,
            };
            (key, relay)
        });
        while let Some((&owner, _)) = self.by_owner.range(first..=last).next() {
            self.close(owner);
        }
    }

    /// There is something to be done with the connection of this index. What happened is given to `tell`; after
    /// [`RelayEvent::Closed`] the connection is gone. Returns whether there may be more.
    pub(super) fn handle_ready(
        &mut self,
        index: usize,
        mut tell: impl FnMut(Owner, RelayEvent<'_>),
    ) -> bool {
        let Some((owner, connection)) = self.slab.get_mut(index) else {
            return false;
        };
        let owner = *owner;
        let tell_owner = |event: RelayEvent<'_>| tell(owner, event);
        let served = match connection {
            Connection::Datagrams(datagrams) => datagrams.receive(&mut self.buffer, tell_owner),
            Connection::Stream(stream) => stream.handle_ready(&mut self.buffer, tell_owner),
        };
        served.unwrap_or_else(|error| {
            self.close(owner);
            tell(owner, RelayEvent::Closed(end_of(&error)));
            false
        })
    }
}
