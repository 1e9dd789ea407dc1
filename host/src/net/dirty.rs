//! Streams that want something carried out, and how long they have waited.
use super::keys::StreamKey;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Streams that are to be driven, each once, in the order in which they came.
///
/// Those with a component that is ready wait apart from the others, for they carry data: what others want, such as a
/// handshake's calls into a plugin, takes longer, and thousands of them may want it at once.
#[derive(Debug)]
pub(super) struct Dirty {
    ready: VecDeque<StreamKey>,
    others: VecDeque<(StreamKey, Instant)>,
    now: Instant,
}

impl Dirty {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            ready: VecDeque::new(),
            others: VecDeque::new(),
            now,
        }
    }

    /// A turn begins: those that come from now on wait since then.
    pub(super) fn turn(&mut self, now: Instant) {
        self.now = now;
    }

    pub(super) fn push(&mut self, key: StreamKey, is_ready: bool) {
        match is_ready {
            true => self.ready.push_back(key),
            false => self.others.push_back((key, self.now)),
        }
    }

    /// The next one of those with a component that is ready, or of the others.
    pub(super) fn pop(&mut self, is_ready: bool) -> Option<StreamKey> {
        match is_ready {
            true => self.ready.pop_front(),
            false => self.others.pop_front().map(|(key, _)| key),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.others.is_empty()
    }

    /// How long the one has waited that waits longest.
    pub(super) fn waits(&self, now: Instant) -> Duration {
        let first = self.others.front();
        first.map_or(Duration::ZERO, |(_, since)| now.duration_since(*since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_ready_wait_for_no_other_and_each_kind_is_in_order() {
        let start = Instant::now();
        let later = start + Duration::from_millis(5);
        let mut dirty = Dirty::new(start);
        (1..=3).for_each(|key| dirty.push(key, false));
        dirty.turn(later);
        dirty.push(4, false);
        (5..=6).for_each(|key| dirty.push(key, true));
        assert_eq!(dirty.waits(later), Duration::from_millis(5));
        let mut all = |is_ready| std::iter::from_fn(|| dirty.pop(is_ready)).collect::<Vec<_>>();
        assert_eq!(all(true), [5, 6]);
        assert_eq!(all(false), [1, 2, 3, 4]);
        assert!(dirty.is_empty() && dirty.waits(later).is_zero());
        dirty.push(7, false);
        assert!(dirty.waits(later).is_zero(), "it has just come");
    }
}
