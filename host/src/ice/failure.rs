//! What to tell a person when no pair was found, or none any more.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use is::{Candidate, CandidateKind, Protocol};

use super::generation::Generation;
use super::local::Local;
use super::{Transport, tcp};

/// Why there is no pair, or none any more. Its `Display` is one sentence: what was tried for how long, and what to do
/// about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// This side has no candidate.
    NoLocalCandidate,
    /// No relay gives a candidate, and only relays are to be used.
    NoRelay {
        /// What the relays have said.
        refusal: String,
    },
    /// The peer's credentials have not come.
    NoCredentials {
        /// How long they were waited for.
        waited: Duration,
    },
    /// The peer has no candidate that can be used.
    NoRemoteCandidate,
    /// No candidate of one side goes with one of the other's.
    NoCommonTransport {
        /// This side's: `1 candidate (1 host)`.
        local: String,
        /// The peer's.
        remote: String,
    },
    /// The peer has answered no check.
    #[non_exhaustive]
    NoAnswer {
        /// How long it was asked.
        tried: Duration,
        /// This side's candidates: `3 candidates (2 host, 1 srflx)`.
        local: String,
        /// The peer's.
        remote: String,
        /// What was tried: `UDP`, `TCP` or `UDP and TCP`.
        over: &'static str,
        /// Whether a relay was among them.
        has_relay: bool,
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
    /// What an agent has to say that has tried for so long.
    pub(super) fn of(generation: &Generation, tried: Duration) -> Self {
        let remote = Kinds::of_remote(generation.candidates());
        let local = Kinds::of_local(generation.locals());
        if local.total() == 0 {
            return Self::NoLocalCandidate;
        } else if generation.remote().is_none() {
            return Self::NoCredentials { waited: tried };
        } else if remote.total() == 0 {
            return Self::NoRemoteCandidate;
        }
        let has_relay = local.has_relay() || remote.has_relay();
        let (local, remote) = (local.to_string(), remote.to_string());
        match transports(generation) {
            Some(over) => Self::NoAnswer {
                tried,
                local,
                remote,
                over,
                has_relay,
            },
            None => Self::NoCommonTransport { local, remote },
        }
    }

    pub(crate) fn texts(&self) -> [Option<&String>; 2] {
        match self {
            Self::NoRelay { refusal } => [Some(refusal), None],
            Self::NoCommonTransport { local, remote } | Self::NoAnswer { local, remote, .. } => {
                [Some(local), Some(remote)]
            }
            Self::NoLocalCandidate
            | Self::NoCredentials { .. }
            | Self::NoRemoteCandidate
            | Self::Disconnected { .. } => [None, None],
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ICE failed: ")?;
        match self {
            Self::NoLocalCandidate => f.write_str(
                "there is no local candidate, so gather on a network interface that is up, or through a relay that answers",
            ),
            Self::NoRelay { refusal } => write!(f, "no relayed candidate from {refusal}"),
            Self::NoCredentials { waited } => write!(
                f,
                "the peer's credentials have not come within {} s, so look at what carries them here (set_remote_credentials, parse_remote_sdp), or wait longer (init_timeout, ice_timeout)",
                waited.as_secs_f32()
            ),
            Self::NoRemoteCandidate => f.write_str(
                "the peer gave no candidate that can be used, so look at what it signals",
            ),
            Self::NoCommonTransport { local, remote } => write!(
                f,
                "the peer's {remote} and {local} of ours make no pair, so let one side use UDP, or listen for TCP where the other connects"
            ),
            Self::NoAnswer {
                tried,
                local,
                remote,
                over,
                has_relay,
            } => write!(
                f,
                "the peer's {remote} were tried for {} s from {local} of ours and none answered, so see whether a firewall stops {over} between the two sides{}",
                tried.as_secs_f32(),
                if *has_relay { "" } else { ", or offer a relay" }
            ),
            Self::Disconnected { remote, silent } => write!(
                f,
                "disconnected from {remote}, no answer for {} s: is the peer running, and its network up?",
                silent.as_secs()
            ),
        }
    }
}

impl std::error::Error for Failure {}

/// What pairs of candidates there are go over.
fn transports(generation: &Generation) -> Option<&'static str> {
    let goes_over = |protocol| {
        let mut local = generation.locals().iter();
        let mut remote = generation.candidates().iter();
        local.any(|local| local.origin.protocol() == protocol)
            && remote.any(|candidate| candidate.proto() == protocol)
    };
    let over_tcp = goes_over(tcp::ACTIVE) || goes_over(tcp::PASSIVE);
    match (goes_over(Protocol::Udp), over_tcp) {
        (true, true) => Some("UDP and TCP"),
        (true, false) => Some("UDP"),
        (false, true) => Some("TCP"),
        (false, false) => None,
    }
}

/// How many candidates there are of each kind.
struct Kinds([((CandidateKind, Transport), usize); 5]);

impl Kinds {
    fn of_local(locals: &[Local]) -> Self {
        Self::new(locals.iter().map(|local| (local.kind(), local.transport())))
    }

    fn of_remote(candidates: &[Candidate]) -> Self {
        let transport = |candidate: &Candidate| tcp::transport(candidate.proto());
        Self::new(candidates.iter().map(|c| (c.kind(), transport(c))))
    }

    fn new(kinds: impl Iterator<Item = (CandidateKind, Transport)> + Clone) -> Self {
        use CandidateKind::*;
        let of = |kind| (kind, kinds.clone().filter(|k| *k == kind).count());
        let udp = [Host, ServerReflexive, PeerReflexive, Relayed].map(|k| (k, Transport::Udp));
        let [host, reflexive, seen, relayed] = udp;
        // A peer may offer TCP candidates of every kind.
        let over_tcp = kinds
            .clone()
            .filter(|(_, transport)| *transport == Transport::Tcp);
        let tcp = ((Host, Transport::Tcp), over_tcp.count());
        Self([of(host), tcp, of(reflexive), of(seen), of(relayed)])
    }

    fn total(&self) -> usize {
        self.0.iter().map(|(_, count)| count).sum()
    }

    fn has_relay(&self) -> bool {
        self.0
            .iter()
            .any(|kind| matches!(kind, ((CandidateKind::Relayed, _), 1..)))
    }
}

/// Says "3 candidates (2 host, 1 srflx)", and "1 tcp" of those of TCP.
impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = self.0.iter().filter(|(_, count)| *count > 0);
        let kinds: Vec<String> = there
            .map(|((kind, transport), count)| match transport {
                Transport::Udp => format!("{count} {kind}"),
                Transport::Tcp => format!("{count} {transport}"),
            })
            .collect();
        let plural = if self.total() == 1 { "" } else { "s" };
        write!(
            f,
            "{} candidate{plural} ({})",
            self.total(),
            kinds.join(", ")
        )
    }
}
