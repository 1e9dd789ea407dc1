use super::link::*;
use crate::parameters::Version;
use std::time::Duration;

/// What each end told of its secrets.
fn logs(version: Version, seed: u64, conditions: Conditions) -> [Vec<String>; 2] {
    let mut link = Link::new([version; 2], conditions, seed);
    assert!(link.start().finish(Duration::from_secs(30)));
    link.ends.map(|end| {
        let mut lines = end.key_log;
        lines.sort();
        lines
    })
}

fn labels(lines: &[String]) -> Vec<&str> {
    let label = |line: &String| line.split(' ').next().unwrap_or_default().len();
    lines.iter().map(|line| &line[..label(line)]).collect()
}

#[test]
fn both_ends_of_dtls_1_2_tell_the_master_secret() {
    let [client, server] = logs(Version::Dtls12, 1, PERFECT);
    assert_eq!(client, server);
    assert_eq!(labels(&client), ["CLIENT_RANDOM"]);
    let digits: Vec<_> = client[0].split(' ').skip(1).map(str::len).collect();
    assert_eq!(digits, [64, 96]);
}

#[test]
fn both_ends_of_dtls_1_3_tell_their_traffic_secrets() {
    for version in [Version::Dtls13, Version::Auto] {
        let [client, server] = logs(version, 1, PERFECT);
        assert_eq!(client, server);
        let expected = [
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            "CLIENT_TRAFFIC_SECRET_0",
            "EXPORTER_SECRET",
            "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            "SERVER_TRAFFIC_SECRET_0",
        ];
        assert_eq!(labels(&client), expected);
    }
}

#[test]
fn loss_and_repetition_change_nothing() {
    let bad = Conditions {
        loss_percent: 30,
        repeat_percent: 10,
        delay_ms: (1, 30),
    };
    for seed in 1..20 {
        for version in [Version::Auto, Version::Dtls12] {
            let [client, server] = logs(version, seed, bad);
            assert_eq!(client, server, "{version:?}, seed {seed}");
        }
    }
}
