//! A stream of the daemon.
use crate::news::text;
use crate::outbox::{Outbox, as_line};
use crate::plugins::Generation;
use crate::request::Open;
use handclasp::control::{Event, Input, PayloadEvent, Secrets};
use handclasp::plugin::Role;
use handclasp::stream::{Message, Notification};
use handclasp::{SendError, StreamRef};
use serde::Serialize;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// A stream, whoever drives it.
pub(crate) struct Entry {
    pub(crate) name: Arc<str>,
    pub(crate) generation: Arc<Generation>,
    pub(crate) opened: Instant,
    pub(crate) controlling: bool,
    pub(crate) own_ports: bool,
    /// Of the connection that opened it.
    pub(crate) client: u64,
    pub(crate) detached: bool,
    /// It has told something.
    has_begun: AtomicBool,
    stream: OnceLock<StreamRef>,
    state: Mutex<State>,
}

struct State {
    outlet: Outlet,
    components: Vec<Component>,
    /// What its peer is to be told, as far as it has come, for whoever attaches later.
    for_peer: Vec<Notification>,
    /// Another stream of this daemon, if that is its peer.
    peer: Option<StreamRef>,
    ready: Option<Duration>,
    is_decided: bool,
    failure: Option<String>,
}

/// Who hears of a stream.
enum Outlet {
    /// It is not answered yet that the stream was opened: nothing is to come before that.
    Early(Vec<Zeroizing<Vec<u8>>>),
    Connection(Arc<Outbox>),
    Nobody,
}

/// What a component has come to.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Component {
    pub(crate) component_id: u16,
    pub(crate) state: ComponentState,
    /// How long after the opening there was a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connected_after: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ready_after: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) local: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remote: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transport: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// In the order in which a component passes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ComponentState {
    #[default]
    New,
    Connected,
    Ready,
    Disconnected,
    Failed,
    Closed,
}

/// A stream as operators see it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Status {
    #[serde(serialize_with = "text")]
    pub(crate) stream: Arc<str>,
    pub(crate) plugin: String,
    pub(crate) generation: u64,
    /// `connecting`, `ready`, `disconnected`, `failed` or `closed`: the first of these that a component is.
    pub(crate) state: &'static str,
    /// Since it was opened.
    pub(crate) seconds: f64,
    pub(crate) controlling: bool,
    pub(crate) detached: bool,
    pub(crate) attached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) components: Vec<Component>,
}

/// What is remembered for whoever attaches later: candidates beyond this are not.
const REMEMBERED: usize = 64;

/// What a notification has changed.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Change {
    /// A component has its first pair, so long after the opening.
    pub(crate) connected: Option<Duration>,
    /// All components are ready, so long after the opening.
    pub(crate) ready: Option<Duration>,
    /// It has failed before it was ready.
    pub(crate) failed: bool,
}

impl Entry {
    pub(crate) fn new(
        name: Arc<str>,
        generation: Arc<Generation>,
        components: u16,
        open: &Open,
        client: u64,
    ) -> Self {
        let component = |component_id| Component {
            component_id,
            ..Component::default()
        };
        Self {
            name,
            generation,
            opened: Instant::now(),
            controlling: open.controlling,
            own_ports: open.own_ports,
            client,
            detached: open.detached,
            has_begun: AtomicBool::new(false),
            stream: OnceLock::new(),
            state: Mutex::new(State {
                outlet: Outlet::Early(Vec::new()),
                components: (1..=components).map(component).collect(),
                for_peer: Vec::new(),
                peer: None,
                ready: None,
                is_decided: false,
                failure: None,
            }),
        }
    }

    /// It was opened, and its opener is told so by now: events follow.
    pub(crate) fn start(&self, stream: StreamRef, outbox: Option<&Arc<Outbox>>) {
        let _ = self.stream.set(stream); // called once
        let mut state = self.lock();
        let outlet = match outbox {
            Some(outbox) => Outlet::Connection(Arc::clone(outbox)),
            None => Outlet::Nobody,
        };
        if let Outlet::Early(lines) = std::mem::replace(&mut state.outlet, outlet)
            && let Some(outbox) = outbox
        {
            lines.iter().for_each(|line| outbox.push_bytes(line));
        }
    }

