//! A host behind a NAT that passes everything on to it one to one, whose address it announces (`--announce`).
use crate::internet::{Internet, Nat};
use crate::run;
use crate::streams::{expect_addresses, expect_connection, start_each};
use handclasp_tests::Namespace;
use handclasp_tests::processes::Side;

/// Of the NAT.
const ANNOUNCED: &str = "10.99.0.11";

/// A announces the address, and is told to do it in these words.
fn connect(a: &Namespace, b: &Namespace, announce: &str, controlling: Side, arguments: &[&str]) {
    let arguments = [&["--announce", announce], arguments].concat();
    let mut pair = start_each([a, b], controlling, [&arguments, &[]]);
    let told = expect_addresses(&mut pair, Side::A);
    assert!(told.iter().eq([ANNOUNCED]), "{told:?}");
    expect_connection(&mut pair);
}

#[test]
fn a_peer_reaches_an_announced_address_without_stun() {
    run("an announced address", || {
        let internet = Internet::new()?;
        let (a, b) = (internet.behind(Nat::OneToOne, 11)?, internet.host(12)?);
        for announce in [ANNOUNCED, "192.168.1.2=10.99.0.11"] {
            for controlling in Side::BOTH {
                connect(&a.host, &b, announce, controlling, &[]);
            }
        }
        connect(&a.host, &b, ANNOUNCED, Side::B, &["--ice-lite"]);
        Ok(())
    });
}

/// Nothing that comes unasked gets to it, and no candidate of its own can be reached.
#[test]
fn a_peer_behind_another_nat_reaches_an_announced_address_without_stun() {
    run("an announced address, from behind a NAT", || {
        for kind in [Nat::Cone, Nat::Symmetric] {
            let internet = Internet::new()?;
            let [a, b] = [
                internet.behind(Nat::OneToOne, 11)?,
                internet.behind(kind, 12)?,
            ];
            connect(&a.host, &b.host, ANNOUNCED, Side::A, &[]);
            connect(&a.host, &b.host, ANNOUNCED, Side::B, &["--ice-lite"]);
        }
        Ok(())
    });
}
