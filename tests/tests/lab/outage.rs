//! A network that carries nothing for a while.
use crate::internet::filter;
use crate::run;
use crate::segment::Segment;
use crate::streams::{expect_connection, expect_data, start_each};
use handclasp::trace::{Direction, Stun, StunClass, What};
use handclasp_tests::processes::{Pair, Side};
use handclasp_tests::{Namespace, Traced, need};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

pub(crate) const CUT: &str = "
    table inet cut {
        chain arriving {
            type filter hook input priority filter;
            meta l4proto udp drop
        }
    }";

/// The consent to send ends 30 s after its last renewal (RFC 7675, section 5.1).
const CONSENT: Duration = Duration::from_secs(30);
/// `--ice-timeout` of the stream that is to fail.
const GIVES_UP: Duration = Duration::from_secs(2);
/// So late a timer may fire on a busy machine.
const LATE: Duration = Duration::from_secs(10);
/// The trace's clock is read after the stream's, for each event by itself.
const EARLY: Duration = Duration::from_secs(1);

#[test]
fn consent_ends_and_a_peer_that_is_back_is_found_again() {
    run("an outage", || {
        need("nft", "nftables")?;
        let segment = Segment::new([&["10.77.0.1/24"], &["10.77.0.2/24"]])?;
        let [a, b] = &segment.hosts;
        let directory = tempfile::tempdir().expect("there is room");
        let traces =
            |name: &str| Side::BOTH.map(|side| directory.path().join(format!("{name}-{side:?}")));
        let (of_lasting, of_brief) = (traces("lasting"), traces("brief"));
        let mut lasting = connect([a, b], &of_lasting, &[]);
        let mut brief = connect([a, b], &of_brief, &["--ice-timeout", "2"]);
        cut([a, b]);
        thread::scope(|scope| {
            scope.spawn(|| expect_failure(&mut brief));
            expect_disconnection(&mut lasting);
        });
        for host in [a, b] {
            host.run("nft delete table inet cut");
        }
        expect_data(&mut lasting, "after the outage", Duration::from_secs(60));
        for side in Side::BOTH {
            lasting.end(side);
            brief.end(side);
        }
        for trace in of_lasting.iter().chain(&of_brief) {
            lasted(trace);
        }
        for trace in &of_brief {
            gave_up(trace);
        }
        Ok(())
    });
}

fn connect(networks: [&Namespace; 2], traces: &[PathBuf; 2], arguments: &[&str]) -> Pair {
    let arguments = traces.each_ref().map(|trace| {
        let trace = trace.to_str().expect("it is UTF-8");
        [&["--trace", trace], arguments].concat()
    });
    let arguments = arguments.each_ref().map(Vec::as_slice);
    let mut pair = start_each(networks, Side::A, arguments);
    expect_connection(&mut pair);
    pair
}

/// Consent lasted for its time after the last answer, by the clock of the stream.
fn lasted(trace: &Path) {
    let trace = Traced::read(trace);
    let end = trace.first(is_end_of_consent);
    let answer = trace.last_before(end, |what| match what {
        What::Datagram(datagram) => {
            let is_answer = |stun: &Stun| stun.class == StunClass::Success;
            datagram.direction == Direction::In && datagram.stun.as_ref().is_some_and(is_answer)
        }
        _ => false,
    });
    let lasted = end - answer;
    assert!(
        (CONSENT - EARLY..CONSENT + LATE).contains(&lasted),
        "{lasted:?}"
    );
}

fn is_end_of_consent(what: &What) -> bool {
    matches!(what, What::ComponentStateDisconnected { .. })
}

/// The stream failed in its time after it was disconnected.
fn gave_up(trace: &Path) {
    let trace = Traced::read(trace);
    let failed = trace.first(|what| matches!(what, What::ComponentStateFailed { .. }));
    let took = failed - trace.first(is_end_of_consent);
    assert!(
        (GIVES_UP - EARLY..GIVES_UP + LATE).contains(&took),
        "{took:?}"
    );
}

fn cut(hosts: [&Namespace; 2]) {
    for host in hosts {
        filter(host, CUT);
    }
}

fn expect_disconnection(pair: &mut Pair) {
    for side in Side::BOTH {
        pair.expect(side, "component_state_disconnected");
        pair.send_payload(side, b"\x80 into the void");
        pair.expect(side, "could_not_send_payload");
    }
}

fn expect_failure(pair: &mut Pair) {
    for side in Side::BOTH {
        let failed = pair.expect(side, "component_state_failed");
        let reason = failed["reason"].as_str().expect("a sentence");
        assert!(reason.contains("disconnected from "), "{reason}");
    }
}
