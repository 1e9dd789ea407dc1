//! ICE-TCP (RFC 6544) where UDP does not get through, and where it does.
use crate::internet::filter;
use crate::outage::CUT;
use crate::run;
use crate::segment::Segment;
use crate::streams::{expect_components, expect_connection, expect_data, start};
use handclasp_tests::need;
use handclasp_tests::processes::{Pair, Side};
use serde_json::Value;
use std::time::Duration;

/// Nothing over TCP arrives.
const SILENT: &str = "
    table inet silent {
        chain arriving {
            type filter hook input priority filter;
            meta l4proto tcp drop
        }
    }";

/// Whatever comes over TCP is answered with a reset.
const RESET: &str = "
    table inet resetting {
        chain arriving {
            type filter hook input priority filter;
            meta l4proto tcp reject with tcp reset
        }
    }";

/// How long a connection over which nothing comes may be held, plus a busy machine.
const SILENCE: Duration = Duration::from_secs(30);

fn segment() -> Result<Segment, handclasp_tests::Lacking> {
    need("nft", "nftables")?;
    Segment::new([&["10.77.0.1/24"], &["10.77.0.2/24"]])
}

#[test]
fn tcp_connects_where_udp_is_blocked() {
    run("TCP where UDP is blocked", || {
        let segment = segment()?;
        for host in &segment.hosts {
            filter(host, CUT);
        }
        let [a, b] = &segment.hosts;
        for components in [1, 2] {
            let count = format!("--components={components}");
            let arguments = ["--plugin", "dtls-srtp", "--tcp", "both", &count];
            let mut pair = start([a, b], Side::A, &arguments);
            expect_components(&mut pair, components);
            for side in Side::BOTH {
                for component_id in 1..=components {
                    let is_its = |event: &Value| event["component_id"] == component_id;
                    let selected = pair.expect_where(side, "new_selected_pair", is_its);
                    assert_eq!(selected["transport"], "tcp", "{side:?} {component_id}");
                }
            }
        }
        Ok(())
    });
}

#[test]
fn udp_is_preferred_where_it_works() {
    run("UDP beside TCP", || {
        let segment = segment()?;
        let [a, b] = &segment.hosts;
        let mut pair = start([a, b], Side::A, &["--tcp", "both"]);
        for side in Side::BOTH {
            let is_of_udp = |event: &Value| event["transport"] == "udp";
            pair.expect_where(side, "new_selected_pair", is_of_udp);
        }
        expect_connection(&mut pair);
        for side in Side::BOTH {
            let later = Duration::from_secs(3);
            let other = pair.await_where(side, "new_selected_pair", later, |_| true);
            assert_eq!(other, None, "it stays");
        }
        Ok(())
    });
}

#[test]
fn a_connection_that_is_reset_is_made_again() {
    run("a reset of TCP connections", || {
        let segment = segment()?;
        let [_, b] = &segment.hosts;
        let mut pair = connect_over_tcp(&segment);
        filter(b, RESET); // of both it would also stop the resets
        expect_loss(&mut pair, Side::A, Duration::from_secs(10));
        b.run("nft delete table inet resetting");
        expect_data(&mut pair, "after a reset", Duration::from_secs(20));
        Ok(())
    });
}

#[test]
fn a_connection_that_falls_silent_is_given_up_and_made_again() {
    run("a silence of TCP connections", || {
        let segment = segment()?;
        let [a, b] = &segment.hosts;
        let mut pair = connect_over_tcp(&segment);
        for host in [a, b] {
            filter(host, SILENT);
        }
        for side in Side::BOTH {
            expect_loss(&mut pair, side, SILENCE);
        }
        for host in [a, b] {
            host.run("nft delete table inet silent");
        }
        expect_data(&mut pair, "after a silence", Duration::from_secs(20));
        Ok(())
    });
}

fn connect_over_tcp(segment: &Segment) -> Pair {
    let [a, b] = &segment.hosts;
    let arguments = ["--plugin", "dtls-srtp", "--tcp", "both", "--no-udp"];
    let mut pair = start([a, b], Side::A, &arguments);
    expect_connection(&mut pair);
    pair
}

fn expect_loss(pair: &mut Pair, side: Side, time: Duration) {
    let lost = pair.await_where(side, "component_state_disconnected", time, |_| true);
    assert!(lost.is_some(), "{side:?}: {}", pair.story());
}
