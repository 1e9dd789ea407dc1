//! Who is called when: one handshake instance and its queues. The rules are tested in `tests/tests/semantics`.
//!
//! The driver knows nothing of ICE. It is told what happens, asks for calls one at a time through
//! [`Driver::poll_request`], and hears of their outcome in [`Driver::handle_completion`], at once or later:
//! what happens meanwhile waits in order.
use crate::plugin::{
    Call, Completion, Deadline, Emitted, Failure, FailureKind, InitParameters, Live, Outcome,
    Plugin, Request, Role,
};
use std::collections::VecDeque;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Most datagrams that wait for the instance or for its peer's parameters; the oldest leave first.
const MAX_WAITING: usize = 8;

/// Nanoseconds between two deadlines of a plugin that always asks for one in the past: soon, not at once.
const REST: u64 = 1_000_000;

/// One instance from `init` to `destroy`.
#[derive(Debug)]
pub(super) struct Driver {
    plugin: Arc<Plugin>,
    instance_id: u64,
    phase: Phase,
    instance: Place,
    emitted: Emitted,
    request: Option<Request>,
    waiting: VecDeque<Waiting>,
    peer: Option<(Role, Vec<u8>)>,
    deadline: Option<u64>,
    /// When the plugin may be called for a deadline again.
    rested: u64,
    woken: bool,
    closing: bool,
    /// Whether `close` was called: nothing but the end can come of it.
    said_goodbye: bool,
    outputs: VecDeque<Output>,
    dropped: u64,
}

/// How far a handshake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `init` is running.
    Starting,
    /// The plugin wants its peer's parameters, which nobody has given yet.
    AwaitingPeer,
    /// The handshake is in progress.
    InProgress,
    /// The handshake is over; data flows.
    Finished,
    /// Failed or closed: nothing is called any more.
    Ended,
}

/// Where the instance is.
#[derive(Debug)]
enum Place {
    /// Here: it can be called.
    Here(Live),
    /// A call has it.
    Away,
    /// There is none: finished in `init`, failed or closed.
    Nowhere,
}

/// What waits for its turn, in order.
#[derive(Debug)]
enum Waiting {
    Ready,
    Datagram(Vec<u8>),
}

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To the plugin, now or later; or nowhere.
    Taken,
    /// To the application.
    Application,
}

/// What a driver says.
#[derive(Debug)]
pub(super) enum Output {
    InitData(Vec<u8>),
    Packet(Vec<u8>),
    Finished(Zeroizing<Vec<u8>>),
    /// A datagram that had to wait and turned out to be the application's.
    Application(Vec<u8>),
    Warning(String),
    Failed(Failure),
    Closed {
        by_peer: bool,
    },
}

impl Driver {
    /// Asks for `init` at once.
    pub(super) fn start(plugin: Arc<Plugin>, parameters: InitParameters) -> Self {
        let instance_id = parameters.instance_id;
        let init = Call::Init(Arc::clone(&plugin), parameters);
        Self {
            plugin,
            instance_id,
            phase: Phase::Starting,
            instance: Place::Away,
            emitted: Emitted::default(),
            request: Some(Request::new(instance_id, init, Emitted::default())),
            waiting: VecDeque::new(),
            peer: None,
            deadline: None,
            rested: 0,
            woken: false,
            closing: false,
            said_goodbye: false,
            outputs: VecDeque::new(),
            dropped: 0,
        }
    }

