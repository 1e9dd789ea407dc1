//! Who carries out the calls that a stream asks for.
use super::helpers::{Helpers, InitCall, Returns};
use super::keys::StreamKey;
use super::watch::{At, Pulse};
use crate::plugin::{Call, Completion, InProcess, Plugin, Request};
use crate::trace::CallRecorder;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Carries out the calls that one stream asks for. When it is dropped, what comes of those under way is destroyed.
pub(super) trait Backend: Send {
    /// Takes a call over. Its completion is there at once, or the stream's loop is told when to look
    /// ([`Command::Completed`](super::Command::Completed)).
    fn submit(&mut self, desk: &mut Desk<'_>, request: Request, recorder: Option<CallRecorder>);

    /// The next completion.
    fn poll(&mut self) -> Option<Completion>;

    /// Whether no call is under way.
    fn is_idle(&self) -> bool;

    /// Nobody waits for this instance: if its `init` has not begun, it does not, and completes.
    fn abandon(&mut self, desk: &mut Desk<'_>, instance_id: u64);
}

/// What a stream's loop has for its calls.
pub(super) struct Desk<'a> {
    pub(super) stream: StreamKey,
    pub(super) now: Instant,
    /// `now` on the plugins' clock.
    pub(super) nanos: u64,
    pub(super) init_timeout: Duration,
    pub(super) helpers: &'a mut Helpers,
    pub(super) pulse: &'a Pulse,
}

/// Calls into a plugin that is mapped here: `init` on a helper thread, for it may take long, and the others at once.
pub(super) struct InProcessBackend {
    calls: InProcess,
    done: VecDeque<Completion>,
    /// Calls of `init` that have not been seen to return.
    under_way: usize,
    returns: Arc<Returns>,
}

impl InProcessBackend {
    pub(super) fn new(plugin: Arc<Plugin>) -> Self {
        Self {
            returns: Arc::new(Returns::new(Arc::clone(&plugin))),
            calls: InProcess::new(plugin),
            done: VecDeque::new(),
            under_way: 0,
        }
    }
}

impl Backend for InProcessBackend {
    fn submit(&mut self, desk: &mut Desk<'_>, request: Request, recorder: Option<CallRecorder>) {
        if let Call::Init(_) = request.call {
            self.under_way += 1;
            let call = InitCall::new(request, recorder, Arc::clone(&self.returns));
            let plugin = self.calls.plugin();
            let helpers = &mut desk.helpers;
            return helpers.submit(desk.now, plugin, desk.stream, call, desk.init_timeout);
        }
        let call = request.call.name();
        desk.pulse.call(desk.stream, call);
        let note = recorder.as_ref().map(|recorder| recorder.begin(call));
        let completion = self.calls.run(request, desk.nanos);
        if let Some(note) = note {
            note.end(&completion);
        }
        desk.pulse.at(At::Streams);
        self.done.push_back(completion);
    }

    fn poll(&mut self) -> Option<Completion> {
        if self.under_way > 0 {
            for made in self.returns.take() {
                self.under_way -= 1;
                self.done.push_back(self.calls.take_in(made));
            }
        }
        self.done.pop_front()
    }

    fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    fn abandon(&mut self, desk: &mut Desk<'_>, instance_id: u64) {
        desk.helpers.forget_instance(desk.stream, instance_id);
    }
}

impl Drop for InProcessBackend {
    fn drop(&mut self) {
        self.returns.close();
    }
}
