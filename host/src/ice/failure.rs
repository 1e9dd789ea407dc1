//! What to tell a person when no pair was found, or none any more.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use is::{Candidate, CandidateKind, Protocol};

use super::generation::Generation;
use super::local::Local;
use super::{Transport, tcp};

/// One sentence: what was tried for how long, and what to do about it.
pub(super) fn explain(generation: &Generation, tried: Duration) -> String {
    let seconds = tried.as_secs_f32();
    let remote = Kinds::of_remote(generation.candidates());
    let local = Kinds::of_local(generation.locals());
    let cause = if local.total() == 0 {
        "there is no local candidate, so gather on a network interface that is up, or through a relay that answers".to_owned()
    } else if generation.remote().is_none() {
        format!(
            "the peer's credentials have not come within {seconds} s, so look at what carries them here (set_remote_credentials, parse_remote_sdp), or wait longer (init_timeout, ice_timeout)"
        )
    } else if remote.total() == 0 {
        "the peer gave no candidate that can be used, so look at what it signals".to_owned()
    } else {
        match transports(generation) {
            Some(transports) => format!(
                "the peer's {remote} were tried for {seconds} s from {local} of ours and none answered, so see whether a firewall stops {transports} between the two sides{}",
                if local.has_relay() || remote.has_relay() {
                    ""
                } else {
                    ", or offer a relay"
                },
            ),
            None => format!(
                "the peer's {remote} and {local} of ours make no pair, so let one side use UDP, or listen for TCP where the other connects"
            ),
        }
    };
    format!("ICE failed: {cause}")
}

/// The same of a peer that was connected at `remote`, and is silent for so long.
pub(super) fn disconnected(remote: SocketAddr, silent: Duration) -> String {
    let seconds = silent.as_secs();
    format!(
        "ICE failed: disconnected from {remote}, no answer for {seconds} s: is the peer \
         running, and its network up?"
    )
}

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
