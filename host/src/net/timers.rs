//! When each stream wants to be called: a heap whose stale entries are passed over.
use super::keys::StreamKey;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, StreamKey)>>,
}

impl Timers {
    pub(super) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
        }
    }

    /// `armed` is the stream's own note of its earliest entry here.
    pub(super) fn arm(&mut self, key: StreamKey, at: Option<Instant>, armed: &mut Option<Instant>) {
        if let Some(at) = at
            && armed.is_none_or(|earlier| at < earlier)
        {
            self.heap.push(Reverse((at, key)));
            *armed = Some(at);
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// A stream whose entry is due. The entry may be stale: ask the stream.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Instant, StreamKey)> {
        (self.next()? <= now).then(|| self.heap.pop().expect("peeked").0)
    }
}

#[cfg(test)]
mod tests {
    use super::Timers;
    use std::time::{Duration, Instant};

    #[test]
    fn only_the_earliest_of_a_streams_entries_counts() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let (mut timers, mut armed) = (Timers::new(), None);
        timers.arm(1, Some(at(30)), &mut armed);
        timers.arm(1, Some(at(40)), &mut armed);
        timers.arm(1, Some(at(10)), &mut armed);
        timers.arm(1, None, &mut armed);
        assert_eq!((timers.next(), armed), (Some(at(10)), Some(at(10))));
        assert_eq!(timers.pop_due(at(9)), None);
        assert_eq!(timers.pop_due(at(20)), Some((at(10), 1)));
        assert_eq!(
            timers.pop_due(at(50)),
            Some((at(30), 1)),
            "stale: the stream's note says otherwise"
        );
        assert_eq!(
            timers.pop_due(at(50)),
            None,
            "a later wish was no entry: the stream is asked again"
        );
    }
}
