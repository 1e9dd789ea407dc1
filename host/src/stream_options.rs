//! What a stream is asked to be.
#[cfg(test)]
mod tests;

use crate::error::OpenError;
use crate::hidden::Keys;
use crate::ice::{Announced, Servers};
use crate::net::{BindOptions, Loss};
use crate::stream::Settings;
use crate::trace::Recorder;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a stream is asked to be.
#[derive(Clone)]
pub struct StreamOptions {
    /// The plugin's id.
    pub plugin: String,
    /// The plugin's options.
    pub plugin_options: Vec<(String, String)>,
    /// Components 1 to this, at most 256; 1 by default.
    pub n_components: u16,
    /// Whether this side begins in the controlling role of ICE.
    pub controlling: bool,
    /// Most bytes of UDP payload in a packet of the handshake: 256 to 65,507, 1200 by default.
    pub mtu: u16,
    /// How long a call of `init` may take from when it is due, with its waiting for a thread; after that its stream
    /// fails. A millisecond to a day, 30 s by default.
    pub init_timeout: Duration,
    /// How long a handshake may take once ICE has selected a pair: a millisecond to a day, 30 s by default.
    pub handshake_timeout: Duration,
    /// How long ICE may look for a pair before a component fails: a millisecond to a day, 30 s by default. It counts
    /// from when ICE starts (the peer's credentials, then its first candidate) and again from when the peer counts as
    /// disconnected: after 30 s without an answer (RFC 7675), or with its TCP connection.
    pub ice_timeout: Duration,
    /// Whether this side only answers ICE's checks: for servers at public addresses (RFC 8445, section 2.5).
    pub ice_lite: bool,
    /// What the peer is told instead of this machine's own addresses, where a NAT passes everything on one to one.
    pub announced: Vec<Announced>,
    /// Whether the peer is told names of multicast DNS, which only this machine's own networks can look up, instead
    /// of this machine's addresses (draft-ietf-mmusic-mdns-ice-candidates). Announced addresses are told as they
    /// are, and so is what STUN servers see.
    pub hide_addresses: bool,
    /// Where its sockets may be bound.
    pub bind_options: BindOptions,
    /// Whether every component is listened to from the start.
    pub listen: bool,
    /// STUN and TURN servers, and whether only relays may be used.
    pub servers: Servers,
    /// A PEM file with the certificates that relays over TLS are trusted by; without it, those that the system
    /// trusts.
    pub turn_ca: Option<PathBuf>,
    /// Datagrams to drop on purpose.
    pub loss: Option<Loss>,
    /// What notes everything that happens, if somebody wants to read it.
    pub recorder: Option<Recorder>,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            plugin: "none".to_owned(),
            plugin_options: Vec::new(),
            n_components: 1,
            controlling: false,
            mtu: 1200,
            init_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(30),
            ice_timeout: Duration::from_secs(30),
            ice_lite: false,
            announced: Vec::new(),
            hide_addresses: false,
            bind_options: BindOptions::default(),
            listen: false,
            servers: Servers::default(),
            turn_ca: None,
            loss: None,
            recorder: None,
        }
    }
}

impl StreamOptions {
    /// What the stream is to be, if all is within its bounds: this is the one place where options are checked, but for
    /// the plugin's own and for what only the system can tell.
    pub(crate) fn check(&self) -> Result<Settings, OpenError> {
        let settings = Settings {
            n_components: self.n_components,
            controlling: self.controlling,
            mtu: self.mtu,
            init_timeout: self.init_timeout,
            handshake_timeout: self.handshake_timeout,
            ice_timeout: self.ice_timeout,
            ice_lite: self.ice_lite,
            announced: self.announced.clone().into(),
            hide_addresses: self.hide_addresses,
            servers: Arc::new(self.servers.clone()),
        };
        settings.check(self.bind_options.tcp)?;
        self.bind_options.check(&settings.servers)?;
        match self.loss.as_ref().and_then(Loss::wrong_percent) {
            Some(percent) => Err(OpenError::Loss(percent)),
            None => Ok(settings),
        }
    }
}

/// Without the values of the plugin's options, of which only the plugin says which are secret.
impl fmt::Debug for StreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamOptions")
            .field("plugin", &self.plugin)
            .field("plugin_options", &Keys(&self.plugin_options))
            .field("n_components", &self.n_components)
            .field("controlling", &self.controlling)
            .field("mtu", &self.mtu)
            .field("init_timeout", &self.init_timeout)
            .field("handshake_timeout", &self.handshake_timeout)
            .field("ice_timeout", &self.ice_timeout)
            .field("ice_lite", &self.ice_lite)
            .field("announced", &self.announced)
            .field("hide_addresses", &self.hide_addresses)
            .field("bind_options", &self.bind_options)
            .field("listen", &self.listen)
            .field("servers", &self.servers)
            .field("turn_ca", &self.turn_ca)
            .field("loss", &self.loss)
            .field("recorder", &self.recorder)
            .finish()
    }
}
