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

/// What a stream is asked to be: name its plugin with [`new`](Self::new), then change what is not to be as it is by
/// default.
///
/// Every setter takes anything. [`Host::open`](crate::Host::open) checks all, before it loads a plugin, and says what is
/// out of its bounds.
///
/// ```
/// use handclasp::{BindOptions, StreamOptions};
/// use std::net::Ipv4Addr;
/// use std::time::Duration;
///
/// let options = StreamOptions::new("dtls-srtp")
///     .controlling(true)
///     .handshake_timeout(Duration::from_secs(10))
///     .bind(BindOptions::new().address(Ipv4Addr::LOCALHOST));
/// ```
#[derive(Clone)]
#[must_use = "give it to `Host::open`"]
pub struct StreamOptions {
    pub(crate) plugin: String,
    pub(crate) plugin_options: Vec<(String, String)>,
    pub(crate) settings: Settings,
    pub(crate) bind_options: BindOptions,
    pub(crate) listen: bool,
    pub(crate) turn_ca: Option<PathBuf>,
    pub(crate) loss: Option<Loss>,
    pub(crate) recorder: Option<Recorder>,
}

impl StreamOptions {
    /// A stream of one component, whose handshake is the plugin's of this id.
    pub fn new(plugin: impl Into<String>) -> Self {
        Self {
            plugin: plugin.into(),
            plugin_options: Vec::new(),
            settings: Settings::default(),
            bind_options: BindOptions::default(),
            listen: true,
            turn_ca: None,
            loss: None,
            recorder: None,
        }
    }

