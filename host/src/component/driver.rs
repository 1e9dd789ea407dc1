//! Who is called when: one handshake instance and its queues. The rules are tested in `tests/tests/semantics`.
//!
//! The driver knows nothing of ICE. It is told what happens, asks for calls one at a time through
//! [`Driver::poll_request`], and hears of their outcome in [`Driver::handle_completion`], at once or later:
//! what happens meanwhile waits in order.
use super::drops::Cause;
use super::waiting::{Queue, Waiting};
use crate::plugin::{
    Call, Completion, Deadline, Emitted, Failure, FailureKind, InitParameters, Live, Outcome,
    Plugin, Request, Role,
};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Most datagrams that wait for the peer's parameters; the oldest leave first.
const MAX_WAITING_FOR_PEER: usize = 8;

/// Nanoseconds between two deadlines of a plugin that always asks for one in the past: soon, not at once.
const REST: u64 = 1_000_000;

/// One instance from `init` to `destroy`.
pub(super) struct Driver {
    plugin: Arc<Plugin>,
    instance_id: u64,
    phase: Phase,
    instance: Slot,
    emitted: Emitted,
    request: Option<Request>,
    waiting: Queue,
    peer: Option<(Role, Vec<u8>)>,
    deadline: Option<u64>,
    /// When the plugin may be called for a deadline again.
    rested: u64,
    woken: bool,
    closing: bool,
    /// Whether `close` was called: nothing but the end can come of it.
    said_goodbye: bool,
    /// What the plugin warned of last, since `init`.
    warning: Option<String>,
    outputs: VecDeque<Output>,
}

/// Without what was agreed on.
impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("instance_id", &self.instance_id)
            .field("phase", &self.phase)
            .field("request", &self.request)
            .field("waiting", &self.waiting)
            .field("peer", &self.peer)
            .field("deadline", &self.deadline)
            .field("outputs", &self.outputs.len())
            .finish_non_exhaustive()
    }
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
enum Slot {
    /// Here: it can be called.
    Here(Live),
    /// A call has it.
    Away,
    /// There is none: finished in `init`, failed or closed.
    Nowhere,
}

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To the plugin, now.
    Taken,
    /// To wait for its turn.
    Waiting,
    /// Nowhere.
    Dropped(Cause),
    /// To the application.
    Application,
}

/// What a driver says.
pub(super) enum Output {
    InitData(Vec<u8>),
    Packet(Vec<u8>),
    Finished(Zeroizing<Vec<u8>>),
    /// A datagram that had to wait and turned out to be the application's.
    Application(Vec<u8>),
    /// The datagram with this number waited, and is dropped.
    Dropped(u64, Cause),
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
            instance: Slot::Away,
            emitted: Emitted::default(),
            request: Some(Request::new(instance_id, init, Emitted::default())),
            waiting: Queue::default(),
            peer: None,
            deadline: None,
            rested: 0,
            woken: false,
            closing: false,
            said_goodbye: false,
            warning: None,
            outputs: VecDeque::new(),
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

    /// Whether there is an instance: there is none after a finish in `init`, or at the end.
    pub(super) fn has_instance(&self) -> bool {
        !matches!(self.instance, Slot::Nowhere)
    }

    pub(super) fn peer(&self) -> Option<&(Role, Vec<u8>)> {
        self.peer.as_ref()
    }

