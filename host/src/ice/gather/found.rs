//! What comes of servers.

use std::net::SocketAddr;

/// What servers have given or taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The socket at `base` looks like that from outside.
    Reflexive {
        /// From outside.
        mapped: SocketAddr,
        /// From inside.
        base: SocketAddr,
    },
    /// A relay sends and receives there for us.
    Relayed {
        /// Its address.
        relayed: SocketAddr,
        /// This end of the connection to it.
        socket: SocketAddr,
    },
    /// It does so no more.
    Gone {
        /// Its address.
        relayed: SocketAddr,
    },
    /// A server cannot be used; a sentence says why.
    Trouble(String),
}

/// A datagram of a peer's that came through a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// The relay's address.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
    /// The datagram.
    pub contents: Vec<u8>,
}
