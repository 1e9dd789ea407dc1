//! What to tell a person when no pair was found, or none any more.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::Evidence;

/// Why there is no pair, or none any more. Its `Display` is one sentence: what was tried for how long, and what to do
/// about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// No pair was found in time: [`Evidence::cause`] says what is most likely wrong.
    NoPair(Box<Evidence>),
    /// No relay gives a candidate, and only relays are to be used.
    NoRelay {
        /// What the relays have said.
        refusal: String,
    },
    /// The peer was connected, fell silent, and was not found again.
    Disconnected {
        /// Where it was.
        remote: SocketAddr,
        /// How long it has been silent.
        silent: Duration,
    },
}

impl Failure {
    /// With how many TURN servers this side was to use.
    pub(crate) fn with_turn_servers(mut self, count: usize) -> Self {
        if let Self::NoPair(evidence) = &mut self {
            evidence.turn_servers = count;
        }
        self
    }

    /// Bytes that it takes beside itself and its texts.
    pub(crate) fn boxed(&self) -> usize {
        match self {
            Self::NoPair(_) => size_of::<Evidence>(),
            Self::NoRelay { .. } | Self::Disconnected { .. } => 0,
        }
    }

    pub(crate) fn text(&self) -> Option<&String> {
        match self {
            Self::NoRelay { refusal } => Some(refusal),
            Self::NoPair(_) | Self::Disconnected { .. } => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ICE failed: ")?;
        match self {
            Self::NoPair(evidence) => evidence.fmt(f),
            Self::NoRelay { refusal } => write!(f, "no relayed candidate from {refusal}"),
            Self::Disconnected { remote, silent } => write!(
                f,
                "disconnected from {remote}, no answer for {} s: is the peer running, and its network up?",
                silent.as_secs()
            ),
        }
    }
}

impl std::error::Error for Failure {}
