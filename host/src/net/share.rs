//! How a loop's time is shared between what has arrived and timers.
//!
//! Where thousands of timers are due in each turn, and a turn takes a bounded number of datagrams from a socket, more is
//! sent to a socket that all share than is taken from it: its buffer stays full, whatever is taken from it is old, and
//! nobody gets anywhere. So timers wait while sockets have more, longer if they took longer.
use std::time::{Duration, Instant};

/// How long timers wait for sockets at least.
const SHORTEST: Duration = Duration::from_millis(1);
/// How much longer than they took the last time.
const TIMES: u32 = 4;

/// When timers have their turn.
#[derive(Debug, Default)]
pub(super) struct Share {
    waiting_since: Option<Instant>,
    took: Duration,
}

impl Share {
    /// Whether timers have their turn now, where sockets `have_more` that has arrived.
    pub(super) fn is_timers_turn(&mut self, now: Instant, have_more: bool) -> bool {
        let since = *self.waiting_since.get_or_insert(now);
        let is_turn = !have_more || now.duration_since(since) >= SHORTEST.max(self.took * TIMES);
        if is_turn {
            self.waiting_since = None;
        }
        is_turn
    }

    /// So long did timers take, with all that they caused.
    pub(super) fn timers_took(&mut self, took: Duration) {
        self.took = took;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When timers have their turn that take so many milliseconds, of a second with a turn each millisecond.
    fn turns(took: u64, have_more: bool) -> Vec<u64> {
        let start = Instant::now();
        let mut share = Share::default();
        let mut is_turn = |millisecond: &u64| {
            let now = start + Duration::from_millis(*millisecond);
            let is_turn = share.is_timers_turn(now, have_more);
            share.timers_took(Duration::from_millis(took));
            is_turn
        };
        (0..1000)
            .filter(|millisecond| is_turn(millisecond))
            .collect()
    }

    #[test]
    fn timers_wait_for_sockets_as_they_took_and_no_longer() {
        assert_eq!(turns(50, false).len(), 1000, "nothing to wait for");
        assert_eq!(turns(50, true)[..3], [200, 401, 602]);
        assert_eq!(turns(0, true).len(), 500, "every other one");
    }
}
