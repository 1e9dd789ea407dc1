use super::contents::Passing;
use super::queue::{Entry, Queue};
use super::{Direction, Fate, Transport, What};
use crate::component::{Arrival, Cause};
use crate::ice::{self, Pair};
use crate::stream::Notification;
use std::sync::Arc;
use std::time::Instant;

/// Notes what happens to one stream. It reads the clock itself: a trace tells when things really happened.
#[derive(Clone, Debug)]
pub struct Recorder {
    queue: Arc<Queue>,
    stream: Arc<str>,
}

impl Recorder {
    pub(super) fn new(queue: Arc<Queue>, stream: &str) -> Self {
        let stream = stream.into();
        Self { queue, stream }
    }

    pub(super) fn record(&self, at: Instant, what: What) {
        self.queue.push(Entry {
            us: self.queue.us(at),
            stream: Arc::clone(&self.stream),
            what,
        });
    }

    pub(crate) fn opened(&self, plugin: &str, version: &str, components: u16, controlling: bool) {
        let what = What::Opened {
            plugin: plugin.to_owned(),
            plugin_version: version.to_owned(),
            components,
            controlling,
        };
        self.record(Instant::now(), what);
    }

    pub(crate) fn notified(&self, notification: &Notification) {
        self.record(Instant::now(), What::of(notification));
    }

    /// A datagram of ICE's or a handshake's, or of the application's, that leaves unless it is `lost`.
    pub(crate) fn sent(
        &self,
        component_id: u16,
        pair: Pair,
        bytes: &[u8],
        of_application: bool,
        lost: bool,
    ) {
        self.passed(&Passing {
            component_id,
            direction: Direction::Out,
            local: pair.local,
            remote: pair.remote,
            transport: transport(pair),
            fate: lost.then_some(Fate::Lost),
            reason: None,
            waits: None,
            of_application,
            bytes,
        });
    }

    /// A datagram that arrived for the stream, and what became of it.
    pub(crate) fn received(&self, component_id: u16, pair: Pair, bytes: &[u8], arrival: Arrival) {
        let (fate, reason, waits) = match arrival {
            Arrival::Dropped(Cause::Unverified) => (Some(Fate::Stray), None, None),
            Arrival::Dropped(cause) => (Some(Fate::Dropped), Some(cause.words()), None),
            Arrival::Waiting(number) => (None, None, Some(number)),
            _ => (None, None, None),
        };
        self.passed(&Passing {
            component_id,
            direction: Direction::In,
            local: pair.local,
            remote: pair.remote,
            transport: transport(pair),
            fate,
            reason: reason.as_deref(),
            waits,
            of_application: matches!(arrival, Arrival::Application | Arrival::Told),
            bytes,
        });
    }

    /// A datagram that arrived at a socket of the stream's alone, and is nobody's.
    pub(crate) fn strayed(&self, component_id: u16, pair: Pair, bytes: &[u8]) {
        self.passed(&Passing {
            component_id,
            direction: Direction::In,
            local: pair.local,
            remote: pair.remote,
            transport: transport(pair),
            fate: Some(Fate::Stray),
            reason: None,
            waits: None,
            of_application: false,
            bytes,
        });
    }

    /// A datagram is dropped that waited with this number, or that a relay carried.
    pub(crate) fn dropped(&self, component_id: u16, number: Option<u64>, cause: Cause) {
        let what = What::Dropped {
            component_id,
            waited: number,
            reason: cause.words().into_owned(),
        };
        self.record(Instant::now(), what);
    }

    pub(super) fn passed(&self, passing: &Passing<'_>) {
        self.record(Instant::now(), What::Datagram(passing.describe()));
    }
}

/// UDP goes without saying.
pub(super) fn transport(pair: Pair) -> Option<Transport> {
    match pair.transport {
        ice::Transport::Udp => None,
        ice::Transport::Tcp => Some(Transport::Tcp),
    }
}
