//! A call of `init` on a helper thread, and the way back.
use crate::plugin::{Made, Plugin, Request};
use crate::trace::CallRecorder;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A call of `init`. One that is dropped before it has begun completes without an instance.
#[derive(Debug)]
pub(in crate::net) struct InitCall {
    instance_id: u64,
    request: Option<Request>,
    recorder: Option<CallRecorder>,
    returns: Arc<Returns>,
}

/// What has come of the calls of one stream's. Once nobody takes it any more, what was made is destroyed.
#[derive(Debug)]
pub(in crate::net) struct Returns {
    plugin: Arc<Plugin>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    made: Vec<Returned>,
}

#[derive(Debug)]
struct Returned {
    made: Made,
    recorder: Option<CallRecorder>,
}

impl InitCall {
    pub(in crate::net) fn new(
        request: Request,
        recorder: Option<CallRecorder>,
        returns: Arc<Returns>,
    ) -> Self {
        Self {
            instance_id: request.instance_id,
            request: Some(request),
            recorder,
            returns,
        }
    }

    pub(super) fn instance_id(&self) -> u64 {
        self.instance_id
    }

    /// Makes the call; returns whether somebody takes what has come of it.
    pub(super) fn run(mut self, now_ns: u64) -> bool {
        let Some(request) = self.request.take() else {
            return false;
        };
        let recorder = self.recorder.take();
        let note = recorder.as_ref().map(|it| it.begin(request.call.name()));
        let made = Made::new(&self.returns.plugin, request, now_ns);
        if let Some(note) = note {
            note.end(made.completion());
        }
        self.returns.put(Returned { made, recorder })
    }
}

impl Drop for InitCall {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            self.returns.put(Returned {
                made: Made::unwanted(request),
                recorder: None,
            });
        }
    }
}

impl Returns {
    pub(in crate::net) fn new(plugin: Arc<Plugin>) -> Self {
        Self {
            plugin,
            state: Mutex::default(),
        }
    }

    /// All that has come since.
    pub(in crate::net) fn take(&self) -> Vec<Made> {
        let made = std::mem::take(&mut self.lock().made);
        made.into_iter().map(|returned| returned.made).collect()
    }

    /// From now on nobody takes anything.
    pub(in crate::net) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let left = std::mem::take(&mut state.made);
        drop(state);
        for returned in left {
            self.destroy(returned);
        }
    }

    fn put(&self, returned: Returned) -> bool {
        let mut state = self.lock();
        let is_open = !state.closed;
        if is_open {
            state.made.push(returned);
        } else {
            drop(state);
            self.destroy(returned);
        }
        is_open
    }

    fn destroy(&self, Returned { made, recorder }: Returned) {
        if let Some((mut calls, request)) = made.leftover(&self.plugin) {
            let note = recorder.as_ref().map(|it| it.begin(request.call.name()));
            // `destroy` is told no time.
            let completion = calls.run(request, 0);
            if let Some(note) = note {
                note.end(&completion);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
