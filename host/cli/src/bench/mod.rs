//! `handclasp bench`: the figures Handclasp wants to reach, each with what it is compared with, in one run.
//!
//! All sides of a comparison work on the same core, in turns, and are measured by CPU time. What the host is
//! compared with are programs of their own, in `bench/` beside the executable: the host links none of their
//! libraries. `make bench` builds them.
//!
//! - `processor`: that core, and CPU time;
//! - `side`: one side of a comparison, and taking turns;
//! - `baseline`: a side that is another program;
//! - `sessions`: a side that is full sessions of this host; `pair` is one of them, `reports` how they tell;
//! - `datagrams`: a side that is a session's datagrams alone; `alone`: one session at a time; `loops`: on two loops;
//!   `first`: the first one of a process;
//! - `calls`: a side that is calls into a plugin;
//! - `memory`: what a component takes; `idle`: what it costs while nothing happens;
//! - `figure`: what was measured, and its target; `show` prints it.
mod alone;
mod baseline;
mod calls;
mod datagrams;
mod figure;
mod first;
mod idle;
mod loops;
mod memory;
mod pair;
mod processor;
mod reports;
mod sessions;
mod show;
mod side;

use super::exit::Failed;
use super::plugin_args::PluginArgs;
use baseline::Baseline;
use calls::Calls;
use clap::Args;
use datagrams::Datagrams;
use figure::{Figure, Target};
use processor::Pinned;
use sessions::Sessions;
use side::{measure, median};
use std::time::Duration;

/// Measure the figures Handclasp wants to reach, side by side on one core.
///
/// `make bench` builds what is compared with, and runs this. Exit code 0 if every figure was measured, whether
/// it reaches its target or not; 1 if one could not be.
#[derive(Debug, Args)]
pub(super) struct Bench {
    /// Measure each side of a comparison for about this long
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=600))]
    seconds: u16,
    #[command(flatten)]
    plugins: PluginArgs,
    /// One JSON object for each figure, the last one `bench_done`
    #[arg(long)]
    json: bool,
    /// Be a process whose first session is measured
    #[arg(long = first::OPTION, value_name = "ID", hide = true)]
    first_session: Option<String>,
}

/// The plugin that is measured.
const PLUGIN: &str = "dtls-srtp";
/// The plugin that leaves ICE and sockets with themselves.
const NO_HANDSHAKE: &str = "none";

impl Bench {
    pub(super) fn run(self) -> Result<(), Failed> {
        match self.first_session.as_deref() {
            Some(NO_HANDSHAKE) => return first::run(&self.plugins, NO_HANDSHAKE),
            Some(_) => return first::run(&self.plugins, PLUGIN),
            None => {}
        }
        let pinned = processor::pin()?;
        // First: what other measurements have freed would be used again.
        let memory = self.memory()?;
        let [floor, against_openssl] = self.sessions()?;
        let figures = [
            floor,
            against_openssl,
            self.alone()?,
            self.loops(&pinned),
            self.first(),
            self.calls(),
            memory,
            self.idle()?,
        ];
        show::figures(&figures, pinned.core, self.json);
        let unmeasured = figures.iter().filter(|f| f.value().is_err()).count();
        match unmeasured {
            0 => Ok(()),
            _ => Err(Failed::new(format!(
                "{unmeasured} of {} figures were not measured; their notes say why",
                figures.len()
            ))),
        }
    }

    fn memory(&self) -> Result<Figure, Failed> {
        show::progress("memory of idle components");
        Ok(Figure {
            name: "memory",
            what: "memory of an idle, finished component",
            unit: "KiB",
            host: memory::kib_per_component(&Sessions::new(&self.plugins, PLUGIN)?),
            baseline: None,
            target: Target::AtMost(32.0),
            note: "growth of the process's proportional set size (PSS): ICE, DTLS, certificates, heap and \
                   buffers; not what the kernel holds for a socket"
                .to_owned(),
        })
    }

    fn idle(&self) -> Result<Figure, Failed> {
        show::progress("CPU of idle components, about a minute");
        let measured = idle::percent(&Sessions::new(&self.plugins, PLUGIN)?);
        let note = match &measured {
            Ok((_, held)) => format!(
                "{held} were held in one process, both ends of each pair, and checked each other every 3 s (RFC 7675)"
            ),
            Err(_) => String::new(),
        };
        Ok(Figure {
            name: "idle",
            what: "CPU of 10,000 idle, finished components",
            unit: "% of a core",
            host: measured.map(|(percent, _)| percent),
            baseline: None,
            target: Target::AtMost(5.0),
            note,
        })
    }

