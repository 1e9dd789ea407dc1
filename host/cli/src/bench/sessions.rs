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
use handclasp::trace::Recorder;
use handclasp::{Application, BindOptions, Host, HostOptions, OpenError, StreamOptions};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A host with one event loop: it has one core.
pub(super) struct Sessions {
    host: Host,
    plugin: &'static str,
    /// Whether one end of each session has its port with all others.
    shares_port: bool,
    reports: Arc<Reports>,
}

/// What makes an application that receives datagrams of one that does the rest, for a side of the pair of a number.
pub(super) type Carrier<'a> = dyn Fn(u64, Side, Box<dyn Application>) -> Box<dyn Application> + 'a;

/// Most sessions under way at a time: enough that the core never waits.
const IN_FLIGHT: u64 = 32;

impl Sessions {
    pub(super) fn new(plugins: &PluginArgs, plugin: &'static str) -> Result<Self, Failed> {
        let sessions = Self::unloaded(plugins, plugin, 1)?;
        sessions.host.plugin(plugin)?;
        Ok(sessions)
    }

    /// On so many loops; one end of each session shares its port with all others, or each stream has its own.
    pub(super) fn on_loops(
        plugins: &PluginArgs,
        plugin: &'static str,
        loops: usize,
        shares_port: bool,
    ) -> Result<Self, Failed> {
        let sessions = Self::unloaded(plugins, plugin, loops)?;
        sessions.host.plugin(plugin)?;
        Ok(Self {
            shares_port,
            ..sessions
        })
    }

    /// The plugin is loaded with the first session.
    pub(super) fn unloaded(
        plugins: &PluginArgs,
        plugin: &'static str,
        loops: usize,
    ) -> Result<Self, Failed> {
        let host_options = HostOptions::new(plugins.search_path()?)
            .scanner(Scanner::this_program())
            .loops(loops);
        let host = Host::new(host_options)?;
        Ok(Self {
            host,
            plugin,
            shares_port: true,
            reports: Arc::default(),
        })
    }

    /// Connects `count` pairs, waits for them, and stops them again.
    pub(super) fn pass(&self, count: u64) -> Result<(), String> {
        self.connect(count, Then::Stop, None).map(drop)
    }

    /// Connects `count` pairs that stay until [`release`](Self::release).
    pub(super) fn hold(&self, count: u64) -> Result<Vec<Arc<Pair>>, String> {
        self.connect(count, Then::Hold, None)
    }

    /// The same, where `carrier` makes what receives the application's datagrams.
    pub(super) fn hold_with(
        &self,
        count: u64,
        carrier: &Carrier<'_>,
    ) -> Result<Vec<Arc<Pair>>, String> {
        self.connect(count, Then::Hold, Some(carrier))
    }

    /// How pairs tell that they have come as far as they were to, and others that they are done.
    pub(super) fn reports(&self) -> &Arc<Reports> {
        &self.reports
    }

    pub(super) fn release(&self, held: &[Arc<Pair>]) -> Result<(), String> {
        for pair in held {
            pair.stop();
        }
        self.reports.take(held.len() as u64).map(drop)
    }

    /// One session, from before its first stream is opened until both are ready: by the clock, and the CPU time
    /// meanwhile.
    pub(super) fn one(&self) -> Result<(Duration, Duration), String> {
        let (start, cpu) = (Instant::now(), cpu_time());
        let pair = self.open(Then::Hold, [None, None], None);
        let pair = pair.map_err(|error| error.to_string())?;
        self.reports.take(1)?;
        let taken = (start.elapsed(), cpu_time() - cpu);
        self.release(&[pair])?;
        Ok(taken)
    }

    /// One session, of which one end notes what it sends and hears.
    pub(super) fn noted(&self, recorder: Recorder) -> Result<(), String> {
        let pair = self.open(Then::Stop, [Some(recorder), None], None);
        pair.map_err(|error| error.to_string())?;
        self.reports.take(1).map(drop)
    }

    fn connect(
        &self,
        count: u64,
        then: Then,
        carrier: Option<&Carrier<'_>>,
    ) -> Result<Vec<Arc<Pair>>, String> {
        let mut held = Vec::new();
        let (mut opened, mut done) = (0, 0);
        while done < count {
            while opened < count && opened - done < IN_FLIGHT {
                let pair = self
                    .open(then, [None, None], carrier.map(|carrier| (opened, carrier)))
                    .map_err(|error| error.to_string())?;
                if then == Then::Hold {
                    held.push(pair);
                }
                opened += 1;
            }
            done += self.reports.take((opened - done).min(IN_FLIGHT / 2))?;
        }
        Ok(held)
    }

    fn open(
        &self,
        then: Then,
        recorders: [Option<Recorder>; 2],
        carrier: Option<(u64, &Carrier<'_>)>,
    ) -> Result<Arc<Pair>, OpenError> {
        let pair = Pair::new(then, Arc::clone(&self.reports));
        let [first, second] = recorders;
        let open = |side: Side, recorder| {
            let bind_options = BindOptions::new()
                .address(Ipv4Addr::LOCALHOST)
                .single_port(self.shares_port && side == Side::A);
            let options = StreamOptions::new(self.plugin)
                .controlling(side.leads())
                .bind(bind_options)
                .listen(carrier.is_some())
                .recorder(recorder);
            let application = pair.application(side);
            let application = match carrier {
                Some((number, carrier)) => carrier(number, side, application),
                None => application,
            };
            self.host.open(options, application)
        };
        pair.connect([open(Side::A, first)?, open(Side::B, second)?]);
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
