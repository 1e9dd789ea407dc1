//! The pair in use, and the peer's consent to its use.

use std::time::{Duration, Instant};

use super::Pair;
use super::liveness::{self, Liveness};

/// How long data may flow after the last answered check (RFC 7675 §5.1).
const CONSENT: Duration = Duration::from_secs(30);
/// Silence after which all candidates are tried again: four checks lost in a row.
const DOUBT: Duration = Duration::from_secs(8);
/// How long a pair is selected before the others are given up: time for a better
/// one to get through in spite of loss.
pub(super) const STABLE: Duration = Duration::from_secs(5);

/// What it is time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The peer's consent has run out.
    Stop,
    /// It has been silent for so long that other pairs should be tried.
    Doubt,
    /// The pair has proven itself: other pairs need not be kept alive.
    Prune,
}

/// A pair that data goes over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selected {
    pub(super) pair: Pair,
    /// When the peer last answered a check on it, or gave another sign of life that counts.
    consent: Instant,
    /// Whether it is silent, and that was told.
    doubted: bool,
    prune: Option<Instant>,
    liveness: Liveness,
}

impl Selected {
    /// `pair` has just answered.
    pub(super) fn new(pair: Pair, now: Instant) -> Self {
        Self {
            pair,
            consent: now,
            doubted: false,
            prune: Some(now + STABLE),
            liveness: Liveness::new(now),
        }
    }

    /// The peer has answered on it. Tells whether that ends a doubt.
    pub(super) fn renew_consent(&mut self, now: Instant) -> bool {
        self.consent = now;
        let was_doubted = std::mem::take(&mut self.doubted);
        // What tries all candidates finds its own end.
        self.liveness.note_answer(now) && !was_doubted
    }

    /// The peer has checked it, and nobody had sent that check before: for a lite side, it is there.
    pub(super) fn note_check(&mut self, now: Instant) {
        self.consent = now;
        self.doubted = false;
    }

    /// What is known of it, and is to be told of what happens.
    pub(super) fn liveness(&mut self) -> &mut Liveness {
        &mut self.liveness
    }

    /// Data of the peer's has come over it. Tells whether that needs an earlier timeout.
    pub(super) fn note_data(&mut self, now: Instant) -> bool {
        liveness::is_watched(self.pair) && self.liveness.note_data(now)
    }

    /// What a doubt about the pair asks for, each thing once; called again after each.
    pub(super) fn take_doubt(&mut self, now: Instant) -> Option<liveness::Due> {
        if self.doubted && !self.liveness.is_doubtful() {
            return None; // all candidates are tried as it is
        }
        self.liveness.take_due(now)
    }

    /// When the peer last gave a sign of life that counts.
    pub(super) fn consent(&self) -> Instant {
        self.consent
    }

    /// When [`Selected::take_doubt`] has something to say.
    pub(super) fn next_doubt(&self) -> Option<Instant> {
        let is_to_come = !self.doubted || self.liveness.is_doubtful();
        self.liveness.next().filter(|_| is_to_come)
    }

    /// Whether the pair is in doubt, so that it is checked often.
    pub(super) fn is_doubtful(&self) -> bool {
        self.liveness.is_doubtful()
    }

    /// Whether nothing is in the way of its next check but time: none is unanswered, and there are no rivals.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.doubted && self.prune.is_none() && self.liveness.is_at_rest()
    }

    /// There are new pairs that must have their chance.
    pub(super) fn put_off_pruning(&mut self, now: Instant) {
        self.prune = Some(now + STABLE);
    }

    /// When [`Selected::take_due`] has something to say.
    pub(super) fn next(&self) -> Instant {
        let doubt = (!self.doubted).then_some(self.consent + DOUBT);
        let expiry = self.consent + CONSENT;
        [doubt, self.prune]
            .into_iter()
            .flatten()
            .fold(expiry, Instant::min)
    }

    /// Says each thing once; called again after each.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Due> {
        let silence = now - self.consent;
        if silence >= CONSENT {
            return Some(Due::Stop);
        }
        if silence >= DOUBT && !self.doubted {
            self.doubted = true;
            return Some(Due::Doubt);
        }
        if self.prune.is_none_or(|due| now < due) {
            return None;
        }
        let is_doubtful = self.doubted || self.liveness.is_doubtful();
        self.prune = is_doubtful.then_some(now + STABLE);
        (!is_doubtful).then_some(Due::Prune)
    }
}
