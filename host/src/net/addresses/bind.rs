//! Host candidates: this machine's addresses, and sockets bound to them.
use crate::ice::{Servers, Tcp, is_unicast};
use crate::net::addresses::glob;
use crate::net::addresses::interfaces::{self, Address};
use crate::net::keys::SocketKey;
use mio::net::UdpSocket;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;

/// Where a stream's sockets may be bound: everywhere by default, over UDP alone.
///
/// Every setter takes anything; [`Host::open`](crate::Host::open) checks all.
#[derive(Clone, Debug, Default)]
#[must_use = "give it to `StreamOptions::bind`"]
pub struct BindOptions {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) interfaces: Vec<String>,
    pub(crate) denied: Vec<String>,
    pub(crate) no_virtual: bool,
    pub(crate) family: Option<Family>,
    pub(crate) port_range: Option<RangeInclusive<u16>>,
    pub(crate) single_port: bool,
    pub(crate) receive_buffer: Option<usize>,
    pub(crate) send_buffer: Option<usize>,
    pub(crate) tcp: Tcp,
    pub(crate) no_udp: bool,
}

/// Bytes of what a socket may keep of what arrives, and of what leaves.
const BUFFER: RangeInclusive<usize> = 4096..=1 << 30;
/// Most bytes of an interface's name; Linux has 15, others somewhat more.
const MAX_INTERFACE: usize = 255;

/// Behind the port of a range that was found free last, at each address: those before it are most likely taken.
#[derive(Debug, Default)]
pub(in crate::net) struct Ports(HashMap<IpAddr, u16>);

/// A version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Why no socket could be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The system lists no interfaces.
    #[error("cannot list this machine's addresses: {0}")]
    Interfaces(#[source] io::Error),
    /// None of them is left.
    #[error("this machine has no address {wanted}; it has {present}")]
    NoAddress {
        /// What was asked for.
        wanted: String,
        /// What there is.
        present: String,
    },
    /// Neither UDP nor TCP nor relays are to be used.
    #[error(
        "without UDP nothing is left to connect over: use TCP (active, passive or both), or a TURN server"
    )]
    NoTransport,
    /// An address that no machine has.
    #[error(
        "no socket can be bound to {0}: name an address of this machine's, or none for all that it has"
    )]
    Address(IpAddr),
    /// A name that no interface has.
    #[error("the name of an interface has 1 to {MAX_INTERFACE} bytes, not {length}")]
    Interface {
        /// Its bytes.
        length: usize,
    },
    /// A buffer that is too small or too large.
    #[error("the buffers of a socket have {} to {} bytes, not {bytes}", BUFFER.start(), BUFFER.end())]
    Buffer {
        /// What was asked for.
        bytes: usize,
    },
    /// Ports that are none.
    #[error(
        "{first}-{last} are no ports: give the first and the last one, such as 50000-50999, from 1 to 65535"
    )]
    Ports {
        /// The first.
        first: u16,
        /// The last.
        last: u16,
    },
    /// None of the addresses could be bound.
    #[error("{}", not_bound(*address, ports.as_ref(), source))]
    Bind {
        /// The last address tried.
        address: IpAddr,
        /// The ports tried there, if not any.
        ports: Option<RangeInclusive<u16>>,
        /// Why it failed.
        source: io::Error,
    },
}

/// What could not be bound, and what to do about it.
fn not_bound(address: IpAddr, ports: Option<&RangeInclusive<u16>>, source: &io::Error) -> String {
    let (at, remedy) = match ports {
        Some(ports) => {
            let (start, end) = (ports.start(), ports.end());
            let first = SocketAddr::new(address, *start);
            (format!("{first}-{end}"), "widen the port range")
        }
        None => (address.to_string(), "name another address"),
    };
    format!("no socket could be bound to {at}: {source}; {remedy}")
}

impl BindOptions {
    /// Everywhere, over UDP alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// This address of this machine's, and others only if they are named as well. Without any: those of all interfaces
    /// that are up, loopback only where there is nothing else.
    pub fn address(self, address: impl Into<IpAddr>) -> Self {
        self.addresses([address.into()])
    }

