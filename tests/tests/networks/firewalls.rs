//! Firewalls.
use crate::failed::fail;
use crate::hosts::{drop, neighbours};
use crate::run;
use handclasp_tests::processes::Side;

const UDP: &str = "meta l4proto udp";

#[test]
fn udp_is_blocked_both_ways() {
    run("UDP blocked", || {
        let hosts = neighbours()?;
        for host in &hosts {
            drop(host, "input", UDP);
        }
        let [a, b] = &hosts;
        let failed = fail([a, b], [&[], &[]]);
        for side in Side::BOTH {
            let seen = "of ours none was answered, and none of the peer's came: ";
            let cause = "a firewall seems to stop UDP between the two sides";
            failed.expect(side, &[seen, cause, "--port-range", "--tcp", "--turn"]);
        }
        Ok(())
    });
}

#[test]
fn a_firewall_drops_what_comes_to_one_side() {
    run("one direction", || {
        let [a, b] = &neighbours()?;
        drop(a, "input", UDP);
        let failed = fail([a, b], [&[], &[]]);
        failed.expect(Side::A, &["none of the peer's came: a firewall"]);
        let seen = "of the peer's came, from 10.77.0.1:";
        let cause = "what leaves here does not reach the peer, or its answers do not come back";
        let remedy = "pass UDP to and from 10.77.0.1,";
        failed.expect(Side::B, &["none was answered", seen, cause, remedy]);
        Ok(())
    });
}

#[test]
fn a_firewall_of_this_machine_forbids_it() {
    run("a firewall of this machine", || {
        let [a, b] = &neighbours()?;
        drop(a, "output", UDP);
        let failed = fail([a, b], [&[], &[]]);
        let cause = "let UDP leave for 10.77.0.2:";
        failed.expect(Side::A, &["did not leave (permission denied)", cause]);
        Ok(())
    });
}
