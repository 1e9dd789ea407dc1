//! What to tell a person when no pair was found.

use std::time::Duration;

use is::{Candidate, CandidateKind};

use super::generation::Generation;

/// One sentence: what was tried for how long, and what to do about it.
pub(super) fn explain(generation: &Generation, component_id: u16, tried: Duration) -> String {
    let seconds = tried.as_secs_f32();
    let cause = if generation.hosts().is_empty() {
        "there is no local address to send from, so gather candidates on at least one network interface".to_owned()
    } else if generation.candidates().is_empty() {
        "the peer gave no candidate that can be used, so look at what it signals".to_owned()
    } else {
        format!(
            "the peer's {} were tried for {seconds} s and none answered, so see whether a firewall stops UDP between the two sides, or offer a relay",
            count_by_kind(generation.candidates()),
        )
    };
    format!("ICE failed on component {component_id}: {cause}")
}

/// Says "3 candidates (2 host, 1 srflx)".
fn count_by_kind(candidates: &[Candidate]) -> String {
    use CandidateKind::*;
    let of = |kind| candidates.iter().filter(|c| c.kind() == kind).count();
    let kinds: Vec<String> = [Host, ServerReflexive, PeerReflexive, Relayed]
        .into_iter()
        .filter(|kind| of(*kind) > 0)
        .map(|kind| format!("{} {kind}", of(kind)))
        .collect();
    let plural = if candidates.len() == 1 { "" } else { "s" };
    format!(
        "{} candidate{plural} ({})",
        candidates.len(),
        kinds.join(", ")
    )
}
