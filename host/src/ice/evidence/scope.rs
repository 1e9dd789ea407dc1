//! How far an address reaches.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// From where an address can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// From everywhere, as far as the address tells.
    Public,
    /// From its own private network (RFC 1918, RFC 4193).
    Private,
    /// From its own machine: 172.17.0.0/16 is what Docker gives its default bridge.
    Docker,
    /// From its carrier's network (RFC 6598).
    Shared,
    /// From its own link.
    LinkLocal,
    /// From its own machine.
    Loopback,
}

impl Scope {
    /// All of them.
    pub(super) const ALL: [Self; 6] = [
        Self::Public,
        Self::Private,
        Self::Docker,
        Self::Shared,
        Self::LinkLocal,
        Self::Loopback,
    ];

    /// That of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [172, 17, ..] => Self::Docker,
            [100, 64..=127, ..] => Self::Shared,
            _ if address.is_private() => Self::Private,
            _ if address.is_link_local() => Self::LinkLocal,
            _ if address.is_loopback() => Self::Loopback,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        match address.segments()[0] {
            0xfc00..=0xfdff => Self::Private,
            0xfe80..=0xfebf => Self::LinkLocal,
            _ if address.is_loopback() => Self::Loopback,
            _ => Self::Public,
        }
    }

    /// What an address of this scope is, in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Docker => "of Docker's default bridge",
            Self::Shared => "behind a carrier's NAT",
            Self::LinkLocal => "link-local",
            Self::Loopback => "of loopback",
        }
    }
}

/// Whether two addresses seem to be of one network: as far as that can be told without knowing how long its prefix is.
pub(in crate::ice) fn are_near(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            let (one, other) = (one.octets(), other.octets());
            let alike = if one[0] == 192 { 3 } else { 2 };
            one[..alike] == other[..alike]
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => one.segments()[..4] == other.segments()[..4],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_its_scope() {
        for (address, scope) in [
            ("203.0.113.7", Scope::Public),
            ("2001:db8::1", Scope::Public),
            ("10.1.2.3", Scope::Private),
            ("172.16.0.1", Scope::Private),
            ("172.18.0.1", Scope::Private),
            ("192.168.1.2", Scope::Private),
            ("fd00::1", Scope::Private),
            ("172.17.0.2", Scope::Docker),
            ("100.64.0.1", Scope::Shared),
            ("100.127.255.255", Scope::Shared),
            ("100.128.0.1", Scope::Public),
            ("169.254.0.1", Scope::LinkLocal),
            ("fe80::1", Scope::LinkLocal),
            ("127.0.0.1", Scope::Loopback),
            ("::1", Scope::Loopback),
        ] {
            let parsed = address.parse().expect("an address");
            assert_eq!(Scope::of(parsed), scope, "{address}");
        }
    }

    #[test]
    fn addresses_of_one_network_are_near() {
        for (one, other, near) in [
            ("10.77.0.1", "10.77.0.2", true),
            ("10.77.0.1", "10.78.0.2", false),
            ("192.168.1.2", "192.168.1.3", true),
            ("192.168.1.2", "192.168.2.3", false),
            ("fd77::1", "fd77::2", true),
            ("fd77::1", "fd78::1", false),
            ("10.77.0.1", "fd77::1", false),
        ] {
            let [a, b] = [one, other].map(|it| it.parse().expect("an address"));
            assert_eq!(are_near(a, b), near, "{one} {other}");
        }
    }
}
