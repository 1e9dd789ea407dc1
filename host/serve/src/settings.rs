//! What the configuration comes to: names looked up, secrets read.
use crate::config::{AnnouncedAs, Config, Ipv6, SecretError};
use crate::plugins::CanaryPolicy;
use handclasp::ice::{Announced, Servers, Tcp};
use handclasp::{BindOptions, Family, StreamOptions};
use std::collections::HashMap;
use std::io;
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What streams are opened with, and how many.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) bind_options: BindOptions,
    pub(crate) announced: Vec<Announced>,
    pub(crate) servers: Arc<Servers>,
    pub(crate) turn_ca: Option<PathBuf>,
    pub(crate) default_plugin: String,
    /// By the ids of plugins.
    pub(crate) plugins: HashMap<String, PluginSettings>,
    pub(crate) canary: CanaryPolicy,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
}

/// What streams of one plugin have besides.
#[derive(Clone, Default)]
pub(crate) struct PluginSettings {
    pub(crate) options: Vec<(String, String)>,
    pub(crate) init_timeout: Option<Duration>,
    pub(crate) handshake_timeout: Option<Duration>,
    pub(crate) max_streams: Option<u32>,
}

/// How much the daemon takes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    pub(crate) streams: usize,
    pub(crate) streams_per_client: usize,
    /// Streams that are neither ready nor have failed.
    pub(crate) half_open: usize,
    /// Most opens in a second, and how many at once; any number if it is 0.
    pub(crate) opens_per_second: u32,
    pub(crate) burst: u32,
    /// How late an event loop may be before opens are refused.
    pub(crate) lag: Duration,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timeouts {
    pub(crate) init: Duration,
    pub(crate) handshake: Duration,
    pub(crate) ice: Duration,
    /// How long running streams are waited for.
    pub(crate) drain: Duration,
    /// How long streams may take to end.
    pub(crate) stop: Duration,
}

/// Why a configuration cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A name has no address.
    #[error(
        "announce.addresses: {name} cannot be looked up ({error}): correct the name, or give the address"
    )]
    Name {
        /// The name.
        name: String,
        /// The system's reason.
        error: io::Error,
    },
}

impl Settings {
    /// Looks up the names in `config`, and reads its secrets; may take as long as that does.
    pub(crate) fn of(config: &Config) -> Result<Self, SettingsError> {
        let timeouts = Timeouts {
            init: config.timeouts.init,
            handshake: config.timeouts.handshake,
            ice: config.timeouts.ice,
            drain: config.timeouts.drain,
            stop: config.timeouts.stop,
        };
        let limits = Limits {
            streams: config.limits.max_streams as usize,
            streams_per_client: config.limits.max_streams_per_client as usize,
            half_open: config.limits.max_half_open as usize,
            opens_per_second: config.limits.opens_per_second,
            burst: config.limits.open_burst,
            lag: config.limits.max_lag,
        };
        let canary = &config.plugins.canary;
        let canary = CanaryPolicy {
            share: canary.share.fraction(),
            margin: canary.margin.fraction(),
            streams: canary.min_streams.into(),
            duration: canary.duration,
        };
        let mut plugins = HashMap::new();
        for (id, plugin) in &config.plugin {
            let options = plugin.read_options()?.into_iter();
            let plugin = PluginSettings {
                options: options
                    .map(|(key, value)| (key, (*value).clone()))
                    .collect(),
                init_timeout: plugin.init_timeout,
                handshake_timeout: plugin.handshake_timeout,
                max_streams: plugin.max_streams,
            };
            plugins.insert(id.clone(), plugin);
        }
        Ok(Self {
            bind_options: bind_options(config),
            announced: announced(config)?,
            servers: Arc::new(config.servers.read()?),
            turn_ca: config.servers.ca_file.clone(),
            default_plugin: config.plugins.default.clone(),
            plugins,
            canary,
            limits,
            timeouts,
        })
    }

    /// The options of a stream whose plugin is this, without the plugin's `own` options, which its opener gives.
    pub(crate) fn stream_options<'a>(
        &self,
        own_ports: bool,
        plugin: &str,
        own: impl Iterator<Item = &'a str> + Clone,
    ) -> StreamOptions {
        let configured = self
            .plugins
            .get(plugin)
            .into_iter()
            .flat_map(|plugin| &plugin.options);
        let configured = configured.filter(|(key, _)| own.clone().all(|own| own != key));
        let mut bind_options = self.bind_options.clone();
        if own_ports {
            bind_options = bind_options.single_port(false).port_range(None);
        }
        StreamOptions::new(plugin)
            .plugin_options(configured.cloned())
            .bind(bind_options)
            .announced(self.announced.iter().copied())
            .servers((*self.servers).clone())
            .turn_ca(self.turn_ca.clone())
    }
}

/// Components behind the first one have the ports behind the first one's.
const MORE_PORTS: u16 = 255;

fn bind_options(config: &Config) -> BindOptions {
    let listen = &config.listen;
    let family = match listen.ipv6 {
        Ipv6::On => None,
        Ipv6::Off => Some(Family::V4),
        Ipv6::Only => Some(Family::V6),
    };
    let tcp = match listen.tcp {
        true => Tcp::Passive,
        false => Tcp::Off,
    };
    BindOptions::new()
        .single_port(true)
        .port_range(listen.port..=listen.port.saturating_add(MORE_PORTS))
        .addresses(listen.addresses.iter().copied())
        .interfaces(listen.interfaces.iter().cloned())
        .deny_interfaces(listen.deny_interfaces.iter().cloned())
        .virtual_interfaces(listen.virtual_interfaces)
        .family(family)
        .tcp(tcp)
        .receive_buffer(listen.receive_buffer)
        .send_buffer(listen.send_buffer)
}

/// What is announced, with the addresses that names have now.
pub(crate) fn announced(config: &Config) -> Result<Vec<Announced>, SettingsError> {
    let mut all = Vec::new();
    for announced in &config.announce.addresses {
        match announced {
            AnnouncedAs::Address(announced) => all.push(*announced),
            AnnouncedAs::Name(name) => {
                let found = (name.as_str(), 0).to_socket_addrs();
                let found = found.map_err(|error| SettingsError::Name {
                    name: name.clone(),
                    error,
                })?;
                all.extend(found.map(|address| Announced {
                    local: None,
                    public: address.ip(),
                }));
            }
        }
    }
    all.dedup();
    Ok(all)
}

/// Whether what is announced may change by itself.
pub(crate) fn announces_names(config: &Config) -> bool {
    let mut all = config.announce.addresses.iter();
    all.any(|announced| matches!(announced, AnnouncedAs::Name(_)))
}
