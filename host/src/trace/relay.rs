use super::contents::Passing;
use super::{Direction, Recorder, Transport};
use crate::ice::{RelayId, RelayTransport};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};

/// Notes what goes between a stream and its relays.
#[derive(Debug)]
pub(crate) struct RelayRecorder {
    recorder: Recorder,
    connections: HashMap<RelayId, Connection>,
}

#[derive(Debug)]
struct Connection {
    local: SocketAddr,
    server: SocketAddr,
    transport: Option<Transport>,
}

/// Until a connection stands.
const UNKNOWN: (Ipv4Addr, u16) = (Ipv4Addr::UNSPECIFIED, 0);

impl RelayRecorder {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            connections: HashMap::new(),
        }
    }

    /// A connection to a server is being made.
    pub(crate) fn opening(&mut self, relay: RelayId, server: SocketAddr, by: RelayTransport) {
        let transport = match by {
            RelayTransport::Udp => None,
            RelayTransport::Tcp => Some(Transport::Tcp),
            RelayTransport::Tls => Some(Transport::Tls),
        };
        let connection = Connection {
            local: UNKNOWN.into(),
            server,
            transport,
        };
        self.connections.insert(relay, connection);
    }

    /// The connection stands.
    pub(crate) fn opened(&mut self, relay: RelayId, local: SocketAddr) {
        if let Some(connection) = self.connections.get_mut(&relay) {
            connection.local = local;
        }
    }

    pub(crate) fn sent(&self, relay: RelayId, bytes: &[u8]) {
        self.passed(relay, Direction::Out, bytes);
    }

    pub(crate) fn received(&self, relay: RelayId, bytes: &[u8]) {
        self.passed(relay, Direction::In, bytes);
    }

    fn passed(&self, relay: RelayId, direction: Direction, bytes: &[u8]) {
        if let Some(connection) = self.connections.get(&relay) {
            self.recorder.passed(&Passing {
                component_id: relay.component_id,
                direction,
                local: connection.local,
                remote: connection.server,
                transport: connection.transport,
                fate: None,
                reason: None,
                waits: None,
                of_application: false,
                bytes,
            });
        }
    }
}
