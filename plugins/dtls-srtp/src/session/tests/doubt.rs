//! What may be the end, or somebody else's: it is the end if nothing valid follows.
use super::link::*;
use crate::parameters::Version;
use crate::record::records;
use crate::record::tests::record;
use std::time::Duration;

const VERSIONS: [Version; 3] = [Version::Auto, Version::Dtls12, Version::Dtls13];
const FATAL: [u8; 2] = [2, 40];

fn after(link: &mut Link, span: Duration) {
    link.run(span, |link| {
        link.ends.iter().any(|end| end.failure.is_some())
    });
}

#[test]
fn an_alert_is_believed_if_nothing_valid_follows() {
    for version in VERSIONS {
        for index in [INITIATOR, RESPONDER] {
            let mut link = Link::new([version; 2], PERFECT, 1);
            link.start().lose_all();
            link.ends[1 - index].failure = Some(crate::failure::closed()); // it has gone
            link.deliver(index, &record(21, 0, &FATAL));
            let failure = |link: &Link| link.ends[index].failure.as_ref().map(ToString::to_string);
            link.run(Duration::from_millis(4_900), |_| false);
            assert_eq!(failure(&link), None);
            link.run(Duration::from_millis(200), |_| false);
            let reason = failure(&link).expect("it is the end");
            assert!(
                reason.contains("the alert 40 (handshake_failure)"),
                "{reason}"
            );
        }
    }
}

#[test]
fn an_alert_before_what_is_valid_is_forgotten() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], PERFECT, 1);
        link.start().lose_all();
        for index in [INITIATOR, RESPONDER] {
            link.deliver(index, &record(21, 0, &FATAL));
        }
        assert!(link.finish(Duration::from_secs(4)), "{version:?}");
        link.run(Duration::from_secs(20), |_| false);
        assert!(link.ends.iter().all(|end| end.failure.is_none()));
    }
}

/// A ClientHello of DTLS 1.2 with this suite and these extensions.
fn client_hello(suite: u16, extensions: &[u8]) -> Vec<u8> {
    let mut hello = vec![0xfe, 0xfd];
    hello.extend([7; 32]);
    hello.extend([0, 0, 0, 2]);
    hello.extend(suite.to_be_bytes());
    hello.extend([1, 0]);
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    let len = hello.len() as u8;
    let header = [1, 0, 0, len, 0, 0, 0, 0, 0, 0, 0, len];
    record(22, 0, &[&header, &hello[..]].concat())
}

/// One has no suite that this side knows, the other no extended master secret, without which there is no handshake.
#[test]
fn a_client_that_has_no_answer_is_told_if_no_other_follows() {
    let groups = [0, 10, 0, 4, 0, 2, 0, 29];
    for hello in [
        client_hello(0x0001, &[0, 23, 0, 0]),
        client_hello(0xc02b, &groups),
    ] {
        for version in [Version::Auto, Version::Dtls12] {
            let mut link = Link::new([version; 2], PERFECT, 1);
            for _ in 0..3 {
                link.deliver(RESPONDER, &hello);
                link.run(Duration::from_secs(1), |_| false);
            }
            assert!(link.ends[RESPONDER].sent.is_empty() && link.ends[RESPONDER].failure.is_none());
            after(&mut link, Duration::from_secs(3));
            let end = &link.ends[RESPONDER];
            let reason = end.failure.as_ref().expect("it is the end").to_string();
            assert!(reason.contains("cannot go on with this peer"), "{reason}");
            let [alert] = &end.sent[..] else {
                panic!("one alert is due: {:?}", end.sent);
            };
            assert!(alert[0] == 21 && alert.ends_with(&FATAL), "{alert:?}");

            let mut link = Link::new([version; 2], PERFECT, 1);
            link.deliver(RESPONDER, &hello);
            assert!(
                link.start().finish(Duration::from_secs(4)),
                "another client follows"
            );
            link.run(Duration::from_secs(20), |_| false);
            assert!(link.ends.iter().all(|end| end.failure.is_none()));
        }
    }
}

/// The server's hello chooses a suite that nobody offers.
fn with_another_suite(datagram: &[u8]) -> Vec<u8> {
    let bent = records(datagram).map(|record| {
        let mut record = record.to_vec();
        if record[0] == 22 && record[13] == 2 {
            let session_id = 13 + 12 + 2 + 32;
            let suite = session_id + 1 + usize::from(record[session_id]);
            record[suite..][..2].copy_from_slice(&[0, 1]);
        }
        record
    });
    bent.collect::<Vec<_>>().concat()
}

/// Nothing tells it from somebody else's: an alert at once would end the handshake of a server that had no part in it.
#[test]
fn a_server_that_chooses_what_was_not_offered_is_told_if_no_other_follows() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], PERFECT, 1);
        link.bend = with_another_suite;
        link.start();
        link.run(Duration::from_millis(4_900), |_| false);
        let client = &link.ends[INITIATOR];
        assert!(client.failure.is_none(), "{version:?}");
        let [warning] = &client.warnings[..] else {
            panic!("one warning is expected: {:?}", client.warnings);
        };
        let choice = "it chose a cipher suite that was not offered";
        assert!(warning.contains(choice), "{warning}");
        assert!(link.ends[RESPONDER].warnings.is_empty());

        after(&mut link, Duration::from_millis(300));
        let client = &link.ends[INITIATOR];
        let reason = client.failure.as_ref().expect("it is the end").to_string();
        assert_eq!(
            reason,
            format!("DTLS cannot go on with this peer: {choice}")
        );
        let alert = client.sent.last().expect("the server is told");
        assert!(
            alert[0] == 21 && alert.ends_with(&[2, 47]),
            "{version:?}: {alert:?}"
        );
    }
}

#[test]
fn a_choice_before_one_that_was_offered_is_forgotten() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], PERFECT, 1);
        link.bend = with_another_suite;
        link.start().run(Duration::from_secs(3), |_| false);
        link.bend = <[u8]>::to_vec;
        assert!(link.finish(Duration::from_secs(4)), "{version:?}");
        link.run(Duration::from_secs(20), |_| false);
        assert!(link.ends.iter().all(|end| end.failure.is_none()));
    }
}
