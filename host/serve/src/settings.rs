//! What the configuration comes to: names looked up, secrets read.
use crate::plugins::CanaryPolicy;
use handclasp::ice::{Announced, Servers};
use handclasp::{BindOptions, StreamOptions};
use std::collections::HashMap;
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
}

/// How much the daemon takes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    pub(crate) streams: usize,
    pub(crate) streams_per_client: usize,
    /// Streams that are neither ready nor have failed.
    pub(crate) half_open: usize,
    /// Most opens in a second, and how many at once; any number without.
    pub(crate) opens_per_second: Option<f64>,
    pub(crate) burst: u32,
    /// How long a turn of an event loop may take before opens are refused.
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

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams: 100_000,
            streams_per_client: 100_000,
            half_open: 2_000,
            opens_per_second: None,
            burst: 1_000,
            lag: Duration::from_millis(100),
        }
    }
}

impl Settings {
    /// The options of a stream whose plugin is this, without the plugin's `own` options, which its opener gives.
    pub(crate) fn stream_options<'a>(
        &self,
        plugin: &str,
        own: impl Iterator<Item = &'a str> + Clone,
    ) -> StreamOptions {
        let configured = self
            .plugins
            .get(plugin)
            .into_iter()
            .flat_map(|plugin| &plugin.options);
        let configured = configured.filter(|(key, _)| own.clone().all(|own| own != key));
        StreamOptions::new(plugin)
            .plugin_options(configured.cloned())
            .bind(self.bind_options.clone())
            .announced(self.announced.iter().copied())
            .servers((*self.servers).clone())
            .turn_ca(self.turn_ca.clone())
    }
}
