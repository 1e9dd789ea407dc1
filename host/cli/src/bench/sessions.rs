//! A side that is full sessions of this host: two streams each, over loopback UDP. As between a server and its
//! clients, one of them shares a port with the others of its end, and the other has a port of its own.
use super::pair::{Pair, Then};
use super::processor::cpu_time;
use super::reports::Reports;
use super::side::Side as Measured;
use crate::exit::Failed;
use crate::plugin_args::PluginArgs;
use crate::signalling::Side;
use handclasp::plugin::Scanner;
use handclasp::{BindOptions, Host, HostOptions, OpenError, StreamOptions};
use std::net::Ipv4Addr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

/// A host with one event loop: it has one core.
pub(super) struct Sessions {
    host: Host,
    plugin: &'static str,
    reports: Arc<Reports>,
}

/// Most sessions under way at a time: enough that the core never waits.
const IN_FLIGHT: u64 = 32;

impl Sessions {
    pub(super) fn new(plugins: &PluginArgs, plugin: &'static str) -> Result<Self, Failed> {
        let host = Host::new(HostOptions {
            plugins: plugins.search_path()?,
            scanner: Scanner::this_program(),
            loops: NonZero::new(1),
            key_log: None,
        })?;
        host.plugin(plugin)?;
        Ok(Self {
            host,
            plugin,
            reports: Arc::default(),
        })
    }

    /// Connects `count` pairs, waits for them, and stops them again.
    pub(super) fn pass(&self, count: u64) -> Result<(), String> {
        self.connect(count, Then::Stop).map(drop)
    }

    /// Connects `count` pairs that stay until [`release`](Self::release).
    pub(super) fn hold(&self, count: u64) -> Result<Vec<Arc<Pair>>, String> {
        self.connect(count, Then::Hold)
    }

    pub(super) fn release(&self, held: &[Arc<Pair>]) -> Result<(), String> {
        for pair in held {
            pair.stop();
        }
        self.reports.take(held.len() as u64).map(drop)
    }

    fn connect(&self, count: u64, then: Then) -> Result<Vec<Arc<Pair>>, String> {
        let mut held = Vec::new();
        let (mut opened, mut done) = (0, 0);
        while done < count {
            while opened < count && opened - done < IN_FLIGHT {
                let pair = self.open(then).map_err(|error| error.to_string())?;
                if then == Then::Hold {
                    held.push(pair);
                }
                opened += 1;
            }
            done += self.reports.take((opened - done).min(IN_FLIGHT / 2))?;
        }
        Ok(held)
    }

    fn open(&self, then: Then) -> Result<Arc<Pair>, OpenError> {
        let pair = Pair::new(then, Arc::clone(&self.reports));
        let open = |side: Side| {
            let options = StreamOptions {
                plugin: self.plugin.to_owned(),
                controlling: side.leads(),
                bind_options: BindOptions {
                    addresses: vec![Ipv4Addr::LOCALHOST.into()],
                    single_port: side == Side::A,
                    ..BindOptions::default()
                },
                ..StreamOptions::default()
            };
            self.host.open(options, pair.application(side))
        };
        pair.connect([open(Side::A)?, open(Side::B)?]);
        Ok(pair)
    }
}

impl Measured for Sessions {
    fn run(&mut self, count: u64) -> Result<Duration, String> {
        let start = cpu_time();
        self.pass(count)?;
        Ok(cpu_time() - start)
    }
}
