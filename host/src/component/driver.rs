//! Who is called when: one handshake instance and its queues. The rules are tested in `tests/tests/semantics`.
//!
//! The driver knows nothing of ICE, nor where the instance is. It is told what happens, asks for calls one at a time
//! through [`Driver::poll_request`], and hears of their outcome in [`Driver::handle_completion`], at once or later: what
//! happens meanwhile waits in order. A call that does not come back in time ends it; once it does come back, its
//! instance is destroyed.
mod away;
mod ending;
mod export;
mod output;
mod state;

use super::drops::Cause;
use super::waiting::{Queue, Waiting};
use crate::plugin::{
    Call, CallName, Completion, Deadline, Effects, ExportParameters, FailureKind, InitParameters,
    Outcome, PluginInfo, Request, Role,
};
use away::Away;
use state::State;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

pub(super) use away::Patience;
pub(super) use export::{ENDED, NoExport};
pub(super) use output::{Output, Route};
pub use state::Phase;

/// Most datagrams that wait for the peer's parameters; the oldest leave first.
const MAX_WAITING_FOR_PEER: usize = 8;

/// Nanoseconds between two deadlines of a plugin that always asks for one in the past: soon, not at once.
const REST: u64 = 1_000_000;

/// One instance from `init` to `destroy`.
pub(super) struct Driver {
    plugin: Arc<PluginInfo>,
    instance_id: u64,
    phase: Phase,
    state: State,
    patience: Patience,
    /// The call that is asked for, or under way: nothing else is asked for meanwhile.
    away: Option<Away>,
    request: Option<Request>,
    waiting: Queue,
    /// The keys that are asked for, in order; the first one's call may be under way.
    exports: VecDeque<ExportParameters>,
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
            .field("state", &self.state)
            .field("away", &self.away)
            .field("request", &self.request)
            .field("waiting", &self.waiting)
            .field("peer", &self.peer)
            .field("deadline", &self.deadline)
            .field("outputs", &self.outputs.len())
            .finish_non_exhaustive()
    }
}

impl Driver {
    /// Asks for `init` at once.
    pub(super) fn start(
        plugin: Arc<PluginInfo>,
        parameters: InitParameters,
        patience: Patience,
    ) -> Self {
        let mut driver = Self {
            plugin,
            instance_id: parameters.instance_id,
            phase: Phase::Starting,
            state: State::Unmade,
            patience,
            away: None,
            request: None,
            waiting: Queue::default(),
            exports: VecDeque::new(),
            peer: None,
            deadline: None,
            rested: 0,
            woken: false,
            closing: false,
            said_goodbye: false,
            warning: None,
            outputs: VecDeque::new(),
        };
        driver.ask(Call::Init(parameters));
        driver
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
        self.state != State::Gone
    }

