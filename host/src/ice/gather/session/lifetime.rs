//! How long an allocation lives (RFC 8656 §7.2, §8): as long as the server says.

use std::time::{Duration, Instant};

/// How long before its end an allocation is refreshed (RFC 8656 §8), but not before half of its time.
const MARGIN: Duration = Duration::from_secs(60);
/// Between two refreshes of which the first was of no use.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetime {
    pub(super) refresh: Instant,
    pub(super) end: Instant,
}

impl Lifetime {
    /// The server has granted so much from `now` on; `None` if that is nothing.
    pub(super) fn new(now: Instant, granted: Duration) -> Option<Self> {
        (!granted.is_zero()).then(|| Self {
            refresh: now + granted - MARGIN.min(granted / 2),
            end: now + granted,
        })
    }

    /// A refresh was of no use: another is due soon.
    pub(super) fn retry(&mut self, now: Instant) {
        self.refresh = now + AGAIN;
    }
}
