use super::link::*;
use crate::certificate::Identity;
use crate::parameters::Version;
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
                .replace("fingerprint:", "its description promised ");
            assert!(failure.to_string().ends_with(&expected), "{failure}");
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
