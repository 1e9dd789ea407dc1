//! `handclasp stream`: one stream, driven by JSON lines (docs/json-lines.md).
//!
//! Standard input has a thread of its own, since nothing can interrupt its reading; the event loop's
//! notifications and complaints about lines meet in a queue, which the main thread writes out. While that does not
//! come along, input is not read.
mod input;
mod lines;
mod output;
mod reporter;

use super::completions::plugin_id;
use super::exit::Failed;
#[cfg(unix)]
use super::interrupt;
use super::key_log_args::KeyLogArgs;
use super::option_args::OptionArgs;
use super::plugin_args::PluginArgs;
use super::server_args::ServerArgs;
use super::stdio;
use super::tcp_args::TcpArgs;
use super::trace_args::{TraceArgs, begin};
use clap::{ArgAction, Args};
use handclasp::ice::Announced;
use handclasp::plugin::Scanner;
use handclasp::stream::TIMEOUT;
use handclasp::{BindOptions, Family, Host, HostOptions, StreamOptions};
use lines::Lines;
use output::Output;
use reporter::Reporter;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Run one stream, driven by JSON lines: messages on standard input, events on standard output.
///
/// Each line is one JSON object, such as {"message":"set_remote_candidate","component_id":1,"candidate":"…"}
/// and {"event":"component_state_ready","component_id":1,"handshake_data":"…"}; docs/json-lines.md has them
/// all. Events carry keys: do not send them where others read. Payloads are not encrypted, whatever the handshake: protect
/// them with those keys before send_payload. The end of the input stops the stream, as the
/// message `stop` does, and so do SIGINT, SIGTERM and SIGHUP (exit code 128 and the signal's
/// number); a second signal ends it at once. A stream whose components have all failed stops by itself. Exit code 1 if a
/// component failed, 3 if it was the plugin's `init`.
#[derive(Debug, Args)]
pub(super) struct Stream {
    /// The plugin that shakes hands
    #[arg(long, value_name = "ID", default_value = "none", add = plugin_id())]
    plugin: String,
    #[command(flatten)]
    plugins: PluginArgs,
    #[command(flatten)]
    options: OptionArgs,
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
    /// Check only where the peer's checks come from (ICE-lite): for a server at a public address
    #[arg(long, conflicts_with = "controlling")]
    ice_lite: bool,
    /// Most bytes of UDP payload in a packet of the handshake
    #[arg(long, value_name = "BYTES", default_value_t = 1200, value_parser = clap::value_parser!(u16).range(256..=65507))]
    mtu: u16,
    /// Fail if a call of the plugin's init takes longer than this, counted from when it is due
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    init_timeout: Duration,
    /// Fail a component whose handshake has not finished this long after ICE has selected a pair
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    handshake_timeout: Duration,
    /// Fail a component for which ICE has no pair this long after it starts (with the peer's credentials and its first
    /// candidate), or after the peer is disconnected: 30 s of silence. The credentials may take this and the init
    /// timeout together
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    ice_timeout: Duration,
    /// Add a member `stream` with this name to every event
    #[arg(long)]
    name: Option<String>,
}

impl Stream {
    pub(super) fn run(self) -> Result<(), Failed> {
        let mut trace = self.trace.prepare()?;
        let host_options = HostOptions::new(self.plugins.search_path()?)
            .scanner(Scanner::this_program())
            .loops(1)
            .key_log(self.key_log.open()?);
        let host = Host::new(host_options)?;
        let lines = Arc::new(Lines::default());
        let reporter = Reporter::new(Arc::clone(&lines));
        let output = Output::new(Arc::clone(&lines), self.name.clone());
        let components = self.components;
        let name = self.name.as_deref().unwrap_or("stream");
        let recorder = trace.as_ref().map(|trace| trace.recorder(name));
        let (id, given) = (self.plugin.clone(), self.options.clone());
        let options = self.into_options()?.recorder(recorder);
        stdio::claim().map_err(Failed::new)?;
        let plugin = host.plugin(&id)?;
        stdio::restore().map_err(Failed::new)?;
        let options = options.plugin_options(given.of(&plugin.description().options)?);
        let stream = Arc::new(host.open(options, Box::new(reporter))?);
        begin(&mut trace)?;
        drop(plugin);
        let stop = {
            let stream = Arc::downgrade(&stream);
            move || {
                // Without its handle the stream has been told to stop already.
                if let Some(stream) = stream.upgrade() {
                    stream.stop();
                }
            }
        };
        #[cfg(unix)]
        interrupt::stop_with(stop.clone());
        input::spawn(stream, components, lines)?;
        output.write(components, stop)
    }

    fn into_options(self) -> Result<StreamOptions, Failed> {
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            _ => None,
        };
        let bind_options = BindOptions::new()
            .addresses(self.addresses)
            .interfaces(self.interfaces)
            .family(family)
            .port_range(self.port_range);
        Ok(StreamOptions::new(self.plugin)
            .components(self.components)
            .controlling(self.controlling)
            .mtu(self.mtu)
            .init_timeout(self.init_timeout)
            .handshake_timeout(self.handshake_timeout)
            .ice_timeout(self.ice_timeout)
            .bind(self.tcp.apply(bind_options))
            .ice_lite(self.ice_lite)
            .announced(self.announced)
            .hide_addresses(self.hide_addresses)
            .servers(self.servers.servers()?)
            .turn_ca(self.servers.turn_ca()))
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
        .filter(|seconds| TIMEOUT.contains(seconds))
        .ok_or_else(|| "give seconds, from 0.001 to 86400".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use handclasp::stream::MTU;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        stream: Stream,
    }

    fn options(arguments: &[&str]) -> Result<StreamOptions, clap::Error> {
        let command = Command::try_parse_from([&["stream"], arguments].concat())?;
        Ok(command.stream.into_options().expect("it names no file"))
    }

    #[test]
    fn its_defaults_are_those_of_the_library() {
        let expected = StreamOptions::default();
        let options = options(&[]).expect("no option is required");
        assert_eq!(format!("{options:?}"), format!("{expected:?}"));
    }

    #[test]
    fn its_bounds_are_those_of_the_library() {
        let (least, most) = (MTU.start().to_string(), MTU.end().to_string());
        for (option, inside, outside) in [
            ("--mtu", [&*least, &most], ["255", "65508"]),
            ("--components", ["1", "256"], ["0", "257"]),
            (
                "--handshake-timeout",
                ["0.001", "86400"],
                ["0.0009", "86401"],
            ),
            ("--init-timeout", ["0.001", "86400"], ["0.0009", "86401"]),
            ("--ice-timeout", ["0.001", "86400"], ["0.0009", "86401"]),
        ] {
            for value in inside {
                assert!(options(&[option, value]).is_ok(), "{option} {value}");
            }
            for value in outside {
                assert!(options(&[option, value]).is_err(), "{option} {value}");
            }
        }
    }
}
