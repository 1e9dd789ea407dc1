//! `handclasp bench`: the figures Handclasp wants to reach, each with what it is compared with, in one run.
//!
//! All sides of a comparison work on the same core, in turns, and are measured by CPU time. What the host is
//! compared with are programs of their own, in `bench/` beside the executable: the host links none of their
//! libraries. `make bench` builds them.
//!
//! - `setup`: what each measurement is made with; `processor`: the core, and CPU time;
//! - `side`: one side of a comparison, and taking turns; `baseline`: a side that is another program;
//! - `sessions`: a side that is full sessions of this host; `pair` is one of them, `reports` how they tell;
//! - `figure`: what was measured, and its target; `rows`: all of them; `show` prints them.
//!
//! The rows, each in a file:
//!
//! - `memory`: what a component takes; `idle`: what it costs while nothing happens;
//! - `floor`: full sessions against DTLS in memory and their datagrams (`datagrams`), and against OpenSSL;
//! - `alone`: one session at a time; `loops`: on two loops; `first`: the first one of a process;
//! - `port`: sessions and datagrams of two loops that share one port, against one loop;
//! - `control`: streams opened through a daemon's control socket, against the library;
//! - `start`: from a process's start to its first handshake, with 100 plugins in the directory;
//! - `calls`: calls into a plugin; `forward`: applications' datagrams, to one peer and to 100.
mod alone;
mod baseline;
mod calls;
mod control;
mod datagrams;
mod figure;
mod first;
mod floor;
mod forward;
mod idle;
mod loops;
mod memory;
mod pair;
mod port;
mod processor;
mod reports;
mod rows;
mod sessions;
mod setup;
mod show;
mod side;
mod start;

use super::exit::Failed;
use super::plugin_args::PluginArgs;
use clap::Args;
use clap::builder::PossibleValuesParser;
use setup::{NO_HANDSHAKE, PLUGIN, Setup};
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
    /// Only this row of the table (repeatable)
    #[arg(long, value_name = "ROW", value_parser = PossibleValuesParser::new(rows::names()))]
    only: Vec<String>,
    #[command(flatten)]
    plugins: PluginArgs,
    /// One JSON object for each figure, the last one `bench_done`
    #[arg(long)]
    json: bool,
    /// Be a process whose first session is measured
    #[arg(long = first::OPTION, value_name = "ID", hide = true)]
    first_session: Option<String>,
    /// Be a process whose start is measured
    #[arg(long = start::OPTION, hide = true)]
    only_start: bool,
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Failed> {
        if self.only_start {
            return start::run(&self.plugins);
        }
        match self.first_session.as_deref() {
            Some(NO_HANDSHAKE) => return first::run(&self.plugins, NO_HANDSHAKE),
            Some(_) => return first::run(&self.plugins, PLUGIN),
            None => {}
        }
        let pinned = processor::pin()?;
        let setup = Setup {
            plugins: &self.plugins,
            pinned: &pinned,
            time: Duration::from_secs(self.seconds.into()),
        };
        let mut figures = Vec::new();
        for group in rows::select(&self.only) {
            figures.extend(group.measure(&setup, &self.only)?);
        }
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
}
