//! What a gatherer asks of whoever holds its connections.

use std::net::SocketAddr;

use crate::ice::RelayTransport;

/// A connection to a relay, of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayId {
    /// The component that it is of.
    pub component_id: u16,
    /// Which of its relays.
    pub number: usize,
}

/// Why a connection to a relay has ended, or why there never was one, in part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayEnd {
    /// The server says no, or nobody is there to be the server.
    Refused(String),
    /// What is wrong may pass: the server was silent or busy, or there is no way to it now.
    Broken(String),
}

impl RelayEnd {
    pub(super) fn cause(&self) -> &str {
        let (Self::Refused(cause) | Self::Broken(cause)) = self;
        cause
    }
}

/// What is to be done with a connection to a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayRequest {
    /// Connect; then say [`relay_opened`](super::Gatherer::relay_opened) or [`relay_closed`](super::Gatherer::relay_closed).
    Open {
        /// The name it has from now on.
        relay: RelayId,
        /// The server's address.
        address: SocketAddr,
        /// How.
        transport: RelayTransport,
        /// Whom the server's certificate must name.
        host: String,
    },
    /// Send: a datagram, or the next bytes of a stream.
    Send {
        /// On this connection.
        relay: RelayId,
        /// What to send.
        contents: Vec<u8>,
    },
    /// Close; nothing is to be said of it any more.
    Close {
        /// This connection.
        relay: RelayId,
    },
}
