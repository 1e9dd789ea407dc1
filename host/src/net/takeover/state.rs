//! How far a takeover has come.
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How far takeovers of a host's ports have come, from another process and by another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Takeover {
    /// Whether the process that has passed its ports to this host still receives at some of them.
    pub has_predecessor: bool,
    /// How long one of its event loops has not been heard of at most. Each says something every second, while it turns.
    pub silence: Duration,
    /// Whether a process that this host has passed its ports to is there.
    pub has_successor: bool,
}

/// What the loops of a host say of that.
#[derive(Debug, Default)]
pub(crate) struct TakeoverState {
    /// By its number, when each loop of the predecessor's that has not ended was heard of last.
    predecessors: Mutex<HashMap<usize, Instant>>,
    successors: AtomicUsize,
    is_confirmed: AtomicBool,
}

impl TakeoverState {
    pub(crate) fn read(&self) -> Takeover {
        let (now, predecessors) = (Instant::now(), self.predecessors());
        let silences = predecessors
            .values()
            .map(|heard| now.saturating_duration_since(*heard));
        Takeover {
            has_predecessor: !predecessors.is_empty(),
            silence: silences.max().unwrap_or_default(),
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

    /// Something was heard of the predecessor's loop with this number.
    pub(crate) fn predecessor_heard(&self, number: usize) {
        self.predecessors().insert(number, Instant::now());
    }

    /// It has ended.
    pub(crate) fn predecessor_ended(&self, number: usize) {
        self.predecessors().remove(&number);
    }

    fn predecessors(&self) -> MutexGuard<'_, HashMap<usize, Instant>> {
        // No code that could panic runs under this lock.
        self.predecessors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
