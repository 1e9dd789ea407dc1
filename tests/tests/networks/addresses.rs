//! Addresses that lead nowhere.
use crate::failed::fail;
use crate::hosts::{drop, neighbours};
use crate::run;
use handclasp_tests::processes::Side;

#[test]
fn nobody_has_the_announced_address() {
    run("a wrong announced address", || {
        let [a, b] = &neighbours()?;
        // As a NAT does, from which B must come.
        drop(b, "input", "meta l4proto udp ct state new");
        let failed = fail([a, b], [&["--announce", "10.77.0.99"], &[]]);
        let cause = "nobody came to the announced address 10.77.0.99";
        failed.expect(Side::A, &[cause, "(--announce)", "--port-range"]);
        failed.expect(Side::B, &["(1 host: 10.77.0.99:"]);
        Ok(())
    });
}

/// As Docker makes it; a bridge without a port is down.
const DOCKER: &str = "
    ip link add docker0 type bridge
    ip link add container type veth peer name inside
    ip link set container master docker0 up
    ip link set inside up
    ip link set docker0 up
    ip address add 172.17.0.1/16 dev docker0";

#[test]
fn a_bridge_that_the_other_side_does_not_reach() {
    run("Docker's bridge", || {
        let [a, b] = &neighbours()?;
        b.run(DOCKER);
        // What leaves the bridge's network would show where its host is.
        drop(b, "output", "ip saddr 172.17.0.0/16 ip daddr 10.77.0.0/16");
        let failed = fail([a, b], [&[], &["--interface", "docker0"]]);
        let cause = "address 172.17.0.1 is of Docker's default bridge";
        failed.expect(
            Side::A,
            &["the peer's ", cause, "--interface", "--announce"],
        );
        Ok(())
    });
}

#[test]
fn a_bridge_that_leads_nowhere() {
    run("Docker's bridge, from inside", || {
        let [a, b] = &neighbours()?;
        b.run(DOCKER);
        drop(a, "input", "ip saddr 172.17.0.0/16");
        let failed = fail([a, b], [&[], &["--interface", "docker0"]]);
        let cause = "this side's address 172.17.0.1 is of Docker's default bridge";
        failed.expect(Side::B, &[cause, "--interface", "--announce"]);
        Ok(())
    });
}
