use std::thread;
use std::time::{Duration, Instant};

/// The time plugins are told: one that waits for nothing, or the system's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    /// Nanoseconds.
    Virtual(u64),
    /// Since when.
    Real(Instant),
}

/// A host's clock does not start at zero.
const START: u64 = 3600 * super::SECOND;

impl Clock {
    pub(super) fn start(real: bool) -> Self {
        match real {
            true => Self::Real(Instant::now()),
            false => Self::Virtual(START),
        }
    }

    pub(super) fn now(self) -> u64 {
        match self {
            Self::Virtual(now) => now,
            Self::Real(start) => {
                START + u64::try_from(start.elapsed().as_nanos()).expect("less than 500 years")
            }
        }
    }

    /// Goes on to `time`, unless it is past already.
    pub(super) fn advance_to(&mut self, time: u64) {
        match self {
            Self::Virtual(now) => *now = time.max(*now),
            Self::Real(_) => {
                thread::sleep(Duration::from_nanos(time.saturating_sub(self.now())));
            }
        }
    }
}
