//! `handclasp demo`: two peers in one process shake hands through a plugin, over real UDP and real ICE.
//!
//! `peer` is one side and what it reports; `session` passes the signalling and decides when all is done;
//! `show` prints it, for people or as JSON.
mod peer;
mod progress;
mod session;
mod show;

use super::completions::plugin_id;
use super::exit::Failed;
use super::key_log_args::KeyLogArgs;
use super::option_args::{OptionArgs, PeerOptionArgs};
use super::plugin_args::PluginArgs;
use super::server_args::ServerArgs;
use super::tcp_args::TcpArgs;
use super::trace_args::TraceArgs;
use clap::Args;
use std::time::Duration;

/// Let two peers connect over ICE and shake hands through a plugin, then send datagrams both ways.
///
/// Exit code 0 only if every component finished with the same keys on both sides, every datagram arrived (with
/// --loss: the handshakes finished), and both sides could say goodbye. The mode of --tcp is peer a's, and b takes
/// what goes with it: it listens where a connects.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The plugin that shakes hands
    #[arg(long, value_name = "ID", default_value = "dtls-srtp", add = plugin_id())]
    plugin: String,
    /// The other peer's plugin, if it is to be another
    #[arg(long, value_name = "ID", add = plugin_id())]
    peer_plugin: Option<String>,
    #[command(flatten)]
    plugins: PluginArgs,
    #[command(flatten)]
    options: OptionArgs,
    #[command(flatten)]
    peer_options: PeerOptionArgs,
    #[command(flatten)]
    key_log: KeyLogArgs,
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    tcp: TcpArgs,
    #[command(flatten)]
    trace: TraceArgs,
    /// Tell each other random names instead of addresses, to be looked up by multicast DNS
    #[arg(long)]
    hide_addresses: bool,
    /// ICE components
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    components: u16,
    /// Drop this share of all datagrams each way
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    loss: f64,
    /// Which datagrams are dropped: the same seed drops the same ones
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Application datagrams each way through every component
    #[arg(long, value_name = "N", default_value_t = 10)]
    datagrams: u32,
    /// A handshake may take this long once ICE has connected
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    handshake_timeout: u64,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400), hide = true)]
    patience: u64,
    /// One JSON object for each event, the last one `demo_done`
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failed> {
        let patience = Duration::from_secs(self.patience);
        session::Session::start(&self)?.run(patience)
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=100.0).contains(&share) => Ok(share),
        _ => Err("give a share from 0 to 100".to_owned()),
    }
}
