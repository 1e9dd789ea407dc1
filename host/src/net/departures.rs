//! How many datagrams leave, in how many system calls.
use std::sync::atomic::{AtomicU64, Ordering};

/// What has left by UDP so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Departures {
    /// Datagrams that the system took.
    pub datagrams: u64,
    /// What they held, without the headers of UDP and IP.
    pub bytes: u64,
    /// System calls that took them.
    pub calls: u64,
}

/// A loop's own, which others read.
#[derive(Debug, Default)]
pub(crate) struct DepartureCounter {
    datagrams: AtomicU64,
    bytes: AtomicU64,
    calls: AtomicU64,
}

impl DepartureCounter {
    /// One call took so many datagrams, and so many bytes in them.
    pub(super) fn add(&self, datagrams: usize, bytes: usize) {
        // Statistics: nothing is read in an order with other memory.
        self.datagrams
            .fetch_add(datagrams as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Departures {
        Departures {
            datagrams: self.datagrams.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            calls: self.calls.load(Ordering::Relaxed),
        }
    }
}