    /// Whether it has ended and nothing of its instance is left, nor under way.
    pub(super) fn is_gone(&self) -> bool {
        self.phase == Phase::Ended && self.away.is_none()
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

    /// A datagram from a verified address, with its number among the component's.
    pub(super) fn handle_datagram(&mut self, number: u64, datagram: &[u8]) -> Route {
        // The application's traffic is never held up by a call that is under way.
        if self.phase == Phase::Finished && !self.may_be_handshake(datagram) {
            Route::Application
        } else if self.is_callable() || self.state == State::Gone {
            self.dispatch(number, datagram)
        } else {
            self.wait(number, datagram)
        }
    }

    /// Whether the instance can be told what happens.
    fn is_callable(&self) -> bool {
        let is_told = matches!(
            self.state,
            State::AwaitingReady | State::Connected | State::Finished
        );
        is_told && self.away.is_none()
    }

    /// Whether a datagram can be the handshake's by its first byte (RFC 7983).
    fn may_be_handshake(&self, datagram: &[u8]) -> bool {
        match (self.plugin.first_bytes, self.state) {
            (_, State::Gone) => false,
            (None, _) => self.phase != Phase::Finished,
            (Some(map), _) => map.contains(datagram.first().copied().unwrap_or_default()),
        }
    }

    /// Whether a peer with this plugin takes a datagram for the handshake's, whatever else stands in it.
    pub(super) fn claims(&self, datagram: &[u8]) -> bool {
        !self.plugin.inspects && self.may_be_handshake(datagram)
    }

    /// Sends a datagram where it belongs, as far as its first byte tells; the instance can be told of it, or is gone.
    fn dispatch(&mut self, number: u64, datagram: &[u8]) -> Route {
        // The contract promises a plugin that no datagram is empty.
        if !datagram.is_empty() && self.may_be_handshake(datagram) {
            self.ask_for_datagram(number, datagram.to_vec());
            // One that the plugin looks at first may come back.
            return match self.plugin.inspects {
                true => Route::Waiting,
                false => Route::Taken,
            };
        }
        match (self.phase, datagram.first()) {
            (Phase::Finished, _) => Route::Application,
            (Phase::Ended, _) => Route::Dropped(Cause::Ended),
            (_, Some(&first)) => Route::Dropped(Cause::FirstByte(first)),
            (_, None) => Route::Dropped(Cause::NotHandshake),
        }
    }

    fn ask_for_datagram(&mut self, number: u64, datagram: Vec<u8>) {
        self.ask(Call::RecvFromPeer(datagram));
        if let Some(away) = &mut self.away {
            away.number = number;
        }
    }

    /// The plugin says that the datagram of this number is not the handshake's.
    fn take_back(&mut self, number: u64, datagram: Vec<u8>) {
        self.outputs.push_back(match self.phase {
            Phase::Finished => Output::Application(datagram),
            _ => Output::Dropped(number, Cause::NotHandshake),
        });
    }

    /// Of a flight that is too long its beginning is kept: retransmitted, the rest finds room behind it.
    fn wait(&mut self, number: u64, datagram: &[u8]) -> Route {
        let is_for_peer = self.plugin.wants_peer && self.peer.is_none();
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
            self.ask(Call::OnDeadline);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` while the instance is away, and while its
    /// handshake waits for READY: what it repeated meanwhile would all leave at once.
    pub(super) fn poll_timeout(&self) -> Option<u64> {
        match self.state {
            State::Connected | State::Finished if self.away.is_none() => {
                self.deadline.map(|at| at.max(self.rested))
            }
            _ => None,
        }
    }

    /// The next call to make. Its completion must come back.
    pub(super) fn poll_request(&mut self, now: Instant) -> Option<Request> {
        let request = self.request.take()?;
        if let Some(away) = &mut self.away {
            let patience = self.patience.of(away.call);
            away.until = patience.and_then(|patience| now.checked_add(patience));
        }
        Some(request)
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What came of a call.
    pub(super) fn handle_completion(&mut self, completion: Completion) {
        let Completion {
            has_instance,
            outcome,
            effects,
            ..
        } = completion;
        let is_awaited = self.request.is_none();
        let Some(away) = self.away.take_if(|_| is_awaited) else {
            return; // nothing was asked that it could answer
        };
        match (self.phase, away.call) {
            (_, CallName::Destroy) => return,
            (Phase::Ended, _) => return self.destroy(has_instance), // nobody has waited for it
            _ => {}
        }
        self.take_effects(&outcome, effects);
        match outcome {
            Outcome::Pending => self.go_on(away.call),
            Outcome::Finished(data) => {
                self.phase = Phase::Finished;
                match away.call {
                    // Nothing but `destroy` is called.
                    CallName::Init => self.destroy(has_instance),
                    _ => self.state = State::Finished,
                }
                self.outputs.push_back(Output::Finished(data));
                self.release_data();
            }
            Outcome::NotHandshake(datagram) => self.take_back(away.number, datagram),
            Outcome::Exported(key) => self.take_exported(away.call, key),
            Outcome::NotExported(reason) => self.end_export(away.call, Err(reason)),
            Outcome::Failed(failure) => {
                let end = self.end_of(failure);
                self.end_with(end, has_instance);
            }
            Outcome::Closed | Outcome::Gone => {
                self.end_with(Output::Closed { by_peer: false }, has_instance);
            }
        }
        self.advance();
    }

    fn take_effects(&mut self, outcome: &Outcome, mut effects: Effects) {
        let broke_contract =
            matches!(outcome, Outcome::Failed(failure) if failure.kind == FailureKind::Fault);
        if !broke_contract {
            self.carry_out(outcome, &mut effects);
        } // else nothing it says counts any more
    }

    fn carry_out(&mut self, outcome: &Outcome, effects: &mut Effects) {
        if let Some(data) = effects.init_data.take() {
            self.outputs.push_back(Output::InitData(data));
        } else if self.phase == Phase::Starting && !matches!(outcome, Outcome::Failed(_)) {
            self.outputs.push_back(Output::InitData(Vec::new()));
        }
        self.outputs.extend(
            effects
                .packets()
                .map(|packet| Output::Packet(packet.to_vec())),
        );
        if let Some(warning) = effects.sentence.take() {
            self.outputs.push_back(Output::Warning(format!(
                "plugin {}: {warning}",
                self.plugin.id
            )));
            self.warning = Some(warning).filter(|_| self.phase != Phase::Starting);
        }
        match effects.deadline {
            Some(Deadline::At(at)) => self.deadline = Some(at),
            Some(Deadline::Cleared) => self.deadline = None,
            None => {}
        }
    }

    /// A call has finished nothing.
    fn go_on(&mut self, call: CallName) {
        self.state = match call {
            CallName::Init if self.plugin.wants_peer => State::AwaitingPeer,
            CallName::Init | CallName::SetPeer => State::AwaitingReady,
            CallName::ConnectionReady => State::Connected,
            _ => self.state,
        };
        self.phase = match self.state {
            State::AwaitingPeer => Phase::AwaitingPeer,
            State::Finished => Phase::Finished,
            _ => Phase::InProgress,
        };
    }

    /// What waited and is the application's does not wait for what is the plugin's: it would be overtaken.
    fn release_data(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        let data = waiting.extract(|datagram| self.may_be_handshake(datagram));
        self.waiting = waiting;
        self.outputs
            .extend(data.into_iter().map(Output::Application));
    }

    /// Makes the next call that is due, if none is under way.
    fn advance(&mut self) {
        while self.phase != Phase::Ended {
            match (self.state, &self.peer) {
                // Destroyed, which nothing waits for.
                (State::Gone, _) if self.closing => return self.end_closed(),
                (State::Gone, _) => {}
                _ if self.away.is_some() => return,
                _ if self.closing => {
                    self.said_goodbye = true;
                    return self.ask(Call::Close);
                }
                (State::AwaitingPeer, None) => return,
                (State::AwaitingPeer, Some((role, data))) => {
                    let (role, data) = (*role, data.clone());
                    return self.ask(Call::SetPeer(role, data));
                }
                _ => {}
            }
            match self.waiting.pop() {
                // Finished before READY: connection_ready is not called.
                Some(Waiting::Ready) if self.state != State::AwaitingReady => {}
                Some(Waiting::Ready) => self.ask(Call::ConnectionReady),
                Some(Waiting::Export) => {
                    if let Some(call) = self.next_export() {
                        self.ask(call);
                    }
                }
                Some(Waiting::Datagram(number, datagram)) => {
                    match self.dispatch(number, &datagram) {
                        Route::Application => self.outputs.push_back(Output::Application(datagram)),
                        Route::Dropped(cause) => {
                            self.outputs.push_back(Output::Dropped(number, cause));
                        }
                        Route::Taken | Route::Waiting => {}
                    }
                }
                None if std::mem::take(&mut self.woken) && self.is_callable() => {
                    self.ask(Call::OnWake);
                }
                None => return,
            }
        }
    }

    fn ask(&mut self, call: Call) {
        self.away = Some(Away {
            call: call.name(),
            until: None,
            number: 0,
        });
        self.request = Some(Request {
            instance_id: self.instance_id,
            call,
        });
    }
}
