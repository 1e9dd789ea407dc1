use super::contents::Passing;
use super::file::Queue;
use super::{Direction, Fate, Record, Transport, What};
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
        self.queue.push(Record {
            us: self.queue.us(at),
            stream: self.stream.as_ref().to_owned(),
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
        if let Some(what) = What::of(notification) {
            self.record(Instant::now(), what);
        }
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
            of_application,
            bytes,
        });
    }

    /// A datagram that arrived for the stream.
    pub(crate) fn received(
        &self,
        component_id: u16,
        pair: Pair,
        bytes: &[u8],
        of_application: bool,
    ) {
        self.passed(&Passing {
            component_id,
            direction: Direction::In,
            local: pair.local,
            remote: pair.remote,
            transport: transport(pair),
            fate: None,
            of_application,
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
            of_application: false,
            bytes,
        });
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
