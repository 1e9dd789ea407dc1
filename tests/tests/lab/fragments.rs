//! Datagrams over the MTU of a link: they arrive in fragments, whichever socket they leave by, and whenever.
use crate::internet::filter;
use crate::run;
use crate::segment::Segment;
use crate::streams::start;
use handclasp_tests::processes::Side;
use handclasp_tests::{Lacking, Namespace, need};
use std::time::Duration;

/// More than the links below carry whole.
const LONG: usize = 1400;
const COMPONENTS: u16 = 3;

#[test]
fn all_components_connect_and_carry_data_over_a_link_of_576_bytes() {
    run("a small MTU, with IPv4", || {
        over([&["10.77.0.1/24"], &["10.77.0.2/24"]], 576)
    });
}

#[test]
fn all_components_connect_and_carry_data_over_a_link_of_1280_bytes() {
    run("a small MTU, with IPv6", || {
        over([&["fd77::1/64 nodad"], &["fd77::2/64 nodad"]], 1280)
    });
}

/// Nobody hears that a datagram is too large.
const SILENT: &str = "
    table ip silent {
        chain leaving {
            type filter hook output priority filter;
            icmp type destination-unreachable drop
        }
    }";

#[test]
fn all_components_connect_through_routers_that_do_not_say_what_is_too_large() {
    run("a small MTU on the way, and no ICMP", || {
        need("nft", "nftables")?;
        let hosts = [Namespace::new()?, Namespace::new()?];
        let routers = [Namespace::new()?, Namespace::new()?];
        for (number, (host, router)) in hosts.iter().zip(&routers).enumerate() {
            host.join("near", router, "host");
            host.run(&format!(
                "ip address add 10.77.{number}.2/24 dev near; ip route add default via 10.77.{number}.1"
            ));
            router.run(&format!("ip address add 10.77.{number}.1/24 dev host"));
            filter(router, SILENT);
        }
        routers[0].join("far", &routers[1], "far");
        for (number, router) in routers.iter().enumerate() {
            let other = 1 - number;
            router.run(&format!(
                "ip link set far mtu 576; ip address add 10.77.9.{}/24 dev far
                 ip route add 10.77.{other}.0/24 via 10.77.9.{}
                 echo 1 > /proc/sys/net/ipv4/ip_forward",
                1 + number,
                1 + other
            ));
        }
        connect(&hosts);
        Ok(())
    });
}

fn over(addresses: [&[&str]; 2], mtu: u16) -> Result<(), Lacking> {
    let segment = Segment::new(addresses)?;
    for host in &segment.hosts {
        host.run(&format!("ip link set near mtu {mtu}"));
    }
    connect(&segment.hosts);
    Ok(())
}

fn connect([a, b]: &[Namespace; 2]) {
    let arguments = [
        "--components",
        "3",
        "--plugin",
        "dtls-srtp",
        "--mtu",
        "1400",
    ];
    let mut pair = start([a, b], Side::A, &arguments);
    pair.expect_ready(COMPONENTS);
    for word in [
        "at first",
        &"x".repeat(LONG),
        "and later",
        &"y".repeat(LONG),
    ] {
        for component_id in 1..=COMPONENTS {
            pair.expect_data(component_id, word, Duration::from_secs(10));
        }
    }
}
