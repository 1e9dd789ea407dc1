//! A side that is full sessions of this host: two streams each, over loopback UDP.
use super::pair::{Pair, Report};
use super::processor::cpu_time;
use super::side::Side as Measured;
use crate::cli::exit::Failed;
use crate::cli::plugin_args::PluginArgs;
use crate::cli::signalling::Side;
use handclasp::{Gathering, Host, HostOptions, OpenError, StreamOptions};
use std::net::Ipv4Addr;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A host with one event loop: it has one core.
pub(super) struct Sessions {
    host: Host,
    plugin: &'static str,
    sender: Sender<Report>,
    reports: Receiver<Report>,
    /// Streams that have not stopped.
    running: u64,
}

/// Sessions under way at a time: enough that the core never waits.
const IN_FLIGHT: u64 = 16;
/// Longer than a handshake may take.
const PATIENCE: Duration = Duration::from_secs(40);

impl Sessions {
    pub(super) fn new(plugins: &PluginArgs, plugin: &'static str) -> Result<Self, Failed> {
        let host = Host::new(HostOptions {
            plugins: plugins.search_path()?,
            loops: NonZero::new(1),
        })?;
        host.plugin(plugin)?;
        let (sender, reports) = channel();
        Ok(Self {
            host,
            plugin,
            sender,
            reports,
            running: 0,
        })
    }

    /// Opens `count` pairs, and does `then` with each as soon as both its sides are ready and agree.
    pub(super) fn connect(
        &mut self,
        count: u64,
        mut then: impl FnMut(Arc<Pair>),
    ) -> Result<(), String> {
        let (mut opened, mut ready) = (0, 0);
        while ready < count {
            while opened < count && opened - ready < IN_FLIGHT {
                self.open().map_err(|error| error.to_string())?;
                opened += 1;
            }
            if let Some(pair) = self.next()? {
                ready += 1;
                then(pair);
            }
        }
        Ok(())
    }

    /// Waits until every pair that was told to has stopped.
    pub(super) fn wait_for_stop(&mut self) -> Result<(), String> {
        while self.running > 0 {
            self.next()?;
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), OpenError> {
        let pair = Pair::new(self.sender.clone());
        let open = |side: Side| {
            let options = StreamOptions {
                plugin: self.plugin.to_owned(),
                controlling: side.leads(),
                gathering: Gathering {
                    addresses: vec![Ipv4Addr::LOCALHOST.into()],
                    port_range: None,
                },
                ..StreamOptions::default()
            };
            self.host.open(options, pair.application(side))
        };
        let streams = [open(Side::A)?, open(Side::B)?];
        pair.connect(streams);
        self.running += 2;
        Ok(())
    }

    /// The next pair that is ready, or nothing if a stream has stopped.
    fn next(&mut self) -> Result<Option<Arc<Pair>>, String> {
        match self.reports.recv_timeout(PATIENCE) {
            Ok(Report::Ready(pair)) => Ok(Some(pair)),
            Ok(Report::Stopped) => {
                self.running -= 1;
                Ok(None)
            }
            Ok(Report::Failed(reason)) => Err(format!("a session failed: {reason}")),
            Err(_) => Err("a session got stuck".to_owned()),
        }
    }
}

impl Measured for Sessions {
    fn run(&mut self, count: u64) -> Result<Duration, String> {
        let start = cpu_time();
        self.connect(count, |pair| pair.stop())?;
        self.wait_for_stop()?;
        Ok(cpu_time() - start)
    }
}
