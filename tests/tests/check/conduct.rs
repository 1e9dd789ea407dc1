//! What a plugin does with memory that it is lent, with the process it is in, with its time and with secrets.
use crate::command::check;
use crate::library::Compiled;
use handclasp_tests::{is_here, program};
use serde_json::Value;
use std::process::Command;

/// A plugin of `tests/fixtures/check`, the check that sees what it does, and words of what that says.
type Seen = (&'static str, &'static str, &'static str);

const FINDINGS: [Seen; 25] = [
    (
        "keeps_an_option",
        "lent-memory",
        "came back to an option's value",
    ),
    (
        "reads_past_an_option",
        "lent-memory",
        "beyond the bounds of an option's value, in init",
    ),
    ("keeps_a_datagram", "lent-memory", "came back to a datagram"),
    (
        "reads_past_a_datagram",
        "lent-memory",
        "beyond the bounds of a datagram, in recv_from_peer",
    ),
    (
        "writes_to_a_datagram",
        "lent-memory",
        "wrote to a datagram, which is lent for reading",
    ),
    (
        "keeps_init_data",
        "lent-memory",
        "came back to the peer's init data",
    ),
    (
        "keeps_the_call",
        "lent-memory",
        "came back to an hc_call of a call that was over, in connection_ready",
    ),
    (
        "reads_past_short_datagrams",
        "mutated",
        "beyond the bounds of a datagram",
    ),
    (
        "changes_directory",
        "process-settings",
        "the working directory",
    ),
    ("changes_umask", "process-settings", "the umask"),
    ("changes_locale", "process-settings", "the locale"),
    (
        "changes_environment",
        "process-settings",
        "the environment's GREETING_MODE",
    ),
    (
        "changes_limits",
        "process-settings",
        "the limit \"max open files\"",
    ),
    ("takes_sigterm", "signals", "a handler for SIGTERM"),
    (
        "blocks_signals",
        "signals",
        "which signals the host's thread blocks",
    ),
    ("sets_an_alarm", "signals", "an interval timer"),
    (
        "leaves_a_timer",
        "signals",
        "a timer (timer_create) is left",
    ),
    (
        "prints",
        "standard-streams",
        "to standard output: \"on my way",
    ),
    (
        "closes_standard_input",
        "standard-streams",
        "closed descriptor 0",
    ),
    (
        "leaves_descriptors",
        "leftovers",
        "30 descriptors behind, such as /dev/null",
    ),
    ("leaves_threads", "leftovers", "30 threads behind"),
    (
        "leaves_children",
        "leftovers",
        "which nobody has waited for",
    ),
    (
        "tells_its_secret",
        "secrets",
        "\"secret\" is in an error or a warning",
    ),
    (
        "logs_its_secret",
        "secrets",
        "in a line of its log, in hexadecimal",
    ),
    (
        "prints_its_keys",
        "secrets",
        "agreed on is on standard error, in base64",
    ),
];

const WARNINGS: [Seen; 3] = [
    ("takes_sigusr1", "signals", "a handler for signal 10"),
    (
        "complains",
        "standard-streams",
        "to standard error: \"on my way",
    ),
    ("works_on_datagrams", "call-times", "recv_from_peer (2"),
];

/// Checks each, and compares how its check ended, what that says, and with which code the command ends.
fn are_seen(seen: &[Seen], result: &str, code: i32) {
    let mut missed = Vec::new();
    for &(fixture, name, words) in seen {
        let library = Compiled::fixture(fixture, &["-pthread"]);
        let report = check(&library.path(), &["--only", name]);
        let rows = report.get("checks").as_array().expect("a list");
        let told: Vec<&Value> = rows.iter().filter(|row| !row["found"].is_null()).collect();
        let is_seen = matches!(told[..], [row] if row["name"] == name
            && row["result"] == result
            && row["found"].as_str().is_some_and(|found| found.contains(words)));
        if !is_seen || report.code != Some(code) {
            missed.push(format!("{fixture}, by {name} and {words:?}: {told:?}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn what_the_contract_forbids_is_found() {
    are_seen(&FINDINGS, "finding", 1);
}

#[test]
fn what_it_allows_and_nobody_wants_is_a_warning() {
    are_seen(&WARNINGS, "warning", 0);
}

#[test]
fn a_plugin_that_sleeps_is_found_out_early() {
    let library = Compiled::fixture("sleeps_on_datagrams", &[]);
    let report = check(&library.path(), &[]);
    let found = report.findings();
    let is_named =
        |(name, what): &(&str, &str)| *name == "call-times" && what.contains("recv_from_peer (2");
    assert!(found.iter().any(is_named), "{found:?}");
    for name in [
        "loss-30", "sizes", "random", "mutated", "memory", "parallel",
    ] {
        assert_eq!(report.result(name), "skipped", "{name}");
    }
}

#[test]
fn an_exception_is_named_with_the_call_that_let_it_out() {
    if !is_here("c++", "g++") {
        return;
    }
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/throws.cpp");
    let flags = ["-std=c++17", "-w"].map(str::to_owned);
    let library = Compiled::files("c++", &[source.into()], &flags);
    for function in ["load", "init", "set_peer", "connection_ready", "destroy"] {
        let output = Command::new(program())
            .args(["check", "--json", "--only", "handshake"])
            .arg(library.path())
            .env("THROWS_IN", function)
            .output()
            .expect("it was just built");
        let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        let rows = report["checks"].as_array().expect("a list");
        let found = rows.iter().find_map(|row| row["found"].as_str());
        let named = format!("it let an exception out, in {function}");
        assert!(
            found.is_some_and(|found| found.starts_with(&named)),
            "{found:?}"
        );
    }
}
