//! How much arrives.
use std::sync::atomic::{AtomicU64, Ordering};

/// What has arrived by UDP so far, from anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrivals {
    /// Datagrams that were taken from the system.
    pub datagrams: u64,
    /// What they held, without the headers of UDP and IP.
    pub bytes: u64,
    /// Those of them that were nobody's: from strangers, from peers of streams that have ended, or checks beyond what is
    /// answered at a time.
    pub strays: u64,
    /// Those that went on to the process to which the ports have been [passed](crate::Host::pass_ports).
    pub passed_on: u64,
    /// Those that would have, and for which there was no room.
    pub not_passed_on: u64,
}

/// A loop's own, which others read.
#[derive(Debug, Default)]
pub(crate) struct ArrivalCounter {
    datagrams: AtomicU64,
    bytes: AtomicU64,
    strays: AtomicU64,
    passed_on: AtomicU64,
    not_passed_on: AtomicU64,
}

impl ArrivalCounter {
    /// So much was taken in one call.
    pub(super) fn add(&self, datagrams: u64, bytes: u64) {
        // Statistics: nothing is read in an order with other memory.
        self.datagrams.fetch_add(datagrams, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// One of them was nobody's.
    pub(super) fn stray(&self) {
        self.strays.fetch_add(1, Ordering::Relaxed);
    }

    /// One of them was to be passed on, which there was room for or not.
    pub(super) fn passed_on(&self, had_room: bool) {
        let counter = match had_room {
            true => &self.passed_on,
            false => &self.not_passed_on,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Arrivals {
        Arrivals {
            datagrams: self.datagrams.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            strays: self.strays.load(Ordering::Relaxed),
            passed_on: self.passed_on.load(Ordering::Relaxed),
            not_passed_on: self.not_passed_on.load(Ordering::Relaxed),
        }
    }
}
