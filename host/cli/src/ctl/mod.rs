//! `handclasp ctl`: talks to a running daemon.
mod client;
mod show;
mod table;

use super::completions::{plugin_id, stream_name};
use super::exit::Failed;
use super::serve::configuration;
use super::stdio;
use clap::{Args, Subcommand};
use client::Client;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Talk to a running daemon.
///
/// Exit code 0 once what was asked for has been done, and 1 with one sentence if it has not.
#[derive(Debug, Args)]
pub(super) struct Ctl {
    /// The daemon's control socket; without it the one of its configuration
    #[arg(long, value_name = "PATH", global = true)]
    socket: Option<PathBuf>,
    /// The daemon's configuration, which names its socket
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "socket")]
    config: Option<PathBuf>,
    /// One JSON object for each answer
    #[arg(long, global = true)]
    json: bool,
    /// Ask again and again, so many seconds apart
    #[arg(long, value_name = "SECONDS", global = true, num_args = 0..=1, default_missing_value = "2",
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What the daemon does
    Status,
    /// The streams that run
    Streams,
    /// One stream: its components, pairs and failures
    Stream {
        #[arg(add = stream_name())]
        stream: String,
    },
    /// The plugins and their generations
    Plugins,
    /// Open a stream that goes on without this command
    Open(Open),
    /// Make two streams of the daemon's each other's peers
    Connect {
        #[arg(add = stream_name())]
        stream: String,
        #[arg(add = stream_name())]
        peer: String,
    },
    /// Stop a stream
    Stop {
        #[arg(add = stream_name())]
        stream: String,
    },
    /// Read the configuration again, and look at all plugins
    Reload,
    /// Open no streams any more, and end with the last one
    Drain,
    /// Stop all streams, and end
    Shutdown,
    /// Refuse a plugin to new streams
    Quarantine {
        #[arg(add = plugin_id())]
        plugin: String,
        /// Why, for whoever is refused
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let a plugin in quarantine be used again
    Release {
        #[arg(add = plugin_id())]
        plugin: String,
    },
    /// What happens, as it happens, until this is interrupted
    Events {
        /// These only (repeatable), such as generation_loaded
        #[arg(long = "event", value_name = "NAME")]
        events: Vec<String>,
    },
}

#[derive(Debug, Args)]
struct Open {
    /// Its name; one is made up without
    name: Option<String>,
    /// The plugin that shakes hands; without it the configured one
    #[arg(long, value_name = "ID", add = plugin_id())]
    plugin: Option<String>,
    /// An option of the plugin's, as key=value (repeatable). Others on this machine can read a command line: configure secrets
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// ICE components
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    components: Option<u16>,
    /// Begin in the controlling role of ICE
    #[arg(long)]
    controlling: bool,
    /// Connect it with this stream of the daemon's, in the other role
    #[arg(long, value_name = "STREAM", conflicts_with = "controlling", add = stream_name())]
    connect: Option<String>,
}

impl Ctl {
    pub(super) fn run(self) -> Result<(), Failed> {
        let socket = socket(self.socket.as_deref(), self.config.as_deref())?;
        let mut client = Client::connect(&socket)?;
        match self.command {
            Command::Open(open) => open.run(&mut client, self.json),
            Command::Events { events } => follow(&mut client, &events, self.json),
            command => {
                let request = command.request();
                loop {
                    let answers = client.ask(&request)?;
                    command.show(&answers, self.json);
                    match self.watch {
                        None => return Ok(()),
                        Some(seconds) => thread::sleep(Duration::from_secs(seconds)),
                    }
                    stdio::outcome()?; // nobody reads any more
                }
            }
        }
    }
}

/// The socket that is named, or that of the configuration.
pub(super) fn socket(named: Option<&Path>, config: Option<&Path>) -> Result<PathBuf, Failed> {
    match named {
        Some(socket) => Ok(socket.to_owned()),
        None => configuration(config)?
            .control
            .socket_path()
            .map_err(Failed::new),
    }
}

