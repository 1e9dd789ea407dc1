//! Relays that do not help.
use crate::failed::fail;
use crate::hosts::{drop, neighbours};
use crate::run;
use handclasp_tests::Coturn;
use handclasp_tests::processes::Side;
use std::net::IpAddr;

const UDP: &str = "meta l4proto udp";

#[test]
fn only_one_side_reaches_the_relay() {
    run("one side's relay", || {
        let [a, b] = &neighbours()?;
        a.run("ip address add 10.77.0.3/24 dev near");
        let address: IpAddr = "10.77.0.3".parse().expect("an address");
        let server = Coturn::start_on(address, 3478, 5349, |command| a.inside(&command))?;
        drop(b, "input", UDP);
        drop(a, "input", "iifname near meta l4proto udp");
        let only = ["--address", "10.77.0.1", "--turn", &server.udp()];
        let failed = fail([a, b], [&only, &[]]);
        let cause = "only this side has a relay, 10.77.0.3:";
        failed.expect(
            Side::A,
            &["1 relay", cause, "give the peer a TURN server, too"],
        );
        let cause = "only the peer has a relay, 10.77.0.3:";
        failed.expect(
            Side::B,
            &[cause, "give this side a TURN server, too", "turns:"],
        );
        Ok(())
    });
}

#[test]
fn a_turn_server_that_is_dead() {
    run("a dead TURN server", || {
        let hosts = neighbours()?;
        for host in &hosts {
            drop(host, "input", UDP);
        }
        let [a, b] = &hosts;
        let dead = ["--turn", "turn:alice:sesame@10.77.0.2:3478"];
        let failed = fail([a, b], [&dead, &[]]);
        let cause = "no TURN server of this side's gave a relay";
        let which = "; turn:10.77.0.2:3478 over UDP: no answer, is UDP port 3478 blocked?";
        failed.expect(Side::A, &["none was answered", cause, "--turn", which]);
        Ok(())
    });
}
