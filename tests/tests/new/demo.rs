//! Over real sockets, as a person runs it.
use crate::project::{Language, project};
use handclasp_tests::program;
use serde_json::Value;
use std::process::Command;

#[test]
fn the_printed_check_is_clean_and_the_printed_demo_finishes() {
    for language in Language::here() {
        let printed = project(language).follow(&["cd ", "handclasp check ", "handclasp demo "]);
        let clean = format!("{} 0.1.0 keeps the contract", language.plugin());
        assert!(printed.contains(&clean), "{printed}");
        assert!(printed.contains("both sides agree"), "{printed}");
        assert!(printed.contains("20 of 20 datagrams arrived"), "{printed}");
    }
}

#[test]
fn the_demo_gives_each_side_its_options() {
    let project = project(Language::Rust);
    let output = Command::new(program())
        .args(["demo", "--json", "--plugin-dir"])
        .arg(project.directory())
        .args(["--plugin", &project.language.plugin()])
        .args(["--option", "psk=one-secret-of-sixteen"])
        .args(["--peer-option", "psk=another-secret-of-sixteen"])
        .output()
        .expect("the command runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is an event"))
        .collect();
    let done = events.last().expect("the demo says how it ended");
    assert_eq!(
        (&done["event"], &done["ok"]),
        (&"demo_done".into(), &false.into())
    );
    let error = done["error"].as_str().expect("it says why");
    assert!(error.contains("the peer has another psk"), "{error}");
    assert!(
        events
            .iter()
            .all(|event| event["event"] != "handshake_data")
    );
}
