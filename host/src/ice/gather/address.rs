//! Addresses that a TURN server names, and what can be one.

use std::net::{IpAddr, SocketAddr};

/// Whether one host can be reached there.
pub(super) fn can_be_sent_to(address: SocketAddr) -> bool {
    let is_one_host = match address.ip().to_canonical() {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
    };
    is_one_host && address.port() != 0
}

/// For whom an address is: a server must not send us where it could not be itself.
#[derive(Debug, PartialEq, Eq)]
enum Reach {
    Machine,
    Link,
    Site,
    World,
}

/// Whether two addresses are of one kind: of one family, and for the same part of the world.
pub(super) fn are_alike(one: SocketAddr, other: SocketAddr) -> bool {
    let (one, other) = (one.ip().to_canonical(), other.ip().to_canonical());
    one.is_ipv4() == other.is_ipv4() && reach(one) == reach(other)
}

fn reach(ip: IpAddr) -> Reach {
    let (is_of_link, is_of_site) = match ip {
        IpAddr::V4(ip) => (ip.is_link_local(), ip.is_private()),
        IpAddr::V6(ip) => (ip.is_unicast_link_local(), ip.is_unique_local()),
    };
    match (ip.is_loopback(), is_of_link, is_of_site) {
        (true, _, _) => Reach::Machine,
        (_, true, _) => Reach::Link,
        (_, _, true) => Reach::Site,
        _ => Reach::World,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_alike_or_not() {
        for (one, other, expected) in [
            ("203.0.113.9:3478", "198.51.100.1:443", true),
            ("203.0.113.9:3478", "[2001:db8::1]:3478", false),
            ("203.0.113.9:3478", "127.0.0.1:3478", false),
            ("203.0.113.9:3478", "10.0.0.1:3478", false),
            ("203.0.113.9:3478", "169.254.169.254:80", false),
            ("[2001:db8::1]:3478", "[::ffff:127.0.0.1]:3478", false),
            ("[2001:db8::1]:3478", "[fd00::1]:3478", false),
            ("127.0.0.1:3478", "127.0.0.2:3479", true),
        ] {
            let [one, other] = [one, other].map(|text| text.parse().expect("it is an address"));
            assert_eq!(are_alike(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn not_every_address_is_of_a_host() {
        for (text, expected) in [
            ("203.0.113.9:3478", true),
            ("203.0.113.9:0", false),
            ("0.0.0.0:3478", false),
            ("255.255.255.255:3478", false),
            ("224.0.0.1:3478", false),
            ("[::]:3478", false),
            ("[::ffff:0.0.0.0]:3478", false),
            ("[ff02::1]:3478", false),
            ("[2001:db8::1]:3478", true),
        ] {
            let address = text.parse().expect("it is an address");
            assert_eq!(can_be_sent_to(address), expected, "{text}");
        }
    }
}
