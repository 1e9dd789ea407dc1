//! A socket in the group of multicast DNS, on every interface.
use super::messages::PORT;
use if_addrs::IfAddr;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
/// RFC 6762, section 11.
const HOPS: u32 = 255;

/// Hears the group on every interface that has IPv4. Others may share the port.
#[derive(Debug)]
pub(super) struct GroupSocket {
    io: UdpSocket,
    /// Interfaces whose group it is in, by their index.
    joined: Vec<u32>,
    /// An address of each of them, to send from.
    senders: Vec<Ipv4Addr>,
    /// Addresses of all of them, and their masks.
    networks: Vec<(Ipv4Addr, Ipv4Addr)>,
}

impl GroupSocket {
    /// Most bytes of a packet (RFC 6762, section 17).
    pub(super) const MAX_PACKET: usize = 9000;

    /// # Errors
    /// The port is taken by someone who does not share it, or the system has no such sockets.
    pub(super) fn open() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
        socket.set_multicast_ttl_v4(HOPS)?;
        socket.bind(&SocketAddr::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT)).into())?;
        let mut opened = Self {
            io: socket.into(),
            joined: Vec::new(),
            senders: Vec::new(),
            networks: Vec::new(),
        };
        opened.refresh()?;
        Ok(opened)
    }

    /// The socket itself, to receive from and to send to one by.
    pub(super) fn io(&self) -> &UdpSocket {
        &self.io
    }

    /// Looks again which interfaces there are.
    ///
    /// # Errors
    /// The system does not list them.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        let listed = if_addrs::get_if_addrs()?;
        self.senders.clear();
        self.networks.clear();
        let mut present = Vec::new();
        for interface in listed {
            let (IfAddr::V4(v4), Some(index)) = (interface.addr, interface.index) else {
                continue;
            };
            let mask = match v4.netmask {
                Ipv4Addr::UNSPECIFIED => Ipv4Addr::BROADCAST, // not known: this address alone
                mask => mask,
            };
            self.networks.push((v4.ip, mask));
            if present.contains(&index) {
                continue; // one of its addresses will do
            }
            if self.joined.contains(&index) || self.join(index) {
                present.push(index);
                self.senders.push(v4.ip);
            }
        }
        self.joined = present;
        Ok(())
    }

    fn join(&self, index: u32) -> bool {
        let interface = InterfaceIndexOrAddress::Index(index);
        match SockRef::from(&self.io).join_multicast_v4_n(&GROUP, &interface) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::AddrInUse, // it had no address meanwhile
        }
    }

    /// Whether others than this machine itself can hear it.
    pub(super) fn reaches_others(&self) -> bool {
        self.senders.iter().any(|address| !address.is_loopback())
    }

    /// Whether packets from there come from no farther than the next router (RFC 6762, section 11): an address
    /// that is hidden from a peer elsewhere must not be told to it when it asks this port.
    pub(super) fn is_on_link(&self, source: IpAddr) -> bool {
        let IpAddr::V4(source) = source else {
            return false;
        };
        let is_in = |(address, mask): &(Ipv4Addr, Ipv4Addr)| {
            u32::from(*address) & u32::from(*mask) == u32::from(source) & u32::from(*mask)
        };
        self.networks.iter().any(is_in)
    }

    /// Sends to the group on every interface.
    pub(super) fn send_to_all(&self, packet: &[u8]) {
        for sender in &self.senders {
            // Where one interface is down the others may do.
            let _ = SockRef::from(&self.io).set_multicast_if_v4(sender);
            let _ = self.io.send_to(packet, (GROUP, PORT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_through_a_router_is_not_on_the_link() {
        let socket = GroupSocket {
            io: UdpSocket::bind("127.0.0.1:0").expect("loopback has ports"),
            joined: vec![1],
            senders: vec![Ipv4Addr::LOCALHOST],
            networks: vec![
                (Ipv4Addr::LOCALHOST, Ipv4Addr::new(255, 0, 0, 0)),
                (Ipv4Addr::new(10, 77, 1, 9), Ipv4Addr::new(255, 255, 254, 0)),
            ],
        };
        for (source, is_on_link) in [
            ("127.0.0.1", true),
            ("10.77.0.3", true),
            ("10.77.2.3", false),
            ("198.51.100.7", false),
            ("fe80::1", false),
        ] {
            let source = source.parse().expect("an address");
            assert_eq!(socket.is_on_link(source), is_on_link, "{source}");
        }
        assert!(!socket.reaches_others());
    }
}
