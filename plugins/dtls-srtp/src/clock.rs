//! Time as dimpl sees it.
use handclasp_plugin::Time;
use std::time::{Duration, Instant};

/// First timeout of a flight on the host's clock, before dimpl's jitter of ±25 %. Each retry doubles it.
const FIRST_TIMEOUT: Duration = Duration::from_millis(100);

/// Longest wait between two retries of a flight, on the host's clock.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Shortest wait for any deadline. A DTLS 1.3 client that misses a message wants to say so at once, and again
/// and again until it is there.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);

/// dimpl's clock runs this much slower than the host's.
///
/// dimpl doubles the timeout of a flight for ever and gives up where the sum reaches ten years; the slower
/// its clock, the more often that can happen: some 50 times, a minute's retries, for a flight nobody answers.
const SLOWNESS: u32 = 1_000_000;

/// What lies further ahead than this on dimpl's clock is no retransmission, but its way to say "idle" (ten
/// years) or a flight retried so often that dimpl would give it up.
const HORIZON: Duration = Duration::from_secs(5 * 365 * 24 * 60 * 60);

/// dimpl's first timeout for `ConfigBuilder::flight_start_rto`, on its own clock.
pub(crate) const FLIGHT_START_RTO: Duration =
    Duration::from_nanos(FIRST_TIMEOUT.as_nanos() as u64 / SLOWNESS as u64);

/// Translates between the host's clock and the one that dimpl is told.
///
/// dimpl knows no longest wait, but only the time it is told. So a deadline that lies too far ahead is brought
/// forward: the host is asked for an earlier one, and when that is due dimpl's clock skips to its own.
pub(crate) struct Clock {
    /// dimpl's time where the host's is 0. dimpl wants an `Instant`; what this one says means nothing.
    origin: Instant,
    /// What all skips add up to; never more than [`HORIZON`].
    skipped: Duration,
    due: Option<Due>,
}

/// A deadline on both clocks.
#[derive(Clone, Copy)]
struct Due {
    instant: Instant,
    at: Time,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
            skipped: Duration::ZERO,
            due: None,
        }
    }

    /// dimpl's time at `now`; skips to dimpl's deadline if that is due.
    pub(crate) fn instant(&mut self, now: Time) -> Instant {
        if let Some(due) = self.due.take_if(|due| due.at <= now) {
            self.skipped += due.instant.saturating_duration_since(self.running(now));
        }
        self.running(now)
    }

    /// When dimpl's `deadline` is due for the host, or nothing if dimpl waits for the peer alone.
    ///
    /// A deadline asked for again stays where it is: datagrams that change nothing do not put it off.
    pub(crate) fn due(&mut self, deadline: Instant, now: Time) -> Option<Time> {
        if deadline.saturating_duration_since(self.origin) > HORIZON {
            self.due = None;
        } else if self.due.is_none_or(|due| due.instant != deadline) {
            let wait = deadline.saturating_duration_since(self.running(now)) * SLOWNESS;
            self.due = Some(Due {
                instant: deadline,
                at: now + wait.clamp(SHORTEST_WAIT, LONGEST_WAIT),
            });
        }
        self.due.map(|due| due.at)
    }

    fn running(&self, now: Time) -> Instant {
        let since_origin = Duration::from_nanos(now.as_nanos() / u64::from(SLOWNESS));
        self.origin + self.skipped + since_origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_nanos(7_000_000_000);

    #[test]
    fn a_near_deadline_keeps_its_distance() {
        let mut clock = Clock::new();
        let deadline = clock.instant(START) + FLIGHT_START_RTO;
        let at = clock.due(deadline, START);
        assert_eq!(at, Some(START + FIRST_TIMEOUT));
        assert_eq!(clock.instant(START + FIRST_TIMEOUT), deadline);
    }

    #[test]
    fn a_far_deadline_is_brought_forward_and_skipped_to() {
        let mut clock = Clock::new();
        let deadline = clock.instant(START) + FLIGHT_START_RTO * 1024;
        assert_eq!(clock.due(deadline, START), Some(START + LONGEST_WAIT));
        let early = START + LONGEST_WAIT / 2;
        assert!(
            clock.instant(early) < deadline,
            "an early call skips nothing"
        );
        assert_eq!(clock.due(deadline, early), Some(START + LONGEST_WAIT));
        assert_eq!(clock.instant(START + LONGEST_WAIT), deadline);
        let later = START + LONGEST_WAIT * 2;
        assert!(clock.instant(later) > deadline, "time goes on from there");
    }

    #[test]
    fn a_deadline_at_once_is_put_off_a_little() {
        let mut clock = Clock::new();
        let instant = clock.instant(START);
        assert_eq!(clock.due(instant, START), Some(START + SHORTEST_WAIT));
    }

    #[test]
    fn idle_is_no_deadline() {
        let mut clock = Clock::new();
        let idle = clock.instant(START) + HORIZON * 2;
        assert_eq!(clock.due(idle, START), None);
        let longest = clock.instant(START) + Duration::from_secs(1 << 40);
        assert_eq!(clock.due(longest, START), None);
    }

    #[test]
    fn doubling_for_ever_neither_overflows_nor_stops_before_a_minute_is_almost_over() {
        let mut clock = Clock::new();
        let mut now = START;
        let mut timeout = FLIGHT_START_RTO * 5 / 4;
        let mut instant = clock.instant(now);
        while let Some(at) = clock.due(instant + timeout, now) {
            now = at;
            instant = clock.instant(now);
            timeout = timeout.saturating_mul(2);
        }
        assert!(now > START + Duration::from_secs(45));
    }
}