    /// Gives the plugin an option: at most [`MAX_VALUE`](crate::plugin::MAX_VALUE) bytes of value, and as many options
    /// as [`MAX_VALUES`](crate::plugin::MAX_VALUES). One that is declared as repeated may be given more than once.
    pub fn plugin_option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.plugin_options.push((key.into(), value.into()));
        self
    }

    /// Gives the plugin these options as well.
    pub fn plugin_options<K: Into<String>, V: Into<String>>(
        mut self,
        options: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let options = options.into_iter();
        let owned = options.map(|(key, value)| (key.into(), value.into()));
        self.plugin_options.extend(owned);
        self
    }

    /// How many components it has, 1 to [`MAX_COMPONENTS`](crate::stream::MAX_COMPONENTS); 1 by default.
    pub fn components(mut self, count: u16) -> Self {
        self.settings.n_components = count;
        self
    }

    /// Whether this side begins in the controlling role of ICE, of which one side takes each; not by default.
    pub fn controlling(mut self, controlling: bool) -> Self {
        self.settings.controlling = controlling;
        self
    }

    /// Most bytes of UDP payload in a packet of the handshake, in [`MTU`](crate::stream::MTU); 1200 by default.
    pub fn mtu(mut self, bytes: u16) -> Self {
        self.settings.mtu = bytes;
        self
    }

    /// How long a call of `init` may take from when it is due, with its waiting for a thread; after that its stream
    /// fails. In [`TIMEOUT`](crate::stream::TIMEOUT), 30 s by default.
    pub fn init_timeout(mut self, timeout: Duration) -> Self {
        self.settings.init_timeout = timeout;
        self
    }

    /// How long a handshake may take once ICE has selected a pair; after that its component fails. In
    /// [`TIMEOUT`](crate::stream::TIMEOUT), 30 s by default.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.settings.handshake_timeout = timeout;
        self
    }

    /// How long ICE may look for a pair before a component fails, in [`TIMEOUT`](crate::stream::TIMEOUT), 30 s by
    /// default. It counts from when ICE starts (the peer's credentials, then its first candidate) and again from when
    /// the peer counts as disconnected: after 30 s without an answer (RFC 7675), or with its TCP connection.
    pub fn ice_timeout(mut self, timeout: Duration) -> Self {
        self.settings.ice_timeout = timeout;
        self
    }

    /// How long STUN and TURN servers may take before the stream says
    /// [`CandidateGatheringDone`](crate::stream::Notification::CandidateGatheringDone), in
    /// [`TIMEOUT`](crate::stream::TIMEOUT), 5 s by default. It counts from when the stream starts to gather; a candidate that
    /// comes later is told all the same. STUN servers of a stream that [shares its ports](BindOptions::single_port) are
    /// not waited for at all, since its sockets ask them for all streams.
    pub fn gathering_timeout(mut self, timeout: Duration) -> Self {
        self.settings.gathering_timeout = timeout;
        self
    }

    /// Whether this side only answers ICE's checks: for servers at public addresses (RFC 8445, section 2.5). Such a
    /// side does not control, makes no TCP connections and has no STUN or TURN servers.
    pub fn ice_lite(mut self, ice_lite: bool) -> Self {
        self.settings.ice_lite = ice_lite;
        self
    }

    /// What the peer is told instead of this machine's own addresses, where a NAT passes everything on one to one:
    /// unicast addresses. None by default.
    pub fn announced(mut self, announced: impl IntoIterator<Item = Announced>) -> Self {
        self.settings.announced = announced.into_iter().collect();
        self
    }

    /// Whether the peer is told names of multicast DNS, which only this machine's own networks can look up, instead
    /// of this machine's addresses (draft-ietf-mmusic-mdns-ice-candidates). Announced addresses are told as they
    /// are, and so is what STUN servers see.
    pub fn hide_addresses(mut self, hide: bool) -> Self {
        self.settings.hide_addresses = hide;
        self
    }

    /// STUN and TURN servers, and whether only relays may be used. None by default.
    pub fn servers(mut self, servers: Servers) -> Self {
        self.settings.servers = Arc::new(servers);
        self
    }

    /// A PEM file with the certificates that relays over TLS are trusted by; without it, those that the system
    /// trusts. [`Host::open`](crate::Host::open) reads it if there is such a relay.
    pub fn turn_ca(mut self, file: impl Into<Option<PathBuf>>) -> Self {
        self.turn_ca = file.into();
        self
    }

    /// Where its sockets may be bound. Everywhere by default, for UDP.
    pub fn bind(mut self, bind_options: BindOptions) -> Self {
        self.bind_options = bind_options;
        self
    }

    /// Whether what the peers send reaches the application from the start, as it does by default; else a component is
    /// silent until it is sent [`Message::Listen`](crate::stream::Message::Listen).
    pub fn listen(mut self, listen: bool) -> Self {
        self.listen = listen;
        self
    }

    /// Datagrams to drop on purpose. None by default.
    pub fn loss(mut self, loss: impl Into<Option<Loss>>) -> Self {
        self.loss = loss.into();
        self
    }

    /// What notes everything that happens, if somebody wants to read it.
    pub fn recorder(mut self, recorder: impl Into<Option<Recorder>>) -> Self {
        self.recorder = recorder.into();
        self
    }

    /// Whether all is within its bounds: the one place where options are checked, but for the plugin's own and for what
    /// only the system can tell.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        self.settings.check(self.bind_options.tcp)?;
        self.bind_options.check(&self.settings.servers)?;
        match self.loss.as_ref().and_then(Loss::wrong_percent) {
            Some(percent) => Err(OpenError::Loss(percent)),
            None => Ok(()),
        }
    }
}

/// With the plugin `none`, which shakes no hands.
impl Default for StreamOptions {
    fn default() -> Self {
        Self::new("none")
    }
}

/// Without the values of the plugin's options, of which only the plugin says which are secret.
impl fmt::Debug for StreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamOptions")
            .field("plugin", &self.plugin)
            .field("plugin_options", &Keys(&self.plugin_options))
            .field("settings", &self.settings)
            .field("bind_options", &self.bind_options)
            .field("listen", &self.listen)
            .field("turn_ca", &self.turn_ca)
            .field("loss", &self.loss)
            .field("recorder", &self.recorder)
            .finish()
    }
}
