//! Time as the TURN client has it: nanoseconds since some moment.

use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(super) fn new(origin: Instant) -> Self {
        Self { origin }
    }

    pub(super) fn at(&self, now: Instant) -> stun_proto::Instant {
        let elapsed = now.saturating_duration_since(self.origin).as_nanos();
        stun_proto::Instant::from_nanos(i64::try_from(elapsed).unwrap_or(i64::MAX / 2))
    }

    pub(super) fn back(&self, at: stun_proto::Instant) -> Instant {
        self.origin + Duration::from_nanos(u64::try_from(at.as_nanos()).unwrap_or(0))
    }
}
