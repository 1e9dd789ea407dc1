//! A firewall that stops one of two components.
use crate::internet::{Internet, filter};
use crate::run;
use crate::streams::{expect_data, start};
use handclasp_tests::processes::Side;
use std::time::Duration;

/// Components take the ports of `PORTS` in their order.
const PORTS: &str = "40000-40001";
const NO_RTCP: &str = "
    table ip closed {
        chain arriving {
            type filter hook input priority filter;
            udp dport 40001 drop
        }
    }";

#[test]
fn a_component_that_is_stopped_fails_and_the_other_goes_on() {
    run("a firewall against component 2", || {
        let internet = Internet::new()?;
        let networks = [internet.host(11)?, internet.host(12)?];
        for network in &networks {
            filter(network, NO_RTCP);
        }
        let arguments = ["--components=2", "--port-range", PORTS, "--ice-timeout=10"];
        let [a, b] = &networks;
        let mut pair = start([a, b], Side::A, &arguments);
        let of = |id: u16| move |event: &serde_json::Value| event["component_id"] == id;
        for side in Side::BOTH {
            pair.expect_where(side, "component_state_ready", of(1));
        }
        for side in Side::BOTH {
            let failed = pair.expect(side, "component_state_failed");
            assert_eq!(failed["component_id"], 2);
            let reason = failed["reason"].as_str().expect("a sentence");
            let tried = " of ours none was answered, and none of the peer's came: a firewall seems to stop UDP";
            assert!(reason.contains(tried), "{reason}");
        }
        expect_data(&mut pair, "after the failure", Duration::from_secs(10));
        Ok(())
    });
}
