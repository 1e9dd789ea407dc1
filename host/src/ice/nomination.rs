//! What a controlling peer nominates, check by check, and when that means another pair (RFC 8445 §7.3.1.5).
//!
//! The core takes the highest of all pairs that were ever nominated: right for a
//! peer that nominates several at a time, as RFC 5245 §8.1.1.2 allows. A peer that
//! has changed its mind nominates one, and no more the one in use: its checks there
//! come without USE-CANDIDATE, or not at all.

use std::time::{Duration, Instant};

use super::Pair;
use super::selected::STABLE;

/// Longer than a peer that nominates a pair is silent there, one check lost: then it does not any more.
const LAPSE: Duration = Duration::from_secs(7);
/// How long an answer proves that a pair is valid: more than two checks on it take.
const VALID: Duration = Duration::from_secs(8);

/// Kept by a controlled side, from its first pair on.
#[derive(Debug)]
pub(super) struct Nominations {
    /// The pair in use, since when, and when the peer last nominated it; `None` once it does not.
    pair: Pair,
    since: Instant,
    nominated: Option<Instant>,
    /// Another that the peer nominates.
    wanted: Option<Pair>,
    /// When pairs last answered a check.
    answered: Vec<(Pair, Instant)>,
}

impl Nominations {
    /// `pair` has been selected.
    pub(super) fn new(pair: Pair, now: Instant) -> Self {
        Self {
            pair,
            since: now,
            nominated: Some(now),
            wanted: None,
            answered: Vec::new(),
        }
    }

    /// Whether `pair` is the one in use.
    pub(super) fn uses(&self, pair: Pair) -> bool {
        self.pair == pair
    }

    /// The peer has checked `pair`, and nominates it or not. `highest` is what the core selected: that one
    /// wins over another in use at once, and no other does before the one in use has settled, for nominations
    /// may overtake each other.
    pub(super) fn note_request(
        &mut self,
        now: Instant,
        pair: Pair,
        nominates: bool,
        highest: Pair,
    ) {
        if pair == self.pair {
            self.nominated = nominates.then_some(now);
            if nominates {
                self.wanted = None;
            }
        } else if nominates && (pair == highest || now >= self.since + STABLE) {
            self.nominated
                .take_if(|at| pair == highest || now >= *at + LAPSE);
            self.wanted = Some(pair);
        }
    }

    /// `pair` is valid: a check on it was answered.
    pub(super) fn note_answer(&mut self, now: Instant, pair: Pair) {
        let is_other = |(of, at): &(Pair, Instant)| *of != pair && now < *at + VALID;
        self.answered.retain(is_other);
        self.answered.push((pair, now));
    }

    /// Data has gone over to `pair`, which answers where the one in use does not: what the peer nominates from
    /// now on counts at once.
    pub(super) fn leave_for(&mut self, pair: Pair, now: Instant) {
        self.answered.retain(|(of, _)| *of == pair);
        *self = Self {
            pair,
            since: now.checked_sub(STABLE).unwrap_or(now),
            nominated: None,
            wanted: None,
            answered: std::mem::take(&mut self.answered),
        };
    }

    /// The pair that the peer has moved to, once.
    pub(super) fn take_move(&mut self, now: Instant) -> Option<Pair> {
        let wanted = self.wanted.filter(|_| self.nominated.is_none())?;
        let is_valid = |(of, at): &(Pair, Instant)| *of == wanted && now < *at + VALID;
        if !self.answered.iter().any(is_valid) {
            return None;
        }
        let answered = std::mem::take(&mut self.answered);
        *self = Self {
            answered,
            ..Self::new(wanted, now)
        };
        Some(wanted)
    }
}
