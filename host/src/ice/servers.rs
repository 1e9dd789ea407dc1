//! STUN and TURN servers by their URIs (RFC 7064, RFC 7065).

mod error;
mod opaque;
#[cfg(test)]
mod tests;
mod uri;

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::shortened::shortened;
pub use error::{ServerUriError, ServersError};
pub(in crate::ice) use opaque::opaque_string;
use uri::Uri;

/// Where STUN and TURN over UDP and TCP are, if the URI does not say.
const PORT: u16 = 3478;
/// Bytes of a user (RFC 8489 §14.3).
const MAX_USERNAME: usize = 508;
/// Where TURN over TLS is, if the URI does not say.
const TLS_PORT: u16 = 5349;

/// The servers of a stream, and what they are for.
#[derive(Debug, Clone, Default)]
pub struct Servers {
    /// Each tells every socket how it looks from there: server-reflexive candidates.
    pub stun: Vec<StunServer>,
    /// Each gives every component a relayed candidate.
    pub turn: Vec<TurnServer>,
    /// Whether nothing but relayed candidates is used (RFC 8828's `relay` policy):
    /// the peer learns no address of this machine.
    pub relay_only: bool,
}

impl Servers {
    /// # Errors
    /// A server has no host, no port, or as a relay no user or no password; or only relays are to be used and there is
    /// none.
    pub fn check(&self) -> Result<(), ServersError> {
        if self.relay_only && self.turn.is_empty() {
            return Err(ServersError::NoRelay);
        }
        let stun = self.stun.iter().map(|server| (&server.host, server.port));
        let turn = self.turn.iter().map(|server| (&server.host, server.port));
        for (host, port) in stun.chain(turn) {
            if !uri::is_host(host) {
                let host = shortened(host).into_owned();
                return Err(ServersError::Host { host });
            }
            if port == 0 {
                let host = host.clone();
                return Err(ServersError::Port { host });
            }
        }
        for server in &self.turn {
            let is_complete = !server.username.is_empty() && !server.password.is_empty();
            if !is_complete || server.username.len() > MAX_USERNAME {
                return Err(ServersError::Credentials {
                    server: server.to_string(),
                });
            }
        }
        Ok(())
    }
}

/// A STUN server: `stun:host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StunServer {
    /// A name or an address, the latter without brackets.
    pub host: String,
    /// 3478 unless the URI says another.
    pub port: u16,
}

/// How a relay is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelayTransport {
    /// `turn:`, or `turn:…?transport=udp`.
    Udp,
    /// `turn:…?transport=tcp`.
    Tcp,
    /// `turns:`.
    Tls,
}

impl RelayTransport {
    /// Whether messages follow each other in a stream of bytes.
    pub fn is_stream(self) -> bool {
        self != RelayTransport::Udp
    }
}

impl fmt::Display for RelayTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RelayTransport::Udp => "UDP",
            RelayTransport::Tcp => "TCP",
            RelayTransport::Tls => "TLS",
        })
    }
}

/// A TURN server: `turn:` or `turns:`, with the user before the host as in
/// `turn:user:password@host[:port][?transport=udp|tcp]`.
///
/// RFC 7065 has no place for the user; this is the one that other tools give it.
/// `:`, `@`, `/`, `?`, `#` and `%` in user and password are written `%3A` and so on. Both go to the server in NFC (RFC
/// 8489 §9.2.2), however they are given.
#[derive(Clone, PartialEq, Eq)]
pub struct TurnServer {
    /// A name or an address, the latter without brackets.
    pub host: String,
    /// 3478, or 5349 for TLS, unless the URI says another.
    pub port: u16,
    /// How it is reached.
    pub transport: RelayTransport,
    /// The user of the long-term credential (RFC 8489 §9.2); may be empty until it is set.
    pub username: String,
    /// Its password; may be empty until it is set.
    pub password: Zeroizing<String>,
}

impl FromStr for StunServer {
    type Err = ServerUriError;

    fn from_str(text: &str) -> Result<Self, ServerUriError> {
        let uri = Uri::parse(text)?;
        match &*uri.scheme {
            "stun" => {}
            "stuns" => return Err(ServerUriError::StunOverTls),
            _ => return Err(ServerUriError::Scheme { expected: "stun:" }),
        }
        if uri.user.is_some() {
            return Err(ServerUriError::StunUser);
        }
        if uri.transport.is_some() {
            return Err(ServerUriError::StunTransport);
        }
        Ok(Self {
            host: uri.host.to_owned(),
            port: uri.port.unwrap_or(PORT),
        })
    }
}

impl FromStr for TurnServer {
    type Err = ServerUriError;

    fn from_str(text: &str) -> Result<Self, ServerUriError> {
        let uri = Uri::parse(text)?;
        let transport = match (&*uri.scheme, uri.transport.as_deref()) {
            ("turn", None | Some("udp")) => RelayTransport::Udp,
            ("turn", Some("tcp")) => RelayTransport::Tcp,
            ("turns", None | Some("tcp")) => RelayTransport::Tls,
            ("turns", Some("udp")) => return Err(ServerUriError::Dtls),
            ("turn" | "turns", Some(_)) => return Err(ServerUriError::Transport),
            _ => {
                return Err(ServerUriError::Scheme {
                    expected: "turn: or turns:",
                });
            }
        };
        let default_port = match transport {
            RelayTransport::Tls => TLS_PORT,
            RelayTransport::Udp | RelayTransport::Tcp => PORT,
        };
        let (username, password) = uri.user.unwrap_or_default();
        Ok(Self {
            host: uri.host.to_owned(),
            port: uri.port.unwrap_or(default_port),
            transport,
            username,
            password,
        })
    }
}

/// The URI, which [`FromStr`] takes back.
impl fmt::Display for StunServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stun:{}:{}", uri::Host(&self.host), self.port)
    }
}

/// The URI as RFC 7065 has it, without user and password: it may be shown.
impl fmt::Display for TurnServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, query) = match self.transport {
            RelayTransport::Udp => ("turn", ""),
            RelayTransport::Tcp => ("turn", "?transport=tcp"),
            RelayTransport::Tls => ("turns", ""),
        };
        write!(f, "{scheme}:{}:{}{query}", uri::Host(&self.host), self.port)
    }
}

impl fmt::Debug for TurnServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TurnServer({self})")
    }
}
