//! Candidate lines (RFC 8839 §5.1), to and from the ICE core.
//!
//! The core knows component 1 only. Lines of another component are translated:
//! the component id, and the priority, whose last byte is 256 less that id
//! (RFC 8445 §5.1.2), so that both sides still order the pairs alike.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use is::{Candidate, CandidateKind, Protocol};
use thiserror::Error;

use super::tcp::{self, ACTIVE_PORT, Tcp};

const MAX_PRIORITY: u32 = (1 << 31) - 1;
/// How much of a faulty line an error repeats.
const QUOTED_CHARS: usize = 120;

/// What became of a remote candidate that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It will be checked.
    New,
    /// It was there already.
    Known,
    /// It is well formed, but of no use here.
    Ignored(Ignored),
}

/// Why a well-formed candidate is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ignored {
    /// Its transport is neither UDP nor, in the direction that is of use here, TCP.
    Transport,
    /// Its address is a name: one that ends in `.local` is the stream's to look up, others are nobody's.
    HostName,
    /// Its type is none of host, srflx, prflx and relay.
    Kind,
    /// Its ufrag is not that of the peer's present credentials.
    Generation,
    /// Its address is that of a socket of ours.
    Own,
}

/// Why a remote candidate was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// The line is not one.
    #[error(
        "the candidate line {line:?} has no valid {field}: expected \"candidate:<foundation> <component> udp <priority> <address> <port> typ <type>\""
    )]
    Syntax {
        /// The first field that is missing or wrong.
        field: &'static str,
        /// The beginning of the line.
        line: String,
    },
    /// It belongs to another component.
    #[error("the candidate is for component {found}, but this is component {own}: send it there")]
    Component {
        /// As the line says.
        found: u16,
        /// The agent's own.
        own: u16,
    },
    /// Nothing can be sent to its address.
    #[error(
        "the candidate's address {address} is not one that a datagram can be sent to: the peer must offer a unicast address and a port"
    )]
    Address {
        /// As the line says.
        address: SocketAddr,
    },
    /// Its address has a zone.
    #[error(
        "the candidate's address {address:?} has a zone, which only the machine that wrote it knows (RFC 4007, section 6): the peer must leave out link-local addresses"
    )]
    Zone {
        /// As the line says.
        address: String,
    },
    /// The cap is reached.
    #[error(
        "the peer has offered {max} candidates for this component already, the most that are taken: let it offer its best ones first"
    )]
    TooMany {
        /// The cap.
        max: usize,
    },
}

/// The index of the address among a line's words, and of the port.
const ADDRESS: usize = 4;
const PORT: usize = 5;

/// The name in the place of a candidate's address, and its port, if mDNS may know it: one label before `.local`
/// (draft-ietf-mmusic-mdns-ice-candidates, section 3.1).
pub(crate) fn mdns_name(line: &str) -> Option<(&str, u16)> {
    let mut words = line.split_ascii_whitespace().skip(ADDRESS);
    let (name, port) = (words.next()?, words.next()?.parse().ok()?);
    let label = name.strip_suffix(".local")?;
    let is_label = (1..=63).contains(&label.len()) && !label.contains('.') && is_host_name(name);
    is_label.then_some((name, port))
}

/// The line with another address.
pub(crate) fn with_address(line: &str, address: IpAddr) -> Option<String> {
    let mut words: Vec<&str> = line.split_ascii_whitespace().collect();
    let address = address.to_string();
    *words.get_mut(ADDRESS)? = &address;
    (words.len() > PORT).then(|| words.join(" "))
}

