//! What the two kinds of URI have in common.

use std::fmt;
use std::net::Ipv6Addr;

use zeroize::Zeroizing;

use super::ServerUriError;
use crate::ice::is_unicast;

/// A name of the DNS has 253 bytes at most, in what it is made of (RFC 3986 §3.2.2).
const MAX_HOST: usize = 253;

/// `scheme:[user[:password]@]host[:port][?transport=…]`, taken apart.
#[derive(Debug)]
pub(super) struct Uri<'t> {
    /// In small letters (RFC 3986 §3.1), and so is the transport.
    pub(super) scheme: String,
    pub(super) user: Option<(String, Zeroizing<String>)>,
    pub(super) host: &'t str,
    pub(super) port: Option<u16>,
    pub(super) transport: Option<String>,
}

impl<'t> Uri<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self, ServerUriError> {
        let (scheme, rest) = text.split_once(':').ok_or(ServerUriError::NoScheme)?;
        if rest.starts_with("//") {
            return Err(ServerUriError::Slashes);
        }
        let (rest, transport) = match rest.split_once('?') {
            None => (rest, None),
            Some((rest, query)) => {
                let query = query.to_ascii_lowercase();
                let transport = query.strip_prefix("transport=").map(str::to_owned);
                (rest, Some(transport.ok_or(ServerUriError::Query)?))
            }
        };
        let (user, authority) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((user, authority)) => (Some(user_and_password(user)?), authority),
        };
        let (host, port) = host_and_port(authority)?;
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            user,
            host,
            port,
            transport,
        })
    }
}

fn user_and_password(text: &str) -> Result<(String, Zeroizing<String>), ServerUriError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let (user, password) = (decode(user), decode(password).map(Zeroizing::new));
    match (user, password) {
        (Some(user), Some(password)) if !user.is_empty() => Ok((user, password)),
        _ => Err(ServerUriError::User),
    }
}

/// Whether a server may be there: a name, or an address without brackets.
pub(super) fn is_host(host: &str) -> bool {
    let is_unicast = host.parse().ok().is_none_or(is_unicast);
    is_unicast && (is_name(host) || host.parse::<Ipv6Addr>().is_ok())
}

fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), ServerUriError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(ServerUriError::Host)?;
            host.parse::<Ipv6Addr>().map_err(|_| ServerUriError::Host)?;
            (host, port)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at(end);
            if !is_name(host) {
                return Err(ServerUriError::Host);
            }
            (host, port)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            let port = digits.parse().ok().filter(|port| *port > 0);
            Some(port.ok_or(ServerUriError::Port)?)
        }
        _ => return Err(ServerUriError::Port),
    };
    Ok((host, port))
}

/// A name of the DNS or an IPv4 address.
fn is_name(host: &str) -> bool {
    (1..=MAX_HOST).contains(&host.len())
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// `%3A` and the like (RFC 3986 §2.1).
fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).expect("two digits make a byte")
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

/// A host as it stands in a URI.
pub(super) struct Host<'h>(pub(super) &'h str);

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // Only an IPv6 address has one.
            address if address.contains(':') => write!(f, "[{address}]"),
            name => f.write_str(name),
        }
    }
}
