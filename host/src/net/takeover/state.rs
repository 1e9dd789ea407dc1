//! How far a takeover has come.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How far takeovers of a host's ports have come, from another process and by another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Takeover {
    /// Whether the process that has passed its ports to this host still receives at some of them.
    pub has_predecessor: bool,
    /// Whether a process that this host has passed its ports to is there.
    pub has_successor: bool,
}

/// What the loops of a host say of that.
#[derive(Debug, Default)]
pub(crate) struct TakeoverState {
    predecessors: AtomicUsize,
    successors: AtomicUsize,
    is_confirmed: AtomicBool,
}

impl TakeoverState {
    pub(crate) fn read(&self) -> Takeover {
        Takeover {
            has_predecessor: self.predecessors.load(Ordering::Relaxed) > 0,
            has_successor: self.successors.load(Ordering::Relaxed) > 0,
        }
    }

    /// The sockets are this host's to receive by once nobody else does.
    pub(crate) fn confirm(&self) {
        self.is_confirmed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_confirmed(&self) -> bool {
        self.is_confirmed.load(Ordering::Relaxed)
    }

    /// A loop has a link from a predecessor.
    pub(crate) fn preceded(&self) {
        self.predecessors.fetch_add(1, Ordering::Relaxed);
    }

    /// It has ended.
    pub(crate) fn predecessor_ended(&self) {
        self.predecessors.fetch_sub(1, Ordering::Relaxed);
    }

    /// A loop has a link to a successor.
    pub(crate) fn succeeded(&self) {
        self.successors.fetch_add(1, Ordering::Relaxed);
    }

    /// It has ended.
    pub(crate) fn successor_ended(&self) {
        self.successors.fetch_sub(1, Ordering::Relaxed);
    }
}