    /// It tells something; returns whether that is the first time.
    pub(super) fn begin(&self) -> bool {
        !self.has_begun.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    /// The stream itself, once it was opened.
    pub(crate) fn stream(&self) -> Option<&StreamRef> {
        self.stream.get()
    }

    /// Says something to the stream, or sends its peer a datagram.
    pub(crate) fn send(&self, number: u64, input: &Input) -> Result<(), SendError> {
        let stream = self.stream().ok_or(SendError::Ended)?;
        match input {
            Input::Message(message) => stream.send_numbered(number, message.clone()),
            Input::SendPayload {
                component_id,
                payload,
            } => stream.send_payload(*component_id, payload),
        }
    }

    pub(crate) fn stop(&self) {
        if let Some(stream) = self.stream() {
            stream.stop();
        }
    }

    /// From now on this connection hears of it, and at once what its peer is to be told and which components are ready.
    pub(crate) fn attach(&self, outbox: &Arc<Outbox>) {
        let mut state = self.lock();
        for notification in &state.for_peer {
            outbox.push_bytes(&self.line(notification));
        }
        let ready = state
            .components
            .iter()
            .filter(|one| one.state == ComponentState::Ready);
        let ready: Vec<u16> = ready.map(|one| one.component_id).collect();
        let outlet = Outlet::Connection(Arc::clone(outbox));
        if let Outlet::Connection(last) = std::mem::replace(&mut state.outlet, outlet)
            && !Arc::ptr_eq(&last, outbox)
        {
            last.push(&Detached { stream: &self.name });
        }
        drop(state);
        for component_id in ready {
            // Its handshake data comes again.
            if let Some(stream) = self.stream() {
                let _ = stream.send(Message::Listen { component_id });
            }
        }
    }

    /// This connection does not hear of it any more, if it did.
    pub(crate) fn detach(&self, outbox: &Arc<Outbox>) {
        let mut state = self.lock();
        if matches!(&state.outlet, Outlet::Connection(its) if Arc::ptr_eq(its, outbox)) {
            state.outlet = Outlet::Nobody;
        }
    }

    /// Another stream of this daemon is its peer: it is told all that there is to tell.
    pub(crate) fn set_peer(&self, peer: &StreamRef) {
        let mut state = self.lock();
        for notification in &state.for_peer {
            self.tell_peer(peer, notification);
        }
        state.peer = Some(peer.clone());
    }

    fn tell_peer(&self, peer: &StreamRef, notification: &Notification) {
        let role = match self.controlling {
            true => Role::Responder,
            false => Role::Initiator,
        };
        if let Some(message) = notification.for_peer(role)
            && let Err(error) = peer.send(message)
        {
            tracing::debug!(stream = %self.name, "its peer is not told: {error}");
        }
    }

    /// Takes note of a notification, and passes it on.
    pub(crate) fn take(&self, notification: &Notification) -> Change {
        let since = self.opened.elapsed();
        let line = self.line(notification);
        let mut state = self.lock();
        match &mut state.outlet {
            Outlet::Early(lines) => lines.push(line),
            Outlet::Connection(outbox) => outbox.push_bytes(&line),
            Outlet::Nobody => {}
        }
        if notification.for_peer(Role::Initiator).is_some() {
            state.forget_what_is_old(notification);
            if state.for_peer.len() < REMEMBERED {
                state.for_peer.push(notification.clone());
            }
            if let Some(peer) = &state.peer {
                self.tell_peer(peer, notification);
            }
        }
        state.note(notification, since)
    }

    /// A datagram of the peer's.
    pub(crate) fn take_payload(&self, payload: PayloadEvent<'_>) {
        if let Outlet::Connection(outbox) = &self.lock().outlet {
            outbox.push_payload(&as_line(&Named {
                event: payload,
                stream: &self.name,
            }));
        }
    }

    /// A line of its own for whoever hears of it.
    pub(crate) fn tell(&self, line: &impl Serialize) {
        if let Outlet::Connection(outbox) = &self.lock().outlet {
            outbox.push(line);
        }
    }

    fn line(&self, notification: &Notification) -> Zeroizing<Vec<u8>> {
        as_line(&Named {
            event: Event::new(notification, Secrets::Shown),
            stream: &self.name,
        })
    }

    pub(crate) fn status(&self) -> Status {
        let state = self.lock();
        Status {
            stream: Arc::clone(&self.name),
            plugin: self.generation.id().to_owned(),
            generation: self.generation.number,
            state: state.overall(),
            seconds: self.opened.elapsed().as_secs_f64(),
            controlling: self.controlling,
            detached: self.detached,
            attached: matches!(state.outlet, Outlet::Connection(_)),
            reason: state.failure.clone(),
            components: state.components.clone(),
        }
    }

    /// What it has come to, as in its [status](Self::status).
    pub(crate) fn state(&self) -> &'static str {
        self.lock().overall()
    }

