//! What is counted, for Prometheus (docs/operations.md has the list).
//!
//! - `registrar`: where each metric is made;
//! - `streams`: opens, outcomes and times of streams;
//! - `plugins`: generations, and calls into plugins;
//! - `traffic`: datagrams and bytes, and what is dropped;
//! - `loops`: the event loops;
//! - `control`: the control socket;
//! - `sockets`: what the system says of the daemon's port;
//! - `process`: what it says of the process.
mod control;
mod loops;
mod plugins;
mod process;
mod registrar;
mod sockets;
mod streams;
mod traffic;

use crate::news::News;
use crate::plugins::{Generation, Shelved};
use control::ControlMetrics;
use handclasp::Host;
use loops::LoopMetrics;
use plugins::PluginMetrics;
use process::ProcessMetrics;
use prometheus::TextEncoder;
use registrar::{Registered, Registrar};
use sockets::SocketMetrics;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use streams::StreamMetrics;
use traffic::TrafficMetrics;

/// What is counted. Nothing here waits for anybody; what is [observed](Self::observe) reads files of the system's.
pub(crate) struct Metrics {
    registered: Registered,
    streams: StreamMetrics,
    plugins: PluginMetrics,
    traffic: TrafficMetrics,
    loops: LoopMetrics,
    control: ControlMetrics,
    sockets: SocketMetrics,
    process: ProcessMetrics,
}

/// What is looked at when somebody asks.
pub(crate) struct Observed<'a> {
    pub(crate) host: &'a Host,
    pub(crate) plugins: &'a [Shelved],
    /// Of each stream: its generation and its state.
    pub(crate) streams: &'a [(Arc<Generation>, &'static str)],
    pub(crate) half_open: usize,
    pub(crate) is_draining: bool,
    pub(crate) has_predecessor: bool,
    pub(crate) connections: usize,
    pub(crate) waiting_bytes: usize,
}

impl Metrics {
    /// Of a daemon with this UDP port.
    pub(crate) fn new(port: u16) -> Self {
        let mut registrar = Registrar::default();
        Self {
            streams: StreamMetrics::new(&mut registrar),
            plugins: PluginMetrics::new(&mut registrar),
            traffic: TrafficMetrics::new(&mut registrar),
            loops: LoopMetrics::new(&mut registrar),
            control: ControlMetrics::new(&mut registrar),
            sockets: SocketMetrics::new(&mut registrar, port),
            process: ProcessMetrics::new(&mut registrar),
            registered: registrar.finish(),
        }
    }

    /// A stream was opened.
    pub(crate) fn opened(&self, generation: &Generation) {
        self.streams.opened(generation);
    }

    /// A component has its first pair, so long after the opening.
    pub(crate) fn connected(&self, generation: &Generation, after: Duration) {
        self.streams.connected(generation, after);
    }

    /// All components of a stream are ready, so long after the opening.
    pub(crate) fn ready(&self, generation: &Generation, after: Duration) {
        self.streams.ready(generation, after);
    }

    /// A component has failed; `is_first`: the first of a stream that was not ready.
    pub(crate) fn failed(&self, generation: &Generation, kind: &'static str, is_first: bool) {
        self.streams.failed(generation, kind, is_first);
    }

    /// A stream has ended that was neither ready nor had failed.
    pub(crate) fn abandoned(&self, generation: &Generation) {
        self.streams.abandoned(generation);
    }

    /// A stream has ended.
    pub(crate) fn ended(&self, generation: &Generation) {
        self.streams.ended(generation);
    }

    /// An open was refused.
    pub(crate) fn refused(&self, kind: &'static str) {
        self.streams.refused(kind);
    }

    /// Something has happened to the daemon as a whole.
    pub(crate) fn take(&self, news: &News) {
        self.plugins.take(news);
        self.control.take(news);
        if let News::GenerationEnded { id, generation } = news {
            self.registered.forget(id, *generation);
        }
    }

    /// Takes note of what is as it is now.
    pub(crate) fn observe(&self, observed: &Observed<'_>) {
        self.streams.observe(observed);
        self.plugins.observe(observed);
        self.traffic.observe(observed.host);
        self.loops.observe(observed.host);
        self.control.observe(observed);
        self.sockets.observe();
        self.process.observe();
    }

    /// All of it, as Prometheus reads it.
    ///
    /// # Errors
    /// A metric cannot be written, which would be a fault of this program.
    pub(crate) fn text(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registered.registry.gather())
    }
}

/// Without the figures.
impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
