//! Whether datagrams may travel in fragments: all of them may, from a socket's first to its last.
//!
//! A datagram over the MTU of the path arrives in fragments or not at all. To forbid fragments (DF) serves those who
//! look for that MTU (RFC 8899), and keep below it. This host does not: a plugin is told one MTU for its life, 1200 by
//! default, which almost every path carries; what the application sends is the application's. Without fragments the
//! larger datagrams of a handshake would be lost at each retransmission, and of two peers one would see it finish.
//! With WANT, the system's own choice, they arrive only where routers say that they are too large and nothing filters
//! what they say. So IPv4 routers may cut (RFC 791), and for IPv6, where only the sender can, the system cuts to what
//! it has learned of the path (RFC 8200, section 5). Peers on WebRTC's other stacks expect nothing else: these leave
//! their sockets to the system.
use mio::net::UdpSocket;
use std::io;

/// Lets the datagrams of a bound socket travel in fragments.
///
/// # Errors
/// The system refuses.
#[cfg(target_os = "linux")]
pub(in crate::net) fn allow(socket: &UdpSocket) -> io::Result<()> {
    use rustix::net::sockopt::{
        Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
    };
    match socket.local_addr()?.is_ipv4() {
        true => set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DONT)?,
        false => set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DONT)?,
    }
    Ok(())
}

/// Elsewhere quinn-udp decides, for all sockets alike.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub(in crate::net) fn allow(_socket: &UdpSocket) -> io::Result<()> {
    Ok(())
}
