//! When each stream wants to be called.
use super::keys::StreamKey;
use std::collections::BTreeSet;
use std::time::Instant;

/// One entry for each stream that waits for a time. Nearly all that a stream waits for does not last until then, such as
/// the answer to a check: its entry moves, and it is not called for nothing.
#[derive(Debug, Default)]
pub(super) struct Timers {
    entries: BTreeSet<(Instant, StreamKey)>,
}

impl Timers {
    /// The stream is to be called then and at no other time. `armed` is its own note of its entry here.
    pub(super) fn arm(&mut self, key: StreamKey, at: Option<Instant>, armed: &mut Option<Instant>) {
        if at == *armed {
            return;
        }
        if let Some(old) = std::mem::replace(armed, at) {
            self.entries.remove(&(old, key));
        }
        self.entries.extend(at.map(|at| (at, key)));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.entries.first().map(|(at, _)| *at)
    }

    /// A stream whose time has come; its entry is gone.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<StreamKey> {
        let due = self.next()? <= now;
        let (_, key) = due.then(|| self.entries.pop_first()).flatten()?;
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::Timers;
    use std::time::{Duration, Instant};

    #[test]
    fn a_stream_is_called_when_it_said_last_and_at_no_other_time() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let (mut timers, mut one, mut other) = (Timers::default(), None, None);
        timers.arm(1, Some(at(30)), &mut one);
        timers.arm(2, Some(at(30)), &mut other);
        timers.arm(1, Some(at(10)), &mut one);
        assert_eq!((timers.next(), one), (Some(at(10)), Some(at(10))));
        timers.arm(1, Some(at(40)), &mut one);
        assert_eq!(timers.pop_due(at(29)), None);
        assert_eq!(timers.pop_due(at(39)), Some(2));
        assert_eq!(timers.pop_due(at(39)), None);
        assert_eq!(timers.pop_due(at(40)), Some(1));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn nothing_is_left_of_a_stream_that_waits_for_no_time() {
        let (mut timers, mut armed) = (Timers::default(), None);
        let now = Instant::now();
        for ms in (0..1000).rev() {
            timers.arm(1, Some(now + Duration::from_millis(ms)), &mut armed);
            assert_eq!(timers.entries.len(), 1);
        }
        timers.arm(1, None, &mut armed);
        assert_eq!((timers.next(), armed), (None, None));
    }
}
