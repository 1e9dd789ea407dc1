//! What a component has seen of its peer before it had a pair, and what that means.
//!
//! - `addresses`: the first few of any number;
//! - `scope`: how far an address reaches;
//! - `offer`: the candidates of one side;
//! - `checks`: what was asked and answered, both ways;
//! - `cause`: what is most likely wrong;
//! - `rules`: how that is told from the evidence;
//! - `words`: the sentence.

mod addresses;
mod cause;
mod checks;
mod offer;
mod rules;
mod scope;
mod words;

use std::net::IpAddr;
use std::time::Duration;

pub use addresses::Addresses;
pub use cause::Cause;
pub use checks::{Checks, PeerChecks, Tried};
pub use offer::Offer;
pub use scope::Scope;
pub(super) use scope::are_near;

/// All that is known of a component for which ICE has found no pair: counts and a few addresses, whatever has come.
///
/// Its `Display` is one sentence: what each side offered, what was checked and what answered, the likeliest cause, and
/// what to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// How long was waited for what is missing.
    pub waited: Duration,
    /// Whether this side is lite: it checks only where the peer's checks come from.
    pub lite: bool,
    /// Whether this side was controlling in the end.
    pub controlling: bool,
    /// Whether the peer's credentials have come.
    pub has_credentials: bool,
    /// This side's candidates.
    pub local: Offer,
    /// The peer's.
    pub remote: Offer,
    /// The first address that is announced in the place of this side's own.
    pub announced: Option<IpAddr>,
    /// Whether the candidates of both sides make pairs over UDP.
    pub over_udp: bool,
    /// Whether they make pairs over TCP.
    pub over_tcp: bool,
    /// Whether both sides use one transport, of whatever family the addresses are.
    pub shares_transport: bool,
    /// Whether an address of the peer's seems to be of a network that this side is in.
    pub shares_network: bool,
    /// This side's checks.
    pub checks: Checks,
    /// The peer's.
    pub heard: PeerChecks,
    /// How many TURN servers this side was to use.
    pub turn_servers: usize,
}

impl Evidence {
    /// What is most likely wrong.
    pub fn cause(&self) -> Cause {
        rules::likeliest(self)
    }
}
