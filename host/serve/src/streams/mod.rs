//! The streams of the daemon, by name.
//!
//! - `entry`: one of them;
//! - `reporter`: what it says.
mod entry;
mod reporter;

pub(crate) use entry::Entry;
pub(crate) use reporter::Reporter;

use crate::metrics::Metrics;
use crate::news::{News, Newsroom};
use entry::Change;
use handclasp::stream::Notification;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// All streams.
pub(crate) struct Streams {
    by_name: Mutex<HashMap<Arc<str>, Arc<Entry>>>,
    /// What generated names begin with: unique among daemons.
    prefix: String,
    next: AtomicU64,
    half_open: AtomicUsize,
    newsroom: Arc<Newsroom>,
    metrics: Arc<Metrics>,
    /// One has ended.
    ended: Notify,
}

/// Why a name cannot be given to a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    #[error("a stream is called {0} already: choose another name, or leave it out")]
    Taken(String),
    #[error(
        "a stream's name has 1 to {MAX_NAME} letters, digits, `-`, `_` and `.`: choose such a one, or leave it out"
    )]
    Form,
}

/// Most characters of a stream's name.
const MAX_NAME: usize = 64;

impl Streams {
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn new(
        newsroom: Arc<Newsroom>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, getrandom::Error> {
        Ok(Self {
            by_name: Mutex::default(),
            prefix: format!("{:08x}", getrandom::u32()?),
            next: AtomicU64::new(1),
            half_open: AtomicUsize::new(0),
            newsroom,
            metrics,
            ended: Notify::new(),
        })
    }

    /// The name of a stream that is to be opened.
    pub(crate) fn name(&self, wanted: Option<&str>) -> Result<Arc<str>, NameError> {
        let Some(wanted) = wanted else {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            return Ok(format!("{}-{number}", self.prefix).into());
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        match wanted.len() <= MAX_NAME && !wanted.is_empty() && wanted.bytes().all(fits) {
            true => Ok(wanted.into()),
            false => Err(NameError::Form),
        }
    }

    /// Takes a stream in, unless its name is taken.
    pub(crate) fn insert(&self, entry: &Arc<Entry>) -> Result<(), NameError> {
        let mut by_name = self.lock();
        if by_name.contains_key(&entry.name) {
            return Err(NameError::Taken(entry.name.to_string()));
        }
        by_name.insert(Arc::clone(&entry.name), Arc::clone(entry));
        drop(by_name);
        self.half_open.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Its event loop has taken it over.
    fn began(&self, entry: &Entry) {
        entry.generation.stream_opened();
        self.metrics.opened(&entry.generation);
        self.newsroom.tell(News::StreamOpened {
            stream: Arc::clone(&entry.name),
            id: entry.generation.id().to_owned(),
            generation: entry.generation.number,
        });
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Entry>> {
        self.lock().get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.lock().values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// How many are neither ready nor at their end.
    pub(crate) fn half_open(&self) -> usize {
        self.half_open.load(Ordering::Relaxed)
    }

    /// Returns once a stream has ended since.
    pub(crate) async fn one_has_ended(&self) {
        self.ended.notified().await;
    }

    /// What a notification has changed.
    fn note(&self, entry: &Entry, notification: &Notification, change: &Change) {
        if let Some(after) = change.connected {
            self.metrics.connected(&entry.generation, after);
        }
        if let Some(after) = change.ready {
            self.half_open.fetch_sub(1, Ordering::Relaxed);
            entry.generation.stream_ready();
            self.metrics.ready(&entry.generation, after);
            self.newsroom.tell(News::StreamReady {
                stream: Arc::clone(&entry.name),
                seconds: after.as_secs_f64(),
            });
        }
        if let Notification::ComponentStateFailed {
            component_id,
            reason,
        } = notification
        {
            self.metrics
                .failed(&entry.generation, reason.kind(), change.failed);
            self.newsroom.tell(News::StreamFailed {
                stream: Arc::clone(&entry.name),
                component_id: *component_id,
                kind: reason.kind(),
                reason: reason.to_string(),
            });
        }
        if change.failed {
            self.half_open.fetch_sub(1, Ordering::Relaxed);
            entry.generation.stream_failed();
        }
    }

    /// It has ended, or was never opened.
    fn remove(&self, entry: &Arc<Entry>) {
        let is_half_open = entry.is_half_open();
        if is_half_open {
            self.half_open.fetch_sub(1, Ordering::Relaxed);
        }
        let removed = self.lock().remove(&entry.name);
        drop(removed);
        if entry.has_begun() {
            entry.generation.stream_ended();
            if is_half_open {
                self.metrics.abandoned(&entry.generation);
            }
            self.metrics.ended(&entry.generation);
            self.newsroom.tell(News::StreamEnded {
                stream: Arc::clone(&entry.name),
            });
        }
        self.ended.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Entry>>> {
        // No code that could panic runs under this lock.
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
