//! Opening one plugin on a thread of its own, and those who wait for it.
use super::choice::Choice;
use super::copy::{PrivateCopies, PrivateCopy};
use super::host_table::Services;
use super::load_error::Error;
use super::open::Plugin;
use super::scan::Scanner;
use std::collections::HashMap;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Instant;

/// A plugin, and what there is to say of the files it was chosen from.
pub(super) type Chosen = (Arc<Plugin>, Option<String>);

/// The plugin of one id. It is opened by one thread at a time: two streams that start at once share it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// As it is in its directory.
    current: Option<(Arc<Plugin>, Choice)>,
    /// All that are in use, by the SHA-256 of their content: one that comes back has its image and its `load` still.
    in_use: HashMap<String, Weak<Plugin>>,
    /// Until when it is waited for that a thread opens it, if one does.
    opening: Option<Instant>,
}

impl Slot {
    /// Waits until nothing is being opened, no longer than until then. `None` if something still is.
    pub(super) fn when_idle(&self, until: Instant) -> Option<MutexGuard<'_, State>> {
        let mut state = self.lock();
        while let Some(its) = state.opening {
            let left = until.min(its).saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.idle.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The plugin, if it is loaded and still what would be found.
    pub(super) fn known(&self) -> Option<Chosen> {
        let (plugin, choice) = self.current.as_ref()?;
        let chosen = || (Arc::clone(plugin), choice.sentence.clone());
        choice.is_unchanged().then(chosen)
    }

    /// The plugin of this content, if somebody has it.
    pub(super) fn in_use(&self, sha256: &str) -> Option<Arc<Plugin>> {
        self.in_use.get(sha256).and_then(Weak::upgrade)
    }
}

/// As long as this is there, others wait.
#[derive(Debug)]
pub(super) struct Opening(Arc<Slot>);

impl Opening {
    /// `state` is that of the slot.
    pub(super) fn begin(
        slot: &Arc<Slot>,
        mut state: MutexGuard<'_, State>,
        until: Instant,
    ) -> Self {
        state.opening = Some(until);
        Self(Arc::clone(slot))
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.lock().opening = None;
        self.0.idle.notify_all();
    }
}

/// A plugin that is to be opened.
#[derive(Debug)]
pub(super) struct Loading {
    pub(super) opening: Opening,
    pub(super) source: Source,
    pub(super) scanner: Scanner,
    pub(super) services: Arc<Services>,
}

/// What is opened.
#[derive(Debug)]
pub(super) enum Source {
    /// What was found for an id: it becomes current.
    Found(Choice, PrivateCopies),
    /// A copy that the caller has.
    Copy(PrivateCopy),
}

impl Loading {
    /// Opens it on another thread, and waits for that. `None` if it takes longer: what comes of it then is there for
    /// the next one who asks.
    pub(super) fn run_until(self, until: Instant) -> Option<Result<Chosen, Error>> {
        let (teller, told) = mpsc::channel();
        let loading = Arc::new(Mutex::new(Some(self)));
        let its = Arc::clone(&loading);
        let run = move || {
            // Those who wait go on before this is told: a thread that is told asks the slot again.
            let opened = taken(&its).map(Self::run);
            if let Some(Err(mpsc::SendError(Err(error)))) = opened.map(|opened| teller.send(opened))
            {
                tracing::warn!("{error}"); // nobody waits any more
            }
        };
        let name = "handclasp-load".to_owned();
        match thread::Builder::new().name(name).spawn(run) {
            Ok(_) => {
                let left = until.saturating_duration_since(Instant::now());
                told.recv_timeout(left).ok()
            }
            // The system has no thread to give.
            Err(_) => Some(taken(&loading)?.run()),
        }
    }

    fn run(self) -> Result<Chosen, Error> {
        let (copy, choice) = match self.source {
            Source::Found(choice, copies) => (copies.copy(&choice.found)?, Some(choice)),
            Source::Copy(copy) => (copy, None),
        };
        let sha256 = copy.sha256();
        let slot = &self.opening.0;
        let in_use = slot.lock().in_use(sha256);
        let plugin = match in_use {
            Some(plugin) => plugin,
            None => {
                if self.scanner.is_apart() {
                    self.scanner.scan(&copy)?;
                }
                Plugin::open(&copy, &self.services)?
            }
        };
        let mut state = slot.lock();
        state.in_use.retain(|_, other| other.strong_count() > 0);
        let weak = Arc::downgrade(&plugin);
        state.in_use.insert(sha256.to_owned(), weak);
        let sentence = choice.as_ref().and_then(|choice| choice.sentence.clone());
        let last = choice.and_then(|choice| state.current.replace((Arc::clone(&plugin), choice)));
        drop(state);
        drop(last); // its `unload` may take as long as it likes
        Ok((plugin, sentence))
    }
}

fn taken(loading: &Mutex<Option<Loading>>) -> Option<Loading> {
    loading
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
}
