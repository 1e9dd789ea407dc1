//! A network that carries nothing for a while.
use crate::internet::filter;
use crate::segment::Segment;
use crate::streams::{expect_connection, expect_data, start};
use crate::{need, run};
use handclasp_tests::Namespace;
use handclasp_tests::processes::{Pair, Side};
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const CUT: &str = "
    table inet cut {
        chain arriving {
            type filter hook input priority filter;
            meta l4proto udp drop
        }
    }";

/// The consent to send ends 30 s after its last renewal (RFC 7675, section 5.1), which may have been 5 s ago; and the
/// machine may be busy.
const CONSENT: Range<Duration> = Duration::from_secs(25)..Duration::from_secs(32);

#[test]
fn consent_ends_and_a_peer_that_is_back_is_found_again() {
    run("an outage", || {
        need("nft", "nftables")?;
        let segment = Segment::new([&["10.77.0.1/24"], &["10.77.0.2/24"]])?;
        let [a, b] = &segment.hosts;
        let mut lasting = connect([a, b], &[]);
        let mut brief = connect([a, b], &["--ice-timeout", "2"]);
        cut([a, b]);
        let begun = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| expect_failure(&mut brief, begun));
            expect_disconnection(&mut lasting, begun);
        });
        for host in [a, b] {
            host.run("nft delete table inet cut");
        }
        expect_data(&mut lasting, "after the outage", Duration::from_secs(20));
        Ok(())
    });
}

fn connect(networks: [&Namespace; 2], arguments: &[&str]) -> Pair {
    let mut pair = start(networks, Side::A, arguments);
    expect_connection(&mut pair);
    pair
}

fn cut(hosts: [&Namespace; 2]) {
    for host in hosts {
        filter(host, CUT);
    }
}

fn expect_disconnection(pair: &mut Pair, begun: Instant) {
    for side in Side::BOTH {
        pair.expect(side, "component_state_disconnected");
        let took = begun.elapsed();
        assert!(CONSENT.contains(&took), "{side:?}: {took:?}");
        pair.send_payload(side, b"\x80 into the void");
        pair.expect(side, "could_not_send_payload");
    }
}

fn expect_failure(pair: &mut Pair, begun: Instant) {
    for side in Side::BOTH {
        let failed = pair.expect(side, "component_state_failed");
        let reason = failed["reason"].as_str().expect("a sentence");
        assert!(reason.contains("none answered"), "{reason}");
        let took = begun.elapsed();
        let longest = CONSENT.end + Duration::from_secs(4);
        assert!(
            (CONSENT.start..longest).contains(&took),
            "{side:?}: {took:?}"
        );
    }
}