pub(super) fn parse(
    line: &str,
    component_id: u16,
    tcp: Tcp,
) -> Result<Result<Candidate, Ignored>, CandidateError> {
    let error = |field| CandidateError::Syntax {
        field,
        line: line.chars().take(QUOTED_CHARS).collect(),
    };
    let value = line.trim();
    let value = value.strip_prefix("a=").unwrap_or(value);
    let value = value
        .strip_prefix("candidate:")
        .ok_or_else(|| error("\"candidate:\" at its start"))?;

    let mut fields = value.split_ascii_whitespace();
    let mut next = |name| fields.next().ok_or_else(|| error(name));
    let foundation = next("foundation")?;
    let found: u16 = next("component")?.parse().map_err(|_| error("component"))?;
    let transport = next("transport")?;
    let priority: u32 = next("priority")?.parse().map_err(|_| error("priority"))?;
    let address = next("address")?;
    let port: u16 = next("port")?.parse().map_err(|_| error("port"))?;
    if next("\"typ\"")? != "typ" {
        return Err(error("\"typ\""));
    }
    let kind = next("type")?;

    if found != component_id {
        return Err(CandidateError::Component {
            found,
            own: component_id,
        });
    }
    if !(1..=MAX_PRIORITY).contains(&priority) {
        return Err(error("priority"));
    }
    let extensions: Vec<&str> = fields.collect();
    let extension = |name| {
        let mut pairs = extensions.chunks_exact(2);
        pairs.find(|pair| pair[0] == name).map(|pair| pair[1])
    };
    let Some(protocol) = protocol_of(transport, extension("tcptype"), tcp) else {
        return Ok(Err(Ignored::Transport));
    };
    let Ok(ip) = address.parse::<IpAddr>() else {
        return if is_host_name(address) {
            Ok(Err(Ignored::HostName))
        } else if has_zone(address) {
            let address = address.chars().take(QUOTED_CHARS).collect();
            Err(CandidateError::Zone { address })
        } else {
            Err(error("address"))
        };
    };
    // The port of a connection that the peer makes shows when it stands.
    let port = match protocol {
        tcp::PASSIVE => ACTIVE_PORT,
        _ => port,
    };
    let address = SocketAddr::new(ip, port);
    if !is_usable(address) {
        return Err(CandidateError::Address { address });
    }
    let Some(kind) = kind_of(kind) else {
        return Ok(Err(Ignored::Kind));
    };
    Ok(Ok(Candidate::from_parts(
        foundation.to_owned(),
        1,
        protocol,
        (priority + component_offset(component_id)).min(MAX_PRIORITY),
        address,
        kind,
        None,
        None,
        extension("ufrag").map(str::to_owned),
    )))
}

/// What the core calls the transport of a candidate of the peer's, if it is of use here.
fn protocol_of(transport: &str, tcp_type: Option<&str>, tcp: Tcp) -> Option<Protocol> {
    if transport.eq_ignore_ascii_case("udp") {
        return Some(Protocol::Udp);
    }
    if !transport.eq_ignore_ascii_case("tcp") {
        return None;
    }
    match tcp_type? {
        "passive" => tcp.connects().then_some(tcp::ACTIVE),
        "active" => tcp.listens().then_some(tcp::PASSIVE),
        _ => None,
    }
}

/// Whether a datagram can be sent to `addr`: not to "this network", 0.0.0.0/8, nor to what is reserved, 240.0.0.0/4
/// (RFC 6890); RFC 8445 §5.1.1.1 also bars IPv4-mapped addresses.
pub(super) fn is_usable(addr: SocketAddr) -> bool {
    is_unicast(addr.ip()) && addr.port() != 0
}

/// Whether it can be that of one machine: see [`is_usable`].
pub(crate) fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => !matches!(ip.octets()[0], 0 | 224..),
        IpAddr::V6(ip) => {
            !(ip.is_unspecified() || ip.is_multicast() || ip.to_ipv4_mapped().is_some())
        }
    }
}

/// What the priority of a component is less than that of component 1.
pub(super) fn component_offset(component_id: u16) -> u32 {
    u32::from(component_id).saturating_sub(1).min(255)
}

fn kind_of(name: &str) -> Option<CandidateKind> {
    match name {
        "host" => Some(CandidateKind::Host),
        "srflx" => Some(CandidateKind::ServerReflexive),
        "prflx" => Some(CandidateKind::PeerReflexive),
        "relay" => Some(CandidateKind::Relayed),
        _ => None,
    }
}

/// Whether it is an address of IPv6 and a zone (RFC 4007, section 11).
fn has_zone(address: &str) -> bool {
    let parts = address.split_once('%');
    parts.is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok())
}

fn is_host_name(address: &str) -> bool {
    address.contains(|c: char| c.is_ascii_alphabetic())
        && address
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}
