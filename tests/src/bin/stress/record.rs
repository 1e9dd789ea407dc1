//! What one stream owes its application.
use handclasp::StreamRef;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// What a stream's application was told, and what it is still to be told.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Set once the stream is open.
    stream: OnceLock<StreamRef>,
    stopped: AtomicUsize,
    /// Calls behind the last word.
    late: AtomicUsize,
    dropped: AtomicUsize,
    /// It was told something.
    is_told: AtomicBool,
    /// Numbers of messages without an answer yet.
    waiting: Mutex<HashSet<u64>>,
    /// Answers to nothing, or second ones.
    unasked: AtomicUsize,
}

fn add(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Record {
    pub(super) fn open(&self, stream: StreamRef) {
        self.stream.set(stream).expect("it is opened once");
    }

    /// The stream, if it was opened.
    pub(super) fn stream(&self) -> Option<&StreamRef> {
        self.stream.get()
    }

    /// A callback of the application is called.
    pub(super) fn called(&self) {
        self.is_told.store(true, Ordering::Relaxed);
        if self.stopped.load(Ordering::Relaxed) > 0 {
            add(&self.late);
        }
    }

    pub(super) fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }

    pub(super) fn stopped(&self) {
        add(&self.stopped);
    }

    pub(super) fn dropped(&self) {
        add(&self.dropped);
    }

    pub(super) fn has_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire) > 0
    }

    /// A message with this number is about to be sent.
    pub(super) fn expect(&self, number: u64) {
        self.waiting().insert(number);
    }

    /// It was not taken.
    pub(super) fn give_up(&self, number: u64) {
        self.answered(number);
    }

    pub(super) fn answered(&self, number: u64) {
        if !self.waiting().remove(&number) {
            add(&self.unasked);
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashSet<u64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong once the application has been dropped.
    pub(super) fn fault(&self) -> Option<String> {
        let opened = usize::from(self.stream.get().is_some());
        let of = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let is_well = of(&self.stopped) == opened
            && of(&self.late) == 0
            && of(&self.dropped) == 1
            && of(&self.unasked) == 0
            && self.waiting().is_empty()
            && (opened == 1 || !self.is_told());
        (!is_well).then(|| format!("{self:?}"))
    }
}
