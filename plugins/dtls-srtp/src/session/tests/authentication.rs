use super::link::*;
use crate::certificate::Identity;
use crate::config::max_certificate;
use crate::parameters::Version;
use crate::record::records;
use std::time::Duration;

const VERSIONS: [Version; 3] = [Version::Auto, Version::Dtls12, Version::Dtls13];
const LIMIT: Duration = Duration::from_secs(5);

/// Two ends of which `index` was promised `promise` by the other.
fn promised(
    version: Version,
    index: usize,
    promise: impl FnOnce([&Identity; 2]) -> String,
) -> Link {
    let identities = [identity(), identity()];
    let [mine, yours] = [&*identities[index], &*identities[1 - index]];
    let wrong = promise([mine, yours]);
    let mut promises = [identities[1].init_data(), identities[0].init_data()];
    promises[index] = wrong;
    let mut link = Link::promising([version; 2], PERFECT, 1, identities, promises, MTU);
    link.start().finish(LIMIT);
    link
}

#[test]
fn another_certificate_than_promised_yields_no_keys() {
    for version in VERSIONS {
        for index in [INITIATOR, RESPONDER] {
            let stranger = identity();
            let link = promised(version, index, |_| stranger.init_data());
            let end = &link.ends[index];
            let failure = end.failure.as_ref().expect("must be refused");
            assert!(
                format!("{failure:?}").contains("Authentication"),
                "{failure:?}"
            );
            let expected = stranger
                .init_data()
                .replace("fingerprint:", "its init data promised ");
            assert!(failure.to_string().contains(&expected), "{failure}");
            assert!(end.keys.is_none());
            assert!(end.session.keys().is_none(), "nothing to export either");
        }
    }
}

#[test]
fn a_single_altered_digit_is_refused() {
    let link = promised(Version::Auto, INITIATOR, |[_, yours]| {
        let mut promise = yours.init_data();
        let last = if promise.ends_with('0') { "1" } else { "0" };
        promise.replace_range(promise.len() - 1.., last);
        promise
    });
    assert!(link.ends[INITIATOR].failure.is_some());
    assert!(link.ends[INITIATOR].keys.is_none());
    assert!(
        link.ends[RESPONDER].keys.is_none(),
        "it never heard our Finished"
    );
}

#[test]
fn a_reflected_certificate_is_refused() {
    let link = promised(Version::Auto, RESPONDER, |[mine, _]| mine.init_data());
    assert!(link.ends[RESPONDER].failure.is_some());
    assert!(link.ends[RESPONDER].keys.is_none());
}

#[test]
fn one_of_several_promised_certificates_is_enough() {
    for version in VERSIONS {
        let link = promised(version, INITIATOR, |[mine, yours]| {
            format!(
                "a={}\na={}\n",
                mine.init_data(),
                yours.init_data().to_lowercase()
            )
        });
        assert!(
            link.ends.iter().all(|end| end.keys.is_some()),
            "{version:?}"
        );
    }
}

#[test]
fn the_same_bytes_are_exported_at_both_ends() {
    let mut link = Link::new([Version::Auto; 2], PERFECT, 1);
    assert!(link.ends.iter().all(|end| end.session.keys().is_none()));
    assert!(link.start().finish(LIMIT));
    let exports = link.ends.each_ref().map(|end| {
        let mut out = [0; 88];
        let keys = end.session.keys().expect("finished");
        keys.export(crate::keys::LABEL, None, &mut out)
            .expect("AES-256-GCM has 88 bytes");
        out
    });
    assert_eq!(exports[0], exports[1]);
    assert_ne!(exports[0], [0; 88]);
}

/// Initiators of DTLS 1.3 have their keys when they show their certificate; all others wait for an answer.
#[test]
fn a_peer_that_is_refused_is_told() {
    for version in VERSIONS {
        for index in [INITIATOR, RESPONDER] {
            let link = promised(version, index, |_| identity().init_data());
            let peer = &link.ends[1 - index];
            if index == RESPONDER && version != Version::Dtls12 {
                assert!(peer.keys.is_some());
                let reason = format!("{:?}", peer.failure.as_ref().expect("it was told"));
                assert!(reason.contains("ClosedByPeer"), "{reason}");
            } else {
                assert!(peer.keys.is_none() && peer.failure.is_none());
                let [warning] = &peer.warnings[..] else {
                    panic!("one warning is expected: {:?}", peer.warnings);
                };
                assert!(
                    warning.contains("42 (bad_certificate) in plaintext"),
                    "{warning}"
                );
            }
        }
    }
}

#[test]
fn a_peer_that_is_refused_and_stops_is_waited_for_no_longer_than_a_second() {
    let (mine, yours) = (identity(), identity());
    let promises = [yours.init_data(), identity().init_data()];
    let versions = [Version::Dtls13; 2];
    let mut link = Link::promising(versions, PERFECT, 1, [mine, yours], promises, MTU);
    link.start();
    while link.ends[RESPONDER].session.refused.is_none() {
        let (to, datagram) = link.intercept().expect("the certificate is on its way");
        for record in records(&datagram) {
            if link.ends[RESPONDER].session.refused.is_none() {
                link.deliver(to, record);
            }
        }
    }
    assert!(link.ends[RESPONDER].failure.is_none());
    link.lose_all();
    link.ends[INITIATOR].failure = Some(crate::failure::closed());
    link.run(Duration::from_millis(1_100), |link| {
        link.ends[RESPONDER].failure.is_some()
    });
    let failure = format!("{:?}", link.ends[RESPONDER].failure);
    assert!(failure.contains("Authentication"), "{failure}");
    assert!(link.ends[RESPONDER].keys.is_none());
}

/// dimpl panics in DTLS 1.3 with larger ones.
#[test]
fn the_largest_certificate_is_shown_and_verified() {
    let twelve_kilobytes = |_| 12_000;
    for (version, most) in [
        (Version::Auto, max_certificate as fn(usize) -> usize),
        (Version::Dtls13, max_certificate),
        (Version::Dtls12, twelve_kilobytes),
    ] {
        for mtu in [300, 512, MTU, 1400] {
            let most = most(mtu).min(20 * mtu);
            let identities = [Identity::large(most), Identity::large(most)];
            let promises = [identities[1].init_data(), identities[0].init_data()];
            let mut link = Link::promising([version; 2], PERFECT, 1, identities, promises, mtu);
            assert!(link.start().finish(LIMIT), "{version:?}, MTU {mtu}");
        }
    }
}
