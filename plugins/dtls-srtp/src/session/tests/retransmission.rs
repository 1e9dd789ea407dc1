use super::super::*;
use super::link::*;
use std::time::Duration;

#[test]
fn explore_mtu() {
    for version in [Version::Dtls13, Version::Auto, Version::Dtls12] {
        for mtu in (300..1420).step_by(7) {
            let mut bad = vec![];
            for seed in 0..16 {
                let identities = [identity(), identity()];
                let promises = [identities[1].init_data(), identities[0].init_data()];
                let lossy = Conditions {
                    loss_percent: 30,
                    repeat_percent: 5,
                    delay_ms: (5, 60),
                };
                let mut link =
                    Link::promising([version; 2], lossy, seed, identities, promises, mtu);
                if !link.start().finish(Duration::from_secs(30)) {
                    bad.push((
                        seed,
                        link.ends.each_ref().map(|e| {
                            (
                                e.failure.clone().map(|f| f.to_string()),
                                e.keys.is_some(),
                                e.sent.len(),
                            )
                        }),
                    ));
                }
            }
            if !bad.is_empty() {
                println!("{version:?} {mtu}: {} {:?}", bad.len(), bad.first());
            }
        }
    }
}
