//! What a stream is asked to be, but for its plugin and its sockets.
use crate::ice::{Announced, AnnouncedError, Servers, ServersError, Tcp};
use crate::sdp::InitDataFormatError;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// What a stream is asked to be, but for its plugin and its sockets. Anything can stand in it;
/// [`Stream::new`](super::Stream::new) takes what is within the bounds that are given here.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Components 1 to this, at most [`MAX_COMPONENTS`]; 1 by default.
    pub n_components: u16,
    /// Whether this side begins in the controlling role of ICE (RFC 8445, section 6.1.1); not by default.
    pub controlling: bool,
    /// Most bytes of UDP payload in a packet of the handshake, in [`MTU`]; 1200 by default.
    pub mtu: u16,
    /// How long a call of `init` may take from when it is due, in [`TIMEOUT`]; 30 s by default.
    pub init_timeout: Duration,
    /// How long a handshake may take once ICE has selected a pair, in [`TIMEOUT`]; 30 s by default.
    pub handshake_timeout: Duration,
    /// How long ICE may look for a pair, from when it starts or has lost one, in [`TIMEOUT`]; 30 s by default.
    pub ice_timeout: Duration,
    /// How long STUN and TURN servers are waited for before `candidate_gathering_done`, in [`TIMEOUT`]; 5 s by default. A
    /// candidate that comes later is told all the same.
    pub gathering_timeout: Duration,
    /// Whether this side seeks nobody and checks only who has checked it (RFC 8445, section 2.5): `ice_lite`. Such a
    /// side does not control, makes no TCP connections and has no servers.
    pub ice_lite: bool,
    /// What the peer is told instead of this machine's own addresses: unicast ones.
    pub announced: Arc<[Announced]>,
    /// Whether the peer is told names of multicast DNS instead of this machine's own addresses, but for those that
    /// are announced.
    pub hide_addresses: bool,
    /// STUN and TURN servers.
    pub servers: Arc<Servers>,
}

/// Bytes that a packet of the handshake may be limited to; the most is what UDP over IPv4 carries.
pub const MTU: RangeInclusive<u16> = 256..=65_507;

/// What `init_timeout`, `call_timeout`, `handshake_timeout`, `ice_timeout` and `gathering_timeout` may be: a day is the
/// longest.
pub const TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(86_400);

/// Most components a stream may have (RFC 8839 allows 256; more than RTP and RTCP is rare).
pub const MAX_COMPONENTS: u16 = 256;

/// Why a stream cannot be what it is asked to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// No component, or too many.
    #[error("a stream has 1 to {MAX_COMPONENTS} components, not {count}")]
    Components {
        /// How many were asked for.
        count: u16,
    },
    /// An MTU that is not in [`MTU`].
    #[error("the MTU is {} to {} bytes, not {bytes}", MTU.start(), MTU.end())]
    Mtu {
        /// What was asked for.
        bytes: u16,
    },
    /// A timeout that is not in [`TIMEOUT`].
    #[error("the {name} timeout is {:?} to {:?}, not {timeout:?}", TIMEOUT.start(), TIMEOUT.end())]
    Timeout {
        /// Whose it is: `init`, `call`, `handshake`, `ICE` or `gathering`.
        name: &'static str,
        /// What it was to be.
        timeout: Duration,
    },
    /// A server that cannot be used, or none where there must be one.
    #[error(transparent)]
    Servers(#[from] ServersError),
    /// An address that cannot be announced.
    #[error(transparent)]
    Announced(#[from] AnnouncedError),
    /// An ICE-lite side is to control.
    #[error(
        "an ICE-lite side does not control (RFC 8445, section 6.1.1): leave its peer the controlling role"
    )]
    LiteControls,
    /// An ICE-lite side is to connect.
    #[error("an ICE-lite side makes no connections: let it listen for TCP only (passive)")]
    LiteConnects,
    /// An ICE-lite side is to use servers.
    #[error("an ICE-lite side has host candidates only: leave out its STUN and TURN servers")]
    LiteServers,
    /// The plugin declares a type of init data that this host cannot carry.
    #[error("plugin {plugin}: {error}")]
    InitData {
        /// The plugin's id.
        plugin: String,
        /// What is wrong with it.
        #[source]
        error: InitDataFormatError,
    },
}

impl Default for Settings {
    fn default() -> Self {
        let timeout = Duration::from_secs(30);
        Self {
            n_components: 1,
            controlling: false,
            mtu: 1200,
            init_timeout: timeout,
            handshake_timeout: timeout,
            ice_timeout: timeout,
            gathering_timeout: Duration::from_secs(5),
            ice_lite: false,
            announced: Arc::default(),
            hide_addresses: false,
            servers: Arc::default(),
        }
    }
}

impl Settings {
    /// The first that is out of its bounds, or does not go with another or with `tcp`.
    pub(crate) fn check(&self, tcp: Tcp) -> Result<(), SettingsError> {
        if !(1..=MAX_COMPONENTS).contains(&self.n_components) {
            let count = self.n_components;
            return Err(SettingsError::Components { count });
        }
        if !MTU.contains(&self.mtu) {
            return Err(SettingsError::Mtu { bytes: self.mtu });
        }
        check_timeout("init", self.init_timeout)?;
        check_timeout("handshake", self.handshake_timeout)?;
        check_timeout("ICE", self.ice_timeout)?;
        check_timeout("gathering", self.gathering_timeout)?;
        self.servers.check()?;
        self.announced.iter().try_for_each(Announced::check)?;
        let has_servers = !(self.servers.stun.is_empty() && self.servers.turn.is_empty());
        match self.ice_lite {
            true if self.controlling => Err(SettingsError::LiteControls),
            true if tcp.connects() => Err(SettingsError::LiteConnects),
            true if has_servers => Err(SettingsError::LiteServers),
            _ => Ok(()),
        }
    }
}

pub(super) fn check_timeout(name: &'static str, timeout: Duration) -> Result<(), SettingsError> {
    match TIMEOUT.contains(&timeout) {
        true => Ok(()),
        false => Err(SettingsError::Timeout { name, timeout }),
    }
}
