//! One instance, called as a host calls it.
use super::{INITIATOR, MILLISECOND, name_of};
use crate::check::ladder::Run;
use crate::check::outcome::{Objection, is_fault};
use crate::check::probe::Probe;
use crate::trace::ladder::{Shape, Tone};
use crate::trace::words::payload as words;
use handclasp::component::Cause;
use handclasp::plugin::{
    Call, CallName, Completion, Deadline, Effects, Failure, FailureKind, InProcess, InitParameters,
    Outcome, Request, Role,
};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::thread;
use zeroize::Zeroizing;

/// Datagrams that wait until the peer is known: as many as the host keeps.
const MAX_WAITING: usize = 8;

/// Nanoseconds between two deadlines of a plugin that always asks for one in the past, as the host has them.
const REST: u64 = MILLISECOND;

/// An instance, from `init` to `destroy`.
pub(crate) struct Side<'p> {
    probe: &'p Probe,
    instance_id: u64,
    name: &'static str,
    /// Which rail of the ladder it is.
    rail: usize,
    run: Run,
    calls: InProcess,
    state: State,
    effects: Effects,
    ready: bool,
    /// Packets that may leave once this side is READY.
    outbox: VecDeque<Vec<u8>>,
    waiting: VecDeque<Vec<u8>>,
    deadline: Option<u64>,
    rested: u64,
    /// Each call comes from a thread that ends with it.
    pub(super) fresh_threads: bool,
    pub(crate) init_data: Vec<u8>,
    /// What was agreed on, once it was.
    pub(crate) agreed: Option<Zeroizing<Vec<u8>>>,
    pub(crate) failure: Option<Failure>,
    /// How often `on_deadline` was called because it was due.
    pub(crate) deadlines: u32,
    /// Datagrams that did not reach the instance while the handshake was in progress, and why.
    pub(crate) dropped: BTreeMap<Cause, u32>,
}

/// What the calls have made of the instance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    AwaitingPeer,
    AwaitingReady,
    Connected,
    Finished,
    /// Failed, closed, or never made.
    Gone,
}

/// Where a datagram goes.
enum Route {
    Instance,
    Application,
    Dropped(Cause),
}

impl<'p> Side<'p> {
    /// Makes an instance that has no peer; if that fails, `failure` says why.
    pub(crate) fn alone(probe: &'p Probe, parameters: InitParameters) -> Self {
        let run = probe.recording.begin(probe.seed, 0);
        let name = "a single instance";
        Self::init(probe, (name, INITIATOR), run, parameters, false)
    }

    /// Makes one side of a pair.
    pub(super) fn of_pair(
        probe: &'p Probe,
        side: usize,
        run: Run,
        parameters: InitParameters,
        fresh_threads: bool,
    ) -> Self {
        Self::init(probe, (name_of(side), side), run, parameters, fresh_threads)
    }

