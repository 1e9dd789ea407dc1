//! Host candidates: this machine's addresses, and sockets bound to them.
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;

/// Where a stream's sockets may be bound.
#[derive(Clone, Debug, Default)]
pub struct Gathering {
    /// These addresses only; if empty, those of all interfaces that are up, loopback only where there is
    /// nothing else.
    pub addresses: Vec<IpAddr>,
    /// These ports only; any if `None`.
    pub port_range: Option<RangeInclusive<u16>>,
    /// Whether a socket is shared with all streams that ask for the same addresses and ports: thousands of
    /// streams on one UDP port for each address and component. Such streams live on one event loop.
    pub single_port: bool,
}

/// Why no socket could be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The system lists no interfaces.
    #[error("cannot list this machine's addresses: {0}")]
    Interfaces(#[source] io::Error),
    /// None of the addresses could be bound.
    #[error(
        "no UDP socket could be bound to {address}: {source}; name another address or port range"
    )]
    Bind {
        /// The last address tried.
        address: IpAddr,
        /// Why it failed.
        source: io::Error,
    },
}

impl Gathering {
    /// The local addresses to have sockets at.
    pub(super) fn addresses(&self) -> Result<Vec<IpAddr>, BindError> {
        if !self.addresses.is_empty() {
            return Ok(self.addresses.clone());
        }
        let interfaces = if_addrs::get_if_addrs().map_err(BindError::Interfaces)?;
        let (loopback, others): (Vec<IpAddr>, Vec<IpAddr>) = interfaces
            .iter()
            .map(if_addrs::Interface::ip)
            .filter(is_usable)
            .partition(IpAddr::is_loopback);
        Ok(if others.is_empty() { loopback } else { others })
    }

    /// A socket at one of them.
    pub(super) fn bind_to(&self, address: IpAddr) -> io::Result<UdpSocket> {
        let Some(range) = &self.port_range else {
            return UdpSocket::bind(SocketAddr::new(address, 0));
        };
        let mut last = io::Error::new(io::ErrorKind::AddrInUse, "the port range is empty");
        for port in range.clone() {
            match UdpSocket::bind(SocketAddr::new(address, port)) {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Link-local addresses need a zone, which a candidate cannot carry (RFC 8839, section 5.1).
fn is_usable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_link_local() && !address.is_unspecified(),
        IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_unspecified(),
    }
}