    pub(super) fn instance_id(&self) -> u64 {
        self.instance_id
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether it has ended or is about to.
    pub(super) fn is_leaving(&self) -> bool {
        self.closing || self.phase == Phase::Ended
    }

    /// Datagrams dropped because there was no place for them or nobody wanted them.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether there is an instance: there is none after a finish in `init`, or at the end.
    pub(super) fn has_instance(&self) -> bool {
        !matches!(self.instance, Place::Nowhere)
    }

    pub(super) fn peer(&self) -> Option<&(Role, Vec<u8>)> {
        self.peer.as_ref()
    }

    /// What the peer's `init` produced, and who starts. Counts once.
    pub(super) fn set_peer(&mut self, role: Role, init_data: Vec<u8>) {
        self.peer.get_or_insert((role, init_data));
        self.advance();
    }

    /// ICE has a selected pair. Called at most once.
    pub(super) fn ready(&mut self) {
        if matches!(
            self.phase,
            Phase::Starting | Phase::AwaitingPeer | Phase::InProgress
        ) {
            self.waiting.push_back(Waiting::Ready);
            self.advance();
        }
    }

    pub(super) fn wake(&mut self) {
        self.woken = true;
        self.advance();
    }

    /// Says the last words and ends. [`Output::Closed`] follows unless it has ended already.
    pub(super) fn close(&mut self) {
        if self.phase == Phase::Starting && self.request.is_some() {
            self.end_closed(false); // nobody has begun with `init`
        } else if self.phase != Phase::Ended {
            self.closing = true;
            self.advance();
        }
    }

    /// Ends without a word: ICE has failed, or time is up.
    pub(super) fn abandon(&mut self) {
        self.end();
    }

    /// A datagram from a validated address.
    pub(super) fn handle_datagram(&mut self, datagram: &[u8]) -> Route {
        match &self.instance {
            // The application's traffic is never held up by a call that is under way.
            _ if self.phase == Phase::Finished && !self.may_be_handshake(datagram) => {
                Route::Application
            }
            Place::Away | Place::Here(Live::AwaitingPeer(_)) => {
                self.wait(datagram.to_vec());
                Route::Taken
            }
            Place::Here(_) | Place::Nowhere => self.dispatch(datagram),
        }
    }

    /// Whether a datagram can be the handshake's by its first byte (RFC 7983).
    fn may_be_handshake(&self, datagram: &[u8]) -> bool {
        match (self.plugin.first_bytes(), &self.instance) {
            (_, Place::Nowhere) => false,
            (None, _) => self.phase != Phase::Finished,
            (Some(map), _) => {
                let first = datagram.first().copied().unwrap_or_default();
                map[usize::from(first / 8)] & (1 << (first % 8)) != 0
            }
        }
    }

    /// Sends a datagram where it belongs; the instance is not away and knows its peer.
    fn dispatch(&mut self, datagram: &[u8]) -> Route {
        // The contract promises a plugin that no datagram is empty.
        let mut theirs = !datagram.is_empty() && self.may_be_handshake(datagram);
        if let (true, true, Place::Here(live)) =
            (theirs, self.plugin.inspects(), &mut self.instance)
        {
            theirs = live.is_handshake(datagram);
        }
        if theirs {
            let datagram = datagram.to_vec();
            self.call(|live| Call::RecvFromPeer(live, datagram));
            return Route::Taken;
        }
        if self.phase == Phase::Finished {
            return Route::Application;
        }
        self.dropped += 1;
        Route::Taken
    }

    fn wait(&mut self, datagram: Vec<u8>) {
        let is_datagram = |item: &Waiting| matches!(item, Waiting::Datagram(_));
        if self.waiting.iter().filter(|item| is_datagram(item)).count() == MAX_WAITING {
            let oldest = self.waiting.iter().position(is_datagram);
            self.waiting
                .remove(oldest.expect("there are as many as may wait"));
            self.dropped += 1;
        }
        self.waiting.push_back(Waiting::Datagram(datagram));
    }

    /// Time has come to `now_ns`.
    pub(super) fn handle_timeout(&mut self, now_ns: u64) {
        if self.poll_timeout().is_some_and(|at| at <= now_ns) {
            self.deadline = None;
            self.rested = now_ns.saturating_add(REST);
            self.call(Call::OnDeadline);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` while the instance is away, and while its
    /// handshake waits for READY: what it repeated meanwhile would all leave at once.
    pub(super) fn poll_timeout(&self) -> Option<u64> {
        match self.instance {
            Place::Here(Live::AwaitingPeer(_) | Live::AwaitingReady(_)) => None,
            Place::Away | Place::Nowhere => None,
            Place::Here(_) => self.deadline.map(|at| at.max(self.rested)),
        }
    }

    /// The next call to make. Its completion must come back.
    pub(super) fn poll_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What came of a call.
    pub(super) fn handle_completion(&mut self, completion: Completion) {
        let Completion {
            outcome,
            mut emitted,
            ..
        } = completion;
        if self.phase == Phase::Ended {
            return; // abandoned meanwhile: dropping the outcome destroys the instance
        }
        self.take_emitted(&outcome, &mut emitted);
        self.emitted = emitted;
        match outcome {
            Outcome::Live(live) => self.resume(live),
            Outcome::Finished(live, data) => {
                self.instance = live.map_or(Place::Nowhere, Place::Here);
                self.phase = Phase::Finished;
                self.outputs.push_back(Output::Finished(data));
            }
            Outcome::Failed(failure) if self.said_goodbye => {
                self.outputs.push_back(Output::Warning(failure.to_string()));
                self.end_closed(false);
            }
            Outcome::Failed(failure) => self.fail(failure),
            Outcome::Closed => self.end_closed(false),
        }
        self.advance();
    }

    fn take_emitted(&mut self, outcome: &Outcome, emitted: &mut Emitted) {
        let broke_contract =
            matches!(outcome, Outcome::Failed(failure) if failure.kind == FailureKind::Fault);
        if broke_contract {
            return; // nothing it says counts any more
        }
        if let Some(data) = emitted.init_data.take() {
            self.outputs.push_back(Output::InitData(data));
        } else if self.phase == Phase::Starting && !matches!(outcome, Outcome::Failed(_)) {
            self.outputs.push_back(Output::InitData(Vec::new()));
        }
        self.outputs.extend(
            emitted
                .packets()
                .map(|packet| Output::Packet(packet.to_vec())),
        );
        if let Some(warning) = emitted.sentence.take() {
            self.outputs.push_back(Output::Warning(format!(
                "plugin {}: {warning}",
                self.plugin.id()
            )));
        }
        match emitted.deadline {
            Some(Deadline::At(at)) => self.deadline = Some(at),
            Some(Deadline::Cleared) => self.deadline = None,
            None => {}
        }
    }

    fn resume(&mut self, live: Live) {
        self.phase = match &live {
            Live::AwaitingPeer(_) => Phase::AwaitingPeer,
            Live::Finished(_) => Phase::Finished,
            Live::AwaitingReady(_) | Live::Connected(_) => Phase::InProgress,
        };
        self.instance = Place::Here(live);
    }

    fn fail(&mut self, failure: Failure) {
        let finished = self.phase == Phase::Finished;
        if finished && failure.kind == FailureKind::ClosedByPeer {
            self.end_closed(true);
        } else {
            self.end();
            self.outputs.push_back(Output::Failed(failure));
        }
    }

    fn end_closed(&mut self, by_peer: bool) {
        self.end();
        self.outputs.push_back(Output::Closed { by_peer });
    }

    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.instance = Place::Nowhere;
        self.request = None;
        self.waiting.clear();
        self.deadline = None;
    }

    /// Makes the next call that is due, if the instance is not away.
    fn advance(&mut self) {
        while self.phase != Phase::Ended {
            match (&self.instance, &self.peer) {
                (Place::Away, _) => return,
                _ if self.closing => return self.say_goodbye(),
                (Place::Here(Live::AwaitingPeer(_)), None) => return,
                (Place::Here(Live::AwaitingPeer(_)), Some((role, data))) => {
                    let (role, data) = (*role, data.clone());
                    return self.tell_peer(role, data);
                }
                (Place::Here(_) | Place::Nowhere, _) => {}
            }
            match self.waiting.pop_front() {
                Some(Waiting::Ready) => self.tell_ready(),
                Some(Waiting::Datagram(datagram)) => {
                    if self.dispatch(&datagram) == Route::Application {
                        self.outputs.push_back(Output::Application(datagram));
                    }
                }
                None if std::mem::take(&mut self.woken) => self.call(Call::OnWake),
                None => return,
            }
        }
    }

    fn say_goodbye(&mut self) {
        match self.instance {
            Place::Here(_) => {
                self.said_goodbye = true;
                self.call(Call::Close);
            }
            Place::Away | Place::Nowhere => self.end_closed(false),
        }
    }

    fn tell_peer(&mut self, role: Role, data: Vec<u8>) {
        match std::mem::replace(&mut self.instance, Place::Away) {
            Place::Here(Live::AwaitingPeer(instance)) => {
                self.ask(Call::SetPeer(instance, role, data))
            }
            other => self.instance = other,
        }
    }

    fn tell_ready(&mut self) {
        match std::mem::replace(&mut self.instance, Place::Away) {
            Place::Here(Live::AwaitingReady(instance)) => self.ask(Call::ConnectionReady(instance)),
            other => self.instance = other, // finished before READY: connection_ready is not called
        }
    }

    fn call(&mut self, call: impl FnOnce(Live) -> Call) {
        match std::mem::replace(&mut self.instance, Place::Away) {
            Place::Here(live) => self.ask(call(live)),
            other => self.instance = other,
        }
    }

    /// The instance goes away with the call.
    fn ask(&mut self, call: Call) {
        let emitted = std::mem::take(&mut self.emitted);
        self.request = Some(Request::new(self.instance_id, call, emitted));
    }
}