    /// What the plugin warned of last, such as an alert that may be anybody's; nothing of what `init` found in its
    /// options.
    pub(super) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
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
            self.waiting.push(Waiting::Ready);
            self.advance();
        }
    }

    pub(super) fn wake(&mut self) {
        self.woken = true;
        self.advance();
    }

    /// Says the last words and ends. [`Output::Closed`] follows unless it has ended already. While `init` is under way
    /// nobody waits for it: what comes of it is destroyed.
    pub(super) fn close(&mut self) {
        if self.phase == Phase::Starting {
            self.end_closed(false);
        } else if self.phase != Phase::Ended {
            self.closing = true;
            self.advance();
        }
    }

    /// Ends without a word: ICE has failed, or time is up.
    pub(super) fn abandon(&mut self) {
        self.end();
    }

    /// A datagram from a verified address, with its number among the component's.
    pub(super) fn handle_datagram(&mut self, number: u64, datagram: &[u8]) -> Route {
        match &self.instance {
            // The application's traffic is never held up by a call that is under way.
            _ if self.phase == Phase::Finished && !self.may_be_handshake(datagram) => {
                Route::Application
            }
            Slot::Away | Slot::Here(Live::AwaitingPeer(_)) => self.wait(number, datagram),
            Slot::Here(_) | Slot::Nowhere => self.dispatch(datagram),
        }
    }

    /// Whether a datagram can be the handshake's by its first byte (RFC 7983).
    fn may_be_handshake(&self, datagram: &[u8]) -> bool {
        match (self.plugin.first_bytes(), &self.instance) {
            (_, Slot::Nowhere) => false,
            (None, _) => self.phase != Phase::Finished,
            (Some(map), _) => map.contains(datagram.first().copied().unwrap_or_default()),
        }
    }

    /// Whether a peer with this plugin takes a datagram for the handshake's, whatever else stands in it.
    pub(super) fn claims(&self, datagram: &[u8]) -> bool {
        !self.plugin.inspects() && self.may_be_handshake(datagram)
    }

    /// Sends a datagram where it belongs; the instance is not away and knows its peer.
    fn dispatch(&mut self, datagram: &[u8]) -> Route {
        // The contract promises a plugin that no datagram is empty.
        let is_mapped = !datagram.is_empty() && self.may_be_handshake(datagram);
        let mut theirs = is_mapped;
        if let (true, true, Slot::Here(live)) = (theirs, self.plugin.inspects(), &mut self.instance)
        {
            theirs = live.is_handshake(datagram);
        }
        if theirs {
            let datagram = datagram.to_vec();
            self.call(|live| Call::RecvFromPeer(live, datagram));
            return Route::Taken;
        }
        match (self.phase, datagram.first()) {
            (Phase::Finished, _) => Route::Application,
            (Phase::Ended, _) => Route::Dropped(Cause::Ended),
            (_, Some(&first)) if !is_mapped => Route::Dropped(Cause::FirstByte(first)),
            _ => Route::Dropped(Cause::NotHandshake),
        }
    }

    /// Of a flight that is too long its beginning is kept: retransmitted, the rest finds room behind it.
    fn wait(&mut self, number: u64, datagram: &[u8]) -> Route {
        let is_for_peer = self.plugin.wants_peer() && self.peer.is_none();
        if is_for_peer && self.waiting.datagrams() == MAX_WAITING_FOR_PEER {
            self.drop_oldest(Cause::PeerUnknown);
        }
        if !self.waiting.has_room(datagram.len()) {
            return Route::Dropped(Cause::NoRoom);
        }
        let datagram = datagram.to_vec();
        self.waiting.push(Waiting::Datagram(number, datagram));
        Route::Waiting
    }

    /// Drops the datagram that has waited longest; returns whether there was one.
    fn drop_oldest(&mut self, cause: Cause) -> bool {
        let oldest = self.waiting.pop_datagram();
        let dropped = oldest.map(|number| Output::Dropped(number, cause));
        self.outputs.extend(dropped);
        oldest.is_some()
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
            Slot::Here(Live::AwaitingPeer(_) | Live::AwaitingReady(_)) => None,
            Slot::Away | Slot::Nowhere => None,
            Slot::Here(_) => self.deadline.map(|at| at.max(self.rested)),
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
                self.instance = live.map_or(Slot::Nowhere, Slot::Here);
                self.phase = Phase::Finished;
                self.outputs.push_back(Output::Finished(data));
                self.release_data();
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
            self.warning = Some(warning).filter(|_| self.phase != Phase::Starting);
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
        self.instance = Slot::Here(live);
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
        self.instance = Slot::Nowhere;
        self.request = None;
        while self.drop_oldest(Cause::Ended) {}
        self.waiting = Queue::default();
        self.deadline = None;
    }

    /// What waited and is the application's does not wait for what is the plugin's: it would be overtaken.
    fn release_data(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        let data = waiting.extract(|datagram| self.may_be_handshake(datagram));
        self.waiting = waiting;
        self.outputs
            .extend(data.into_iter().map(Output::Application));
    }

    /// Makes the next call that is due, if the instance is not away.
    fn advance(&mut self) {
        while self.phase != Phase::Ended {
            match (&self.instance, &self.peer) {
                (Slot::Away, _) => return,
                _ if self.closing => return self.say_goodbye(),
                (Slot::Here(Live::AwaitingPeer(_)), None) => return,
                (Slot::Here(Live::AwaitingPeer(_)), Some((role, data))) => {
                    let (role, data) = (*role, data.clone());
                    return self.tell_peer(role, data);
                }
                (Slot::Here(_) | Slot::Nowhere, _) => {}
            }
            match self.waiting.pop() {
                Some(Waiting::Ready) => self.tell_ready(),
                Some(Waiting::Datagram(number, datagram)) => match self.dispatch(&datagram) {
                    Route::Application => self.outputs.push_back(Output::Application(datagram)),
                    Route::Dropped(cause) => self.outputs.push_back(Output::Dropped(number, cause)),
                    Route::Taken | Route::Waiting => {}
                },
                None if std::mem::take(&mut self.woken) => self.call(Call::OnWake),
                None => return,
            }
        }
    }

    fn say_goodbye(&mut self) {
        match self.instance {
            Slot::Here(_) => {
                self.said_goodbye = true;
                self.call(Call::Close);
            }
            Slot::Away | Slot::Nowhere => self.end_closed(false),
        }
    }

    fn tell_peer(&mut self, role: Role, data: Vec<u8>) {
        match std::mem::replace(&mut self.instance, Slot::Away) {
            Slot::Here(Live::AwaitingPeer(instance)) => {
                self.ask(Call::SetPeer(instance, role, data))
            }
            other => self.instance = other,
        }
    }

    fn tell_ready(&mut self) {
        match std::mem::replace(&mut self.instance, Slot::Away) {
            Slot::Here(Live::AwaitingReady(instance)) => self.ask(Call::ConnectionReady(instance)),
            other => self.instance = other, // finished before READY: connection_ready is not called
        }
    }

    fn call(&mut self, call: impl FnOnce(Live) -> Call) {
        match std::mem::replace(&mut self.instance, Slot::Away) {
            Slot::Here(live) => self.ask(call(live)),
            other => self.instance = other,
        }
    }

    /// The instance goes away with the call.
    fn ask(&mut self, call: Call) {
        let emitted = std::mem::take(&mut self.emitted);
        self.request = Some(Request::new(self.instance_id, call, emitted));
    }
}
