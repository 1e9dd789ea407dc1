//! `handclasp demo`, when the handshake or the command line is wrong.
use crate::support::{Plugins, assert_fails, assert_succeeds, run, summary, text};

#[test]
fn keys_that_differ() {
    let plugins = Plugins::with_fixture("disagreeing");
    let demo = [
        "demo",
        "--plugin",
        "disagreeing",
        "--plugin-dir",
        plugins.path(),
    ];
    let sentence = "component 1: the two sides' keys differ; do not trust plugin disagreeing, and tell its author";
    let output = run(&demo);
    assert_fails(&output, 1, sentence);
    assert!(
        text(&output.stdout)
            .lines()
            .last()
            .unwrap_or_default()
            .starts_with("Failed after ")
    );

    let output = run(&[&demo[..], &["--json"]].concat());
    let summary = summary(&output);
    assert_fails(&output, 1, sentence);
    assert_eq!(
        (&summary["ok"], &summary["error"]),
        (&false.into(), &sentence.into())
    );
}

/// In a format that only the plugin knows, each side may have its own view.
#[test]
fn data_of_an_own_format_that_differ_are_no_failure() {
    let plugins = Plugins::with_fixture("own_views");
    let demo = [
        "demo",
        "--plugin",
        "own-views",
        "--plugin-dir",
        plugins.path(),
    ];
    let output = run(&demo);
    assert_succeeds(&output);
    let words = text(&output.stdout);
    assert!(
        words.contains("the sides' handshake data differ, as they may"),
        "{words}"
    );
}

#[test]
fn a_handshake_that_never_finishes() {
    let plugins = Plugins::with_fixture("never_finishing");
    let demo = [
        "demo",
        "--plugin",
        "never-finishing",
        "--plugin-dir",
        plugins.path(),
    ];
    let output = run(&[&demo[..], &["--handshake-timeout", "1", "--json"]].concat());
    let summary = summary(&output);
    let error = summary["error"].as_str().expect("it failed");
    assert_fails(&output, 1, error);
    let (side, reason) = error.split_once(": ").expect("a side failed");
    assert!(matches!(side, "a" | "b"), "{error}");
    let begins =
        "component 1 failed: plugin never-finishing: handshake timed out 1 s after ICE connected: ";
    assert!(
        reason.starts_with(begins) && reason.ends_with("the peer must run the same plugin"),
        "{reason}"
    );
    assert_eq!(
        summary["components"][0]["finished_ms"],
        serde_json::Value::Null
    );
}

#[test]
fn an_unknown_option_of_the_plugin() {
    let output = run(&["demo", "--plugin", "dtls-srtp", "--option", "versoin=1.2"]);
    let sentence = "option `versoin` of plugin `dtls-srtp` does not exist: did you mean `version`?";
    assert_fails(&output, 3, sentence);
    let output = run(&["demo", "--plugin", "none", "--option", "version=1.2"]);
    let sentence = "option `version` of plugin `none` does not exist: the plugin takes none";
    assert_fails(&output, 3, sentence);
}

#[test]
fn an_option_that_the_plugin_cannot_use() {
    let sentence = "component 1 failed: plugin dtls-srtp: init: the option version is \"0.9\"; it takes auto, 1.2 or 1.3";
    let right = ["--option", "version=1.2"];
    let wrong = ["--option", "version=0.9"];
    let wrong_there = ["--peer-option", "version=0.9"];
    // Which side fails first, and what the other says meanwhile, differs from run to run.
    for _ in 0..10 {
        for (options, sides) in [
            (&wrong[..], &["a", "b"][..]),
            (&[right, wrong_there].concat(), &["b"]),
        ] {
            let output = run(&[&["demo", "--plugin", "dtls-srtp"][..], options].concat());
            let error = text(&output.stderr);
            let expected = |side| error == format!("error: {side}: {sentence}\n");
            assert!(sides.iter().any(expected), "{error}");
            assert_eq!(output.status.code(), Some(3), "{error}");
        }
    }
}

#[test]
fn a_file_that_is_not_there() {
    let certificate = ["--option", "certificate=/nowhere/certificate.pem"];
    let key = ["--option", "private-key=/nowhere/key.pem"];
    for plugin in ["dtls-srtp", "dtls-openssl"] {
        let demo = ["demo", "--plugin", plugin];
        let output = run(&[&demo[..], &certificate, &key].concat());
        let sentence = format!(
            "option `certificate` of plugin `{plugin}` names \"/nowhere/certificate.pem\", which cannot be read (No such \
             file or directory (os error 2)): make sure that the file exists and that this user may read it"
        );
        assert_fails(&output, 3, &sentence);
    }
}

/// More than any clock counts.
const SECONDS: &str = "18446744073709551615";

#[test]
fn what_only_the_library_can_tell_of_a_command_line() {
    for (arguments, reason) in [
        (
            ["--address", "0.0.0.0"],
            "no socket can be bound to 0.0.0.0",
        ),
        (
            ["--address", "224.0.0.1"],
            "no socket can be bound to 224.0.0.1",
        ),
        (
            ["--interface", ""],
            "the name of an interface has 1 to 255 bytes",
        ),
    ] {
        let output = run(&[&["stream"][..], &arguments].concat());
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(reason), "{error}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn how_long_a_plugin_may_take_has_bounds() {
    for command in [&["check", "none"][..], &["plugins", "list"]] {
        let output = run(&[command, &["--patience", SECONDS]].concat());
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {error}");
        assert!(error.contains("is not in 1..=86400"), "{error}");
    }
}

#[test]
fn a_command_line_that_is_wrong() {
    for (arguments, reason) in [
        (["--option", "version"], "write it as KEY=VALUE"),
        (["--option", "=1.2"], "the key before `=` is missing"),
        (["--loss", "130"], "give a share from 0 to 100"),
        (["--components", "0"], "0 is not in 1..=256"),
        (["--handshake-timeout", "0"], "0 is not in 1.."),
        (["--handshake-timeout", SECONDS], "is not in 1..=86400"),
        (["--patience", SECONDS], "is not in 1..=86400"),
        (["--colour", "always"], "unexpected argument '--colour'"),
    ] {
        let output = run(&[&["demo"][..], &arguments].concat());
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(reason), "{error}");
        assert_eq!(text(&output.stdout), "");
    }
}
