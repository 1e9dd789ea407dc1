//! How long a check goes on with what it repeats: a slow plugin is not checked for hours.
use std::time::{Duration, Instant};

/// What a check may spend on what it repeats, all in all.
const CHECK: Duration = Duration::from_secs(20);
/// A sanitizer makes everything slower.
const SANITIZED: u32 = 5;

/// A part of it.
#[derive(Debug)]
pub(crate) struct Budget {
    end: Instant,
}

impl Budget {
    /// One of so many equal parts, from now on.
    pub(super) fn part(parts: usize, sanitized: bool) -> Self {
        let parts = u32::try_from(parts.max(1)).unwrap_or(u32::MAX);
        Self {
            end: Instant::now() + whole(sanitized) / parts,
        }
    }

    pub(crate) fn is_spent(&self) -> bool {
        Instant::now() >= self.end
    }
}

/// How many things that take so long each can be afforded, but at least one.
pub(super) fn affordable(each: Duration, sanitized: bool) -> u32 {
    let times = whole(sanitized).as_nanos() / each.as_nanos().max(1);
    u32::try_from(times.max(1)).unwrap_or(u32::MAX)
}

/// Time of a processor that this process has used.
#[cfg(unix)]
pub(super) fn worked() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// Nothing: everything seems to be affordable.
#[cfg(not(unix))]
pub(super) fn worked() -> Duration {
    Duration::ZERO
}

fn whole(sanitized: bool) -> Duration {
    match sanitized {
        true => CHECK * SANITIZED,
        false => CHECK,
    }
}
