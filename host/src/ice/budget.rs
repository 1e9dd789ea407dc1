//! How many requests are looked at, so that the checks to one agent leave time for all others.

use std::time::{Duration, Instant};

use super::pace::Pace;

/// Requests of one agent that may be authentic.
#[derive(Debug)]
pub(crate) struct Budget {
    verified: Pace,
    others: Pace,
}

impl Default for Budget {
    fn default() -> Self {
        // A peer that checks every 5 ms, the fastest that RFC 8445 §14.2 allows, and as many retransmissions.
        let others = Pace::new(Duration::from_micros(2_500), 200);
        let verified = Pace::new(Duration::from_millis(1), 500);
        Self { verified, others }
    }
}

impl Budget {
    /// Whether a request is looked at that came from a verified address, or from another. What comes from others never
    /// uses up what is for those.
    pub(crate) fn take(&mut self, now: Instant, is_verified: bool) -> bool {
        match is_verified {
            true => self.verified.take(now),
            false => self.others.take(now),
        }
    }
}
