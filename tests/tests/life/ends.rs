//! Processes that end in the middle of calls of `init`.
use crate::life;
use handclasp_tests::{fixture, plugins, text};
use std::env;
use std::fs;
use std::path::Path;

/// How many processes of each kind, unless EXITS says another number.
const EXITS: usize = 8;
/// Calls that end one after the other, in the middle of which a process ends.
const STREAMS: &str = "8";

/// None of them is to end by a signal, or otherwise than well.
#[track_caller]
fn leave(ways: &[&str], plugin: &str, directory: &Path) {
    let count = env::var("EXITS").map_or(EXITS, |it| it.parse().expect("it is a number"));
    let directory = directory.to_str().expect("it has a plain name");
    for way in ways {
        for number in 0..count {
            let ms = (number * 3 % 32).to_string();
            let output = life(["leave", way, plugin, STREAMS, &ms, directory]);
            let (status, said) = (output.status, text(&output.stderr));
            assert!(status.success(), "{way} after {ms} ms: {status}\n{said}");
        }
    }
}

/// In a directory of its own.
fn loses_at_exit(defines: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let library = directory.path().join("loses-at-exit.so");
    fs::copy(fixture("loses_at_exit", defines), library).expect("it was just compiled");
    directory
}

#[test]
fn destructors_of_a_library_run_after_its_calls() {
    let directory = loses_at_exit(&[]);
    let ways = ["return", "exit", "thread", "drop"];
    leave(&ways, "loses-at-exit", directory.path());
}

#[test]
fn what_an_init_registers_for_the_end_runs_after_its_calls() {
    let directory = loses_at_exit(&["IN_INIT"]);
    let ways = ["return", "exit", "drop"];
    leave(&ways, "loses-at-exit", directory.path());
}

#[test]
fn a_process_ends_in_the_middle_of_handshakes_that_begin() {
    let ways = ["return", "exit", "thread", "drop"];
    leave(&ways, "dtls-srtp", &plugins());
}
