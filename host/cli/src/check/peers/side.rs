//! One instance, called as a host calls it.
use super::{INITIATOR, MILLISECOND, name_of};
use crate::check::ladder::Run;
use crate::check::outcome::{Objection, is_fault};
use crate::check::probe::Probe;
use crate::trace::ladder::{Shape, Tone};
use crate::trace::words::payload as words;
use handclasp::component::Cause;
use handclasp::plugin::{
    Call, Deadline, Emitted, Failure, FailureKind, InitParameters, Live, Outcome, Request, Role,
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
    live: Option<Live>,
    emitted: Emitted,
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
            live: None,
            emitted: Emitted::default(),
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
        let plugin = Arc::clone(&probe.plugin);
        side.run(Call::Init(plugin, parameters), run.start);
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
        self.live.is_some()
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
        match self.live.take() {
            Some(Live::AwaitingPeer(instance)) => {
                self.run(Call::SetPeer(instance, role, init_data.to_vec()), now);
                for datagram in std::mem::take(&mut self.waiting) {
                    self.receive(now, &datagram);
                }
            }
            other => self.live = other,
        }
    }

    pub(crate) fn ready(&mut self, now: u64) {
        self.ready = true;
        match self.live.take() {
            Some(Live::AwaitingReady(instance)) => self.run(Call::ConnectionReady(instance), now),
            other => self.live = other, // finished before READY: connection_ready is not called
        }
    }

    pub(crate) fn receive(&mut self, now: u64, datagram: &[u8]) {
        if let Some(Live::AwaitingPeer(_)) = self.live {
            if self.waiting.len() == MAX_WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(datagram.to_vec());
            return;
        }
        match self.route(datagram) {
            Route::Instance => {
                let datagram = datagram.to_vec();
                self.call(now, |live| Call::RecvFromPeer(live, datagram));
            }
            Route::Dropped(cause) => {
                *self.dropped.entry(cause).or_default() += 1;
                self.note(now, &format!("dropped: {}", cause.words()), Tone::Bad);
            }
            Route::Application => {}
        }
    }

    /// Where a host passes this datagram.
    fn route(&mut self, datagram: &[u8]) -> Route {
        let (finished, probe) = (self.has_finished(), self.probe);
        let plugin = &probe.plugin;
        let (Some(live), Some(&first)) = (&mut self.live, datagram.first()) else {
            return Route::Application;
        };
        let name = "is_handshake";
        let mut is_known = || probe.calling(name, name, || live.is_handshake(datagram));
        match plugin.first_bytes() {
            None if !finished => Route::Instance,
            Some(map) if map.contains(first) && (!plugin.inspects() || is_known()) => {
                Route::Instance
            }
            _ if finished => Route::Application,
            Some(map) if !map.contains(first) => Route::Dropped(Cause::FirstByte(first)),
            _ => Route::Dropped(Cause::NotHandshake),
        }
    }

    /// When this side wants to be called.
    pub(super) fn due(&self) -> Option<u64> {
        if self.live.is_some() && self.probe.is_woken(self.instance_id) {
            return Some(0);
        }
        self.deadline_due()
    }

    fn deadline_due(&self) -> Option<u64> {
        match self.live {
            None | Some(Live::AwaitingPeer(_)) => None,
            Some(_) => self.deadline.map(|at| at.max(self.rested)),
        }
    }

    /// Calls what is due.
    pub(super) fn handle_timeout(&mut self, now: u64) {
        if self.deadline_due().is_some_and(|at| at <= now) {
            self.deadline = None;
            self.rested = now + REST;
            self.deadlines += 1;
            self.call(now, Call::OnDeadline);
        }
        if self.probe.take_wake(self.instance_id) {
            self.call(now, Call::OnWake);
        }
    }

    /// Calls `on_deadline` and `on_wake` although nothing asked for them.
    pub(crate) fn pester(&mut self, now: u64) {
        if !matches!(self.live, Some(Live::AwaitingPeer(_))) {
            self.call(now, Call::OnDeadline);
            self.call(now, Call::OnWake);
        }
    }

    /// Lets the instance say its last words and destroys it.
    pub(crate) fn close(&mut self, now: u64) {
        self.call(now, Call::Close);
    }

    /// Keys for a label, of this many bytes; [`None`] if there is no finished instance to ask.
    pub(crate) fn export(&mut self, label: &[u8], len: usize) -> Option<Result<Vec<u8>, Failure>> {
        let Some(Live::Finished(instance)) = &mut self.live else {
            return None;
        };
        let mut keys = vec![0; len];
        let export = || instance.export(label, None, &mut keys);
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

    fn call(&mut self, now: u64, call: impl FnOnce(Live) -> Call) {
        if let Some(live) = self.live.take() {
            self.run(call(live), now);
        }
    }

    /// A line beside this side's rail.
    fn note(&self, now: u64, text: &str, tone: Tone) {
        let beside = Shape::Note(Some(self.rail));
        self.probe.recording.note(self.run, now, text, tone, beside);
    }

    fn run(&mut self, call: Call, now: u64) {
        self.note(now, &describe(&call), Tone::Plugin);
        let request = Request::new(self.instance_id, call, std::mem::take(&mut self.emitted));
        let probe = self.probe;
        let completion = match self.fresh_threads {
            false => probe.call(request, now),
            true => thread::scope(|scope| scope.spawn(|| probe.call(request, now)).join())
                .expect("a call into a plugin does not panic: the plugin's panics stay in it"),
        };
        self.emitted = completion.emitted;
        self.take_emitted();
        match completion.outcome {
            Outcome::Live(live) => self.live = Some(live),
            Outcome::Finished(live, data) => {
                let text = format!("finished, {} bytes of handshake data", data.len());
                self.note(now, &text, Tone::Good);
                self.live = live;
                self.agreed = Some(data);
            }
            Outcome::Closed => self.deadline = None,
            Outcome::Failed(failure) => {
                self.deadline = None;
                // After the finish a farewell is an orderly end.
                let farewell = failure.kind == FailureKind::ClosedByPeer && self.has_finished();
                let tone = if farewell { Tone::State } else { Tone::Bad };
                self.note(now, &failure.to_string(), tone);
                self.failure = (!farewell).then_some(failure);
            }
        }
    }

    fn take_emitted(&mut self) {
        let emitted = &mut self.emitted;
        if let Some(data) = emitted.init_data.take() {
            self.init_data = data;
        }
        self.outbox.extend(emitted.packets().map(<[u8]>::to_vec));
        match emitted.deadline {
            Some(Deadline::At(at)) => self.deadline = Some(at),
            Some(Deadline::Cleared) => self.deadline = None,
            None => {}
        }
    }
}

impl Drop for Side<'_> {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            self.probe.calling("destroy", "destroy", || drop(live));
        }
    }
}

/// A call, for a ladder.
fn describe(call: &Call) -> String {
    match call {
        Call::RecvFromPeer(_, datagram) => {
            format!("recv_from_peer: {}", words(datagram))
        }
        other => other.name().as_str().to_owned(),
    }
}