    /// These addresses as well.
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.addresses.extend(addresses);
        self
    }

    /// Where no address is named: those of these interfaces as well, and not of others. A name has 1 to 255 bytes; in
    /// it `*` stands for any characters, and `?` for one.
    pub fn interfaces<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.interfaces.extend(names.into_iter().map(Into::into));
        self
    }

    /// Where no address is named: none of these interfaces, also if [`interfaces`](Self::interfaces) names them. Names
    /// are as there.
    pub fn deny_interfaces<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.denied.extend(names.into_iter().map(Into::into));
        self
    }

    /// Where no address is named: whether those of virtual interfaces are used, as they are by default. Without, bridges,
    /// their ports, and virtual cables (veth) are left out, and what has a name that container engines and hypervisors
    /// give (`docker0`, `br-*`, `veth*`, `virbr*`, `cni*`, `flannel*`, `cali*`): peers elsewhere cannot reach what is behind
    /// them. They are used all the same where nothing else but loopback is left, as in a container, and each that
    /// [`interfaces`](Self::interfaces) names without `*` and `?`.
    pub fn virtual_interfaces(mut self, are_used: bool) -> Self {
        self.no_virtual = !are_used;
        self
    }

    /// Of those addresses the ones of this family only; of both unless this is called.
    pub fn family(mut self, family: impl Into<Option<Family>>) -> Self {
        self.family = family.into();
        self
    }

    /// These ports only, from 1 on; any unless this is called.
    pub fn port_range(mut self, ports: impl Into<Option<RangeInclusive<u16>>>) -> Self {
        self.port_range = ports.into();
        self
    }

    /// Whether a socket is shared with all streams that ask for the same addresses and ports: thousands of
    /// streams on one UDP port for each address and component. Where they listen for TCP, that is at the same number, or if
    /// it is in use, at another that the options allow, or not at all. Their sockets ask STUN servers for all of them
    /// ([`Host::reflexive_addresses`](crate::Host::reflexive_addresses)). What is in use, and an address that cannot be bound
    /// beside others, is logged once. Not by default.
    ///
    /// On Linux all event loops take from the port, and a stream lives on the one at which its peer's datagrams arrive;
    /// those that accept TCP connections as well, and all on other systems, live on one.
    pub fn single_port(mut self, single_port: bool) -> Self {
        self.single_port = single_port;
        self
    }

    /// Bytes that the system is to keep for each UDP socket of what has arrived while its event loop is busy, 4096 to
    /// 2³⁰: 4 MiB for a shared socket, for others what the system chooses unless this is called. The system may grant
    /// less (`net.core.rmem_max`), which is logged once; [`Host::socket_buffers`](crate::Host::socket_buffers) says how
    /// much.
    pub fn receive_buffer(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.receive_buffer = bytes.into();
        self
    }

    /// The same of what is to leave (`net.core.wmem_max`); what the system chooses unless this is called.
    pub fn send_buffer(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.send_buffer = bytes.into();
        self
    }

    /// Which ends of TCP connections between the peers it is (RFC 6544); none by default.
    pub fn tcp(mut self, tcp: Tcp) -> Self {
        self.tcp = tcp;
        self
    }

    /// Whether UDP sockets are bound, as they are by default; without, the peers meet over TCP, or through a relay.
    pub fn udp(mut self, udp: bool) -> Self {
        self.no_udp = !udp;
        self
    }
}

