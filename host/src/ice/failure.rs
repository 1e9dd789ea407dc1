//! What to tell a person when no pair was found.

use std::fmt;
use std::time::Duration;

use is::{Candidate, CandidateKind};

use super::generation::Generation;
use super::local::Local;

/// One sentence: what was tried for how long, and what to do about it.
pub(super) fn explain(generation: &Generation, component_id: u16, tried: Duration) -> String {
    let seconds = tried.as_secs_f32();
    let remote = Kinds::new(generation.candidates().iter().map(Candidate::kind));
    let local = Kinds::new(generation.locals().iter().map(Local::kind));
    let cause = if local.total() == 0 {
        "there is no local address to send from, so gather candidates on at least one network interface, or through a relay that answers".to_owned()
    } else if remote.total() == 0 {
        "the peer gave no candidate that can be used, so look at what it signals".to_owned()
    } else {
        format!(
            "the peer's {remote} were tried for {seconds} s from {local} of ours and none answered, so see whether a firewall stops UDP between the two sides{}",
            if local.has_relay() || remote.has_relay() {
                ""
            } else {
                ", or offer a relay"
            },
        )
    };
    format!("ICE failed on component {component_id}: {cause}")
}

/// How many candidates there are of each kind.
struct Kinds([(CandidateKind, usize); 4]);

impl Kinds {
    fn new(kinds: impl Iterator<Item = CandidateKind> + Clone) -> Self {
        use CandidateKind::*;
        let of = |kind| (kind, kinds.clone().filter(|k| *k == kind).count());
        Self([Host, ServerReflexive, PeerReflexive, Relayed].map(of))
    }

    fn total(&self) -> usize {
        self.0.iter().map(|(_, count)| count).sum()
    }

    fn has_relay(&self) -> bool {
        self.0
            .iter()
            .any(|kind| matches!(kind, (CandidateKind::Relayed, 1..)))
    }
}

/// Says "3 candidates (2 host, 1 srflx)".
impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = self.0.iter().filter(|(_, count)| *count > 0);
        let kinds: Vec<String> = there
            .map(|(kind, count)| format!("{count} {kind}"))
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
