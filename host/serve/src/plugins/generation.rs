//! One content of a plugin, in use.
use handclasp::plugin::Plugin;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

/// A plugin as its file was at one time. Each stream keeps the one that it was opened with; a generation ends with the
/// last stream of it, once another has taken its place.
pub(crate) struct Generation {
    /// Counted for each id, from 1.
    pub(crate) number: u64,
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) file: PathBuf,
    pub(crate) since: SystemTime,
    running: AtomicUsize,
    opened: AtomicU64,
    ready: AtomicU64,
    failed: AtomicU64,
    ended: Ended,
}

/// Who is told the id and the number of a generation that has ended.
type Ended = Box<dyn Fn(&str, u64) + Send + Sync>;

/// What has become of a generation's streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) opened: u64,
    /// Every component was ready.
    pub(crate) ready: u64,
    /// One failed before all were ready.
    pub(crate) failed: u64,
}

impl Tally {
    /// How many have come to something.
    pub(crate) fn decided(self) -> u64 {
        self.ready + self.failed
    }

    /// The share of those that failed, 0 to 1; 0 of none.
    pub(crate) fn failure_rate(self) -> f64 {
        match self.decided() {
            0 => 0.0,
            decided => self.failed as f64 / decided as f64,
        }
    }

    /// What was added since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            opened: self.opened - earlier.opened,
            ready: self.ready - earlier.ready,
            failed: self.failed - earlier.failed,
        }
    }
}

impl Generation {
    /// `ended` is told the id and the number once nobody has it any more.
    pub(crate) fn new(
        number: u64,
        plugin: Arc<Plugin>,
        ended: impl Fn(&str, u64) + Send + Sync + 'static,
    ) -> Self {
        Self {
            number,
            file: plugin.description().file.clone(),
            plugin,
            since: SystemTime::now(),
            running: AtomicUsize::new(0),
            opened: AtomicU64::new(0),
            ready: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            ended: Box::new(ended),
        }
    }

    pub(crate) fn id(&self) -> &str {
        self.plugin.id()
    }

    pub(crate) fn version(&self) -> &str {
        &self.plugin.description().version
    }

    /// Of the content, in hexadecimal.
    pub(crate) fn sha256(&self) -> &str {
        &self.plugin.description().sha256
    }

    // Statistics: nothing is read in an order with other memory.
    pub(crate) fn stream_opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stream_ready(&self) {
        self.ready.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stream_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stream_ended(&self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many of its streams run.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            opened: self.opened.load(Ordering::Relaxed),
            ready: self.ready.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        (self.ended)(self.plugin.id(), self.number);
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} generation {}", self.id(), self.number)
    }
}