/// The names of the daemon's streams, if it answers at its usual place.
pub(super) fn stream_names() -> Vec<String> {
    let answers = socket(None, None)
        .and_then(|socket| Client::connect(&socket)?.ask(&json!({"request": "streams"})));
    let answers = answers.unwrap_or_default();
    let streams = answers
        .iter()
        .filter_map(|answer| answer.get("streams")?.as_array());
    let names = streams
        .flatten()
        .filter_map(|stream| stream.get("stream")?.as_str());
    names.map(str::to_owned).collect()
}

impl Command {
    fn request(&self) -> Value {
        match self {
            Self::Status => json!({"request": "status"}),
            Self::Streams => json!({"request": "streams"}),
            Self::Stream { stream } => json!({"request": "stream", "stream": stream}),
            Self::Plugins => json!({"request": "plugins"}),
            Self::Connect { stream, peer } => {
                json!({"request": "connect", "stream": stream, "peer": peer})
            }
            Self::Stop { stream } => json!({"request": "stop", "stream": stream}),
            Self::Reload => json!({"request": "reload"}),
            Self::Drain => json!({"request": "drain"}),
            Self::Shutdown => json!({"request": "shutdown"}),
            Self::Quarantine { plugin, reason } => {
                json!({"request": "quarantine", "plugin": plugin, "reason": reason})
            }
            Self::Release { plugin } => json!({"request": "release", "plugin": plugin}),
            Self::Open(_) | Self::Events { .. } => Value::Null, // they ask for themselves
        }
    }

    fn show(&self, answers: &[Map<String, Value>], json: bool) {
        if json {
            return stdio::say(show::as_json(answers));
        }
        let Some(answer) = answers.last() else {
            return;
        };
        match self {
            Self::Status => show::status(answer),
            Self::Streams => show::streams(answers),
            Self::Stream { .. } => show::stream(answer),
            Self::Plugins => show::plugins(answer),
            Self::Reload => show::reload(answer),
            _ => {}
        }
    }
}

impl Open {
    fn run(self, client: &mut Client, json: bool) -> Result<(), Failed> {
        let mut options = Map::new();
        for option in &self.options {
            let Some((key, value)) = option.split_once('=') else {
                return Err(Failed::usage(format!(
                    "--option {option} has no `=`: write key=value"
                )));
            };
            let values = options.entry(key).or_insert_with(|| json!([]));
            if let Some(values) = values.as_array_mut() {
                values.push(value.into());
            }
        }
        let mut request = json!({
            "request": "open",
            "name": self.name,
            "plugin": self.plugin,
            "options": options,
            "components": self.components,
            "controlling": self.controlling,
            "own_ports": self.connect.is_some(),
            "detached": true,
        });
        if let Some(peer) = &self.connect {
            let answers = client.ask(&json!({"request": "stream", "stream": peer}))?;
            let peer = answers.last();
            let controls = peer
                .and_then(|peer| peer.get("controlling"))
                .and_then(Value::as_bool);
            request["controlling"] = (!controls.unwrap_or_default()).into();
        }
        let answers = client.ask(&request)?;
        let opened = answers.last().cloned().unwrap_or_default();
        let name = table::cell(&opened, "stream");
        if let Some(peer) = &self.connect {
            client.ask(&json!({"request": "connect", "stream": name, "peer": peer}))?;
        }
        stdio::say(match json {
            true => Value::Object(opened).to_string(),
            false => name,
        });
        Ok(())
    }
}

/// Prints what happens until the daemon ends or nobody reads any more.
fn follow(client: &mut Client, events: &[String], json: bool) -> Result<(), Failed> {
    let mut request = json!({"request": "subscribe"});
    if !events.is_empty() {
        request["events"] = json!(events);
    }
    client.ask(&request)?;
    loop {
        let Ok(event) = client.read() else {
            return Ok(());
        };
        match json {
            true => stdio::say(Value::Object(event).to_string()),
            false => show::event(&event),
        }
        stdio::outcome()?;
    }
}
