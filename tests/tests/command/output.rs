//! What people read: a timeline, in words, without secrets.
use crate::support::{Plugins, assert_succeeds, handclasp, json, run, text};
use handclasp_tests::fixture;
use std::fs;
use std::path::Path;

#[test]
fn a_plugin_below_the_working_directory_is_told_by_its_path_from_there() {
    let file = handclasp_tests::plugins().join("none.so");
    let file = file.canonicalize().expect("it is built");
    let (plugins, release) = (file.parent(), file.ancestors().nth(2));
    let absolute = file.display().to_string();
    for (directory, told) in [
        (plugins.expect("it is in one"), "none.so"),
        (release.expect("that is in one"), "plugins/none.so"),
        (Path::new("/dev"), &*absolute),
    ] {
        let output = handclasp(["demo", "--plugin", "none"])
            .current_dir(directory)
            .output()
            .expect("the command runs");
        assert_succeeds(&output);
        let first = text(&output.stdout).lines().next().map(str::to_owned);
        let first = first.expect("it says what it does");
        assert!(first.ends_with(&format!(" from {told}")), "{first}");
    }
}

#[test]
fn make_demo_tells_its_command_by_the_path_from_the_tree() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let root = root.canonicalize().expect("it is there");
    let output = std::process::Command::new("make")
        .args(["--dry-run", "--no-print-directory", "demo"])
        .current_dir(&root)
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .env("CARGO_TARGET_DIR", root.join("target"))
        .output()
        .expect("make is here: it has built this");
    let said = text(&output.stdout);
    let told = said.lines().find(|line| line.contains("That was: "));
    assert_eq!(
        told,
        Some("echo 'That was: target/release/handclasp demo' >&2"),
        "{said}"
    );
}

#[test]
fn a_timeline_says_when_who_and_what() {
    let output = run(&["demo", "--components", "2"]);
    assert_succeeds(&output);
    let stdout = text(&output.stdout);
    let lines: Vec<&str> = stdout.lines().collect();
    let [first, timeline @ .., last] = &lines[..] else {
        panic!("there is a timeline:\n{stdout}");
    };
    assert!(
        first.starts_with("Two peers, a and b, shake hands with dtls-srtp "),
        "{first}"
    );
    assert!(last.starts_with("Done in "), "{last}");
    for line in timeline {
        let (time, event) = line.split_once(" ms  ").expect("an event has its time");
        let ms = time.trim().parse::<f64>().ok();
        assert!(ms.is_some(), "no time: {line}");
        let who = event.split_whitespace().next();
        assert!(matches!(who, Some("a" | "b" | "both")), "nobody: {line}");
    }
    for component_id in [1, 2] {
        for what in [
            "selected pair ",
            "handshake finished, ",
            "ready",
            "keys match, SRTP_A",
        ] {
            let event = format!("component {component_id}: {what}");
            assert!(
                timeline.iter().any(|line| line.contains(&event)),
                "no {event}:\n{stdout}"
            );
        }
    }
}

#[test]
fn json_has_no_field_for_what_is_secret() {
    let output = run(&["demo", "--plugin", "dtls-srtp", "--json"]);
    assert_succeeds(&output);
    let expected = |event: &str| -> Option<&[&str]> {
        Some(match event {
            "handshake_data" | "component_state_ready" => &["bytes", "component_id"],
            "handshake_init_data" => &[
                "association",
                "component_id",
                "init_data", // the peer's to know
                "payload_protection",
            ],
            "local_credentials" => &["generation"],
            "keys_match" => &["component_id", "profile"],
            _ => return None,
        })
    };
    let mut seen = 0;
    for event in json(&output) {
        let fields = event.as_object().expect("an event is an object");
        let Some(expected) = expected(fields["event"].as_str().expect("an event has a name"))
        else {
            continue;
        };
        let common = ["event", "ms", "peer"];
        let mut extra: Vec<&str> = fields.keys().map(String::as_str).collect();
        extra.retain(|key| !common.contains(key));
        extra.sort_unstable();
        assert_eq!(extra, expected, "{event}");
        seen += 1;
    }
    assert_eq!(seen, 9, "four from each side, and that their keys match");
}

#[test]
fn known_keys_appear_nowhere() {
    let plugins = Plugins::with_fixture("sound");
    for format in ["--components=1", "--json"] {
        let demo = [
            "demo",
            "--plugin",
            "sound",
            "--plugin-dir",
            plugins.path(),
            format,
        ];
        let output = handclasp(demo)
            .env("HANDCLASP_LOG", "trace")
            .output()
            .expect("the command runs");
        assert!(output.status.success());
        let printed = text(&output.stdout) + &text(&output.stderr);
        assert!(printed.contains("sound"), "{printed}");
        // What this plugin agrees on is the word `hello`: as it is, in base64, and in hexadecimal.
        for keys in [
            "hello",
            "aGVsbG8",
            "68656c6c6f",
            "[104, 101, 108, 108, 111]",
        ] {
            assert!(
                !printed.to_lowercase().contains(&keys.to_lowercase()),
                "{keys}:\n{printed}"
            );
        }
    }
}

#[test]
fn what_a_plugin_logs_is_told_to_those_who_ask() {
    let plugins = Plugins::new();
    let library = fixture("waits_in_init", &[]);
    let library = fs::read(library).expect("it was just compiled");
    plugins.put("waits-in-init.so", &library);
    let demo = [
        "demo",
        "--plugin=waits-in-init",
        "--option=gate=/dev/zero",
        "--plugin-dir",
        plugins.path(),
    ];
    for (level, is_told) in [("info", true), ("warn", false)] {
        let output = handclasp(demo).env("HANDCLASP_LOG", level).output();
        let output = output.expect("the command runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let log = text(&output.stderr);
        let is_it =
            |line: &str| line.contains("waits-in-init") && line.contains("the gate is open");
        assert_eq!(log.lines().any(is_it), is_told, "{log}");
    }
}

#[test]
fn colours_are_for_terminals() {
    let commands: [&[&str]; 4] = [
        &["demo"],
        &["demo", "--plugin", "nothing"],
        &["plugins", "list"],
        &["plugins", "inspect", "none"],
    ];
    for command in commands {
        let mut command = handclasp(command);
        let output = command
            .env("TERM", "xterm")
            .output()
            .expect("the command runs");
        let printed = [output.stdout, output.stderr].concat();
        assert!(!printed.contains(&0x1b), "{}", text(&printed));
    }
}
