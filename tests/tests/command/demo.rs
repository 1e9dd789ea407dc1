//! `handclasp demo`, when all is well.
use crate::support::{assert_succeeds, run, summary, text};
use std::thread;

const TWO_COMPONENTS: [&str; 6] = [
    "demo",
    "--plugin",
    "dtls-srtp",
    "--components",
    "2",
    "--json",
];

#[test]
fn the_plugin_none_succeeds() {
    let output = run(&["demo", "--plugin", "none"]);
    assert_succeeds(&output);
    let stdout = text(&output.stdout);
    let last = stdout.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("Done in ") && last.ends_with(" ms: 20 of 20 datagrams arrived, 0 lost"),
        "{last}"
    );
}

#[test]
fn two_components_with_dtls_are_summarised_as_json() {
    let output = run(&TWO_COMPONENTS);
    assert_succeeds(&output);
    let summary = summary(&output);
    assert_eq!(
        (&summary["ok"], &summary["error"]),
        (&true.into(), &serde_json::Value::Null)
    );
    assert_eq!(
        (&summary["datagrams_sent"], &summary["datagrams_received"]),
        (&40.into(), &40.into())
    );
    for side in ["plugin", "peer_plugin"] {
        let plugin = &summary[side];
        assert_eq!(plugin["id"], "dtls-srtp");
        assert_eq!(plugin["version"], env!("CARGO_PKG_VERSION"));
        let sha256 = plugin["sha256"].as_str().expect("a digest is text");
        assert!(
            sha256.len() == 64 && sha256.bytes().all(|c| c.is_ascii_hexdigit()),
            "{sha256}"
        );
    }
    let components = summary["components"]
        .as_array()
        .expect("there is one for each");
    assert_eq!(components.len(), 2);
    for (component, id) in components.iter().zip(1..) {
        let ms = |key: &str| component[key].as_f64().expect("a time is a number");
        assert_eq!(component["component_id"], id);
        assert!(
            0.0 < ms("selected_ms") && ms("selected_ms") <= ms("finished_ms"),
            "{component}"
        );
        assert!(ms("finished_ms") <= summary["ms"].as_f64().expect("a time is a number"));
    }
}

#[test]
fn two_components_connect_under_loss_and_over_tcp_alone() {
    let loss: &[&str] = &["--loss", "20", "--seed", "7"];
    let tcp: &[&str] = &["--tcp", "both", "--no-udp"];
    for (network, transport) in [(loss, "udp"), (tcp, "tcp")] {
        let output = run(&[&TWO_COMPONENTS[..], network].concat());
        assert_succeeds(&output);
        let events = crate::support::json(&output);
        for (peer, id) in [("a", 1), ("a", 2), ("b", 1), ("b", 2)] {
            let of = |name: &str| {
                let mut events = events.iter();
                events.find(|event| {
                    event["event"] == name && event["peer"] == peer && event["component_id"] == id
                })
            };
            assert!(of("component_state_ready").is_some(), "{peer} {id}");
            let pair = of("new_selected_pair").expect("it is ready");
            assert_eq!(pair["transport"], transport, "{pair}");
        }
    }
}

#[test]
fn peers_that_hide_their_addresses_look_each_others_names_up() {
    let output = run(&["demo", "--plugin", "none", "--hide-addresses", "--json"]);
    assert_succeeds(&output);
    let events = crate::support::json(&output);
    let candidates = events
        .iter()
        .filter_map(|event| event["candidate"].as_str());
    let (names, others): (Vec<&str>, Vec<&str>) =
        candidates.partition(|candidate| candidate.contains(".local "));
    assert!(
        names.len() >= 2 && others.is_empty(),
        "{names:?} {others:?}"
    );
}

#[test]
fn each_event_says_who_and_when() {
    let output = run(&["demo", "--plugin", "dtls-srtp", "--json"]);
    assert_succeeds(&output);
    let events = crate::support::json(&output);
    for name in [
        "handshake_init_data",
        "new_selected_pair",
        "handshake_data",
        "component_state_ready",
    ] {
        for peer in ["a", "b"] {
            let is_it =
                |event: &&serde_json::Value| event["event"] == name && event["peer"] == peer;
            let event = events
                .iter()
                .find(is_it)
                .unwrap_or_else(|| panic!("no {name} of {peer}"));
            assert!(
                event["ms"].is_number() && event["component_id"] == 1,
                "{event}"
            );
        }
    }
    let agreed = events
        .iter()
        .find(|event| event["event"] == "keys_match")
        .expect("they agree");
    let profile = agreed["profile"]
        .as_str()
        .expect("SRTP keys have a profile");
    assert!(profile.starts_with("SRTP_A"), "{agreed}");
}

#[test]
fn every_handshake_survives_the_loss_of_a_third() {
    let shake = |seed: u32| {
        let seed = seed.to_string();
        let demo = [
            "demo",
            "--loss",
            "30",
            "--datagrams",
            "0",
            "--json",
            "--seed",
            &seed,
        ];
        let output = run(&demo);
        assert_eq!(
            output.status.code(),
            Some(0),
            "seed {seed}: {}",
            text(&output.stderr)
        );
        assert_eq!(summary(&output)["ok"], true);
    };
    thread::scope(|scope| {
        for first in 1..=5 {
            scope.spawn(move || (first..=20).step_by(5).for_each(shake));
        }
    });
}

#[test]
fn the_peer_may_have_another_plugin() {
    let output = run(&[
        "demo",
        "--plugin",
        "none",
        "--peer-plugin",
        "none",
        "--json",
    ]);
    assert_succeeds(&output);
    let output = run(&[
        "demo",
        "--plugin",
        "none",
        "--peer-plugin",
        "dtls-srtp",
        "--handshake-timeout",
        "1",
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let error = text(&output.stderr);
    assert!(
        error.starts_with("error: b: component 1 failed: plugin dtls-srtp: "),
        "{error}"
    );
}
