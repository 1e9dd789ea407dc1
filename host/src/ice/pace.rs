//! How often something may happen: at an even pace, after a first few at once.

use std::time::{Duration, Instant};

/// A token bucket, as the time at which it is full again.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    /// How much of the future may be used up at once.
    slack: Duration,
    full: Option<Instant>,
}

impl Pace {
    /// Once each `interval`; `burst` times in a row after a rest.
    pub(crate) const fn new(interval: Duration, burst: u32) -> Self {
        Self {
            interval,
            slack: interval.saturating_mul(burst.saturating_sub(1)),
            full: None,
        }
    }

    /// When it may happen again, if not before now.
    pub(super) fn next(&self) -> Option<Instant> {
        self.full?.checked_sub(self.slack)
    }

    pub(super) fn allows(&self, now: Instant) -> bool {
        self.next().is_none_or(|next| next <= now)
    }

    /// It happens.
    pub(super) fn spend(&mut self, now: Instant) {
        self.full = Some(self.full.map_or(now, |full| full.max(now)) + self.interval);
    }

    /// It happens if it may; tells whether it does.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let allows = self.allows(now);
        if allows {
            self.spend(now);
        }
        allows
    }
}
