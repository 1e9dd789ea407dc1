//! When each stream wants to be called: a heap whose stale entries are passed over.
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Timers<Key> {
    heap: BinaryHeap<Reverse<(Instant, Key)>>,
}

impl<Key: Ord + Copy> Timers<Key> {
    pub(super) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
        }
    }

    /// `armed` is the stream's own note of its earliest entry here.
    pub(super) fn arm(&mut self, key: Key, at: Option<Instant>, armed: &mut Option<Instant>) {
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
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Key)> {
        (self.next()? <= now).then(|| self.heap.pop().expect("peeked").0)
    }
}
