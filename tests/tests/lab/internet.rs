//! A public segment, with hosts on it and hosts behind NATs.
use handclasp_tests::{Coturn, Lacking, Namespace, need};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

/// What the public segment is, and its own host. For other networks there is a way that leads nowhere: a relay
/// that is told of no way at all gives up.
const SEGMENT: &str = "
    ip link add segment type bridge
    ip link set segment up
    ip address add 10.99.0.1/24 dev segment
    ip neighbour add 10.99.0.254 lladdr 02:00:00:00:00:fe dev segment nud permanent
    ip route add default via 10.99.0.254";

/// An early datagram of the peer's would take the port that our own is to be mapped to, were it let in.
const CLOSED: &str = "
    table ip closed {
        chain arriving {
            type filter hook input priority filter;
            iifname outside ct state new drop
        }
        chain passing {
            type filter hook forward priority filter;
            iifname outside ct state new drop
        }
    }";

/// Where servers of STUN and TURN are (RFC 8489 §18.6, RFC 8656 §19), without and with TLS.
pub(crate) const PORTS: (u16, u16) = (3478, 5349);
/// The ports of mappings after a rebinding. Hosts choose theirs above.
const REBOUND: RangeInclusive<u16> = 20_000..=29_999;
/// Whatever comes is for the one host inside.
const OPEN: &str = "
    table ip open {
        chain arriving {
            type nat hook prerouting priority dstnat;
            iifname outside dnat to 192.168.1.2
        }
    }";

/// How a NAT chooses the port that a datagram leaves from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nat {
    /// The host's own, for every destination.
    Cone,
    /// Another one for each destination.
    Symmetric,
    /// The host's own, and what comes from anyone is passed on to it (1:1).
    OneToOne,
}

/// Everyone's addresses are 10.99.0.0/24.
#[derive(Debug)]
pub(crate) struct Internet {
    segment: Namespace,
}

/// A host behind a NAT. All of them have one address, 192.168.1.2, as those at home do.
#[derive(Debug)]
pub(crate) struct Private {
    pub(crate) host: Namespace,
    nat: Namespace,
}

impl Internet {
    pub(crate) fn new() -> Result<Self, Lacking> {
        need("nft", "nftables")?;
        need("conntrack", "conntrack")?;
        let segment = Namespace::new()?;
        segment.run(SEGMENT);
        Ok(Self { segment })
    }

    /// The host 10.99.0.N.
    pub(crate) fn host(&self, n: u8) -> Result<Namespace, Lacking> {
        let host = Namespace::new()?;
        self.connect(&host, "near", n);
        Ok(host)
    }

    /// A host behind a NAT that is 10.99.0.N.
    pub(crate) fn behind(&self, kind: Nat, n: u8) -> Result<Private, Lacking> {
        let (host, nat) = (Namespace::new()?, Namespace::new()?);
        self.connect(&nat, "outside", n);
        nat.join("inside", &host, "near");
        nat.run("ip address add 192.168.1.1/24 dev inside; echo 1 > /proc/sys/net/ipv4/ip_forward");
        host.run("ip address add 192.168.1.2/24 dev near; ip route add default via 192.168.1.1");
        filter(&nat, if kind == Nat::OneToOne { OPEN } else { CLOSED });
        let private = Private { host, nat };
        private.translate(match kind {
            Nat::Cone | Nat::OneToOne => "masquerade",
            Nat::Symmetric => "masquerade fully-random",
        });
        Ok(private)
    }

    /// A server of STUN and TURN at 10.99.0.N.
    pub(crate) fn serve(&self, n: u8) -> Result<Coturn, Lacking> {
        self.segment
            .run(&format!("ip address add 10.99.0.{n}/24 dev segment"));
        let address = IpAddr::V4(Ipv4Addr::new(10, 99, 0, n));
        let (port, tls_port) = PORTS;
        Coturn::start_on(address, port, tls_port, |command| {
            self.segment.inside(&command)
        })
    }

    /// From now on a firewall before the servers drops what comes to this port of UDP.
    pub(crate) fn block_udp(&self, port: u16) {
        let rules = format!(
            "table ip firewall {{
                chain arriving {{
                    type filter hook input priority filter;
                    udp dport {port} drop
                }}
            }}"
        );
        filter(&self.segment, &rules);
    }

    fn connect(&self, namespace: &Namespace, name: &str, n: u8) {
        self.segment.join(&format!("to{n}"), namespace, name);
        self.segment
            .run(&format!("ip link set to{n} master segment"));
        namespace.run(&format!(
            "ip address add 10.99.0.{n}/24 dev {name}; ip route add default via 10.99.0.1"
        ));
    }
}

impl Private {
    /// The NAT forgets every mapping, and makes others from now on.
    pub(crate) fn rebind(&self) {
        self.nat.run("nft delete table ip translation");
        let (first, last) = (REBOUND.start(), REBOUND.end());
        self.translate(&format!("meta l4proto udp masquerade to :{first}-{last}"));
        self.nat.run("conntrack -F 2>/dev/null");
    }

    fn translate(&self, rule: &str) {
        let rules = format!(
            "table ip translation {{
                chain leaving {{
                    type nat hook postrouting priority srcnat;
                    oifname outside {rule}
                }}
            }}"
        );
        filter(&self.nat, &rules);
    }
}

/// Whether an address is one that a NAT has mapped to since it was to [`rebind`](Private::rebind).
pub(crate) fn is_rebound(address: &str) -> bool {
    let address: SocketAddr = address.parse().expect("an address and a port");
    REBOUND.contains(&address.port())
}

/// Adds rules of nftables'.
pub(crate) fn filter(namespace: &Namespace, rules: &str) {
    namespace.run(&format!("nft -f - <<'END'\n{rules}\nEND"));
}
