//! Sides that use one of their interfaces only, or one version of IP.
use crate::run;
use crate::segment::Segment;
use crate::streams::{expect_addresses, expect_connection, start_each};
use handclasp_tests::Lacking;
use handclasp_tests::processes::{Pair, Side};

/// Two cables, `near` and `other`, with IPv4 and IPv6 on each.
fn segment() -> Result<Segment, Lacking> {
    let segment = Segment::new([
        &["10.77.0.1/24", "fd77::1/64 nodad"],
        &["10.77.0.2/24", "fd77::2/64 nodad"],
    ])?;
    let [a, b] = &segment.hosts;
    a.join("other", b, "other");
    for (host, n) in [(a, 1), (b, 2)] {
        host.run(&format!(
            "ip address add 10.78.0.{n}/24 dev other
             ip address add fd78::{n}/64 nodad dev other"
        ));
    }
    Ok(segment)
}

/// A uses these addresses and no others, both for its candidates and for what it sends from.
fn expect_only(pair: &mut Pair, expected: &[&str]) {
    let told = expect_addresses(pair, Side::A);
    assert!(told.iter().eq(expected), "{told:?}");
    let selected = pair.expect(Side::A, "new_selected_pair");
    let local = selected["local"].as_str().expect("an address and a port");
    let is_of = |address: &&str| local.trim_start_matches('[').starts_with(address);
    assert!(expected.iter().any(is_of), "{local}");
}

fn connect(test: &str, filters: &[&str], expected: &[&str]) {
    run(test, || {
        let segment = segment()?;
        let [a, b] = &segment.hosts;
        for controlling in Side::BOTH {
            let mut pair = start_each([a, b], controlling, [filters, &[]]);
            expect_only(&mut pair, expected);
            expect_connection(&mut pair);
            let peers = expect_addresses(&mut pair, Side::B);
            assert_eq!(peers.len(), 4, "the peer may use all of its own: {peers:?}");
        }
        Ok(())
    });
}

#[test]
fn one_interface_of_two() {
    for (name, expected) in [
        ("near", ["10.77.0.1", "fd77::1"]),
        ("other", ["10.78.0.1", "fd78::1"]),
    ] {
        connect("one interface", &["--interface", name], &expected);
    }
}

#[test]
fn two_interfaces_by_name() {
    connect(
        "two interfaces",
        &["--interface", "near", "--interface", "other"],
        &["10.77.0.1", "10.78.0.1", "fd77::1", "fd78::1"],
    );
}

#[test]
fn one_version_of_ip() {
    connect("IPv4 only", &["--ipv4"], &["10.77.0.1", "10.78.0.1"]);
    connect("IPv6 only", &["--ipv6"], &["fd77::1", "fd78::1"]);
}

#[test]
fn one_interface_and_one_version_of_ip() {
    let filters = ["--interface", "other", "--ipv6"];
    connect("one interface, IPv6 only", &filters, &["fd78::1"]);
}
