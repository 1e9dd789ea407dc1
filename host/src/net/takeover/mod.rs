//! Ports that pass to another process, while the streams of this one go on.
//!
//! The sockets themselves are passed: one more or one less at a port would change at which of them a datagram arrives (see
//! [`siblings`](super::siblings)). Both processes send by them; at any time only one of them receives. That is the one that
//! has passed them, the *predecessor*: a datagram that its own streams know nothing of goes on to the *successor*, over a
//! link of its own for each event loop. When the predecessor's loop ends, its link does, and the successor's loop receives
//! by itself from then on: so a datagram is received once, and none overtakes another.
#[cfg(unix)]
mod datagram;
#[cfg(not(unix))]
mod nobody;
#[cfg(unix)]
mod passed;
#[cfg(unix)]
mod predecessor;
mod state;
#[cfg(unix)]
mod successor;

#[cfg(not(unix))]
pub(super) use nobody::{Predecessor, Successor};
#[cfg(unix)]
pub(crate) use passed::{Inheritance, PassPorts, PassedSocket};
#[cfg(unix)]
pub use passed::{PassError, PassedPlace, PassedPorts};
#[cfg(unix)]
pub(super) use predecessor::Predecessor;
pub use state::Takeover;
pub(crate) use state::TakeoverState;
#[cfg(unix)]
pub(super) use successor::Successor;

/// What is left to receive from a predecessor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// Nothing for now.
    Drained,
    /// There may be something.
    More,
    /// Nothing any more: the predecessor's loop has ended.
    Ended,
}