    /// Whether some component is neither ready nor at its end: it takes of what half-open streams may.
    pub(crate) fn is_half_open(&self) -> bool {
        !self.lock().is_decided
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn overall(&self) -> &'static str {
        let is = |wanted| self.components.iter().any(|one| one.state == wanted);
        match () {
            () if is(ComponentState::New) || is(ComponentState::Connected) => "connecting",
            () if is(ComponentState::Failed) => "failed",
            () if is(ComponentState::Disconnected) => "disconnected",
            () if is(ComponentState::Ready) => "ready",
            () => "closed",
        }
    }

    /// What belongs to a generation or an association that is over is not told again.
    fn forget_what_is_old(&mut self, new: &Notification) {
        match new {
            Notification::LocalCredentials { .. } => self.for_peer.retain(|old| {
                matches!(old, Notification::HandshakeInitData { .. })
            }),
            Notification::HandshakeInitData { component_id, .. } => self.for_peer.retain(|old| {
                !matches!(old, Notification::HandshakeInitData { component_id: its, .. } if its == component_id)
            }),
            _ => {}
        }
    }

    fn component(&mut self, component_id: u16) -> Option<&mut Component> {
        self.components
            .get_mut(usize::from(component_id).checked_sub(1)?)
    }

    fn note(&mut self, notification: &Notification, since: Duration) -> Change {
        let mut change = Change::default();
        match notification {
            Notification::NewSelectedPair { component_id, pair } => {
                let Some(component) = self.component(*component_id) else {
                    return change;
                };
                if component.connected_after.is_none() {
                    component.connected_after = Some(since.as_secs_f64());
                    change.connected = Some(since);
                }
                component.state = match (component.state, component.ready_after) {
                    (ComponentState::New, _) => ComponentState::Connected,
                    (ComponentState::Disconnected, Some(_)) => ComponentState::Ready,
                    (ComponentState::Disconnected, None) => ComponentState::Connected,
                    (state, _) => state,
                };
                component.local = Some(pair.local.to_string());
                component.remote = Some(pair.remote.to_string());
                component.transport = Some(pair.transport.to_string());
            }
            Notification::ComponentStateReady { component_id, .. } => {
                if let Some(component) = self.component(*component_id) {
                    component.state = ComponentState::Ready;
                    component.ready_after.get_or_insert(since.as_secs_f64());
                }
            }
            Notification::ComponentStateDisconnected { component_id } => {
                if let Some(component) = self.component(*component_id) {
                    component.state = ComponentState::Disconnected;
                }
            }
            Notification::ComponentStateFailed {
                component_id,
                reason,
            } => {
                let reason = reason.to_string();
                self.failure
                    .get_or_insert_with(|| format!("component {component_id}: {reason}"));
                if let Some(component) = self.component(*component_id) {
                    component.state = ComponentState::Failed;
                    component.reason = Some(reason);
                }
                if self.ready.is_none() && !self.is_decided {
                    (self.is_decided, change.failed) = (true, true);
                }
            }
            Notification::ComponentClosed { component_id, .. } => {
                if let Some(component) = self.component(*component_id) {
                    component.state = ComponentState::Closed;
                }
            }
            _ => {}
        }
        let is_up =
            |one: &Component| matches!(one.state, ComponentState::Ready | ComponentState::Closed);
        let is_ready = self
            .components
            .iter()
            .any(|one| one.state == ComponentState::Ready);
        if !self.is_decided && is_ready && self.components.iter().all(is_up) {
            self.is_decided = true;
            self.ready = Some(since);
            change.ready = Some(since);
        }
        change
    }
}

/// Another connection hears of a stream from now on.
#[derive(Serialize)]
#[serde(tag = "event", rename = "detached")]
struct Detached<'a> {
    stream: &'a str,
}

/// An event with the stream that it is of.
#[derive(Serialize)]
struct Named<'a, E> {
    #[serde(flatten)]
    event: E,
    stream: &'a str,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {}", self.name)
    }
}