    /// The host's sessions are measured once, for both comparisons.
    fn sessions(&self) -> Result<[Figure; 2], Failed> {
        show::progress("full sessions, DTLS alone in memory, and datagrams alone");
        let mut sessions = Sessions::new(&self.plugins, PLUGIN)?;
        let mut datagrams = Datagrams::of(&sessions).map_err(Failed::new)?;
        let (count, bytes) = (datagrams.count(), datagrams.bytes());
        let [host, bare, dimpl, datagrams, openssl] = measure(
            [
                &mut sessions,
                &mut Sessions::new(&self.plugins, NO_HANDSHAKE)?,
                &mut Baseline::new("dimpl", "run `make bench`"),
                &mut datagrams,
                &mut Baseline::new("openssl", "install libssl-dev, then run `make bench`"),
            ],
            self.time(),
        )
        .map(|nanos| nanos.map(|nanos| nanos / 1e3));
        let micros = |measured: &Result<f64, String>| match measured {
            Ok(micros) => format!("{micros:.1} µs"),
            Err(reason) => reason.clone(),
        };
        let floor_is = format!(
            "the floor is DTLS in memory, {}, and {count} datagrams of {bytes} bytes in all, as they were recorded, one \
             system call for each that leaves or arrives, {}",
            micros(&dimpl),
            micros(&datagrams),
        );
        let counted = "counted are both ends, of which one has a port for all its streams and one a port for each, \
                       fresh certificates included";
        let floor = dimpl.and_then(|dimpl| Ok(dimpl + datagrams?));
        let figure = |name, what, baseline, target, note| Figure {
            name,
            what,
            unit: "µs of CPU",
            host: host.clone(),
            baseline: Some(baseline),
            target: Target::RatioAtLeast(target),
            note,
        };
        Ok([
            figure(
                "session_floor",
                "full session, against dimpl in memory and its datagrams",
                floor,
                0.9,
                format!(
                    "{counted}; {floor_is}; full sessions with plugin none, so ICE and sockets alone: {}",
                    micros(&bare)
                ),
            ),
            figure(
                "session_openssl",
                "full session, against OpenSSL in memory",
                openssl,
                2.0,
                format!("{counted}; OpenSSL speaks DTLS 1.2"),
            ),
        ])
    }

    fn alone(&self) -> Result<Figure, Failed> {
        show::progress("one session at a time");
        let sessions = Sessions::new(&self.plugins, PLUGIN)?;
        let (host, baseline) = split(alone::microseconds(&sessions, self.time()));
        Ok(Figure {
            name: "session_alone",
            what: "one session at a time, against its CPU time",
            unit: "µs",
            host,
            baseline: Some(baseline),
            target: Target::TimesAtMost(1.25),
            note: "by the clock, from before both streams are opened until both are ready; what is more than CPU time \
                   is spent on waking threads, and on whatever else the machine does"
                .to_owned(),
        })
    }

    fn loops(&self, pinned: &Pinned) -> Figure {
        show::progress("sessions on two event loops, and on one");
        let measured = loops::microseconds(&self.plugins, pinned, self.time());
        let (host, baseline) = split(measured.map(|[two, one]| (two, one)));
        Figure {
            name: "session_loops",
            what: "sessions on two event loops, against one",
            unit: "µs",
            host,
            baseline: Some(baseline),
            target: Target::RatioAtLeast(1.7),
            note: "by the clock, on two cores against one, 32 sessions under way; each stream has a port of its own, for \
                   those that share a port share a loop"
                .to_owned(),
        }
    }

    fn first(&self) -> Figure {
        show::progress("the first session of a process");
        let measured = first::milliseconds(PLUGIN);
        let note = match (&measured, first::milliseconds(NO_HANDSHAKE)) {
            (Ok((_, cpu)), Ok((bare, _))) => format!(
                "by the clock, the median of 20 processes; {cpu:.1} ms of it is CPU time; with plugin none: {bare:.1} ms. \
                 The library is found, copied, hashed and mapped meanwhile; that it can be opened is known from the cache"
            ),
            (_, Err(reason)) => reason,
            _ => String::new(),
        };
        Figure {
            name: "session_first",
            what: "first session of a process",
            unit: "ms",
            host: measured.map(|(wall, _)| wall),
            baseline: None,
            target: Target::AtMost(5.0),
            note,
        }
    }

    fn calls(&self) -> Figure {
        show::progress("calls into a plugin, and the same called directly");
        let [host, baseline] = measure(
            [
                &mut Calls::new(),
                &mut Baseline::new("direct", "run `make bench`"),
            ],
            self.time(),
        );
        Figure {
            name: "call",
            what: "no-op recv_from_peer, against a direct call",
            unit: "ns of CPU",
            host,
            baseline: Some(baseline),
            target: Target::MoreAtMost(5.0),
            note: "through the loaded library, all checks of what comes back included".to_owned(),
        }
    }

    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}

/// Both numbers, or for each the reason why there are none.
fn split(both: Result<(f64, f64), String>) -> (Result<f64, String>, Result<f64, String>) {
    match both {
        Ok((one, other)) => (Ok(one), Ok(other)),
        Err(reason) => (Err(reason.clone()), Err(reason)),
    }
}