    fn init(
        probe: &'p Probe,
        (name, rail): (&'static str, usize),
        run: Run,
        parameters: InitParameters,
        fresh_threads: bool,
    ) -> Self {
        let mut side = Self {
            probe,
            instance_id: parameters.instance_id,
            name,
            rail,
            run,
            calls: InProcess::new(Arc::clone(&probe.plugin)),
            state: State::Gone,
            effects: Effects::default(),
            ready: false,
            outbox: VecDeque::new(),
            waiting: VecDeque::new(),
            deadline: None,
            rested: 0,
            fresh_threads,
            init_data: Vec::new(),
            agreed: None,
            failure: None,
            deadlines: 0,
            dropped: BTreeMap::new(),
        };
        side.run(Call::Init(parameters), run.start);
        side
    }

    pub(crate) fn has_finished(&self) -> bool {
        self.agreed.is_some()
    }

    /// Whether the handshake is over, one way or the other.
    pub(crate) fn is_settled(&self) -> bool {
        self.has_finished() || self.failure.is_some()
    }

    /// Whether there is an instance: it has neither failed nor been closed, by either side.
    pub(crate) fn is_live(&self) -> bool {
        self.state != State::Gone
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// A finding if the instance has failed.
    pub(crate) fn check(&self) -> Result<(), Objection> {
        match &self.failure {
            Some(failure) => {
                Err(Objection::finding(format!("{}: {failure}", self.name))
                    .seen_in(self.run.number))
            }
            None => Ok(()),
        }
    }

    /// A finding if it has finished, which must not happen here, or has broken the contract. `how` goes on after its
    /// name.
    pub(crate) fn check_unfinished(&self, how: impl fmt::Display) -> Result<(), Objection> {
        if self.has_finished() {
            return Err(Objection::finding(format!("{} {how}", self.name)));
        }
        match &self.failure {
            Some(failure) if is_fault(failure) => Err(Objection::from(failure)),
            _ => Ok(()),
        }
    }

    pub(crate) fn set_peer(&mut self, now: u64, role: Role, init_data: &[u8]) {
        if self.state == State::AwaitingPeer {
            self.run(Call::SetPeer(role, init_data.to_vec()), now);
            for datagram in std::mem::take(&mut self.waiting) {
                self.receive(now, &datagram);
            }
        }
    }

    pub(crate) fn ready(&mut self, now: u64) {
        self.ready = true;
        // If it finished before READY, connection_ready is not called.
        if self.state == State::AwaitingReady {
            self.run(Call::ConnectionReady, now);
        }
    }

    pub(crate) fn receive(&mut self, now: u64, datagram: &[u8]) {
        if self.state == State::AwaitingPeer {
            if self.waiting.len() == MAX_WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(datagram.to_vec());
            return;
        }
        match self.route(datagram) {
            Route::Instance => self.run(Call::RecvFromPeer(datagram.to_vec()), now),
            Route::Dropped(cause) => self.drop_datagram(now, cause),
            Route::Application => {}
        }
    }

    fn drop_datagram(&mut self, now: u64, cause: Cause) {
        *self.dropped.entry(cause).or_default() += 1;
        self.note(now, &format!("dropped: {}", cause.words()), Tone::Bad);
    }

    /// Where a host passes this datagram.
    fn route(&self, datagram: &[u8]) -> Route {
        let finished = self.has_finished();
        let Some(&first) = datagram.first().filter(|_| self.is_live()) else {
            return Route::Application;
        };
        match self.probe.plugin.first_bytes() {
            None if !finished => Route::Instance,
            Some(map) if map.contains(first) => Route::Instance,
            None => Route::Application,
            Some(_) if finished => Route::Application,
            Some(_) => Route::Dropped(Cause::FirstByte(first)),
        }
    }

    /// When this side wants to be called.
    pub(super) fn due(&self) -> Option<u64> {
        if self.is_live() && self.probe.is_woken(self.instance_id) {
            return Some(0);
        }
        self.deadline_due()
    }

    fn deadline_due(&self) -> Option<u64> {
        match self.state {
            State::Gone | State::AwaitingPeer => None,
            _ => self.deadline.map(|at| at.max(self.rested)),
        }
    }

    /// Calls what is due.
    pub(super) fn handle_timeout(&mut self, now: u64) {
        if self.deadline_due().is_some_and(|at| at <= now) {
            self.deadline = None;
            self.rested = now + REST;
            self.deadlines += 1;
            self.run(Call::OnDeadline, now);
        }
        let is_woken = self.probe.take_wake(self.instance_id);
        if is_woken && self.is_told() {
            self.run(Call::OnWake, now);
        }
    }

    /// Calls `on_deadline` and `on_wake` although nothing asked for them.
    pub(crate) fn pester(&mut self, now: u64) {
        for call in [Call::OnDeadline, Call::OnWake] {
            if self.is_told() {
                self.run(call, now);
            }
        }
    }

    /// Whether the instance is told what happens.
    fn is_told(&self) -> bool {
        !matches!(self.state, State::AwaitingPeer | State::Gone)
    }

    /// Lets the instance say its last words and destroys it.
    pub(crate) fn close(&mut self, now: u64) {
        if self.is_live() {
            self.run(Call::Close, now);
        }
    }

    /// Keys for a label, of this many bytes; [`None`] if there is no finished instance to ask.
    pub(crate) fn export(&mut self, label: &[u8], len: usize) -> Option<Result<Vec<u8>, Failure>> {
        if self.state != State::Finished {
            return None;
        }
        let mut keys = vec![0; len];
        let (calls, id) = (&mut self.calls, self.instance_id);
        let export = || calls.export(id, label, None, &mut keys);
        let exported = self.probe.calling("exporter", "exporter", export);
        Some(exported.map(|()| keys))
    }

    /// The next packet that leaves.
    pub(crate) fn poll_packet(&mut self) -> Option<Vec<u8>> {
        match self.ready {
            true => self.outbox.pop_front(),
            false => None,
        }
    }

    /// A line beside this side's rail.
    fn note(&self, now: u64, text: &str, tone: Tone) {
        let beside = Shape::Note(Some(self.rail));
        self.probe.recording.note(self.run, now, text, tone, beside);
    }

    fn run(&mut self, call: Call, now: u64) {
        self.note(now, &describe(&call), Tone::Plugin);
        let name = call.name();
        let Completion {
            has_instance,
            outcome,
            effects,
            ..
        } = self.make(call, now);
        self.effects = effects;
        self.take_effects();
        match outcome {
            Outcome::Pending => self.go_on(name),
            Outcome::Finished(data) => {
                let text = format!("finished, {} bytes of handshake data", data.len());
                self.note(now, &text, Tone::Good);
                self.agreed = Some(data);
                match name {
                    CallName::Init => self.end(has_instance, now),
                    _ => self.state = State::Finished,
                }
            }
            Outcome::NotHandshake(_) if self.has_finished() => {}
            Outcome::NotHandshake(_) => self.drop_datagram(now, Cause::NotHandshake),
            Outcome::Exported(_) | Outcome::NotExported(_) => {} // asked for otherwise here
            Outcome::Closed | Outcome::Gone => self.end(has_instance, now),
            Outcome::Failed(failure) => {
                self.end(has_instance, now);
                // After the finish a farewell is an orderly end.
                let farewell = failure.kind == FailureKind::ClosedByPeer && self.has_finished();
                let tone = if farewell { Tone::State } else { Tone::Bad };
                self.note(now, &failure.to_string(), tone);
                self.failure = (!farewell).then_some(failure);
            }
        }
    }

    fn make(&mut self, call: Call, now: u64) -> Completion {
        let request = Request {
            instance_id: self.instance_id,
            call,
        };
        let (probe, calls) = (self.probe, &mut self.calls);
        match self.fresh_threads {
            false => probe.call(calls, request, now),
            true => thread::scope(|scope| scope.spawn(|| probe.call(calls, request, now)).join())
                .expect("a call into a plugin does not panic: the plugin's panics stay in it"),
        }
    }

    fn go_on(&mut self, after: CallName) {
        self.state = match after {
            CallName::Init if self.probe.plugin.wants_peer() => State::AwaitingPeer,
            CallName::Init | CallName::SetPeer => State::AwaitingReady,
            CallName::ConnectionReady => State::Connected,
            _ => self.state,
        };
    }

    fn end(&mut self, has_instance: bool, now: u64) {
        self.state = State::Gone;
        self.deadline = None;
        if has_instance {
            self.make(Call::Destroy, now);
        }
    }

    fn take_effects(&mut self) {
        let effects = &mut self.effects;
        if let Some(data) = effects.init_data.take() {
            self.init_data = data;
        }
        self.outbox.extend(effects.packets().map(<[u8]>::to_vec));
        match effects.deadline {
            Some(Deadline::At(at)) => self.deadline = Some(at),
            Some(Deadline::Cleared) => self.deadline = None,
            None => {}
        }
    }
}

impl Drop for Side<'_> {
    fn drop(&mut self) {
        let is_live = self.is_live();
        self.end(is_live, 0);
    }
}

/// A call, for a ladder.
fn describe(call: &Call) -> String {
    match call {
        Call::RecvFromPeer(datagram) => {
            format!("recv_from_peer: {}", words(datagram))
        }
        other => other.name().as_str().to_owned(),
    }
}
