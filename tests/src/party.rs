//! What a stream of a world is made of.
use crate::turn::Turn;
use handclasp::ice::{Announced, Servers, Tcp};
use handclasp::plugin::{Plugin, validate};
use handclasp::stream::{CALL_TIMEOUT, Config, Settings, SettingsError, Stream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a stream is made of.
#[derive(Clone, Debug)]
pub struct Party {
    /// The plugin that shakes hands.
    pub plugin: Arc<Plugin>,
    /// Its options, as the application gives them.
    pub options: Vec<(String, String)>,
    /// Components 1 to this.
    pub n_components: u16,
    /// Most bytes of a packet.
    pub mtu: u16,
    /// From the request for `init`.
    pub init_timeout: Duration,
    /// From the request for any other call.
    pub call_timeout: Duration,
    /// From READY.
    pub handshake_timeout: Duration,
    /// How long the peer may be silent.
    pub ice_timeout: Duration,
    /// How long servers are waited for.
    pub gathering_timeout: Duration,
    /// Whether it only answers checks.
    pub ice_lite: bool,
    /// What its peer is told instead of its addresses.
    pub announced: Vec<Announced>,
    /// Whether its peer is told names instead of the others.
    pub hide_addresses: bool,
    /// STUN servers, which are in no world, and TURN servers.
    pub servers: Servers,
    /// The ICE role to begin with; the first of a pair is controlling if `None`.
    pub controlling: Option<bool>,
    /// Whether each component has a second socket, on another network.
    pub two_paths: bool,
    /// Whether each component has a listener from the start.
    pub listens: bool,
}

impl Party {
    /// The defaults of [`Settings`].
    pub fn new(plugin: Arc<Plugin>) -> Self {
        let defaults = Settings::default();
        Self {
            plugin,
            options: Vec::new(),
            n_components: defaults.n_components,
            mtu: defaults.mtu,
            init_timeout: defaults.init_timeout,
            call_timeout: CALL_TIMEOUT,
            handshake_timeout: defaults.handshake_timeout,
            ice_timeout: defaults.ice_timeout,
            gathering_timeout: defaults.gathering_timeout,
            ice_lite: false,
            announced: Vec::new(),
            hide_addresses: false,
            servers: Servers::default(),
            controlling: None,
            two_paths: false,
            listens: true,
        }
    }

    /// With this option as well.
    #[must_use]
    pub fn option(mut self, key: &str, value: &str) -> Self {
        self.options.push((key.to_owned(), value.to_owned()));
        self
    }

    /// With this many components.
    #[must_use]
    pub fn components(mut self, n: u16) -> Self {
        self.n_components = n;
        self
    }

    /// With no address but that of a relay of the world's.
    pub fn use_relay_only(&mut self) {
        self.servers = Turn::only();
    }

    /// A stream made of it, and whether it is the first of a pair.
    ///
    /// # Errors
    /// The stream cannot be.
    ///
    /// # Panics
    /// The plugin has no such options.
    pub fn stream(&self, start: Instant, is_first: bool) -> Result<Stream, SettingsError> {
        let declared = &self.plugin.description().options;
        let options = validate(self.plugin.id(), declared, &self.options)
            .unwrap_or_else(|error| panic!("{error}"));
        let settings = Settings {
            n_components: self.n_components,
            controlling: self.controlling.unwrap_or(is_first),
            mtu: self.mtu,
            init_timeout: self.init_timeout,
            handshake_timeout: self.handshake_timeout,
            ice_timeout: self.ice_timeout,
            gathering_timeout: self.gathering_timeout,
            ice_lite: self.ice_lite,
            announced: self.announced.clone().into(),
            hide_addresses: self.hide_addresses,
            servers: Arc::new(self.servers.clone()),
        };
        let config = Config {
            plugin: Arc::clone(self.plugin.info()),
            options: options.into(),
            settings,
            tcp: Tcp::Off,
            call_timeout: self.call_timeout,
            epoch: start,
            drop_counter: Arc::default(),
        };
        Stream::new(start, config)
    }
}
