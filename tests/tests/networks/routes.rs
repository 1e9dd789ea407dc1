//! Networks that do not lead to each other.
use crate::failed::fail;
use crate::hosts::hosts;
use crate::run;
use handclasp_tests::processes::Side;

#[test]
fn no_route_to_the_peer() {
    run("no route", || {
        let [a, b] = &hosts(["10.77.0.1/24", "10.88.0.2/24"])?;
        let failed = fail([a, b], [&[], &[]]);
        let seen = [
            "none was answered",
            "did not leave (",
            "none of the peer's came",
        ];
        for (side, peer) in [(Side::A, "10.88.0.2"), (Side::B, "10.77.0.1")] {
            let cause = format!("this machine has no route to {peer}:");
            failed.expect(side, &seen);
            failed.expect(side, &[&cause, "--interface", "--turn"]);
        }
        Ok(())
    });
}

#[test]
fn one_side_has_only_ipv6() {
    run("IPv6 on one side", || {
        let [a, b] = &hosts(["10.77.0.1/24", "fd77::2/64 nodad"])?;
        let failed = fail([a, b], [&[], &[]]);
        for (side, cause) in [
            (Side::A, "this side has only IPv4 and the peer only IPv6"),
            (Side::B, "this side has only IPv6 and the peer only IPv4"),
        ] {
            failed.expect(side, &["no check left", cause, "--ipv4"]);
        }
        Ok(())
    });
}
