//! `[listen]`: where the peers' datagrams arrive.
use super::key::{Key, Section, Visitor};
use super::kind::{Bytes, Choice, Flag, FromText, ListOf, Whole};
use super::places::Places;
use super::value::{Always, Maybe};
use std::net::IpAddr;

/// Where the peers' datagrams arrive.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The UDP port that all streams share; with [`tcp`](Self::tcp), the TCP port as well.
    pub port: u16,
    /// Local addresses; all usable ones if it is empty.
    pub addresses: Vec<IpAddr>,
    /// Names of interfaces, with `*` and `?`; all if it is empty.
    pub interfaces: Vec<String>,
    /// Names of interfaces that are not used, with `*` and `?`.
    pub deny_interfaces: Vec<String>,
    /// Whether bridges, veth pairs and the like are used.
    pub virtual_interfaces: bool,
    /// Which versions of IP.
    pub ipv6: Ipv6,
    /// Whether peers may connect over TCP (RFC 6544).
    pub tcp: bool,
    /// Bytes that the system keeps of what arrives, for each socket.
    pub receive_buffer: usize,
    /// Bytes that the system keeps of what leaves, for each socket.
    pub send_buffer: usize,
    /// How many event loops; one for each core if it is not given.
    pub loops: Option<usize>,
}

/// Which versions of IP are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6 {
    /// Both.
    On,
    /// IPv4 alone.
    Off,
    /// IPv6 alone.
    Only,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            port: 3478,
            addresses: Vec::new(),
            interfaces: Vec::new(),
            deny_interfaces: Vec::new(),
            virtual_interfaces: false,
            ipv6: Ipv6::On,
            tcp: false,
            receive_buffer: 4 << 20,
            send_buffer: 4 << 20,
            loops: None,
        }
    }
}

/// Most names or addresses in a list.
const MOST: usize = 64;

const BOUND_ONCE: &str = "the sockets are bound when the daemon starts";

const ADDRESS: FromText<IpAddr> = FromText {
    takes: "the unicast address of an interface, such as \"192.0.2.7\" or \"2001:db8::7\"",
    parse: |text| {
        let address = text.parse::<IpAddr>().ok();
        let is_bound = |address: &IpAddr| {
            let is_broadcast = *address == IpAddr::from([255; 4]);
            !address.is_unspecified() && !address.is_multicast() && !is_broadcast
        };
        match address {
            Some(any) if any.is_unspecified() => Err(Some(format!(
                "{any} is no address of an interface: leave `addresses` empty for all there are"
            ))),
            address => address.filter(is_bound).ok_or(None),
        }
    },
    write: ToString::to_string,
};

const INTERFACE: FromText<String> = FromText {
    takes: "the name of an interface, such as \"eth0\", or a pattern with * and ?, such as \"en*\"",
    parse: |text| {
        let is_name = (1..=255).contains(&text.len())
            && !text.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control());
        is_name.then(|| text.to_owned()).ok_or(None)
    },
    write: Clone::clone,
};

impl Section for Listen {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        let (addresses, interfaces) = (
            ListOf {
                of: ADDRESS,
                most: MOST,
            },
            ListOf {
                of: INTERFACE,
                most: MOST,
            },
        );
        let key = |name, help| Key::new(name, help).restart(BOUND_ONCE);
        visitor.key(
            key("port", "The UDP port that all streams share."),
            &mut Always(Whole(1..=u16::MAX), &mut self.port),
        );
        visitor.key(
            key("addresses", "Listen on these addresses of this machine's only. Without any: on those of all interfaces that are up, on loopback only if there is nothing else."),
            &mut Always(addresses, &mut self.addresses),
        );
        visitor.key(
            key(
                "interfaces",
                "Listen on the addresses of these interfaces only.",
            ),
            &mut Always(interfaces, &mut self.interfaces),
        );
        visitor.key(
            key(
                "deny-interfaces",
                "Never listen on the addresses of these interfaces.",
            ),
            &mut Always(interfaces, &mut self.deny_interfaces),
        );
        visitor.key(
            key("virtual-interfaces", "Whether bridges, veth pairs and other interfaces of containers and virtual machines are used, too: peers elsewhere cannot reach their addresses."),
            &mut Always(Flag, &mut self.virtual_interfaces),
        );
        let families = Choice(&[("on", Ipv6::On), ("off", Ipv6::Off), ("only", Ipv6::Only)]);
        visitor.key(
            key(
                "ipv6",
                "Whether IPv6 is used beside IPv4, not at all, or alone.",
            ),
            &mut Always(families, &mut self.ipv6),
        );
        visitor.key(
            key("tcp", "Whether peers may connect over TCP (RFC 6544), too, on the port of the same number."),
            &mut Always(Flag, &mut self.tcp),
        );
        let buffer = Bytes(4 << 10..=1 << 30);
        visitor.key(
            key("receive-buffer", "What the system keeps of datagrams that arrive, for each socket. Linux gives no more than net.core.rmem_max."),
            &mut Always(buffer.clone(), &mut self.receive_buffer),
        );
        visitor.key(
            key("send-buffer", "What the system keeps of datagrams that leave, for each socket. Linux gives no more than net.core.wmem_max."),
            &mut Always(buffer, &mut self.send_buffer),
        );
        let loops = Key::new(
            "loops",
            "How many event loops there are, each a thread. Without it: one for each core.",
        )
        .restart("the event loops are made when the daemon starts")
        .example("4");
        visitor.key(loops, &mut Maybe(Whole(1..=1024), &mut self.loops));
    }

    fn rules(&self, places: &mut Places) {
        if !self.addresses.is_empty() && !self.interfaces.is_empty() {
            places.wrong(
                "interfaces",
                "interfaces do not matter where `addresses` are named: remove one of the two",
            );
        }
        let is_used = |address: &IpAddr| match self.ipv6 {
            Ipv6::On => true,
            Ipv6::Off => address.is_ipv4(),
            Ipv6::Only => address.is_ipv6(),
        };
        if let Some(unused) = self.addresses.iter().find(|address| !is_used(address)) {
            let sentence = format!(
                "{unused} is not used with this value of `ipv6`: remove the address, or change `ipv6`"
            );
            places.wrong("addresses", sentence);
        }
    }
}
