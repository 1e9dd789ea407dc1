//! What a plugin said, for a check that looks for what it must not say.
use handclasp::plugin::{Completion, Outcome, PluginLog};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All that was said since the plugin was opened. Clones hear the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    said: Arc<Mutex<Said>>,
    /// If not, it stays empty.
    listens: bool,
}

/// By the place where it was said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) logged: Vec<u8>,
    /// Errors and warnings.
    pub(crate) sentences: Vec<u8>,
    /// Init data and datagrams, for anyone on the way to read.
    pub(crate) sent: Vec<u8>,
}

impl Heard {
    /// One that listens.
    pub(crate) fn listening() -> Self {
        Self {
            listens: true,
            ..Self::default()
        }
    }

    /// Whether what the plugin says is looked at.
    pub(crate) fn listens(&self) -> bool {
        self.listens
    }

    /// A log that takes every line; none if nobody listens, or the system gives no thread.
    pub(crate) fn log(&self) -> Option<PluginLog> {
        let heard = self.clone();
        let take = move |lines: &[u8]| heard.said().logged.extend_from_slice(lines);
        self.listens
            .then(|| PluginLog::collect(take).ok())
            .flatten()
    }

    /// Takes what came of a call.
    pub(crate) fn add(&self, completion: &Completion) {
        if !self.listens {
            return;
        }
        let effects = &completion.effects;
        let mut said = self.said();
        let failure = match &completion.outcome {
            Outcome::Failed(failure) => failure.detail.as_deref(),
            _ => None,
        };
        for sentence in [effects.sentence.as_deref(), failure].into_iter().flatten() {
            said.sentences.extend_from_slice(sentence.as_bytes());
            said.sentences.push(b'\n');
        }
        for sent in effects
            .init_data
            .as_deref()
            .into_iter()
            .chain(effects.packets())
        {
            said.sent.extend_from_slice(sent);
            said.sent.push(b'\n');
        }
    }

    pub(crate) fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
