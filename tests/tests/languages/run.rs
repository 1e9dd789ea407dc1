//! What the plugins do: nothing a check finds, and a handshake with each other.
use crate::example::Example;
use handclasp_tests::{Lacking, cc, is_had, openssl_flags, program};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SECRET: &str = "psk=a-secret-for-this-demo";

/// The plugin's library, if this machine can build it.
fn library(example: Example) -> Option<PathBuf> {
    let library: Result<PathBuf, Lacking> = example.library();
    is_had(library.clone().map(drop))
        .then(|| library.ok())
        .flatten()
}

/// Without a finding or a warning.
fn is_clean(example: Example) {
    let Some(library) = library(example) else {
        return;
    };
    let output = Command::new(program())
        .args(["check", "--json"])
        .arg(&library)
        .output()
        .expect("the command runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(report["plugin"]["id"], example.id());
    let checks = report["checks"].as_array().expect("it is a list");
    let of = |result| checks.iter().filter(move |check| check["result"] == result);
    assert!(of("ok").count() > 30, "{report:#}");
    assert_eq!(of("finding").next(), None);
    assert_eq!(of("warning").next(), None);
}

#[test]
fn a_check_finds_nothing_in_the_plugin_in_go() {
    is_clean(Example::Go);
}

#[test]
fn a_check_finds_nothing_in_the_plugin_in_zig() {
    is_clean(Example::Zig);
}

fn demo(a: &Path, b: &Path, more: &[&str]) -> Output {
    let id = |library: &Path| library.file_stem().expect("it has one").to_owned();
    let directory = |library: &Path| library.parent().expect("it has one").to_owned();
    Command::new(program())
        .args(["demo", "--json", "--option", SECRET, "--plugin"])
        .arg(id(a))
        .arg("--peer-plugin")
        .arg(id(b))
        .arg("--plugin-dir")
        .arg(directory(a))
        .arg("--plugin-dir")
        .arg(directory(b))
        .args(more)
        .output()
        .expect("the command runs")
}

fn summary(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().expect("it says how it ended");
    serde_json::from_str(last).expect("it is JSON")
}

#[test]
fn each_shakes_hands_with_itself_and_with_the_other() {
    let here: Vec<_> = Example::ALL.into_iter().filter_map(library).collect();
    for a in &here {
        for b in &here {
            let output = demo(a, b, &["--components", "2"]);
            let summary = summary(&output);
            assert_eq!(
                (&summary["ok"], output.status.code()),
                (&true.into(), Some(0)),
                "{summary}"
            );
            assert_eq!(summary["datagrams_received"], 40);
        }
    }
}

#[test]
fn both_understand_what_new_writes_in_c() {
    let flags = openssl_flags();
    if !is_had(flags.clone().map(drop)) {
        return;
    }
    let flags = flags.unwrap_or_default();
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let template = include_str!("../../../host/cli/templates/c/plugin.c");
    let source = directory.path().join("plugin.c");
    std::fs::write(&source, template.replace("@NAME@", "psk-c")).expect("the directory is ours");
    let written = directory.path().join("psk-c.so");
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    cc(&source, &written, &flags);
    for library in Example::ALL.into_iter().filter_map(library) {
        for (a, b) in [(&library, &written), (&written, &library)] {
            let output = demo(a, b, &[]);
            assert_eq!(summary(&output)["ok"], true, "{}", summary(&output));
        }
    }
}

#[test]
fn neither_takes_a_peer_with_another_secret() {
    for library in Example::ALL.into_iter().filter_map(library) {
        let output = demo(
            &library,
            &library,
            &["--peer-option", "psk=another-secret-for-it"],
        );
        assert_eq!(output.status.code(), Some(1));
        let error = summary(&output)["error"].to_string();
        assert!(error.contains("the peer has another psk"), "{error}");
    }
}
