//! Peers that are not who they should be, through the real `dtls-srtp` over real sockets.
use crate::pair::{Pair, Report, failure};
use crate::support::Workshop;
use handclasp::StreamOptions;
use handclasp::stream::{Message, Notification};
use handclasp_tests::plugins;
use std::time::Duration;

fn workshop() -> Workshop {
    let workshop = Workshop::new();
    workshop.add(&plugins().join("dtls-srtp.so"));
    workshop
}

fn options(version: &str, handshake_timeout: Duration) -> StreamOptions {
    StreamOptions::new("dtls-srtp")
        .plugin_option("version", version)
        .handshake_timeout(handshake_timeout)
}

/// Runs until component 1 of `victim` fails, which must not have agreed on anything by then.
fn failure_of(pair: &mut Pair, victim: usize) -> String {
    let mut reason = None;
    pair.run_until("failure of the side that was told", |side, report| {
        if side != victim {
            return false;
        }
        let is_over = matches!(
            report,
            Report::Notification(
                Notification::HandshakeData { .. } | Notification::ComponentStateReady { .. }
            )
        );
        assert!(!is_over, "it finished with a peer it could not know");
        reason = failure(report, 1);
        reason.is_some()
    });
    reason.expect("the run ended with it")
}

/// One hexadecimal digit is another.
fn alter(fingerprint: &mut [u8]) {
    let last = fingerprint.last_mut().expect("a fingerprint is not empty");
    *last = if *last == b'0' { b'1' } else { b'0' };
}

#[test]
fn an_altered_fingerprint_fails_the_side_that_was_told() {
    let workshop = workshop();
    let host = workshop.host();
    for version in ["1.2", "1.3"] {
        for victim in [0, 1] {
            let mut pair = Pair::open(&host, options(version, Duration::from_secs(20)));
            pair.tamper(move |to, mut message| {
                if let Message::SetPeerInitData { init_data, .. } = &mut message
                    && to == victim
                {
                    alter(init_data);
                }
                Some(message)
            });
            let reason = failure_of(&mut pair, victim);
            assert!(reason.starts_with("plugin dtls-srtp: "), "{reason}");
            let words = "the peer's certificate has fingerprint sha-256 ";
            assert!(
                reason.contains(words),
                "DTLS {version}, side {victim}: {reason}"
            );
            assert!(
                reason.contains(", its init data promised sha-256 "),
                "{reason}"
            );
        }
    }
}

#[test]
fn a_withheld_peer_parameter_fails_the_side_that_needs_it() {
    let workshop = workshop();
    let host = workshop.host();
    for victim in [0, 1] {
        let mut pair = Pair::open(&host, options("auto", Duration::from_secs(1)));
        pair.tamper(move |to, message| {
            let withheld = to == victim && matches!(message, Message::SetPeerInitData { .. });
            (!withheld).then_some(message)
        });
        assert_eq!(
            failure_of(&mut pair, victim),
            "plugin dtls-srtp: handshake timed out 1 s after ICE connected: it never got the peer's init data: give it \
             with parse_remote_sdp or set_peer_init_data"
        );
    }
}
