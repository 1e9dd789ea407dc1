//! This machine's addresses, and which of them are told (RFC 8445, section 5.1.1.1).
use crate::net::addresses::virtual_interfaces;
use if_addrs::{IfAddr, Interface};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::{Duration, Instant};

/// An address of this machine's.
#[derive(Clone, Debug)]
pub(in crate::net) struct Address {
    pub(in crate::net) ip: IpAddr,
    pub(in crate::net) interface: String,
    /// The interface's, in its network namespace.
    index: Option<u32>,
    /// Bits of the network that it is in.
    prefix: u8,
    /// Whether its link is up, and not only the interface.
    has_link: bool,
    state: State,
}

/// What the system says of an address: of IPv6 on Linux only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// It changes every few hours, so that nobody is known by it (RFC 8981).
    is_temporary: bool,
    /// It is for connections that have it already (RFC 4862, section 2).
    is_deprecated: bool,
    /// Whether another machine has it is not known yet, or it has (RFC 4862, section 5.4).
    is_tentative: bool,
}

impl State {
    /// From the flags in /proc/net/if_inet6: `IFA_F_…` of linux/if_addr.h.
    fn of_flags(flags: u8) -> Self {
        Self {
            is_temporary: flags & 0x01 != 0,
            is_deprecated: flags & 0x20 != 0,
            is_tentative: flags & 0x44 == 0x40 || flags & 0x08 != 0, // an optimistic one may be used (RFC 4429)
        }
    }
}

/// Which addresses the machine has lost: each is looked at once a second at most, by binding to it, which also tells of
/// those that the system does not list.
#[derive(Debug, Default)]
pub(in crate::net) struct Presence(HashMap<IpAddr, (Instant, bool)>);

/// How long a look is good for.
const FRESH: Duration = Duration::from_secs(1);

impl Presence {
    pub(in crate::net) fn has_lost(&mut self, now: Instant, ip: IpAddr) -> bool {
        if let Some((at, is_lost)) = self.0.get(&ip)
            && now < *at + FRESH
        {
            return *is_lost;
        }
        self.0.retain(|_, (at, _)| now < *at + FRESH);
        let bound = UdpSocket::bind((ip, 0));
        let is_lost = bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable);
        self.0.insert(ip, (now, is_lost));
        is_lost
    }
}

/// All addresses of this machine's.
///
/// # Errors
/// The system lists none.
pub(in crate::net) fn list() -> io::Result<Vec<Address>> {
    let states = states();
    let state = |ip| match ip {
        IpAddr::V6(ip) => states.get(&ip).copied().unwrap_or_default(),
        IpAddr::V4(_) => State::default(),
    };
    let listed = if_addrs::get_if_addrs()?;
    Ok(listed
        .into_iter()
        .map(|interface| Address {
            ip: interface.ip(),
            prefix: prefix(&interface),
            index: interface.index,
            has_link: interface.is_oper_up(),
            state: state(interface.ip()),
            interface: interface.name,
        })
        .collect())
}

fn prefix(interface: &Interface) -> u8 {
    match &interface.addr {
        IfAddr::V4(address) => address.prefixlen,
        IfAddr::V6(address) => address.prefixlen,
    }
}

#[cfg(target_os = "linux")]
fn states() -> HashMap<Ipv6Addr, State> {
    let table = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    table.lines().filter_map(state_in).collect()
}

#[cfg(not(target_os = "linux"))]
fn states() -> HashMap<Ipv6Addr, State> {
    HashMap::new()
}

/// A line is an address, the interface's index, the prefix, the scope, flags, all hexadecimal, and a name.
#[cfg(any(target_os = "linux", test))]
fn state_in(line: &str) -> Option<(Ipv6Addr, State)> {
    let mut words = line.split_ascii_whitespace();
    let address = u128::from_str_radix(words.next()?, 16).ok()?;
    let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
    let [.., flags] = flags.to_be_bytes();
    Some((address.into(), State::of_flags(flags)))
}

/// The addresses to have sockets at. Those of loopback only where there is nothing else; a deprecated one only where
/// there is no other of its family; one by which the machine can be known again not beside a temporary one of the same
/// network.
pub(in crate::net) fn choose<'a>(present: impl Iterator<Item = &'a Address>) -> Vec<IpAddr> {
    let usable = present.filter(|it| it.has_link && !it.state.is_tentative && is_usable(it.ip));
    let (loopback, others): (Vec<_>, Vec<_>) = usable.partition(|it| it.ip.is_loopback());
    let chosen = if others.is_empty() { loopback } else { others };
    let is_outdone = |it: &Address| {
        chosen.iter().any(|other| {
            let is_preferred = !other.state.is_deprecated;
            let is_of_family = other.ip.is_ipv4() == it.ip.is_ipv4();
            is_preferred && (it.state.is_deprecated && is_of_family || other.veils(it))
        })
    };
    let kept = chosen.iter().filter(|it| !is_outdone(it));
    kept.map(|it| it.ip).collect()
}

impl Address {
    /// Whether its interface leads to containers or virtual machines of this machine, and nowhere else.
    pub(in crate::net) fn is_virtual(&self) -> bool {
        !self.ip.is_loopback() && virtual_interfaces::is_virtual(&self.interface, self.index)
    }

    /// The address by which all of its network are reached, of IPv4.
    pub(in crate::net) fn broadcast(&self) -> Option<IpAddr> {
        let IpAddr::V4(ip) = self.ip else { return None };
        // Networks of two addresses have none (RFC 3021).
        let hosts = u32::MAX
            .checked_shr(self.prefix.into())
            .filter(|it| *it > 1)?;
        Some(Ipv4Addr::from(u32::from(ip) | hosts).into())
    }

