//! A standard output that takes nothing, or that nobody reads.
use crate::support::{handclasp, plugin, text};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn temporary() -> TempDir {
    tempfile::tempdir().expect("the temporary directory is writable")
}

/// Each command, so called that it has something to say. What they need is in this directory.
fn commands(directory: &Path) -> Vec<Command> {
    let trace = directory.join("trace");
    let recorded = handclasp(["demo", "--plugin", "none", "--trace"])
        .arg(&trace)
        .output();
    assert!(recorded.expect("the command runs").status.success());
    let all: [&[&str]; 17] = [
        &["plugins", "list"],
        &["plugins", "list", "--json"],
        &["plugins", "inspect", "none"],
        &["plugins", "inspect", "none", "--json"],
        &["check", "--only", "exports"],
        &["check", "--only", "exports", "--json"],
        &["demo", "--plugin", "none"],
        &["demo", "--plugin", "none", "--json"],
        &["stream", "--plugin", "none", "--address", "127.0.0.1"],
        &["new", "--lang", "c", "one", "--dir"],
        &["new", "--lang", "c", "other", "--json", "--dir"],
        &["trace"],
        &["trace", "--json"],
        &["trace", "--html=-"],
        &["trace", "--pcap=-"],
        &["--help"],
        &["demo", "--help"],
    ];
    let commands = all.into_iter().map(|arguments| {
        let mut command = handclasp(arguments);
        match arguments[0] {
            "check" => drop(command.arg(plugin("none"))),
            "new" => drop(command.arg(directory)),
            "trace" => drop(command.arg(&trace)),
            _ => {}
        }
        command
    });
    commands.collect()
}

#[test]
fn an_output_that_is_full_is_told_by_every_command() {
    let sentence =
        "error: standard output cannot be written: No space left on device (os error 28)\n";
    let directory = temporary();
    for mut command in commands(directory.path()) {
        let full = File::options().write(true).open("/dev/full");
        let output = command
            .stdout(full.expect("Linux has it"))
            .stdin(Stdio::null())
            .output()
            .expect("the command runs");
        assert_eq!(
            (output.status.code(), text(&output.stderr).as_str()),
            (Some(1), sentence),
            "{command:?}"
        );
    }
}

#[test]
fn a_reader_that_has_gone_away_has_seen_enough() {
    let directory = temporary();
    for mut command in commands(directory.path()) {
        let (reader, writer) = std::io::pipe().expect("there are files left");
        drop(reader);
        let output = command
            .stdout(writer)
            .stdin(Stdio::null())
            .output()
            .expect("the command runs");
        assert_eq!(
            (output.status.code(), text(&output.stderr).as_str()),
            (Some(0), ""),
            "{command:?}"
        );
    }
}