impl BindOptions {
    /// What no machine could have, and whether anything is left to connect over.
    pub(crate) fn check(&self, servers: &Servers) -> Result<(), BindError> {
        if self.no_udp && self.tcp == Tcp::Off && servers.turn.is_empty() {
            return Err(BindError::NoTransport);
        }
        if let Some(ports) = &self.port_range {
            let (first, last) = (*ports.start(), *ports.end());
            if first == 0 || first > last {
                return Err(BindError::Ports { first, last });
            }
        }
        let mut lengths = self.interfaces.iter().chain(&self.denied).map(String::len);
        if let Some(length) = lengths.find(|length| !(1..=MAX_INTERFACE).contains(length)) {
            return Err(BindError::Interface { length });
        }
        let mut sizes = self.receive_buffer.into_iter().chain(self.send_buffer);
        if let Some(bytes) = sizes.find(|bytes| !BUFFER.contains(bytes)) {
            return Err(BindError::Buffer { bytes });
        }
        let of_nobody = |address: &&IpAddr| !is_unicast(**address);
        if let Some(address) = self.addresses.iter().find(of_nobody) {
            return Err(BindError::Address(*address));
        }
        match self.addresses.is_empty() {
            true => Ok(()), // which there are is found out when they are bound
            false => self.usable_addresses().map(drop),
        }
    }

    /// The local addresses to have sockets at, at least one, and addresses that nobody has.
    pub(in crate::net) fn usable_addresses(&self) -> Result<(Vec<IpAddr>, Vec<IpAddr>), BindError> {
        let is_of_family = |address: &IpAddr| match self.family {
            Some(Family::V4) => address.is_ipv4(),
            Some(Family::V6) => address.is_ipv6(),
            None => true,
        };
        let listed = || interfaces::list().map_err(BindError::Interfaces);
        if !self.addresses.is_empty() {
            let named = self.addresses.iter().copied();
            let usable: Vec<IpAddr> = named.filter(is_of_family).collect();
            return match usable.is_empty() {
                true => Err(self.no_address(&listed()?)),
                false => Ok((usable, Vec::new())),
            };
        }
        let present = listed()?;
        let of_family = present.iter().filter(|address| is_of_family(&address.ip));
        let chosen = self.choose(of_family);
        match chosen.is_empty() {
            true => Err(self.no_address(&present)),
            false => Ok((
                chosen,
                present.iter().filter_map(Address::broadcast).collect(),
            )),
        }
    }

