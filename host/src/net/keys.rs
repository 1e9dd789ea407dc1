//! Which stream and component is meant, and where it has its sockets and listeners.
use crate::ice::Pair;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// A stream by the id that is never reused.
pub(super) type StreamKey = u64;

/// A component of a stream.
pub(super) type ComponentKey = (StreamKey, u16);

/// Who sends a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// ICE of a component, which repeats its checks.
    Ice(ComponentKey),
    /// The handshake of a component.
    Handshake(ComponentKey),
    /// The application, which hears of a failure.
    Application(ComponentKey),
}

/// Streams that ask for the same place share a socket: one port for each address and component.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SocketKey {
    pub(super) address: IpAddr,
    pub(super) port_range: Option<RangeInclusive<u16>>,
    pub(super) component_id: u16,
}

/// A component's use of a socket or a listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    pub(super) component_id: u16,
    /// Among the sockets or the listeners of its loop.
    pub(super) index: usize,
    pub(super) local: SocketAddr,
}

/// Where a component's datagram comes from, as ICE knows it and as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceivePath {
    pub(super) component: ComponentKey,
    pub(super) pair: Pair,
    pub(super) local: SocketAddr,
}

impl ReceivePath {
    /// The pair with this end as it really is.
    pub(super) fn as_it_is(self) -> Pair {
        Pair {
            local: self.local,
            ..self.pair
        }
    }
}
