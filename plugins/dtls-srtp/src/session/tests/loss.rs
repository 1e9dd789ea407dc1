use super::link::*;
use crate::parameters::Version;
use std::time::Duration;

/// The host's default `handshake_timeout`.
const LIMIT: Duration = Duration::from_secs(30);

const LOSSY: Conditions = Conditions {
    loss_percent: 30,
    repeat_percent: 5,
    delay_ms: (5, 60),
};

/// Shakes hands under `conditions` with 200 seeds; prints how long it took.
fn shake(versions: [Version; 2], conditions: Conditions) {
    let mut took: Vec<u64> = (0..200)
        .map(|seed| {
            let mut link = Link::new(versions, conditions, seed);
            let start = link.now;
            let finished = link.start().finish(LIMIT);
            let failures = link.ends.each_ref().map(|end| end.failure.clone());
            assert!(finished, "{versions:?}, seed {seed}: {failures:?}");
            assert_agreed(&link);
            (link.now.as_nanos() - start.as_nanos()) / 1_000_000
        })
        .collect();
    took.sort_unstable();
    println!(
        "{versions:?}: median {} ms, worst {} ms",
        took[100], took[199]
    );
}

fn assert_agreed(link: &Link) {
    let [initiator, responder] = link.ends.each_ref().map(|end| end.keys.as_ref().unwrap());
    let half = initiator.len() / 2 + 2;
    assert_eq!(initiator[..4], responder[..4], "profile and lengths");
    assert_eq!(
        initiator[4..half],
        responder[half..],
        "one's local keys are the other's remote ones"
    );
    assert_eq!(initiator[half..], responder[4..half]);
    assert_ne!(initiator[4..half], initiator[half..]);
}

macro_rules! all_finish {
    ($($name:ident: $initiator:ident, $responder:ident;)*) => {$(
        #[test]
        fn $name() {
            let versions = [Version::$initiator, Version::$responder];
            shake(versions, PERFECT);
            shake(versions, LOSSY);
        }
    )*};
}

all_finish! {
    auto_with_auto: Auto, Auto;
    auto_with_12: Auto, Dtls12;
    auto_with_13: Auto, Dtls13;
    dtls12_with_12: Dtls12, Dtls12;
    dtls12_with_auto: Dtls12, Auto;
    dtls13_with_13: Dtls13, Dtls13;
    dtls13_with_auto: Dtls13, Auto;
}

/// A flight of several datagrams is the hard case: a part of it arrives, and the rest is repeated.
#[test]
fn a_small_mtu_is_kept_and_finishes_too() {
    for version in [Version::Auto, Version::Dtls12, Version::Dtls13] {
        for mtu in [300, 400, 512, 576, 1400] {
            for seed in 0..20 {
                let identities = [identity(), identity()];
                let promises = [identities[1].init_data(), identities[0].init_data()];
                let versions = [version; 2];
                let mut link = Link::promising(versions, LOSSY, seed, identities, promises, mtu);
                assert!(
                    link.start().finish(LIMIT),
                    "{version:?}, MTU {mtu}, seed {seed}"
                );
            }
        }
    }
}