    /// Whether it is a temporary address, and `other` a lasting one beside it.
    fn veils(&self, other: &Self) -> bool {
        let network = |ip: Ipv6Addr| u128::from(ip).checked_shr(128 - u32::from(self.prefix));
        let is_beside = match (self.ip, other.ip) {
            (IpAddr::V6(ip), IpAddr::V6(other)) => network(ip) == network(other),
            _ => false,
        };
        let is_temporary = self.state.is_temporary && !other.state.is_temporary;
        is_temporary && is_beside && self.interface == other.interface
    }
}

/// Link-local addresses need a zone, which a candidate cannot carry (RFC 8839, section 5.1); site-local ones and those
/// that hold one of IPv4 are not to be told (RFC 8445, section 5.1.1.1).
fn is_usable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => {
            let is_site_local = ip.segments()[0] & 0xffc0 == 0xfec0;
            let holds_v4 = !ip.is_loopback() && ip.to_ipv4().is_some();
            !(ip.is_unicast_link_local() || ip.is_unspecified() || is_site_local || holds_v4)
        }
    }
}

#[cfg(test)]
impl Address {
    /// One in use, on an interface of this name.
    pub(in crate::net) fn at(ip: IpAddr, interface: &str) -> Self {
        Self {
            ip,
            interface: interface.to_owned(),
            index: None,
            prefix: 64,
            has_link: true,
            state: State::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses of eth0 with the flags of /proc/net/if_inet6, in a network of 64 bits.
    fn chosen(addresses: &[(&str, u8)]) -> Vec<String> {
        let addresses: Vec<Address> = addresses.iter().map(|(ip, flags)| at(ip, *flags)).collect();
        let chosen = choose(addresses.iter());
        chosen.iter().map(IpAddr::to_string).collect()
    }

    fn at(ip: &str, flags: u8) -> Address {
        Address {
            state: State::of_flags(flags),
            ..Address::at(ip.parse().expect("an address"), "eth0")
        }
    }

    #[test]
    fn what_is_not_to_be_told_is_left_out() {
        let odd = [
            ("fec0::1", 0),
            ("fe80::1", 0),
            ("::192.0.2.1", 0),
            ("::ffff:192.0.2.1", 0),
            ("169.254.1.1", 0),
            ("2001:db8::2", 0x40),
            ("2001:db8::3", 0x08),
        ];
        assert_eq!(chosen(&odd), [""; 0]);
        let all = [&odd[..], &[("2001:db8::1", 0x80), ("127.0.0.1", 0)]].concat();
        assert_eq!(chosen(&all), ["2001:db8::1"]);
        assert_eq!(
            chosen(&[("::1", 0), ("127.0.0.1", 0)]),
            ["::1", "127.0.0.1"]
        );
    }

    #[test]
    fn a_link_that_is_down_has_no_addresses() {
        let mut addresses = [at("192.0.2.1", 0), at("198.51.100.1", 0)];
        addresses[0].has_link = false;
        assert_eq!(choose(addresses.iter()), [addresses[1].ip]);
    }

    #[test]
    fn a_deprecated_address_is_told_only_where_its_family_has_no_other() {
        let old = ("2001:db8::1", 0x20);
        assert_eq!(chosen(&[old, ("2001:db8:1::2", 0)]), ["2001:db8:1::2"]);
        let beside_v4 = [old, ("192.0.2.1", 0)];
        assert_eq!(chosen(&beside_v4), ["2001:db8::1", "192.0.2.1"]);
    }

    #[test]
    fn a_lasting_address_is_not_told_beside_its_temporary_twin() {
        let (lasting, temporary) = (("2001:db8::1", 0), ("2001:db8::abcd", 0x01));
        assert_eq!(chosen(&[lasting, temporary]), ["2001:db8::abcd"]);
        let elsewhere = ("2001:db8:0:1::1", 0x80);
        assert_eq!(
            chosen(&[lasting, temporary, elsewhere]),
            ["2001:db8::abcd", "2001:db8:0:1::1"]
        );
        let over = ("2001:db8::abcd", 0x21);
        assert_eq!(chosen(&[lasting, over]), ["2001:db8::1"]);
        let mut other = at("2001:db8::abcd", 0x01);
        other.interface = "eth1".to_owned();
        let both = [at("2001:db8::1", 0), other];
        assert_eq!(choose(both.iter()).len(), 2);
    }

    #[test]
    fn networks_of_more_than_two_addresses_have_one_for_all() {
        let broadcast = |ip, prefix| {
            let address = Address {
                prefix,
                ..at(ip, 0)
            };
            address.broadcast().map(|ip| ip.to_string())
        };
        assert_eq!(broadcast("10.77.0.1", 24).as_deref(), Some("10.77.0.255"));
        assert_eq!(broadcast("10.77.0.1", 30).as_deref(), Some("10.77.0.3"));
        assert_eq!(broadcast("10.77.0.1", 31), None);
        assert_eq!(broadcast("10.77.0.1", 32), None);
        assert_eq!(broadcast("fd77::1", 64), None);
    }

    #[test]
    fn the_systems_table_is_read() {
        let line = "20010db8000000000000000000000001 02 40 00 a1     eth0";
        let (ip, state) = state_in(line).expect("a line of the table");
        assert_eq!(ip.to_string(), "2001:db8::1");
        assert_eq!(state, State::of_flags(0xa1));
        assert!(state.is_temporary && state.is_deprecated && !state.is_tentative);
        for other in ["", "2001 02 40", "x 02 40 00 80 eth0"] {
            assert_eq!(state_in(other), None, "{other}");
        }
    }
}
