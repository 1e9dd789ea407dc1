//! The pair in use, and the peer's consent to its use.

use std::time::{Duration, Instant};

use super::Pair;

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
    /// When the peer last answered a check on it.
    consent: Instant,
    /// Whether it is silent, and that was told.
    doubted: bool,
    prune: Option<Instant>,
}

impl Selected {
    /// `pair` has just answered.
    pub(super) fn new(pair: Pair, now: Instant) -> Self {
        Self {
            pair,
            consent: now,
            doubted: false,
            prune: Some(now + STABLE),
        }
    }

    pub(super) fn renew_consent(&mut self, now: Instant) {
        self.consent = now;
        self.doubted = false;
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
        self.prune = self.doubted.then_some(now + STABLE);
        (!self.doubted).then_some(Due::Prune)
    }
}
