//! How much passes from loop to loop.
use std::sync::atomic::{AtomicU64, Ordering};

/// What has passed between the event loops of a host since it was made: all of it is of streams that share a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handovers {
    /// Datagrams that arrived at another loop than their stream's, and were handed to that.
    pub datagrams: u64,
    /// Those that were dropped instead, for too many waited.
    pub dropped: u64,
    /// How often a stream has moved to the loop at which its peer's datagrams arrive.
    pub moves: u64,
}

/// Counts it, from any loop.
#[derive(Debug, Default)]
pub(super) struct HandoverCounter {
    datagrams: AtomicU64,
    dropped: AtomicU64,
    moves: AtomicU64,
}

impl HandoverCounter {
    pub(super) fn handed(&self, datagrams: usize) {
        self.datagrams
            .fetch_add(datagrams as u64, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, datagrams: u64) {
        self.dropped.fetch_add(datagrams, Ordering::Relaxed);
    }

    pub(super) fn moved(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Handovers {
        Handovers {
            datagrams: self.datagrams.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            moves: self.moves.load(Ordering::Relaxed),
        }
    }
}