    /// The addresses to have sockets at, of those of all interfaces.
    fn choose<'a>(&self, present: impl Iterator<Item = &'a Address>) -> Vec<IpAddr> {
        let is_wanted = |address: &&Address| {
            let name = &address.interface;
            let is_one_of = |names: &[String]| names.iter().any(|it| glob::matches(it, name));
            let is_allowed = self.interfaces.is_empty() || is_one_of(&self.interfaces);
            is_allowed && !is_one_of(&self.denied)
        };
        let wanted: Vec<&Address> = present.filter(is_wanted).collect();
        if self.no_virtual {
            let is_meant = |address: &Address| {
                self.interfaces.contains(&address.interface) || !address.is_virtual()
            };
            let meant = wanted.iter().copied().filter(|it| is_meant(it));
            let chosen = interfaces::choose(meant);
            if !chosen.iter().all(IpAddr::is_loopback) {
                return chosen;
            }
        }
        interfaces::choose(wanted.into_iter())
    }

    /// Whether others than these may come, for none are named, and these are of loopback.
    pub(in crate::net) fn may_find_better(&self, found: &[IpAddr]) -> bool {
        let is_free = self.addresses.is_empty() && self.interfaces.is_empty();
        is_free && found.iter().all(IpAddr::is_loopback)
    }

    fn no_address(&self, present: &[Address]) -> BindError {
        let family = match self.family {
            Some(Family::V4) => "of IPv4",
            Some(Family::V6) => "of IPv6",
            None => "that can be used",
        };
        let list = |before: &str, names: &[String]| match names.is_empty() {
            true => String::new(),
            false => format!("{before}{}", names.join(", ")),
        };
        let allowed = list(" on ", &self.interfaces);
        let denied = list(", not counting those on ", &self.denied);
        let listed = present
            .iter()
            .map(|address| format!("{} ({})", address.ip, address.interface));
        let present = listed.collect::<Vec<_>>().join(", ");
        BindError::NoAddress {
            wanted: format!("{family}{allowed}{denied}"),
            present: if present.is_empty() {
                "none at all".to_owned()
            } else {
                present
            },
        }
    }

    /// A socket at one of them.
    pub(in crate::net) fn bind_to(
        &self,
        address: IpAddr,
        ports: &mut Ports,
    ) -> io::Result<UdpSocket> {
        self.bind(address, ports, UdpSocket::bind)
    }

    /// A TCP listener at one of them, at `port` if that is given and free.
    pub(in crate::net) fn listen_at(
        &self,
        address: IpAddr,
        port: Option<u16>,
        ports: &mut Ports,
    ) -> io::Result<TcpListener> {
        let beside = port.and_then(|port| TcpListener::bind((address, port)).ok());
        match beside {
            Some(listener) => Ok(listener),
            None => self.bind(address, ports, TcpListener::bind::<SocketAddr>),
        }
    }

    fn bind<T>(
        &self,
        address: IpAddr,
        ports: &mut Ports,
        bind: impl Fn(SocketAddr) -> io::Result<T>,
    ) -> io::Result<T> {
        let Some(range) = &self.port_range else {
            return bind(SocketAddr::new(address, 0));
        };
        let mut last = io::Error::new(io::ErrorKind::AddrInUse, "the port range is empty");
        let (start, end) = (*range.start(), *range.end());
        // One that is shared is where it is looked for, at the first port that is free.
        let known = ports.0.get(&address).filter(|_| !self.single_port);
        let first = known.copied().filter(|port| range.contains(port));
        let first = first.unwrap_or(start);
        for port in (first..=end).chain(start..first) {
            match bind(SocketAddr::new(address, port)) {
                Ok(bound) => {
                    ports.0.insert(address, port.saturating_add(1));
                    return Ok(bound);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Why no socket could be bound there.
    pub(in crate::net) fn not_bound(&self, address: IpAddr, source: io::Error) -> BindError {
        BindError::Bind {
            address,
            ports: self.port_range.clone(),
            source,
        }
    }

    /// Where streams that share find each other's sockets, if this one shares.
    pub(in crate::net) fn socket_key(
        &self,
        component_id: u16,
        address: IpAddr,
    ) -> Option<SocketKey> {
        self.single_port.then(|| SocketKey {
            address,
            port_range: self.port_range.clone(),
            component_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, BindError, BindOptions, Family, Ports};
    use std::cell::RefCell;
    use std::io;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    const BOTH: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];

    #[test]
    fn one_family_leaves_the_other_out() {
        for (family, kept) in [(Family::V4, BOTH[0]), (Family::V6, BOTH[1])] {
            let bind_options = BindOptions::new().addresses(BOTH).family(family);
            assert_eq!(
                bind_options.usable_addresses().expect("one is left").0,
                [kept]
            );
        }
    }

    #[test]
    fn where_no_address_is_left_the_error_says_what_there_is() {
        let bind_options = BindOptions::new()
            .interfaces(["no-such-interface"])
            .family(Family::V4);
        let error = bind_options
            .usable_addresses()
            .expect_err("no such interface");
        assert!(matches!(error, BindError::NoAddress { .. }));
        let sentence = error.to_string();
        assert!(
            sentence.contains("of IPv4 on no-such-interface"),
            "{sentence}"
        );
        assert!(sentence.contains("127.0.0.1"), "{sentence}");
    }

    /// Which of these interfaces' addresses are chosen.
    fn chosen(bind_options: &BindOptions, interfaces: &[&str]) -> Vec<String> {
        let addresses = interfaces.iter().zip(1..).map(|(name, number)| {
            let ip = Ipv4Addr::new(192, 0, 2, number).into();
            Address::at(ip, name)
        });
        let loopback = Address::at(Ipv4Addr::LOCALHOST.into(), "lo");
        let present: Vec<Address> = addresses.chain([loopback]).collect();
        let chosen = bind_options.choose(present.iter());
        let of = present.iter().filter(|it| chosen.contains(&it.ip));
        of.map(|it| it.interface.clone()).collect()
    }

    #[test]
    fn interfaces_are_allowed_and_denied_by_names_and_patterns() {
        let all = ["eth0", "eth1", "wlan0", "tun0"];
        let any = BindOptions::new();
        assert_eq!(chosen(&any, &all), all);
        let wired = any.clone().interfaces(["eth*", "tun?"]);
        assert_eq!(chosen(&wired, &all), ["eth0", "eth1", "tun0"]);
        assert_eq!(chosen(&any.clone().interfaces(["eth"]), &all), [""; 0]);
        let denied = any.clone().deny_interfaces(["wlan*"]);
        assert_eq!(chosen(&denied, &all), ["eth0", "eth1", "tun0"]);
        let both = wired.deny_interfaces(["eth1", "tun0"]);
        assert_eq!(chosen(&both, &all), ["eth0"], "what is denied stays so");
        let none = any.deny_interfaces(["*"]);
        assert_eq!(chosen(&none, &all), [""; 0]);
        let Err(BindError::NoAddress { wanted, .. }) = none.usable_addresses() else {
            panic!("there is none");
        };
        assert_eq!(wanted, "that can be used, not counting those on *");
    }

    #[test]
    fn virtual_interfaces_are_left_out_where_there_are_others() {
        let all = ["docker0", "eth0", "br-0a1b", "virbr0"];
        let real = BindOptions::new().virtual_interfaces(false);
        assert_eq!(chosen(&BindOptions::new(), &all), all);
        assert_eq!(chosen(&real, &all), ["eth0"]);
        assert_eq!(chosen(&real, &all[2..]), &all[2..], "as in a container");
        let named = real.clone().interfaces(["virbr0", "eth*", "br-*"]);
        assert_eq!(chosen(&named, &all), ["eth0", "virbr0"]);
        assert_eq!(chosen(&real, &[]), ["lo"]);
    }

    #[test]
    fn what_could_not_be_bound_is_named_with_its_ports() {
        let mut bind_options = BindOptions::default();
        let why = |bind_options: &BindOptions| {
            let source = io::Error::from(io::ErrorKind::AddrInUse);
            bind_options.not_bound(BOTH[1], source).to_string()
        };
        let any = "no socket could be bound to ::1: address in use; name another address";
        assert_eq!(why(&bind_options), any);
        bind_options.port_range = Some(45555..=45556);
        let range =
            "no socket could be bound to [::1]:45555-45556: address in use; widen the port range";
        assert_eq!(why(&bind_options), range);
    }

    #[test]
    fn a_range_is_searched_on_from_where_a_port_was_free() {
        let mut bind_options = BindOptions::new().port_range(100..=103);
        let mut ports = Ports::default();
        let taken = RefCell::new(Vec::new());
        let mut bind = |bind_options: &BindOptions, address| {
            let tried = RefCell::new(Vec::new());
            let bound = bind_options.bind(address, &mut ports, |at| {
                tried.borrow_mut().push(at.port());
                match taken.borrow().contains(&at) {
                    true => Err(io::ErrorKind::AddrInUse.into()),
                    false => Ok(at),
                }
            });
            taken.borrow_mut().extend(bound.iter().copied());
            (bound.ok().map(|at| at.port()), tried.into_inner())
        };
        let [one, other] = BOTH;
        for port in 100..=102 {
            assert_eq!(bind(&bind_options, one), (Some(port), vec![port]));
        }
        assert_eq!(bind(&bind_options, other), (Some(100), vec![100]));
        assert_eq!(bind(&bind_options, one), (Some(103), vec![103]));
        assert_eq!(bind(&bind_options, one), (None, vec![100, 101, 102, 103]));
        taken.borrow_mut().retain(|at| at.port() != 101);
        assert_eq!(bind(&bind_options, one), (Some(101), vec![100, 101]));
        assert_eq!(bind(&bind_options, one), (None, vec![102, 103, 100, 101]));
        taken.borrow_mut().retain(|at| at.port() != 101);
        bind_options.single_port = true;
        assert_eq!(bind(&bind_options, one), (Some(101), vec![100, 101]));
        bind_options.port_range = Some(u16::MAX..=u16::MAX);
        let only = vec![u16::MAX];
        assert_eq!(bind(&bind_options, one), (Some(u16::MAX), only.clone()));
        assert_eq!(bind(&bind_options, one), (None, only));
    }
}
