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
//! - `calls`: a side that is calls into a plugin;
//! - `memory`: what a component takes; `idle`: what it costs while nothing happens;
//! - `figure`: what was measured, and its target; `show` prints it.
mod baseline;
mod calls;
mod figure;
mod idle;
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
use figure::{Figure, Target};
use sessions::Sessions;
use side::measure;
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
}

/// The plugin that is measured.
const PLUGIN: &str = "dtls-srtp";
/// The plugin that leaves ICE and sockets with themselves.
const NO_HANDSHAKE: &str = "none";

impl Bench {
    pub(super) fn run(self) -> Result<(), Failed> {
        let core = processor::pin()?;
        // First: what other measurements have freed would be used again.
        let memory = self.memory()?;
        let [against_dimpl, against_openssl] = self.sessions()?;
        let calls = self.calls();
        let figures = [against_dimpl, against_openssl, calls, memory, self.idle()?];
        show::figures(&figures, core, self.json);
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
        show::progress("full sessions, and DTLS alone in memory");
        let [host, bare, dimpl, openssl] = measure(
            [
                &mut Sessions::new(&self.plugins, PLUGIN)?,
                &mut Sessions::new(&self.plugins, NO_HANDSHAKE)?,
                &mut Baseline::new("dimpl", "run `make bench`"),
                &mut Baseline::new("openssl", "install libssl-dev, then run `make bench`"),
            ],
            self.time(),
        )
        .map(|nanos| nanos.map(|nanos| nanos / 1e3));
        let bare = bare.map_or_else(|reason| reason, |micros| format!("{micros:.1} µs"));
        let counted = "counted are both ends, of which one has a port for all its streams and one a port for each, \
                       fresh certificates included";
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
                "session_dimpl",
                "full session, against dimpl in memory",
                dimpl,
                0.9,
                format!("{counted}; the same with plugin none, so ICE and sockets alone: {bare}"),
            ),
            figure(
                "session_openssl",
                "full session, against OpenSSL in memory",
                openssl,
                1.5,
                format!("{counted}; OpenSSL speaks DTLS 1.2"),
            ),
        ])
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
