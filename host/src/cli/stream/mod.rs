//! `handclasp stream`: one stream, driven by JSON lines (docs/json-lines.md).
//!
//! Standard input has a thread of its own, since nothing can interrupt its reading; the event loop's
//! notifications and complaints about lines meet in a channel, which the main thread writes out.
mod input;
mod output;
mod reporter;

use super::exit::Failed;
use super::key_log_args::KeyLogArgs;
use super::plugin_args::{PluginArgs, setting};
use super::server_args::ServerArgs;
use super::tcp_args::TcpArgs;
use super::trace_args::TraceArgs;
use clap::{ArgAction, Args};
use handclasp::ice::Announced;
use handclasp::{Family, Gathering, Host, HostOptions, StreamOptions};
use output::Output;
use reporter::Reporter;
use std::net::IpAddr;
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Run one stream, driven by JSON lines: messages on standard input, events on standard output.
///
/// Each line is one JSON object, such as {"message":"set_remote_candidate","component_id":1,"candidate":"…"}
/// and {"event":"component_state_ready","component_id":1,"handshake_data":"…"}; docs/json-lines.md has them
/// all. Events carry keys: do not send them where others read. The end of the input stops the stream, as the
/// message `stop` does. Exit code 1 if a component failed, 3 if it was the plugin's `init`.
#[derive(Debug, Args)]
pub(super) struct Stream {
    /// The plugin that shakes hands
    #[arg(long, value_name = "ID", default_value = "none")]
    plugin: String,
    #[command(flatten)]
    plugins: PluginArgs,
    /// An option of the plugin (repeatable); see `handclasp plugins inspect ID`
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = setting)]
    options: Vec<(String, String)>,
    #[command(flatten)]
    key_log: KeyLogArgs,
    #[command(flatten)]
    trace: TraceArgs,
    /// ICE components
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    components: u16,
    /// Begin in the controlling role of ICE
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value_t = false, default_missing_value = "true",
        action = ArgAction::Set)]
    controlling: bool,
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    tcp: TcpArgs,
    /// Bind sockets to these ports only, such as 50000-50999
    #[arg(long, value_name = "A-B", value_parser = port_range)]
    port_range: Option<RangeInclusive<u16>>,
    /// Bind sockets to this address only (repeatable); without it, to those of all interfaces
    #[arg(long = "address", value_name = "IP")]
    addresses: Vec<IpAddr>,
    /// Bind sockets to addresses of this interface only (repeatable)
    #[arg(long = "interface", value_name = "NAME", conflicts_with = "addresses")]
    interfaces: Vec<String>,
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,
    /// Tell the peer this address instead of this machine's own, where a NAT passes everything on one to one:
    /// PUBLIC, or LOCAL=PUBLIC (repeatable)
    #[arg(long = "announce", value_name = "IP")]
    announced: Vec<Announced>,
    /// Tell the peer random names instead of this machine's addresses, which only its own networks can look up, by
    /// multicast DNS. Announced addresses are told as they are, and so is what STUN servers see
    #[arg(long)]
    hide_addresses: bool,
    /// Only answer ICE's checks (ICE-lite): for a server at a public address
    #[arg(long, conflicts_with = "controlling")]
    ice_lite: bool,
    /// Most bytes of UDP payload in a packet of the handshake
    #[arg(long, value_name = "BYTES", default_value_t = 1200, value_parser = clap::value_parser!(u16).range(256..=65507))]
    mtu: u16,
    /// Fail a component whose handshake takes longer than this from READY
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    handshake_timeout: Duration,
    /// Fail a component whose peer is silent for longer than this
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    ice_timeout: Duration,
    /// Add a member `stream` with this name to every event
    #[arg(long)]
    name: Option<String>,
}

impl Stream {
    pub(super) fn run(self) -> Result<(), Failed> {
        let trace = self.trace.open()?;
        let host = Host::new(HostOptions {
            plugins: self.plugins.search_path()?,
            loops: Some(NonZero::<usize>::MIN),
            key_log: self.key_log.open()?,
        })?;
        let (lines, received) = channel();
        let reporter = Reporter::new(lines.clone());
        let output = Output::new(received, reporter.queued(), self.name.clone());
        let components = self.components;
        let name = self.name.as_deref().unwrap_or("stream");
        let recorder = trace.as_ref().map(|trace| trace.recorder(name));
        let mut options = self.into_options()?;
        options.recorder = recorder;
        let stream = host.open(options, Box::new(reporter))?;
        input::spawn(stream, components, lines)?;
        output.write()
    }

    fn into_options(self) -> Result<StreamOptions, Failed> {
        Ok(StreamOptions {
            plugin: self.plugin,
            plugin_options: self.options,
            n_components: self.components,
            controlling: self.controlling,
            mtu: self.mtu,
            handshake_timeout: self.handshake_timeout,
            ice_timeout: self.ice_timeout,
            gathering: self.tcp.apply(Gathering {
                addresses: self.addresses,
                port_range: self.port_range,
                interfaces: self.interfaces,
                family: match (self.ipv4, self.ipv6) {
                    (true, _) => Some(Family::V4),
                    (_, true) => Some(Family::V6),
                    _ => None,
                },
                ..Gathering::default()
            }),
            ice_lite: self.ice_lite,
            announced: self.announced,
            hide_addresses: self.hide_addresses,
            listen: true,
            servers: self.servers.servers()?,
            turn_ca: self.servers.turn_ca(),
            ..StreamOptions::default()
        })
    }
}

fn port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let ports = text.split_once('-').and_then(|(first, last)| {
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (1 <= first && first <= last).then_some(first..=last)
    });
    ports.ok_or_else(|| "write the first and the last port, such as 50000-50999".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .and_then(|s| Duration::try_from_secs_f64(s).ok());
    seconds
        .filter(|seconds| (Duration::from_millis(1)..=LONGEST).contains(seconds))
        .ok_or_else(|| "give seconds, from 0.001 to 86400".to_owned())
}

const LONGEST: Duration = Duration::from_secs(86_400);
